#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Before the machine sleeps nobody may wait for the store, and afterwards all
# goes on: a program on a bus of its own stands in for logind.
COFFRE_TEST_STORE=webdav
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/bus.sh"
. "$TOP/tests/fs/proxy.sh"
bus_need
end_all() {
	bus_end
	proxy_stop
	fs_cleanup
}
trap end_all EXIT

logind() {
	echo "$1" >"$T/login.in"
}
holds_both() {
	noted login '^inhibit sleep Coffre delay' &&
	    noted login '^inhibit shutdown Coffre delay'
}
# forget: what is noted from now on counts.
forget() {
	: >"$T/login"
}
make_cold() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null
	echo 1 >/proc/sys/vm/drop_caches
}
# In the background: how it ended is in $T/rc.
reader_start() {
	rm -f "$T/rc"
	(timeout -s INT 30 cat "$M/cold" >"$T/read" 2>"$T/read.err" 8>&-; echo $? >"$T/rc") &
	READER=$!
}
read_cold() {
	timeout "$1" cat "$M/cold" >/dev/null 2>&1
}
falls_asleep() {
	forget
	logind "sleep 1"
	need "it has fallen asleep" until_ok 20 noted login '^released sleep'
}
inhibits_again() {
	[ "$(times login '^inhibit shutdown')" -ge 1 ]
}
is_waiting() {
	sleep 1
	[ ! -e "$T/rc" ]
}
nothing_queued() {
	[ "$(drive_status '.usage | .queued_changes + .queued_bytes')" = 0 ]
}

export DBUS_SYSTEM_BUS_ADDRESS=unix:path=$T/bus
need "a bus is there" bus_start
need "logind is there" double_start login
need "a proxy stands before the store" proxy
sed -i "s|^store = .*|store = webdav://alice@127.0.0.1:$PORT/drive|" \
    "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 60\n' >>"$T/config/coffre/$NAME.conf"
need "the drive is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
check "two locks are held" until_ok 10 holds_both
head -c 3000000 /dev/urandom >"$R/cold"
cp "$R/cold" "$M/cold"
need "a file reaches the store" drive_sync

# ---- asleep while a reader waits and an upload is under way

make_cold
need "the store answers nothing any more" proxy --hang
reader_start
echo "$MARK" >"$M/new"
check "a reader waits" is_waiting
logind "sleep 1"
check "before the sleep the reader is let go" until_ok 20 test -e "$T/rc"
check "with an error" [ "$(cat "$T/rc")" = 1 ]
check "that no program takes for a reason to ask at once again" \
    grep -q 'No route to host' "$T/read.err"
check "and the lock is given back" until_ok 20 noted login \
    '^released sleep'
refuse "not that of the shutdown" noted login '^released shutdown'
wait "$READER"
check "whoever comes now does not wait" fails read_cold 3
check "what is here is read" grep -q "$MARK" "$M/new"
check "and written" cp "$M/new" "$M/other"
need "the store is back" proxy
forget
logind "sleep 0"
check "awake the lock is taken again" until_ok 20 noted login '^inhibit sleep'
check "what is cold is read at once" timeout 20 cmp "$R/cold" "$M/cold"
check "the queue drains by itself" until_ok 20 nothing_queued

# A second time, and what comes twice counts once.
forget
logind "sleep 1"
logind "sleep 1"
check "a second sleep is made ready for" until_ok 20 noted login '^released'
logind "sleep 0"
logind "sleep 0"
check "and ends" until_ok 20 noted login '^inhibit sleep'
sleep 0.5
check "with one lock" [ "$(times login '^inhibit')" -eq 1 ]

# ---- who is to say that it is over goes

make_cold
falls_asleep
check "asleep nothing is fetched" fails read_cold 5
kill -KILL "$DOUBLE_PID"
check "without logind it counts as awake" until_ok 10 cmp "$R/cold" "$M/cold"
need "logind is there again" double_start login
check "and has its locks" until_ok 10 holds_both
make_cold
falls_asleep
check "asleep nothing is fetched" fails read_cold 5
pkill -KILL -P "$MPID" -x coffre-desktop
check "without the program it counts as awake, too" \
    until_ok 10 cmp "$R/cold" "$M/cold"
