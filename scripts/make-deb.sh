#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Build the Debian packages into B/deb, with Debian's own tools, and let
# lintian look at them: a warning of it is a failure.
set -eu
cd "$(dirname "$0")/.."

B=${B:-build}
version=$(cat packaging/VERSION)
out=$B/deb
tree=$out/coffre-$version

written=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
if [ "$written" != "$version" ]; then
	echo "packaging/debian/changelog is of version $written," \
	    "packaging/VERSION of $version" >&2
	exit 1
fi

# Debian's tools want a folder debian/ at the top: in a copy there is one.
mkdir -p "$out"
rm -rf "$tree" "$out"/coffre*.deb "$out"/coffre*.changes \
    "$out"/coffre*.buildinfo
mkdir "$tree"
cp -R fs common tests scripts packaging Makefile README.md COPYING "$tree"
cp -R packaging/debian "$tree/debian"

log=$out/build.log
echo "  DEB     $out/"
if ! (cd "$tree" && DEB_BUILD_OPTIONS="parallel=$(nproc) noautodbgsym" \
    dpkg-buildpackage -b -us -uc) >"$log" 2>&1; then
	tail -n 30 "$log" >&2
	echo "whole log: $log" >&2
	exit 1
fi
rm -rf "$tree"
lintian --fail-on error,warning --allow-root "$out"/coffre_*.changes
ls "$out"/*.deb
