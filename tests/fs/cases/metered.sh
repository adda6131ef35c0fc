#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# On a line that is paid by volume what nobody waits for waits: a program on a
# bus of its own stands in for NetworkManager.
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/bus.sh"
bus_need
trap 'bus_end; fs_cleanup' EXIT

line() {
	echo "metered $1" >"$T/network.in"
}
is_metered() {
	drive_status '.notes[]' | grep -q 'paid by volume'
}
nothing_queued() {
	[ "$(drive_status '.usage | .queued_changes + .queued_bytes')" = 0 ]
}
pinned_here() {
	drive_status .pins.here_bytes
}
is_pinned_here() {
	[ "$(pinned_here)" -ge 3000000 ]
}
make_cold() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null
	echo 1 >/proc/sys/vm/drop_caches
}
# What should not happen has had its time.
after() {
	sleep "$1"
	shift
	"$@"
}

export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/bus
need "a bus is there" bus_start
echo "quiet = 0" >>"$T/config/coffre/$NAME.conf"
need "it is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
head -c 3000000 /dev/urandom >"$R/pin"
head -c 3000000 /dev/urandom >"$R/cold"
cp "$R/pin" "$R/cold" "$M"
need "two files reach the store" drive_sync
refuse "without NetworkManager the line is not metered" is_metered

need "there is one" double_start network
check "status tells that the line is metered" until_ok 10 is_metered
echo one >"$M/one"
refuse "what is written is not uploaded" after 4 nothing_queued
make_cold
check "what somebody reads is fetched" timeout 10 cmp "$R/cold" "$M/cold"
check "what somebody waits for is uploaded" drive_sync 30
check "and then nothing is left" nothing_queued
echo two >"$M/two"
refuse "later changes wait again" after 4 nothing_queued
make_cold
need "a file is pinned" "$COFFRE" pin "$M/pin"
refuse "it is not fetched" after 4 is_pinned_here

line 4
check "on another line uploads go on" until_ok 10 nothing_queued
check "and pins" until_ok 90 is_pinned_here
refuse "status tells it no longer" is_metered
line 3
check "a guess counts" until_ok 10 is_metered
double_end "$DOUBLE_PID"
check "without NetworkManager all goes on" until_ok 10 fails is_metered
need "there is one again" double_start network
check "status tells it" until_ok 10 is_metered
pkill -KILL -P "$MPID" -x coffre-desktop
check "without the program all goes on, too" until_ok 10 fails is_metered
need "it is unmounted" drive_unmount

need "it is mounted" drive_mount
check "status tells it" until_ok 10 is_metered
check "it is locked" "$COFFRE" lock "$NAME"
check "and unlocked" coffre unlock "$NAME"
check "and the line is metered still" until_ok 2 is_metered
echo three >"$M/three"
refuse "what is written is not uploaded" after 4 nothing_queued
cd "$T" || exit 1
check "unmounting uploads nothing" eval 'drive_unmount 2>"$T/left"'
check "and tells what is left" grep -q 'still queued' "$T/left"
MOUNT_OPTS=,metered=use need "it is mounted to use any line" drive_mount
check "what was left is uploaded" until_ok 10 nothing_queued
refuse "status has nothing to tell" is_metered
need "it is unmounted" drive_unmount
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
