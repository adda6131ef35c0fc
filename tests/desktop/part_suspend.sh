# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sleep and shutdown as logind does them: it waits for the drive, and not in
# vain.  What a machine would do to sleep is a pause here.

POWER_STATE=/sys/power/state
PAUSE=/etc/systemd/system/systemd-suspend.service.d/pause.conf

# holds WHAT: the drive has logind wait for it.
holds() {
	on systemd-inhibit --list --no-legend --no-pager |
	    grep -qE "^Coffre +$UID_IN +alice .* $1 .* delay *\$"
}
logind_gave_up() {
	on journalctl -q -b -u systemd-logind | grep -q 'timeout is reached'
}
store_bytes() {
	on du -sb /srv/dav/data | cut -f1
}
can_sleep() {
	on sh -c "mount -o remount,rw /sys && mkdir -p ${POWER_STATE%/*} &&
	    echo freeze mem >$POWER_STATE &&
	    mkdir -p ${PAUSE%/*} &&
	    printf '[Service]\nExecStart=\nExecStart=sleep 5\n' >$PAUSE &&
	    systemctl daemon-reload" &&
	    [ "$(on busctl call org.freedesktop.login1 \
		/org/freedesktop/login1 org.freedesktop.login1.Manager \
		CanSuspend)" = 's "yes"' ]
}
sleeps() {
	on systemctl is-active -q sleep.target ||
	    [ "$(on systemctl show -p ActiveState --value \
		systemd-suspend.service)" = activating ]
}
suspended() {
	set_conf lock_at_suspend yes
	check "it is mounted to be locked at sleep" restart || return
	check "logind is to wait" until_ok 10 holds sleep
	as sh -c "echo kept >'$MNT/asleep.txt'"
	check "the machine is put to sleep" on systemctl suspend
	check "it sleeps" until_ok 10 sleeps
	check "the drive is locked" is_locked
	refuse "logind was not kept waiting too long" logind_gave_up
	check "it wakes up" until_ok 20 fails sleeps
	check "logind is to wait again" until_ok 10 holds sleep
	check "it is unlocked" coffre_pass unlock "$NAME"
	check "what was written is there" as grep -qx kept "$MNT/asleep.txt"
	set_conf lock_at_suspend no
}
part_suspend() {
	local n0 n

	check "logind is to wait before sleep" until_ok 10 holds sleep
	check "and before a shutdown" until_ok 10 holds shutdown
	if can_sleep; then
		suspended
	else
		skip_one "sleep" "logind cannot be had to sleep here"
	fi
	# Nothing goes up by itself, and none of it at the end.
	set_conf quiet 600
	set_conf drain 0
	check "it is mounted with a long quiet time" restart || return
	check "logind is to wait before a shutdown" until_ok 10 holds shutdown
	check "all is stored" drive_sync
	n0=$(store_bytes)
	check "a file is written" \
	    as sh -c "head -c 3000000 /dev/urandom >'$MNT/late'"
	check "which is not stored" [ "$(queued)" -ge 3000000 ]
	check "the machine is switched off" machine_poweroff
	check "it boots" machine_boot || return
	n=$(store_bytes)
	say "$((n - n0)) bytes came to the store before it was off"
	check "the file is on the store" [ $((n - n0)) -ge 3000000 ]
	check "alice logs in" session_start
	check "the keyring is unlocked" ring_login
	check "the drive is back" until_ok 30 is_open
	set_conf quiet 2
	set_conf drain 10
	check "it is mounted as before" restart
	as rm -f "$MNT/late" "$MNT/asleep.txt"
}
