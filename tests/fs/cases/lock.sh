#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A mount without its keys: there at once, with a note in place of the files;
# unlocked and locked again while it stays.
. "$(dirname "$0")/../lib.sh"

fs_prepare
unlock() {
	coffre unlock "$NAME"
}
# The daemon in a session without a terminal, as a login starts it.
mount_unattended() {
	mkdir -p "$T/mnt"
	setsid "$COFFRE" mount "$NAME" "$T/mnt" -f \
	    -o "allow_other${MOUNT_OPTS:-}" "$@" </dev/null \
	    >>"$T/daemon.log" 2>&1 8>&- &
	MPID=$!
	until_ok 30 mount_settled && is_served
}
gives() {
	local want=$1
	shift
	[ "$("$@" 2>/dev/null)" = "$want" ]
}
is_locked() {
	gives true drive_status .locked
}
exec_close() {
	exec 6>&-
}
note=$T/mnt/LOCKED.txt info=$T/mnt/.xdg-volume-info

# ---- it comes up without a secret

need "it is mounted without a passphrase" mount_unattended
check "and locked" is_locked
# It asks for more than ls does: the time of birth.
check "its root can be looked at in full" stat -c '%F %w' "$T/mnt"
check "there is one note" gives LOCKED.txt ls -A "$T/mnt"
check "also in a long listing" gives 2 sh -c "ls -lA '$T/mnt' | wc -l"
check "which says what to do" grep -q "coffre unlock $NAME" "$note"
check "its size is right" [ "$(wc -c <"$note")" = "$(stat -c %s "$note")" ]
check "a part of it can be read" \
    gives drive sh -c "tail -c +5 '$note' | head -c 5"
check "file managers find its name" grep -qx "Name=$NAME" "$info"
check "of the right size" [ "$(wc -c <"$info")" = "$(stat -c %s "$info")" ]
refuse "which cannot be another" sh -c "echo x >'$info'"
refuse "it cannot be written" sh -c "echo x >'$note'"
refuse "nor removed" rm -f "$note"
refuse "nothing can be made" touch "$T/mnt/new"
refuse "no folder either" mkdir "$T/mnt/new"
refuse "no nameless file" python3 -c \
    "import os; os.open('$T/mnt', os.O_TMPFILE | os.O_RDWR, 0o600)"
refuse "what is not there is not there" stat "$T/mnt/file"
check "its size is told at once" timeout 5 df "$T/mnt"
check "others see nothing" [ "$(exit_of setpriv --reuid=$NOBODY \
    --clear-groups ls "$T/mnt")" != 0 ]
check "status says so" [ "$(exit_of "$COFFRE" status "$NAME")" = 75 ]
check "and what to do" sh -c \
    "'$COFFRE' status '$NAME' | grep -q 'coffre unlock $NAME'"
check "other commands are refused" [ "$(exit_of "$COFFRE" sync "$NAME")" = 77 ]
refuse "there is one mount of it, locked or not" "$COFFRE" mount -f --locked \
    "$NAME" "$T/elsewhere"
check "a wrong passphrase is refused" [ "$(exit_of "$COFFRE" unlock "$NAME" \
    --passphrase-command 'echo wrong')" = 77 ]
check "it is locked still" is_locked
refuse "without a terminal there is none to ask" \
    setsid -w "$COFFRE" unlock "$NAME"

# ---- unlocked

exec 5<"$note" 6<"$info"
need "it is unlocked" unlock
check "the note is gone" gives '' ls -A "$T/mnt"
check "but for whoever had it open" grep -q locked <&5
check "the name is the same" cmp - "$info" <&6
exec 5<&- 6<&-
refuse "it is not locked" is_locked
check "unlocking again is no error" unlock
M=$T/mnt/work
mkdir -p "$M/deep/er" && cp -r "$TOP/scripts" "$M/deep/" || exit 1
echo "$MARK" >"$M/file$MARK"
need "there is what is to be read nowhere" plant
python3 - "$M" <<'END' || N_FAILED=$((N_FAILED + 1))
import os, sys
os.close(os.open(sys.argv[1], os.O_TMPFILE | os.O_RDWR, 0o600))
END
dump "$M" >"$T/before"

# ---- locked again

