#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The store's contract and its faults over real servers: start each, run the
# programs of this folder against it, stop it.
#
#	B=build tests/store/run.sh [SERVER...]
#
# SERVER is one of those named below; all if none is given.  A server that is
# not installed is skipped, and said to be; if none is, the run ends with 77.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
B=${B:-$top/build}
B=$(cd "$B" && pwd) || exit 1

# Thread sanitizer needs memory where it expects it.
wrap=()
[ "${SAN:-}" != thread ] || wrap=(setarch -R)

passed=0 failed=0 skipped=0
work=$(mktemp -d /tmp/store-run.XXXXXX)
chmod 755 "$work"
stop=''
cleanup() {
	[ -z "$stop" ] || $stop
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# An authority that has signed none of them.
mkdir "$work/foreign"
(
	# shellcheck source=tests/servers/common.sh
	. "$top/tests/servers/common.sh"
	make_certs "$work/foreign"
)

# Run a program and count its checks.
count() {
	local name=$1 log=$work/log line n bad rc=0
	shift
	"${wrap[@]}" "$@" >"$log" 2>&1 || rc=$?
	line=$(grep -E '^[0-9]+%: Checks:' "$log" | tail -n 1)
	n=$(sed -nE 's/.*Checks: ([0-9]+).*/\1/p' <<<"$line")
	bad=$(sed -nE 's/.*Failures: ([0-9]+), Errors: ([0-9]+).*/\1+\2/p' \
	    <<<"$line")
	if [ -z "$n" ]; then
		# It did not come to its end.
		n=1 bad=1
	fi
	bad=$((bad))
	# It may have come to an end of another kind behind its count.
	[ "$rc" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	failed=$((failed + bad))
	passed=$((passed + n - bad))
	[ "$bad" -eq 0 ] || sed 's/^/    /' "$log"
	echo "$name: $((n - bad)) passed, $bad failed"
}

# server NAME SCRIPT [OPTION...]
server() {
	local name=$1 script=$top/tests/servers/$2.sh dir=$work/$1
	local rc URL HTTP USER PASS CA PIN DATA STOP # as common.sh says
	local KEY='' HOSTS='' ACCOUNT=''
	: "${HTTP:=}" "${DATA:=}" "${USER:=}" "${HOSTS:=}" "${ACCOUNT:=}"
	shift 2
	mkdir -p "$dir"
	stop="$script stop $dir"
	"$script" start "$dir" "$@" >"$dir.env" 2>"$dir.err"
	rc=$?
	if [ "$rc" -eq 77 ]; then
		stop=''
		echo "ok - $name # SKIP $(sed 's/^SKIP: *//' "$dir.env")"
		skipped=$((skipped + 1))
		return
	fi
	if [ "$rc" -ne 0 ]; then
		$stop >/dev/null 2>&1 # what did start
		stop=''
		cat "$dir.err"
		echo "$name: 0 passed, 1 failed (it does not start)"
		failed=$((failed + 1))
		return
	fi
	# shellcheck source=/dev/null
	. "$dir.env"
	stop=$STOP
	export STORE_TEST_ONLY=1 STORE_TEST_URL=$URL STORE_TEST_PASS=$PASS
	export STORE_TEST_CA=$CA STORE_TEST_PIN=$PIN STORE_TEST_STOP=$STOP
	export STORE_TEST_KEY=$KEY
	export STORE_TEST_FOREIGN_CA=$work/foreign/ca.pem
	count "$name contract" "$B/tests/store/test_store"
	# Its last test stops the server; of what is not HTTP test_sftp.c and
	# others try the faults.
	case $URL in
	webdav*|s3:*|swift:*)
		[ -n "${STORE_CONTRACT_ONLY:-}" ] ||
			count "$name faults" "$B/tests/store/test_fault"
		;;
	esac
	$STOP
	stop=''
}

# Those that need much to be installed, or much time, are named on purpose.
if [ "${1:-}" = --heavy ]; then
	set -- swift-s3 swift-versions keystone keystone-app ceph \
	    ceph-virtual ceph-sig2 ceph-versions ceph-lock ceph-swift
fi
[ $# -gt 0 ] || set -- apache apache-digest apache-tls apache-tls-http1 \
    lighttpd careless sshd nginx sabre nextcloud
for s in "$@"; do
	case $s in
	apache) server "$s" apache ;;
	apache-digest) server "$s" apache --digest ;;
	apache-tls) server "$s" apache --tls ;;
	apache-tls-http1) server "$s" apache --tls --no-h2 ;;
	lighttpd) server "$s" lighttpd ;;
	careless) STORE_TEST_PROBE=1 server "$s" careless ;;
	sshd) STORE_TEST_PROBE=1 server "$s" sshd ;;
	nextcloud) server "$s" nextcloud ;;
	nginx) STORE_TEST_PROBE=1 STORE_TEST_CAPS=10 server "$s" nginx ;;
	# PHP takes an upload to its end before it writes any of it, in place.
	sabre) STORE_TEST_PROBE=1 STORE_TEST_TORN=1 server "$s" sabre ;;
	# It writes in place, and removes what a move replaces before it moves.
	rclone) STORE_TEST_PROBE=1 STORE_TEST_GAP=1 server "$s" rclone ;;
	rclone-sftp) STORE_TEST_PROBE=1 server "$s" rclone --sftp ;;
	strict) server "$s" strict-s3 --page 100 ;;
	strict-sts) STORE_CONTRACT_ONLY=1 server "$s" strict-s3 --virtual \
	    --skew 7200 --token session/token+x= --path /spaces/x1 ;;
	strict-sig2) STORE_CONTRACT_ONLY=1 server "$s" strict-s3 --sig2 \
	    --skew -7200 --list1 --page 150 --versions ;;
	strict-lock) STORE_CONTRACT_ONLY=1 STORE_TEST_CAPS=10 \
	    server "$s" strict-s3 --lock --uncond --page 200 ;;
	# It takes the older file of an object away while a reader is about to
	# open it.
	swift) STORE_TEST_GAP=1 server "$s" swift ;;
	swift-s3) STORE_TEST_GAP=1 STORE_TEST_CAPS=10 server "$s" swift --s3 ;;
	swift-versions) STORE_CONTRACT_ONLY=1 server "$s" swift --versions ;;
	# Its tokens live 30 s only.
	keystone) STORE_TEST_GAP=1 STORE_TEST_DIRECT=1 \
	    server "$s" swift --keystone --ttl 30 ;;
	keystone-app) STORE_CONTRACT_ONLY=1 server "$s" swift --app ;;
	ceph) server "$s" ceph ;;
	ceph-virtual) STORE_CONTRACT_ONLY=1 server "$s" ceph --virtual ;;
	ceph-sig2) STORE_CONTRACT_ONLY=1 server "$s" ceph --sig2 ;;
	# With versions it ignores conditions; so does its Swift side.
	ceph-versions) STORE_CONTRACT_ONLY=1 STORE_TEST_PROBE=1 \
	    STORE_TEST_CAPS=10 server "$s" ceph --versions ;;
	ceph-lock) STORE_CONTRACT_ONLY=1 STORE_TEST_PROBE=1 \
	    STORE_TEST_CAPS=10 server "$s" ceph --lock ;;
	ceph-swift) STORE_CONTRACT_ONLY=1 STORE_TEST_PROBE=1 \
	    STORE_TEST_CAPS=10 server "$s" ceph --swift ;;
	*) echo "$0: no server '$s'" >&2; exit 64 ;;
	esac
done

# For the program that runs all suites.
echo "Checks: $((passed + failed)), Failures: $failed, Errors: 0"
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ] || exit 1
[ "$passed" -gt 0 ] || { echo "SKIP: no server is installed"; exit 77; }
