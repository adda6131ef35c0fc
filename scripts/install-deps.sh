#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Install the Debian packages that building and testing need.  Only what is
# missing is installed; with nothing missing, no package tool runs at all.
# No server that comes along is started by that.
#
#	install-deps.sh			what `make` and `make test` need
#	install-deps.sh --build		what `make` alone needs
#	install-deps.sh --check		also what `make check` and fuzzing need
#	install-deps.sh --bench		also the peers that `make bench` measures
#	install-deps.sh --conform	also what `make conform` runs
#	install-deps.sh --deb		also what builds and tests packages
#	install-deps.sh --desktop	also what boots a desktop in a container
#	install-deps.sh --stores	also the servers of `make test-stores`
#	install-deps.sh --peers		also the peers of `make bench-stores`
set -eu

build='gcc make pkg-config gettext libc6-dev libfuse3-dev fuse3 libcurl4-openssl-dev
libssl-dev libssh-dev libsqlite3-dev libexpat1-dev libjansson-dev uthash-dev'
tests='check apache2-bin apache2-utils lighttpd lighttpd-mod-webdav curl
openssh-server openssh-client nginx libnginx-mod-http-dav-ext php-cli
php-sabre-dav php-xml php-mbstring rclone
swift-proxy swift-account swift-container swift-object python3-swift memcached
gnome-keyring dbus libglib2.0-dev libsecret-1-dev pinentry-tty
libgdk-pixbuf2.0-bin strace pinentry-curses
python3 zsh sqlite3 rsync git acl attr util-linux iproute2 procps psmisc openssl jq'
check='clang libclang-rt-dev clang-tidy llvm cppcheck shellcheck man-db'
bench='gocryptfs davfs2 jq curl'
peers='s3fs'
stores='radosgw ceph-mon ceph-osd ceph-common uuid-runtime python3-keystone
python3-keystonemiddleware'
deb='debhelper lintian libgtk-4-dev libnautilus-extension-dev
libcaja-extension-dev libnemo-extension-dev debootstrap
desktop-file-utils appstream rpm'
desktop='systemd-container debootstrap jq'
conform='fio dbench bonnie++ stress-ng libpython3.11-testsuite zlib1g-dev
perl dpkg-dev'

want="$build $tests"
for a in "$@"; do
	case $a in
	--build) want=$build ;;
	--check) want="$want $check" ;;
	--bench) want="$want $bench" ;;
	--conform) want="$want $conform" ;;
	--deb) want="$want $deb" ;;
	--desktop) want="$want $desktop" ;;
	--stores) want="$want $stores" ;;
	--peers) want="$want $peers" ;;
	*) echo "usage: $0 [--build] [--check] [--bench]" \
	    "[--conform] [--deb] [--desktop] [--stores] [--peers]" >&2; exit 64 ;;
	esac
done

if ! command -v dpkg-query >/dev/null; then
	echo "This is not Debian or a relative of it.  Please install what" \
	    "corresponds to:" >&2
	echo "$want" | fmt -w 72 >&2
	exit 1
fi

missing=
for p in $want; do
	s=$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null || :)
	[ "$s" = installed ] || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

asroot=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "These packages are missing; please install them as" \
		    "root:" >&2
		echo "    apt-get install$missing" >&2
		exit 1
	fi
	asroot=sudo
fi

echo "installing:$missing"
# What sudo would drop.
vars=(DEBIAN_FRONTEND=noninteractive)
for v in http_proxy https_proxy no_proxy; do
	[ -z "${!v:-}" ] || vars+=("$v=${!v}")
done
apt() {
	$asroot env "${vars[@]}" apt-get -qq \
	    -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 \
	    -o DPkg::Lock::Timeout=600 "$@"
}

# Tests start the servers that they want, with files of their own: Debian is
# asked to start none.  What runs already may be restarted; what stands in
# brackets is against the runlevel.
policy=/usr/sbin/policy-rc.d
servers_kept_off() {
	[ ! -e "$policy" ] || return 0
	trap '$asroot rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM HUP
	printf '%s\n' '#!/bin/sh' \
	    'case "$*" in *" start"*|*"("*) exit 101 ;; esac' |
	    $asroot tee "$policy" >/dev/null
	$asroot chmod 755 "$policy"
}

# An old list of packages names files that are gone, so it is renewed first.
apt update
servers_kept_off
# Word splitting is meant: one package a word.
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing >/dev/null
