#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The desktop's keyring unlocks a drive: a real gnome-keyring on a bus of its
# own that is there, locked, late, absent, and has lost the key.  Nobody is
# asked for anything by a mount that waits.
. "$(dirname "$0")/../lib.sh"
. "$TOP/tests/fs/login.sh"

fs_prepare
HELPER=$(dirname "$COFFRE")/coffre-keyring
[ -x "$HELPER" ] || skip "coffre-keyring is not built (libsecret-1-dev)"
for p in dbus-daemon dbus-monitor gnome-keyring-daemon python3; do
	command -v "$p" >/dev/null || skip "$p is missing"
done

BUS=
RING=
MON=
session_end() {
	[ -z "$MON" ] || kill "$MON" 2>/dev/null
	[ -z "$RING" ] || kill "$RING" 2>/dev/null
	[ -z "$BUS" ] || kill "$BUS" 2>/dev/null
}
trap 'session_end; fs_cleanup' EXIT

# ---- the session

# No folders of services: nothing is started that the case does not start.
cat >"$T/bus.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=$T/bus</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
END
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
unset DISPLAY WAYLAND_DISPLAY GNOME_KEYRING_CONTROL
bus_start() {
	dbus-daemon --config-file="$T/bus.conf" --nofork 2>/dev/null 8>&- &
	BUS=$!
	until_ok 10 test -S "$T/bus" || return 1
	# Whoever has a person asked does so by that call.
	dbus-monitor --session "member='Prompt'" >"$T/prompts" 2>/dev/null &
	MON=$!
}
prompts() {
	grep -c 'member=Prompt$' "$T/prompts"
}
has_ring() {
	"$HELPER" look
}
# ring_start [unlocked]
ring_start() {
	local how=()
	[ "${1:-}" != unlocked ] || how=(--unlock)
	rm -rf "$T/run/keyring"
	gnome-keyring-daemon --foreground --components=secrets "${how[@]}" \
	    < <(printf keyring-password) >>"$T/ring.log" 2>&1 8>&- &
	RING=$!
	until_ok 20 has_ring
}
ring_end() {
	kill "$RING"
	until_ok 10 fails has_ring
	RING=
}
# As PAM does at a login that has the password: a zero byte, then length,
# number 1 and the password; the answer is 0.
cat >"$T/unlock.py" <<'END'
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
word = sys.argv[2].encode()
s.sendall(b"\0" + struct.pack(">III", 12 + len(word), 1, len(word)) + word)
sys.exit(struct.unpack(">II", s.recv(8, socket.MSG_WAITALL))[1])
END
ring_unlock() {
	python3 "$T/unlock.py" "$T/run/keyring/control" keyring-password
}
# The id of the slot as the keyring's attribute has it.
slot_id() {
	od -An -v -tx1 -j8 -N16 "$SLOT" | tr -d ' \n'
}
keyring() {
	local what=$1
	shift
	coffre keyring "$what" "$NAME" "$@"
}
helper_waits() {
	pgrep -x -P "$MPID" coffre-keyring >/dev/null
}
unlock_unasked() {
	setsid -w "$COFFRE" unlock "$NAME" </dev/null
}
SLOT=$T/config/coffre/$NAME.slot

# ---- absent

export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/nobus
check "without a bus it is refused" [ "$(exit_of keyring enable)" = 69 ]
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
need "a bus is there" bus_start
check "without a keyring, too" [ "$(exit_of keyring enable)" = 69 ]
keyring enable 2>"$T/err"
check "with a reason" grep -q 'no keyring' "$T/err"
refuse "and nothing is left of it" test -e "$SLOT"

# ---- present

need "an unlocked keyring is there" ring_start unlocked
check "a wrong passphrase is refused" [ "$(exit_of "$COFFRE" keyring enable \
    "$NAME" --passphrase-command 'echo wrong')" = 77 ]
need "it is enabled" keyring enable
check "the slot is there, for the user alone" \
    [ "$(stat -c %a "$SLOT")" = 600 ]
KEY=$("$HELPER" get "$(slot_id)")
check "the keyring has a key" [ "${#KEY}" -eq 64 ]
check "which is not the passphrase" [ "$KEY" != "$PASS" ]
refuse "and which is not in any file" grep -ral "$KEY" "$T/config" "$T/state"
need "the drive is mounted as by a login" mount_login
check "it unlocks itself" until_ok 10 is_open
echo "$MARK" >"$T/mnt/file" || exit 1
need "there is what is to be read nowhere" plant

# Neither the key nor the passphrase stay in the daemon, in any form.
cat >"$T/look.py" <<'END'
import re, sys
pid, key, word = sys.argv[1], sys.argv[2], sys.argv[3].encode()
want = {"key": bytes.fromhex(key), "its digits": key.encode(),
        "passphrase": word}
found = set()
with open(f"/proc/{pid}/mem", "rb", 0) as mem:
    for line in open(f"/proc/{pid}/maps"):
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
        if not m or "[v" in line:
            continue
        at, end = int(m[1], 16), int(m[2], 16)
        if end - at > 1 << 30:      # ASan's own
            continue
        try:
            mem.seek(at)
            data = mem.read(end - at)
        except (OSError, ValueError):
            continue
        found |= {k for k, v in want.items() if v in data}
for k in found:
    print("in memory:", k)
sys.exit(bool(found))
END
no_secret_in() {
	python3 "$T/look.py" "$1" "$KEY" "$PASS"
}
check "no secret stays in the daemon" until_ok 5 no_secret_in "$MPID"
# The look itself can find something.
sleep 1000 &
bait=$!
refuse "which is looked at" python3 "$T/look.py" "$bait" "$KEY" sleep
kill "$bait"
refuse "nor in its arguments or surroundings" grep -qa "$KEY" \
    "/proc/$MPID/cmdline" "/proc/$MPID/environ"
