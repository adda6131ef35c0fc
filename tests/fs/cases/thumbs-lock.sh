#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Seeded previews and the end of a mount: whatever their makers and the user's
# cache have to do with the drive, it is locked; and what a crash has left in
# clear goes at the next mount, whatever that is like.
#
# In a mount namespace of its own: there is a program that makes previews.
[ -n "${IN_NAMESPACE:-}" ] || ! unshare -m true 2>/dev/null ||
    exec env IN_NAMESPACE=1 unshare -m "$0" "$@"
. "$(dirname "$0")/../lib.sh"

[ -z "${IN_NAMESPACE:-}" ] || let_go_of_mounts
fs_prepare
[ -n "${IN_NAMESPACE:-}" ] || skip "needs a mount namespace"
PICTURES=$XDG_CACHE_HOME/thumbnails/normal
mkdir -p "$PICTURES"

lock() {
	timeout -k 1 60 "$COFFRE" lock "$NAME"
}
# One that lies there since an hour ago, of a file at that path.
leave() {
	python3 - "$PICTURES" "$1" <<'PY'
import hashlib, os, struct, sys, time, zlib
uri = "file://" + sys.argv[2]
def chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)
path = "%s/%s.png" % (sys.argv[1], hashlib.md5(uri.encode()).hexdigest())
with open(path, "wb") as f:
    f.write(b"\x89PNG\r\n\x1a\n")
    f.write(chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)))
    for text in "Software\0Coffre", "Thumb::MTime\0001", "Thumb::URI\0" + uri:
        f.write(chunk(b"tEXt", text.encode()))
    f.write(chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b""))
os.utime(path, (time.time() - 3600, time.time() - 3600))
PY
}
left() {
	[ "$(find "$PICTURES" -type f | wc -l)" -eq "$1" ]
}
asks() {
	pgrep -f "^/bin/sh -c .*$T/mnt/ask" >/dev/null
}
# mount_at FOLDER MORE...
mount_at() {
	mkdir -p "$1" || return 1
	setsid "$COFFRE" mount "$NAME" "$1" -f "${@:2}" </dev/null \
	    >>"$T/daemon.log" 2>&1 8>&- &
	MPID=$!
	until_ok 30 grep -q " $1 fuse" /proc/self/mounts
}

# ---- what makes them asks the drive, all the time

mkdir "$T/share" && mount --bind "$T/share" /usr/local/share &&
    mkdir /usr/local/share/thumbnailers || exit 1
cat >/usr/local/share/thumbnailers/all.thumbnailer <<EOF
[Thumbnailer Entry]
MimeType=image/jxl;
Exec=/bin/sh -c "while :; do i=\$((i+1)); [ -e $T/mnt/ask\$i ]; done" sh %i %o
EOF
MOUNT_OPTS=,thumbnails=seed,log_level=debug
need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M" || exit 1
picture() {
	{ printf '\0\0\0\fJXL \r\n\207\n'; head -c 300000 /dev/urandom; } >"$1"
}
check "a picture is written" picture "$M/a.jxl"
check "a program is to make a preview" until_ok 60 asks
sleep 1
check "it is locked" lock
check "that program has ended" fails asks
check "it is unlocked" coffre unlock "$NAME"
check "the picture is touched" touch "$M/a.jxl"
check "its preview is to be made again" until_ok 60 asks

# ---- the cache comes to lie on the drive

mv "$XDG_CACHE_HOME/thumbnails" "$M/t" &&
    ln -s "$M/t" "$XDG_CACHE_HOME/thumbnails" || exit 1
check "it is locked with the cache on it" lock
rm "$XDG_CACHE_HOME/thumbnails" && mkdir -p "$PICTURES" || exit 1
check "it is unlocked" coffre unlock "$NAME"
mount --bind "$M/t" "$XDG_CACHE_HOME/thumbnails" || exit 1
check "it is locked with the cache on it by a mount" lock
check "it is unlocked" coffre unlock "$NAME"
umount "$XDG_CACHE_HOME/thumbnails"
leave "$M/a.jxl"
check "it is locked with the cache elsewhere" lock
check "that leaves nothing there" left 0
check "it is unlocked" coffre unlock "$NAME"

# ---- a crash

check "the daemon is killed" drive_kill
umount -l "$T/mnt"
leave "$M/a.jxl"
leave "$T/elsewhere/a.jxl"
MOUNT_OPTS=
need "it is mounted without previews" drive_mount
check "those of the drive go" until_ok 20 left 1
check "it is unmounted" drive_unmount
leave "$M/a.jxl"
need "it is mounted locked" mount_at "$T/mnt" --locked
check "they go as well" until_ok 20 left 1
check "the daemon is killed" drive_kill
leave "$M/a.jxl"
need "it is mounted in another place" mount_at "$T/other" --locked
check "they go from there, too" until_ok 20 left 1
check "it is unmounted" drive_unmount
umount -l "$T/mnt"
need "it is mounted" drive_mount
cd "$M" || exit 1
fs_end
