# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A crash of the daemon heals, also with a shell inside.

crash_back() {
	[ "$(daemon_pid)" != "$1" ] && is_open &&
	    as cat "$MNT/crash/file" >/dev/null 2>&1
}
# In three seconds; says how long it took.
crash_once() {
	local what=$1 pid t0 ms

	pid=$(daemon_pid)
	check "a daemon runs, $what" [ "${pid:-0}" -gt 0 ] || return
	t0=$(now_ms)
	on kill -9 "$pid"
	check "it comes back, $what" until_ok 20 crash_back "$pid"
	ms=$(($(now_ms) - t0))
	say "healed after $ms ms, $what"
	check "within three seconds, $what" [ "$ms" -le 3000 ]
}
part_crash() {
	as mkdir -p "$MNT/crash"
	check "a file is there" as sh -c "echo safe >$MNT/crash/file"
	crash_once "nobody inside"
	as systemd-run --user -q --collect --unit=inside \
	    --working-directory="$MNT/crash" sleep 600
	check "a shell is inside" until_ok 10 ctl is-active -q inside
	crash_once "a shell inside"
	check "the home folder can be listed" as ls -l "$HOME_IN"
	check "what was written is there" as grep -qx safe "$MNT/crash/file"
	ctl stop inside
}
