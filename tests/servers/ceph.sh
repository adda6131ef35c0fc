#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Ceph's object gateway on loopback: one monitor, one store in memory (all is
# lost at the end) and the gateway, with a bucket called "bucket".
#
#	ceph.sh start DIR [--virtual] [--sig2] [--versions] [--lock] [--swift]
#	                  [--port N]
#	ceph.sh stop DIR
#
# --versions: the bucket keeps versions; --lock: and for a day nobody may
# delete them; --swift: by the gateway's Swift API, with a container.  It holds
# CEPH_GIB (4) at most.
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2
PATH=$PATH:/usr/sbin

if [ "$cmd" = stop ]; then
	for p in client.rgw.x osd.0 mon.a; do
		stop_pid "$dir/run/$p.pid"
	done
	exit
fi
[ "$cmd" = start ] || die "unknown command '$cmd'"

query='tls=no' host=127.0.0.1 versions='' lock='' api=s3 port=''
while [ $# -gt 0 ]; do
	case $1 in
	--virtual) query="$query&style=virtual" host=s3.localhost ;;
	--sig2) query="$query&sig=2" ;;
	--versions) versions=1 ;;
	--lock) lock=1 ;;
	--swift) api=swift ;;
	--port) port=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need radosgw
need ceph-mon
need ceph-osd
need ceph
need uuidgen
[ "$(id -u)" -eq 0 ] || { echo "SKIP: Ceph starts only as root"; exit 77; }
mkdir -p "$dir"/{mon,osd,rgw,log,run,data}
dir=$(cd "$dir" && pwd)
[ -n "$port" ] || port=$(free_port)
mon=$(free_port)
key=AKIDCEPH secret='s3cret/key+with=chars'

export CEPH_CONF=$dir/ceph.conf
fsid=$(uuidgen)
cat >"$CEPH_CONF" <<CONF
[global]
fsid = $fsid
mon host = [v2:127.0.0.1:$mon/0]
mon initial members = a
ms bind ipv6 = false
public network = 127.0.0.0/8
public addr = 127.0.0.1
cluster addr = 127.0.0.1
# Nobody but us is on this cluster.
auth cluster required = none
auth service required = none
auth client required = none
auth allow insecure global id reclaim = true
ms mon client mode = crc
ms client mode = crc
ms cluster mode = crc
ms service mode = crc
# One copy, few placement groups: there is one place.
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pgp num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail warn = 1
mon data avail crit = 0
log file = $dir/log/\$name.log
pid file = $dir/run/\$name.pid
admin socket = $dir/run/\$name.asok
run dir = $dir/run
crash dir = $dir/log
[mon.a]
host = $(hostname -s)
mon data = $dir/mon
mon addr = 127.0.0.1:$mon
[osd.0]
osd data = $dir/osd
osd objectstore = memstore
memstore device bytes = $((${CEPH_GIB:-4} << 30))
osd max object name len = 2048
[client.rgw.x]
rgw data = $dir/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw dns name = s3.localhost
rgw enable usage log = false
# What is deleted goes soon.
rgw gc obj min wait = 1
rgw gc processor period = 1
rgw gc processor max time = 60
rgw swift account in url = true
rgw swift url = http://127.0.0.1:$port
CONF

{
	monmaptool --create --fsid "$fsid" --addv a "[v2:127.0.0.1:$mon]" \
	    "$dir/monmap"
	ceph-mon --mkfs -i a --monmap "$dir/monmap" --mon-data "$dir/mon"
	ceph-mon -i a
	for _ in $(seq 60); do
		timeout 5 ceph -s && break
		sleep 0.3
	done
	osd=$(uuidgen)
	ceph osd new "$osd" 0
	ceph-osd -i 0 --mkfs --osd-uuid "$osd" --osd-data "$dir/osd"
	ceph osd crush add-bucket default root || :
	ceph osd crush add osd.0 1.0 root=default || :
	ceph-osd -i 0
	for _ in $(seq 60); do
		timeout 5 ceph osd stat | grep '1 up' && break
		sleep 0.3
	done
	radosgw -n client.rgw.x
	for _ in $(seq 200); do
		curl -sfo "$dir/log/hello" "http://127.0.0.1:$port/" && break
		sleep 0.2
	done
	admin() {
		radosgw-admin -n client.rgw.x "$@"
	}
	admin user create --uid=alice --display-name=Alice \
	    --access-key="$key" --secret-key="$secret"
	if [ "$api" = swift ]; then
		admin subuser create --uid=alice --subuser=alice:swift \
		    --access=full
		admin key create --subuser=alice:swift --key-type=swift \
		    --secret=swiftpw
	fi
} >"$dir/log/start.log" 2>&1 ||
	die "ceph does not start: $(tail -n 3 "$dir/log/start.log")"

stop="$(cd "$(dirname "$0")" && pwd)/ceph.sh stop $dir"
if [ "$api" = swift ]; then
	show URL "swift://alice%3Aswift@127.0.0.1:$port/bucket/?auth=1&tls=no" \
	    HTTP "http://127.0.0.1:$port/" USER alice:swift PASS swiftpw \
	    CA "" PIN "" DATA "$dir/data" STOP "$stop"
	exit
fi

# request FILE PATH [OPTION...]: with a body, signed by curl, which is right
# where there is little to sign.
request() {
	local file=$1 path=$2 hash
	shift 2
	hash=$(sha256sum "$file" | cut -d' ' -f1)
	curl -sf --aws-sigv4 aws:amz:default:s3 --user "$key:$secret" \
	    -H "x-amz-content-sha256: $hash" -X PUT --data-binary "@$file" \
	    -H 'Content-Type: application/xml' \
	    -H "Content-MD5: $(openssl dgst -md5 -binary "$file" | base64)" \
	    "$@" "http://127.0.0.1:$port/$path" >>"$dir/log/start.log"
}
: >"$dir/empty"
make=()
[ -z "$lock" ] || make=(-H 'x-amz-bucket-object-lock-enabled: true')
request "$dir/empty" bucket "${make[@]+"${make[@]}"}" ||
	die "the bucket cannot be made"
if [ -n "$versions" ]; then
	echo '<VersioningConfiguration><Status>Enabled</Status>' \
	    '</VersioningConfiguration>' >"$dir/conf.xml"
	request "$dir/conf.xml" 'bucket?versioning=' ||
		die "versions cannot be switched on"
fi
if [ -n "$lock" ]; then
	printf '%s' '<ObjectLockConfiguration><ObjectLockEnabled>Enabled' \
	    '</ObjectLockEnabled><Rule><DefaultRetention><Mode>COMPLIANCE' \
	    '</Mode><Days>1</Days></DefaultRetention></Rule>' \
	    '</ObjectLockConfiguration>' >"$dir/conf.xml"
	request "$dir/conf.xml" 'bucket?object-lock=' ||
		die "the lock cannot be set"
fi
show URL "s3://$key@$host:$port/bucket/?$query" \
    HTTP "http://127.0.0.1:$port/" USER "$key" PASS "$secret" CA "" PIN "" \
    DATA "$dir/data" STOP "$stop"
