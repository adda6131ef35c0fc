#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What a program wrote through a map lies in the kernel until that sends it:
# it is kept when the mount ends under the program.
. "$(dirname "$0")/../lib.sh"
fs_prepare

# map_write NAME: into a map of that file, which stays.
map_write() {
	head -c 4096 /dev/zero >"$T/mnt/$1" || return 1
	rm -f "$T/mapped"
	python3 - "$T/mnt/$1" "$T/mapped" <<-'END' &
	import mmap, sys, time
	f = open(sys.argv[1], "r+b")
	m = mmap.mmap(f.fileno(), 4096)
	m[:5] = b"hello"
	open(sys.argv[2], "w").close()
	time.sleep(1000)
	END
	WRITER=$!
	until_ok 10 test -e "$T/mapped"
}
writer_end() {
	kill -KILL "$WRITER" 2>/dev/null
	wait "$WRITER" 2>/dev/null
}
# Also as the daemon has it: not from the kernel's memory.
is_there() {
	echo 1 >/proc/sys/vm/drop_caches
	cmp -n 5 "$T/mnt/$1" - <<<hello
}

need "it is mounted" drive_mount
need "a file is written through a map" map_write signal
check "a signal ends the mount" kill "$MPID"
check "in order" daemon_gone 60
writer_end
umount -l "$T/mnt" 2>/dev/null
need "it is mounted again" drive_mount
check "what was written is there" is_there signal

need "another is written so" map_write lock
check "it is locked by force" "$COFFRE" lock --force "$NAME"
writer_end
need "and unlocked" coffre unlock "$NAME"
check "what was written then is there" is_there lock
check "all of it reaches the store" drive_sync
need "it is unmounted" drive_unmount
check "fsck finds nothing" drive_fsck
[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
