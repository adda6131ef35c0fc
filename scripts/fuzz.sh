#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Fuzz each parser for FUZZ_SECONDS with libFuzzer.  New inputs that reach
# new code stay in B/corpus; what crashes is left in B/findings.
set -u
cd "$(dirname "$0")/.." || exit 1

B=${B:-build/fuzz}
seconds=${FUZZ_SECONDS:-60}
passed=0
failed=0
mkdir -p "$B/findings"

# Leaks are looked for when a corpus is replayed under ASan.
for t in tests/fuzz/fuzz_*.c; do
	name=$(basename "$t" .c)
	name=${name#fuzz_}
	[ "${1:-$name}" = "$name" ] || continue
	mkdir -p "$B/corpus/$name" "tests/fuzz/corpus/$name"
	if "$B/tests/fuzz/fuzz_$name" -max_total_time="$seconds" \
	    -max_len=65536 -rss_limit_mb=2048 -timeout=20 \
	    -artifact_prefix="$B/findings/$name-" -print_final_stats=1 \
	    "$B/corpus/$name" "tests/fuzz/corpus/$name" \
	    >"$B/$name.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok - $name," \
		    "$(grep -ao 'number_of_executed_units: .*' \
		    "$B/$name.log")"
	else
		failed=$((failed + 1))
		echo "not ok - $name"
		tail -n 30 "$B/$name.log"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
