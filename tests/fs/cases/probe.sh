#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What was found out about the stores of a drive: kept, shown, found again, and
# said where it is no longer so.
. "$(dirname "$0")/../lib.sh"

server_end() {
	"$TOP/tests/servers/apache.sh" stop "$T/server" 2>/dev/null
	fs_cleanup
}
# The line of jq about what was found of the drive's one store.
found() {
	drive_status ".probe$1"
}
found_here() {
	"$COFFRE" store list --json "$NAME" | jq -r "select(.number == $1) |
	    .probe$2"
}
records() {
	ls "$T/state/coffre/$NAME/"probed-*
}
is_record_private() {
	local f
	for f in $(records); do
		[ "$(stat -c %a "$f")" = 600 ] || return 1
	done
}
is_told() {
	drive_status '.notes[]' | grep -q "$1"
}
probe() {
	"$COFFRE" store probe "$@"
}

fs_prepare
is_plain && skip "is about stores, not about POSIX"
trap server_end EXIT
rc=0
"$TOP/tests/servers/apache.sh" start "$T/server" --tls >"$T/server.vars" ||
	rc=$?
[ "$rc" -ne 77 ] || skip "$(sed 's/^SKIP: //' "$T/server.vars")"
# shellcheck source=/dev/null
. "$T/server.vars"
# The drive that lib.sh has made is not the one.
NAME=probed
need "a drive is made over TLS" coffre init --store "$URL" --user "$USER" \
    --ca "$CA" --password-fd 8 --recovery-file "$T/recovery2" "$NAME" \
    8<<<"$PASS"
check "what was found is kept from then on" is_record_private
check "and shown without a mount" test "$(found_here 1 .tls)" = TLSv1.3
refuse "no secret is kept with it" grep -qF -- "$PASS" \
    "$T/state/coffre/$NAME/"probed-*

need "it is mounted" drive_mount
mkdir "$T/mnt/work"
M=$T/mnt/work
echo 1 >"$M/1"
check "what is written is stored" drive_sync
before=$(found .time)
check "status has the version of TLS" test "$(found .tls)" = TLSv1.3
check "and who vouches for the certificate" \
    test "$(found .issuer)" = "CN=Test authority"
check "and what is honoured" test "$(found .match_quoted)" = honoured
check "a listing is not late" test "$(found .list_ms)" -lt 3000
check "nor is the clock" test "$(found '.clock_s | fabs')" -le 2
check "and in words" grep -q 'tried out 20.*; TLSv1.3, certificate by CN=Test' \
    <<<"$("$COFFRE" status "$NAME")"
sleep 1.1
check "a mounted drive's store can be tried out" probe "$NAME"
check "which is seen in its status" test "$(found .time)" -gt "$before"

# A second store, whose disk is then not there.
check "a second store is added" coffre store add "$NAME" "dir:$T/disk"
check "both were tried out" test "$(drive_status \
    '[.stores[].probe.time | select(. > 0)] | length')" = 2
check "and are told apart" test "$(drive_status \
    '.stores | map(.probe.tls // "none") | sort | join(" ")')" = "TLSv1.3 none"
need "it is unmounted" drive_unmount
mv "$T/disk" "$T/disk.away"
refuse "a store that is not there cannot be tried out" probe "$NAME" \
    2>"$T/told"
check "and that is said" grep -q 'its disk' "$T/told"
refuse "nor is a folder made in its place" test -e "$T/disk"
mv "$T/disk.away" "$T/disk"
check "each store has a line of JSON" test "$(probe --json "$NAME" |
	jq -s 'length')" = 2
check "that says when" test "$(probe --json "$NAME" |
	jq -s 'map(.time > 0) | all')" = true
check "a store that leaves is forgotten" coffre store remove "$NAME" 2
check "with what was found of it" test "$(records | wc -l)" = 1

# It does other than it did.
sed -i 's/^caps .*/caps 10/; s/^issuer .*/issuer CN=Another/' \
    "$T/state/coffre/$NAME/"probed-*
need "it is mounted" drive_mount
echo 2 >"$M/2"
check "what is written is stored" drive_sync
check "another authority is told of" is_told 'certificate by.*before:.*Another'
check "and other habits" is_told 'refuses to write over.*before: ignores'
check "in the log, too" grep -q 'before: ignores' "$T/daemon.log"
check "now this is what is known" test "$(found .if_absent)" = true
need "it is unmounted" drive_unmount

# What is broken is as good as nothing.
for f in $(records); do
	head -c 100 /dev/urandom >"$f"
done
check "a record that cannot be read is no harm" drive_mount
echo 3 >"$M/3"
check "what is written is stored" drive_sync
check "and it is made anew" test "$(found .tls)" = TLSv1.3
fs_end
