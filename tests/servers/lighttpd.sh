#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# lighttpd with mod_webdav on loopback.
#
#	lighttpd.sh start DIR [--port N]
#	lighttpd.sh stop DIR
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2
PATH=$PATH:/usr/sbin

if [ "$cmd" = stop ]; then
	stop_pid "$dir/run/pid"
	exit
fi
[ "$cmd" = start ] || die "unknown command '$cmd'"
port=''
while [ $# -gt 0 ]; do
	case $1 in
	--port) port=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need lighttpd
need /usr/lib/lighttpd/mod_webdav.so
user=alice pass=s3cretpw
mkdir -p "$dir"/{data,tmp,run}
dir=$(cd "$dir" && pwd)
[ -n "$port" ] || port=$(free_port)
printf '%s:%s\n' "$user" "$pass" >"$dir/passwd"
account=''
if [ "$(id -u)" -eq 0 ]; then
	account="server.username = \"$(server_user)\""
	chown -R "$(server_user):" "$dir/data" "$dir/tmp" "$dir/run"
	chmod 755 "$dir"
fi

cat >"$dir/l.conf" <<CONF
server.modules = ("mod_auth", "mod_authn_file", "mod_webdav")
server.document-root = "$dir/data"
server.bind = "127.0.0.1"
server.port = $port
$account
server.pid-file = "$dir/run/pid"
server.errorlog = "$dir/run/error.log"
server.upload-dirs = ("$dir/tmp")
server.max-keep-alive-requests = 100000
# It would answer with the length of before a replacement for a second.
server.stat-cache-engine = "disable"
auth.backend = "plain"
auth.backend.plain.userfile = "$dir/passwd"
auth.require = ("/" => ("method" => "basic", "realm" => "dav",
    "require" => "valid-user"))
webdav.activate = "enable"
webdav.is-readonly = "disable"
webdav.sqlite-db-name = "$dir/tmp/dav.db"
CONF
lighttpd -f "$dir/l.conf" -m /usr/lib/lighttpd >"$dir/run/start.log" 2>&1 ||
	die "lighttpd does not start: $(tail -n 3 "$dir/run/start.log")"
wait_port "$port"
show URL "webdav://$user@127.0.0.1:$port/" HTTP "http://127.0.0.1:$port/" \
    USER "$user" PASS "$pass" CA "" PIN "" DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/lighttpd.sh stop $dir"
