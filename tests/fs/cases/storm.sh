#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What nobody asked for costs little: opening fetches nothing, a look at a
# file's beginning one block, a preview of what is not here nothing, and a
# file manager no more in a minute than it may.
. "$(dirname "$0")/../lib.sh"
fs_begin
BLOCK=140000	# a block as it travels, at most
MARKS=$XDG_CACHE_HOME/thumbnails/fail/gnome-thumbnail-factory

drop_all() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null &&
	    echo 1 >/proc/sys/vm/drop_caches
}
down() {
	drive_status .sync.bytes_down
}
# costs LO HI COMMAND...: it succeeds, and so many bytes are fetched.
costs() {
	local lo=$1 hi=$2 before after
	shift 2
	before=$(down)
	"$@" >/dev/null || return 1
	sleep 0.5
	after=$(down)
	echo "fetched: $((after - before))"
	[ $((after - before)) -ge "$lo" ] && [ $((after - before)) -le "$hi" ]
}
open_only() {
	python3 - "$1" <<'PY'
import os, sys
for n in sorted(os.listdir(sys.argv[1])):
    f = os.open(sys.argv[1] + "/" + n, os.O_RDONLY)
    os.fstat(f)
    os.close(f)
    f = os.open(sys.argv[1] + "/" + n, os.O_RDWR)
    os.close(f)
PY
}
peek() {
	python3 - "$1" "$2" <<'PY'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY | os.O_NOATIME)
assert len(os.pread(f, 4096, int(sys.argv[2]))) == 4096
PY
}
mark_of() {
	python3 - "$1" <<'PY'
import hashlib, sys, urllib.parse
safe = "!$&'()*+,-./:=@_~"
uri = "file://" + urllib.parse.quote(sys.argv[1], safe=safe)
print(hashlib.md5(uri.encode()).hexdigest() + ".png")
PY
}
fails_with_eacces() {
	"$@" >/dev/null 2>"$T/said" && return 1
	grep -q "Permission denied" "$T/said"
}
noted() {
	"$COFFRE" status "$NAME" | grep -q "note .*'$1' was refused"
}

# Programs are known by their names.
cp "$(command -v cat)" "$T/gdk-pixbuf-thum"
cp "$(command -v cat)" "$T/loader"
cp "$(command -v dd)" "$T/nautilus"
cp "$(command -v cat)" "$T/pool-nemo"
NEMO=$T/pool-nemo
THUMB=$T/gdk-pixbuf-thum

mkdir pics
for i in $(seq 20); do
	head -c 1048576 /dev/urandom >"pics/$i.raw"
