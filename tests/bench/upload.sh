# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by bench.sh: upload of one file to an Apache on this machine, from
# the first write into the drive until sync says that it is stored, beside
# curl putting the same file there.
# shellcheck disable=SC2154,SC2034

mb_per_s() {
	python3 -c 'import sys
mib, a, b = map(float, sys.argv[1:])
print("%.1f" % (mib * 1.048576 / (b - a)))' "$mib" "$1" "$2"
}
clock() {
	date +%s.%N
}

upload_begin() {
	drive_unmount && apache_start && NAME=upload && drive_init &&
	    drive_mount && head -c "$((mib * 1048576))" /dev/urandom \
	    >"$T/piece"
}

upload_round() {
	local t0 t1

	sync
	t0=$(clock)
	cp "$T/piece" "$T/mnt/piece$1" && drive_sync 600 || return 1
	t1=$(clock)
	echo "upload coffre $(mb_per_s "$t0" "$t1")" >>"$T/values"
	rm "$T/mnt/piece$1"
	sync
	t0=$(clock)
	curl -sSf -u "alice:$DAV_PASS" -T "$T/piece" -o /dev/null \
	    "${APACHE_HTTP}curl$1" || return 1
	t1=$(clock)
	echo "upload curl $(mb_per_s "$t0" "$t1")" >>"$T/values"
	rm -f "$DAV_DATA/curl$1"
}

if upload_begin >>"$B/bench.log" 2>&1; then
	for round in $(seq "$rounds"); do
		upload_round "$round" >>"$B/bench.log" 2>&1 ||
			echo "upload: round $round failed" >&2
	done
else
	echo "upload: could not be measured, see $B/bench.log" >&2
fi
