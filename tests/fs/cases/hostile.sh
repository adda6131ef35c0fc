#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What others on this machine, and whoever has the store, find of a mounted
# drive.  Comments with a number are rows of tests/SECURITY.md.
. "$(dirname "$0")/../lib.sh"
as_nobody() {
	setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups "$@"
}
# Another user is to mount, too: where /dev/fuse is root's, one that is not
# stands before it, for this case alone.
if [ -z "${OWN_MOUNTS:-}" ] && ! as_nobody test -w /dev/fuse; then
	exec unshare --mount --propagation private env OWN_MOUNTS=1 "$0"
fi
[ -z "${OWN_MOUNTS:-}" ] || let_go_of_mounts
fs_begin
if ! as_nobody test -w /dev/fuse; then
	need "everybody may open /dev/fuse" sh -c 'cp -a /dev/fuse "$1" &&
	    chmod 666 "$1" && mount --bind "$1" /dev/fuse' sh "$T/fuse"
fi

SECRET="$MARK in a file"
echo "$SECRET" >"$M/$MARK.txt"
head -c 3000000 /dev/urandom >"$M/big"
printf '%s' "$MARK$MARK" >"$M/small"
setfattr -n user.note -v "$MARK" "$M/small"
check "it reaches the store" drive_sync
key=$(find "$T" -name '*.key' -type f | head -1)

