# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by bench.sh: work on a mount, on a drive with the directory store,
# nullfs, gocryptfs and the local disk.
# shellcheck disable=SC2153,SC2154

# peers_start null|nonull: sets peers.  Without gocryptfs its columns stay
# empty.  All of them run in this session, as the drive does: the kernel's
# scheduler shares a busy machine among sessions first.
peers_start() {
	peers="coffre disk"
	mkdir -p "$T/null" "$T/nullacl" "$T/gcf" "$T/gcf.cipher" "$T/disk"
	if [ "$1" = null ]; then
		"$B/tests/bench/nullfs" "$T/null" -f \
		    -o default_permissions,allow_other &
		until_ok 30 mountpoint -q "$T/null" || return 1
		NULLFS_ACL=1 "$B/tests/bench/nullfs" "$T/nullacl" -f \
		    -o default_permissions,allow_other &
		until_ok 30 mountpoint -q "$T/nullacl" || return 1
		peers="coffre null disk"
	fi
	command -v gocryptfs >/dev/null || return 0
	[ -e "$T/gcf.cipher/gocryptfs.conf" ] ||
		gocryptfs -q -init -extpass echo -extpass bench \
		    "$T/gcf.cipher" || return 1
	gocryptfs -q -fg -nosyslog -extpass echo -extpass bench \
	    "$T/gcf.cipher" "$T/gcf" &
	until_ok 60 mountpoint -q "$T/gcf" || return 1
	peers="${peers% disk} gocryptfs disk"
}

peers_stop() {
	cd / || return 1
	! mountpoint -q "$T/null" || fusermount3 -u "$T/null"
	! mountpoint -q "$T/nullacl" || fusermount3 -u "$T/nullacl"
	! mountpoint -q "$T/gcf" || fusermount3 -u "$T/gcf"
	rm -rf "$T/disk" "$T/gcf.cipher"
}

where() {
	case $1 in
	coffre) echo "$T/mnt/work" ;;
	null|nullacl) echo "$T/$1" ;;
	gocryptfs) echo "$T/gcf" ;;
	disk) echo "$T/disk" ;;
	esac
}

# A listing asks for the ACL of each file.
peers_of() {
	[ "$1" != lslr ] || echo nullacl
	echo "$peers"
}

# Only some works have a name of their own in the program.
local_measure() {
	local work=$1 peer=$2 n=$files program=$1 v t0
	case $work in
	seqwrite|seqread) n=$mib ;;
	randread) n=5000 ;;
	smallread) program="read" ;;
	esac
	case $work in
	stat|smallread|seqread|randread|lslr) cold ;;
	esac
	if [ "$work" = lslr ]; then
		t0=$(clock)
		ls -lR "$(where "$peer")/many" >"$T/ls.out" || return 1
		v=$(rate "$many" "$t0" "$(clock)")
		[ "$(grep -c ' file' "$T/ls.out")" -eq "$many" ] || v=0
	else
		v=$("$WORK" "$program" "$(where "$peer")" "$n" |
		    cut -d' ' -f2)
	fi
	! wanted "$work" || value "$work" "$peer" "$v"
	[ "$peer" != coffre ] || settle
	[ "$work" != seqwrite ] || sync
}

# What one work leaves another uses.
local_round() {
	local work peer did=
	for work in create stat smallread rename unlink lslr seqwrite seqread \
	    randread; do
		case $work in
		create) wanted create stat smallread rename unlink ;;
		rename|unlink) wanted rename unlink ;;
		seqwrite) wanted seqwrite seqread randread ;;
		*) wanted "$work" ;;
		esac || continue
		tell "round $1 of $rounds: $work"
		for peer in $(peers_of "$work"); do
			local_measure "$work" "$peer"
		done
		did=1
	done
	[ -n "$did" ] || return 0
	for peer in $peers; do
		find "$(where "$peer")" -maxdepth 1 -type f -delete
	done
	settle
}

local_part() {
	local round peer rc=0
	drive_mount >>"$LOG" 2>&1 && mkdir "$T/mnt/work" &&
	    peers_start null >>"$LOG" 2>&1 || return 1
	if wanted lslr; then
		for peer in $(peers_of lslr); do
			tell "$many files on $peer"
			mkdir "$(where "$peer")/many"
			"$WORK" many "$(where "$peer")/many" "$many" \
			    >>"$LOG" 2>&1 || rc=1
		done
		settle
	fi
	for round in $(seq "$rounds"); do
		local_round "$round"
	done
	peers_stop
	drive_unmount >>"$LOG" 2>&1 && return "$rc"
}
