#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What is stored may leave the cache and comes back from the store; what the
# store altered or lost is an error and never other bytes.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin

drop_all() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null &&
	    echo 1 >/proc/sys/vm/drop_caches
}
where() {
	if [ -n "$APACHE" ]; then
		echo "$DAV_DATA"
	else
		echo "$T/store"
	fi
}
flip() {
	python3 - "$(where)" <<'PY'
import os, sys
n = 0
for d, _, fs in os.walk(sys.argv[1]):
    for f in fs:
        p = os.path.join(d, f)
        size = os.path.getsize(p)
        if size < 400000:
            continue
        with open(p, "r+b") as o:
            for at in range(1000, size, 40000):
                o.seek(at)
                b = o.read(1)
                o.seek(at)
                o.write(bytes([b[0] ^ 1]))
        n += 1
print("packs altered:", n)
sys.exit(n == 0)
PY
}
# Every byte that is given is right, and not all can be given.
never_other_bytes() {
	python3 - "$R/big" "$M/big" <<'PY'
import os, sys
good = open(sys.argv[1], "rb").read()
fd = os.open(sys.argv[2], os.O_RDONLY)
errors = 0
for at in range(0, len(good), 65536):
    try:
        got = os.pread(fd, 65536, at)
    except OSError as e:
        errors += 1
        if e.errno != 5:
            sys.exit("errno %d" % e.errno)
        continue
    if got != good[at:at + 65536]:
        sys.exit("other bytes at %d" % at)
print("errors:", errors)
sys.exit(errors == 0)
PY
}
alive() {
	timeout 20 ls -l "$M" && echo x >"$M/new" && [ "$(cat "$M/new")" = x ]
}
complains() {
	fails drive_fsck --remote
}

head -c 12000000 /dev/urandom >"$R/big"
seq 100000 >"$R/numbers"
cp "$R/big" "$R/numbers" .
check "all of it reaches the store" drive_sync
check "the cache is emptied" drop_all
check "the content comes back" cmp "$R/big" "$M/big"
check "all of it" cmp "$R/numbers" "$M/numbers"
printf 'patched' | dd of="$R/big" bs=1 seek=5000000 conv=notrunc status=none
check "the cache is emptied" drop_all
check "a part is written over without its rest" sh -c \
    'printf patched | dd of="$1/big" bs=1 seek=5000000 conv=notrunc \
    status=none' sh "$M"
check "and the rest is what it was" cmp "$R/big" "$M/big"
check "all of it reaches the store" drive_sync
# To send a block of which a part is here, the rest is fetched: no change.
check "the cache is emptied" drop_all
printf 'patched' | dd of=big bs=1 seek=5000000 conv=notrunc status=none
touch -d @2900000000 big
check "a part of a block with a time to come is sent" drive_sync
echo 2 >/proc/sys/vm/drop_caches
check "the time of the last change has not become that" \
    [ "$(stat -c %Z big)" -lt 2800000000 ]
check "the state says stored" test stored = \
    "$(getfattr --only-values -n user.coffre.state big)"
check "the cache is emptied" drop_all
cp -a "$(where)" "$T/good"
check "the store alters its packs" flip
check "no altered byte is given out" never_other_bytes
check "the mount goes on working" alive
check "fsck --remote says so" complains
# The store is mended, and so is the drive.
cp -a "$T/good/." "$(where)/"
check "with the store mended it reads again" cmp "$R/big" "$M/big"
rm -rf "$T/good"

fs_end
