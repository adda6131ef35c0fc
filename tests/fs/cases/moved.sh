#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A drive moves from a folder to an SSH host, or from S3 to Swift, while it is
# mounted and written to: a store is added, filled, and the first one taken
# away.
# Also over: s3
. "$(dirname "$0")/../lib.sh"
fs_prepare
is_plain && skip "is about stores, not about POSIX"

# What the first is called; the second one is at url.
first=dir:$T/store
if [ -n "$CLOUD" ]; then
	first=$("$COFFRE" store list "$NAME" | sed -n 's/^1  \([^ ]*\).*/\1/p')
	trap 'cd /; "$TOP/tests/servers/swift.sh" stop "$T/second"; fs_cleanup' \
	    EXIT
	rc=0
	"$TOP/tests/servers/swift.sh" start "$T/second" >"$T/second.vars" ||
		rc=$?
	[ "$rc" -ne 77 ] || skip "$(sed 's/^SKIP: //' "$T/second.vars")"
	need "a second server is started" test "$rc" -eq 0
	url=$(. "$T/second.vars" && echo "${URL%%\?*}moved?${URL#*\?}")
	key=$(. "$T/second.vars" && echo "$PASS")
	add_second() {
		"$COFFRE" store add "$NAME" "$url" --password-fd 8 8<<<"$key"
	}
else
	sshd_start
	url=$SFTP
	SFTP=			# the drive itself begins in a folder
	add_second() {
		"$COFFRE" store add "$NAME" "$url" "${SFTP_OPTS[@]}"
	}
fi
need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M"

# Somebody works all the time.
work() {
	local i=0
	while [ ! -e "$T/enough" ]; do
		i=$((i + 1))
		head -c 30000 /dev/urandom >"$M/w$i" || echo "$i" >>"$T/bad"
		[ $((i % 5)) -ne 0 ] || mv "$M/w$i" "$M/moved$i" ||
			echo "mv $i" >>"$T/bad"
		sleep 0.2
	done
}
stores() {
	"$COFFRE" store list "$NAME" | grep -c '^[0-9]'
}
has_all() {
	"$COFFRE" store list "$NAME" | grep -q "^$1  .*has all"
}
rule() {
	cat >>"$T/config/coffre/$NAME.conf"
}

for i in 1 2 3 4 5; do
	head -c 300000 /dev/urandom >"$M/before$i"
done
echo "$MARK" >"$M/$MARK"
check "it reaches the first store" drive_sync
work &
worker=$!

mkdir "$T/other"
refuse "a store that cannot be reached is not added" \
    "$COFFRE" store add "$NAME" "sftp://x@127.0.0.1:9/~/no" \
    --pin SHA256:x
refuse "the only store is not removed" "$COFFRE" store remove "$NAME" 1
check "one store is all there is" test "$(stores)" = 1
check "no settings of another one are left" \
    test ! -e "$T/config/coffre/$NAME.stores/new.conf"

# Nobody asks for the passphrase of what is open.
check "a store is added under the mount" add_second
check "it has two" test "$(stores)" = 2
check "the new one has all" until_ok 60 has_all 2
check "they can be compared" "$COFFRE" store check "$NAME"
check "the first is taken away under the mount" \
    "$COFFRE" store remove "$NAME" "$first"
check "it has one" test "$(stores)" = 1
check "which is the new one" grep -q "^1  ${url%%:*}:" \
    <("$COFFRE" store list "$NAME")
check "status names it alone" test "$(drive_status .store)" = \
    "${url%%//*}//${url#*@}"
if [ -n "$CLOUD" ]; then cloud_stop; else mv "$T/store" "$T/gone"; fi
: >"$T/enough"
wait "$worker"
check "whoever worked noticed nothing" test ! -e "$T/bad"
check "all of it reaches the new one" drive_sync
"$COFFRE" cache --free 1T "$NAME" >/dev/null
echo 1 >/proc/sys/vm/drop_caches
check "all is read from there" dump "$M" >"$T/dump.1"
check "a scrub of all finds nothing" "$COFFRE" scrub --all "$NAME"
need "it is locked" "$COFFRE" lock "$NAME"
need "it is unlocked" coffre unlock "$NAME"
echo "$MARK" >"$M/later"
check "it still lies on the new one" drive_sync 60

# Back into another folder, with a rule that it has to keep.
echo 'countries = FR' | rule
refuse "a store of an unknown country is refused" "$COFFRE" store add \
    "$NAME" "sftp://x@sftp.example.org/~/no" --pin SHA256:x
check "a folder is not anywhere else" "$COFFRE" store add "$NAME" \
    "dir:$T/other"
check "a store can go and come again" "$COFFRE" store remove "$NAME" 1
check "the drive lies in the folder now" grep -q "dir:$T/other" \
    <("$COFFRE" store list "$NAME")
fs_end
