#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Measure a drive on real servers of this machine beside other programs on the
# same servers: parallel curl, sftp, rclone, s3fs.  Each round does each work
# once with each program, so that a noisy machine is noisy for all.  A table
# of medians, and of the ratios run by run, goes to standard output, all
# numbers to B/bench-stores.json.
#
#	stores.sh [--quick] [--rounds N] [--only PART,PART]
#
# Parts:
#	s3	1 GiB to Ceph's gateway and back: curl, rclone, s3fs
#	small	10,000 files of 4 KiB to it: rclone, s3fs
#	swift	1 GiB to Swift and back: curl
#	sftp	1 GiB to OpenSSH and back: sftp
#	pair	both S3 and SSH beside each alone; then one of them dead
#
# An upload counts from the first write into the drive until sync says that it
# is stored; a cold read has neither the drive's cache nor the kernel's.
# Each part has its own variables.
# shellcheck disable=SC2030,SC2031
set -u
export LC_ALL=C.UTF-8
unset LANGUAGE
cd "$(dirname "$0")/../.." || exit 1

B=${B:-build}
rounds=3 mib=1024 count=10000
parts=s3,small,swift,sftp,pair
while [ $# -gt 0 ]; do
	case $1 in
	--quick) rounds=2 mib=128 count=1000 ;;
	--rounds) rounds=$2; shift ;;
	--only) parts=$2; shift ;;
	*) echo "usage: $0 [--quick] [--rounds N] [--only PARTS]" >&2
	    exit 64 ;;
	esac
	shift
done

