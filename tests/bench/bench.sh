#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Measure a drive beside an empty FUSE file system (nullfs), gocryptfs, the
# local disk, and, where content goes to a server, curl, rclone and davfs2.
# In turns: each round does each work once on each of them, so that a noisy
# machine is noisy for all.
#
#	bench.sh [--quick] [--rounds N] [--only WORK,WORK] [--keep] [--readme]
#	bench.sh --list
#
# A table of medians, of ratios and of what is to be reached goes to standard
# output, all numbers to B/bench.json.  --keep leaves what is there of works
# that are not measured now; --readme puts the table into README.md; --list
# names the works.
#
# Cold means that the page cache, names and inodes of the kernel were dropped
# before.  What a drive has to upload is uploaded between two measurements.
# Parts and measurements are called by their names:
# shellcheck disable=SC2317
set -u
export LC_ALL=C.UTF-8
unset LANGUAGE
cd "$(dirname "$0")/../.." || exit 1

B=${B:-build}
rounds=5
files=10000		# small ones
mib=1024		# of a large one
link_mib=256		# ... on the slow line
many=100000		# files in folders
million=1000000		# files for the memory
src_files=600		# C files of the source tree
src_headers=4400
works=
keep=
readme=
while [ $# -gt 0 ]; do
	case $1 in
	--quick)
		rounds=2 files=2000 mib=256 link_mib=32 many=20000
		million=50000 src_files=60 src_headers=500
		;;
	--rounds) rounds=$2; shift ;;
	--only) works=$2; shift ;;
	--keep) keep=--keep ;;
	--readme) readme=--readme ;;
	--list) exec python3 tests/bench/table.py --list ;;
	*) echo "usage: $0 [--quick] [--rounds N] [--only WORKS] [--keep]" \
	    "[--readme] [--list]" >&2
	    exit 64 ;;
	esac
	shift
done
known=$(python3 tests/bench/table.py --list | cut -f1 | paste -sd,)
works=${works:-$known}
for w in ${works//,/ }; do
	[[ ,$known, == *,$w,* ]] || {
		echo "bench: there is no work '$w'; --list names them" >&2
		exit 64
	}
done

# The frame of the tests on a mount makes the home, the drive and the end.
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
export B
# shellcheck source=tests/fs/lib.sh
. tests/fs/lib.sh
[ "$(id -u)" -eq 0 ] || { echo "bench: needs root to drop caches" >&2; exit 1; }
WORK=$B/tests/bench/work
LOG=$B/bench.log

# Is one of these works asked for?
wanted() {
	local w
	for w in "$@"; do
		[[ ,$works, != *,$w,* ]] || return 0
	done
	return 1
}

# value WORK PEER NUMBER
value() {
	echo "$1 $2 ${3:-0}" >>"$T/values"
}

clock() {
	date +%s.%N
}
# seconds FROM TO
seconds() {
	python3 -c 'import sys; print("%.4f" % (float(sys.argv[2]) -
	    float(sys.argv[1])))' "$1" "$2"
}
# rate AMOUNT FROM TO
rate() {
	python3 -c 'import sys; a, f, t = map(float, sys.argv[1:])
print("%.2f" % (a / (t - f)))' "$1" "$2" "$3"
}

# Nothing of the last measurement goes on during the next.
settle() {
	drive_sync 900 >>"$LOG" 2>&1 || echo "bench: not synced" >&2
	sync
}

cold() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

tell() {
	[ ! -t 2 ] || printf '\r%-60s\r' "$*" >&2
	echo "# $(date +%T) $*" >>"$LOG"
}

# A drive of that name on a folder of its own; init's options may follow.
drive_new() {
	NAME=$1
	mkdir -p "$T/store-$NAME"
	coffre init --store "dir:$T/store-$NAME" \
	    --recovery-file "$T/recovery-$NAME" "$NAME" && drive_mount
}

# shellcheck source=tests/bench/local.sh
. tests/bench/local.sh
# shellcheck source=tests/bench/source.sh
. tests/bench/source.sh
# shellcheck source=tests/bench/remote.sh
. tests/bench/remote.sh
# shellcheck source=tests/bench/figures.sh
. tests/bench/figures.sh

# A part that cannot be measured is told of, and its rows stay empty.
part() {
	"$@" || echo "bench: $1: could not be measured, see $LOG" >&2
}

fs_prepare >"$LOG" 2>&1 || exit 1
: >"$T/values"
started=$(date +%F)
load=$(cut -d' ' -f1 /proc/loadavg)
! wanted create stat smallread rename unlink lslr seqwrite seqread randread ||
	part local_part
! wanted tarx gitstatus build || part source_part
! wanted upload uploadsmall download || part remote_part
! wanted linkup linkdown linksmall linksmallread || part link_part
! wanted firstls || part firstls_part
! wanted memory || part memory_part
! wanted storetree storebig || part bytes_part
tell ""

cd "$TOP" || exit 1
python3 tests/bench/table.py "$T/values" "$B/bench.json" --date "$started" \
    --load "$load" \
    --files "$files" --mib "$mib" --link-mib "$link_mib" --many "$many" \
    --million "$million" --src "$((src_files + src_headers))" \
    ${keep:+"$keep"} ${readme:+"$readme"}
rc=$?
echo "all numbers: $B/bench.json"
exit "$rc"
