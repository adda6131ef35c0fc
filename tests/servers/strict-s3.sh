#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An S3 service that refuses what is not canonical; see strict_s3.py.
#
#	strict-s3.sh start DIR [OPTION OF strict_s3.py...] [--port N]
#	strict-s3.sh stop DIR
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
need python3

opts=() query='region=strict-1' host=127.0.0.1 token='' port='' tls=''
while [ $# -gt 0 ]; do
	case $1 in
	--port) port=$2; shift ;;
	--token) opts+=("$1" "$2"); token=$2; shift ;;
	--path) opts+=("$1" "$2"); query="$query&path=$2"; shift ;;
	--tls) tls=1 ;;
	--skew|--page|--log|--lifecycle|--deny|--blind)
		opts+=("$1" "$2"); shift ;;
	--sig2) opts+=("$1"); query="$query&sig=2" ;;
	--virtual) opts+=("$1"); query="$query&style=virtual" host=localhost ;;
	*) opts+=("$1") ;;
	esac
	shift
done

mkdir -p "$dir"/{data,run}
dir=$(cd "$dir" && pwd)
http=http ca='' pin=''
if [ -n "$tls" ]; then
	need openssl
	make_certs "$dir"
	opts+=(--tls "$dir/server.pem" "$dir/server.key")
	http=https ca=$dir/ca.pem pin=$(pin_of "$dir/server.pem")
else
	query="$query&tls=no"
fi
mkfifo "$dir/run/line"
# shellcheck disable=SC2086
python3 "$(dirname "$0")/strict_s3.py" "$dir/run/pid" \
    "${opts[@]+"${opts[@]}"}" $port >"$dir/run/line" 2>"$dir/run/err" \
    </dev/null &
read -r port <"$dir/run/line" || die "it does not start: $(cat "$dir/run/err")"
rm "$dir/run/line"
key=AKIDSTRICT secret='s3cret/key+with=chars'
[ -z "$token" ] || secret="$key $secret $token"
show URL "s3://$key@$host:$port/bucket/?$query" \
    HTTP "$http://127.0.0.1:$port/" USER "$key" PASS "$secret" CA "$ca" \
    PIN "$pin" \
    DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/strict-s3.sh stop $dir"
