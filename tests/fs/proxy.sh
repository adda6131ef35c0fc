# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For cases with a server that fails: a proxy that does it, before this test's
# Apache, or its S3 or Swift server (COFFRE_TEST_STORE).  Who sources this
# calls proxy_stop at its end.

PROXY_PROG=$B/tests/tools/fault_proxy
[ -x "$PROXY_PROG" ] || { echo "no $PROXY_PROG"; exit 1; }
target=${APACHE_HTTP:-${CLOUD_HTTP:-}}
target=${target#http://}
target=${target%%/*}
PROXY=
# It comes back there: not a port that a connection may have meanwhile.
# shellcheck source=tests/servers/common.sh
PORT=$(. "$TOP/tests/servers/common.sh" && free_port)

# proxy OPTION...: from now on requests pass this one, at the same PORT.
proxy() {
	proxy_stop
	"$PROXY_PROG" --port "$PORT" --log "$T/requests" "$@" "$target" \
	    >"$T/proxy.out" 8>&- &
	PROXY=$!
	until_ok 5 grep -q PORT= "$T/proxy.out"
}
# The URL of the drive's store by way of the proxy.
proxied_url() {
	local url=${CLOUD:-$APACHE}
	echo "${url/$target/127.0.0.1:$PORT}"
}
proxy_stop() {
	[ -n "$PROXY" ] || return 0
	kill "$PROXY" 2>/dev/null
	wait "$PROXY" 2>/dev/null
	PROXY=
	: >"$T/proxy.out"
}
