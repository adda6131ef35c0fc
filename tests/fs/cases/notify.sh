#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a desktop is told of a mount: a bus of its own, and on it a program that
# stands in for the notification daemon and notes what it is asked to show.
COFFRE_TEST_STORE=webdav
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/bus.sh"
. "$TOP/tests/fs/proxy.sh"
. "$TOP/tests/fs/remote.sh"
. "$TOP/tests/fs/login.sh"
bus_need
need "a drive can be changed from outside" remote_prepare
end_all() {
	bus_end
	proxy_stop
	fs_cleanup
}
trap end_all EXIT

shown() {
	noted notify "$1"
}
is_link() {
	[ "$(drive_status .sync.link 2>/dev/null)" = "$1" ]
}
said() {
	printf '%b' "$1" | "$HELPER"
}

# ---- the program alone

export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
env -u DBUS_SESSION_BUS_ADDRESS "$HELPER" </dev/null
check "without a bus it ends and says so" [ $? -eq 4 ]
said 'notify\tx\t1\tA\tB\n'
check "one that is not there is no failure" [ $? -eq 0 ]
need "a bus is there" bus_start
check "without a notification daemon nothing is said" \
    [ -z "$(said 'notify\tx\t1\tA\tB\n' 2>&1)" ]
need "a notification daemon is there" double_start notify
said 'notify\tx\t1\tA & <b>\tone <b>&\nnotify\tx\t9\tA\xff\tB\n'
check "what may be markup is escaped" shown 'body=one &lt;b&gt;&amp;$'
check "in what has markup alone" shown 'summary=A & <b> '
check "what is no text is made one" shown 'urgency=2 summary=A.* body=B$'
said "$(printf '%05000d' 0)" 2>/dev/null
said 'nonsense\tx\nnotify\tx\t1\tA\n\nnotify\tx\t1\tstill\there\n' 2>/dev/null
check "nonsense does no harm" shown 'summary=still body=here'
double_end "$DOUBLE_PID"
need "one without markup is there" double_start plain
said 'notify\tx\t1\tA\tone <b>&\n'
check "there text stays as it is" noted plain 'body=one <b>&$'
said 'notify\tx\t1\tA\tover\ngone\tx\nnotify\ty\t1\tA\tnot over\n'
check "what is over before it could be shown is not" \
    fails noted plain 'body=over$'
check "but what is not is" noted plain 'body=not over$'
double_end "$DOUBLE_PID"
need "a slow one is there" double_start slow
(
	printf 'notify\tx\t1\tA\tone\n'
	until_ok 10 noted slow 'body=one$'
	printf 'gone\tx\n'
	until_ok 20 noted slow '^close id=1$'
) | "$HELPER"
check "what is over while it is being shown is taken away" \
    noted slow '^close id=1$'
double_end "$DOUBLE_PID"

# ---- a mount

need "a notification daemon is there" double_start notify
need "a proxy stands before the store" proxy
sed -i "s|^store = .*|store = webdav://alice@127.0.0.1:$PORT/drive|" \
    "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 5\ntitle = Büro & Co\n' \
    >>"$T/config/coffre/$NAME.conf"
need "the drive is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
echo one >"$M/$MARK.one"
check "all is well" drive_sync
check "of what is well nothing is shown" [ "$(times notify notify)" -eq 0 ]

# Two files of one name.
mkdir "$M/box"
check "all is well still" drive_sync
need "another computer makes a file" remote make /box "$MARK.theirs"
check "with a name of its own nothing is shown" \
    [ "$(times notify notify)" -eq 0 ]
echo ours >"$M/$MARK.twice"
need "it uses a name that is taken" remote make / "$MARK.twice"
check "the user is told" until_ok 10 shown \
    'summary=Büro & Co: a name was given twice body=.*drive testdrive for that'
check "as often as it happened" [ "$(times notify 'given twice')" -eq 1 ]
check "one under the name that the notice tells" \
    [ "$(find "$M" -name '*(conflict *' | wc -l)" -eq 1 ]
need "it does so again" remote make / "$MARK.one"
check "there are two" \
    until_ok 5 sh -c "[ \$(ls '$M' | grep -c '(conflict ') -eq 2 ]"
sleep 1
check "of which the user is not told at once" \
    [ "$(times notify 'given twice')" -eq 1 ]

need "the store refuses access" proxy --status 401
echo two >"$M/$MARK.two"
check "the user is told" until_ok 20 shown \
    'urgency=1 summary=Büro & Co: sign-in needed body=.*coffre sync testdrive$'
need "it refuses nobody" proxy
"$COFFRE" sync "$NAME"
check "that is taken away when it is over" until_ok 20 shown '^close id=2$'
need "it refuses access again" proxy --status 403
echo three >"$M/$MARK.three"
check "status tells it" until_ok 20 is_link refused
need "it is full" proxy --status 507 --method PUT
"$COFFRE" sync "$NAME"
check "the user is told at once of something else" until_ok 20 shown \
    'urgency=1 summary=Büro & Co: the store is full'
