# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# An S3 or Swift server for one case: sourced by lib.sh.  Sets CLOUD (a
# store's URL), CLOUD_HTTP, CLOUD_PASS, CLOUD_DATA.
#
#	s3		the double that refuses what is not canonical
#	swift		Debian's Swift, its own tokens
#	swift-s3	the same by its S3 interface
#	keystone	the same with Keystone, tokens that live 30 s
#	ceph		Ceph's gateway

CLOUD=
CLOUD_STOP=

# shellcheck disable=SC2034,SC2153
cloud_start() {
	local URL HTTP USER PASS CA PIN DATA STOP rc=0 server

	case $1 in
	s3)
		server=(strict-s3 start "$T/cloud" --page 50
		    --log "$T/cloud/log")
		;;
	swift) server=(swift start "$T/cloud") ;;
	swift-s3) server=(swift start "$T/cloud" --s3) ;;
	keystone) server=(swift start "$T/cloud" --keystone --ttl 30) ;;
	ceph) server=(ceph start "$T/cloud") ;;
	*) return 0 ;;
	esac
	"$TOP/tests/servers/${server[0]}.sh" "${server[@]:1}" \
	    >"$T/cloud.vars" || rc=$?
	[ "$rc" -ne 77 ] || skip "$(sed 's/^SKIP: //' "$T/cloud.vars")"
	CLOUD_STOP="$TOP/tests/servers/${server[0]}.sh stop $T/cloud"
	need "a server of the kind '$1' is started" test "$rc" -eq 0
	# shellcheck disable=SC1091
	. "$T/cloud.vars"
	# The place comes before the options.
	CLOUD="${URL%%\?*}drive?${URL#*\?}"
	CLOUD_PASS=$PASS
	CLOUD_HTTP=$HTTP
	CLOUD_DATA=$T/cloud
}

cloud_stop() {
	$CLOUD_STOP
}