(cd "$M/deep/er" && exec sleep 1000) &
inside=$!
until_ok 10 test "/proc/$inside/cwd" -ef "$M/deep/er"
(cd "$M" && exec sleep 1000) &
at_root=$!
until_ok 20 test "/proc/$at_root/cwd" -ef "$M"
is_where_it_was() {
	gives "$M" readlink "/proc/$at_root/cwd"
}
check "everything is in the kernel's memory" cat "$M/file$MARK"
refuse "also that there is no note" stat "$note"
check "and the name for file managers" grep -qx "Name=$NAME" "$info"
check "it is locked, with a program inside" "$COFFRE" lock "$NAME"
check "and says so" is_locked
check "the note is back" gives LOCKED.txt ls -A "$T/mnt"
check "and is read" grep -q "coffre unlock $NAME" "$note"
check "as is the name" grep -qx "Name=$NAME" "$info"
refuse "what the kernel had read it gives no more" cat "$M/file$MARK"
refuse "nor names it knew" stat "$M/deep"
refuse "nor where the program is" ls "/proc/$inside/cwd/"
check "locking again is no error" "$COFFRE" lock "$NAME"
check "fsck is refused, too" [ "$(exit_of "$COFFRE" fsck "$NAME")" = 77 ]
need "it is unlocked again" unlock
check "a program in a folder of the root is where it was" \
    until_ok 30 is_where_it_was
dump "$M" >"$T/after"
check "everything is as it was" diff -u "$T/before" "$T/after"
check "the program can go on" ls "/proc/$inside/cwd/"
kill "$inside" "$at_root"

# ---- what is open

exec 6>>"$M/open"
echo one >&6
check "while a file is open it is refused" \
    [ "$(exit_of "$COFFRE" lock "$NAME")" = 75 ]
"$COFFRE" lock "$NAME" 2>"$T/err"
check "with a reason" grep -q '1 file or folder is open' "$T/err"
refuse "it is not locked by that" is_locked
check "and the file can be written" sh -c 'echo two >&6'
exec 7<"$M/file$MARK"
check "by force it is" "$COFFRE" lock --force "$NAME"
check "locked" is_locked
refuse "then a write fails" sh -c 'echo three >&6'
refuse "a read as well, in spite of the kernel" sh -c 'cat <&7'
need "it is unlocked" unlock
refuse "such a file stays dead" sh -c 'echo four >&6'
exec 7<&-
check "closing it is no error" exec_close
check "what was written before is there" gives 'one
two' cat "$M/open"
check "closed, it is in nobody's way" "$COFFRE" lock "$NAME"
need "it is unlocked" unlock

# outlives WHAT: a program has a file and a folder open while the drive is
# locked by force and unlocked, and then tries that.
outlives() {
	echo content >"$M/kept" || return 1
	python3 - "$COFFRE" "$NAME" "$PASS" "$M" "$1" <<'END'
import os, subprocess, sys
coffre, name, secret, where, what = sys.argv[1:]
f = open(where + "/kept", "r+")
folder = os.open(where + "/deep", os.O_RDONLY | os.O_DIRECTORY)
# The second is answered by the kernel alone.
if not os.listdir(folder) or not os.listdir(folder):
    sys.exit("nothing is listed")
tries = {"cut": lambda: f.truncate(0), "list": lambda: os.listdir(folder)}
def is_refused():
    try:
        tries[what]()
    except OSError:
        return True
    print(what, "is no error")
    return False
subprocess.run([coffre, "lock", "--force", name], check=True)
is_well = is_refused()
subprocess.run([coffre, "unlock", name, "--passphrase-command",
    "echo " + secret], check=True)
is_well = is_refused() and is_well
with open(where + "/kept") as again:
    is_well = again.read() == "content\n" and is_well
sys.exit(not is_well)
END
}
check "a file that was open then cannot be cut" outlives cut
check "a folder that was cannot be listed" outlives list

# ---- what is mounted inside

mkdir "$M/deep/tmp"
if unshare -m true 2>/dev/null; then
	check "something is mounted in a folder" \
	    mount -t tmpfs coffretest "$M/deep/tmp"
	check "then it is refused" [ "$(exit_of "$COFFRE" lock "$NAME")" = 75 ]
	"$COFFRE" lock "$NAME" 2>"$T/err"
	check "with its name" grep -qF "'$M/deep/tmp'" "$T/err"
	refuse "it is not locked by that" is_locked
	check "what is mounted is there" mountpoint -q "$M/deep/tmp"
	check "by force it is" "$COFFRE" lock --force "$NAME"
	need "it is unlocked" unlock
	check "and that is mounted no more" fails mountpoint -q "$M/deep/tmp"
else
	skip_part "what is mounted inside" "nothing can be mounted"
fi
rmdir "$M/deep/tmp"

# ---- again and again, under load

(
	while echo x >>"$M/log" && cat "$M/deep/scripts/demo.sh"; do
		:
	done >/dev/null 2>&1
	while [ ! -e "$T/stop" ]; do
		echo x >>"$M/log" && ls -lR "$M" && cat "$M/deep/scripts/"*
		python3 -c "import os; os.open('$M', os.O_TMPFILE | os.O_RDWR)"
	done >/dev/null 2>&1
) &
load=$!
n=0
for _ in 1 2 3 4 5 6; do
	"$COFFRE" lock --force "$NAME" && unlock && n=$((n + 1))
