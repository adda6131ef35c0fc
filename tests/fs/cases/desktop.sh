#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What file managers ask of the root of a drive: its name and icon, and the
# files of desktops, which are as ordinary as others where a user has them.
. "$(dirname "$0")/../lib.sh"
TITLE='Caf\é of Anna'
MOUNT_OPTS=",title=Caf\\\\é of Anna,icon=folder-locked"
fs_begin
I=$T/mnt/.xdg-volume-info

info_is() {
	python3 - "$I" "$TITLE" <<'PY'
import configparser, sys
c = configparser.RawConfigParser()
c.optionxform = str
c.read(sys.argv[1], encoding="utf-8")
v = dict(c["Volume Info"])
v["Name"] = v["Name"].replace("\\\\", "\\")
sys.exit(v != {"Name": sys.argv[2], "Icon": "folder-locked"} and str(v))
PY
}
listed() {
	find "$T/mnt" -maxdepth 1 | grep -q "xdg-volume-info"
}
changes() {
	sed -n 's/.*"queued_changes":\([0-9]*\).*/\1/p' <<<"$(
	    "$COFFRE" status --json "$NAME")"
}
by_fd() {
	python3 - "$I" <<'PY'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
n = os.fstat(f).st_size
os.fsync(f)
assert len(os.read(f, 4096)) == n and os.read(f, 10) == b""
assert os.lseek(f, 0, os.SEEK_HOLE) == n
assert os.lseek(f, 3, os.SEEK_DATA) == 3
assert os.listxattr(f) == []
PY
}

check "everything is stored so far" drive_sync
check "file managers find a name and an icon" info_is
check "by all calls that read" by_fd
check "a copy has the same bytes" sh -c 'cp "$1" "$2" && cmp "$1" "$2"' \
    sh "$I" "$R/info"
check "and so has one on the drive" sh -c 'cp "$1" "$2" && cmp "$1" "$2"' \
    sh "$I" "$M/info"
rm "$M/info"
refuse "no listing shows it" listed
check "what was copied is stored" drive_sync
stat "$I" >/dev/null
check "looking at it changes nothing" [ "$(changes)" -eq 0 ]
refuse "it cannot be deleted" rm -f "$I"
refuse "nor moved" mv "$I" "$M/moved"
refuse "nor linked" ln "$I" "$M/linked"
refuse "nor made anew" mkdir "$I"

# A user's own wins, however it is made.
check "appending to it makes it a real one" sh -c 'echo "# mine" >>"$1"' \
    sh "$I"
check "it is in the listing now" listed
check "and has what was there, and what was added" \
    sh -c 'sed "\$d" "$1" | cmp - "$2" && [ "$(tail -n 1 "$1")" = "# mine" ]' \
    sh "$I" "$R/info"
check "the real one can be deleted" rm "$I"
refuse "and is in no listing then" listed
check "the other shows again" info_is
check "a file is renamed to it" sh -c 'echo own >"$1" && mv "$1" "$2"' \
    sh "$M/own" "$I"
check "and is what is read" [ "$(cat "$I")" = own ]
check "it can be renamed away" mv "$I" "$M/was"
check "the other shows again after that" info_is
check "its times can be set" touch -d @1000000000 "$I"
check "which makes it real" [ "$(stat -c %Y "$I")" -eq 1000000000 ]
check "it can be written over" sh -c 'echo over >"$1"' sh "$I"
check "and is what was written" [ "$(cat "$I")" = over ]
check "the own one is deleted" rm "$I"
check "an attribute makes it real, too" setfattr -n user.a -v b "$I"
check "and is kept" [ "$(getfattr --only-values -n user.a "$I")" = b ]
check "that one is deleted" rm "$I"

# What desktops ask for and is mostly not there.
for n in .Trash .Trash-0 .hidden .directory autorun.inf BDMV .sh_thumbnails; do
	refuse "there is no $n" test -e "$T/mnt/$n"
	refuse "there still is none" test -e "$T/mnt/$n"
	echo 2 >/proc/sys/vm/drop_caches
	refuse "nor when the kernel has forgotten" test -e "$T/mnt/$n"
	check "a folder $n is made" mkdir "$T/mnt/$n"
	check "and is there" test -d "$T/mnt/$n"
	echo 2 >/proc/sys/vm/drop_caches
	check "also when the kernel has forgotten" test -d "$T/mnt/$n"
	check "it is removed" rmdir "$T/mnt/$n"
	refuse "and gone" test -e "$T/mnt/$n"
	echo x >"$M/x"
	check "a file is renamed to $n" mv "$M/x" "$T/mnt/$n"
	echo 2 >/proc/sys/vm/drop_caches
	check "and is there" test -f "$T/mnt/$n"
	check "it is deleted" rm "$T/mnt/$n"
	check "a link $n is made" ln -s nowhere "$T/mnt/$n"
	echo 2 >/proc/sys/vm/drop_caches
	check "and is there" test -L "$T/mnt/$n"
	rm "$T/mnt/$n"
done
mkdir "$T/mnt/.Trash" && echo 2 >/proc/sys/vm/drop_caches
check "a folder .Trash outlives a mount" drive_unmount
check "it is mounted again" drive_mount
check "and there it is" test -d "$T/mnt/.Trash"
rmdir "$T/mnt/.Trash"

# A desktop's bin, by GLib, which all file managers but Dolphin use.
if command -v gio >/dev/null; then
	cd "$M" || exit 1
	echo "$MARK" >"letter $MARK"
	check "a desktop throws a file away" gio trash "$M/letter $MARK"
	refuse "it is gone from its folder" test -e "$M/letter $MARK"
	check "and lies in the drive's own bin" \
	    [ "$(cat "$T/mnt/.Trash-$(id -u)/files/letter $MARK")" = "$MARK" ]
	check "which knows where it was" grep -q "^Path=.*letter" \
	    "$T/mnt/.Trash-$(id -u)/info/letter $MARK.trashinfo"
	check "the bin is emptied" rm -r "$T/mnt/.Trash-$(id -u)"
else
	skip_part "a desktop throws a file away" "gio is missing"
fi

check "df tells whose it is" [ "$(findmnt -no SOURCE,FSTYPE "$T/mnt")" = \
    "coffre#$NAME fuse.coffre" ]

fs_end
