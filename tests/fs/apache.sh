# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# An Apache with WebDAV for one case: sourced by lib.sh.  Sets APACHE (the
# drive's URL), APACHE_HTTP, DAV_PASS, DAV_DATA.  apache_stop and apache_again
# take it away and bring it back, at the same address with the same content.

# shellcheck disable=SC2153
apache_sh() {
	"$TOP/tests/servers/apache.sh" "$@"
}

# Read by lib.sh, and by cases.
# shellcheck disable=SC2034,SC2153
apache_start() {
	local URL HTTP USER PASS CA PIN DATA STOP rc=0

	apache_sh start "$T/apache" >"$T/apache.vars" || rc=$?
	[ "$rc" -ne 77 ] || skip "$(sed 's/^SKIP: //' "$T/apache.vars")"
	need "Apache is started" test "$rc" -eq 0
	# shellcheck disable=SC1091
	. "$T/apache.vars"
	APACHE_HTTP=$HTTP
	APACHE=${URL}drive
	DAV_PASS=$PASS
	DAV_DATA=$DATA
}

apache_answers() {
	curl -so /dev/null "$APACHE_HTTP"
}

apache_again() {
	local port=${APACHE_HTTP##*:}

	apache_sh start "$T/apache" --port "${port%/}" >/dev/null &&
	    until_ok 10 apache_answers
}

apache_stop() {
	apache_sh stop "$T/apache"
}
