# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# The drive in the session, and its store.

NAME=home
TITLE='Vault of Alice'
MNT=$HOME_IN/Coffre
PASS='correct horse battery staple'
STORE_PORT=8008

coffre() {
	as coffre "$@"
}
status() {
	as coffre status --json "$NAME" 2>/dev/null | jq -r "$1"
}
is_served() {
	as stat -f "$MNT" >/dev/null 2>&1 &&
	    as findmnt -t fuse.coffre "$MNT" >/dev/null
}
is_open() {
	is_served && [ "$(status .locked)" = null ]
}
is_locked() {
	[ "$(status .locked)" = true ]
}
daemon_pid() {
	ctl show -p MainPID --value "coffre@$NAME.service"
}
is_active() {
	ctl is-active -q "coffre@$NAME.service"
}
# A command that may ask for the passphrase.
coffre_pass() {
	as coffre "$@" --passphrase-fd 9 9<<<"$PASS"
}
drive_init() {
	coffre_pass init \
	    --store "webdav://alice@127.0.0.1:$STORE_PORT/drive" \
	    --insecure-http --password-fd 8 \
	    --recovery-file "$HOME_IN/recovery" "$NAME" 8<<<'s3cret pass:é'
}
# set_conf KEY VALUE: in force from the next mount on.
set_conf() {
	as sh -c 'f=.config/coffre/'$NAME'.conf
	    sed -i "/^$1 *=/d" "$f" && echo "$1 = $2" >>"$f"' sh "$@"
}
# What each part begins with.
drive_here() {
	coffre autostart run "$NAME"
	check "the drive is mounted" until_ok 20 is_open
}
restart() {
	ctl restart "coffre@$NAME.service" && until_ok 30 is_open
}
drive_sync() {
	coffre sync --wait="${1:-120}" "$NAME"
}
# Bytes of content that the store has given out since it started.
given_out() {
	on awk '/ GET / && $NF ~ /^[0-9]+$/ { n += $NF }
	    END { printf "%d\n", n }' /srv/dav/log/access.log
}
# Nothing but what is not on the store yet is kept here, nor remembered.
forget() {
	drive_sync >/dev/null && coffre cache --free 1T "$NAME" >/dev/null &&
	    echo 3 >/proc/sys/vm/drop_caches
}
# As PAM does it at a login that has the password.
ring_login() {
	as ring.py "password of alice"
}
# A new one is shown on the bus only when its daemon has started again.
ring_make() {
	ring_login && ctl stop gnome-keyring-daemon.service && ring_login
}

# An account, once, on the first boot.
# shellcheck disable=SC2034
begin() {
	PART=login
	check "the store answers" until_ok 20 on \
	    curl -so /dev/null "http://127.0.0.1:$STORE_PORT/"
	check "alice logs in" session_start || { count; exit 1; }
	check "her session is one of logind" \
	    on sh -c 'loginctl --no-legend list-sessions | grep -q alice'
	check "a drive is made" drive_init || { count; exit 1; }
	set_conf title "$TITLE"
	check "the keyring is unlocked by the login's password" ring_make
	check "the keyring gets a key" coffre_pass keyring enable "$NAME"
	check "it is to be mounted at login" coffre autostart enable "$NAME"
	refuse "it is not mounted yet" is_served
}
