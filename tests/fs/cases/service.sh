#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What a service manager is told of a mount, and what is left for it to clean
# after a crash.
. "$(dirname "$0")/../lib.sh"

fs_prepare
command -v python3 >/dev/null || skip "python3 is missing"
EAR=
trap '[ -z "$EAR" ] || kill "$EAR"; fs_cleanup' EXIT

# ear ADDRESS: listen there, into $T/told.
ear() {
	[ -z "$EAR" ] || kill "$EAR"
	rm -f "$T/told"
	python3 "$TOP/tests/fs/listen.py" "$1" "$T/told" &
	EAR=$!
	until_ok 10 test -e "$T/told"
	export NOTIFY_SOCKET=$1
}
told() {
	grep -qxE -- "$1" "$T/told"
}
# Nothing before READY: the first line there is.
first() {
	[ "$(head -n 1 "$T/told")" = "$1" ]
}

need "an ear is there" ear "$T/ear"
need "it is mounted" drive_mount
check "it is told when the drive is of use" until_ok 30 told READY=1
check "that comes first" first READY=1
check "and where it is mounted" until_ok 10 told "STATUS=mounted on $T/mnt"
refuse "no end is told yet" told STOPPING=1
kill -TERM "$MPID"
check "SIGTERM is an orderly end" daemon_gone 30
check "the end is told" until_ok 10 told STOPPING=1
refuse "with nothing to upload no time is asked for" told 'EXTEND_.*'

# Abstract, and something is left to upload.
need "another ear is there" ear "@coffre-test-$$"
MOUNT_OPTS=,drain=2 need "it is mounted again" drive_mount
check "an abstract address is heard, too" until_ok 30 told READY=1
check "the store is gone" mv "$T/store" "$T/away"
echo x >"$T/mnt/file"
check "unmounting by command" "$COFFRE" unmount "$NAME"
check "ends the daemon" daemon_gone 30
check "time for the upload is asked for" until_ok 10 told \
    'EXTEND_TIMEOUT_USEC=[0-9]+'
check "and what for" until_ok 10 told 'STATUS=uploading: [0-9]+ changes left'
check "the end is told" until_ok 10 told STOPPING=1
mv "$T/away" "$T/store"

# What is run for the passphrase does not see the manager.
cat >"$T/ask" <<END
#!/bin/sh
env >"$T/env"
echo "$PASS"
END
chmod +x "$T/ask"
"$COFFRE" mount -f "$NAME" "$T/mnt" --passphrase-command "$T/ask" \
    >>"$T/daemon.log" 2>&1 &
MPID=$!
need "it is mounted by a command" until_ok 30 is_served
check "which has an environment" grep -q HOME= "$T/env"
refuse "without the manager in it" grep -q NOTIFY_SOCKET "$T/env"
check "it is unmounted" drive_unmount

# Nobody listens: nothing is different.
kill "$EAR"
EAR=
export NOTIFY_SOCKET=$T/nobody
need "it is mounted where nobody listens" drive_mount
check "a living mount is not stale" "$COFFRE" unmount --stale "$NAME"
check "and stays" cat "$T/mnt/file"
(cd "$T/mnt" && exec sleep 1000) &
inside=$!
drive_kill
check "a crash leaves a mount point" is_mounted
check "which is taken away, with a program inside" \
    "$COFFRE" unmount --stale "$NAME"
refuse "nothing is left" is_mounted
check "and the folder can be looked at" ls "$T/mnt"
check "with nothing left that is no error" "$COFFRE" unmount --stale "$NAME"
kill "$inside"
need "it is mounted after the crash" drive_mount
check "nothing was lost" cat "$T/mnt/file"
check "it is unmounted" drive_unmount
fs_count
[ "$N_FAILED" -eq 0 ]
