#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The packages in B/deb: what is in them, what they need, and that they go on
# a clean Debian and off it again without a trace.  The clean system is made
# once, by debootstrap, in B/deb/clean; each run works on an overlay of it.
set -u
export LC_ALL=C.UTF-8
unset LANGUAGE
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/package/lib.sh
. tests/package/lib.sh

B=${B:-build}
D=$PWD/$B/deb
[[ $B != /* ]] || D=$B/deb
VERSION=$(cat packaging/VERSION)
ARCH=$(dpkg --print-architecture)
PARTS='nautilus caja nemo'
T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-deb.XXXXXX")

cleanup() {
	umount "$T/root/proc" "$T/root/dev/null" 2>/dev/null
	umount "$T/root" 2>/dev/null
	umount "$T/over" 2>/dev/null
	rm -rf --one-file-system "$T"
}
trap cleanup EXIT

deb() {
	echo "$D/${1}_${VERSION}_$ARCH.deb"
}
needs() {
	dpkg-deb -f "$(deb "$1")" Depends | tr ',' '\n' |
	    sed 's/^ *//; s/ .*//' | grep -qx "$2"
}
files() {
	dpkg-deb -c "$(deb "$1")" | awk '{ print substr($6, 2) }' |
	    grep -v '/$' | sed 's/\.gz$//' | grep -v '^/usr/share/doc/' | sort
}

# ---- what they are -------------------------------------------------------

installed_by_make() {
	make -s DESTDIR="$T/made" PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions \
	    B="$B" -o "$B/coffre" -o "$B/coffre-keyring" \
	    -o "$B/coffre-desktop" -o "$B/.flags" -o all install >/dev/null &&
	    (cd "$T/made" && find . ! -type d | sed 's/^.//' | sort) >"$T/list"
}
check "make install works" installed_by_make
check "the package has what make install installs" \
    diff <(files coffre) "$T/list"
for l in libc6 libfuse3-3 libcurl4 libssl3 libsqlite3-0 libssh-4 libexpat1 \
    libjansson4 fuse3; do
	check "coffre needs $l" needs coffre "$l"
done
check "what is for the keyring is wanted, not needed" fails needs coffre \
    libsecret-1-0
recommends() {
	dpkg-deb -f "$(deb coffre)" Recommends | grep -q "$1"
}
check "that is recommended" recommends 'libsecret-1-0'
suggests() {
	dpkg-deb -f "$(deb coffre)" Suggests | grep -q "$1"
}
for m in $PARTS; do
	check "coffre-$m has one extension" \
	    [ "$(files "coffre-$m" | grep -c '\.so$')" -eq 1 ]
	check "coffre-$m needs coffre" needs "coffre-$m" coffre
	check "which suggests it" suggests "coffre-$m"
done

# ---- on and off a clean system -------------------------------------------

if [ "$(id -u)" -ne 0 ]; then
	echo "not root: packages are not installed anywhere"
	finish
fi

# Under another name until it is whole.
clean_make() {
	[ -d "$D/clean" ] && return
	rm -rf --one-file-system "$D/clean.new"
	debootstrap --variant=minbase "$(. /etc/os-release &&
	    echo "$VERSION_CODENAME")" "$D/clean.new" \
	    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" \
	    >"$D/debootstrap.log" 2>&1 && mv "$D/clean.new" "$D/clean"
}
inside() {
	DEBIAN_FRONTEND=noninteractive chroot "$T/root" "$@"
}
# All files; not what package tools note for themselves.
list() {
	(cd "$T/root" && find . -xdev \( -path ./var/lib/dpkg -o \
	    -path ./var/lib/apt -o -path ./var/cache -o -path ./var/log -o \
	    -path ./tmp -o -path ./proc \) -prune -o -printf '%p %y %m\n') |
	    sort
}
root_mount() {
	mkdir -p "$T/over" "$T/root"
	mount -t tmpfs tmpfs "$T/over" && mkdir "$T/over/up" "$T/over/work" &&
	    mount -t overlay overlay -o \
	    "lowerdir=$D/clean,upperdir=$T/over/up,workdir=$T/over/work" \
	    "$T/root" && mount -t proc proc "$T/root/proc"
}
# What the packages need, but not they themselves.
needs_install() {
	cp /etc/resolv.conf "$T/root/etc/" 2>/dev/null
	mkdir "$T/root/tmp/debs" && cp "$D"/*.deb "$T/root/tmp/debs/" &&
	    inside apt-get -qq update >/dev/null || return 1
	inside sh -c 'apt-get install -s --no-install-recommends \
	    /tmp/debs/*.deb | awk "/^Inst/ { print \$2 }" |
	    grep -v "^coffre" | xargs apt-get install -y -qq \
	    --no-install-recommends' >"$T/apt.log" 2>&1 && return
	tail "$T/apt.log"
	return 1
}

check "a clean system is made" clean_make
check "and an overlay of it" root_mount
check "what the packages need is there" needs_install
[ "$failed" -eq 0 ] || finish
list >"$T/before"
check "they are installed, and nothing is missing" \
    inside sh -c 'dpkg -i /tmp/debs/*.deb >/dev/null'
check "the program runs" inside coffre version
check "setup there asks for a terminal" \
    [ "$(inside setsid coffre setup 2>&1 </dev/null | grep -c terminal)" -eq 1 ]
check "something was added" fails diff -q "$T/before" <(list) >/dev/null
check "the presets are found" inside sh -c 'coffre store presets >/dev/null'
for m in $PARTS; do
	check "all that the extension of $m links with is there" \
	    inside sh -c "! ldd \$(dpkg -L coffre-$m | grep '\.so\$') |
	    grep 'not found'"
done
check "they are removed" inside sh -c \
    'dpkg --purge coffre-nautilus coffre-caja coffre-nemo coffre >/dev/null'
list >"$T/after"
check "and nothing is left" diff "$T/before" "$T/after"
finish
