# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# An Apache with WebDAV for one case, on a free port of 127.0.0.1: sourced by
# lib.sh.  Sets APACHE (the drive's URL), APACHE_HTTP, DAV_PASS, DAV_DATA.
# apache_stop and apache_again take it away and bring it back.

APACHE_BIN=/usr/sbin/apache2
DAV_PASS='s3cret pass:é'
# Read by lib.sh, and by cases.
# shellcheck disable=SC2034
apache_start() {
	local user=www-data port d=$T/apache m=/usr/lib/apache2/modules

	[ -x "$APACHE_BIN" ] || skip "Apache is not installed"
	id "$user" >/dev/null 2>&1 || skip "there is no user www-data"
	port=$(python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])')
	mkdir -p "$d/data" "$d/lock" "$d/run"
	chown "$user" "$d/data" "$d/lock" "$d/run"
	: >"$d/types"
	htpasswd -bcB "$d/passwd" alice "$DAV_PASS" 2>/dev/null
	cat >"$d/conf" <<CONF
ServerRoot $d
Listen 127.0.0.1:$port
ServerName localhost
PidFile $d/run/pid
User $user
LoadModule mpm_event_module $m/mod_mpm_event.so
LoadModule authn_core_module $m/mod_authn_core.so
LoadModule authn_file_module $m/mod_authn_file.so
LoadModule authz_core_module $m/mod_authz_core.so
LoadModule authz_user_module $m/mod_authz_user.so
LoadModule auth_basic_module $m/mod_auth_basic.so
LoadModule dav_module $m/mod_dav.so
LoadModule dav_fs_module $m/mod_dav_fs.so
LoadModule mime_module $m/mod_mime.so
TypesConfig $d/types
ErrorLog $d/error.log
DavLockDB $d/lock/db
DocumentRoot $d/data
<Directory $d/data>
	Dav On
	AuthName dav
	AuthType Basic
	AuthBasicProvider file
	AuthUserFile $d/passwd
	Require valid-user
</Directory>
CONF
	APACHE_HTTP=http://127.0.0.1:$port/
	APACHE=webdav://alice@127.0.0.1:$port/drive
	DAV_DATA=$d/data
	need "Apache is started" apache_again
}

apache_answers() {
	curl -so /dev/null "$APACHE_HTTP"
}

apache_again() {
	rm -f "$T/apache/run/pid"
	"$APACHE_BIN" -f "$T/apache/conf" -k start && until_ok 10 apache_answers
}

# At once, with what is in the air cut off.
apache_stop() {
	local pid

	pid=$(cat "$T/apache/run/pid" 2>/dev/null) || return 0
	"$APACHE_BIN" -f "$T/apache/conf" -k stop 2>/dev/null
	until_ok 10 fails kill -0 "$pid" 2>/dev/null
}
