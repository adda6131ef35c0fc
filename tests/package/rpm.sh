#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The RPM spec: that rpm can read it, and that it agrees with the tree.  It is
# not built here.
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/package/lib.sh
. tests/package/lib.sh

SPEC=packaging/coffre.spec
VERSION=$(cat packaging/VERSION)
PARTS=(nautilus caja nemo)
if ! command -v rpmspec >/dev/null; then
	echo "SKIP: rpmspec is not installed"
	exit 77
fi
T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-rpm.XXXXXX")
trap 'rm -rf "$T"' EXIT

# ---- what it says ---------------------------------------------------------

parses() {
	rpmspec -P "$SPEC" >"$T/spec" 2>"$T/err" || { cat "$T/err"; return 1; }
	! grep -iE 'warning|error' "$T/err"
}
# A macro that this rpm does not know stays in the text.
no_macro_left() {
	! grep -vE '^ *#' "$T/spec" | grep -E '%\{[a-z_?]+\}'
}
asked() {
	rpmspec -q --qf "$1" "$SPEC" 2>/dev/null
}
needs() {
	rpmspec -q --buildrequires "$SPEC" 2>/dev/null
}
check "rpm reads it" parses
check "and knows all its macros" no_macro_left
check "it is of the tree's version" \
    [ "$(asked '%{VERSION}\n' | sort -u)" = "$VERSION" ]
check "there is a package of each file manager" \
    diff <(asked '%{NAME}\n' | grep -v debug | sort) \
    <(printf '%s\n' coffre "${PARTS[@]/#/coffre-}" | sort)
libs=$(sed -n 's/^PKGS *:= *//p' Makefile)
ext=$(sed -n 's/^ext_[a-z]* *:= *//p' packaging/package.mk)
# What others bring along with them.
for p in $libs ${ext//gmodule-2.0/} libsecret-1 gio-unix-2.0; do
	check "it wants $p for building" grep -qxF "pkgconfig($p)" \
	    <(needs | sed 's/ .*//')
done
while read -r p version; do
	check "it wants $p $version, as the makefile does" \
	    grep -qxF "pkgconfig($p) $version" <(needs)
done < <(sed -n '/^OLDEST/p' Makefile | grep -o "'[^']*'" | tr -d "'")
finish