refuse "nor in its log" grep -qaE "$KEY|$PASS" "$T/daemon.log"
check "a helper is not left" until_ok 10 fails helper_waits

check "it is locked by the user" "$COFFRE" lock "$NAME"
sleep 2
check "then it stays locked" is_locked
check "until the user wants it" unlock_unasked
check "unlocked by the keyring" is_open
check "it is unmounted" drive_unmount
check "other commands open it, too" "$COFFRE" fsck "$NAME"
check "nobody was asked for anything" [ "$(prompts)" -eq 0 ]

# ---- late

ring_end
begin=$(date +%s%N)
need "with the keyring not there yet it is mounted" mount_login
took=$((($(date +%s%N) - begin) / 1000000))
say "mounted after $took ms"
check "somebody waits for the keyring" until_ok 10 helper_waits
check "locked" is_locked
need "a keyring comes, locked" ring_start
sleep 2
check "the drive is still locked" is_locked
check "and nobody is asked" [ "$(prompts)" -eq 0 ]
check "the keyring is unlocked" ring_unlock
check "then it unlocks itself" until_ok 10 is_open
check "everything is there" grep -q "$MARK" "$T/mnt/file"
check "and still nobody was asked" [ "$(prompts)" -eq 0 ]
check "it is unmounted" drive_unmount

# ---- locked

ring_end
need "a locked keyring is there" ring_start
check "mounted at once, it is" mount_login
check "locked" is_locked
# No window can be opened here: the keyring gives up by itself.
refuse "asked for, with nobody who can answer" unlock_unasked
check "the user was asked once at most" [ "$(prompts)" -le 1 ]
check "the passphrase opens it as ever" coffre unlock "$NAME"
check "the drive is there" is_open
check "the helper has gone" until_ok 10 fails helper_waits
check "it is unmounted" drive_unmount
refuse "a command without a terminal" setsid -w "$COFFRE" fsck "$NAME"
"$COFFRE" fsck "$NAME" </dev/null 2>"$T/err"
check "says that the keyring is locked" grep -q 'keyring.*locked' "$T/err"
ring_unlock

# ---- the wrong key, and none

old=$(slot_id)
printf '%064d\n' 7 | "$HELPER" store "$NAME" "$old"
need "with another key in the keyring it is mounted" mount_login
check "the log says why" until_ok 10 \
    grep -q 'does not open it' "$T/daemon.log"
check "locked" is_locked
"$COFFRE" unlock "$NAME" </dev/null 2>"$T/err"
check "and so does unlock, with a way out" \
    grep -q "coffre keyring enable $NAME" "$T/err"
check "the passphrase opens it" coffre unlock "$NAME"
check "it is unmounted" drive_unmount
check "the key is deleted" "$HELPER" clear "$old"
need "without a key it is mounted" mount_login
sleep 1
check "locked, too" is_locked
"$COFFRE" unlock "$NAME" </dev/null 2>"$T/err"
check "unlock says that it has none" grep -q 'has no key' "$T/err"
check "enabled anew while it is mounted" keyring enable
check "it is unlocked by that" until_ok 10 unlock_unasked
check "it is unmounted" drive_unmount
check "enabled twice" keyring enable
check "the first key is gone" \
    [ "$(exit_of "$HELPER" peek "$old")" = 2 ]

# A helper that is killed is no end of the mount, and the bus neither.
ring_end
need "it is mounted without a keyring" mount_login
check "a helper waits" until_ok 10 helper_waits
pkill -9 -x -P "$MPID" coffre-keyring
check "killed, it takes nothing along" sleep 1
check "the mount lives" is_locked
check "a signal ends it" kill "$MPID"
check "in order" daemon_gone 30

# ---- by the wizard

need "the keyring is back" ring_start unlocked
number=$("$COFFRE" store presets --json | jq -rs '[.[] |
    select(.kind != "none") | .name] | length + 1')
check "the wizard asks for it" env TERM=xterm \
    python3 "$TOP/tests/fs/wizard.py" "$T/wizard.out" "$COFFRE" setup <<END
What to call => second
Number: => $number
whole path: => $T/store2
Folder to show => $T/mnt2
New passphrase: => $PASS
again: => $PASS
when you have it => !enter
Group => !group
Group => !group
Group => !group
As usual: have the keyring of your session => no
Have the keyring of your session => yes
Mount it at login => no
Mount it now => no
END
check "and that drive opens unasked" setsid -w "$COFFRE" fsck second

# ---- no longer

cp "$SLOT" "$T/kept"
id=$(slot_id)
key=$("$HELPER" get "$id")
check "it is disabled" keyring disable
refuse "the slot is gone" test -e "$SLOT"
check "and the key" [ "$(exit_of "$HELPER" peek "$id")" = 2 ]
check "disabled twice is no error" keyring disable
need "it is mounted" mount_login
sleep 1
check "locked" is_locked
check "nobody waits for a keyring" fails helper_waits
check "a signal ends it" kill "$MPID"
check "in order" daemon_gone 30
# Taken back from a backup, and the key with it, the file is what it was.
cp "$T/kept" "$SLOT"
echo "$key" | "$HELPER" store "$NAME" "$id"
check "with both of them back it opens" "$COFFRE" fsck "$NAME"
# A passphrase file that was made anew has no slots.
printf '\0' | dd of="$T/config/coffre/$NAME.key" bs=1 seek=60 conv=notrunc \
    2>/dev/null
refuse "for another passphrase file it does not" \
    setsid -w "$COFFRE" fsck "$NAME"
check "nothing is readable at rest" nothing_readable
[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
