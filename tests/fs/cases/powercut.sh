#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The power goes when the database had reached the disk and the block file had
# not: what was fsynced is there, what was not gives way to what was before.
if [ "${1:-}" != inside ]; then
	unshare -m true 2>/dev/null || {
		echo "SKIP: no mount namespace to have another boot id in"
		exit 77
	}
	exec unshare -m "$0" inside
fi
. "$(dirname "$0")/../lib.sh"
let_go_of_mounts
boot=/proc/sys/kernel/random/boot_id
old=$(cat "$boot")
MOUNT_OPTS=,quiet=3600,drain=0
fs_begin
cd "$T" || exit 1

put() {
	python3 - "$@" <<'END'
import os, sys
path, byte, size, sync = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
os.write(fd, byte.encode() * size)
if sync == "sync":
    os.fsync(fd)
os.close(fd)
END
}
is_all() {
	[ "$(stat -c %s "$1")" -eq "$3" ] &&
	    [ "$(tr -d "$2" <"$1" | wc -c)" -eq 0 ]
}
# Whole blocks of the new content, or the file ends: nothing else.
is_beginning() {
	[ "$(tr -d "$2" <"$1" | wc -c)" -eq 0 ]
}
state=$(dirname "$(find "$T" -name blocks.dat)")

# Without its store the drive publishes nothing, and so flushes nothing by
# itself: what is not fsynced stays so.
need "all is stored" drive_sync
need "it is unmounted" drive_unmount
mv "$T/store" "$T/store.away"
need "it is mounted without its store" drive_mount

check "a file is fsynced" put "$M/kept" a 700000 sync
cp --sparse=always "$state/blocks.dat" "$T/blocks.then"
check "it is written over without fsync" put "$M/kept" b 700000 no
check "another is written without fsync" put "$M/new" c 700000 no
check "and a small one" put "$M/small" d 3000 no
drive_kill
# What a disk may have made of it: the log is there, the blocks are not.
truncate -s "$(stat -c %s "$state/blocks.dat")" "$T/blocks.then"
cat "$T/blocks.then" >"$state/blocks.dat"
tr 0-9a-f 1-9a-f0 <<<"$old" >"$T/boot"
need "the machine boots anew" mount --bind "$T/boot" "$boot"

mv "$T/store.away" "$T/store"
need "it is mounted again" drive_mount
check "what was fsynced is there" is_all "$M/kept" a 700000
check "what was not has no other bytes" is_beginning "$M/new" c
check "a small file lives in the log" is_all "$M/small" d 3000
need "it is unmounted" drive_unmount
check "fsck finds nothing" drive_fsck
need "it is mounted once more" drive_mount
check "still there" is_all "$M/kept" a 700000

umount "$boot"
fs_end