case $B in
/*) ;;
*) B=$PWD/$B ;;
esac
export B
# shellcheck source=tests/fs/lib.sh
. tests/fs/lib.sh
[ "$(id -u)" -eq 0 ] || { echo "$0: needs root" >&2; exit 1; }
for p in curl rclone s3fs sftp jq; do
	command -v $p >/dev/null || {
		echo "$0: $p is not installed" >&2
		exit 1
	}
done
# For Amazon's own library, which rclone uses: nothing here is encrypted.
unset AWS_CA_BUNDLE
LOG=$B/bench-stores.log
VALUES=$B/bench-stores.values
# A link that is slower than this machine, for what waits and does not work.
LINK=${LINK:-40M}
: >"$LOG"
: >"$VALUES"

# timed WORK PROGRAM UNITS COMMAND...: note so many units per second.
timed() {
	local work=$1 who=$2 units=$3 t0 t1
	shift 3
	t0=$(date +%s.%N)
	if ! "$@" >>"$LOG" 2>&1; then
		echo "$work: $who failed, see $LOG" >&2
		return 1
	fi
	t1=$(date +%s.%N)
	python3 -c 'import sys
w, p = sys.argv[1:3]
n, a, b = map(float, sys.argv[3:])
print(w, p, "%.2f" % (n / (b - a)))' "$work" "$who" "$units" "$t0" "$t1" \
	    >>"$VALUES"
}
megabytes() {
	python3 -c "print($mib * 1.048576)"
}
cold() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# ---- the drive ----

coffre_up() {
	cp -r "$T/$1" "$T/mnt/$2" && drive_sync 1200
}
coffre_cold() {
	"$COFFRE" cache --free 1T "$NAME" >>"$LOG" && cold
}
coffre_down() {
	dd if="$T/mnt/$1" of=/dev/null bs=1M
}
coffre_rm() {
	rm -rf "${T:?}/mnt/$1" && drive_sync 600 >>"$LOG" 2>&1
}
# A drive on what COFFRE_TEST_STORE says, and a big file and its pieces.
begin() {
	export COFFRE_TEST_STORE=$1
	# Four copies of the file are on it at once, and those deleted before.
	export CEPH_GIB=$((9 * mib / 1024 + 1))
	fs_prepare >>"$LOG" 2>&1 || return 1
	drive_mount >>"$LOG" 2>&1 || return 1
	[ ! -s "$T/cloud.vars" ] || . "$T/cloud.vars"
	mkdir "$T/pieces" "$T/out"
	head -c "$((mib * 1048576))" /dev/urandom >"$T/big"
	split -b 8M -d -a 3 "$T/big" "$T/pieces/p"
	last=$(printf '%03d' $((mib / 8 - 1)))
}

end() {
	[ ! -d "$T/s3fs" ] || umount "$T/s3fs"
	drive_unmount >>"$LOG" 2>&1
}

# ---- parallel curl, eight requests at once as the drive has ----

curl_up() {
	curl -sSf --no-progress-meter -Z --parallel-max 8 "${CURL[@]}" \
	    -T "$T/pieces/p[000-$last]" "$WEB/curl/" -o /dev/null
}
curl_down() {
	curl -sSf --no-progress-meter -Z --parallel-max 8 "${CURL[@]}" \
	    "$WEB/curl/p[000-$last]" -o /dev/null
}
curl_rm() {
	curl -sSf --no-progress-meter -Z --parallel-max 8 "${CURL[@]}" -X DELETE \
	    "$WEB/curl/p[000-$last]" -o /dev/null
}

# ---- rclone and s3fs, as they come ----

rclone_to() {
	rclone copy "$T/$1" "x:bucket/rclone/$1"
}
rclone_from() {
	rm -rf "$T/out"
	rclone copy "x:bucket/rclone/$1" "$T/out"
}
s3fs_mount() {
	mkdir -p "$T/s3fs"
	s3fs bucket "$T/s3fs" -o "url=${HTTP%/}" \
	    -o use_path_request_style -o "passwd_file=$T/s3fs.pass"
}
s3fs_again() {
	umount "$T/s3fs"
	until_ok 20 s3fs_mount
}
s3fs_up() {
	cp -r "$T/$1" "$T/s3fs/"
}
s3fs_down() {
	dd if="$T/s3fs/$1" of=/dev/null bs=1M
}

s3_begin() {
	begin ceph || return 1
	export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_X_TYPE=s3 \
	    RCLONE_CONFIG_X_PROVIDER=Ceph RCLONE_CONFIG_X_ENDPOINT=$HTTP \
	    RCLONE_CONFIG_X_ACCESS_KEY_ID=$USER \
	    RCLONE_CONFIG_X_SECRET_ACCESS_KEY=$PASS
	echo "$USER:$PASS" >"$T/s3fs.pass"
	chmod 600 "$T/s3fs.pass"
	WEB=${HTTP}bucket
	CURL=(--aws-sigv4 aws:amz:default:s3 --user "$USER:$PASS"
	    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD')
	PASS='correct horse battery staple'
	s3fs_mount >>"$LOG" 2>&1
}

part_s3() (
	s3_begin || exit 1
	mb=$(megabytes)
	for _ in $(seq "$rounds"); do
		timed 's3 upload' coffre "$mb" coffre_up big big
		timed 's3 upload' curl "$mb" curl_up
		timed 's3 upload' rclone "$mb" rclone_to big
		timed 's3 upload' s3fs "$mb" s3fs_up big
		coffre_cold
		timed 's3 cold read' coffre "$mb" coffre_down big
		cold
		timed 's3 cold read' curl "$mb" curl_down
		cold
		timed 's3 cold read' rclone "$mb" rclone_from big
		s3fs_again >>"$LOG" 2>&1 && cold
		timed 's3 cold read' s3fs "$mb" s3fs_down big
		{
			coffre_rm big
			curl_rm
			rclone purge x:bucket/rclone
			rm "$T/s3fs/big"
		} >>"$LOG" 2>&1
	done
	end
)

part_small() (
	s3_begin || exit 1
	mkdir "$T/small"
	for i in $(seq 0 $((count / 100 - 1))); do
		mkdir "$T/small/$i"
		head -c 409600 /dev/urandom |
			split -b 4096 -a 2 -d - "$T/small/$i/f"
	done
	for r in $(seq "$rounds"); do
		timed 'small files' coffre "$count" coffre_up small "small$r"
		timed 'small files' rclone "$count" rclone_to small
		timed 'small files' s3fs "$count" s3fs_up small
		{
			rclone purge x:bucket/rclone
			rclone purge x:bucket/small
			s3fs_again
		} >>"$LOG" 2>&1
	done
	end
)

part_swift() (
	begin swift || exit 1
	mb=$(megabytes)
	curl -sSf -D "$T/head" -o /dev/null -H "X-Auth-User: $USER" \
	    -H "X-Auth-Key: $PASS" "$HTTP"auth/v1.0 || exit 1
	PASS='correct horse battery staple'
	field() {
		sed -n "s/^$1: *\([^\r]*\).*/\1/Ip" "$T/head"
	}
	WEB=$(field X-Storage-Url)/bucket
	CURL=(-H "X-Auth-Token: $(field X-Auth-Token)")
	for _ in $(seq "$rounds"); do
		timed 'swift upload' coffre "$mb" coffre_up big big
		timed 'swift upload' curl "$mb" curl_up
		coffre_cold
		timed 'swift cold read' coffre "$mb" coffre_down big
		cold
		timed 'swift cold read' curl "$mb" curl_down
		{
			coffre_rm big
			curl_rm
		} >>"$LOG" 2>&1
	done
	end
)

sftp_do() {
	echo "$1" | sftp -q -b - -i "$KEY" -P "$SFTP_PORT" \
	    -o "UserKnownHostsFile=$HOSTS" -o IdentitiesOnly=yes \
	    "$ACCOUNT@127.0.0.1"
}

