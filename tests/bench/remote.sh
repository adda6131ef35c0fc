# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Sourced by bench.sh: content goes to an Apache on this machine and comes
# back, by a drive, curl, rclone (a crypt remote, mounted with a full cache)
# and davfs2; and by a drive alone over a slow line.  An upload ends when all
# of it is on the server: for a drive when sync says so, for rclone when its
# queue is empty, for davfs2 when it has unmounted.
# shellcheck disable=SC2153,SC2154

# Without these peers their columns stay empty.
has() {
	command -v "$1" >/dev/null || [ -x "/sbin/$1" ]
}

dav_dir() {
	curl -sSf -u "alice:$DAV_PASS" -X MKCOL "$APACHE_HTTP$1" -o /dev/null
}

# remote_drive NAME URL: a drive there, mounted.
remote_drive() {
	NAME=$1
	coffre init --store "$2" --insecure-http --password-fd 8 \
	    --recovery-file "$T/recovery-$1" "$1" 8<<<"$DAV_PASS" &&
	    drive_mount && mkdir "$T/mnt/work"
}

# The content leaves the drive's cache, and the kernel's.
drive_forget() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null &&
	    drive_unmount && drive_mount
}

# ---- rclone --------------------------------------------------------------

rclone_start() {
	# shellcheck source=tests/servers/common.sh
	RC_PORT=$(. "$TOP/tests/servers/common.sh"; free_port)
	mkdir -p "$T/rclone"
	[ -e "$T/rclone.conf" ] || cat >"$T/rclone.conf" <<CONF
[dav]
type = webdav
url = $APACHE_HTTP
vendor = other
user = alice
pass = $(rclone obscure "$DAV_PASS")
[crypt]
type = crypt
remote = dav:rclone
password = $(rclone obscure bench)
CONF
	rclone --config "$T/rclone.conf" --cache-dir "$T/rclone.cache" \
	    mount crypt: "$T/rclone" --vfs-cache-mode full \
	    --vfs-write-back 0s --rc --rc-no-auth \
	    --rc-addr "127.0.0.1:$RC_PORT" >>"$T/rclone.log" 2>&1 &
	until_ok 60 mountpoint -q "$T/rclone" || {
		cat "$T/rclone.log"
		return 1
	}
}

# rclone_done COUNT: its queue is empty and so many files are there.
rclone_done() {
	curl -sSf -X POST "http://127.0.0.1:$RC_PORT/vfs/stats" | jq -e \
	    '.diskCache | .uploadsInProgress + .uploadsQueued == 0' \
	    >/dev/null &&
	    [ "$(find "$DAV_DATA/rclone" -type f | wc -l)" -eq "$1" ]
}

# A file that it could not send it tries again, out of the queue meanwhile.
rclone_wait() {
	until_ok 600 rclone_done "$1"
}

rclone_stop() {
	fusermount3 -u "$T/rclone" || return 1
	until_ok 30 fails mountpoint -q "$T/rclone"
	rm -rf "$T/rclone.cache"
}

# ---- davfs2 --------------------------------------------------------------

# mount.davfs keeps what it caches as a user of its own.
davfs_start() {
	mkdir -p "$T/davfs" "$T/davfs.cache"
	chown davfs2 "$T/davfs.cache"
	chmod a+x "$T"
	cat >"$T/davfs.conf" <<CONF
secrets $T/davfs.secrets
cache_dir $T/davfs.cache
cache_size 4000
delay_upload 0
ask_auth 0
CONF
	echo "${APACHE_HTTP}davfs alice \"$DAV_PASS\"" >"$T/davfs.secrets"
	chmod 600 "$T/davfs.secrets"
	mount -t davfs -o "conf=$T/davfs.conf" "${APACHE_HTTP}davfs" \
	    "$T/davfs"
}

davfs_stop() {
	umount "$T/davfs" && rm -rf "$T/davfs.cache"
}

# ---- one measurement each ------------------------------------------------

