#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A drive on a Nextcloud: leave by a browser, what a delete means, a quota, a
# password that was taken back.
. "$(dirname "$0")/../lib.sh"

cloud() {
	"$TOP/tests/servers/nextcloud.sh" "$@"
}
cloud_end() {
	cloud stop "$T/cloud"
	fs_cleanup
}
# shellcheck disable=SC2034
cloud_start() {
	local URL HTTP USER PASS CA PIN DATA STOP LOG rc=0
	cloud start "$T/cloud" "$@" >"$T/cloud.vars" || rc=$?
	[ "$rc" -ne 77 ] || skip "$(sed 's/^SKIP: //' "$T/cloud.vars")"
	# shellcheck disable=SC1091
	. "$T/cloud.vars"
	CLOUD_HTTP=$HTTP CLOUD_LOG=$LOG
	CLOUD_PORT=${HTTP##*:}
	CLOUD_PORT=${CLOUD_PORT%/}
	DAV_DATA=$DATA
}
refusals() {
	grep -c ' 401$' "$CLOUD_LOG"
}
has_login() {
	grep -q '/login/v2/flow/' "$T/init.out"
}

is_plain && skip "is about stores, not about POSIX"
T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-fs.XXXXXX")
chmod 711 "$T"
trap cloud_end EXIT
trap 'exit 143' TERM INT HUP
fs_home
fs_need_fuse
cloud_start --quota 30000000

# Nobody has said who we are: the user agrees in a browser.
"$COFFRE" init --store "nextcloud://127.0.0.1:$CLOUD_PORT/my%20drive?tls=no" \
    --recovery-file "$T/recovery" --passphrase-fd 9 9<<<"$PASS" "$NAME" \
    >"$T/init.out" 2>"$T/init.err" &
init=$!
need "init shows where to log in" until_ok 20 has_login
refuse "and waits" test -e "$T/recovery"
curl -so /dev/null "$(grep -o 'http://.*' "$T/init.out")"
check "after that the drive is made" wait "$init"
cat "$T/init.err"
conf=$T/config/coffre/$NAME.conf
check "the account's id is in the address" \
    grep -q 'store = nextcloud://alice-id@127' "$conf"
check "its log-in is the user" grep -q 'user = alice@example.org' "$conf"
check "the password is kept for the user alone" \
    test "$(stat -c %a "$T/config/coffre/$NAME.cred")" = 600
check "init told what a delete means" grep -q 'trash' "$T/init.err"
check "an id that is not the account's is said" grep -q "alice-id" <(
	"$COFFRE" store probe --user alice@example.org --password-fd 8 \
	    "nextcloud://bob@127.0.0.1:$CLOUD_PORT/x?tls=no" \
	    8<"$T/config/coffre/$NAME.cred" 2>&1)

trash_is_empty() {
	[ -z "$(ls "$T/cloud/data/trash")" ]
}
check "what the trial deleted is not left in the trash" trash_is_empty

need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M"
echo "$MARK" >"$M/$MARK"
check "what is written is stored" drive_sync
check "in the folder of that account" test -e "$DAV_DATA/my drive/drive"
check "status tells what a delete means, too" \
    grep -q 'trash' <<<"$("$COFFRE" status "$NAME")"
check "and the trash is as before" until_ok 10 trash_is_empty
check "and that there is a quota" \
    test "$("$COFFRE" status --json "$NAME" | jq '.notes | length')" -ge 1

# Over the quota, then room is made.
head -c 40000000 /dev/urandom >"$M/big"
sync_told() {
	drive_sync 30 2>"$T/told"
}
refuse "over the quota not all is stored" sync_told
check "and that is said" grep -q 'store is full' "$T/told"
cloud stop "$T/cloud"
cloud_start --port "$CLOUD_PORT" --quota 200000000
check "with more room it goes on" drive_sync 90

# The leave is taken back: one try, not one a second.
before=$(refusals)
curl -so /dev/null -X DELETE -H 'OCS-APIRequest: true' \
    -u "alice-id:$(cat "$T/config/coffre/$NAME.cred")" \
    "${CLOUD_HTTP}ocs/v2.php/core/apppassword"
echo more >"$M/more"
refuse "without leave nothing is stored" sync_told
check "and that is said" grep -q 'no access to the store' "$T/told"
check "the server is not asked again and again" \
    test $(($(refusals) - before)) -le 4
say "$(($(refusals) - before)) refusals"
sed -n 1p "$T/config/coffre/$NAME.cred" >>"$T/cloud/data/words"
check "with leave it goes on" drive_sync 60
fs_end
