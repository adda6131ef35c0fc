#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A drive on two stores of different kinds, a folder and an SSH host.  One
# goes away in the middle of the work and comes back; then the other is lost.
. "$(dirname "$0")/../lib.sh"
fs_prepare
is_plain && skip "is about stores, not about POSIX"
sshd_start
url=$SFTP
SFTP=			# the drive itself begins in a folder

lacks() {
	drive_status "[.stores[].queued] | add"
}
lacks_nothing() {
	[ "$(lacks)" = 0 ]
}
# What a connection that broke has left half done is no object.
same_objects() {
	diff -rq -x '.tmp-*' "$T/store" "$SFTP_DATA/drive"
}
state() {
	getfattr --only-values -n user.coffre.state "$1" 2>/dev/null
}
is_stored() {
	[ "$(state "$1")" = "stored, on 2 of 2 stores" ]
}
numbers() {
	local i
	for i in $(seq "$2"); do
		head -c "$3" /dev/urandom >"$1$i" || return 1
	done
}

need "it is mounted" drive_mount
mkdir "$T/mnt/work"
numbers "$T/mnt/work/before-" 20 100000
check "it reaches the one store" drive_sync
need "it is unmounted" drive_unmount

refuse "a store is not added to a drive that is not there" \
    coffre store add nosuchdrive "$url"
check "a second store is added, and filled" \
    coffre store add "$NAME" "$url" "${SFTP_OPTS[@]}"
check "both hold the same objects" same_objects
check "the drive can be checked" coffre store check "$NAME"

need "it is mounted on both" drive_mount
M=$T/mnt/work
numbers "$M/both-" 20 100000
check "what is written" drive_sync
check "is on both" until_ok 60 same_objects
check "and said to be stored" is_stored "$M/both-1"

# Away in the middle of an upload.
numbers "$M/during-" 10 3000000 &
writer=$!
sleep 0.7
check "the SSH host is killed" sshd_stop
check "writing goes on" wait "$writer"
numbers "$M/after-" 20 100000
check "all of it is stored on one" drive_sync
check "the other one lacks some" test "$(lacks)" -gt 0
say "it lacks $(lacks)"
check "the file says so, and names the one that may not have it" \
    test "$(state "$M/after-1")" = \
    "stored, on 1 of 2 stores for certain, perhaps not yet on ${url%%//*}//${url#*@}"
check "in words, too" grep -q 'on 1 of 2 stores for certain, perhaps not' \
    <<<"$("$COFFRE" status "$M/after-1")"
check "so does status" grep -q 'lacks' <<<"$("$COFFRE" status "$NAME")"
dump "$M" >"$T/dump.1"

# The queue outlives the process.
need "it is unmounted" drive_unmount
need "it is mounted" drive_mount
check "the queue was kept" test "$(lacks)" -gt 0
check "the SSH host is back" sshd_again
"$COFFRE" sync "$NAME"
check "it gets what it lacks" until_ok 60 lacks_nothing
check "both hold the same again" same_objects

# What one has altered is mended from the other.
pack=$(cd "$T/store" && find . -size +100k -type f | head -n 1)
printf 'altered' | dd of="$T/store/$pack" bs=1 seek=5000 conv=notrunc \
    status=none
rm "$SFTP_DATA/drive/$(cd "$T/store" && find . -size +100k -type f |
    tail -n 1)"
"$COFFRE" scrub --all "$NAME" >"$T/scrub"
rc=$?
cat "$T/scrub"
check "a scrub finds and mends both" test "$rc" -eq 0
check "and says so" grep -q '2 objects missing or altered, 2 of them' \
    "$T/scrub"
check "they are copied anew" until_ok 60 lacks_nothing
check "both hold the same after that" same_objects
check "a scrub finds nothing more" "$COFFRE" scrub --budget 100M "$NAME"

