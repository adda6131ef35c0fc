#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A server that answers wrongly in every way, under a mounted drive: what the
# user is told, what a read gives, that nothing is lost or deleted, and that
# the queue drains by itself when it is over.  tests/FAULTS.md tells what is
# expected; FAULTS=all tries all of them, without it a choice.
#
# Also over: s3
COFFRE_TEST_STORE=${COFFRE_TEST_STORE:-webdav}
. "$(dirname "$0")/../lib.sh"
fs_prepare
. "$TOP/tests/fs/proxy.sh"
. "$TOP/tests/fs/fault.sh"
THIEF=
end_all() {
	proxy_stop
	[ -z "$THIEF" ] || kill "$THIEF" 2>/dev/null
	[ ! -d "$T/tls" ] || tls_stop
	fs_cleanup
}
trap end_all EXIT

# The drive that was made lies at the server itself; ours is behind the proxy.
need "a proxy stands before it" proxy
URL=$(proxied_url)
sed -i "s|^store = .*|store = ${URL//&/\\&}|; \$a timeout = 5\nquiet = 0" \
    "$T/config/coffre/$NAME.conf"
faults_mount

fault "503 with Retry-After" offline "busy|later|503|reach" waits \
    --status 503 --retry-after 1
fault "403" refused "refus|403|not allowed" EACCES --status 403
fault "412" fault "sense" waits --status 412
refuse "412: a read does not fail with words of a write" grep -qi exists \
    "$T/read.err"
fault "507" full "full|507" works --status 507 --method PUT
fault "a page with status 200" fault "sense|page|answer" waits \
    --status 200 --html
fault "cut in the middle of a body" offline "reach|connection|broke" waits \
    --cut-down 300
if is_all; then
	fault "404" fault "no drive|sense" EIO --status 404
	fault "409" "fault|offline" "sense|409|reach" waits --status 409
	fault "423" offline "lock|423|reach" waits --status 423
	fault "429 with Retry-After" offline "many|later|429|reach" waits \
	    --status 429 --retry-after 2
	fault "500" offline "500|reach" waits --status 500
	fault "503" offline "503|reach|busy" waits --status 503
	fault "an upload that is cut" offline "reach|connection|broke" works \
	    --cut-up 900 --method PUT
	fault "a lost answer" offline "reach|connection|broke" waits --cut-down 0
	fault "a length too great" "offline|fault" "." waits --extra 10
	fault "a length too small" "offline|fault" "." waits --extra -10 \
	    --method GET
	fault "a body without an end" "fault|refused|offline" "." waits \
	    --status 200 --endless
	READ_S=12 fault "no answer" offline "reach|answer|time" waits --hang
	# What was not there to be read is still spoken of.
	"$COFFRE" sync "$NAME"
fi

quiet_fault "answers after half a second" --delay 500
quiet_fault "a clock that is a day off" \
    --date "$(date -u -d yesterday '+%a, %d %b %Y %H:%M:%S GMT')"
quiet_fault "a single 503" --status 503 --times 1

# A44.  Attack: somebody between us and the server: another certificate, a
# redirection to a server of theirs, a question for the password.
# Defence: certificates are verified always; credentials go to one scheme,
# host and port; redirections elsewhere are not followed; a password that was
# refused is not tried again.
"$PROXY_PROG" --status 200 --log "$T/thief" >"$T/thief.out" &
THIEF=$!
until_ok 5 grep -q PORT= "$T/thief.out"
thief=$(sed -n 's/^PORT=//p' "$T/thief.out")
fault "a redirection to another host" fault "redirect|elsewhere|sense" waits \
    --status 307 --location "http://127.0.0.1:$thief/drive/"
check "a44_the_other_host_was_asked_for_nothing" test ! -s "$T/thief"
kill "$THIEF"
wait "$THIEF" 2>/dev/null
THIEF=

# ---- what is left of it ----------------------------------------------------

nothing_is_left

# ---- a refusal of the server's own -----------------------------------------

# Another password is set there, and ours again; how often we were refused.
case $COFFRE_TEST_STORE in
webdav)
	refuse_us() {
		cp "$T/apache/htpasswd" "$T/htpasswd" &&
		    echo 'alice:{SHA}AAAAAAAAAAAAAAAAAAAAAAAAAAA=' \
		    >"$T/apache/htpasswd"
	}
	let_us_in() {
		cp "$T/htpasswd" "$T/apache/htpasswd"
	}
	refused_count() {
		grep -c '^[0-9.]* [A-Z]* .* 401 ' \
		    "$T/apache/log/access.log" || :
	}
	;;
s3)
	refuse_us() {
		kill -USR1 "$(cat "$T/cloud/run/pid")"
	}
	let_us_in() {
		kill -USR2 "$(cat "$T/cloud/run/pid")"
	}
	refused_count() {
		grep -c '^403 ' "$T/cloud/log" || :
	}
	;;
*)
	refuse_us() {
		return 1
	}
	;;
esac
before=$(refused_count 2>/dev/null)
if refuse_us; then
	make_cold
	echo more >"$M/while-refused"
	check "refused: status tells it" until_ok 20 is_link refused \
	    "password|refus"
	check "refused: a read ends as it has to" cold_read 30 EACCES
	sleep 4
	say "refused $(($(refused_count) - before)) times"
	check "a44_a_refused_password_is_not_tried_again" test \
	    "$(($(refused_count) - before))" -le 8
	let_us_in
	# An automatic try may be under way at that moment.
	check "refused: a word of the user is enough when it is over" \
	    until_ok 20 "$COFFRE" sync --wait=60 "$NAME"
	check "refused: the file is whole" grep -q more "$M/while-refused"
