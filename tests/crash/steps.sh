#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The commands that make a drive, bring it back and change its stores, killed
# before their durable steps (tests/tools/coffre_stop.c): whoever repeats the
# command has what was asked for.  STEPS_EVERY=1 takes every step; by default a
# sample that begins anywhere.  STEPS="add leave" names some of the stories.
. "$(dirname "$0")/../fs/lib.sh"
is_plain && skip "is about commands, not about POSIX"
every=${STEPS_EVERY:-29}
seed=${CRASH_SEED:-$RANDOM}
say "seed $seed"
RANDOM=$seed
fs_prepare
mkdir "$T/bin" && cp "$B/tests/tools/coffre_stop" "$T/bin/coffre" || exit 1

# stopping COMMAND...: with the program that is killed.
stopping() {
	COFFRE=$T/bin/coffre COFFRE_STOP=$T/stop "$@"
}

# at_steps STORY: STORY_begin, STORY_run killed at its next step, and
# STORY_again, until nothing is left of it to be killed.
at_steps() {
	local k rc n=0

	for ((k = 1 + RANDOM % every; ; k += every)); do
		rm -rf "$T/state" "$T/config" "$T/run" "$T/cache" "$T/data" \
		    "$T/store" "$T/second" "$T/recovery"
		fs_home
		need "$1: it begins" "$1_begin"
		echo "$k" >"$T/stop"
		rc=0
		"$1_run" >"$T/run.out" 2>&1 || rc=$?
		rm "$T/stop"
		[ "$rc" -eq 137 ] || break
		n=$((n + 1))
		check "$1, killed at step $k: done once more, it is done" \
		    "$1_again"
	done
	say "$1: killed $n times, at one step in $every"
	check "$1: it was killed, and came to its end" ends "$n" "$rc"
}
ends() {
	if [ "$1" -eq 0 ] || [ "$2" -ne 0 ]; then
		cat "$T/run.out"
		return 1
	fi
	[ -z "$MPID" ] || drive_unmount
}

# All but the top folder, which the test changes.
tree() {
	dump "$T/mnt" | grep -v '^\.\(/after\)\? ' || :
}
# works TREE: what every drive is asked for in the end.
works() {
	drive_mount || { show_daemon; return 1; }
	echo "$MARK" >"$T/mnt/after" && drive_sync &&
	    tree >"$T/tree" && drive_unmount || return 1
	heard drive_fsck --remote && diff "$1" "$T/tree"
}

# heard COMMAND...: it succeeds, or what it says is shown.
heard() {
	"$@" >"$T/heard" 2>&1 || { cat "$T/heard"; return 1; }
}

is_made() {
	grep -q "there is a drive '$NAME' on this machine" "$T/again"
}

# ---- a new drive

make_begin() {
	mkdir "$T/store"
}
make_run() {
	stopping on_store init
}
# What its user would do who reads what is said.
make_again() {
	rm -f "$T/recovery"
	heard on_store init >"$T/again" || is_made || {
		grep -q "'coffre recover'" "$T/again" &&
		    heard coffre recover --store "dir:$T/store" "$NAME"
	} || { cat "$T/again"; return 1; }
	works "$T/tree.none"
}

# ---- a drive that is brought back

recover_begin() {
	cp -a "$T/whole/store" "$T/whole/recovery" "$T"
}
recover_run() {
	stopping on_store recover
}
recover_again() {
	heard on_store recover >"$T/again" || is_made || {
		cat "$T/again"
		return 1
	}
	works "$T/tree.old"
}

# ---- one store more, and one less

add_begin() {
	cp -a "$T/whole/"* "$T" && mkdir "$T/second"
}
add_run() {
	stopping coffre store add "$NAME" "dir:$T/second"
}
is_added() {
	heard coffre store add "$NAME" "dir:$T/second" >"$T/again" ||
	    grep -q "already" "$T/again" || {
		cat "$T/again"
		return 1
	}
}
add_again() {
	is_added && works "$T/tree.old" &&
	    diff -rq -x probe -x '.tmp-*' "$T/store" "$T/second"
}
leave_begin() {
	add_begin && heard coffre store add "$NAME" "dir:$T/second"
}
leave_run() {
	stopping coffre store remove "$NAME" 2
}
has_one_store() {
	[ "$("$COFFRE" store list "$NAME" | grep -c '^[0-9]')" -eq 1 ]
}
leave_again() {
	has_one_store || heard coffre store remove "$NAME" 2 || return 1
	works "$T/tree.old" && has_one_store
}

# The first one, and both have passwords, which lie beside their addresses.
leave_first_begin() {
	leave_begin && echo first >"$(cred_of "$NAME")" &&
	    mkdir -p "$(dirname "$(cred_of "$NAME.stores/2")")" &&
	    echo second >"$(cred_of "$NAME.stores/2")" &&
	    chmod 600 "$(cred_of "$NAME")" "$(cred_of "$NAME.stores/2")"
}
leave_first_run() {
	stopping coffre store remove "$NAME" 1
}
cred_of() {
	echo "$T/config/coffre/$1.cred"
}
# is_beside ADDRESS PASSWORD
is_beside() {
	local conf=$T/config/coffre/$NAME.conf

	! grep -q "store = dir:$1\$" "$conf" ||
	    [ ! -e "$(cred_of "$NAME")" ] ||
	    grep -q "^$2\$" "$(cred_of "$NAME")"
}
leave_first_again() {
	if ! is_beside "$T/store" first || ! is_beside "$T/second" second; then
		echo "a password beside another address"
		return 1
	fi
	has_one_store || heard coffre store remove "$NAME" 1 ||
	    has_one_store || return 1
	grep -q "^second\$" "$(cred_of "$NAME")" || {
		echo "the password is lost"
		return 1
	}
	works "$T/tree.old" && has_one_store &&
	    grep -q "dir:$T/second\$" "$T/config/coffre/$NAME.conf"
}

# The same of a drive that is mounted: it is the daemon that is killed.
died() {
	local rc=0 s=2

	# It may be about to; who has spoken with it for the last time is told
	# of a failure.
	[ "$1" -eq 0 ] || s=30
	until_ok "$s" fails kill -0 "$MPID" 2>/dev/null || return 0
	wait "$MPID" || rc=$?
	MPID=
	return "$rc"
}
add_mounted_begin() {
	add_begin && stopping drive_mount
}
add_mounted_run() {
	local rc=0

	coffre store add "$NAME" "dir:$T/second" || rc=$?
	died "$rc" && return "$rc"
}
add_mounted_again() {
	drive_mount && is_added && drive_unmount && add_again
}

# ---- the drive that all but the first have

need "it is mounted" drive_mount
cp -a "$TOP/common/util" "$TOP/tests/unit/test_big.c" "$T/mnt"
head -c 3000000 /dev/urandom >"$T/mnt/long"
ln -s long "$T/mnt/link"
check "it reaches the store" drive_sync
tree >"$T/tree.old"
need "it is unmounted" drive_unmount
mkdir "$T/whole"
mv "$T/store" "$T/state" "$T/config" "$T/recovery" "$T/whole"
: >"$T/tree.none"

for story in ${STEPS:-make recover add leave leave_first add_mounted}; do
	at_steps "$story"
done

fs_count
[ "$N_FAILED" -eq 0 ]
