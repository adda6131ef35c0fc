# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For cases that spoil what passes between a mounted drive and its server and
# look at what comes of it.  Who sources this has a function proxy, which does
# what fault_proxy or fault_sftp is told by its options and without options
# nothing, and a log of the requests at $T/requests.

faults_mount() {
	need "it is mounted" drive_mount
	M=$T/mnt/work
	mkdir "$M"
	head -c 300000 /dev/urandom >"$R/cold"
	cp "$R/cold" "$M/cold"
	need "a first file reaches the server" drive_sync
}

is_all() {
	[ -n "${FAULTS:-}" ]
}
is_dav() {
	[ "$COFFRE_TEST_STORE" = webdav ]
}
# What lies on the server, where that can be seen.
objects() {
	local data=${DAV_DATA:-${SFTP_DATA:-}}
	[ -z "$data" ] || find "$data/drive" -type f -path '*/[dj]/*' \
	    ! -name '.tmp-*' | sort
}
deletes() {
	grep -cE '^(DELETE|remove) [^ ]*/[dj]/[^.]*( |$)' "$T/requests" || :
}
make_cold() {
	# shellcheck disable=SC2153
	"$COFFRE" cache --free 1T "$NAME" >/dev/null
	echo 1 >/proc/sys/vm/drop_caches
}
is_link() {
	local s
	s=$("$COFFRE" status --json "$NAME") || :
	jq -r '.sync.link' <<<"$s" | grep -qxE "$1" &&
	    jq -r '.sync.problem' <<<"$s" | grep -qiE "$2"
}
# A read of what is not here: an error in time, never other bytes.
cold_read() {
	local rc=0
	timeout -s INT "$1" cat "$M/cold" >"$T/read" 2>"$T/read.err" || rc=$?
	[ "$rc" -ne 0 ] || { cmp -s "$T/read" "$R/cold"; return; }
	cmp -s -n "$(stat -c %s "$T/read")" "$T/read" "$R/cold"
}
# By itself.  What was said of data that could not be read stays until the
# user asks anew.
drains() {
	local end=$((SECONDS + $1))
	until [ "$(drive_status '.usage | .queued_changes + .queued_bytes')" \
	    = 0 ] && is_link 'online|fault' '^$|data'; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}

I=0
# fault NAME LINK WORDS OPTION...: while the proxy does that, status has this
# link and says these words.
fault() {
	local name=$1 link=$2 words=$3 how=drains gone
	shift 3
	I=$((I + 1))
	objects >"$T/objects.before"
	gone=$(deletes)
	make_cold
	proxy "$@" || check "$name: a proxy" false
	head -c 70000 /dev/urandom >"$R/f$I"
	check "$name: a write is not hindered" timeout 10 cp "$R/f$I" "$M/f$I"
	check "$name: status tells it" until_ok 40 is_link "$link" "$words"
	check "$name: a read ends and gives no other bytes" \
	    cold_read "${READ_S:-2}"
	say "$name | $(drive_status '.sync | .link + " | " + .problem') |" \
	    "$(sed 's/.*: //' "$T/read.err" | tail -1)"
	check "$name: nothing is deleted" test -z "$(comm -23 \
	    "$T/objects.before" <(objects))" -a "$(deletes)" = "$gone"
	proxy || check "$name: an honest proxy" false
	if [[ $link == *refused* || $link == *full* || $link == *fault* ]]; then
		# These wait a minute for the user; with FAULTS=all we do too.
		[ -n "${FAULTS:-}" ] || "$COFFRE" sync "$NAME"
	fi
	check "$name: the queue drains when it is over" "$how" 150
	check "$name: what was written is on the server" \
	    cmp "$R/f$I" "$M/f$I"
	check "$name: the read works again" cmp "$R/cold" "$M/cold"
}

# What a user need not be told: late answers, another clock.
quiet_fault() {
	local name=$1
	shift
	I=$((I + 1))
	proxy "$@"
	head -c 70000 /dev/urandom >"$R/f$I"
	cp "$R/f$I" "$M/f$I"
	check "$name: all is stored" drive_sync 60
	make_cold
	check "$name: a read works" cmp "$R/cold" "$M/cold"
	check "$name: there is no problem" is_link online '^$'
	proxy
}
