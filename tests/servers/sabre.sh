#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# sabre/dav, the library inside Nextcloud and ownCloud, on PHP's own server.
#
#	sabre.sh start DIR [--port N]
#	sabre.sh stop DIR
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2

if [ "$cmd" = stop ]; then
	[ ! -s "$dir/run/pid" ] || pkill -P "$(cat "$dir/run/pid")" || :
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

need php
need /usr/share/php/Sabre/autoload.php
user=alice pass=s3cretpw
mkdir -p "$dir"/{data,tmp,run}
dir=$(cd "$dir" && pwd)
[ -n "$port" ] || port=$(free_port)
cat >"$dir/server.php" <<PHP
<?php
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED & ~E_NOTICE &
    ~E_WARNING);
ini_set('display_errors', '0');
require_once 'Sabre/autoload.php';
class Basic extends Sabre\\DAV\\Auth\\Backend\\AbstractBasic {
	protected function validateUserPass(\$u, \$p) {
		return \$u === '$user' && \$p === '$pass';
	}
}
\$s = new Sabre\\DAV\\Server(
    new Sabre\\DAV\\FSExt\\Directory('$dir/data'));
\$s->setBaseUri('/');
\$s->addPlugin(new Sabre\\DAV\\Auth\\Plugin(new Basic(), 'dav'));
\$s->addPlugin(new Sabre\\DAV\\Locks\\Plugin(
    new Sabre\\DAV\\Locks\\Backend\\File('$dir/tmp/locks')));
\$s->exec();
PHP
PHP_CLI_SERVER_WORKERS=4 setsid php -d memory_limit=512M \
    -d include_path=/usr/share/php -S "127.0.0.1:$port" -t "$dir/data" \
    "$dir/server.php" >"$dir/run/log" 2>&1 </dev/null &
echo $! >"$dir/run/pid"
wait_port "$port"
show URL "webdav://$user@127.0.0.1:$port/" HTTP "http://127.0.0.1:$port/" \
    USER "$user" PASS "$pass" CA "" PIN "" DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/sabre.sh stop $dir"
