#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A lock while the disk takes nothing: what was written is not given up for
# it, whether its file is still open or was closed.
. "$(dirname "$0")/../lib.sh"

fs_prepare
COFFRE=$B/tests/tools/coffre_full
export COFFRE_FULL=$T/full
[ -x "$COFFRE" ] || { echo "no $COFFRE"; exit 1; }
gives() {
	local want=$1
	shift
	[ "$("$@" 2>/dev/null)" = "$want" ]
}
refused() {
	"$COFFRE" lock "$@" "$NAME" 2>"$T/err" && return 1
	grep -q 'what was written cannot be kept: No space left' "$T/err"
}

need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M" || exit 1
need "there is what is to be read nowhere" plant

# ---- a file that is open

exec 6>"$M/open"
touch "$T/full"
check "with a full disk a file that is open takes some more" \
    sh -c 'echo one >&6'
check "then the drive is not locked, not even by force" refused --force
check "it is open" is_open
check "with what was written" gives one cat "$M/open"
rm "$T/full"
check "with room again the file can be written" sh -c 'echo two >&6'
check "and the drive be locked" "$COFFRE" lock --force "$NAME"
check "it is locked" is_locked
exec 6>&-
need "it is unlocked" coffre unlock "$NAME"
check "all of it is there" gives 'one
two' cat "$M/open"

# ---- one that was closed

exec 6>"$M/closed"
touch "$T/full"
echo three >&6
exec 6>&-
check "what could not be kept when it was closed is in the way, too" refused
check "it is open" is_open
rm "$T/full"
check "with room again it is locked" "$COFFRE" lock "$NAME"
need "it is unlocked" coffre unlock "$NAME"
check "that is there as well" gives three cat "$M/closed"

fs_end
