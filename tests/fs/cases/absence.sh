#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# An emptied, swapped or older store changes nothing here.
. "$(dirname "$0")/../lib.sh"
fs_begin

remount() {
	drive_unmount && drive_mount
}
content_same() {
	cmp "$R/f" "$M/f" && [ "$(ls "$M" | wc -l)" -eq "$1" ]
}
has_problem() {
	"$COFFRE" status "$NAME" >"$T/status"
	cat "$T/status"
	drive_status '.. | strings' | grep -qi -e alarm -e rollback \
	    -e missing -e older -e lost -e gone -e not.there -e behind
}

head -c 3000000 /dev/urandom >"$R/f"
cp "$R/f" f
check "it reaches the store" drive_sync
cp -a "$T/store" "$T/old"
echo second >g
check "a second file too" drive_sync
cd "$T" || exit 1

mv "$T/store" "$T/new"
mkdir "$T/store"
need "it is mounted on an emptied store" remount
check "nothing is gone locally" content_same 2
rmdir "$T/store" 2>/dev/null || mv "$T/store" "$T/empty"

cp -a "$T/old" "$T/store"
need "it is mounted on an older store" remount
check "nothing is gone locally" content_same 2
check "status names the rollback" until_ok 30 has_problem

need "it is unmounted" drive_unmount
rm -rf "$T/store" "$T/old"
mv "$T/new" "$T/store"
need "it is mounted on the true store" drive_mount
check "nothing is gone" content_same 2
need "it is unmounted in the end" drive_unmount
check "nothing is readable at rest" nothing_readable
check "fsck finds nothing" drive_fsck
fs_count
[ "$N_FAILED" -eq 0 ]
