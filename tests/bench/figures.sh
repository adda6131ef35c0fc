# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by bench.sh: what is no comparison but a figure.  The time from
# mount to the first listing with the server away, memory, and the bytes that
# are on the store.
# shellcheck disable=SC2153,SC2154

firstls_once() {
	coffre mount "$NAME" "$T/mnt" && ls "$T/mnt" &&
	    ls "$T/mnt/work/dir0000"
}

# In the background as a user would, the passphrase's derivation included.
firstls_part() {
	local round t0 t1
	tell "mount to first ls"
	[ -n "$APACHE" ] || apache_start >>"$LOG" 2>&1 || return 1
	{ remote_drive first "${APACHE}first" &&
	    "$WORK" many "$T/mnt/work" "$many" &&
	    drive_sync 900 && drive_unmount; } >>"$LOG" 2>&1 || return 1
	apache_stop
	for round in $(seq "$rounds"); do
		tell "round $round of $rounds: mount to first ls"
		cold
		t0=$(clock)
		firstls_once >"$T/ls.out" 2>>"$LOG" || return 1
		t1=$(clock)
		[ "$(grep -c ^file "$T/ls.out")" -eq 1000 ] || return 1
		value firstls coffre "$(seconds "$t0" "$t1")"
		"$COFFRE" unmount "$NAME" >>"$LOG" 2>&1 || return 1
	done
	apache_again
}

# What the daemon has in memory after all files were made, uploaded, listed
# and asked for their attributes, and the most that it ever had.
memory_part() {
	local rss
	tell "$million files"
	drive_new memory >>"$LOG" 2>&1 || return 1
	mkdir "$T/mnt/work" && "$WORK" many "$T/mnt/work" "$million" \
	    >>"$LOG" 2>&1 && drive_sync 3600 >>"$LOG" 2>&1 || return 1
	cold
	tell "$million files are touched"
	find "$T/mnt/work" -type f -size -2 >"$T/ls.out" 2>>"$LOG"
	[ "$(wc -l <"$T/ls.out")" -eq "$million" ] || return 1
	rss=$(awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' \
	    "/proc/$MPID/status")
	value memory coffre "$rss"
	rss=$(awk '/^VmHWM/ { printf "%.1f", $2 / 1024 }' \
	    "/proc/$MPID/status")
	value memory most "$rss"
	drive_unmount >>"$LOG" 2>&1
}

bytes_in() {
	find "$1" -type f -printf '%s\n' | awk '{ n += $1 }
	    END { printf "%d", n }'
}

# bytes_of WORK: of all objects for a byte of all files
bytes_of() {
	local here there
	drive_sync 900 >>"$LOG" 2>&1 || return 1
	here=$(bytes_in "$T/mnt")
	drive_unmount >>"$LOG" 2>&1 || return 1
	there=$(bytes_in "$T/store-$NAME")
	value "$1" coffre "$(python3 -c "print('%.4f' % ($there / $here))")"
}

bytes_part() {
	tell "bytes on the store"
	if wanted storetree; then
		[ -e "$T/src.tar" ] || source_make || return 1
		drive_new tree >>"$LOG" 2>&1 || return 1
		tar xf "$T/src.tar" -C "$T/mnt" || return 1
		bytes_of storetree || return 1
	fi
	if wanted storebig; then
		drive_new big >>"$LOG" 2>&1 || return 1
		head -c "$((mib * 1048576))" /dev/urandom >"$T/mnt/big"
		bytes_of storebig || return 1
	fi
}
