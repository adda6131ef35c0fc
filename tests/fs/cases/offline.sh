#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The server goes away in the middle of work and comes back: nothing waits
# for it but reads of what is not here.
COFFRE_TEST_STORE=webdav
. "$(dirname "$0")/../lib.sh"
fs_begin

quick() {
	timeout 10 "$@"
}
work() {
	local i
	for i in $(seq 40); do
		head -c 200000 /dev/urandom >"$R/$1-$i" &&
		    cp "$R/$1-$i" "$M/$1-$i" && mv "$M/$1-$i" "$M/$1.$i" &&
		    mv "$R/$1-$i" "$R/$1.$i" || return 1
	done
}
listed() {
	quick ls -lR "$M" >/dev/null && quick df "$M" >/dev/null &&
	    quick stat "$M/cold" >/dev/null
}
all_equal() {
	diff -r "$R" "$M"
}
# A read of what is not here ends by itself or by a signal, in its time.
cold_read_ends() {
	local rc=0
	timeout -k 5 90 cat "$M/cold" >/dev/null || rc=$?
	[ "$rc" -ne 137 ] && [ "$rc" -ne 0 ]
}
cold_read_is_interrupted() {
	local rc=0
	timeout -s INT -k 15 3 cat "$M/cold" >/dev/null 2>&1 || rc=$?
	[ "$rc" -ne 137 ]
}
# Asked for, not asked to be sent.
nothing_queued() {
	[ "$(drive_status '.usage | .queued_changes + .queued_bytes')" = 0 ]
}
says_offline() {
	"$COFFRE" status "$NAME" >"$T/status"
	grep -qiE 'offline|reach|connect|retry' "$T/status"
}

head -c 5000000 /dev/urandom >"$R/cold"
cp "$R/cold" cold
check "a file reaches the server" drive_sync
check "the cache is emptied" "$COFFRE" cache --free 1T "$NAME"
echo 1 >/proc/sys/vm/drop_caches

(sleep 1; apache_stop) &
stopper=$!
check "work goes on while the server goes away" work a
wait "$stopper"
check "the server is gone" fails curl -so "$T/none" "$APACHE_HTTP"
check "work goes on without it" timeout 60 bash -c \
    'cp -a /usr/include/openssl "$1/ssl"' bash "$M"
cp -a /usr/include/openssl "$R/ssl"
check "listing, df and stat do not wait" listed
check "fsync does not wait" quick sync "$M/a.1"
check "a cold read can be interrupted" cold_read_is_interrupted
check "a cold read ends in time" cold_read_ends
check "status says that the server is out of reach" until_ok 20 says_offline
refuse "sync --wait does not claim success" "$COFFRE" sync --wait=3 "$NAME"

cd "$T" || exit 1
need "it is unmounted with the server gone" drive_unmount
need "it is mounted with the server gone" drive_mount
check "local files are read" cmp "$R/a.1" "$M/a.1"
check "files are written" work b
need "the server comes back" apache_again
check "the queue drains by itself" until_ok 150 nothing_queued
check "all is equal, the cold file too" all_equal

# Down and up under load, a few times.
for round in 1 2 3; do
	(sleep 0.7; apache_stop; sleep 0.7; apache_again) &
	stopper=$!
	check "round $round: work goes on" work "r$round"
	wait "$stopper"
done
check "the queue drains again" drive_sync 180
check "the server goes away once more" apache_stop
rm "$M/a.1" "$R/a.1"
sleep 3
refuse "a deletion that has not gone is not said to be there" nothing_queued
need "the server comes back" apache_again
check "then it goes" until_ok 150 nothing_queued
check "all is equal" all_equal

fs_end
