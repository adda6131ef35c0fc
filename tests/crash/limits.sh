#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What is bounded stays so: memory under load, threads, descriptors; nothing
# is left behind by LIMIT_MOUNTS mounts.  The sizes of the load are
# LIMIT_WRITERS files of LIMIT_MB at once, and LIMIT_FILES small ones.
. "$(dirname "$0")/../fs/lib.sh"
mounts=${LIMIT_MOUNTS:-10}
writers=${LIMIT_WRITERS:-4}
mb=${LIMIT_MB:-40}
files=${LIMIT_FILES:-2000}
MEMORY_KIB=$((${LIMIT_MEMORY_MIB:-300} * 1024))
resident_kib=$((${LIMIT_RESIDENT_MIB:-150} * 1024))
fs_begin
cd "$T" || exit 1

status_kib() {
	awk -v k="$1:" '$1 == k { print $2 }' "/proc/$MPID/status"
}
is_below() {
	say "$1 KiB, at most $2"
	[ "$1" -le "$2" ]
}
count_fds() {
	find "/proc/$MPID/fd" -maxdepth 1 -type l | wc -l
}
count_threads() {
	find "/proc/$MPID/task" -mindepth 1 -maxdepth 1 | wc -l
}
# Caches of the kernel let go of files late: wait until they have.
fds_are() {
	[ "$(count_fds)" -le "$1" ]
}
no_more_than() {
	say "$1 threads, at most $2"
	[ "$1" -le "$2" ]
}

# ---- descriptors and threads ------------------------------------------------

touch_many() {
	local i
	for i in $(seq 300); do
		echo "$i" >"$M/few/$((i % 50))" &&
		    cat "$M/few/$((i % 50))" >/dev/null || return 1
	done
	ls -lR "$M" >/dev/null && "$COFFRE" status "$NAME" >/dev/null
}
mkdir "$M/few"
check "files are opened" touch_many
check "they reach the store" drive_sync
fds=$(count_fds)
threads=$(count_threads)
for _ in 1 2 3; do
	check "files are opened again and again" touch_many
done
check "they reach the store" drive_sync
check "no descriptor is left open" until_ok 10 fds_are "$((fds + 2))"
check "nor a thread" no_more_than "$(count_threads)" "$((threads + 8))"

# ---- memory -----------------------------------------------------------------

write_big() {
	local i pids=() p rc=0
	for i in $(seq "$writers"); do
		head -c "${mb}M" /dev/urandom >"$M/big-$i" &
		pids+=("$!")
	done
	for p in "${pids[@]}"; do
		wait "$p" || rc=1
	done
	return "$rc"
}
write_many() {
	python3 - "$M/many" "$files" <<'END'
import os, sys
top, n = sys.argv[1], int(sys.argv[2])
os.mkdir(top)
for i in range(n):
    if i % 1000 == 0:
        os.mkdir(f"{top}/{i // 1000}")
    with open(f"{top}/{i // 1000}/{i}", "w") as f:
        f.write(f"file {i}\n" * 5)
END
}
count_many() {
	[ "$(find "$M/many" -type f | wc -l)" -eq "$files" ]
}
check "$writers files of $mb MB are written at once" write_big
check "$files small ones" write_many
check "all are listed" count_many
check "all of it reaches the store" drive_sync 3600
check "memory stayed below its limit" \
    is_below "$(status_kib VmHWM)" "$MEMORY_KIB"
# What is kept for the next write goes after a while without one.
is_small() {
	is_below "$(status_kib VmRSS)" "$resident_kib" >/dev/null
}
say "$(status_kib VmRSS) KiB are resident"
check "and what is resident in the end is small" until_ok 60 is_small
check "still no thread is left" no_more_than "$(count_threads)" \
    "$((threads + 8))"

# ---- many mounts ------------------------------------------------------------

rm -rf "$M/many" "$M"/big-*
mount_often() {
	local i
	for i in $(seq "$mounts"); do
		drive_unmount && drive_mount || return 1
		echo "$i" >"$M/mounted" || return 1
		[ "$(cat "$M/mounted")" = "$i" ] || return 1
	done
}
left_behind() {
	grep " $T/" /proc/self/mounts
	pgrep -f -- "$T/mnt"
	find "$T/run" -type s
}
check "it is mounted $mounts times" mount_often
need "it is unmounted" drive_unmount
check "nothing is left behind: no mount, process or socket" \
    test -z "$(left_behind)"
need "it is mounted" drive_mount
fs_end
