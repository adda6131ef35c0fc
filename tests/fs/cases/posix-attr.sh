#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Times, modes, owners, xattrs and who may do what.
. "$(dirname "$0")/../lib.sh"
fs_begin
"$PROGS/posix_attr" >"$T/out" 2>&1
cat "$T/out"
posix_count "$T/out"

# Times of reading are kept, and nothing is sent for them.
atime() {
	stat -c %X "$M/$1"
}
now=$(date +%s)
for i in kept late old; do
	printf 'to be read' >"$i"
	touch -a -d @1000 "$i"
	touch -m -d @2000 "$i"
done
check "all is sent" drive_sync
before=$(is_plain || drive_status .usage.queued_changes)
check "what is read" grep -q read kept
check "says so" test "$(atime kept)" -ge "$now"
is_plain || check "without anything to send" \
    test "$(drive_status .usage.queued_changes)" = "$before"
need "it is unmounted" drive_unmount
need "it is mounted" drive_mount
cd "$M" || exit 1
check "it says so still" test "$(atime kept)" -ge "$now"
check "what was not does not" test "$(atime old)" -eq 1000
# What is read is killed so many seconds later.
crash_after() {
	check "what is read later" grep -q read late
	sleep "$1"
	drive_kill
	need "it is mounted after a crash" drive_mount
	cd "$M" || exit 1
}
if ! is_plain; then
	crash_after 8
	# A busy machine may take longer.
	[ "$(atime late)" -ge "$now" ] || crash_after 25
	check "says so after some seconds" test "$(atime late)" -ge "$now"
	need "it is unmounted" drive_unmount
	MOUNT_OPTS=,noatime
	need "it is mounted with noatime" drive_mount
	cd "$M" || exit 1
	check "what is read" grep -q read old
	check "leaves no trace" test "$(atime old)" -eq 1000
fi
fs_end
