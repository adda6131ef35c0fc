#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Names, links and renames as POSIX and Linux want them.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin
"$PROGS/posix_names" >"$T/out" 2>&1
cat "$T/out"
posix_count "$T/out"

# The upper layer of an overlay: what is renamed or removed leaves whiteouts.
mkdir up work "$R/low" "$R/low/d" "$T/merged"
for i in f g d/x; do
	echo "$i below" >"$R/low/$i"
done
if grep -qw overlay /proc/filesystems && ! is_plain; then
	need "an overlay is mounted" mount -t overlay overlay "$T/merged" -o \
	    "lowerdir=$R/low,upperdir=$M/up,workdir=$M/work"
	cd "$T/merged" || exit 1
	check "a file below is renamed" mv f f2
	check "it is there" grep -q "f below" f2
	check "and not under its old name" test ! -e f
	check "another is removed" rm g
	check "a folder is removed" rm -r d
	check "and made anew" mkdir d
	check "with nothing in it" test -z "$(ls d)"
	check "what is new takes the place of a whiteout" \
	    sh -c 'echo new >f && grep -q new f'
	cd "$M" || exit 1
	check "the overlay is unmounted" umount "$T/merged"
elif ! is_plain; then
	skip_part "the upper layer of an overlay" "the kernel has no overlay"
fi
fs_end