# A6.  Attack: a passphrase is guessed against something on the store that
# was made from it.
# Defence: the passphrase opens the file of keys on this machine; nothing on
# the store is derived from it.
hex() {
	od -An -v -tx1 | tr -d ' \n'
}
salt=$(dd if="$key" bs=1 skip=24 count=32 status=none | hex)
has_salt() {
	local f
	[ ${#salt} -eq 64 ] || return 1
	while read -r f; do
		! hex <"$f" | grep -q "$salt" || return 0
	done < <(find "$1" -type f)
	return 1
}
no_trace_of_the_keystore() {
	has_salt "$key" || return 1
	has_salt "$T/store" && return 1
	grep -ral -- "$PASS" "$T/store" "$T/state" "$T/config" && return 1
	[ -z "$(cd "$T/store" && find . -type f | grep -vE \
	    '^\./(drive|[ur]/.*)$')" ]
}
check "a6_nothing_on_the_store_was_made_from_the_passphrase" \
    no_trace_of_the_keystore

# A39.  Attack: names, device nodes or setuid programs from another machine
# reach out of the drive.
# Defence: names are checked where they are read; the mount is nosuid and
# nodev.
mount_is_tame() {
	local opts
	opts=$(awk -v m="$T/mnt" '$2 == m { print $4 }' /proc/self/mounts)
	[[ ,$opts, == *,nosuid,* && ,$opts, == *,nodev,* ]]
}
check "a39_a_mount_is_nosuid_and_nodev" mount_is_tame
check "a device node is made" mknod "$M/null" c 1 3
refuse "a39_a_device_node_is_not_opened" cat "$M/null"
rm "$M/null"

# A42.  Attack: what is kept on this machine is read from its disk.
# Defence: blocks lie sealed in the cache, rows and names sealed in the
# database; nothing is readable without the keys.
check "a42_names_content_and_attributes_are_not_readable_at_rest" \
    nothing_readable
not_even_while_killed() {
	echo "$SECRET again" >"$M/$MARK.2" && sync "$M/$MARK.2" || return 1
	cd "$T" && drive_kill && nothing_readable && drive_mount
}
check "a42_nor_after_a_crash_with_work_queued" not_even_while_killed
grep -q "$MARK" "$M/$MARK.2" || check "the file is back" false

# A48.  Attack: another user of this machine looks into the mount, or talks to
# its socket.
# Defence: without allow_other the kernel lets nobody else in, root included;
# the socket serves its owner and root, and its folder is closed.
cd "$T" || exit 1
need "it is unmounted" drive_unmount
mount_alone() {
	"$COFFRE" mount "$NAME" "$T/mnt" --passphrase-fd 9 9<<<"$PASS" \
	    8>&- >>"$T/daemon.log" 2>&1
}
chmod 755 "$T"
check "it is mounted for its owner alone" mount_alone
refuse "a48_another_user_does_not_list_it" as_nobody ls "$T/mnt"
refuse "a48_another_user_does_not_read_from_it" as_nobody cat \
    "$T/mnt/work/small"
check "its owner does" test "$(cat "$T/mnt/work/small")" = "$MARK$MARK"
refuse "a48_another_user_does_not_reach_the_socket" as_nobody env \
    XDG_RUNTIME_DIR="$T/run" "$COFFRE" status "$NAME"
refuse "a48_another_user_does_not_read_the_keys" as_nobody cat "$key"
MPID=$(drive_status .pid)
check "it is unmounted" "$COFFRE" unmount "$NAME"
until_ok 30 fails kill -0 "$MPID" 2>/dev/null
MPID=
# Root is another user too, of a drive that somebody else has mounted.
their_home() {
	T=$T/theirs
	fs_home
}
theirs() (
	their_home
	as_nobody "$@" --passphrase-fd 9 9<<<"$PASS" 8>&- >>"$T/log" 2>&1
)
theirs_is_made() {
	mkdir -p "$T/theirs/mnt" && : >"$T/theirs/log" &&
	    (their_home) &&
	    chown -R "$NOBODY:$NOBODY" "$T/theirs" &&
	    theirs "$COFFRE" init --store "dir:$T/theirs/store" \
	    --recovery-file "$T/theirs/recovery" theirs
}
need "another user has a drive" theirs_is_made
need "and mounts it" theirs "$COFFRE" mount theirs "$T/theirs/mnt"
check "who has mounted it looks into it" \
    as_nobody sh -c 'echo mine >"$1" && cat "$1"' sh "$T/theirs/mnt/mine"
refuse "a48_root_does_not_list_it_either" ls "$T/theirs/mnt"
refuse "a48_root_does_not_read_from_it_either" cat "$T/theirs/mnt/mine"
theirs_is_unmounted() (
	their_home
	as_nobody "$COFFRE" unmount theirs
)
check "and it is unmounted" theirs_is_unmounted

# A14.  Attack: the whole store is set back to an older state of itself.
# Defence: noticed while it is mounted; the user brings the newer state back,
# or accepts the loss.
need "it is mounted" drive_mount
cp -a "$T/store" "$T/old"
echo later >"$M/later"
head -c 500000 /dev/urandom >"$M/later.big"
sum=$(sha256sum <"$M/later.big")
check "more reaches the store" drive_sync
mv "$T/store" "$T/new" && cp -a "$T/old" "$T/store"
# For two minutes it may be a store that lags; after that the next try, which
# is up to a minute away, need not be waited for.
due=$((SECONDS + 125))
has_alarm() {
	echo x >>"$M/stir" 2>/dev/null
	[ "$SECONDS" -lt "$due" ] || "$COFFRE" sync "$NAME"
	[ "$(drive_status .sync.link)" = alarm ]
}
check "a14_a_rollback_under_a_mount_is_an_alarm" until_ok 240 has_alarm
refuse "a14_the_drive_is_then_read_only" touch "$M/no"
check "a14_what_is_here_is_read" grep -q later "$M/later"
refuse "trust says that there is an alarm" "$COFFRE" trust "$NAME"
refuse "nothing is accepted without a word" "$COFFRE" trust --accept \
    "$NAME" </dev/null
check "a14_a_loss_is_accepted_by_a_word_of_the_user" \
    "$COFFRE" trust --accept --yes "$NAME"
check "trust is content" "$COFFRE" trust "$NAME"
check "a14_the_drive_is_written_to_again" touch "$M/yes"
check "all of it reaches the store" drive_sync
check "a14_and_fsck_finds_every_block_on_the_store" drive_fsck --remote
"$COFFRE" cache --free 1T "$NAME" >/dev/null
same_big() {
	[ "$(sha256sum <"$M/later.big")" = "$sum" ]
}
check "a14_what_was_lost_there_is_read_from_there_again" same_big

fs_end
