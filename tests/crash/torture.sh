#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# One story, stopped at every durable step, cut off from its power at every
# call of the disk, with every such call, every call of the store and the first
# three allocations of each place that allocates failing (tests/torture).
# TORTURE_EVERY=1 takes every point; by default a sample that begins anywhere.
set -u
cd "$(dirname "$0")/../.." || exit 1
B=${B:-build}
seed=${CRASH_SEED:-$RANDOM}
RANDOM=$seed
echo "# seed $seed"
# What a disk forgets is not left to the disk.
[ ! -w /dev/shm ] || export TMPDIR=${TMPDIR:-/dev/shm}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
n=0
bad=0

# mode EVERY MODE [MORE]: the sample is one in EVERY.
mode() {
	local every=${TORTURE_EVERY:-$1} what=$2 line

	shift 2
	"$B/tests/torture/torture" -n "$every" -k $((1 + RANDOM % every)) \
	    -s $((1 + seed % 97)) "$@" "$what" >"$log" 2>&1
	line=$(grep -aE '^Checks: ' "$log" | tail -1)
	line=${line#Checks: }
	if [ -z "$line" ]; then
		cat "$log"
		echo "$what: it came to no end"
		bad=$((bad + 1))
		n=$((n + 1))
		return
	fi
	grep -a '^  \|^ok\|^not ok' "$log"
	line=${line%, Errors*}
	n=$((n + ${line%%,*}))
	bad=$((bad + ${line##* }))
}

mode 41 stop
mode 23 cut
mode 131 disk
mode 43 store
mode 61 alloc -o own
# Those of SQLite and OpenSSL are tens of thousands: a sample, always.
TORTURE_EVERY=${TORTURE_EVERY:+101}
most=4
[ -z "$TORTURE_EVERY" ] || most=100000
mode 1999 alloc -o "libraries'" -m "$most"
echo "Checks: $n, Failures: $bad, Errors: 0"
[ "$bad" -eq 0 ]
