# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A line of fstab that a user may mount: the drive is in the sidebar before it
# is mounted, a click mounts it, and eject takes it away again.

ENTRY_NAME='Drive of fstab'

fstab_line() {
	on sh -c "echo '$NAME $MNT fuse.coffre user,noauto,nosuid,nodev,_netdev,x-gvfs-show,x-gvfs-name=Drive%20of%20fstab,x-gvfs-icon=folder-remote 0 0' >>/etc/fstab"
}
part_fstab() {
	local m where

	check "it is not mounted at login" coffre autostart disable "$NAME"
	ctl stop "coffre@$NAME.service"
	check "nor now" until_ok 20 fails is_served
	check "fstab has a line" fstab_line
	check "alice mounts it by its place alone" as mount "$MNT"
	check "the keyring unlocks it" until_ok 20 is_open
	check "and umounts it" as umount "$MNT"
	for m in $MANAGERS; do
		# Its list of FUSE file systems has not this one.
		[ "$m" != dolphin ] || continue
		fm_installed "$m" || { skip_one "$m" "not installed"; continue; }
		where=$HOME_IN
		# What is not mounted is not in its sidebar.
		[ "$m" != nautilus ] || where=other-locations:///
		check "$m is started" fm_open "$m" "$where" || continue
		check "$m shows '$ENTRY_NAME'" \
		    until_ok 30 fm_has "$m" "$ENTRY_NAME" ||
			as look.py "$(fm_program "$m")" dump | head -60
		sleep 1
		picture "$m-fstab"
		check "$m: a click on it" fm_click "$m" "$ENTRY_NAME"
		check "$m: it is mounted" until_ok 20 is_open
		sleep 1
		picture "$m-fstab-mounted"
		fm_close "$m"
		check "$m: it is unmounted" until_ok 20 as umount "$MNT"
	done
	on sed -i '/fuse.coffre/d' /etc/fstab
	check "it is to be mounted at login" coffre autostart enable "$NAME"
}
