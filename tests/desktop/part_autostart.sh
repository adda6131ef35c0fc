# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A session where no service manager of the user's is: the autostart of the
# desktop mounts the drive, a crash heals, and logging out does not end it.

NONE=/run/systemd/system/user@$UID_IN.service.d/none.conf
START_ENTRY=$HOME_IN/.config/autostart/coffre-$NAME.desktop

# Only what makes and keeps the user's folder in /run.
manager_away() {
	on sh -c "mkdir -p ${NONE%/*} && printf '[Service]\nType=simple\n%s\n%s\n' \
	    ExecStart= 'ExecStart=sleep infinity' >$NONE &&
	    systemctl daemon-reload"
}
manager_back() {
	on sh -c "rm -r ${NONE%/*} && systemctl daemon-reload"
}
display_is_up() {
	as xdotool getmouselocation >/dev/null 2>&1
}
bare_start() {
	on systemctl start desktop.service && until_ok 60 display_is_up
}
desktop_is_over() {
	! on pgrep -u alice -x Xvfb
}
bare_end() {
	on systemctl stop desktop.service
	until_ok 30 desktop_is_over
}
served_by_another() {
	is_served && [ "$(status .pid)" != "$1" ]
}
part_autostart() {
	local pid

	check "the unit is not to mount it" coffre autostart disable "$NAME"
	check "it is unmounted" coffre unmount "$NAME"
	check "the session ends" session_end
	check "there is to be no service manager" manager_away
	check "alice logs in" bare_start
	refuse "there is none" ctl is-active -q default.target
	check "it is to be mounted at login" coffre autostart enable "$NAME"
	check "by the desktop" as test -s "$START_ENTRY"
	refuse "it is not mounted yet" is_served
	check "she logs out" bare_end
	check "and in" bare_start
	check "the drive is mounted" until_ok 20 is_served
	check "it is locked, as nothing unlocks it" is_locked
	check "a passphrase unlocks it" coffre_pass unlock "$NAME"
	check "a file is written" as sh -c "echo hello >'$MNT/bare.txt'"
	pid=$(status .pid)
	check "the daemon is killed" on kill -9 "$pid"
	check "it comes back" until_ok 20 served_by_another "$pid"
	check "a passphrase unlocks it" coffre_pass unlock "$NAME"
	check "the file is there" as grep -qx hello "$MNT/bare.txt"
	pid=$(status .pid)
	check "she logs out again" bare_end
	check "the drive is not cut off" as grep -qx hello "$MNT/bare.txt"
	check "she logs in" bare_start
	check "the same daemon serves" [ "$(status .pid)" = "$pid" ]
	as rm "$MNT/bare.txt"
	check "its upload ends" drive_sync
	check "it is unmounted" coffre unmount "$NAME"
	refuse "nothing brings it back" until_ok 3 is_served
	check "she logs out for good" session_end
	check "the service manager is back" manager_back
	check "alice logs in with it" session_start
	check "the keyring is unlocked" ring_login
	check "it is mounted at login by the unit" \
	    coffre autostart enable "$NAME"
	refuse "and by nothing else" as test -e "$START_ENTRY"
	check "it is mounted now" coffre autostart run "$NAME"
	check "and open" until_ok 20 is_open
}
