#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What lets a drive into its store is seen nowhere but in the file for it: not
# in arguments, surroundings, logs at the highest level, settings, state,
# answers, messages or the addresses that are asked for.  For each kind of
# store.
. "$(dirname "$0")/../lib.sh"

script=
secrets_end() {
	[ -z "$script" ] || "$script" stop "$T/server" >/dev/null 2>&1
	fs_cleanup
}

# The forms in which the secret $1 of user $2 would be one.
forms() {
	local word
	printf '%s\n' "$1"
	# A trace escapes what is not ASCII.
	printf '%s\n' "${1%%[^ -~]*}"
	# Of several words: the secret and the token, not the key's id.
	for word in $1; do
		[ ${#word} -lt 9 ] || [ "$word" = "$2" ] ||
			printf '%s\n' "$word"
	done
	printf '%s' "$1" | jq -sRr '@uri'
	printf '%s' "$1" | base64 -w0
	echo
	printf '%s:%s' "$2" "$1" | base64 -w0
	echo
	# JSON without what is not ASCII.
	printf '%s' "$1" | jq -sR --ascii-output . | sed 's/^"//; s/"$//'
}
has_secret() {
	grep -raFlf "$T/forms" -- "$@"
}
has_token() {
	grep -raElE 'AUTH_tk[0-9a-f]{32}|gAAAAA[A-Za-z0-9_-]{40}' -- "$@"
}
# Settings but for the one file.
settings() {
	find "$T/config" -type f ! -name '*.cred'
}
# Arguments and surroundings of the daemon and of all it has started.
family() {
	local p
	for p in "$MPID" $(pgrep -P "$MPID"); do
		cat "/proc/$p/cmdline" "/proc/$p/environ" 2>/dev/null
	done
}
# All that a command executes, with arguments and surroundings; and what it
# says.
told() {
	local trace=()
	if command -v strace >/dev/null; then
		trace=(strace -f -qq -v -s 100000 -e trace=execve
		    -o "$T/seen/exec.$RANDOM")
	fi
	"${trace[@]}" "$COFFRE" "$@" >>"$T/seen/out" 2>>"$T/seen/err"
}

# kind NAME SCRIPT [OPTION...]
kind() {
	local URL='' HTTP='' USER='' PASS='' CA='' PIN='' DATA='' STOP=''
	local KEY='' HOSTS='' ACCOUNT='' LOG='' words=$PASS rc=0 url wrong
	local who=$1 more=()
	: "$HTTP$PIN$DATA$STOP$KEY$HOSTS$ACCOUNT$LOG$words"
	script=$TOP/tests/servers/$2.sh
	shift 2
	rm -rf "$T/server" "$T/seen"
	mkdir -p "$T/seen"
	"$script" start "$T/server" "$@" >"$T/server.vars" 2>"$T/server.err" ||
		rc=$?
	if [ "$rc" -ne 0 ]; then
		say "$who: $(cat "$T/server.vars" "$T/server.err")"
		check "$who: not started only where it is not installed" \
		    test "$rc" -eq 77
		[ "$rc" -ne 77 ] || skip_part "a store of the kind '$who'" \
		    "$(sed 's/^SKIP: //' "$T/server.vars")"
		"$script" stop "$T/server" >/dev/null 2>&1
		script=
		return 0
	fi
	# shellcheck source=/dev/null
	. "$T/server.vars"
	forms "$PASS" "$USER" >"$T/forms"
	wrong=wrong$RANDOM-$PASS
	NAME=$who
	case $URL in
	*\?*) url="${URL%%\?*}drive?${URL#*\?}" ;;
	*) url=${URL}drive ;;
	esac
	case $URL in
	webdav*|nextcloud*) more=(--user "$USER") ;;
	esac
	[ -z "$CA" ] || more+=(--ca "$CA")
	case $URL in
	sftp*) more+=(--pin "$PIN") ;;
	esac

	refuse "$who: a wrong secret does not open it" told store probe \
	    "${more[@]}" --password-fd 8 "$url" 8<<<"$wrong"
	check "$who: the right one does, once it is asked again" \
	    until_ok 30 told store probe --json "${more[@]}" \
	    --password-fd 8 "$url" 8<<<"$PASS"
	need "$who: a drive is made" told init --store "$url" "${more[@]}" \
	    --password-fd 8 --recovery-file "$T/recovery-$who" \
	    --passphrase-fd 9 "$NAME" 8<<<"$PASS" 9<<<"$DRIVE_PASS"
	check "$who: only you can read where it is kept" \
	    test "$(stat -c %a "$T/config/coffre/$NAME.cred")" = 600
	PASS=$DRIVE_PASS MOUNT_OPTS=,log_level=debug \
	    need "$who: it is mounted" drive_mount
	echo x >"$T/mnt/x"
	check "$who: what is written is stored" told sync --wait=60 "$NAME"
	told status --json "$NAME"
	told store list "$NAME"
	told store list --json "$NAME"
	told store probe "$NAME"
	family >"$T/seen/family"
	check "$who: there is something to look at" test -s "$T/seen/family"
	need "$who: it is unmounted" drive_unmount
	cp "$T/daemon.log" "$T/seen/log"
	cp -r "$T/state" "$T/seen/state"
	# shellcheck disable=SC2046
	cp $(settings) "$T/seen/"
	# The addresses it was asked for.
	find "$T/server" -name '*log*' -type f -exec cat {} + \
	    >"$T/seen/requests" 2>/dev/null
	refuse "$who: the secret is seen nowhere" has_secret "$T/seen"
	refuse "$who: nor is what it was changed for" has_token "$T/seen"
	cp "$T/config/coffre/$NAME.cred" "$T/seen/"
	check "$who: the look would find it" has_secret "$T/seen"
	"$script" stop "$T/server" >/dev/null
	script=
}

T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-fs.XXXXXX")
chmod 711 "$T"
trap secrets_end EXIT
trap 'exit 143' TERM INT HUP
is_plain && skip "is about stores, not about POSIX"
fs_home
fs_need_fuse
DRIVE_PASS=$PASS

# An address is no place for it.
mkdir "$T/seen"
echo "$MARK" >"$T/forms"
for url in "webdavs://u:$MARK@127.0.0.1/x" "sftp://u:$MARK@127.0.0.1/x" \
    "s3://u:$MARK@127.0.0.1/b" "swift://u:$MARK@127.0.0.1/b" \
    "nextcloud://u:$MARK@127.0.0.1/x"; do
	# These arguments are the caller's.
	refuse "in ${url%%:*}:// it is refused" "$COFFRE" store probe \
	    --password-fd 8 "$url" 8<<<x 2>>"$T/seen/err"
done
refuse "and not repeated" has_secret "$T/seen"

if command -v strace >/dev/null; then
	strace -f -qq -v -s 100000 -e trace=execve -o "$T/seen/exec" \
	    env "X=$MARK" true
	check "what is handed on would be found" has_secret "$T/seen/exec"
else
	skip_part "what commands hand on to programs" "strace is missing"
fi

kind dav apache --tls
kind cloud nextcloud
kind s3 strict-s3 --token "session/token+$MARK="
kind swift swift
kind sftp sshd --password

NAME=none
[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
