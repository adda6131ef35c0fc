#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The password of a store changes under a mount: how often it is tried, that
# another is taken up, by 'coffre store password', by a command that prints
# it, by itself; and a drive is mounted without a store that cannot be opened.
. "$(dirname "$0")/../lib.sh"
fs_prepare
is_plain && skip "is about stores, not about POSIX"
apache_start
strict=$TOP/tests/servers/strict-s3.sh
S3_HTTP=
password_end() {
	[ -z "$S3_HTTP" ] || "$strict" stop "$T/s3" >/dev/null 2>&1
	fs_cleanup
}
trap password_end EXIT

CRED=$T/config/coffre/$NAME.cred
CONF=$T/config/coffre/$NAME.conf
# server_wants ALICES [BOBS]
server_wants() {
	local user=alice word
	for word in "$@"; do
		echo "$user:{SHA}$(printf %s "$word" | openssl dgst -sha1 \
		    -binary | base64)"
		user=bob
	done >"$T/apache/htpasswd.new" &&
	    mv "$T/apache/htpasswd.new" "$T/apache/htpasswd"
}
refused_count() {
	grep -c ' 401 ' "$T/apache/log/access.log" || :
}
is_link() {
	local s
	s=$("$COFFRE" status --json "$NAME") || :
	jq -r '.sync.link' <<<"$s" | grep -qx "$1" &&
	    jq -r '.sync | .problem + " " + .advice' <<<"$s" | grep -q "$2"
}
# What only the server has.
read_cold() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null
	echo 1 >/proc/sys/vm/drop_caches
	cat "$T/mnt/cold" >/dev/null 2>&1
}
is_kept() {
	[ "$(cat "$CRED")" = "$1" ] && [ "$(stat -c %a "$CRED")" = 600 ]
}
give() {
	"$COFFRE" store password --password-fd 8 "$@" 8<<<"$GIVEN" \
	    >"$T/out" 2>&1
}
no_secret_said() {
	fails grep -raF -e "$SECOND" -e "$THIRD" -e "$FOURTH" "$T/daemon.log" \
	    "$T/out" "$T/state" "$T/run"
}
FIRST=$DAV_PASS
SECOND=second$RANDOM$RANDOM
THIRD=third$RANDOM$RANDOM
FOURTH=fourth$RANDOM$RANDOM

# ---- a password that was changed at the server -----------------------------

rm -rf "$T/config" "$T/state" "$T/recovery"
mkdir -p "$T/state"
need "a drive is made there" drive_init
MOUNT_OPTS=,log_level=debug need "it is mounted" drive_mount
head -c 300000 /dev/urandom >"$T/mnt/cold"
check "it works" drive_sync

before=$(refused_count)
server_wants "$SECOND"
echo one >"$T/mnt/one"
check "a refusal is told, and what to do" until_ok 30 is_link refused \
    'refused the user.*coffre store password'
after=$(refused_count)
# As many as were under way.
check "the server was not asked much" test $((after - before)) -le 16
for _ in $(seq 10); do
	read_cold && check "nothing is read there" false
done
echo two >"$T/mnt/two"
"$COFFRE" sync --wait=1 "$NAME" >/dev/null 2>&1
check "status still tells it" until_ok 30 is_link refused 'refused the user'
for _ in $(seq 10); do
	read_cold && check "nothing is read there" false
done
# That the user has asked is one more.
say "the server has refused $before, $after, $(refused_count) times"
check "a refused password is tried again only when the user asks" \
    test $(($(refused_count) - after)) -le 2

GIVEN=not-it-$RANDOM
refuse "a password that does not let in is not taken" give "$NAME"
check "that is said" grep -q 'nothing was changed.*refused' "$T/out"
check "the old one is still kept" is_kept "$FIRST"
GIVEN=$SECOND
check "one that does is taken" give "$NAME"
check "and kept" is_kept "$SECOND"
check "the mount has it, and stores what was written" drive_sync 60
check "all is well again" is_link online '^ $'
check "what the server has can be read" read_cold
check "the settings were not touched" fails grep -q password "$CONF"

