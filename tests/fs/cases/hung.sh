#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# A server that takes every request and answers none: whoever waits for it is
# alone in that, and can be ended.
COFFRE_TEST_STORE=webdav
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/proxy.sh"
end_all() {
	proxy_stop
	fs_cleanup
}
trap end_all EXIT

make_cold() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null
	echo 1 >/proc/sys/vm/drop_caches
}
# ends_by SIGNAL PID: soon, where the store would take a minute.
ends_by() {
	kill "-$1" "$2" && until_ok 20 fails kill -0 "$2" 2>/dev/null
}
is_listed() {
	timeout 10 ls -l "$M" >"$T/list"
}
# reader_start FILE AT: of one page, through a map: such a read is the one that
# the kernel lets us know the signals of.
reader_start() {
	python3 - "$M/$1" "$2" <<-'END' 2>/dev/null >>"$T/readers" 8>&- &
	import mmap, sys
	f = open(sys.argv[1], "rb")
	m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
	m.madvise(mmap.MADV_RANDOM)
	print("reads", flush=True)
	m[int(sys.argv[2])]
	END
	READER=$!
}
# readers_wait N: so many have been started.
readers_wait() {
	until_ok 20 readers_are "$1" && sleep 1 && : >"$T/readers"
}
readers_are() {
	[ "$(wc -l <"$T/readers")" -eq "$1" ]
}
readers_end() {
	local p
	for p in $(jobs -p); do
		[ "$p" = "$MPID" ] || [ "$p" = "$PROXY" ] ||
			kill -KILL "$p" 2>/dev/null
	done
}

need "a proxy stands before the store" proxy
sed -i "s|^store = .*|store = webdav://alice@127.0.0.1:$PORT/drive|" \
    "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 60\ndrain = 0\n' >>"$T/config/coffre/$NAME.conf"
need "the drive is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
head -c 5000000 /dev/urandom >"$R/large"
need "a large file is written" cp "$R/large" "$M/large"
mkdir "$M/many"
for i in $(seq 40); do
	head -c 200000 /dev/urandom >"$R/$i"
	cp "$R/$i" "$M/many/$i"
done
need "all of it reaches the store" drive_sync

# ---- more readers than there are threads

need "the store answers nothing any more" proxy --hang
make_cold
for i in $(seq 40); do
	cat "$M/many/$i" >/dev/null 2>&1 8>&- &
done
sleep 2
check "while many files are waited for, a folder is read" is_listed
check "and a file made" timeout 10 touch "$M/new"
readers_end
need "the store is back" proxy
check "one of them is read then" timeout 100 cmp "$R/7" "$M/many/7"
need "the store answers nothing any more" proxy --hang
make_cold
for i in $(seq 40); do
	reader_start "many/$i" 150000
done
check "many readers wait" readers_wait 40
check "so does the last" kill -0 "$READER"
check "a signal ends it at once" ends_by TERM "$READER"
check "a folder is read" is_listed
readers_end
need "the store is back" proxy

# ---- what was written over in part

need "the store answers nothing any more" proxy --hang
make_cold
for f in "$R/large" "$M/large"; do
	printf x | dd of="$f" bs=1 seek=1000000 conv=notrunc status=none
done
reader_start large 1000001
readers_wait 1
check "a read of a block that is here in part waits" kill -0 "$READER"
check "a signal ends it at once" ends_by TERM "$READER"
reader_start large 1000001
readers_wait 1
check "another waits" kill -0 "$READER"
check "a signal ends the mount" kill "$MPID"
check "before the store answers" daemon_gone 20
ends_by KILL "$READER"
need "the store is back" proxy
need "it is mounted again" drive_mount
check "all of the file is there" cmp "$R/large" "$M/large"
check "and reaches the store" drive_sync
need "it is unmounted" drive_unmount
check "fsck finds nothing" drive_fsck
check "nothing is readable at rest" nothing_readable
[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