part_sftp() (
	begin sftp || exit 1
	. "$T/sshd.vars"
	PASS='correct horse battery staple'
	mb=$(megabytes)
	for _ in $(seq "$rounds"); do
		timed 'sftp upload' coffre "$mb" coffre_up big big
		timed 'sftp upload' sftp "$mb" sftp_do \
		    "put $T/big $DATA/sftp.big"
		coffre_cold
		timed 'sftp cold read' coffre "$mb" coffre_down big
		cold
		timed 'sftp cold read' sftp "$mb" sftp_do \
		    "get $DATA/sftp.big $T/out/big"
		coffre_rm big
	done
	end
)

# ---- two at once ----

drive_limit() {
	echo "up = $LINK" >>"$T/config/coffre/$NAME.conf"
}
both_have_all() {
	[ "$(drive_status '[.stores[].queued] | add')" = 0 ]
}
pair_up() {
	coffre_up "$@" && until_ok 600 both_have_all
}
# On the drive NAME alone: mount, do, unmount.
on_drive() {
	NAME=$1
	shift
	drive_mount >>"$LOG" 2>&1 || return 1
	"$@"
	drive_unmount >>"$LOG" 2>&1
}
up_once() {
	timed "$1" "$2" "$mb" "$3" big big
	coffre_rm big
}
down_once() {
	coffre_cold
	timed "$1" "$2" "$mb" coffre_down kept
}
keep_one() {
	coffre_up big kept >>"$LOG" 2>&1
}

part_pair() (
	begin ceph || exit 1
	PASS='correct horse battery staple'
	drive_unmount >>"$LOG" 2>&1
	s3=$NAME
	sshd_start >>"$LOG" 2>&1
	{
		rm "$T/recovery"
		CLOUD='' NAME=ssh drive_init
		rm "$T/recovery"
		SFTP='' CLOUD="${CLOUD/drive?/pair?}" NAME=both drive_init
		coffre store add both "${SFTP%drive}pair" "${SFTP_OPTS[@]}"
	} >>"$LOG" 2>&1 || exit 1
	mb=$(megabytes)
	for r in $(seq "$rounds"); do
		on_drive "$s3" up_once 'pair upload' s3 coffre_up
		on_drive ssh up_once 'pair upload' ssh coffre_up
		on_drive both up_once 'pair upload' coffre pair_up
	done
	# The same over links, where what is slow is the way.
	for NAME in "$s3" ssh both; do
		drive_limit
	done
	for r in $(seq "$rounds"); do
		on_drive "$s3" up_once 'pair upload, link' s3 coffre_up
		on_drive ssh up_once 'pair upload, link' ssh coffre_up
		on_drive both up_once 'pair upload, link' coffre pair_up
	done
	on_drive ssh keep_one
	on_drive both keep_one
	for r in $(seq "$rounds"); do
		on_drive ssh down_once 'pair read, one dead' ssh
		on_drive both dead_round
	done
)
# The first read finds out; the second is measured.
dead_round() {
	cloud_stop >>"$LOG" 2>&1
	coffre_cold
	head -c 16777216 "$T/mnt/kept" >/dev/null
	down_once 'pair read, one dead' coffre
}

for part in ${parts//,/ }; do
	"part_$part" || echo "$part: could not be measured, see $LOG" >&2
done

python3 - "$VALUES" "$B/bench-stores.json" <<'PY'
import json, os, statistics, sys
runs = {}
for line in open(sys.argv[1]):
    work, peer, value = line.rsplit(None, 2)
    runs.setdefault(work, {}).setdefault(peer, []).append(float(value))
out = {}
print("%-22s %6s %9s   %s" % ("", "", "coffre", "others (ratio)"))
for work, by in runs.items():
    mine = by.get("coffre")
    if not mine:
        continue
    unit = "1/s" if work == "small files" else "MB/s"
    cells, o = [], {"unit": unit, "coffre": mine}
    for peer, theirs in by.items():
        if peer == "coffre":
            continue
        ratio = statistics.median(a / b for a, b in zip(mine, theirs) if b)
        o[peer] = {"runs": theirs, "ratio": round(ratio, 3)}
        cells.append("%s %.0f (%.2f)" % (peer, statistics.median(theirs),
            ratio))
    out[work] = o
    print("%-22s %6s %9.0f   %s" % (work, unit, statistics.median(mine),
        ", ".join(cells)))
print("Medians; in brackets that of coffre / other, run by run. %d cores."
    % os.cpu_count())
json.dump(out, open(sys.argv[2], "w"), indent=1)
PY
rc=$?
echo "all numbers: $B/bench-stores.json"
exit "$rc"
