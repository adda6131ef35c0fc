#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# rclone as a WebDAV server, or with --sftp an SFTP server of another make
# than OpenSSH, on loopback.
#
#	rclone.sh start DIR [--port N] [--sftp]
#	rclone.sh stop DIR
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
port='' kind=webdav
while [ $# -gt 0 ]; do
	case $1 in
	--port) port=$2; shift ;;
	--sftp) kind=sftp ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need rclone
need ssh-keygen
user=alice pass=s3cretpw pin='' more=(--vfs-cache-mode off)
mkdir -p "$dir"/{data,run,cache}
dir=$(cd "$dir" && pwd)
[ -n "$port" ] || port=$(free_port)
: >"$dir/run/rclone.conf"
if [ "$kind" = sftp ]; then
	[ -e "$dir/hostkey" ] || ssh-keygen -q -t ecdsa -m PEM -N '' \
	    -f "$dir/hostkey"
	pin=$(ssh-keygen -lf "$dir/hostkey.pub" | cut -d' ' -f2)
	more=(--vfs-cache-mode writes --key "$dir/hostkey")
fi
RCLONE_CONFIG=$dir/run/rclone.conf RCLONE_CACHE_DIR=$dir/cache \
    setsid rclone serve "$kind" "$dir/data" --addr "127.0.0.1:$port" \
    --user "$user" --pass "$pass" --dir-cache-time 0 "${more[@]}" \
    >"$dir/run/log" 2>&1 </dev/null &
echo $! >"$dir/run/pid"
wait_port "$port"
show URL "$kind://$user@127.0.0.1:$port/" HTTP "http://127.0.0.1:$port/" \
    USER "$user" PASS "$pass" CA "" PIN "$pin" DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/rclone.sh stop $dir"
