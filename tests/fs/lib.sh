# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What every case on a mount begins with:
#
#	. "$(dirname "$0")/../lib.sh"
#	fs_begin
#	check "a sentence that is true" command ...
#	fs_end
#
# fs_begin makes a drive of its own with a new home, mounts it and sets
#	T	a temporary folder, gone at the end
#	M	an empty folder on the mount
#	R	an empty folder on the local disk, to compare with
# fs_end checks what must hold after any case: unmounted and mounted again
# the tree is the same, fsck finds nothing, and no marker is readable at rest:
# there is one in names and contents beside $M, whatever the case writes.
#
# COFFRE_TEST_DIR=/some/folder runs the case there instead: a case on POSIX
# behaviour must pass on a plain ext4.  COFFRE_TEST_STORE=webdav keeps the
# drive on an Apache that is started for it, sftp on an sshd.
set -u

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
B=${B:-$TOP/build}
COFFRE=${COFFRE:-$B/coffre}
PROGS=$B/tests/fs
PASS='correct horse battery staple'
# In names and contents, to be found nowhere at rest.
MARK='Xq7Kv2marker'
NAME=testdrive
# shellcheck disable=SC2034
NOBODY=65534
# What is compared is English, whatever the language of who runs it.
export LC_ALL=C.UTF-8
unset LANGUAGE

N_CHECKS=0
N_FAILED=0
MPID=
APACHE=
SFTP=
T=

skip() {
	echo "SKIP: $*"
	exit 77
}

# skip_part SENTENCE WHY: it is not tested here; the others are.
skip_part() {
	echo "ok - $1 # SKIP $2"
}

say() {
	echo "# $*"
}

# check SENTENCE COMMAND...: the command must succeed.
check() {
	local what=$1 rc=0
	shift
	N_CHECKS=$((N_CHECKS + 1))
	"$@" || rc=$?
	if [ "$rc" -eq 0 ]; then
		echo "ok - $what"
	else
		N_FAILED=$((N_FAILED + 1))
		echo "FAILED - $what (exit $rc: $*)"
	fi
}

# refuse SENTENCE COMMAND...: the command must fail.
refuse() {
	local what=$1
	shift
	check "$what" fails "$@"
}
fails() {
	if "$@"; then
		return 1
	fi
	return 0
}

# need SENTENCE COMMAND...: without it the rest makes no sense.
need() {
	local before=$N_FAILED
	check "$@"
	[ "$N_FAILED" -eq "$before" ] || { show_daemon; fs_count; exit 1; }
}

