#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Run suites of tests and count.
#
#	B=build scripts/run-tests.sh unit store fs crash fuzz
#
# A test is a program: 0 is passed, 77 is skipped (its last line says why),
# all else is failed.  One that prints libcheck's line "Checks: N, Failures:
# N, Errors: N" counts as that many tests, and a line "ok - WHAT # SKIP WHY" as
# a part that was skipped.  Output goes to B/test/NAME.log and is shown only
# when the test fails.  JOBS at a time, each with a time limit.  CASES="a b"
# picks cases of fs, FS_LIMIT is the time of each in seconds.  The last line is
# "N passed, N failed" with ", N skipped" if there are any.
set -u
cd "$(dirname "$0")/.." || exit 1

B=${B:-build}
JOBS=${JOBS:-$(nproc)}
top=$PWD
case $B in
/*) ;;
*) B=$top/$B ;;
esac
COFFRE=${COFFRE:-$B/coffre}
case $COFFRE in
/*) ;;
*) COFFRE=$top/$COFFRE ;;
esac
# What is compared is English, whatever the language of who runs it.
export LC_ALL=C.UTF-8
unset LANGUAGE
export B COFFRE CK_DEFAULT_TIMEOUT=${CK_DEFAULT_TIMEOUT:-60}
export FAULT_PROXY=$B/tests/tools/fault_proxy
logs=$B/test
mkdir -p "$logs"
results=$logs/results
: >"$results"

# Report one finished test: name, exit status, seconds.
report() {
	local name=$1 rc=$2 s=$3 log=$logs/$1.log
	local n=1 bad=0 checks text skips

	checks=$(grep -aoE 'Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+' \
	    "$log" | tail -1)
	if [ -n "$checks" ]; then
		# shellcheck disable=SC2046
		set -- $(grep -oE '[0-9]+' <<<"$checks")
		n=$1
		bad=$(($2 + $3))
		[ "$n" -gt 0 ] || rc=1
	fi
	if [ "$rc" -eq 77 ]; then
		text=$(tail -n 1 "$log" | sed 's/^SKIP: *//')
		echo "ok - $name # SKIP $text"
		echo "0 0 1" >>"$results"
		return
	fi
	if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		[ "$n" -gt 0 ] || n=1
	fi
	skips=$(grep -ac '^ok - .* # SKIP ' "$log")
	echo "$((n - bad)) $bad $skips" >>"$results"
	if [ "$bad" -eq 0 ]; then
		text="ok - $name"
		[ "$n" -eq 1 ] || text="$text, $n tests"
		echo "$text ($s s)"
		[ "$skips" -eq 0 ] || grep -a '^ok - .* # SKIP ' "$log" |
		    sed "s/^ok -/ok - $name:/"
		return
	fi
	text="not ok - $name, $bad of $n failed ($s s)"
	[ "$rc" -ne 124 ] || text="not ok - $name: no end within its time"
	{
		echo "$text"
		# What failed first: the end of a long log may not have it.
		grep -aE '^(FAILED|not ok)' "$log" | head -n 10 |
		    cut -c-300 | sed 's/^/    ! /'
		tail -n 40 "$log" | cut -c-300 | sed 's/^/    | /'
		echo "    whole log: $log"
	}
}

# Run one test: name, time limit in seconds, command.
run_one() {
	local name=$1 limit=$2 t0=$SECONDS rc
	shift 2
	timeout -k 30 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null
	rc=$?
	report "$name" "$rc" $((SECONDS - t0))
}

running=0
spawn() {
	if [ "$running" -ge "$JOBS" ]; then
		wait -n
		running=$((running - 1))
	fi
	run_one "$@" &
	running=$((running + 1))
}
settle() {
	wait
	running=0
}

suite_unit() {
	local t
	for t in tests/unit/test_*.c; do
		[ -e "$t" ] || continue
		t=${t%.c}
		spawn "unit-${t##*/test_}" 900 "$B/$t"
	done
	spawn security-table 300 tests/security.sh check
	spawn messages 300 scripts/po.sh check
	spawn rpm-spec 300 tests/package/rpm.sh
	settle
}

suite_store() {
	local t
	for t in tests/store/test_*.c tests/store/*.sh; do
		[ -e "$t" ] || continue
		case $t in
		*.c)
			t=${t%.c}
			spawn "store-${t##*/test_}" 1800 "$B/$t"
			;;
		*)
			[ -x "$t" ] || continue
			t=${t%.sh}
			spawn "store-${t##*/}" 1800 "$t.sh"
			;;
		esac
	done
	settle
}

# Run NAME, within a time, and again over the stores that it names: "# Also
# over: webdav, s3".
spawn_over() {
	local name=$1 limit=$2 t=$3 store
	spawn "$name" "$limit" "$t"
	for store in $(sed -n 's/^# Also over: //p' "$t" | tr -d ,) \
	    ${ALSO_OVER:-}; do
		spawn "$name-$store" "$limit" \
		    env COFFRE_TEST_STORE="$store" "$t"
	done
}

suite_fs() {
	local t name
	for t in tests/fs/cases/*.sh; do
		name=$(basename "$t" .sh)
		[[ " ${CASES:-$name} " == *" $name "* ]] || continue
		spawn_over "fs-$name" "${FS_LIMIT:-600}" "$t"
	done
	[[ " ${CASES:-emblems} " != *" emblems "* ]] ||
		spawn fs-emblems 600 tests/extensions/emblems.sh
	settle
}

suite_crash() {
	local t
	for t in tests/crash/*.sh; do
		[ -x "$t" ] || continue
		spawn_over "crash-$(basename "$t" .sh)" "${CRASH_LIMIT:-900}" \
		    "$t"
	done
	settle
}

suite_fuzz() {
	local t name
	for t in tests/fuzz/fuzz_*.c; do
		[ -e "$t" ] || continue
		name=$(basename "$t" .c)
		name=${name#fuzz_}
		spawn "fuzz-$name" 900 "$B/asan/tests/fuzz/fuzz_$name" \
		    "tests/fuzz/corpus/$name"
	done
	settle
}

for suite in "${@:-unit}"; do
	case $suite in
	unit|store|fs|crash|fuzz) "suite_$suite" ;;
	*) echo "$0: no suite '$suite'" >&2; exit 64 ;;
	esac
done

[ "$(id -u)" -eq 0 ] || case " $* " in
*" fs "*|*" crash "*)
	echo "Not root: nearly all tests on a mount and of crashes were skipped."
	;;
esac
awk '{ p += $1; f += $2; s += $3 }
END {
	line = sprintf("%d passed, %d failed", p, f)
	if (s)
		line = line sprintf(", %d skipped", s)
	print line
	exit f > 0 || p == 0
}' "$results"
