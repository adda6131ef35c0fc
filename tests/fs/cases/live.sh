#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Open windows show what changed without them: by another device, whose
# changes coffre_remote lets in, and by locking and unlocking.
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/remote.sh"
need "a drive can be changed from outside" remote_prepare
WATCHERS=()
end_all() {
	[ ${#WATCHERS[@]} -eq 0 ] || kill "${WATCHERS[@]}" 2>/dev/null
	fs_cleanup
}
trap end_all EXIT

# watch OUT FOLDER...
watch() {
	local out=$1
	shift
	: >"$out"
	"$PROGS/watch" "$@" >>"$out" 2>&1 9>&- &
	WATCHERS+=($!)
	until_ok 10 grep -qx ready "$out"
}
forget() {
	: >"$T/seen"
}
# seen LINE, soon.
seen() {
	until_ok 30 grep -qxF "$1" "$T/seen"
}
unseen() {
	! grep -qF "$1" "$T/seen"
}
# That it has nothing to send, and what it has sent.
sent() {
	drive_status '[.usage.queued_changes, .usage.queued_blocks,
	    .usage.queued_bytes, .sync.published_seq, .sync.bytes_up] | tostring'
}

need "it is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
mkdir -p "$M/here" "$M/away" && echo one >"$M/here/old$MARK" &&
    ln -s here "$M/link" || exit 1
need "all is stored" drive_sync
need "somebody watches" watch "$T/seen" "$M" "$M/here"
ls -lR "$M" >/dev/null
before=$(sent)

# ---- of another device

forget
need "a file comes" remote make /here "new$MARK"
check "it is seen" seen "here create new$MARK"
check "it is there" test -f "$M/here/new$MARK"
forget
need "it is written to" remote write "/here/new$MARK" hello
check "that is seen" seen "here modify new$MARK"
check "as a change of what is known of it, too" seen "here attrib new$MARK"
check "it holds what was written" [ "$(cat "$M/here/new$MARK")" = hello ]
refuse "it did not come anew" grep -q create "$T/seen"
forget
need "it gets another mode" remote mode "/here/new$MARK" 600
check "that is seen" seen "here attrib new$MARK"
check "it has it" [ "$(stat -c %a "$M/here/new$MARK")" = 600 ]
time0=$(stat -c '%Y %X %Z' "$M/here/new$MARK")

forget
need "a folder comes" remote folder / dir
check "it is seen" seen "mnt create dir"
check "it is a folder" test -d "$M/dir"
forget
need "the file moves into it" remote move "/here/new$MARK" /dir moved
check "it is seen to go" seen "here delete new$MARK"
refuse "and is gone" test -e "$M/here/new$MARK"
check "the other folder is seen to change" seen "mnt attrib dir"
# Reading it moves one of them.
check "it has the times that it had" \
    [ "$(stat -c '%Y %X %Z' "$M/dir/moved")" = "$time0" ]
check "and is there" [ "$(cat "$M/dir/moved")" = hello ]
forget
need "it comes back under a name that is known not to be there" \
    remote move /dir/moved /here "again$MARK"
check "it is seen" seen "here create again$MARK"
check "it is there" [ "$(cat "$M/here/again$MARK")" = hello ]
forget
need "a file goes that was looked at" remote delete "/here/old$MARK"
check "it is seen to go" seen "here delete old$MARK"
refuse "and is gone" test -e "$M/here/old$MARK"
check "what is open stays of use" test -d "$M/here"

forget
need "the folder is watched" watch "$T/dir" "$M/dir"
need "somebody is in it" cd "$M/dir"
need "it moves" remote move /dir / dir2
check "it is seen to go" seen "mnt delete dir"
check "and to come" seen "mnt create dir2"
check "who is in it knows where" [ "$(/bin/pwd)" = "$M/dir2" ]
need "a file comes into it" remote make /dir2 x
check "who watched it sees that" until_ok 30 grep -qx "dir create x" "$T/dir"
cd "$T" || exit 1
need "that goes" remote delete /dir2/x
check "that is seen" until_ok 30 grep -qx "dir delete x" "$T/dir"
need "the folder goes" remote delete /dir2
check "who watched it learns that" until_ok 30 grep -q "dir gone" "$T/dir"
check "and who watched where it was" seen "mnt delete dir2"

# Nobody is told twice, and nothing comes of it that would go to the store.
sleep 1
check "nothing was queued or sent for any of it" [ "$(sent)" = "$before" ]

# ---- many

forget
need "many come where nobody looks" remote crowd /away 5000
need "one comes where somebody does" remote make /here one
check "it is seen at once" seen "here create one"
check "of the others only that there is a change" seen "mnt attrib away"
check "they are there" [ "$(ls "$M/away" | wc -l)" -eq 5000 ]
need "many come where somebody looks" remote crowd /here 3000
check "as many are seen as one can look at" \
    until_ok 30 sh -c "[ \$(grep -c 'here create' '$T/seen') -ge 1000 ]"
sleep 1
check "and no more" [ "$(grep -c 'here create' "$T/seen")" -lt 1100 ]
check "the folder has all" [ "$(ls "$M/here" | wc -l)" -ge 3000 ]
check "nothing was queued or sent" [ "$(sent)" = "$before" ]

# ---- locking

forget
need "it is locked" "$COFFRE" lock "$NAME"
check "names are seen to go" seen "mnt delete here"
check "the note is seen" seen "mnt create LOCKED.txt"
check "it is what there is" [ "$(ls -A "$M")" = LOCKED.txt ]
check "nobody else may write there" [ "$(stat -c %a "$M")" = 500 ]
forget
need "it is unlocked" coffre unlock "$NAME"
check "the note is seen to go" seen "mnt delete LOCKED.txt"
check "names are seen to come" seen "mnt create here"
check "links also" seen "mnt create link"
check "all is there" [ "$(ls "$M/away" | wc -l)" -eq 5000 ]
forget
need "a file comes" remote make /here after
check "windows that were open before see it" seen "here create after"
check "nothing was queued" \
    [ "$(drive_status .usage.queued_changes)" = 0 ]

# ---- in the middle of it

for i in 1 2 3; do
	need "a crowd comes" remote crowd /here "$((100 * i))"
	need "and others go" remote delete "/away/$i"
	check "it is locked meanwhile" "$COFFRE" lock "$NAME"
	check "and unlocked" coffre unlock "$NAME"
done
remote crowd /here 2500
check "with a crowd under way it is unmounted" drive_unmount
check "nothing happened to what lay below" [ -z "$(ls -A "$T/mnt")" ]
touch "$T/mnt/here" && rm "$T/mnt/here" || exit 1
need "it is mounted" drive_mount
need "it is watched" watch "$T/seen" "$M" "$M/here"
remote crowd /here 3500
check "with a crowd under way it is unmounted by others" \
    until_ok 10 umount "$M"
check "in order" daemon_gone 20
need "it is mounted" drive_mount
need "it is watched" watch "$T/seen" "$M" "$M/here"
remote crowd /here 4500
drive_kill
need "after a crash it is mounted" drive_mount
check "all is there" [ "$(ls "$M/here" | wc -l)" -ge 4500 ]
need "a signal comes with a crowd under way" remote crowd /here 5500
kill -TERM "$MPID"
check "it ends in order" daemon_gone 30
check "fsck finds nothing" drive_fsck
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
