#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Apache httpd with mod_dav on loopback.
#
#	apache.sh start DIR [--digest] [--tls] [--no-h2] [--port N]
#	apache.sh stop DIR
set -eu
# shellcheck source=tests/servers/common.sh
. "$(dirname "$0")/common.sh"

cmd=${1:-} dir=${2:-}
[ -n "$dir" ] || die "usage: $0 start|stop DIR [OPTION...]"
shift 2
PATH=$PATH:/usr/sbin

if [ "$cmd" = stop ]; then
	stop_pid "$dir/run/httpd.pid"
	exit
fi
[ "$cmd" = start ] || die "unknown command '$cmd'"

auth=Basic tls='' h2=1 port=''
while [ $# -gt 0 ]; do
	case $1 in
	--digest) auth=Digest ;;
	--tls) tls=1 ;;
	--no-h2) h2='' ;;
	--port) port=$2; shift ;;
	*) die "unknown option '$1'" ;;
	esac
	shift
done

need apache2
need htpasswd
user=alice pass='s3cret pass:é'
mods=/usr/lib/apache2/modules
mkdir -p "$dir"/{data,lock,log,run}
dir=$(cd "$dir" && pwd)
[ -n "$port" ] || port=$(free_port)

htpasswd -bc "$dir/htpasswd" "$user" "$pass" 2>/dev/null
hash=$(printf '%s:dav:%s' "$user" "$pass" | md5sum | cut -d' ' -f1)
printf '%s:dav:%s\n' "$user" "$hash" >"$dir/htdigest"
account=''
if [ "$(id -u)" -eq 0 ]; then
	account="User $(server_user)
Group $(id -gn "$(server_user)")"
	chown -R "$(server_user):" "$dir/data" "$dir/lock" "$dir/run"
	chmod 755 "$dir"
fi

ssl='' scheme=webdav
if [ -n "$tls" ]; then
	need openssl
	make_certs "$dir"
	scheme=webdavs
	ssl="LoadModule ssl_module $mods/mod_ssl.so
LoadModule socache_shmcb_module $mods/mod_socache_shmcb.so
SSLEngine on
SSLCertificateFile $dir/server.pem
SSLCertificateKeyFile $dir/server.key"
	if [ -n "$h2" ] && [ -e "$mods/mod_http2.so" ]; then
		ssl="$ssl
LoadModule http2_module $mods/mod_http2.so
Protocols h2 http/1.1"
	fi
fi
provider="AuthBasicProvider file
  AuthUserFile $dir/htpasswd"
[ "$auth" = Basic ] || provider="AuthDigestProvider file
  AuthUserFile $dir/htdigest"

cat >"$dir/httpd.conf" <<CONF
ServerRoot $dir
Listen 127.0.0.1:$port
ServerName 127.0.0.1
PidFile $dir/run/httpd.pid
DefaultRuntimeDir $dir/run
$account
LoadModule mpm_event_module $mods/mod_mpm_event.so
LoadModule authn_core_module $mods/mod_authn_core.so
LoadModule authn_file_module $mods/mod_authn_file.so
LoadModule authz_core_module $mods/mod_authz_core.so
LoadModule authz_user_module $mods/mod_authz_user.so
LoadModule auth_basic_module $mods/mod_auth_basic.so
LoadModule auth_digest_module $mods/mod_auth_digest.so
LoadModule dav_module $mods/mod_dav.so
LoadModule dav_fs_module $mods/mod_dav_fs.so
LoadModule dav_lock_module $mods/mod_dav_lock.so
$ssl
ErrorLog $dir/log/error.log
LogFormat "%t %r %>s %b" short
CustomLog $dir/log/access.log short
DavLockDB $dir/lock/DavLock
DocumentRoot $dir/data
KeepAlive On
MaxKeepAliveRequests 0
LimitRequestBody 0
LimitXMLRequestBody 0
<Directory $dir/data>
  Dav On
  AuthName dav
  AuthType $auth
  $provider
  Require valid-user
  AllowOverride None
</Directory>
CONF
apache2 -f "$dir/httpd.conf" -k start >"$dir/log/start.log" 2>&1 ||
	die "apache does not start: $(tail -n 3 "$dir/log/start.log")"
wait_port "$port"

http=http
ca='' pin=''
if [ -n "$tls" ]; then
	http=https ca=$dir/ca.pem
	pin=$(pin_of "$dir/server.pem")
fi
show URL "$scheme://$user@127.0.0.1:$port/" HTTP "$http://127.0.0.1:$port/" \
    USER "$user" PASS "$pass" CA "$ca" PIN "$pin" DATA "$dir/data" \
    STOP "$(cd "$(dirname "$0")" && pwd)/apache.sh stop $dir"
