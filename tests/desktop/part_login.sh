# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Boot, login, and the drive is there.

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
}
