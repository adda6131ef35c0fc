#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A daemon that is stopped for LIMIT_PAUSE seconds amid uploads over a slow
# line, with somebody who writes all the time, goes on where it was.
# Also over: sftp
COFFRE_TEST_STORE=${COFFRE_TEST_STORE:-webdav}
. "$(dirname "$0")/../fs/lib.sh"
is_plain && skip "is about the daemon, not about POSIX"
pause=${LIMIT_PAUSE:-5}
files=8
LINE=
WRITER=
line_end() {
	touch "$T/enough"
	[ -z "$WRITER" ] || kill "$WRITER" 2>/dev/null
	[ -z "$MPID" ] || kill -CONT "$MPID" 2>/dev/null
	[ -z "$LINE" ] || kill "$LINE" 2>/dev/null
	fs_cleanup
}
fs_prepare
trap line_end EXIT

target=${APACHE_HTTP:-${SFTP:-}}
target=${target#*://}
target=${target%%/*}
target=${target##*@}
"$B/tests/tools/link_proxy" --delay 1 --rate 40000000 "$target" \
    >"$T/line" 8>&- &
LINE=$!
need "a slow line stands before the server" until_ok 5 grep -q PORT= "$T/line"
PORT=$(sed -n 's/^PORT=//p' "$T/line")
sed -i "/^store = /s|$target|127.0.0.1:$PORT|; \$a quiet = 0" \
    "$T/config/coffre/$NAME.conf"
need "the drive is on it" grep -q "^store = .*127.0.0.1:$PORT" \
    "$T/config/coffre/$NAME.conf"
need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M"

# Each file again and again; what a call of it has returned for is written down.
write_on() {
	local i=0 k
	until [ -e "$T/enough" ]; do
		k=$((i % files))
		{ echo "$i"; cat "$R/numbers"; } >"$M/pause-$k" || return 1
		echo "$i" >"$R/last-$k"
		i=$((i + 1))
	done
}
# What the server is being given has no name there yet.
is_under_way() {
	find "${DAV_DATA:-$SFTP_DATA}" \( -name '.davfs.tmp*' -o \
	    -name '.tmp-*' \) | grep -q .
}
stop_amid_upload() {
	kill -STOP "$MPID"
	is_under_way && return
	kill -CONT "$MPID"
	return 1
}
all_last() {
	local k
	for k in $(seq 0 $((files - 1))); do
		cmp "$M/pause-$k" <(cat "$R/last-$k" "$R/numbers") || return 1
	done
}
written() {
	cat "$R"/last-*
}

seq 200000 >"$R/numbers"
write_on &
WRITER=$!
check "all of the files are written" until_ok 60 test -s \
    "$R/last-$((files - 1))"
for round in 1 2 3; do
	check "round $round: it is stopped amid an upload" \
	    until_ok 60 stop_amid_upload
	check "round $round: somebody goes on writing" kill -0 "$WRITER"
	before=$(written)
	[ "$round" -lt 3 ] || sleep "$pause"
	kill -CONT "$MPID"
	more_is_written() {
		[ "$(written)" != "$before" ]
	}
	check "round $round: and is heard when it goes on" \
	    until_ok 60 more_is_written
done
touch "$T/enough"
check "a pause of $pause s is no error to who writes" wait "$WRITER"
WRITER=
check "and loses nothing" all_last
check "after it all reaches the store" drive_sync 300
cd "$T" || exit 1
fs_end
