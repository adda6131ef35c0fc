#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Lines of fstab: by root and by a user, with all that desktops and systemd
# write behind them.
. "$(dirname "$0")/../lib.sh"
fs_need_fuse
# A world of its own: /sbin, /etc/fstab, mount(8)'s notes and the mode of
# /dev/fuse are others there.
if [ -z "${FSTAB_NS:-}" ]; then
	unshare -m true 2>/dev/null || skip "no mount namespace to be had"
	FSTAB_NS=1 exec unshare -m --propagation private "$0"
fi
let_go_of_mounts
fs_prepare
SBIN=$(readlink -f /sbin)

world() {
	# What is built is installed as it is: others are using it.
	make -s -C "$TOP" -o all -o "$B/.flags" -o "$B/coffre-keyring" \
	    -o "$B/coffre-desktop" B="$B" install DESTDIR="$T/dest" \
	    PREFIX=/usr >/dev/null &&
	    ln -sf "$COFFRE" "$T/dest/sbin/mount.coffre" &&
	    ln -sf "$COFFRE" "$T/dest/sbin/mount.fuse.coffre" &&
	    ln -sf "$COFFRE" "$T/dest/sbin/umount.coffre" &&
	    ln -sf "$COFFRE" "$T/dest/sbin/umount.fuse.coffre" &&
	    mount -t overlay overlay -o "lowerdir=$T/dest/sbin:$SBIN" "$SBIN" &&
	    mkdir -p "$T/notes" "$T/mnt" /run/mount &&
	    mount --bind "$T/notes" /run/mount &&
	    cp -a /dev/fuse "$T/fuse" && chmod 666 "$T/fuse" &&
	    mount --bind "$T/fuse" /dev/fuse &&
	    touch "$T/fstab" && mount --bind "$T/fstab" /etc/fstab
}
shows() {
	[ "$(findmnt -no SOURCE,FSTYPE "$1" | tr -s ' ')" = "$2" ]
}
daemon_ends() {
	until_ok 30 fails "$COFFRE" status "$NAME" >/dev/null 2>&1
}
# as_user COMMAND...: with a home of its own.
as_user() {
	setpriv --reuid 65534 --regid 65534 --clear-groups env \
	    HOME="$T/uhome" XDG_CONFIG_HOME="$T/uhome/.config" \
	    XDG_STATE_HOME="$T/uhome/.state" XDG_RUNTIME_DIR="$T/uhome/.run" \
	    "$@"
}
exits() {
	local want=$1 rc=0
	shift
	"$@" 2>/dev/null || rc=$?
	[ "$rc" -eq "$want" ]
}

need "it is installed beside what mount(8) has" world
check "the helpers are links to the program" test -L \
    "$T/dest/sbin/mount.fuse.coffre" -a -L "$T/dest/sbin/umount.fuse.coffre"
check "and have a manual" test -s "$T/dest/usr/share/man/man8/mount.coffre.8"
C=$XDG_CONFIG_HOME/coffre/$NAME.conf
echo "passphrase_command = echo '$PASS'" >>"$C"

# By root.
cat >"$T/fstab" <<TAB
$NAME $T/mnt fuse.coffre allow_other,_netdev,nofail,noauto,x-gvfs-show,x-gvfs-name=My%20Drive,x-gvfs-icon=folder-remote,x-systemd.mount-timeout=30 0 0
TAB
check "root mounts a line of fstab" mount "$T/mnt"
check "the kernel shows its source and type" shows "$T/mnt" \
    "$NAME fuse.coffre"
check "by which mount(8) keeps what is for GVfs" grep -q "SRC=$NAME .*x-gvfs-show" "$T/notes/utab"
check "it is known by its name" sh -c '"$1" status "$2" | grep -q "$3"' \
    sh "$COFFRE" "$NAME" "mounted on $T/mnt"
check "a file is written" sh -c 'echo x >"$1/file"' sh "$T/mnt"
check "and by its path" "$COFFRE" sync --wait "$T/mnt/file"
check "umount ends it" umount "$T/mnt"
check "the daemon ends" daemon_ends
check "mount -t coffre, with the other name" mount -t coffre \
    "coffre#$NAME" "$T/mnt" -o ro,user=anna,noexec
