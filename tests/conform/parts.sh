# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# have_X: can part X be run here?  part_X FOLDER: run it there, and print a
# line for each test; what else it says goes to standard error.

HERE=$TOP/tests/conform
STRESS_SECONDS=${STRESS_SECONDS:-3}
DBENCH_SECONDS=${DBENCH_SECONDS:-30}

# verdict NAME COMMAND...
verdict() {
	local name=$1 rc=0
	shift
	echo "=== $name: $*" >&2
	timeout 600 "$@" >&2 2>&1 || rc=$?
	if [ "$rc" -eq 0 ]; then
		echo "ok $name"
	else
		echo "=== $name: exit $rc" >&2
		echo "not ok $name"
	fi
}

as_user() {
	setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups -- "$@"
}

# ---- fio: what was written is read back and verified ------------------------

have_fio() {
	fio --version
}
fio_job() {
	local name=$1
	shift
	verdict "$name" fio --name="$name" --directory="$PWD" --size=24m \
	    --verify=crc32c --verify_fatal=1 --do_verify=1 --randseed=7 \
	    --minimal "$@"
	rm -f "$name".*
}
part_fio() {
	fio_job sequential --rw=write --bs=128k
	fio_job random --rw=randwrite --bs=4k
	fio_job mixed --rw=randrw --bs=4k
	fio_job unaligned --rw=randwrite --bsrange=512-70000 --bs_unaligned=1
	fio_job append --rw=write --bs=1000 --size=3m --file_append=1
	fio_job fsynced --rw=randwrite --bs=16k --fsync=16 --size=8m
	fio_job osync --rw=write --bs=64k --sync=1 --size=4m
	fio_job direct --rw=randwrite --bs=4k --direct=1
	fio_job directbig --rw=randrw --bs=256k --direct=1 --iodepth=8 \
	    --ioengine=libaio
	fio_job mapped --rw=randwrite --bs=4k --ioengine=mmap
	fio_job vectors --rw=randrw --bs=12k --ioengine=pvsync2
	fio_job libaio --rw=randrw --bs=8k --ioengine=libaio --iodepth=16
	fio_job iouring --rw=randrw --bs=8k --ioengine=io_uring --iodepth=16
	fio_job posixaio --rw=randrw --bs=8k --ioengine=posixaio --iodepth=8
	fio_job falloc --rw=randwrite --bs=4k --fallocate=posix
	fio_job truncated --rw=randwrite --bs=4k --fallocate=truncate
	fio_job fourjobs --rw=randrw --bs=4k --numjobs=4 --size=8m
	fio_job manyfiles --rw=randwrite --bs=4k --nrfiles=200 --size=16m \
	    --openfiles=50
	fio_job pattern --rw=write --bs=64k --verify=pattern \
	    --verify_pattern=0xdeadface
	fio_job digest --rw=randwrite --bs=64k --verify=sha256
}

# ---- dbench and bonnie++ ---------------------------------------------------

have_dbench() {
	command -v dbench
}
# It ends with 0 whatever happens, and tells of what did not succeed.
dbench_clean() {
	dbench -D "$PWD" "$@" | awk '{ print }
	/failed|ERROR|expected/ { bad = 1 }
	/^Throughput/ { done = 1 }
	END { exit bad || !done }'
}
export -f dbench_clean
part_dbench() {
	local load=/usr/share/dbench/client.txt
	[ -e "$load" ] || load=/usr/share/dbench/client.txt.gz
	verdict clients bash -c 'dbench_clean "$@"' _ -t "$DBENCH_SECONDS" \
	    -c "$load" 4
	verdict sync bash -c 'dbench_clean "$@"' _ -t 10 -c "$load" -s 2
	verdict dirsync bash -c 'dbench_clean "$@"' _ -t 10 -c "$load" -S 2
}
have_bonnie() {
	command -v bonnie++
}
part_bonnie() {
	verdict default bonnie++ -d "$PWD" -s 128 -r 64 -n 1:20000:10:4 \
	    -u root -q
	chmod 1777 .
	verdict user bonnie++ -d "$PWD" -s 64 -r 32 -n 1 -u nobody -q
	verdict links bonnie++ -d "$PWD" -s 0 -n 1:-1:0:4 -u root -q
}

# ---- stress-ng: file system stressors that check what they do ---------------

STRESSORS='access acl aio aiol chdir chmod chown copy-file dentry dir dirdeep
dirmany dup fallocate fcntl fiemap file-ioctl filename flock fpunch fstat
getdent handle hdd inode-flags inotify io iomix io-uring lease link locka
lockf lockofd mknod mmap msync open readahead rename revio seek sendfile
splice symlink sync-file touch utime xattr'

have_stress() {
	stress-ng --version
}
part_stress() {
	local s rc more
	for s in $STRESSORS; do
		stress-ng "--$s" 0 -n 2>&1 | grep -q 'unrecognized' && continue
		more=()
		[ "$s" != mmap ] || more=(--mmap-file --mmap-bytes 16m)
		[ "$s" != hdd ] || more=(--hdd-bytes 32m)
		[ "$s" != revio ] || more=(--revio-bytes 16m)
		[ "$s" != iomix ] || more=(--iomix-bytes 16m)
		rc=0
		echo "=== $s" >&2
		timeout -k 10 120 stress-ng "--$s" 2 -t "$STRESS_SECONDS" \
		    --verify --temp-path "$PWD" "${more[@]}" >&2 2>&1 || rc=$?
		echo "=== $s: exit $rc" >&2
		case $rc in
		0) echo "ok $s" ;;
		3|4) echo "skip $s" ;;
		*) echo "not ok $s" ;;
		esac
	done
}

# ---- CPython's own tests of files -------------------------------------------

have_python() {
	python3 -c 'import test.test_os, test.support; print("there")'
}
part_python() {
	timeout 1800 python3 "$HERE/pytests.py"
}
have_python_user() {
	have_python && command -v setpriv
}
part_python_user() {
	as_user env HOME="$PWD" timeout 1800 python3 "$HERE/pytests.py"
}

# ---- git's own tests --------------------------------------------------------

GIT_TESTS=${GIT_TESTS:-t0001 t1301 t3700 t5304 t7001 t7300}

have_git() {
	local dir=$OUT/git
	GIT_SRC=${GIT_SRC:-$dir/src}
	[ ! -x "$GIT_SRC/t/helper/test-tool" ] || return 0
	"$HERE/git-source.sh" "$dir" "$GIT_SRC"
}
part_git() {
	local pattern t name
	cd "$GIT_SRC/t" || return
	for pattern in $GIT_TESTS; do
		for t in "$pattern"-*.sh; do
			name=${t%%-*}
			echo "=== $t" >&2
			# As nobody's HOME: no configuration of ours.
			HOME=$T timeout 900 bash "./$t" --root="$1" \
			    --no-chain-lint 2>&1 |
			    tee /dev/stderr | git_lines "$name"
		done
	done
}
# TAP into our lines.  What git marks as a known breakage is left out.
git_lines() {
	awk -v t="$1" '
	/^(not )?ok [0-9]+/ {
		bad = /^not ok/
		n = bad ? $3 : $2
		if (/# TODO/)
			next
		print (/# skip/ ? "skip" : bad ? "not ok" : "ok") " " t "." n
	}'
}
