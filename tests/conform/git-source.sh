#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Fetch git's source from Debian and build it for its tests, without touching
# the system's list of sources: git-source.sh WORK SRC
set -eu
work=$1 src=$2
keys=/usr/share/keyrings/debian-archive-keyring.gpg
. /etc/os-release

mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$src"
work=$(cd "$work" && pwd)
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' |
    grep -m 1 'debian\.org/debian' || echo http://deb.debian.org/debian)
echo "deb-src [signed-by=$keys] ${mirror%/} $VERSION_CODENAME main" \
    >"$work/sources.list"
cd "$work"
apt() {
	apt-get -qq -o APT::Sandbox::User=root \
	    -o Dir::Etc::sourcelist="$work/sources.list" \
	    -o Dir::Etc::sourceparts=/dev/null \
	    -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
	    "$@"
}
ls git_*.orig.tar.xz >/dev/null 2>&1 || {
	apt update
	apt source --download-only git
}
tar -xf git_*.orig.tar.xz -C "$src" --strip-components=1
make -s -C "$src" -j"$(nproc)" CFLAGS=-O1 NO_CURL=1 NO_EXPAT=1 NO_TCLTK=1 \
    NO_GETTEXT=1 NO_PYTHON=1 NO_GITWEB=1 all