large_coffre() {
	cp "$T/piece" "$T/mnt/work/piece" && drive_sync 900
}
large_curl() {
	curl -sSf -Z --parallel-max 4 -u "alice:$DAV_PASS" \
	    -T "{$(printf '%s\n' "$T"/part.* | paste -sd,)}" \
	    "${APACHE_HTTP}curl/"
}
large_rclone() {
	cp "$T/piece" "$T/rclone/piece" && rclone_wait 1
}
large_davfs2() {
	cp "$T/piece" "$T/davfs/piece" && davfs_stop
}

small_coffre() {
	"$WORK" create "$T/mnt/work" "$1" && drive_sync 900
}
small_curl() {
	curl -sSf -Z --parallel-max 4 -u "alice:$DAV_PASS" \
	    -T "$T/small/file[000000-$(printf %06d "$(($1 - 1))")]" \
	    "${APACHE_HTTP}curl/"
}
small_rclone() {
	"$WORK" create "$T/rclone" "$1" && rclone_wait "$1"
}
small_davfs2() {
	"$WORK" create "$T/davfs" "$1" && davfs_stop
}

back_coffre() {
	cat "$T/mnt/work/piece" >/dev/null
}
back_curl() {
	curl -sSf -u "alice:$DAV_PASS" -o /dev/null "${APACHE_HTTP}whole"
}
back_curldisk() {
	curl -sSf -u "alice:$DAV_PASS" -o "$T/whole" "${APACHE_HTTP}whole"
}
back_rclone() {
	cat "$T/rclone/piece" >/dev/null
}
back_davfs2() {
	cat "$T/davfs/piece" >/dev/null
}

# remote_timed WORK PEER AMOUNT COMMAND...: rate of the amount
remote_timed() {
	local work=$1 peer=$2 amount=$3 t0
	shift 3
	tell "$work, $peer"
	sync
	t0=$(clock)
	"$@" >>"$LOG" 2>&1 || {
		echo "bench: $work, $peer: failed, see $LOG" >&2
		return 1
	}
	value "$work" "$peer" "$(rate "$amount" "$t0" "$(clock)")"
}

remote_ready() {
	case $1 in
	rclone) rclone_start ;;
	davfs2) davfs_start ;;
	esac
}

remote_large() {
	local peer
	for peer in $remotes; do
		remote_ready "$peer" >>"$LOG" 2>&1 || continue
		remote_timed upload "$peer" "$mb" "large_$peer" || continue
		[ "$peer" != rclone ] || rclone_stop
	done
	wanted download || return 0
	for peer in $remotes; do
		case $peer in
		coffre) drive_forget >>"$LOG" 2>&1 ;;
		*) remote_ready "$peer" >>"$LOG" 2>&1 ;;
		esac || continue
		remote_timed download "$peer" "$mb" "back_$peer"
		case $peer in
		curl) remote_timed download "$peer-to-disk" "$mb" \
		    back_curldisk ;;
		rclone) rm "$T/rclone/piece"; rclone_stop ;;
		davfs2) rm "$T/davfs/piece"; davfs_stop ;;
		esac
	done
	rm -f "$T/whole" "$T/mnt/work/piece"
	settle
}

# rclone takes so long that it gets a fifth of the files, davfs2 a tenth.
remote_small() {
	local peer n
	for peer in $remotes; do
		n=$files
		[ "$peer" != rclone ] || n=$((files / 5))
		[ "$peer" != davfs2 ] || n=$((files / 10))
		remote_ready "$peer" >>"$LOG" 2>&1 || continue
		remote_timed uploadsmall "$peer" "$n" "small_$peer" "$n"
		case $peer in
		rclone) rclone_stop ;;
		coffre)
			find "$T/mnt/work" -name 'file*' -delete
			settle
			;;
		esac
		find "$DAV_DATA/curl" "$DAV_DATA/rclone" "$DAV_DATA/davfs" \
		    -type f -delete
	done
}

