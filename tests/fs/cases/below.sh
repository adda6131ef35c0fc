#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The folder below a mount: while nothing is mounted there its user leaves no
# files in it by mistake, and what is in the way all the same is named.
. "$(dirname "$0")/../lib.sh"
fs_need_fuse
# A user opens /dev/fuse; here perhaps only root may.
if [ -z "${BELOW_NS:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace to be had"
	BELOW_NS=1 exec unshare -m --propagation private "$0"
fi
let_go_of_mounts
fs_prepare

U=$T/user
as_user() {
	setpriv --reuid $NOBODY --regid $NOBODY --clear-groups env \
	    HOME="$U" XDG_CONFIG_HOME="$U/.config" \
	    XDG_STATE_HOME="$U/.state" XDG_RUNTIME_DIR="$U/.run" "$@"
}
as_coffre() {
	as_user "$COFFRE" "$@" --passphrase-fd 9 9<<<"$PASS"
}
mode_is() {
	[ "$(stat -c %a "$1")" = "$2" ] || { stat -c %a "$1"; return 1; }
}
said() {
	grep -qF -- "$1" "$T/err" || { cat "$T/err"; return 1; }
}
mounted() {
	grep -q " $1 fuse" /proc/self/mounts
}
pid_of() {
	as_user "$COFFRE" status --json mine | jq -r .pid
}
fuse_for_all() {
	cp -a /dev/fuse "$T/fuse" && chmod 666 "$T/fuse" &&
	    mount --bind "$T/fuse" /dev/fuse
}
end_all() {
	as_user "$COFFRE" unmount --lazy mine 2>/dev/null
	fs_cleanup
}
trap end_all EXIT

need "a user may open /dev/fuse" fuse_for_all
mkdir -p "$U/.run" "$U/store"
chmod 700 "$U/.run"
chown -R $NOBODY:$NOBODY "$U"
need "a user makes a drive" as_coffre init --store "dir:$U/store" \
    --recovery-file "$U/recovery" mine
need "and mounts it on a folder that is made for it" as_coffre mount mine
check "a file is written there" as_user sh -c "echo one >'$U/Coffre/one'"
check "it is unmounted" as_user "$COFFRE" unmount mine
refuse "then nothing is written in the folder below" \
    as_user touch "$U/Coffre/lost" 2>/dev/null
check "it can be seen into" as_user ls "$U/Coffre"
need "it is mounted there again" as_coffre mount mine
check "and holds what it did" as_user grep -qx one "$U/Coffre/one"

# A crash, and nobody who starts it again.
kill -9 "$(pid_of)"
check "what a crash has left is taken away" until_ok 10 \
    as_user "$COFFRE" unmount --stale mine
check "after it, too" until_ok 10 fails mounted "$U/Coffre"
refuse "nothing is written" as_user touch "$U/Coffre/lost" 2>/dev/null
need "and it is mounted again" as_coffre mount mine
check "as before" as_user grep -qx one "$U/Coffre/one"
check "it is unmounted" as_user "$COFFRE" unmount mine

# In the way all the same.
as_user chmod u+w "$U/Coffre"
as_user touch "$U/Coffre/plan.odt" "$U/Coffre/photo.jpg"
rc=0
as_coffre mount mine 2>"$T/err" || rc=$?
check "what is in the way is an error that trying again does not mend" \
    [ "$rc" -eq 66 ]
check "it is named" said "'plan.odt'"
check "all of it" said "'photo.jpg'"
check "and what to do" said "copy it into the drive"
as_user touch "$U/Coffre/3" "$U/Coffre/4" "$U/Coffre/5"
as_user chmod u-w "$U/Coffre"
as_coffre mount mine 2>"$T/err"
check "of many not all" said ", ... away"
check "where it cannot be moved, how it can" said "'chmod u+w'"
check "nothing of it is lost" [ "$(find "$U/Coffre" -type f | wc -l)" -eq 5 ]
as_user chmod u+w "$U/Coffre"
as_user mv "$U/Coffre" "$U/found"
check "with it moved away, it is mounted" as_coffre mount mine
check "it is unmounted" as_user "$COFFRE" unmount mine

# A mount that fails leaves the folder as it was.
as_user mkdir -m 755 "$U/new"
chmod 600 "$T/fuse"
refuse "without the device it is not mounted" \
    as_coffre mount mine "$U/new" 2>/dev/null
check "a folder is then as it was" mode_is "$U/new" 755
refuse "nor where it was" as_coffre mount mine 2>/dev/null
check "which stays closed" mode_is "$U/Coffre" 500
chmod 666 "$T/fuse"

# Folders of others are theirs.
chmod 755 "$T/mnt" 2>/dev/null || mkdir -m 755 "$T/mnt"
need "root mounts a drive" drive_mount
need "and unmounts it" drive_unmount
check "root's folder is as it was" mode_is "$T/mnt" 755
check "root mounts it on the user's" coffre mount "$NAME" "$U/new"
check "and unmounts it" "$COFFRE" unmount "$NAME"
check "that is as it was, too" mode_is "$U/new" 755

umount /dev/fuse
fs_count
[ "$N_FAILED" -eq 0 ]
