#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A drive that is mounted is mended: what the kernel remembers of it is as the
# drive is.
. "$(dirname "$0")/../lib.sh"

fs_begin
mkdir -p "$M/d/e" && touch "$M/d/gone" "$M/d/stays" "$M/d/e/in" || exit 1
gone=$(stat -c %i "$M/d/gone")
lists() {
	[ "$(cd "$M/d" && echo ./*)" = "$1" ]
}
# The row of an inode goes behind the drive's back.
damage() {
	sqlite3 "$DB" "DELETE FROM inode WHERE ino = $1"
}
DB=$(find "$T/state/coffre/$NAME" -name '*.db' | head -n 1)
need "there is a database" [ -s "$DB" ]
check "it is unmounted" drive_unmount
check "it is damaged" damage "$gone"
need "it is mounted" drive_mount
(cd "$M/d/e" && exec sleep 1000) &
inside=$!
until_ok 20 test "/proc/$inside/cwd" -ef "$M/d/e"
check "a name that leads nowhere is listed" lists "./e ./gone ./stays"
check "and remembered" lists "./e ./gone ./stays"
check "it is mended" "$COFFRE" fsck --repair "$NAME"
check "that name is gone" until_ok 20 lists "./e ./stays"
check "the others are there" test -e "$M/d/e/in"
check "where a program is it stays" [ "$(readlink "/proc/$inside/cwd")" = \
    "$M/d/e" ]
kill "$inside"
check "its name can be had again" touch "$M/d/gone"
check "and is listed" lists "./e ./gone ./stays"
fs_end
