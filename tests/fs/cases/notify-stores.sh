#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a desktop is told of one store of two, while the drive works with the
# other: that it refuses access, that it is full; and that both do.
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

export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
shown() {
	noted notify "$1"
}
lacks_nothing() {
	[ "$(drive_status '[.stores[].queued] | add')" = 0 ]
}
is_link() {
	[ "$(drive_status .sync.link 2>/dev/null)" = "$1" ]
}
# Told of one as refused or full, and taken away when it no longer is.
sign_in='summary=testdrive: one of its stores refuses access'
full='summary=testdrive: one of its stores is full'
whole='summary=testdrive: (sign-in|the store)'

need "a bus is there" bus_start
need "a notification daemon is there" double_start notify
need "a proxy stands before the store" proxy
url=webdav://alice@127.0.0.1:$PORT/drive
sed -i "s|^store = .*|store = $url|" "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 5\n' >>"$T/config/coffre/$NAME.conf"
mkdir "$T/second"
need "a second store is added" coffre store add "$NAME" "dir:$T/second"
need "the drive is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
echo one >"$M/$MARK.one"
check "all is well" drive_sync
check "both have it" until_ok 20 lacks_nothing
check "of what is well nothing is shown" [ "$(times notify notify)" -eq 0 ]

need "one store refuses access" proxy --status 401
echo two >"$M/$MARK.two"
check "the drive goes on with the other" drive_sync
check "the user is told" until_ok 20 shown "urgency=1 $sign_in"
check "which one it is, and what to do" \
    shown "$sign_in body=.*comes to webdav://\S*127.0.0.1:$PORT/drive\..*coffre sync testdrive\$"
check "status says that the drive works" is_link online
check "so the user is told nothing else" \
    [ "$(times notify notify)" -eq 1 ]

need "it refuses nobody" proxy
"$COFFRE" sync "$NAME"
check "it gets what it lacks" until_ok 60 lacks_nothing
check "then the notice goes" until_ok 20 shown '^close id=1$'

need "it is full" proxy --status 507 --method PUT
echo three >"$M/$MARK.three"
check "the drive goes on with the other once more" drive_sync
check "the user is told of something else at once" \
    until_ok 20 shown "$full body=.*comes to webdav://\S*127.0.0.1:$PORT/drive\..*coffre sync testdrive\$"

# Refused again: not told again for a while.
need "it refuses access again" proxy --status 401
echo four >"$M/$MARK.four"
"$COFFRE" sync "$NAME"
check "then it is no longer full" until_ok 20 shown '^close id=2$'
check "of the same the user is told but once in a while" \
    [ "$(times notify "$sign_in")" -eq 1 ]
check "nothing of it was said of the drive" fails noted notify "$whole"

# Both: that is said of the drive.
mv "$T/second" "$T/away"
echo five >"$M/$MARK.five"
check "where no store takes anything, that is another state" \
    until_ok 30 fails is_link online
mv "$T/away" "$T/second"
need "all is well again" proxy
"$COFFRE" sync "$NAME"
check "both get all of it" until_ok 60 lacks_nothing
refuse "no name of a file is shown" grep -q "$MARK" "$T/notify"

MOUNT_OPTS=,notify=no
need "it is unmounted" drive_unmount
double_end "$DOUBLE_PID"
need "a notification daemon is there" double_start notify
need "it is mounted with notify=no" drive_mount
need "one store refuses access" proxy --status 401
echo six >"$M/$MARK.six"
check "the drive works" drive_sync
refuse "with notify = no nothing is shown" until_ok 4 shown notify
need "it is unmounted" drive_unmount
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
