# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# An OpenSSH server for one case: sourced by lib.sh.  Sets SFTP (a store's
# URL), SFTP_OPTS (how to get in), SFTP_DATA.  sshd_stop and sshd_again take
# it away, with all its sessions, and bring it back at the same address.  With
# SFTP_FAULTS=1 fault_sftp stands before its sftp-server, and proxy OPTION...
# tells it what to do; what is asked for stands in $T/requests.

sshd_args() {
	[ -z "${SFTP_FAULTS:-}" ] || echo --faults "$B/tests/tools/fault_sftp"
}

# shellcheck disable=SC2153
sshd_sh() {
	"$TOP/tests/servers/sshd.sh" "$@"
}

# Read by lib.sh, and by cases.
# shellcheck disable=SC2034,SC2153
sshd_start() {
	local URL HTTP USER PASS CA PIN DATA KEY HOSTS ACCOUNT STOP rc=0

	# shellcheck disable=SC2046
	sshd_sh start "$T/sshd" $(sshd_args) >"$T/sshd.vars" || rc=$?
	[ "$rc" -ne 77 ] || skip "$(sed 's/^SKIP: //' "$T/sshd.vars")"
	need "sshd is started" test "$rc" -eq 0
	# shellcheck disable=SC1091
	. "$T/sshd.vars"
	SFTP=${URL}drive
	SFTP_PORT=${URL#*127.0.0.1:}
	SFTP_PORT=${SFTP_PORT%%/*}
	SFTP_OPTS=(--key "$KEY" --pin "$PIN")
	SFTP_DATA=$DATA
}

# sshd_again [OPTION...]
sshd_again() {
	# shellcheck disable=SC2046
	sshd_sh start "$T/sshd" --port "$SFTP_PORT" $(sshd_args) "$@" \
	    >/dev/null
}

sshd_stop() {
	sshd_sh stop "$T/sshd" --keep
}

proxy() {
	[ -e "$T/requests" ] || install -m 666 /dev/null "$T/requests"
	"$T/sshd/fault_sftp" set "$T/sshd/faults" --log "$T/requests" "$@"
}

sshd_end() {
	sshd_sh stop "$T/sshd"
}
