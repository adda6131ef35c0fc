#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Mounting and unmounting in all the ways a user may do it.
. "$(dirname "$0")/../lib.sh"
fs_begin

cd "$T" || exit 1
mount_again() {
	"$COFFRE" mount "$NAME" "$T/other" -f --passphrase-fd 9 9<<<"$PASS"
}
wrong_passphrase() {
	"$COFFRE" mount "$NAME" "$T/mnt" -f --passphrase-fd 9 9<<<"not it"
}
in_background() {
	"$COFFRE" mount "$NAME" "$T/mnt" --passphrase-fd 9 9<<<"$PASS" &&
	    is_mounted
}
fingerprint_is_words() {
	coffre fingerprint "$NAME" | grep -qE '[a-z]+[ -][a-z]+'
}
init_again() {
	coffre init --store "dir:$T/store2" "$NAME"
}
init_on_a_taken_store() {
	coffre init --store "dir:$T/store" otherdrive
}
init_over_a_key() {
	mkdir "$T/store2"
	coffre init --store "dir:$T/store2" --recovery-file "$T/recovery" other
}
gone() {
	until_ok 30 fails is_mounted
}
state_free() {
	until_ok 30 drive_fsck
}
busy_umount() {
	"$COFFRE" unmount "$NAME"
}

echo "$MARK" >"$M/file"
check "status knows the mount" sh -c '"$1" status "$2" | grep -q .' sh \
    "$COFFRE" "$NAME"
check "status speaks JSON" sh -c '"$1" status --json "$2" | jq -e .' sh \
    "$COFFRE" "$NAME"
says_what_fails() {
	"$@" >/dev/null || return 1
	[ "$("$@" 2>&1 >/dev/full)" = \
	    "coffre: the output could not be written" ] || return 1
	fails "$@" >/dev/full 2>&1
}
check "output that is lost is no success" \
    says_what_fails "$COFFRE" status --json "$NAME"
check "nor is the version's" says_what_fails "$COFFRE" version
check "the fingerprint is words" fingerprint_is_words
check "no secret is in the daemon's arguments" \
    fails grep -qa 'horse battery' "/proc/$MPID/cmdline"
check "nor in its environment" \
    fails grep -qa 'horse battery' "/proc/$MPID/environ"
mkdir "$T/other"
refuse "a second mount of the drive is refused" mount_again
check "the first is still there" test -e "$M/file"
refuse "a second drive of the same name is refused" init_again
refuse "a second drive on the same store is refused" init_on_a_taken_store
cp "$T/recovery" "$T/key"
refuse "the key of another drive is not written over" init_over_a_key
check "it is what it was" cmp "$T/recovery" "$T/key"
check "and no drive was made" sh -c '[ -z "$(ls "$1")" ]' sh "$T/store2"
check "fsck of a mounted drive answers, or refuses, without a hang" \
    timeout 60 bash -c '"$1" fsck "$2" --passphrase-fd 9 9<<<"$3"; true' \
    bash "$COFFRE" "$NAME" "$PASS"

exec 7>"$M/held"
echo before >&7
refuse "a mount in use is not unmounted" busy_umount
check "and goes on working" sh -c 'echo x >"$1/x" && cat "$1/x"' sh "$M"
echo after >&7
exec 7>&-

check "unmount by its mount point" "$COFFRE" unmount "$T/mnt"
check "the daemon ends well" daemon_gone 60
refuse "a wrong passphrase is refused" wrong_passphrase
refuse "and nothing is mounted" is_mounted

need "it is mounted" drive_mount
check "what was written is there" grep -qx after "$M/held"
kill -TERM "$MPID"
check "SIGTERM unmounts" gone
check "and the daemon ends well" daemon_gone 60

need "it is mounted" drive_mount
kill -INT "$MPID"
check "SIGINT unmounts" gone
check "and the daemon ends well" daemon_gone 60

need "it is mounted" drive_mount
check "fusermount3 -u unmounts" fusermount3 -u "$T/mnt"
check "and the daemon ends well" daemon_gone 60

need "it is mounted" drive_mount
check "umount unmounts" umount "$T/mnt"
check "and the daemon ends well" daemon_gone 60

# The mount may have ended before it has told so.
for round in 1 2 3; do
	need "it is mounted" drive_mount
	check "lazily it is unmounted, round $round" \
	    "$COFFRE" unmount --lazy "$NAME"
	check "and the daemon ends well" daemon_gone 60
done

