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
files_open() {
	find "/proc/$MPID/fd" -mindepth 1 2>/dev/null | wc -l
}
threads() {
	find "/proc/$MPID/task" -mindepth 1 -maxdepth 1 | wc -l
}
FILES=$(files_open)
THREADS=$(threads)

fault "permission denied" refused "does not allow it.*rights" --code 3 \
    --op open,create,rename,replace
fault "failure of a write" full "cannot write: its disk is full" --code 4 \
    --op write
fault "a write cut short that is claimed" full "kept less than" --keep 100 \
    --op write
fault "a message it does not know" fault "makes no sense" --code 5 \
    --op open,create,rename,replace
fault "cut in the middle of an answer" offline "broke" --cut-down 9 \
    --op open,read,create,write
if is_all; then
	READ_S=4 fault "no answer" offline "no answer in time" --hang \
	    --op open,create,rename,replace
	fault "another id" fault "makes no sense" --id 7 \
	    --op open,create,rename,replace
	fault "connection lost" offline "broke" --code 7 \
	    --op open,read,create,write
	fault "unsupported" fault "makes no sense" --code 8 \
	    --op open,create,write
	fault "no such file, nor its folder" offline "is its disk mounted" \
	    --code 2 --op open,create,lstat
	fault "failure of all" "offline|full" "does not say why|full" \
	    --code 4 --op open,create,fstat,lstat,read,rename,replace
	fault "an upload that is cut" offline "broke" --cut-up 900 --op write
	fault "failure of a flush" full "cannot write" --code 4 --op fsync
	fault "a lost answer to a rename" offline "broke" --cut-down 0 \
	    --op rename,replace
	fault "a length too small" "offline|fault" "." --extra -3 \
	    --op open,read,create,write
	READ_S=4 fault "a length too great" "offline|fault" "." --extra 9 \
	    --op open,read,create,write
	fault "data without an end" "fault|offline" "." --endless \
	    --op open,read,create,write
	fault "text of a shell" fault "makes no sense" --text Welcome \
	    --op open,create,write
fi

quiet_fault "answers after a tenth of a second" --delay 100
quiet_fault "a single refusal to connect" --op init --cut-down 0 --times 1
quiet_fault "no replacement at once, no flush" --op replace,fsync --code 8

# ---- the host --------------------------------------------------------------

# As fault, with a host that is changed by one command and mended by another.
host() {
	local name=$1 link=$2 words=$3 spoil=$4
	I=$((I + 1))
	objects >"$T/objects.before"
	make_cold
	check "$name: it is made so" "$spoil"
	: >"$T/requests"
	head -c 70000 /dev/urandom >"$R/f$I"
	check "$name: a write is not hindered" timeout 10 cp "$R/f$I" "$M/f$I"
	check "$name: status tells it" until_ok 40 is_link "$link" "$words"
	check "$name: a read ends and gives no other bytes" cold_read 2
	say "$name | $(drive_status '.sync | .link + " | " + .problem') |" \
	    "$(sed 's/.*: //' "$T/read.err" | tail -1)"
	check "$name: nothing was asked of it" test ! -s "$T/requests"
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

# Somebody between us and the host.
host "the host shows another key" fault "pinned: somebody may stand between" \
    another_key
before=$(refused_count)
host "the host does not let in" refused "refused user .* with the key" \
    locked_out
refused=$(($(refused_count) - before))
check "who was refused does not try at once again ($refused)" test \
    "$refused" -ge 1 -a "$refused" -le 8
host "the host is away" offline "is not reached" sshd_stop

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

# Connections are kept: at most as many as there were, 8, and their doubles.
say "$FILES files, $THREADS threads; then $(files_open), $(threads)"
check "no descriptor is left open" test "$(files_open)" -le $((FILES + 16))
check "no thread is left" test "$(threads)" -le $((THREADS + 8))
check "all files are as they were written" test -z "$(for f in "$R"/*; do
	cmp "$f" "$M/${f##*/}" 2>&1
done)"
fs_end
