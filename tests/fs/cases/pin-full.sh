#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# More is pinned than the disk has room for: what fits is fetched, the rest
# waits, and there is room left to write.
. "$(dirname "$0")/../lib.sh"
fs_prepare

small_state() {
	mkdir -p "$T/state/coffre" && cp -a "$T/state" "$T/state.copy" &&
	    mount -t tmpfs -o size=64m,mode=700 coffretest "$T/state" &&
	    cp -a "$T/state.copy/." "$T/state/"
}
fill() {
	local i
	for i in $(seq 7); do
		head -c 8000000 /dev/urandom >"$R/f$i" &&
		    cp "$R/f$i" "$M/keep/f$i" && drive_sync >/dev/null &&
		    "$COFFRE" cache free "$M/keep" >/dev/null || return 1
	done
}
is() {
	[ "$(drive_status "$1")" = true ]
}
kib_free() {
	df -k --output=avail "$T/state" | tail -n 1
}
is_whole() {
	is '.pins | .counted and .here_bytes == .bytes'
}

need "the state is put on a small disk" small_state
MOUNT_OPTS=,floor=8M,quiet=1
need "it is mounted" drive_mount
M=$T/mnt/work
mkdir -p "$M/keep" "$M/other"
check "56 MB are on the store, and not here" fill
cp "$R/f1" "$M/other/g"
check "so is what is not pinned, which is here" drive_sync

check "more than fits is pinned" sh -c \
    "'$COFFRE' pin '$M/keep' >'$T/said' 2>&1"
check "which says how much fits" grep -q 'has room for about' "$T/said"
check "what fits is fetched" until_ok 60 is '.pins.full'
check "status says so" sh -c "'$COFFRE' status '$NAME' | grep -q 'no room'"
check "that is most of it" is '.pins.here_bytes > 20000000'
say "$(drive_status .pins.here_bytes) bytes here, $(kib_free) KiB free"
check "what is not pinned has made way" is \
    '.usage.cache_bytes - .pins.cache_bytes < 8000000'
check "the disk keeps its floor" [ "$(kib_free)" -ge 8192 ]
refuse "waiting for the rest ends" timeout 30 "$COFFRE" pin --wait "$M/keep"
check "there is room to write" timeout 30 cp "$R/f2" "$M/other/h"
check "which reaches the store" drive_sync
check "the rest can be read" diff -r "$R" "$M/keep"
# Half of it is for what was accepted; the database grows besides.
check "the disk keeps some of its floor then, too" [ "$(kib_free)" -ge 3072 ]

rm "$M"/keep/f[1-4] "$R"/f[1-4]
check "with less pinned all of it comes" until_ok 90 is_whole
check "and there is room" is '.pins.full | not'
check "it is unpinned" "$COFFRE" unpin "$M/keep"
check "and gives its room back" "$COFFRE" cache free "$M/keep"
check "all of it" is '.usage.cache_bytes < 17000000'

# ---- room is made by other means than with less pinned

fill_again() {
	local i
	for i in 1 2 3 4; do
		head -c 8000000 /dev/urandom >"$R/f$i" &&
		    cp "$R/f$i" "$M/keep/f$i" && drive_sync >/dev/null &&
		    "$COFFRE" cache free "$M/keep" >/dev/null || return 1
	done
}
check "there is more again" fill_again
check "it is pinned" "$COFFRE" pin "$M/keep"
check "there is no room for all of it" until_ok 60 is '.pins.full'
refuse "as whoever waits is told" timeout 60 "$COFFRE" pin --wait "$M/keep"
check "the disk is another" mount -o remount,size=160m "$T/state"
check "who waits then gets all of it" timeout 120 \
    "$COFFRE" pin --wait "$M/keep"
check "it is all here" until_ok 20 is_whole

fs_end