# What was cut on one gets its end, and does not replace what is whole.
cp "$T/store/$pack" "$T/whole"
truncate -s 50000 "$T/store/$pack"
check "the stores are compared" "$COFFRE" store check "$NAME"
check "nothing is missing then" until_ok 60 lacks_nothing
check "both hold it whole" same_objects
check "and as it was" cmp "$T/whole" "$T/store/$pack"

# Each gives back altered data, of every other pack: it is read from the other,
# whichever of them is asked first.
at=$T/store other=$SFTP_DATA/drive
while read -r pack; do
	printf 'altered' | dd of="$at/$pack" bs=1 seek=5000 conv=notrunc \
	    status=none
	was=$at at=$other other=$was
done < <(cd "$T/store" && find . -size +100k -type f | sort)
"$COFFRE" cache --free 1T "$NAME" >/dev/null
echo 1 >/proc/sys/vm/drop_caches
dump "$M" >"$T/dump.2"
check "what one has altered is read from the other" \
    cmp "$T/dump.1" "$T/dump.2"
check "the log names the store" grep -qF -e "'dir:$T/store' has of" \
    -e "'${url%%//*}//${url#*@}' has of" "$T/daemon.log"
check "a scrub mends it all" "$COFFRE" scrub --all "$NAME"
check "both hold the same after that, too" same_objects

# What it lists and does not hold does not let the good copy go.
T2=$T/spoilt
spoil() {
	head -c "$(stat -c %s "$1")" /dev/zero >"$1.new" && mv "$1.new" "$1"
}
pack=$(cd "$T/store" && find . -size +100k -type f | head -n 1)
cp "$T/store/$pack" "$T2"
spoil "$T/store/$pack"
spoil "$SFTP_DATA/drive/$pack"
"$COFFRE" store remove "$NAME" 2 >"$T/remove" 2>&1
rc=$?
cat "$T/remove"
check "a store is not removed if none has all of it right" test "$rc" -ne 0
check "it names what is wrong" grep -q "$T/store: altered on the store" \
    "$T/remove"
check "both are still there" test "$("$COFFRE" store list "$NAME" |
    grep -c "^[0-9]")" = 2
cp "$T2" "$SFTP_DATA/drive/$pack"
check "it is when it gives what the other has wrong" \
    "$COFFRE" store remove "$NAME" 2
check "it was mended first" cmp "$T2" "$T/store/$pack"
check "one store is left" test "$("$COFFRE" store list "$NAME" |
    grep -c "^[0-9]")" = 1
check "the other comes again" "$COFFRE" store add "$NAME" "$url" \
    "${SFTP_OPTS[@]}"
check "both hold the same then" same_objects

# The folder is lost, with the cache; reads come from the other.
"$COFFRE" cache --free 1T "$NAME" >/dev/null
echo 1 >/proc/sys/vm/drop_caches
mv "$T/store" "$T/lost"
check "all can be read from the other" grep -q . <(dump "$M")
dump "$M" >"$T/dump.2"
check "and is the same" cmp "$T/dump.1" "$T/dump.2"
echo "$MARK" >"$M/new"
check "more can be stored" drive_sync
need "it is unmounted" drive_unmount
refuse "the store with the only copy is not removed" \
    coffre store remove "$NAME" 2
check "the lost one is" coffre store remove --lost "$NAME" 1
check "one store is left" test "$("$COFFRE" store list "$NAME" |
    grep -c "^[0-9]")" = 1
need "it is mounted on that alone" drive_mount
dump "$M" >"$T/dump.3"
check "nothing is missing" test "$(grep -c . "$T/dump.3")" -ge \
    "$(grep -c . "$T/dump.1")"
check "all of it is there" drive_sync

# And the machine with it.
need "it is unmounted" drive_unmount
need "the machine is lost, too" lose_machine
SFTP=$url
need "the drive is recovered from the store that is left" on_store recover
rm -rf "$T/old.state" "$T/old.config"
need "it is mounted" drive_mount
dump "$M" >"$T/dump.4"
check "nothing is missing after that" cmp "$T/dump.3" "$T/dump.4"
fs_end
