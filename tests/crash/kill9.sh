#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kill -9 of the daemon at random moments under a mixed load, CRASH_RUNS times
# (8): each time fsck finds nothing and all that had returned is there.  In
# the end the store alone gives the same tree back.
. "$(dirname "$0")/../fs/lib.sh"
is_plain && skip "is about the daemon, not about POSIX"
runs=${CRASH_RUNS:-8}
seed=${CRASH_SEED:-$RANDOM}
LOAD=$B/tests/crash/load
WORKERS=3
say "seed $seed"
RANDOM=$seed
fs_begin
cd "$T" || exit 1

checked() {
	local w n total=0
	for w in $(seq "$WORKERS"); do
		n=$("$LOAD" check "$M/$1-$w" "$T/log.$1-$w" "$((seed * 100000 +
		    $1 * 10 + w))") || { echo "$n"; return 1; }
		# Above the count it may say what the first look found.
		total=$((total + ${n##*$'\n'}))
	done
	say "round $1: $total steps"
	steps=$((steps + total))
}
drive_fsck_remote() {
	drive_unmount && drive_fsck --remote && drive_mount
}

steps=0
for round in $(seq "$runs"); do
	pids=()
	for w in $(seq "$WORKERS"); do
		mkdir "$M/$round-$w"
		"$LOAD" run "$M/$round-$w" "$T/log.$round-$w" \
		    "$((seed * 100000 + round * 10 + w))" \
		    "$T/killed.$round" &
		pids+=("$!")
	done
	# What is old goes, so that the drive does not grow with the rounds.
	[ "$round" -lt 3 ] || rm -rf "$M/$((round - 2))-"* &
	pids+=("$!")
	sleep "$((RANDOM % 3)).$((RANDOM % 100))"
	: >"$T/killed.$round"
	drive_kill
	for p in "${pids[@]::WORKERS}"; do
		check "round $round: the load met no error before" wait "$p"
	done
	wait "${pids[WORKERS]}"
	check "round $round: fsck finds nothing" drive_fsck
	need "round $round: it is mounted again" drive_mount
	check "round $round: all that had returned is there" \
	    checked "$round"
	# Uploads are killed at any time too; now and then they come to an end.
	[ $((round % 25)) -ne 0 ] || {
		check "round $round: all of it reaches the store" \
		    drive_sync 300
		check "round $round: nor does fsck there" drive_fsck_remote
	}
done
check "some steps were checked" test "$steps" -gt "$runs"

check "all of it reaches the store" drive_sync 300
dump "$M" >"$T/dump.old"
need "it is unmounted" drive_unmount
check "fsck finds nothing" drive_fsck
check "nor on the store" drive_fsck --remote
need "the machine is lost" lose_machine
need "the drive is recovered" on_store recover
need "it is mounted" drive_mount
dump "$M" >"$T/dump.new"
check "the tree is what it was" diff -u "$T/dump.old" "$T/dump.new"
fs_end
