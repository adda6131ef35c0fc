#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The disk that holds the state is full: write says so, nothing is lost.
. "$(dirname "$0")/../lib.sh"
fs_prepare

small_state() {
	mkdir -p "$T/state/coffre" && cp -a "$T/state" "$T/state.copy" &&
	    mount -t tmpfs -o size=96m,mode=700 coffretest "$T/state" &&
	    cp -a "$T/state.copy/." "$T/state/"
}
# The store does not answer while it has no directory.
store_off() {
	mv "$T/store" "$T/store.off"
}
store_on() {
	mv "$T/store.off" "$T/store"
}
fill() {
	local i
	for i in $(seq 60); do
		head -c 4000000 /dev/urandom >"$T/piece" || return 1
		if ! dd if="$T/piece" of="$M/f$i" bs=128k conv=fsync \
		    status=none 2>"$T/dd.err"; then
			echo "$i" >"$T/failed_at"
			return 0
		fi
		cp "$T/piece" "$R/f$i"
	done
	echo "60 files of 4 MB went into 96 MiB"
	return 1
}
what_was_told_is_there() {
	local f
	for f in "$R"/*; do
		cmp "$f" "$M/${f##*/}" || return 1
	done
}
says_no_space() {
	grep -q 'No space left' "$T/dd.err"
}
write_again() {
	cp "$R/f1" "$M/again" && cmp "$R/f1" "$M/again"
}
staged_is_gone() {
	[ "$(drive_status '[.. | .staged_bytes? // empty] | first')" = 0 ]
}

need "the state is put on a small disk" small_state
MOUNT_OPTS=,floor=16M
need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M"
check "an empty drive reaches its store" drive_sync
store_off
check "writing goes on until the disk is full" fill
check "and then says so" says_no_space
say "full after $(ls "$R" | wc -l) files"
check "several files fitted" test -e "$R/f5"
check "what was told to be written is there" what_was_told_is_there
check "files can still be removed" rm -f "$M/f$(cat "$T/failed_at")"
check "the mount still answers" ls -l "$M"
store_on
check "with the store back all of it is uploaded" drive_sync 120
check "and can still be read" what_was_told_is_there
check "then there is room to write" write_again
check "still nothing is lost" what_was_told_is_there

# Now another program takes all that is left.
fill_disk() {
	# At once: what the drive then gives up is left to it.
	fallocate -l "$(($(stat -f -c '%a * %S' "$T/state")))" \
	    "$T/state/filler" 2>/dev/null
}
write_fails_well() {
	! dd if=/dev/urandom of="$M/no-room" bs=128k count=300 conv=fsync \
	    status=none 2>"$T/dd.err"
}
need "the disk is filled" until_ok 20 fill_disk
check "files can be removed all the same" until_ok 5 rm -f "$M/again"
check "on a disk that others filled write says so" write_fails_well
check "with the right words" says_no_space
check "what is there can be read" what_was_told_is_there
check "and listed" ls -l "$M"
cd "$T" || exit 1
need "it is unmounted with no room left" drive_unmount
need "and mounted" drive_mount
check "what is there can still be read" what_was_told_is_there
check "and listed" ls -l "$M"
rm -f "$T/state/filler" "$M/no-room"
check "when they go there is room again" until_ok 20 write_again
check "and nothing is lost" what_was_told_is_there

# What was written when there was room, and closed when there was none.
write_then_fill() {
	exec 9>"$M/late" && head -c 1000000 "$R/f1" >&9 &&
	    until_ok 20 fill_disk
	exec 9>&-
	rm -f "$T/state/filler"
}
late_is_there() {
	head -c 1000000 "$R/f1" | cmp - "$M/late"
}
# It is to be committed, or more than that.
late_is_kept() {
	[ "$(drive_status .usage.queued_bytes)" -ge 900000 ] ||
	    [ $(($(du -sb "$T/store" | cut -f 1) - size)) -ge 900000 ]
}
check "all is stored" drive_sync
size=$(du -sb "$T/store" | cut -f 1)
write_then_fill
check "a file closed on a full disk has what was written" late_is_there
check "which is committed when there is room" until_ok 60 late_is_kept
cd "$T" || exit 1
need "it is killed" drive_kill
need "and mounted" drive_mount
check "and keeps it" late_is_there

fs_end
