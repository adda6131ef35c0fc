#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# An SFTP server that answers wrongly in every way, and an SSH host that does
# not let in any more, under a mounted drive: as faults.sh for HTTP.
# tests/FAULTS.md tells what is expected; FAULTS=all tries all of them, without
# it a choice.  tests/store/test_sftp_fault.c tries each answer to each request.
COFFRE_TEST_STORE=sftp
SFTP_FAULTS=1
. "$(dirname "$0")/../lib.sh"
fs_prepare
. "$TOP/tests/fs/fault.sh"

printf 'timeout = 5\nquiet = 0\n' >>"$T/config/coffre/$NAME.conf"
need "the server is honest" proxy
faults_mount

fault "permission denied" refused "does not allow it.*rights" EACCES --code 3 \
    --op open,create,rename,replace
fault "failure of a write" full "cannot write: its disk is full" works --code 4 \
    --op write
fault "a write cut short that is claimed" full "kept less than" works --keep 100 \
    --op write
fault "a message it does not know" fault "makes no sense" waits --code 5 \
    --op open,create,rename,replace
fault "cut in the middle of an answer" offline "broke" waits --cut-down 9 \
    --op open,read,create,write
if is_all; then
	READ_S=4 fault "no answer" offline "no answer in time" waits --hang \
	    --op open,create,rename,replace
	fault "another id" fault "makes no sense" waits --id 7 \
	    --op open,create,rename,replace
	fault "connection lost" offline "broke" waits --code 7 \
	    --op open,read,create,write
	fault "unsupported" fault "makes no sense" waits --code 8 \
	    --op open,create,write
	fault "no such file, nor its folder" offline "is its disk mounted" waits \
	    --code 2 --op open,create,lstat
	fault "failure of all" "offline|full" "does not say why|full" waits \
	    --code 4 --op open,create,fstat,lstat,read,rename,replace
	fault "an upload that is cut" offline "broke" works --cut-up 900 --op write
	fault "failure of a flush" full "cannot write" works --code 4 --op fsync
	fault "a lost answer to a rename" offline "broke" works --cut-down 0 \
	    --op rename,replace
	fault "a length too small" "offline|fault" "." waits --extra -3 \
	    --op open,read,create,write
	READ_S=4 fault "a length too great" "offline|fault" "." waits --extra 9 \
	    --op open,read,create,write
	fault "data without an end" "fault|offline" "." waits --endless \
	    --op open,read,create,write
	fault "text of a shell" fault "makes no sense" waits --text Welcome \
	    --op open,create,write
fi

quiet_fault "answers after a tenth of a second" --delay 100
quiet_fault "a single refusal to connect" --op init --cut-down 0 --times 1
quiet_fault "no replacement at once, no flush" --op replace,fsync --code 8

# ---- the host --------------------------------------------------------------

# As fault, with a host that is changed by one command and mended by another.
host() {
	local name=$1 link=$2 words=$3 read=$4 spoil=$5
	I=$((I + 1))
	objects >"$T/objects.before"
	check "$name: it is made so" "$spoil"
	# Nothing that was asked for ahead comes after this.
	make_cold
	: >"$T/requests"
	head -c 70000 /dev/urandom >"$R/f$I"
	check "$name: a write is not hindered" timeout 30 cp "$R/f$I" "$M/f$I"
	check "$name: status tells it" until_ok 40 is_link "$link" "$words"
	check "$name: a read ends as it has to ($read)" \
	    cold_read "$(read_s "$read")" "$read"
	say "$name | $(drive_status '.sync | .link + " | " + .problem') |" \
	    "$(sed 's/.*: //' "$T/read.err" | tail -1)"
	if [ "$spoil" = another_key ]; then
		check "a44_a_host_with_another_key_is_asked_for_nothing" \
		    test ! -s "$T/requests"
	else
		check "$name: nothing was asked of it" \
		    test ! -s "$T/requests"
	fi
	check "$name: it is as it was" sshd_back
	check "$name: a word of the user is enough when it is over" \
	    until_ok 20 "$COFFRE" sync --wait=60 "$NAME"
	check "$name: nothing is deleted" test -z "$(comm -23 \
	    "$T/objects.before" <(objects))"
	check "$name: what was written is on the server" \
	    cmp "$R/f$I" "$M/f$I"
	check "$name: the read works again" cmp "$R/cold" "$M/cold"
}
sshd_back() {
	sshd_stop && sshd_again
}
another_key() {
	sshd_stop && sshd_again --other-key
}
locked_out() {
	sshd_stop && sshd_again --set "AuthorizedKeysFile none"
}
refused_count() {
	grep -cE 'Connection (closed|reset) by authenticating user' \
	    "$T/sshd/run/log" || :
}

# A44.  Attack: somebody between us and the host, with another key.
# Defence: the key was pinned; nothing is asked of another host, and who was
# refused does not try again at once.
host "the host shows another key" fault "pinned: somebody may stand between" \
    waits another_key
before=$(refused_count)
host "the host does not let in" refused "refused user .* with the key" \
    EACCES locked_out
refused=$(($(refused_count) - before))
say "refused $refused times"
check "a44_who_was_refused_by_a_host_does_not_try_at_once_again" test \
    "$refused" -ge 1 -a "$refused" -le 8
host "the host is away" offline "is not reached" waits sshd_stop

# Its sessions end in the middle of it all, again and again.
head -c 8000000 /dev/urandom >"$R/large"
cp "$R/large" "$M/large"
for _ in 1 ${FAULTS:+2 3 4}; do
	check "sessions are cut" sshd_back
done
check "the queue drains after that" drains 60
make_cold
check "what was written is on the server" cmp "$R/large" "$M/large"

# ---- what is left of it ----------------------------------------------------

nothing_is_left

# ---- another machine -------------------------------------------------------

leave_tree
recover_fails "a listing that is cut" "cannot list" --op readdir --cut-down 9
recover_fails "a listing without anything" "no grant for this recovery key" \
    --op readdir --code 1
fs_count
[ "$N_FAILED" -eq 0 ]