cd "$T" || exit 1
need "it is unmounted" drive_unmount

# ---- a mount that is killed holds nothing up

forget
need "it is mounted" drive_mount
check "two locks are held" until_ok 10 holds_both
drive_kill
check "with a crash they are given back" until_ok 20 noted login \
    '^released sleep'

# ---- shutdown

forget
need "it is mounted" drive_mount
check "two locks are held" until_ok 10 holds_both
sed -i 's/^quiet = 0/quiet = 60/' "$T/config/coffre/$NAME.conf"
need "it is unmounted" drive_unmount
forget
need "it is mounted with a long quiet time" drive_mount
check "two locks are held" until_ok 10 holds_both
echo late >"$M/late"
sleep 1
refuse "something is not uploaded yet" nothing_queued
logind "shutdown 1"
check "before the shutdown it is" until_ok 20 nothing_queued
check "and the lock is given back" until_ok 20 noted login \
    '^released shutdown'
forget
logind "shutdown 0"
check "it is taken again if there is none" until_ok 20 inhibits_again
need "it is unmounted" drive_unmount
check "that gives all locks back" until_ok 20 noted login '^released sleep'

# ---- locked

# More previews of the drive than can be removed before the machine sleeps.
PICTURES=$XDG_CACHE_HOME/thumbnails/normal
many_pictures() {
	mkdir -p "$PICTURES" && python3 - "$PICTURES" "$M/a.jxl" <<'PY'
import os, struct, sys, zlib
def chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
for i in range(100):
    first = "%s/%032x.png" % (sys.argv[1], i)
    with open(first, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.write(chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)))
        for text in ("Software\0Coffre", "Thumb::MTime\0001",
                     "Thumb::URI\0file://" + sys.argv[2]):
            f.write(chunk(b"tEXt", text.encode()))
        f.write(chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))
    for k in range(1, 1000):
        os.link(first, "%s/%032x.png" % (sys.argv[1], k * 100 + i))
PY
}
no_picture() {
	[ -z "$(find "$PICTURES" -name '*.png' -print -quit)" ]
}

forget
MOUNT_OPTS=,lock_at_suspend,thumbnails=seed \
    need "it is mounted to be locked" drive_mount
need "previews lie in clear" many_pictures
check "two locks are held" until_ok 10 holds_both
exec 7>"$M/open"
echo kept >&7
logind "sleep 1"
check "at suspend it is locked, with a file open" until_ok 20 is_locked
check "and the lock is given back" until_ok 20 noted login '^released sleep'
exec 7>&-
check "none of the previews stays" until_ok 120 no_picture
logind "sleep 0"
check "awake it is unlocked by the user" coffre unlock "$NAME"
check "what was written is kept" grep -q kept "$M/open"

# A command that waits does not keep it open.
forget
need "the store answers nothing any more" proxy --hang
echo more >"$M/more"
rm -f "$T/rc"
("$COFFRE" sync --wait "$NAME" >/dev/null 2>"$T/err" 8>&-; echo $? >"$T/rc") &
check "a command waits" is_waiting
logind "sleep 1"
check "at suspend it is locked all the same" until_ok 20 is_locked
check "the command has ended" until_ok 20 test -s "$T/rc"
refuse "and does not say that all went well" [ "$(cat "$T/rc")" = 0 ]
logind "sleep 0"
need "it is unlocked" coffre unlock "$NAME"
("$COFFRE" sync --wait "$NAME" >/dev/null 2>&1 8>&-; echo $? >"$T/rc2") &
sleep 1
check "nor does one keep it open that is locked by force" \
    "$COFFRE" lock --force "$NAME"
check "locked" is_locked
need "the store is back" proxy
need "it is unlocked" coffre unlock "$NAME"
check "all goes on" drive_sync
check "what is cold is read" timeout 20 cmp "$R/cold" "$M/cold"
need "it is unmounted" drive_unmount
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