need "it is mounted" drive_mount
drive_kill
refuse "a killed daemon leaves a dead mount point" is_served
mkdir -p "$T/home2/coffre/$NAME"
echo "$T/elsewhere" >"$T/home2/coffre/$NAME/mount.lock"
refuse "from another home it is not that of the drive of this name" \
    env XDG_STATE_HOME="$T/home2" "$COFFRE" unmount "$NAME"
check "and stays" grep -qF " $T/mnt " /proc/self/mounts
need "mounting replaces the dead mount point" drive_mount
check "what was written is there" grep -q "$MARK" "$M/file"
need "it is unmounted" drive_unmount

mount_on() {
	"$COFFRE" mount "$NAME" "$1" -f --passphrase-fd 9 9<<<"$PASS" \
	    >>"$T/daemon.log" 2>&1 8>&- &
	MPID=$!
	until_ok 60 is_on "$1" || return 1
}
is_on() {
	[ "$(stat -f -c %t "$1" 2>/dev/null)" = 65735546 ]
}
mkdir "$T/real"
ln -s real "$T/link"
need "by a link it is mounted where that leads" mount_on "$T/link"
drive_kill
need "there, too, it replaces the dead mount point" mount_on "$T/link"
check "what was written is there" grep -q "$MARK" "$T/real/work/file"
need "it is unmounted" drive_unmount

# Latin 1: no text for who reads UTF-8.
odd=$T/$(printf 'm\351')
need "it is mounted on a folder whose name is no UTF-8" mount_on "$odd"
exec 7>"$odd/held"
check "in use it is refused at once to unmount it" \
    [ "$(exit_of timeout 10 "$COFFRE" unmount "$NAME")" = 75 ]
exec 7>&-
need "it is unmounted" drive_unmount

check "without -f it goes to the background when ready" in_background
check "and the drive is there" grep -q "$MARK" "$M/file"
log=$T/state/coffre/$NAME/log
need "its log is there" test -e "$log"
head -c 1100000 /dev/zero | tr '\0' x >>"$log"
was=$(stat -c %i "$log")
refuse "a second mount of it is refused" in_background
check "and leaves it its log" [ "$(stat -c %i "$log")" = "$was" ]
check "unmount waits for it" "$COFFRE" unmount "$NAME"
check "unmounted" gone
check "the state is free again" state_free
need "it is mounted in the background" in_background
check "then the large log is set aside" [ "$(stat -c %i "$log.1")" = "$was" ]
check "and there is a new one" test -e "$log"
need "it is unmounted" "$COFFRE" unmount "$NAME"
refuse "unmounting what is not mounted fails" "$COFFRE" unmount "$NAME"
refuse "an unknown drive is named as such" "$COFFRE" status nosuchdrive
# on_terminal COMMAND...: what it writes to one.
on_terminal() {
	python3 - "$@" <<'PY'
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
said = b""
try:
    while got := os.read(fd, 4096):
        said += got
except OSError:
    pass
os.waitpid(pid, 0)
sys.stdout.buffer.write(said)
PY
}
wild=$(printf 'a\033[31m\342\200\256b\302\233c')
tame() {
	on_terminal "$COFFRE" status "$wild" | grep -qF "'a?[31m?b?c'"
}
check "a terminal is not told what to do by a name" tame
is_kept() {
	"$COFFRE" status "$wild" 2>&1 | grep -qF "'$wild'"
}
check "which a program gets as it is" is_kept
refuse "an unknown option is refused" "$COFFRE" mount --nonsense "$NAME"

need "it is mounted" drive_mount

# Who was started meanwhile with mounts of its own has it still.
cd "$T" || exit 1
if unshare -m true 2>/dev/null; then
	unshare -m --propagation private sleep 300 &
	other=$!
	need "somebody has it in a namespace of its own" until_ok 10 \
	    grep -qx sleep "/proc/$other/comm"
	"$COFFRE" unmount "$NAME" >"$T/unmount.out" 2>&1 &
	waiter=$!
	check "who unmounts is told what it waits for" until_ok 30 \
	    grep -q "still in a container" "$T/unmount.out"
	check "it is not mounted here" fails is_mounted
	check "it is for the other one" nsenter -m -t "$other" \
	    test -d "$T/mnt/work"
	refuse "there is nothing to unmount for another" \
	    timeout 60 "$COFFRE" unmount "$NAME"
	check "who unmounted first waits on" kill -0 "$waiter"
	kill "$other"
	check "with that it ends" wait "$waiter"
	need "the daemon ends" daemon_gone 60
	need "it is mounted" drive_mount
else
	skip_part "a mount that is still in a namespace" \
	    "no mount namespace to be had"
fi
fs_end
