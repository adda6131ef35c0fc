# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For cases that spoil what passes between a mounted drive and its server and
# look at what comes of it.  Who sources this has a function proxy, which does
# what fault_proxy or fault_sftp is told by its options and without options
# nothing, a log of the requests at $T/requests, and of HTTP the store's URL.

faults_mount() {
	need "it is mounted" drive_mount
	M=$T/mnt/work
	mkdir "$M"
	head -c 300000 /dev/urandom >"$R/cold"
	cp "$R/cold" "$M/cold"
	need "a first file reaches the server" drive_sync
	FILES=$(files_open)
	THREADS=$(threads)
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
# How a read of what is not here ended: "waits" until a signal ended it,
# "works", or the name of its error.
read_end() {
	case $1 in
	0) echo works ;;
	124) echo waits ;;
	*) python3 - "$T/read.err" <<-'END'
	import errno, os, sys
	text = open(sys.argv[1]).read().strip().rsplit(": ", 1)[-1]
	names = [n for e, n in errno.errorcode.items() if os.strerror(e) == text]
	print(names[0] if names else "an error without a name: " + text)
	END
	;;
	esac
}
# Packs that were asked for.
packs_read() {
	grep -cE '^(GET|open) [^ ]*/d/' "$T/requests" || :
}
# cold_read SECONDS HOW...: a read of what is not here, as tests/FAULTS.md has
# it ("waits", "works", EIO), and never other bytes.  What works has been asked
# for at the store.
cold_read() {
	local rc=0 before how
	before=$(packs_read)
	timeout -s INT -k 10 "$1" cat "$M/cold" >"$T/read" 2>"$T/read.err" ||
		rc=$?
	how=$(read_end "$rc")
	[[ $how =~ ^($2)$ ]] || { say "the read $how, not $2"; return 1; }
	[ "$rc" -ne 0 ] || {
		cmp "$T/read" "$R/cold" && [ "$(packs_read)" -gt "$before" ]
		return
	}
	cmp -s -n "$(stat -c %s "$T/read")" "$T/read" "$R/cold"
}
# The seconds for a read that is to end so: what is to wait has waited by then,
# what is to answer may be late.
read_s() {
	case $1 in
	*waits*) echo 2 ;;
	*) echo 30 ;;
	esac
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
# fault NAME LINK WORDS READ OPTION...: while the proxy does that, status has
# this link and says these words, and a read of what is not here ends so.
fault() {
	local name=$1 link=$2 words=$3 read=$4 how=drains gone
	shift 4
	I=$((I + 1))
	objects >"$T/objects.before"
	gone=$(deletes)
	proxy "$@" || check "$name: a proxy" false
	# Nothing that was asked for ahead comes after this.
	make_cold
	head -c 70000 /dev/urandom >"$R/f$I"
	check "$name: a write is not hindered" timeout 30 cp "$R/f$I" "$M/f$I"
	check "$name: status tells it" until_ok 40 is_link "$link" "$words"
	check "$name: a read ends as it has to ($read)" \
	    cold_read "${READ_S:-$(read_s "$read")}" "$read"
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
	check "$name: a read works" cold_read 60 works
	check "$name: there is no problem" is_link online '^$'
	proxy
}

# ---- what is left of it all ------------------------------------------------

files_open() {
	find "/proc/$MPID/fd" -mindepth 1 2>/dev/null | wc -l
}
threads() {
	find "/proc/$MPID/task" -mindepth 1 -maxdepth 1 | wc -l
}
# Connections are kept: at most as many as there were, 8, and their doubles.
nothing_is_left() {
	say "$FILES files, $THREADS threads; then $(files_open), $(threads)"
	check "no descriptor is left open" test "$(files_open)" -le \
	    $((FILES + 16))
	check "no thread is left" test "$(threads)" -le $((THREADS + 8))
	check "all files are as they were written" test -z "$(for f in \
	    "$R"/*; do
		cmp "$f" "$M/${f##*/}" 2>&1
	done)"
}

# ---- another machine -------------------------------------------------------

# In a subshell: we are another machine, which knows nothing.
new_machine() {
	T=$T/$1
	MPID=
	mkdir -p "$T"
	fs_home
}
recover_there() (
	words=$T/recovery
	new_machine "$1"
	cp "$words" "$T/recovery"
	[ -z "$APACHE" ] || APACHE=$URL
	[ -z "$CLOUD" ] || CLOUD=$URL
	on_store recover
) >"$T/recover.out" 2>&1
# same_there MACHINE DUMP [FILE]: its tree is that; then FILE is made there.
same_there() (
	want=$2
	rc=0
	new_machine "$1"
	drive_mount || exit
	dump "$T/mnt/work" | diff -u "$want" - || rc=1
	[ -z "${3:-}" ] || {
		echo "$1" >"$T/mnt/work/$3" && drive_sync || rc=1
		dump "$T/mnt/work" >"$want"
	}
	drive_unmount && exit "$rc"
)
# Records of who is who that were written.
enrolments() {
	grep -cE '^(PUT|create) [^ ]*/[uk]/' "$T/requests" || :
}

# recover_fails NAME WORDS OPTION...: no machine is enrolled, and it is told
# why; then it works.
recover_fails() {
	local name=$1 words=$2 gone
	shift 2
	I=$((I + 1))
	gone=$(enrolments)
	proxy "$@" || check "$name: a proxy" false
	refuse "$name: nothing is recovered" recover_there "new$I"
	say "$name | $(tail -1 "$T/recover.out")"
	check "$name: it is told why" grep -qiE "$words" "$T/recover.out"
	check "$name: no drive is left behind, and none on the store" test ! \
	    -e "$T/new$I/config/coffre/$NAME.conf" -a "$(enrolments)" = "$gone"
	proxy
	check "$name: a drive is recovered when it is over" \
	    recover_there "new$I"
	check "$name: all of it" same_there "new$I" "$T/dump"
}
# The tree, for what follows; then it is unmounted for good: other machines
# take over.
leave_tree() {
	cd "$T" || exit 1
	dump "$M" >"$T/dump"
	need "it is unmounted" drive_unmount
	check "fsck finds nothing" drive_fsck
	need "it is mounted again" drive_mount
	check "the tree is the same after that" diff -u "$T/dump" \
	    <(dump "$M")
	[ -e "$T/planted" ] || check "there is what is to be read nowhere" plant
	check "all of it reaches the store" drive_sync
	need "it is unmounted in the end" drive_unmount
	check "nothing is readable at rest" nothing_readable
}
