#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A server that answers as Nextcloud does; see nextcloud_dav.py.
#
#	nextcloud.sh start DIR [--port N] [--quota BYTES]
#	nextcloud.sh stop DIR
#
# Besides the lines of common.sh: LOG, a line per request.
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2
if [ "$cmd" = stop ]; then
	stop_pid "$dir/run/pid"
	exit
fi
[ "$cmd" = start ] || die "unknown command '$cmd'"
port='' quota=0
while [ $# -gt 0 ]; do
	case $1 in
	--port) port=$2; shift ;;
	--quota) quota=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need python3
mkdir -p "$dir"/{data,run}
dir=$(cd "$dir" && pwd)
[ -s "$dir/data/password" ] || echo 's3cret pass' >"$dir/data/password"
mkfifo "$dir/run/line"
# shellcheck disable=SC2086
python3 "$(dirname "$0")/nextcloud_dav.py" "$dir/data" "$dir/run/pid" \
    "$dir/run/log" "$quota" $port >"$dir/run/line" 2>"$dir/run/err" \
    </dev/null &
read -r port <"$dir/run/line" || die "it does not start: $(cat "$dir/run/err")"
rm "$dir/run/line"
show URL "nextcloud://alice-id@127.0.0.1:$port/?tls=no" \
    HTTP "http://127.0.0.1:$port/" USER "alice@example.org" \
    PASS "$(cat "$dir/data/password")" CA "" PIN "" \
    DATA "$dir/data/files" LOG "$dir/run/log" \
    STOP "$(cd "$(dirname "$0")" && pwd)/nextcloud.sh stop $dir"
