#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Copies of a real tree with cp, rsync and tar equal the original.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin

# Some of the system's files, and with them what a home has besides.
make_tree() {
	mkdir "$R/tree" && cd "$R/tree" || return 1
	cp -a /usr/include/linux /usr/include/openssl . || return 1
	echo "$MARK in a file" >"a $MARK file"
	ln "a $MARK file" "second name"
	ln -s "../outside/$MARK" dangling
	mkdir -p empty/folder "Bilder und Ähnliches"
	mkfifo pipe
	truncate -s 10M sparse
	printf x | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
	head -c 3000000 /dev/urandom >random
	setfattr -n user.note -v "$MARK" random
	chown 12:34 sparse
	setfacl -m u:65534:r,g:12:rw random
	chmod 4751 random
	# rsync leaves a time of the same second as it is.
	touch -h -d '1999-12-31 23:59:59.123456789' random sparse empty pipe \
	    dangling "a $MARK file" empty/folder Bilder* .
	cd "$M" || return 1
}

nothing_to_do() {
	local n
	n=$(rsync -aHAXi --stats "$R/tree/" rsync/ | grep -c '^[<>ch*.]')
	[ "$n" -eq 0 ]
}

same_find() {
	(cd "$1" && find . -printf '%p %y %l %s\n' | grep -v ' d  ' | sort) \
	    >"$T/find.a"
	(cd "$2" && find . -printf '%p %y %l %s\n' | grep -v ' d  ' | sort) \
	    >"$T/find.b"
	cmp "$T/find.a" "$T/find.b"
}

same_du() {
	[ "$(du -s --apparent-size --exclude=. "$1"/random | cut -f1)" = \
	    "$(du -s --apparent-size "$2"/random | cut -f1)" ] &&
	    [ "$(du -sk "$2"/sparse | cut -f1)" -lt 2048 ]
}

need "a tree is made on the local disk" make_tree
check "cp -a succeeds" cp -a "$R/tree" cp
check "cp -a kept all of it" same "$R/tree" "$M/cp"
check "rsync -aHAX succeeds" rsync -aHAX "$R/tree/" rsync/
check "rsync kept all of it" same "$R/tree" "$M/rsync"
check "a second rsync has nothing to do" nothing_to_do
tar -C "$R" --xattrs --acls -cf "$T/tree.tar" tree 2>/dev/null
mkdir tar
check "tar unpacks" tar -C tar --xattrs --acls --xattrs-include='user.*' \
    -xpf "$T/tree.tar"
check "tar kept all of it" same "$R/tree" "$M/tar/tree"
check "tar packs what it unpacked" tar -C tar -cf "$T/again.tar" tree
check "find shows the same" same_find "$R/tree" "$M/cp"
check "du counts holes as nothing" same_du "$R/tree" "$M/cp"
check "a copy inside the mount succeeds" cp -a cp inside
check "the copy inside is the same" same "$R/tree" "$M/inside"
check "rm -rf takes a copy away" rm -rf tar
check "nothing of it is left" test ! -e tar

fs_end
