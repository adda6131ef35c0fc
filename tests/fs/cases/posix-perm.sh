#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Owner, group, others, supplementary groups, ACLs, sticky and setgid folders,
# errors, limits and times: every line as the local disk says it.
. "$(dirname "$0")/../lib.sh"
fs_begin
mkdir "$R/perm"
chmod 755 "$T" "$R" "$R/perm" "$M"
is_plain || chmod 755 "$T/mnt"

# agrees PROGRAM [ARGUMENT]: what it says in both places, line by line.
agrees() {
	local name=$1-${2:-all}
	mkdir "$R/perm/$name" "$M/$name"
	(cd "$R/perm/$name" && "$PROGS/$1" "${@:2}") >"$T/$name.disk" || return 1
	(cd "$M/$name" && "$PROGS/$1" "${@:2}") >"$T/$name.mount" || return 1
	say "$name: $(wc -l <"$T/$name.disk") lines"
	if [ -s "$T/$name.disk" ] && cmp -s "$T/$name.disk" "$T/$name.mount"
	then
		return 0
	fi
	diff "$T/$name.disk" "$T/$name.mount" | head -n 60
	say "$(diff "$T/$name.disk" "$T/$name.mount" | grep -c '^>') differ"
	return 1
}

check "on files everybody may do what they may on the disk" \
    agrees posix_perm files
check "in folders too" agrees posix_perm dirs
check "errors, limits and times are those of the disk" agrees posix_errno
fs_end