done
N="pics/a;b %é&'(1) $MARK.raw"
head -c 1048576 /dev/urandom >"$N"
mkdir "$R/pics" && cp pics/* "$R/pics"
check "all of it reaches the store" drive_sync
check "the cache is emptied" drop_all

check "opening 21 files fetches nothing" costs 0 0 open_only "$M/pics"
check "nor does listing them with all that is known" costs 0 0 \
    ls -l "$M/pics"
check "a look at the beginning fetches one block" costs 1 $BLOCK \
    peek "$M/pics/1.raw" 0
check "looking again fetches nothing" costs 0 0 peek "$M/pics/1.raw" 0
check "a first look into the middle fetches one block" costs 1 $BLOCK \
    peek "$M/pics/2.raw" 655360
check "a first look at the end fetches one block" costs 1 $BLOCK \
    peek "$M/pics/3.raw" 1044480
check "whoever reads all of it gets it" costs 800000 1500000 \
    cmp "$M/pics/2.raw" "$R/pics/2.raw"

# Previews.
for i in 4 5 6; do
	check "no preview is made of what is not here" \
	    costs 0 0 fails_with_eacces "$THUMB" "$M/pics/$i.raw"
done
check "one of what is partly here is not made either" \
    costs 0 0 fails_with_eacces "$THUMB" "$M/pics/1.raw"
check "one of what is here is" costs 0 0 cmp -s "$R/pics/2.raw" \
    <("$THUMB" "$M/pics/2.raw")
# Nemo makes itself the preview that its program could not, and copies by a
# thread of the same name.
none_by_nemo() {
	fails_with_eacces "$THUMB" "$1" && fails_with_eacces "$NEMO" "$1"
}
none_after() {
	fails_with_eacces "$THUMB" "$1" && sleep 2.2
}
check "what Nemo copies it gets" sh -c '"$1" "$2" | cmp - "$3"' sh "$NEMO" \
    "$M/pics/14.raw" "$R/pics/14.raw"
check "it is refused after its maker of previews was" \
    costs 0 0 none_by_nemo "$M/pics/15.raw"
check "but only once" sh -c '"$1" "$2" | cmp - "$3"' sh "$NEMO" \
    "$M/pics/15.raw" "$R/pics/15.raw"
check "another file is not meant" sh -c '! "$1" "$2" 2>/dev/null &&
    "$3" "$4" | cmp - "$5"' sh "$THUMB" "$M/pics/16.raw" \
    "$NEMO" "$M/pics/17.raw" "$R/pics/17.raw"
check "and two seconds later all is forgotten" none_after "$M/pics/18.raw"
check "so that it may be copied" sh -c '"$1" "$2" | cmp - "$3"' sh "$NEMO" \
    "$M/pics/18.raw" "$R/pics/18.raw"
check "a program with a name like those is not meant" \
    costs 800000 1500000 "$T/loader" "$M/pics/5.raw"
check "the same program by another name may read" sh -c \
    'cp "$1" "$2/reader" && "$2/reader" "$3" >/dev/null' sh "$THUMB" "$T" \
    "$M/pics/4.raw"
check "and then the preview may be made" sh -c '"$1" "$2" | cmp - "$3"' \
    sh "$THUMB" "$M/pics/4.raw" "$R/pics/4.raw"
check "what is new is here" sh -c 'head -c 300000 "$1" >"$2" && "$3" "$2" |
    cmp -n 300000 - "$1"' sh "$R/pics/1.raw" "$M/pics/new" "$THUMB"

# What file managers remember of a failure.
mkdir -p "$MARKS"
A=$MARKS/$(mark_of "$M/$N") Z=$MARKS/$(mark_of "$M/pics/7.raw")
touch "$A" "$Z"
if command -v gio >/dev/null; then
	check "it is the mark that GLib means" sh -c \
	    'gio info -a thumbnail:: "$1" | grep -q "failed: TRUE"' sh "$M/$N"
else
	skip_part "it is the mark that GLib means" "gio is missing"
fi
check "a part of it is read" peek "$M/$N" 0
sleep 2
check "the mark is there as long as not all is here" test -e "$A"
check "the rest is read" cmp "$M/$N" "$R/$N"
check "the mark goes" until_ok 10 fails test -e "$A"
check "that of another file does not" test -e "$Z"

if command -v gdk-pixbuf-thumbnailer >/dev/null; then
	python3 - "$M/noise.png" <<'PY'
import os, struct, sys, zlib
w = h = 400
raw = b"".join(b"\0" + os.urandom(w * 3) for _ in range(h))
def part(t, d):
    return struct.pack(">I", len(d)) + t + d + struct.pack(">I",
        zlib.crc32(t + d))
open(sys.argv[1], "wb").write(b"\x89PNG\r\n\x1a\n" +
    part(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) +
    part(b"IDAT", zlib.compress(raw)) + part(b"IEND", b""))
PY
	check "the picture is stored" drive_sync
	check "the cache is emptied" drop_all
	refuse "GNOME's own program gets nothing" \
	    gdk-pixbuf-thumbnailer -s 128 "$M/noise.png" "$T/out.png"
	check "the picture is looked at" cat "$M/noise.png" >/dev/null
	check "now GNOME's own program makes a preview" \
	    gdk-pixbuf-thumbnailer -s 128 "$M/noise.png" "$T/out.png"
	check "which is there" test -s "$T/out.png"
else
	skip_part "GNOME's own program" "gdk-pixbuf-thumbnailer is missing"
fi

# What may be fetched unasked.
MOUNT_OPTS=,thumbnails=allow,unasked=3M
check "all of it reaches the store" drive_sync
check "it is unmounted" drive_unmount
check "it is mounted with other settings" drive_mount
check "the cache is emptied" drop_all
for i in 1 2 3; do
	check "a preview may fetch now" costs 800000 1500000 \
	    "$THUMB" "$M/pics/$i.raw"
done
for i in 8 9 10; do
	check "but only so much in a minute" costs 0 0 \
	    fails_with_eacces "$THUMB" "$M/pics/$i.raw"
done
check "what is here it may still read" costs 0 0 "$THUMB" "$M/pics/2.raw"
check "the status tells of it" noted gdk-pixbuf-thum
check "others fetch as they like" costs 2500000 4500000 \
    cat "$M/pics/11.raw" "$M/pics/12.raw" "$M/pics/13.raw"
refused=0
for i in $(seq 4 20); do
	[ -e "$M/pics/$i.raw" ] || continue
	echo 1 >/proc/sys/vm/drop_caches
	"$T/nautilus" if="$M/pics/$i.raw" of="$R/sniff" iflag=noatime bs=4096 \
	    count=1 status=none 2>/dev/null || refused=$((refused + 1))
done
check "a file manager looks into so many files" [ "$refused" -eq 0 ]
MOUNT_OPTS=,unasked=1M
check "it is unmounted" drive_unmount
check "it is mounted with less allowed" drive_mount
check "the cache is emptied" drop_all
for i in $(seq 1 20); do
	"$T/nautilus" if="$M/pics/$i.raw" of="$R/sniff" iflag=noatime bs=4096 \
	    count=1 status=none 2>/dev/null || refused=$((refused + 1))
done
check "after 8 blocks of 128 KiB that is all" [ "$refused" -eq 12 ]
check "the status tells of that, too" noted nautilus
check "it may still copy what the user copies" costs 900000 1500000 \
    "$T/nautilus" if="$M/pics/20.raw" of="$R/copy" bs=65536 status=none
check "and gets the right bytes" cmp "$R/copy" "$R/pics/20.raw"
refuse "a wrong word is refused" "$COFFRE" mount "$NAME" "$T/other" \
    -o thumbnails=maybe

fs_end