done
touch "$T/stop"
wait "$load"
check "it was locked and unlocked under load six times" [ "$n" -eq 6 ]
check "the daemon lives" kill -0 "$MPID"
rm -f "$M/log"
dump "$M" >"$T/before"
check "a nameless file can be made as before" python3 -c \
    "import os; os.open('$M', os.O_TMPFILE | os.O_RDWR, 0o600)"
check "it is unmounted" drive_unmount
check "fsck finds nothing" drive_fsck

# ---- by itself, when nobody uses it

MOUNT_OPTS=,lock_after=8 need "it is mounted" drive_mount
sleep 1
refuse "used a moment ago it is not locked" is_locked
exec 5<"$M/open"
sleep 12
refuse "nor while a file is open" is_locked
exec 5<&-
check "unused it is locked by itself" until_ok 60 is_locked
need "it is unlocked" unlock

# What shows how files are asks for ever.
(while getfattr -n user.coffre.state "$M/open"; do sleep 0.5; done) \
    >/dev/null 2>&1 8>&- &
shows=$!
check "it is so though a file manager shows its files" until_ok 60 is_locked
kill "$shows"
need "it is unlocked" unlock

# A command that takes long keeps it open, and holds up no other.
store_away() {
	mv "$T/store" "$T/store.away"
}
store_back() {
	mv "$T/store.away" "$T/store"
}
store_away
echo more >>"$M/open"
"$COFFRE" sync --wait "$NAME" >/dev/null 2>&1 8>&- &
waits=$!
sleep 6
slow=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	timeout 2 "$COFFRE" status "$NAME" >/dev/null 2>&1
	[ $? -ne 124 ] || slow=$((slow + 1))
	sleep 0.5
done
check "while a command waits others are answered at once" [ "$slow" -le 3 ]
refuse "it is not locked meanwhile" is_locked
kill "$waits"
store_back
check "when the command is over it is locked" until_ok 60 is_locked
need "it is unlocked" unlock
dump "$M" >"$T/after"
sed -i '/open/d' "$T/before" "$T/after"
check "everything is as it was" diff -u "$T/before" "$T/after"
check "all of it reaches the store" drive_sync
check "it is locked" "$COFFRE" lock "$NAME"
check "and unmounted, locked" drive_unmount

# ---- a command that fails

echo "passphrase_command = false" >>"$T/config/coffre/$NAME.conf"
need "with a command that fails it is mounted" mount_unattended
check "locked" is_locked
check "the log says why" grep -q "command 'false' failed" "$T/daemon.log"
check "a signal ends it" kill "$MPID"
check "in order" daemon_gone 30

# ---- one that does not end

secret_by() {
	sed -i "s|^passphrase_command = .*|passphrase_command = $1|" \
	    "$T/config/coffre/$NAME.conf"
}
secret_by "sleep 1000.$$"
need "with a command that does not end it is mounted" mount_unattended
check "locked" is_locked
check "the log says why" grep -q 'did not come to an end in time' \
    "$T/daemon.log"
check "a signal ends it" kill "$MPID"
check "in order, and soon" daemon_gone 30
check "and the command with it" until_ok 10 fails pgrep -xf "sleep 1000.$$"

# While it is waited for somebody unlocks the drive, and it ends meanwhile.
echo "remember = 3600" >>"$T/config/coffre/$NAME.conf"
ended=0
for pause in 0.05 0.1 0.15 0.3; do
	need "with a command that does not end it is mounted" mount_unattended
	unlock >/dev/null 2>&1 8>&- &
	late=$!
	sleep "$pause"
	until_ok 20 umount "$T/mnt" && daemon_gone 30 &&
	    [ ! -e "$T/run/coffre/$NAME.slot" ] && ended=$((ended + 1))
	wait "$late"
done
check "ended while it is unlocked it ends in order, and remembers nothing" \
    [ "$ended" -eq 4 ]
sed -i '/^remember = /d' "$T/config/coffre/$NAME.conf"

# The first time it takes too long, then until it may go on.
cat >"$T/slow" <<END
#!/bin/sh
[ -e "$T/again" ] || { touch "$T/again"; exec sleep 1000; }
until [ -e "$T/go" ]; do sleep 0.1; done
echo "$PASS"
END
chmod 700 "$T/slow"
secret_by "$T/slow"
need "with one that takes long it is mounted" mount_unattended
check "locked" is_locked
touch "$T/go"
check "and unlocked when that has ended" until_ok 60 is_open
check "it is unmounted" drive_unmount
check "nothing is readable at rest" nothing_readable
[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
