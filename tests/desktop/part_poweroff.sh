# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# The machine is switched off in the middle of an upload: nothing is lost.

queued() {
	status .usage.queued_bytes
}
same_files() {
	as sh -c "cd '$MNT/upload' && sha256sum --quiet -c" <<<"$SUMS"
}
# The time that a login takes and then the drive, with its keys.
boot_again() {
	check "it boots again" machine_boot || return 1
	check "alice logs in again" session_start || return 1
	check "the keyring is unlocked" ring_login
	check "the drive is back" until_ok 30 is_open
}
part_poweroff() {
	local left

	set_conf up 2M
	check "it is mounted with a slow line" restart || return
	as sh -c "mkdir '$MNT/upload' && cd '$MNT/upload' &&
	    for i in \$(seq 30); do head -c 2000000 /dev/urandom >\$i; done"
	SUMS=$(as sh -c "cd '$MNT/upload' && sha256sum *")
	check "thirty files are written" [ "$(wc -l <<<"$SUMS")" -eq 30 ]
	until_ok 15 has_begun
	left=$(queued)
	say "$((left / 1000)) KB of 60000 KB are not uploaded yet"
	check "they are being uploaded" [ "$left" -gt 20000000 ]
	check "the machine is switched off" machine_poweroff
	boot_again || return
	left=$(queued)
	say "$((left / 1000)) KB were left to upload"
	check "no byte is lost" same_files
	set_conf up 0
	check "it is mounted with a quick line" restart
	check "the rest is uploaded" drive_sync
	check "all of it" [ "$(queued)" -eq 0 ]
	check "nothing is kept here" forget
	check "and no byte is lost on the store" same_files
	as rm -r "$MNT/upload"
}
has_begun() {
	[ "$(queued)" -lt 59000000 ]
}
