#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# File handles, which an NFS server keeps: of what is there they hold when the
# kernel has forgotten it, of what is gone they are stale.
. "$(dirname "$0")/../lib.sh"
fs_begin
TOP_DIR=$M
is_plain || TOP_DIR=$T/mnt
opened() {
	"$PROGS/handle" open "$T/handles" "$TOP_DIR" >"$T/opened"
}
# line N WANTED
line() {
	[ "$(sed -n "$1p" "$T/opened")" = "$2" ]
}
number() {
	stat -c %i "$1"
}

mkdir -p a/b/c gone/below
echo x >a/b/c/file
echo y >gone-file
check "handles are taken" "$PROGS/handle" take "$T/handles" "$TOP_DIR" a a/b \
    a/b/c a/b/c/file gone gone/below gone-file
rm -r gone gone-file
check "a folder moves" mv a/b elsewhere
if ! is_plain; then
	cd "$T" || exit 1
	check "it is unmounted" drive_unmount
	need "and mounted: the kernel knows none of it" drive_mount
fi
check "handles are opened" opened
check "the topmost folder's" line 1 "$(number "$TOP_DIR") $TOP_DIR"
check "a folder's" line 2 "$(number "$M/a") $M/a"
check "one's that has moved" line 3 "$(number "$M/elsewhere") $M/elsewhere"
check "one's below it" line 4 "$(number "$M/elsewhere/c") $M/elsewhere/c"
check "a file's" grep -q "^$(number "$M/elsewhere/c/file") " "$T/opened"
check "of a folder that is gone there is none" line 6 ESTALE
check "nor of one in it" line 7 ESTALE
check "nor of a file" line 8 ESTALE
# While it is open there is one, as on the disk.
echo z >"$M/open"
exec 7<"$M/open"
check "a handle is taken" "$PROGS/handle" take "$T/handles" "$M/open"
rm "$M/open"
check "of what is open it holds without a name" opened
check "it is the same" grep -q "^$(stat -L -c %i /proc/self/fd/7) " \
    "$T/opened"
exec 7<&-
cat "$T/opened"
cd "$M" || exit 1
fs_end
