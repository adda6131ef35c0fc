#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# An emptied, swapped or older store changes nothing here.
. "$(dirname "$0")/../lib.sh"
fs_begin

content_same() {
	cmp "$R/f" "$M/f" && [ "$(ls "$M" | wc -l)" -eq "$1" ]
}
# is_told LINK WORDS: status says so of the store.
is_told() {
	[ "$(drive_status .sync.link)" = "$1" ] &&
	    drive_status .sync.problem | grep -q "$2"
}
# Another drive, in the folder $T/other.
other_drive() {
	mkdir "$T/other" && coffre init --store "dir:$T/other" \
	    --recovery-file "$T/recovery2" otherdrive
}
holds() {
	[ "$(find "$T/store" -type f | wc -l)" -eq "$1" ]
}

head -c 3000000 /dev/urandom >"$R/f"
cp "$R/f" f
check "it reaches the store" drive_sync
cp -a "$T/store" "$T/old"
echo second >g
check "a second file too" drive_sync
cd "$T" || exit 1
need "there is another drive" other_drive

need "it is unmounted" drive_unmount
mv "$T/store" "$T/new"
mkdir "$T/store"
need "it is mounted on an emptied store" drive_mount
check "status tells that no drive is there" \
    until_ok 30 is_told fault "no drive"
echo third >"$M/h"
refuse "nothing reaches it" drive_sync 5
check "nothing is gone locally" content_same 3
check "nothing is put there" holds 0
need "it is unmounted" drive_unmount

rmdir "$T/store"
cp -a "$T/old" "$T/store"
n=$(find "$T/store" -type f | wc -l)
need "it is mounted on an older store" drive_mount
check "that is an alarm" until_ok 30 is_told alarm "less than"
refuse "nothing reaches it" drive_sync 5
check "nothing is gone locally" content_same 3
check "nothing is put there" holds "$n"
need "it is unmounted" drive_unmount

rm -rf "$T/store"
mv "$T/other" "$T/store"
n=$(find "$T/store" -type f | wc -l)
need "it is mounted on the store of another drive" drive_mount
check "that is an alarm" until_ok 30 is_told alarm "another drive"
refuse "nothing reaches it" drive_sync 5
check "nothing is gone locally" content_same 3
check "nothing is put there" holds "$n"

need "it is unmounted" drive_unmount
rm -rf "$T/store" "$T/old"
mv "$T/new" "$T/store"
need "it is mounted on the true store" drive_mount
check "what was written meanwhile reaches it" drive_sync
check "nothing is gone" content_same 3
need "it is unmounted in the end" drive_unmount
check "nothing is readable at rest" nothing_readable
check "fsck finds nothing" drive_fsck
fs_count
[ "$N_FAILED" -eq 0 ]
