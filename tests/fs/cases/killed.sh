#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The daemon is killed in the middle of work, again and again: what had
# returned is there.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin
cd "$T" || exit 1

# Write files until the mount is gone; each that was closed goes in the log.
writer() {
	local i=0
	while :; do
		i=$((i + 1))
		head -c $((i * 7919 % 300000)) /dev/zero |
		    tr '\0' "\\$((i % 8 + 60))" >"$M/w$1-$i.tmp" || return 0
		mv "$M/w$1-$i.tmp" "$M/w$1-$i" || return 0
		echo "w$1-$i $((i * 7919 % 300000)) $((i % 8 + 60))" \
		    >>"$T/done.$1"
	done
}
all_there() {
	local f n c
	cat "$T"/done.* >"$T/done" || return 1
	[ -s "$T/done" ] || return 1
	while read -r f n c; do
		head -c "$n" /dev/zero | tr '\0' "\\$c" |
		    cmp -s - "$M/$f" || { echo "lost: $f"; return 1; }
	done <"$T/done"
	say "$(wc -l <"$T/done") files checked"
}

for round in 1 2 3; do
	(writer "$round-a" 2>/dev/null) &
	a=$!
	(writer "$round-b" 2>/dev/null) &
	b=$!
	sleep "$round.$((RANDOM % 10))"
	drive_kill
	wait "$a" "$b"
	need "round $round: it is mounted again" drive_mount
	check "round $round: all that was written is there" all_there
	need "round $round: it is unmounted" drive_unmount
	check "round $round: fsck finds nothing" drive_fsck
	need "round $round: it is mounted once more" drive_mount
done
check "all of it reaches the store" drive_sync
need "it is unmounted" drive_unmount
check "nothing there refers to what is not there" drive_fsck --remote
need "it is mounted again" drive_mount

fs_end
