#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# OpenStack Swift on loopback: proxy, account, container and object server,
# one "disk" that is a plain folder, a container called "bucket".
#
#	swift.sh start DIR [--s3] [--keystone] [--app] [--ttl N] [--versions]
#	                   [--port N]
#	swift.sh stop DIR
#
# By default its own tokens ("v1").  --s3: by its S3 interface; --keystone: by
# a real Keystone with the token's life in --ttl; --app: and with an
# application credential; --versions: the container keeps versions.
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2

if [ "$cmd" = stop ]; then
	for p in proxy object container account memcached keystone; do
		stop_pid "$dir/run/$p.pid"
	done
	exit
fi
[ "$cmd" = start ] || die "unknown command '$cmd'"

api=swift keystone='' app='' ttl=3600 versions='' port=''
while [ $# -gt 0 ]; do
	case $1 in
	--s3) api=s3 ;;
	--keystone) keystone=1 ;;
	--app) keystone=1 app=1 ;;
	--ttl) ttl=$2; shift ;;
	--versions) versions=1 ;;
	--port) port=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need swift-proxy-server
need swift-object-server
need memcached
[ -z "$keystone" ] || need keystone-manage
mkdir -p "$dir"/{etc,disks/d1,run,log,data,keystone}
dir=$(cd "$dir" && pwd)
# It keeps what it knows of an object in the file's attributes.
setfattr -n user.test -v 1 "$dir/disks" 2>/dev/null || {
	echo "SKIP: the file system of $dir has no user attributes"
	exit 77
}

# daemon NAME COMMAND...: in the background, its process id kept.
daemon() {
	local name=$1
	shift
	(
		cd "$dir"
		exec setsid "$@" >"$dir/log/$name.log" 2>&1 </dev/null
	) &
	echo $! >"$dir/run/$name.pid"
}
# The secrets of the ring, for those that look here; others use the system's.
cat >"$dir/etc/swift.conf" <<CONF
[swift-hash]
swift_hash_path_suffix = suffix
swift_hash_path_prefix = prefix
[storage-policy:0]
name = gold
default = yes
CONF

[ -n "$port" ] || port=$(free_port)
cache=$(free_port)
for n in account container object; do
	p=$(free_port)
	cat >"$dir/etc/$n.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $p
workers = 0
swift_dir = $dir/etc
devices = $dir/disks
mount_check = false
disable_fallocate = true
log_level = WARNING
[pipeline:main]
pipeline = $n-server
[app:$n-server]
use = egg:swift#$n
CONF
	b=$dir/etc/$n.builder
	{
		swift-ring-builder "$b" create 4 1 0
		swift-ring-builder "$b" add "r1z1-127.0.0.1:$p/d1" 1
		swift-ring-builder "$b" rebalance || :
	} >>"$dir/log/ring.log"
	daemon "$n" "swift-$n-server" "$dir/etc/$n.conf"
	eval "port_$n=$p"
done

# With Keystone the S3 interface would want more of it.
auth='s3api tempauth' filters=''
if [ -n "$keystone" ]; then
	kport=$(free_port)
	auth='authtoken keystoneauth'
	filters="[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = http://127.0.0.1:$kport
auth_url = http://127.0.0.1:$kport
auth_type = password
project_domain_id = default
user_domain_id = default
project_name = admin
username = swift
password = swiftpw
delay_auth_decision = True
cache = swift.cache
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member"
fi
cat >"$dir/etc/proxy.conf" <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
workers = 0
swift_dir = $dir/etc
log_level = WARNING
expose_info = true
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk $auth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$cache
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
s3_acl = false
location = us-east-1
dns_compliant_bucket_names = false
[filter:tempauth]
use = egg:swift#tempauth
token_life = $ttl
user_test_alice = s3cretpw .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_versioned_writes = true
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
$filters
CONF

# ---- Keystone --------------------------------------------------------------

keystone_start() {
	local k=$dir/keystone m
	mkdir -p "$k"/{fernet,cred}
	chmod 700 "$k/fernet" "$k/cred"
	cat >"$k/keystone.conf" <<CONF
[DEFAULT]
log_file = $dir/log/keystone-app.log
[database]
connection = sqlite:///$k/keystone.db
[token]
provider = fernet
expiration = $ttl
[fernet_tokens]
key_repository = $k/fernet
[credential]
key_repository = $k/cred
[cache]
enabled = false
CONF
	m=(keystone-manage --config-file "$k/keystone.conf")
	"${m[@]}" db_sync
	"${m[@]}" fernet_setup --keystone-user "$(id -un)" \
	    --keystone-group "$(id -gn)"
	"${m[@]}" credential_setup --keystone-user "$(id -un)" \
	    --keystone-group "$(id -gn)"
	"${m[@]}" bootstrap --bootstrap-password adminpw \
	    --bootstrap-username admin --bootstrap-project-name admin \
	    --bootstrap-role-name admin --bootstrap-service-name keystone \
	    --bootstrap-region-id RegionOne \
	    --bootstrap-public-url "http://127.0.0.1:$kport/v3" \
	    --bootstrap-internal-url "http://127.0.0.1:$kport/v3"
	OS_KEYSTONE_CONFIG_DIR=$k OS_KEYSTONE_CONFIG_FILES=keystone.conf \
	    daemon keystone /usr/bin/python3 \
	    "$(cd "$(dirname "$0")" && pwd)/keystone_serve.py" \
	    "$k/keystone.conf" "$kport"
	wait_port "$kport"
}

# The project, its user, the store's own user and where the store is; the
# last line printed is the credential's id.
keystone_fill() {
	/usr/bin/python3 "$(dirname "$0")/keystone_fill.py" \
	    "http://127.0.0.1:$kport/v3" \
	    "http://127.0.0.1:$port/v1/AUTH_%(project_id)s"
}

if [ -n "$keystone" ]; then
	keystone_start >"$dir/log/keystone-start.log" 2>&1 ||
		die "keystone does not start: $(tail -n 3 \
		    "$dir/log/keystone-start.log")"
	credential=$(keystone_fill 2>"$dir/log/fill.log") ||
		die "keystone is not filled: $(tail -n 3 "$dir/log/fill.log")"
fi

# ---- and all of it ---------------------------------------------------------

daemon memcached memcached -u nobody -l 127.0.0.1 -p "$cache" -m 16
# shellcheck disable=SC2154
for p in "$port_account" "$port_container" "$port_object" "$cache"; do
	wait_port "$p"
done
daemon proxy swift-proxy-server "$dir/etc/proxy.conf"
wait_port "$port"

python3 "$(dirname "$0")/swift_container.py" "$port" \
    "${keystone:+http://127.0.0.1:$kport/v3}" "$versions" \
    2>"$dir/log/container.log" ||
	die "no container: $(tail -n 1 "$dir/log/container.log")"

host=127.0.0.1:$port
user=test:alice pass=s3cretpw
url="swift://test%3Aalice@$host/bucket/?auth=1&tls=no"
if [ -n "$app" ]; then
	user=$credential pass=appcredsecret
	url="swift://$credential@127.0.0.1:$kport/bucket/?kind=app&tls=no"
elif [ -n "$keystone" ]; then
	user=alice
	url="swift://alice@127.0.0.1:$kport/bucket/?project=demo&tls=no"
	url="$url&region=RegionOne"
elif [ "$api" = s3 ]; then
	url="s3://test%3Aalice@$host/bucket/?tls=no"
fi
show URL "$url" HTTP "http://$host/" USER "$user" PASS "$pass" CA "" PIN "" \
    DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/swift.sh stop $dir"