# Take over the counts of a program that prints them itself.
posix_count() {
	local line
	line=$(grep -oE '^Checks: [0-9]+, Failures: [0-9]+' "$1" | tail -1)
	if [ -z "$line" ]; then
		check "the program came to its end" false
		return
	fi
	line=${line#Checks: }
	N_CHECKS=$((N_CHECKS + ${line%%,*}))
	N_FAILED=$((N_FAILED + ${line##* }))
}

fs_count() {
	echo "Checks: $N_CHECKS, Failures: $N_FAILED, Errors: 0"
}

show_daemon() {
	[ -z "$T" ] || [ ! -s "$T/daemon.log" ] || {
		say "the daemon said:"
		tail -n 20 "$T/daemon.log"
	}
}

# Try a command until it succeeds: until_ok SECONDS COMMAND...
until_ok() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

is_mounted() {
	grep -q " $T/mnt fuse" /proc/self/mounts
}

# A dead mount is still in the table and still answers what the kernel has
# kept; its size nobody tells.  Between that one and the next the folder below
# would: the type is FUSE's.
is_served() {
	is_mounted && [ "$(stat -f -c %t "$T/mnt" 2>/dev/null)" = 65735546 ]
}

is_plain() {
	[ -n "${COFFRE_TEST_DIR:-}" ]
}

# ---- the store ------------------------------------------------------------

# shellcheck source=tests/fs/apache.sh
. "$TOP/tests/fs/apache.sh"
# shellcheck source=tests/fs/sshd.sh
. "$TOP/tests/fs/sshd.sh"
# shellcheck source=tests/fs/cloud.sh
. "$TOP/tests/fs/cloud.sh"

# ---- the drive ------------------------------------------------------------

# The passphrase reaches coffre on descriptor 9, never in its arguments.
coffre() {
	"$COFFRE" "$@" --passphrase-fd 9 9<<<"$PASS"
}

# on_store init | recover: of the drive, on the store of the case.
on_store() {
	local args=("$1" --recovery-file "$T/recovery" "$NAME" --store)
	if [ -n "$APACHE" ]; then
		coffre "${args[@]}" "$APACHE" --insecure-http \
		    --password-fd 8 8<<<"$DAV_PASS"
	elif [ -n "$SFTP" ]; then
		coffre "${args[@]}" "$SFTP" "${SFTP_OPTS[@]}"
	elif [ -n "$CLOUD" ]; then
		coffre "${args[@]}" "$CLOUD" --password-fd 8 8<<<"$CLOUD_PASS"
	else
		coffre "${args[@]}" "dir:$T/store"
	fi
}
drive_init() {
	mkdir -p "$T/store"
	on_store init
}

# drive_mount [MORE]: in the foreground of a child, so its pid is known.
drive_mount() {
	is_plain && return 0
	is_mounted || mkdir -p "$T/mnt"
	"$COFFRE" mount "$NAME" "$T/mnt" -f -o "allow_other${MOUNT_OPTS:-}" \
	    --passphrase-fd 9 "$@" 9<<<"$PASS" >>"$T/daemon.log" 2>&1 8>&- &
	MPID=$!
	echo "$MPID" >"$T/daemon.pid"
	until_ok 120 mount_settled && is_served
}
# Mounted, or the daemon has given up.
mount_settled() {
	is_served || ! kill -0 "$MPID" 2>/dev/null
}

# Unmount as a user would and wait for the daemon to go.
drive_unmount() {
	local rc=0
	is_plain && return 0
	cd "$T" || return 1
	memory_kept || rc=1
	"$COFFRE" unmount "$NAME" || return 1
	daemon_gone 60 && return "$rc"
}
# The most that it had is below its limit (a sanitizer has more).
memory_kept() {
	local kib
	kib=$(awk '$1 == "VmHWM:" { print $2 }' "/proc/$MPID/status" \
	    2>/dev/null)
	[ "${kib:-0}" -le "${MEMORY_KIB:-307200}" ] ||
	    grep -qaE '__[at]san_init' "$COFFRE" || {
		say "the daemon had $kib KiB of memory"
		return 1
	}
}
daemon_gone() {
	local rc=0
	until_ok "$1" fails kill -0 "$MPID" 2>/dev/null || return 1
	wait "$MPID" || rc=$?
	MPID=
	[ "$rc" -eq 0 ] || { say "the daemon ended with $rc"; return 1; }
}

# kill -9; the next mount has to take the dead mount point away.
drive_kill() {
	kill -9 "$MPID"
	wait "$MPID" 2>/dev/null
	MPID=
}

# The machine is lost: a new one has nothing of it but the recovery words.
lose_machine() {
	mv "$T/state" "$T/old.state" && mv "$T/config" "$T/old.config" &&
	    rm -rf "$T/run" "$T/cache" "$T/data" && fs_home
}

drive_sync() {
	is_plain || "$COFFRE" sync --wait="${1:-120}" "$NAME"
}

drive_fsck() {
	is_plain || coffre fsck "$NAME" "$@"
}

# A field of `coffre status --json`, by a jq expression.
drive_status() {
	"$COFFRE" status --json "$NAME" | jq -r "$1"
}

is_locked() {
	[ "$(drive_status .locked 2>/dev/null)" = true ]
}
is_open() {
	is_served && [ "$(drive_status .locked 2>/dev/null)" = null ]
}

# The exit status of a command, as text.
exit_of() {
	local rc=0
	"$@" >/dev/null 2>&1 || rc=$?
	echo "$rc"
}

# ---- the frame ------------------------------------------------------------

fs_home() {
	export HOME=$T/home XDG_CONFIG_HOME=$T/config
	export XDG_STATE_HOME=$T/state XDG_RUNTIME_DIR=$T/run
	export XDG_CACHE_HOME=$T/cache XDG_DATA_HOME=$T/data
	mkdir -p "$HOME" "$T/config" "$T/state" "$T/run" "$T/ref"
	chmod 700 "$T/run" "$T/state"
}

# What needs a mount cannot be tested where there is none.
fs_need_fuse() {
	is_plain && skip "is about the daemon, not about POSIX"
	[ -w /dev/fuse ] || skip "/dev/fuse cannot be opened"
	[ "$(id -u)" -eq 0 ] || skip "needs root (allow_other, other users)"
	[ -x "$COFFRE" ] || { echo "no $COFFRE"; exit 1; }
}

# In a mount namespace of its own the mounts of other cases would live on.
let_go_of_mounts() {
	awk '$3 ~ /^fuse/ { print $2 }' /proc/self/mounts |
	    xargs -r -n 1 umount -l
}

fs_prepare() {
	T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-fs.XXXXXX")
	chmod 711 "$T"
	trap fs_cleanup EXIT
	trap 'exit 143' TERM INT HUP
	fs_home
	# shellcheck disable=SC2034
	R=$T/ref
	if is_plain; then
		M=$(mktemp -d "$COFFRE_TEST_DIR/case.XXXXXX")
		chmod 755 "$M"
		return
	fi
	fs_need_fuse
	[ "${COFFRE_TEST_STORE:-dir}" != webdav ] || apache_start
	[ "${COFFRE_TEST_STORE:-dir}" != sftp ] || sshd_start
	cloud_start "${COFFRE_TEST_STORE:-dir}"
	need "a drive is made" drive_init
}

fs_begin() {
	fs_prepare
	if ! is_plain; then
		need "it is mounted" drive_mount
		M=$T/mnt/work
		mkdir "$M" || exit 1
		need "there is what is to be read nowhere" plant
	fi
	cd "$M" || exit 1
}

fs_cleanup() {
	cd / || :
	[ -z "$MPID" ] || kill "$MPID" 2>/dev/null
	if [ -n "$T" ]; then
		grep -o " $T/[^ ]* fuse" /proc/self/mounts | while read -r p _; do
			umount -l "$p"
		done
		[ -z "$MPID" ] || {
			until_ok 5 fails kill -0 "$MPID" 2>/dev/null ||
				kill -9 "$MPID" 2>/dev/null
		}
		grep -o " $T/[^ ]*" /proc/self/mounts | while read -r p; do
			umount -l "$p"
		done
		[ -z "$APACHE" ] || apache_stop
		# Also what has not come up has made an account.
		[ ! -d "$T/sshd" ] || sshd_end
		[ -z "$CLOUD_STOP" ] || cloud_stop
		[ -n "${KEEP:-}" ] || rm -rf --one-file-system "$T"
	fi
	if is_plain && [ -n "${M:-}" ]; then
		rm -rf "$M"
	fi
}

dump() {
	"$PROGS/treedump" "$@"
}

# same A B: two trees are equal in all that a user can see.
same() {
	dump "$1" >"$T/dump.a" && dump "$2" >"$T/dump.b" || return 1
	diff -u "$T/dump.a" "$T/dump.b" | head -n 40
	cmp -s "$T/dump.a" "$T/dump.b"
}

# Something to look for at rest, where it is in no case's way.
plant() {
	mkdir "$T/mnt/.$MARK" && echo "$MARK" >"$T/mnt/.$MARK/$MARK" &&
	    ln -s "$MARK" "$T/mnt/.$MARK/link" && : >"$T/planted"
}

# Nothing readable in the store, the state, the configuration or the log.
nothing_readable() {
	local places=("$T/store" "$T/state" "$T/config" "$T/run"
	    "$T/daemon.log")
	[ -z "${DAV_DATA:-}" ] || places+=("$DAV_DATA")
	[ -z "${CLOUD_DATA:-}" ] || places+=("$CLOUD_DATA")
	[ -z "${SFTP_DATA:-}" ] || places+=("$SFTP_DATA")
	[ -e "$T/planted" ] || { say "there was nothing to find"; return 1; }
	if grep -ral -- "$MARK" "${places[@]}" 2>/dev/null; then
		return 1
	fi
	if find "${places[@]}" -name "*$MARK*" 2>/dev/null | grep .; then
		return 1
	fi
}

fs_end() {
	local before=$T/dump.before after=$T/dump.after

	cd "$T" || exit 1
	if ! is_plain; then
		dump "$M" >"$before" || N_FAILED=$((N_FAILED + 1))
		need "it is unmounted" drive_unmount
		check "fsck finds nothing" drive_fsck
		need "it is mounted again" drive_mount
		dump "$M" >"$after" || N_FAILED=$((N_FAILED + 1))
		check "the tree is the same after that" \
		    diff -u "$before" "$after"
		[ -e "$T/planted" ] ||
			check "there is what is to be read nowhere" plant
		check "all of it reaches the store" drive_sync
		need "it is unmounted in the end" drive_unmount
		check "nothing is readable at rest" nothing_readable
	fi
	[ "$N_FAILED" -eq 0 ] || show_daemon
	fs_count
	[ "$N_FAILED" -eq 0 ]
}