fi

# ---- another machine, and listings -----------------------------------------

not_in_arguments() {
	grep -qa mount "/proc/$MPID/cmdline" &&
	    ! grep -qaF "${CLOUD_PASS:-$DAV_PASS}" "/proc/$MPID/cmdline"
}
check "the credentials are in no command line" not_in_arguments
leave_tree
list=(--method GET --path "k%2F HTTP")
! is_dav || list=(--method PROPFIND --path /k/)
recover_fails "a listing that is cut" "cannot list" "${list[@]}" \
    --cut-down 300
# What it was like when the first machine that recovers looked.
proxy "${list[@]}" --stale "$T/listing"
check "a machine recovers the drive" recover_there first
check "a listing is kept" grep -q 'r/.*k/' "$T/listing"
check "it has all of it, and goes on" same_there first "$T/dump" more
check "an old listing: a drive is recovered" recover_there second
check "an old listing: all of it" same_there second "$T/dump"
proxy_stop
check "and in no log" fails grep -rqaF "${CLOUD_PASS:-$DAV_PASS}" \
    "$T/daemon.log" "$T/run"

# ---- certificates ----------------------------------------------------------

# A server of the same kind at $T/tls, with TLS.
case $COFFRE_TEST_STORE in
webdav)
	tls_start() {
		apache_sh start "$T/tls" --tls \
		    ${TLS_PORT:+--port "$TLS_PORT"} >"$T/tls.vars"
	}
	tls_stop() {
		apache_sh stop "$T/tls"
	}
	tls_again() {
		tls_stop && tls_start
	}
	tls_log=$T/tls/log/access.log
	;;
s3)
	tls_start() {
		"$TOP/tests/servers/strict-s3.sh" start "$T/tls" --tls \
		    --log "$T/tls/log" >"$T/tls.vars"
	}
	tls_stop() {
		"$TOP/tests/servers/strict-s3.sh" stop "$T/tls"
	}
	tls_again() {
		kill -HUP "$(cat "$T/tls/run/pid")"
	}
	tls_log=$T/tls/log
	;;
*)
	fs_count
	[ "$N_FAILED" -eq 0 ]
	exit
	;;
esac
# A certificate of the same authority whose time is over.
expired() {
	mkdir -p "$T/ca" && : >"$T/ca/index" && echo 01 >"$T/ca/serial" &&
	    cat >"$T/ca/conf" <<-CONF
	[ca]
	default_ca = a
	[a]
	database = $T/ca/index
	serial = $T/ca/serial
	new_certs_dir = $T/ca
	default_md = sha256
	policy = p
	x509_extensions = e
	[p]
	commonName = supplied
	[e]
	subjectAltName = IP:127.0.0.1
	CONF
	openssl ca -batch -config "$T/ca/conf" -cert "$T/tls/ca.pem" \
	    -keyfile "$T/tls/ca.key" -in "$T/tls/server.csr" \
	    -startdate 20200101000000Z -enddate 20200201000000Z \
	    -out "$T/expired.pem" >/dev/null 2>&1
}
# Somebody else's, for the same name.
swapped() {
	mkdir -p "$T/foreign" && (
		# shellcheck source=tests/servers/common.sh
		. "$TOP/tests/servers/common.sh"
		make_certs "$T/foreign"
	)
}
tls_with() {
	cp "$1" "$T/tls/server.pem" && cp "$2" "$T/tls/server.key" &&
	    tls_again && until_ok 10 tls_shows "$1"
}
tls_shows() {
	[ "$(openssl s_client -connect "127.0.0.1:$TLS_PORT" </dev/null \
	    2>/dev/null | openssl x509 -fingerprint -noout)" = \
	    "$(openssl x509 -fingerprint -noout -in "$1")" ]
}
need "a server with TLS" tls_start
eval "$(grep -E '^(URL|CA)=' "$T/tls.vars")"
TLS_PORT=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' <<<"$URL" | head -1)
cp "$T/tls/server.pem" "$T/good.pem"
cp "$T/tls/server.key" "$T/good.key"
NAME=tlsdrive
tls_init() {
	local options=${URL#"${URL%%\?*}"}
	coffre init --store "${URL%%\?*}drive$options" --ca "$CA" \
	    --password-fd 8 --recovery-file "$T/recovery2" "$NAME" \
	    8<<<"${CLOUD_PASS:-$DAV_PASS}"
}
need "a drive on it" tls_init
need "it is mounted" drive_mount
echo one >"$T/mnt/one"
check "it works" drive_sync
check "a certificate of the past is made" expired
check "and one by somebody else" swapped
for bad in expired swapped; do
	if [ "$bad" = expired ]; then
		check "it has a certificate of the past" \
		    tls_with "$T/expired.pem" "$T/good.key"
	else
		check "it has one of somebody else" tls_with \
		    "$T/foreign/server.pem" "$T/foreign/server.key"
	fi
	seen=$(wc -l <"$tls_log")
	echo "$bad" >"$T/mnt/$bad"
	check "a44_status_names_a_certificate_that_is_not_good" \
	    until_ok 30 is_link offline certificate
	say "certificate $bad | $(drive_status \
	    '.sync | .link + " | " + .problem') |"
	check "a44_nothing_is_asked_of_a_server_that_has_such_a_one" \
	    test "$(wc -l <"$tls_log")" -eq "$seen"
	check "it has the good one again" \
	    tls_with "$T/good.pem" "$T/good.key"
	check "certificate $bad: the queue drains when it is over" drains 150
done
cd "$T" || exit 1
need "it is unmounted" drive_unmount
tls_stop
fs_count
[ "$N_FAILED" -eq 0 ]
