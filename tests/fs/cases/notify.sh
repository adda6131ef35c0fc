#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a desktop is told of a mount: a bus of its own, and on it a program that
# stands in for the notification daemon and notes what it is asked to show.
COFFRE_TEST_STORE=webdav
. "$(dirname "$0")/../lib.sh"

fs_prepare
HELPER=$(dirname "$COFFRE")/coffre-desktop
DOUBLE=$B/tests/desktop/double
PROXY_PROG=$B/tests/tools/fault_proxy
[ -x "$HELPER" ] || skip "coffre-desktop is not built (libglib2.0-dev)"
[ -x "$DOUBLE" ] || skip "$DOUBLE is not built"
command -v dbus-daemon >/dev/null || skip "dbus-daemon is missing"

BUS=
DAEMON=
PROXY=
PORT=
end_all() {
	local p
	for p in $DAEMON $BUS $PROXY; do
		kill "$p" 2>/dev/null
	done
	fs_cleanup
}
trap end_all EXIT

cat >"$T/bus.conf" <<END2
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
END2
bus_start() {
	dbus-daemon --config-file="$T/bus.conf" --nofork 2>/dev/null 8>&- &
	BUS=$!
	until_ok 10 test -S "$T/bus"
}
# daemon_start notify|plain
daemon_start() {
	daemon_end
	: >"$T/shown"
	"$DOUBLE" "$1" >>"$T/shown" 2>"$T/double.log" 8>&- &
	DAEMON=$!
	until_ok 10 grep -q ^ready "$T/shown"
}
daemon_end() {
	[ -n "$DAEMON" ] || return 0
	kill "$DAEMON"
	wait "$DAEMON" 2>/dev/null
	DAEMON=
}
proxy() {
	[ -z "$PROXY" ] || { kill "$PROXY"; wait "$PROXY" 2>/dev/null; }
	: >"$T/proxy.out"
	"$PROXY_PROG" ${PORT:+--port "$PORT"} "$@" "$target" \
	    >"$T/proxy.out" 8>&- &
	PROXY=$!
	until_ok 5 grep -q PORT= "$T/proxy.out" || return 1
	PORT=$(sed -n 's/^PORT=//p' "$T/proxy.out")
}
shown() {
	grep -qE -- "$1" "$T/shown"
}
times() {
	grep -cE -- "$1" "$T/shown"
}
is_link() {
	[ "$(drive_status .sync.link 2>/dev/null)" = "$1" ]
}
said() {
	printf '%b' "$1" | "$HELPER"
}

# ---- the program alone

export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
said 'notify\tx\t1\tA\tB\n'
check "without a bus it ends and says so" [ $? -eq 4 ]
need "a bus is there" bus_start
check "without a notification daemon nothing is said" \
    [ -z "$(said 'notify\tx\t1\tA\tB\n' 2>&1)" ]
need "a notification daemon is there" daemon_start notify
said 'notify\tx\t1\tA & <b>\tone <b>&\ngone\tx\nnotify\tx\t9\tA\xff\tB\n'
check "what may be markup is escaped" shown 'body=one &lt;b&gt;&amp;$'
check "in what has markup alone" shown 'summary=A & <b> '
check "what is no text is made one" shown 'urgency=2 summary=A.* body=B$'
said "$(printf '%05000d' 0)" 2>/dev/null
said 'nonsense\tx\nnotify\tx\t1\tA\n\nnotify\tx\t1\tstill\there\n' 2>/dev/null
check "nonsense does no harm" shown 'summary=still body=here'
need "one without markup is there" daemon_start plain
said 'notify\tx\t1\tA\tone <b>&\n'
check "there text stays as it is" shown 'body=one <b>&$'

# ---- a mount

target=${APACHE_HTTP#http://}
target=${target%/}
need "a notification daemon is there" daemon_start notify
need "a proxy stands before the store" proxy
sed -i "s|^store = .*|store = webdav://alice@127.0.0.1:$PORT/drive|" \
    "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 5\ntitle = Büro & Co\n' \
    >>"$T/config/coffre/$NAME.conf"
need "the drive is mounted" drive_mount
M=$T/mnt
echo one >"$M/$MARK.one"
check "all is well" drive_sync
check "of what is well nothing is shown" [ "$(times notify)" -eq 0 ]

need "the store refuses access" proxy --status 401
echo two >"$M/$MARK.two"
check "the user is told" until_ok 20 shown \
    'urgency=1 summary=Büro & Co: sign-in needed body=.*coffre sync testdrive$'
need "it refuses nobody" proxy
"$COFFRE" sync "$NAME"
check "that is taken away when it is over" until_ok 20 shown '^close id=1$'
need "it refuses access again" proxy --status 403
echo three >"$M/$MARK.three"
check "status tells it" until_ok 20 is_link refused
need "it is full" proxy --status 507 --method PUT
"$COFFRE" sync "$NAME"
check "the user is told at once of something else" until_ok 20 shown \
    'urgency=1 summary=Büro & Co: the store is full'
check "the same is not told again and again" [ "$(times sign-in)" -eq 1 ]

# Nobody waits for a notification daemon that hangs.
kill -STOP "$DAEMON"
need "it refuses access" proxy --status 401
"$COFFRE" sync "$NAME"
check "status tells it" until_ok 20 is_link refused
check "files are written" timeout 5 cp "$M/$MARK.one" "$M/$MARK.four"
kill -CONT "$DAEMON"

# The program and the bus may come and go.
pkill -P "$MPID" -x coffre-desktop
check "the mount goes on without it" timeout 5 ls "$M" >/dev/null
echo "drain = 1" >>"$T/config/coffre/$NAME.conf"
cd "$T" || exit 1
need "it is unmounted" drive_unmount
need "it is mounted" drive_mount
echo five >"$M/$MARK.five"
need "it is unmounted with something left" drive_unmount
check "the user is told how much" shown \
    'summary=Büro & Co: not everything is uploaded body=[0-9]+ changes are left'
refuse "no name of a file is shown" grep -q "$MARK" "$T/shown"

# An older store.
need "the store answers" proxy
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

need "a notification daemon is there" daemon_start notify
MOUNT_OPTS=,notify=no need "it is mounted with notify=no" drive_mount
check "status tells the alarm" until_ok 20 is_link alarm
sleep 1
check "with notify = no nothing is shown" [ "$(times notify)" -eq 0 ]
need "it is unmounted" drive_unmount
daemon_end
kill "$BUS"
need "without a bus it is mounted" drive_mount
check "status tells the alarm" until_ok 20 is_link alarm
check "and it is unmounted at once" timeout 20 "$COFFRE" unmount "$NAME"
check "in order" daemon_gone 30
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
