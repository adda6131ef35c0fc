#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The RPM spec: that rpm can read it, and that it agrees with the tree.
#
#	rpm.sh		without building
#	rpm.sh build	the packages are built, and what is in them is compared
#			with what "make install" puts there
set -u
export LC_ALL=C.UTF-8
cd "$(dirname "$0")/../.." || exit 1

B=${B:-build}
SPEC=packaging/coffre.spec
VERSION=$(cat packaging/VERSION)
PARTS=(nautilus caja nemo)
passed=0
failed=0
if ! command -v rpmspec >/dev/null; then
	echo "SKIP: rpmspec is not installed"
	exit 77
fi
T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-rpm.XXXXXX")
trap 'rm -rf "$T"' EXIT

check() {
	local what=$1
	shift
	if "$@"; then
		echo "ok - $what"
		passed=$((passed + 1))
	else
		echo "not ok - $what ($*)"
		failed=$((failed + 1))
	fi
}
finish() {
	echo "$passed passed, $failed failed"
	echo "Checks: $((passed + failed)), Failures: $failed, Errors: 0"
	[ "$failed" -eq 0 ]
	exit
}

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
	check "it wants $p for building" grep -qxF "pkgconfig($p)" <(needs)
done
[ "${1:-}" = build ] || finish

# ---- what is built --------------------------------------------------------

# As "make install" and its like put it; only here the extensions, too.
libdir=$(pkg-config --variable=libdir libnautilus-extension-4)
source_make() {
	local d=coffre-$VERSION
	mkdir -p "$T/SOURCES" "$T/$d" &&
	    cp -R fs common tests scripts packaging Makefile README.md COPYING \
		"$T/$d" &&
	    tar -C "$T" -czf "$T/SOURCES/$d.tar.gz" "$d" && rm -rf "${T:?}/$d"
}
# What it needs comes from Debian's packages, of which rpm knows nothing.
build() {
	rpmbuild -bb --nodeps --define "_topdir $T" \
	    --define "_libdir $libdir" --define 'debug_package %{nil}' \
	    "$SPEC" >"$T/build.log" 2>&1 && return
	tail -n 20 "$T/build.log"
	return 1
}
files() {
	rpm -qpl "$T"/RPMS/*/"$1-$VERSION"-*.rpm 2>/dev/null |
	    grep -v '^/usr/share/\(doc\|licenses\)/' | sed 's/\.gz$//' | sort
}
installed_by_make() {
	make -s DESTDIR="$T/made" PREFIX=/usr B="$B" -o "$B/coffre" -o all \
	    install >/dev/null &&
	    (cd "$T/made" && find . ! -type d | sed 's/^.//' | sort) >"$T/list"
}
if ! command -v rpmbuild >/dev/null; then
	echo "SKIP: rpmbuild is not installed"
	exit 77
fi
check "its source is packed" source_make
check "the packages are built" build
[ "$failed" -eq 0 ] || finish
check "make install works" installed_by_make
check "the package has what make install installs" \
    diff <(files coffre) "$T/list"
for m in "${PARTS[@]}"; do
	check "coffre-$m has one extension" \
	    [ "$(files "coffre-$m" | grep -c '\.so$')" -eq 1 ]
done
finish