# ---- a disk that is full ------------------------------------------------------

# limited KIB COMMAND...: no file gets longer.
limited() (
	ulimit -f "$1"
	trap '' XFSZ
	shift
	"$@"
)
as_it_was() {
	is_kept "$SECOND" && cmp "$CONF" "$T/conf.before"
}
cp "$CONF" "$T/conf.before"
echo "$SECOND" >"$T/safe"
refuse "a command that cannot be written down is not taken" limited 0 \
    "$COFFRE" store password --password-command "cat $T/safe" "$NAME"
check "the old password is kept" as_it_was
# The settings do not fit; a password does.
echo "passphrase_command = $(printf '%02000d' 0)" >>"$CONF"
cp "$CONF" "$T/conf.before"
server_wants "$SECOND" "$THIRD"
refuse "nor is another user" limited 1 "$COFFRE" store password --user bob \
    --password-fd 8 "$NAME" 8<<<"$THIRD"
check "the first one's password is kept" as_it_was
sed -i '$d' "$CONF"
check "where there is room it is taken" "$COFFRE" store password --user bob \
    --password-fd 8 "$NAME" 8<<<"$THIRD"
check "and the password kept" is_kept "$THIRD"
check "with the user" grep -qx "user = bob" "$CONF"
check "that works" drive_sync 60

# ---- a command that prints it -----------------------------------------------

server_wants "$THIRD"
echo "$THIRD" >"$T/safe"
"$COFFRE" store password --user alice --password-command "cat $T/safe" "$NAME" \
    >"$T/out" 2>&1
check "a command is taken in its place" test $? -eq 0
check "it is kept, and no password" grep -q '^password_command = cat' "$CONF"
refuse "the file has gone" test -e "$CRED"
echo three >"$T/mnt/three"
check "the mount runs it" drive_sync 60

server_wants "$FOURTH"
echo "$FOURTH" >"$T/safe"
before=$(refused_count)
echo four >"$T/mnt/four"
check "what it prints anew is taken up by itself" drive_sync 60
after=$(refused_count)
check "with few refusals" test $((after - before)) -le 16

# ---- a store that cannot be opened -------------------------------------------

need "it is unmounted" drive_unmount
mv "$T/safe" "$T/safe.away"
check "without the command's answer it is mounted" drive_mount
check "status tells why" until_ok 30 is_link refused 'the command .cat'
check "files are written" cp "$T/recovery" "$T/mnt/five"
refuse "what is only there is not read" read_cold
mv "$T/safe.away" "$T/safe"
check "it is opened when the user asks" drive_sync 60
check "all is well then" is_link online '^ $'
check "what is there is read" read_cold
check "it is locked" "$COFFRE" lock "$NAME"
printf '#!/bin/sh\n[ -e "%s" ] || exec sleep 100.%s\ncat "%s"\n' "$T/goes" \
    $$ "$T/safe" >"$T/slow"
chmod 700 "$T/slow"
cp "$CONF" "$T/conf.before"
sed -i "s|^password_command = .*|password_command = $T/slow|" "$CONF"
unlock_now() {
	timeout 20 "$COFFRE" unlock "$NAME" --passphrase-fd 9 9<<<"$PASS"
}
check "a command that does not end holds up no unlocking" unlock_now
check "what is here is read" timeout 5 cmp "$T/recovery" "$T/mnt/five"
check "locking it again is as quick" timeout 20 "$COFFRE" lock "$NAME"
need "it is unmounted" drive_unmount
begin=$SECONDS
need "nor does it hold up a mount" drive_mount
check "which is there within seconds" test $((SECONDS - begin)) -lt 20
echo six >"$T/mnt/six"
touch "$T/goes"
pkill -xf 'sleep 100.'$$
check "when the command works all is stored" drive_sync 60
check "and read" read_cold
cp "$T/conf.before" "$CONF"
need "it is unmounted" drive_unmount
check "the passwords were said nowhere" no_secret_said
sed -i '/^password_command = /d' "$CONF"
(umask 077 && echo "$FOURTH" >"$CRED")
echo "ca = $T/no-such-ca" >>"$CONF"
check "nor does a lacking certificate stop it" drive_mount
check "status tells of it" until_ok 30 is_link refused no-such-ca
need "it is unmounted" drive_unmount
"$COFFRE" mount "$NAME" "$T/mnt" --passphrase-fd 9 9<<<"$PASS" \
    >"$T/out" 2>&1
