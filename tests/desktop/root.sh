#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A Debian for the tests of the desktop, as a folder:
#
#	root.sh DIR GROUP...
#
# DIR is made by debootstrap if it is not there; of each GROUP the packages
# are put in once.  The last line is that of what failed, if something did.
set -eu
dir=$1
shift
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=bookworm

base='systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,ca-certificates'
# shellcheck disable=SC2034
{
group_drive='fuse3 libcurl4 libexpat1 libfuse3-3 libjansson4 libsecret-1-0 libsqlite3-0
libssh-4 libssl3 ca-certificates'
group_session='xvfb openbox xdotool imagemagick x11-utils at-spi2-core
python3 python3-gi gir1.2-atspi-2.0 gvfs gvfs-daemons udisks2 polkitd
libglib2.0-bin gnome-keyring openssl
apache2-bin apache2-utils curl jq psmisc procps nftables iproute2
adwaita-icon-theme hicolor-icon-theme fonts-dejavu-core shared-mime-info
libgdk-pixbuf2.0-bin desktop-file-utils'
group_thunar='thunar tumbler'
group_pcmanfm='pcmanfm libgail-common libatk-adaptor'
group_caja='caja'
group_nemo='nemo'
group_nautilus='nautilus'
group_dolphin='dolphin kio-extras breeze-icon-theme'
group_editors='vim gedit'
group_windows='zenity kdialog xdg-utils'
group_office='libreoffice-writer-nogui python3-uno'
group_notices='dunst'
}

log=$dir.log
mkdir -p "$(dirname "$dir")"
exec 3>&1 >>"$log" 2>&1
trap '[ $? -eq 0 ] || { tail -n 3 "$log"; echo "whole log: $log"; } >&3' EXIT

# Under another name until it is whole.
if [ ! -d "$dir" ]; then
	echo "  ROOT    $dir" >&3
	rm -rf --one-file-system "$dir.new"
	debootstrap --variant=minbase --include="$base" "$suite" "$dir.new" \
	    "$mirror"
	# Nothing is started while packages are put in.
	printf '#!/bin/sh\nexit 101\n' >"$dir.new/usr/sbin/policy-rc.d"
	chmod 755 "$dir.new/usr/sbin/policy-rc.d"
	# Nor need it survive a power cut.
	echo force-unsafe-io >"$dir.new/etc/dpkg/dpkg.cfg.d/unsafe"
	mv "$dir.new" "$dir"
fi

inside() {
	systemd-nspawn -q -D "$dir" --register=no --keep-unit --console=pipe \
	    --setenv=DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}
apt() {
	inside apt-get -qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 "$@"
}

stamps=$dir/var/lib/coffre-desktop
mkdir -p "$stamps"
for g in "$@"; do
	list=group_$g
	echo "${!list}" | cmp -s - "$stamps/$g" && continue
	echo "  ROOT    $g" >&3
	[ -n "${updated:-}" ] || apt update
	updated=1
	# Word splitting is meant: one package a word.
	# shellcheck disable=SC2086
	apt install -y --no-install-recommends ${!list}
	echo "${!list}" >"$stamps/$g"
	apt clean
done