check "shows that" shows "$T/mnt" "coffre#$NAME fuse.coffre"
check "it is known by its name" "$COFFRE" status "$NAME" >/dev/null
refuse "it is read-only" touch "$T/mnt/file"
check "what was written is there" [ "$(cat "$T/mnt/file")" = x ]
check "coffre unmount ends it" "$COFFRE" unmount "$NAME"
check "the daemon ends" daemon_ends

# umount(8) returns when the kernel has let go, not the daemon; the next mount
# waits for that one.
has_ended() {
	flock -n "$XDG_STATE_HOME/coffre/$NAME/mount.lock" true
}
lies_once() {
	[ "$(findmnt -no TARGET "$T/mnt" | wc -l)" -eq 1 ]
}
echo "drain = 4" >>"$C"
: >"$T/notes/utab"	# what "coffre unmount" has left there
check "it is mounted" mount -t fuse.coffre "$NAME" "$T/mnt"
check "a file is written" sh -c 'echo y >"$1/file"' sh "$T/mnt"
mv "$T/store" "$T/away"
check "umount returns" umount "$T/mnt"
refuse "before the daemon, which cannot reach the store, has ended" has_ended
check "it is mounted again" mount -t fuse.coffre "$NAME" "$T/mnt"
check "and holds what was written" [ "$(cat "$T/mnt/file")" = y ]
check "a mount beside it is none" exits 32 mount -t fuse.coffre "$NAME" \
    "$T/mnt2"
check "umount returns" umount "$T/mnt"
check "it is mounted as fstab says" mount "$T/mnt"
check "umount, which mount(8) left a note, calls the helper" umount "$T/mnt"
check "which waits for the daemon" has_ended
mv "$T/away" "$T/store"
check "it is mounted" mount "$T/mnt"
cd "$T/mnt" || exit 1
check "what is in use is not unmounted" exits 32 umount "$T/mnt"
check "which is told as file managers look for it" \
    grep -q 'target is busy' <(umount "$T/mnt" 2>&1)
check "but lazily" umount -l "$T/mnt"
cd "$T" || exit 1
check "the daemon ends" daemon_ends

# Other flags for what is mounted.
has() {
	findmnt -no OPTIONS "$T/mnt" | tr , '\n' | grep -qx "$1"
}
: >"$T/fstab"	# mount(8) would take the other options from there
check "it is mounted" mount -t fuse.coffre "$NAME" "$T/mnt" -o noexec
check "it is made read-only" mount -o remount,ro "$T/mnt"
check "is so" has ro
check "nothing else lies on it" lies_once
refuse "nothing is written" touch "$T/mnt/file"
check "it is still noexec" has noexec
check "and nosuid" has nosuid
check "it is made writable" mount -o remount,rw "$T/mnt"
check "is so" touch "$T/mnt/file"
check "it is still nodev" has nodev
check "what is not mounted is not mounted again" exits 32 mount -o \
    remount,ro -t fuse.coffre "$NAME" "$T/store"
check "an unknown word is a wrong one" exits 1 mount -o remount,nonsense \
    "$T/mnt"
exec 7>"$T/mnt/open"
check "while a file is open for writing it is not made read-only" exits 32 \
    mount -o remount,ro "$T/mnt"
exec 7>&-
check "umount -r can unmount" umount -r "$T/mnt"
check "the daemon ends" daemon_ends
for o in strictatime lazytime nolazytime relatime,norelatime nostrictatime \
    nodiratime silent default_permissions dirsync,sync nosymfollow; do
	check "mounted with $o" mount -t coffre "$NAME" "$T/mnt" -o "$o"
	check "it holds what it did" [ "$(cat "$T/mnt/file")" = y ]
	ln -sf file "$T/mnt/link"
	[ "$o" = nosymfollow ] || check "a link is followed" test \
	    -f "$T/mnt/link"
	[ "$o" != nosymfollow ] || refuse "no link is followed" test \
	    -e "$T/mnt/link"
	check "umount ends it" umount "$T/mnt"
done
check "the daemon ends" daemon_ends

# What is in use becomes read-only by "umount -r", and keeps the rest.
check "mounted with both" mount -t coffre "$NAME" "$T/mnt" -o \
    noexec,nosymfollow