check "a mount in the background works, too" is_served
check "and says it at once" grep -q no-such-ca "$T/out"
sed -i '/^ca = /d' "$CONF"
check "it takes up what was mended" drive_sync 60
need "it is unmounted" "$COFFRE" unmount "$NAME"
until_ok 30 fails is_mounted

# ---- S3: keys that do not live long ------------------------------------------

NAME=clouddrive
s3_start() {
	"$strict" start "$T/s3" >"$T/s3.vars"
}
s3_secret() {
	curl -sf "${S3_HTTP}secret-is/$1" >/dev/null && echo "$1" >"$T/key"
}
s3_init() {
	coffre init --store "${URL%%\?*}drive?${URL#*\?}" \
	    --password-command "cat $T/key" --recovery-file "$T/recovery3" \
	    "$NAME"
}
need "an S3 server" s3_start
eval "$(grep -E '^(URL|HTTP|PASS)=' "$T/s3.vars" |
    sed 's/^PASS=/S3_PASS=/; s/^HTTP=/S3_HTTP=/')"
echo "$S3_PASS" >"$T/key"
need "a drive on it" s3_init
need "it is mounted" drive_mount
for i in 1 2 3; do
	before=$(curl -s "${S3_HTTP}refusals")
	need "the key is another" s3_secret "key$i"
	head -c 200000 /dev/urandom >"$T/mnt/file$i"
	check "key $i is taken up by itself" drive_sync 90
	check "with few refusals" test \
	    $(($(curl -s "${S3_HTTP}refusals") - before)) -le 16
done
need "it is unmounted" drive_unmount

# ---- one of two ---------------------------------------------------------------

NAME=twodrive
CONF=$T/config/coffre/$NAME.conf
two_init() {
	mkdir "$T/first" && coffre init --store "dir:$T/first" \
	    --recovery-file "$T/recovery4" "$NAME"
}
sshd_start
need "a drive in a folder" two_init
need "and on an SSH host" coffre store add "$NAME" "$SFTP" "${SFTP_OPTS[@]}"
KEY=${SFTP_OPTS[1]}
mv "$KEY" "$KEY.away"
check "with the key of one store missing it is mounted" drive_mount
echo alone >"$T/mnt/alone"
check "it works with the other" drive_sync
others() {
	drive_status '.stores[1] | "\(.away) \(.queued > 0) \(.problem)"'
}
key_is_told() {
	others | grep -q "^true true .*$KEY"
}
check "status tells of the key" until_ok 30 key_is_told
mv "$KEY.away" "$KEY"
"$COFFRE" sync "$NAME"
has_all() {
	[ "$(others)" = "false false " ]
}
check "it gets what it lacks when the key is back" until_ok 60 has_all
check "several stores: which is to be said" fails give "$NAME"
check "it is" grep -q 'several stores' "$T/out"
check "a folder has none" fails give "$NAME" 1
check "that is said" grep -q 'wants no password' "$T/out"
STORES=$T/config/coffre/$NAME.stores
refuse "what has another number when it is asked for is not changed" \
    "$COFFRE" store password "$NAME" 2 --password-command \
    "mv $STORES/2.conf $STORES/3.conf; echo x" 2>"$T/out"
check "that is said, too" grep -q 'changed meanwhile' "$T/out"
check "and no other one is made" test "$(ls "$STORES")" = 3.conf
check "it can have its number again" mv "$STORES/3.conf" "$STORES/2.conf"
need "it is unmounted" drive_unmount

[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
