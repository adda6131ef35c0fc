#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Measure a drive beside an empty FUSE file system (nullfs), gocryptfs and the
# local disk, in turns: each round does each work once on each of them, so
# that a noisy machine is noisy for all.  A table of medians and of ratios to
# nullfs goes to standard output, all numbers to B/bench.json.
#
#	bench.sh [--quick] [--rounds N] [--only WORK,WORK]
#
# Cold means that the page cache was dropped before.  The drive uploads in
# the background while it is measured, as it does in life.
set -u
cd "$(dirname "$0")/../.." || exit 1

B=${B:-build}
rounds=5
files=10000
mib=1024
works=create,stat,rename,unlink,seqwrite,seqread,randread,upload
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=2 files=2000 mib=256 ;;
	--rounds) rounds=$2; shift ;;
	--only) works=$2; shift ;;
	*) echo "usage: $0 [--quick] [--rounds N] [--only WORKS]" >&2
	    exit 64 ;;
	esac
	shift
done

# The frame of the tests on a mount makes the home, the drive and the end.
case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
export B
. tests/fs/lib.sh
[ "$(id -u)" -eq 0 ] || { echo "bench: needs root to drop caches" >&2; exit 1; }
WORK=$B/tests/bench/work

fs_prepare >"$B/bench.log" 2>&1 || exit 1
need "mounted" drive_mount >>"$B/bench.log" 2>&1
mkdir "$T/mnt/work" "$T/null" "$T/gcf" "$T/gcf.cipher" "$T/disk"

peers="coffre null disk"
"$B/tests/bench/nullfs" "$T/null" || exit 1
if command -v gocryptfs >/dev/null; then
	gocryptfs -q -init -extpass echo -extpass bench "$T/gcf.cipher" &&
	    gocryptfs -q -nosyslog -extpass echo -extpass bench \
	    "$T/gcf.cipher" "$T/gcf" >>"$B/bench.log" 2>&1 && peers="coffre null gocryptfs disk"
fi

where() {
	case $1 in
	coffre) echo "$T/mnt/work" ;;
	null) echo "$T/null" ;;
	gocryptfs) echo "$T/gcf" ;;
	disk) echo "$T/disk" ;;
	esac
}

# Nothing of the last measurement goes on during the next.
settle() {
	drive_sync 600 >>"$B/bench.log" 2>&1 || echo "not synced" >&2
	sync
}

cold() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

measure() {
	local work=$1 peer=$2 n=$files value
	case $work in
	seqwrite|seqread) n=$mib ;;
	randread) n=5000 ;;
	esac
	case $work in
	stat|seqread|randread) cold ;;
	esac
	value=$("$WORK" "$work" "$(where "$peer")" "$n" | cut -d' ' -f2)
	echo "$work $peer ${value:-0}" >>"$T/values"
	[ "$peer" != coffre ] || settle
	[ "$work" != seqwrite ] || sync
}

: >"$T/values"
for round in $(seq "$rounds"); do
	[ ! -t 2 ] || printf 'round %s of %s\r' "$round" "$rounds" >&2
	for work in create stat rename unlink seqwrite seqread randread; do
		case ,$works, in
		*,"$work",*) ;;
		*) continue ;;
		esac
		for peer in $peers; do
			measure "$work" "$peer"
		done
	done
	for peer in $peers; do
		rm -rf "$(where "$peer")"/big "$(where "$peer")"/file*
	done
	settle
done
if [[ ,$works, == *,upload,* ]]; then
	# shellcheck source=tests/bench/upload.sh
	. tests/bench/upload.sh
fi

cd / || exit 1
fusermount3 -u "$T/null"
[ "$peers" = "coffre null disk" ] || fusermount3 -u "$T/gcf"
drive_unmount >>"$B/bench.log" 2>&1 || echo "the drive did not unmount" >&2

python3 - "$T/values" "$B/bench.json" <<'PY'
import json, os, statistics, sys
units = {"seqwrite": "MB/s", "seqread": "MB/s", "upload": "MB/s"}
said = {"create": "create, write 4 KiB, close", "stat": "stat, cold",
        "rename": "rename", "unlink": "unlink",
        "seqwrite": "write in order and fsync",
        "seqread": "read in order, cold", "randread": "read 4 KiB, cold",
        "upload": "upload to WebDAV"}
runs = {}
for line in open(sys.argv[1]):
    work, peer, value = line.split()
    runs.setdefault(work, {}).setdefault(peer, []).append(float(value))
peers = ["coffre", "null", "gocryptfs", "disk", "curl"]
out = {}
print("%-28s %6s" % ("", ""), *("%17s" % p for p in peers))
for work, by in runs.items():
    base = "null" if "null" in by else "curl"
    cells, o = [], {"unit": units.get(work, "1/s")}
    for p in peers:
        if p not in by:
            cells.append("%17s" % "")
            continue
        m = statistics.median(by[p])
        ratio = statistics.median(
            a / b if b else 0 for a, b in zip(by[p], by[base]))
        o[p] = {"runs": by[p], "median": m, "ratio": round(ratio, 3)}
        cells.append("%9.0f (%5.2f)" % (m, ratio))
    out[work] = o
    print("%-28s %6s" % (said[work], o["unit"]), *cells)
print("In brackets: the median of the ratios to null (upload: to curl),")
print("run by run.  Medians of", max(len(v) for by in runs.values()
      for v in by.values()), "runs, %d cores." % os.cpu_count())
json.dump(out, open(sys.argv[2], "w"), indent=1)
PY
rc=$?
echo "all numbers: $B/bench.json"
exit "$rc"