check "the same is not told again and again" [ "$(times notify sign-in)" -eq 1 ]

need "it answers with a page" proxy --status 200 --html
"$COFFRE" sync "$NAME"
check "the user is told of that, too" until_ok 20 shown \
    'urgency=1 summary=Büro & Co: the store gives answers .*coffre status testdrive$'

# Nobody waits for a notification daemon that hangs.
kill -STOP "$DOUBLE_PID"
need "it refuses access" proxy --status 401
"$COFFRE" sync "$NAME"
check "status tells it" until_ok 20 is_link refused
check "files are written" timeout 5 cp "$M/$MARK.one" "$M/$MARK.four"
kill -CONT "$DOUBLE_PID"

# The program and the bus may come and go.
pkill -KILL -P "$MPID" -x coffre-desktop
check "the mount goes on without it" timeout 5 ls "$M" >/dev/null
echo "drain = 1" >>"$T/config/coffre/$NAME.conf"
cd "$T" || exit 1
need "it is unmounted" drive_unmount
need "it is mounted" drive_mount
echo five >"$M/$MARK.five"
# As a service manager does, or a terminal: all of the group.
need "the program is there" pgrep -P "$MPID" -x coffre-desktop
pkill -TERM -P "$MPID" -x coffre-desktop
kill -TERM "$MPID"
need "it is ended with something left" daemon_gone 30
check "the user is told how much" shown \
    'summary=Büro & Co: not everything is uploaded body=[0-9]+ changes are left'
refuse "no name of a file is shown" grep -q "$MARK" "$T/notify"

# At login, where nobody looks: that it is not mounted, and why, as soon as
# there is somebody to show it, and once.
need "the store answers" proxy
double_end "$DOUBLE_PID"
touch "$T/mnt/in.the.way"
missed() {
	setsid -w "$COFFRE" mount -f "$NAME" "$T/mnt" </dev/null \
	    2>>"$T/daemon.log" 8>&-
}
missed &
LOGIN=$!
has_helper() {
	pgrep -f "^$T/bin/coffre-desktop" >/dev/null
}
need "a mount at login that fails tells it" until_ok 20 has_helper
need "and later somebody shows notifications" double_start notify
not_mounted="summary=Büro & Co: it is not mounted body=The reason: mount point .*$T/mnt.* is not empty: move .*in.the.way.* away.*coffre mount testdrive\$"
check "then it is shown" until_ok 20 shown "$not_mounted"
rc=0
wait $LOGIN || rc=$?
check "and the mount has failed" [ "$rc" -eq 66 ]
check "once more it fails" [ "$(exit_of missed)" -eq 66 ]
check "of the same the user is told once" [ "$(times notify not.mounted)" -eq 1 ]
rm "$T/mnt/in.the.way"

# Mounted then, without its key.
need "it is mounted at login" mount_login
check "what was told is forgotten" [ ! -e "$T/run/coffre/$NAME.missed" ]
check "it is locked" is_locked
check "the note in it tells both ways" grep -q 'open Coffre in the menu' \
    "$T/mnt/LOCKED.txt"
check "after a minute that is told" until_ok 100 shown \
    'id=2 .*summary=Büro & Co: it is locked body=.*coffre unlock testdrive$'
check "it is unlocked" coffre unlock "$NAME"
check "and that is taken away" until_ok 20 shown '^close id=2$'
need "it is unmounted" drive_unmount
: >"$T/notify"

# An older store.
need "it is mounted" drive_mount
check "all is stored" drive_sync
cp -a "$DAV_DATA/drive" "$T/old"
echo six >"$M/$MARK.six"
check "and a later change" drive_sync
need "it is unmounted" drive_unmount
rm -rf "$DAV_DATA/drive"
mv "$T/old" "$DAV_DATA/drive"
need "it is mounted on an older store" drive_mount
check "the user is told of the alarm" until_ok 30 shown \
    'urgency=2 summary=Büro & Co: the store is not as it was left'
need "it is unmounted" drive_unmount

double_end "$DOUBLE_PID"
need "a notification daemon is there" double_start notify
MOUNT_OPTS=,notify=no need "it is mounted with notify=no" drive_mount
check "status tells the alarm" until_ok 20 is_link alarm
sleep 1
check "with notify = no nothing is shown" [ "$(times notify notify)" -eq 0 ]
need "it is unmounted" drive_unmount
double_end "$DOUBLE_PID"
bus_end
need "without a bus it is mounted" drive_mount
check "status tells the alarm" until_ok 20 is_link alarm
check "and it is unmounted at once" timeout 20 "$COFFRE" unmount "$NAME"
check "in order" daemon_gone 30
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
