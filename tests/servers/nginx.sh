#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# nginx with its own WebDAV methods and the module for PROPFIND, on loopback:
# it ignores conditions and answers 500 where a collection is missing.
#
#	nginx.sh start DIR [--port N]
#	nginx.sh stop DIR
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

need nginx
need htpasswd
need /usr/lib/nginx/modules/ngx_http_dav_ext_module.so
user=alice pass=s3cretpw
mkdir -p "$dir"/{data,tmp,run}
dir=$(cd "$dir" && pwd)
[ -n "$port" ] || port=$(free_port)
htpasswd -bc "$dir/passwd" "$user" "$pass" 2>/dev/null
account=''
if [ "$(id -u)" -eq 0 ]; then
	account="user $(server_user);"
	chown -R "$(server_user):" "$dir/data" "$dir/tmp"
	chmod 755 "$dir"
fi
cat >"$dir/nginx.conf" <<CONF
load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
$account
worker_processes 1;
pid $dir/run/pid;
error_log $dir/run/error.log;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path $dir/tmp;
	client_max_body_size 0;
	proxy_temp_path $dir/tmp/p;
	fastcgi_temp_path $dir/tmp/f;
	uwsgi_temp_path $dir/tmp/u;
	scgi_temp_path $dir/tmp/s;
	keepalive_requests 100000;
	server {
		listen 127.0.0.1:$port;
		root $dir/data;
		location / {
			auth_basic dav;
			auth_basic_user_file $dir/passwd;
			dav_methods PUT DELETE MKCOL COPY MOVE;
			dav_ext_methods PROPFIND OPTIONS;
			min_delete_depth 0;
		}
	}
}
CONF
nginx -c "$dir/nginx.conf" -e "$dir/run/error.log" >"$dir/run/start.log" 2>&1 ||
	die "nginx does not start: $(tail -n 3 "$dir/run/start.log")"
wait_port "$port"
show URL "webdav://$user@127.0.0.1:$port/" HTTP "http://127.0.0.1:$port/" \
    USER "$user" PASS "$pass" CA "" PIN "" DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/nginx.sh stop $dir"