cd "$T/mnt" || exit 1
check "umount -r makes it read-only" "$SBIN/umount.coffre" -r "$T/mnt"
check "is so" has ro
check "it is still noexec" has noexec
refuse "and still no link is followed" test -e "$T/mnt/link"
cd "$T" || exit 1
check "umount ends it" umount "$T/mnt"
check "the daemon ends" daemon_ends

# What cannot be.
H=$SBIN/mount.coffre
check "an unknown option is a wrong word" exits 1 "$H" "$NAME" "$T/mnt" \
    -o nonsense
check "one word is too few" exits 1 "$H" "$NAME"
check "a drive that is none fails" exits 32 "$H" nodrive "$T/mnt"
check "a name that can be none is a wrong word" exits 1 "$H" ../x "$T/mnt"
check "a fake mount mounts nothing" exits 0 "$H" "$NAME" "$T/mnt" -f -o ro
refuse "indeed" mountpoint -q "$T/mnt"
check "and looks at its words" exits 1 "$H" "$NAME" "$T/mnt" -f -o nonsense
check "with -s unknown ones are left out" "$H" "$NAME" "$T/mnt" -s -o \
    nonsense,ro,more=nonsense
check "and known ones hold" fails touch "$T/mnt/file"
check "it is unmounted" umount "$T/mnt"
check "the daemon ends" daemon_ends

# By a user, as a click in a file manager does.
mkdir -p "$T/uhome/.run" "$T/uhome/store"
chmod 700 "$T/uhome/.run"
chown -R 65534:65534 "$T/uhome"
need "a user makes a drive" as_user "$COFFRE" init --store \
    "dir:$T/uhome/store" --recovery-file "$T/uhome/recovery" \
    --passphrase-fd 9 9<<<"$PASS" mine
echo "passphrase_command = echo '$PASS'" >>"$T/uhome/.config/coffre/mine.conf"
cat >"$T/fstab" <<TAB
mine $T/uhome/Coffre fuse.coffre user,noauto,nosuid,nodev,_netdev,x-gvfs-show 0 0
TAB
as_user mkdir "$T/uhome/Coffre"
check "the user mounts it by the path alone" as_user mount "$T/uhome/Coffre"
check "it is the user's" as_user sh -c 'echo y >"$1/file"' sh \
    "$T/uhome/Coffre"
refuse "and nobody else's" cat "$T/uhome/Coffre/file"
check "the kernel shows the source" shows "$T/uhome/Coffre" \
    "mine fuse.coffre"
check "it may not run what is there as fstab says" sh -c \
    'findmnt -no OPTIONS "$1" | grep -q nosuid' sh "$T/uhome/Coffre"
pid_now() {
	as_user "$COFFRE" status --json mine 2>/dev/null | jq -r '.pid // empty'
}
pid=$(pid_now)
is_back() {
	[ -n "$(pid_now)" ] && [ "$(pid_now)" != "$pid" ] &&
	    as_user grep -qx y "$T/uhome/Coffre/file"
}
kill -9 "$pid"
check "a crash heals" until_ok 30 is_back
check "umount by the user ends it" as_user umount "$T/uhome/Coffre"
refuse "it is gone" mountpoint -q "$T/uhome/Coffre"

# As a file manager does: it gives it ten seconds, whatever there is to upload.
check "the user mounts it again" as_user mount "$T/uhome/Coffre"
mv "$T/uhome/store" "$T/uhome/away"
check "writes, with the store away" as_user sh -c 'echo z >"$1/more"' sh \
    "$T/uhome/Coffre"
begin=$SECONDS
check "and ejects it" as_user timeout 10 umount "$T/uhome/Coffre" \
    </dev/null 2>/dev/null
check "which is soon done" test $((SECONDS - begin)) -lt 5
refuse "it is gone" mountpoint -q "$T/uhome/Coffre"
mv "$T/uhome/away" "$T/uhome/store"
check "the user mounts it once more" as_user mount "$T/uhome/Coffre"
check "nothing is lost" as_user grep -qx z "$T/uhome/Coffre/more"
check "and it is ended" as_user "$COFFRE" unmount mine

umount /etc/fstab
umount /dev/fuse
umount /run/mount
cd /
umount "$SBIN"
fs_count
[ "$N_FAILED" -eq 0 ]