remote_server() {
	[ -n "$APACHE" ] || {
		apache_start && dav_dir curl && dav_dir rclone &&
		    dav_dir davfs || return 1
	}
	[ ! -e "$T/piece" ] || return 0
	head -c "$((mib * 1048576))" /dev/urandom >"$T/piece" &&
	    split -n 64 "$T/piece" "$T/part." &&
	    curl -sSf -u "alice:$DAV_PASS" -T "$T/piece" -o /dev/null \
	    "${APACHE_HTTP}whole" && mkdir "$T/small" &&
	    "$WORK" create "$T/small" "$files"
}

remote_part() {
	local round mb
	mb=$(python3 -c "print($mib * 1.048576)")
	tell "a server and what goes there"
	remote_server >>"$LOG" 2>&1 &&
	    remote_drive remote "${APACHE}remote" >>"$LOG" 2>&1 || return 1
	remotes="coffre curl"
	! has rclone || remotes="$remotes rclone"
	! has mount.davfs || remotes="$remotes davfs2"
	for round in $(seq "$rounds"); do
		! wanted upload download || remote_large
		! wanted uploadsmall || remote_small
		find "$DAV_DATA/curl" "$DAV_DATA/rclone" "$DAV_DATA/davfs" \
		    -type f -delete
	done
	drive_unmount >>"$LOG" 2>&1
}

# ---- a slow line ---------------------------------------------------------

link_up() {
	cp "$T/link.piece" "$T/mnt/work/piece" && drive_sync 900
}
link_back() {
	cat "$T/mnt/work/piece" >/dev/null
}
link_small_back() {
	"$WORK" read "$T/mnt/work" "$1"
}

# What 100 Mbit/s would take, beside what it took.
link_round() {
	local mb=$1 small
	small=$(python3 -c "print($files * 4096 / 1e6)")
	if wanted linkup linkdown; then
		remote_timed linkup coffre "$mb" link_up || return 1
		value linkup line 12.5
	fi
	if wanted linkdown; then
		drive_forget >>"$LOG" 2>&1 || return 1
		remote_timed linkdown coffre "$mb" link_back || return 1
		value linkdown line 12.5
	fi
	if wanted linksmall linksmallread; then
		remote_timed linksmall coffre "$small" small_coffre "$files" ||
			return 1
		value linksmall line 12.5
	fi
	if wanted linksmallread; then
		drive_forget >>"$LOG" 2>&1 || return 1
		remote_timed linksmallread coffre "$small" link_small_back \
		    "$files" || return 1
		value linksmallread line 12.5
	fi
	find "$T/mnt/work" -type f -delete
	settle
}

# As rclone's --vfs-write-back 0s: the time is to be the line's.
at_once() {
	echo "quiet = 0" >>"$XDG_CONFIG_HOME/coffre/$1.conf" &&
	    drive_unmount >>"$LOG" 2>&1 && drive_mount >>"$LOG" 2>&1
}

link_part() {
	local round rc=0 pid PORT
	tell "a slow line"
	[ -n "$APACHE" ] || apache_start >>"$LOG" 2>&1 || return 1
	head -c "$((link_mib * 1048576))" /dev/urandom >"$T/link.piece"
	local to=${APACHE_HTTP#http://}
	"$B/tests/tools/link_proxy" --delay 20 --rate 100000000 "${to%/}" \
	    >"$T/link.port" &
	pid=$!
	until_ok 10 test -s "$T/link.port" || return 1
	# shellcheck disable=SC1091
	. "$T/link.port"
	if remote_drive line "webdav://alice@127.0.0.1:$PORT/line" \
	    >>"$LOG" 2>&1 && at_once line; then
		for round in $(seq "$rounds"); do
			tell "round $round of $rounds: a slow line"
			link_round "$(python3 -c \
			    "print($link_mib * 1.048576)")" || rc=1
		done
		drive_unmount >>"$LOG" 2>&1 || rc=1
	else
		rc=1
	fi
	kill "$pid"
	wait "$pid" 2>>"$LOG"
	return "$rc"
}
