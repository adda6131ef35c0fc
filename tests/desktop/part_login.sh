# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Boot, login, and the drive is there; with lingering at boot.

login_lists() {
	as volumes.py | tee /dev/stderr |
	    grep -q "^$TITLE	\. GThemedIcon folder-remote .*	$MNT	True\$"
}
part_login() {
	local t0

	check "the session ends" session_end
	check "the machine is switched off" machine_poweroff
	check "it boots" machine_boot || return
	t0=$(now_ms)
	check "alice logs in" session_start || return
	check "coffre@$NAME.service runs" until_ok 10 is_active
	check "the drive is mounted" until_ok 10 is_served
	say "mounted $(($(now_ms) - t0)) ms after the login began"
	check "it is locked, as the keyring is" is_locked
	check "the keyring is unlocked" ring_login
	t0=$(now_ms)
	check "and so is the drive, by itself" until_ok 20 is_open
	say "unlocked $(($(now_ms) - t0)) ms after the keyring"
	check "the desktop lists it by its name, with an icon" login_lists
	check "a file is written" as sh -c "echo hello >$MNT/hello.txt"
	check "it is ejected as by a click" as gio mount -u "$MNT"
	check "and gone" until_ok 20 fails is_served
	refuse "the service does not bring it back" until_ok 3 is_served
	check "it is mounted again" coffre autostart run "$NAME"
	check "and is there" until_ok 20 is_open
	check "with the file" as grep -qx hello "$MNT/hello.txt"
	check "its upload ends" drive_sync
	login_lingers
}
is_logged_in() {
	on loginctl --no-legend list-sessions | grep -q alice
}
login_lingers() {
	local pid

	check "alice is to have her services without a login" \
	    on loginctl enable-linger alice
	check "the machine is switched off" machine_poweroff
	check "it boots" machine_boot || return
	check "the drive is mounted" until_ok 30 is_served
	refuse "and nobody is logged in" is_logged_in
	check "it is locked" is_locked
	pid=$(daemon_pid)
	check "alice logs in" session_start
	check "she is logged in" is_logged_in
	check "the keyring is unlocked" ring_login
	check "and so is the drive" until_ok 20 is_open
	check "it is the same mount" [ "$(daemon_pid)" = "$pid" ]
	check "its file is there" as grep -qx hello "$MNT/hello.txt"
	check "she logs out" on systemctl stop desktop.service
	check "that is so" until_ok 20 fails is_logged_in
	refuse "the drive stays" until_ok 3 fails is_served
	on loginctl disable-linger alice
	check "without lingering it goes" until_ok 90 session_over
	check "alice logs in again" session_start
	check "the keyring is unlocked again" ring_login
}
