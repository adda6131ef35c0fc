#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The drive on a desktop: a Debian that boots in a container with systemd and
# logind, the packages of B/deb in it, a user who logs in, file managers.
#
#	B=build tests/desktop/run.sh [PART...]
#
# DESKTOP_ROOT	where the Debian is kept for the next run (B/desktop/root)
# MANAGERS	which file managers (all of them)
# PHOTOS	how many photos a folder has (1000, of 430 KB)
# KEEP		leave the container's files for a look
#
# Pictures of the windows are left in B/desktop.  Needs root: without it, or
# where no container can be booted, the parts are skipped, with the reason.
# The last line is "N passed, N failed" and ", N skipped" if there are any.
set -u
cd "$(dirname "$0")/../.." || exit 1

B=${B:-build}
D=$PWD/tests/desktop
mkdir -p "$B"
ABS_B=$(cd "$B" && pwd)
SHOTS=$ABS_B/desktop
ROOT=${DESKTOP_ROOT:-$SHOTS/root}
MANAGERS=${MANAGERS-thunar pcmanfm caja nemo nautilus dolphin}
PHOTOS=${PHOTOS:-1000}
GROUPS_WANTED="$MANAGERS editors office windows notices"
ALL='login autostart sidebar emblems eject fstab windows crash suspend
poweroff keyring editors blackhole seeds photos'
PART=rig
T=

# shellcheck source=tests/desktop/lib.sh
. "$D/lib.sh"
# shellcheck source=tests/desktop/drive.sh
. "$D/drive.sh"
for p in $ALL; do
	# shellcheck source=/dev/null
	[ ! -e "$D/part_$p.sh" ] || . "$D/part_$p.sh"
done
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $ALL
for p in "$@"; do
	[ -e "$D/part_$p.sh" ] || { echo "$0: no part '$p'" >&2; exit 64; }
done

cleanup() {
	trap '' INT TERM HUP
	machine_kill
	[ -n "$T" ] || return
	umount "$T/root" 2>/dev/null || umount -l "$T/root" 2>/dev/null
	[ -n "${KEEP:-}" ] && say "kept: $T" && return
	rm -rf --one-file-system "$T"
}
none() {
	for PART in "$@"; do
		skip_one "all of it" "$why"
	done
	count
	exit
}

mkdir -p "$SHOTS"
why=
[ "$(id -u)" -eq 0 ] || why='needs root'
for p in systemd-nspawn debootstrap nsenter jq; do
	[ -n "$why" ] || command -v $p >/dev/null || why="$p is missing"
done
[ -n "$why" ] || [ -e /dev/fuse ] || why='there is no /dev/fuse'
[ -n "$why" ] || ls "$ABS_B"/deb/coffre_*.deb >/dev/null 2>&1 ||
	why='no packages are built (make deb)'
[ -z "$why" ] || none "$@"

# Of runs that were killed outright.
for p in "$SHOTS"/run.*; do
	[ -d "$p" ] || continue
	kill -0 "${p##*.}" 2>/dev/null && continue
	umount -l "$p/root" 2>/dev/null
	rm -rf --one-file-system "$p"
done
T=$SHOTS/run.$$
mkdir "$T"
trap cleanup EXIT
trap 'exit 143' TERM INT HUP

check "a Debian with desktop programs is there" root_make || { count; exit 1; }
if ! root_layer; then
	why='no overlay can be mounted here'
	none "$@"
fi
check "the packages are installed in a copy of it" root_fill ||
	{ count; exit 1; }
if ! machine_boot; then
	tail -n 5 "$T/console.log"
	why='no container boots here'
	none "$@"
fi
begin
for p in "$@"; do
	PART=$p
	t0=$SECONDS
	[ "$p" = login ] || drive_here || continue
	"part_$p"
	say "$p: $((SECONDS - t0)) s"
done
PART=rig
check "the machine is switched off in good order" machine_poweroff
count
