#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A WebDAV server that does what the worst of them do; see careless_dav.py.
#
#	careless.sh start DIR [--port N]
#	careless.sh stop DIR
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
port=''
while [ $# -gt 0 ]; do
	case $1 in
	--port) port=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need python3
mkdir -p "$dir"/{data,run}
dir=$(cd "$dir" && pwd)
mkfifo "$dir/run/line"
# shellcheck disable=SC2086
python3 "$(dirname "$0")/careless_dav.py" "$dir/data" "$dir/run/pid" $port \
    >"$dir/run/line" 2>"$dir/run/err" </dev/null &
read -r port <"$dir/run/line" || die "it does not start: $(cat "$dir/run/err")"
rm "$dir/run/line"
show URL "webdav://127.0.0.1:$port/" HTTP "http://127.0.0.1:$port/" \
    USER "" PASS "" CA "" PIN "" DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/careless.sh stop $dir"
