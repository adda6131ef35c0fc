#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The machine is lost: the store and the recovery words bring all of it back.
# Also over: webdav, sftp, s3, swift
. "$(dirname "$0")/../lib.sh"
fs_begin

make_tree() {
	cp -a /usr/include/linux sys && cp -a /usr/include/openssl ssl &&
	    mkdir "d $MARK" e e/e &&
	    head -c 20000000 /dev/urandom >big &&
	    truncate -s 50M sparse && echo x | dd of=sparse bs=1 \
	    seek=30000000 conv=notrunc status=none &&
	    ln big "e/hard link" && ln -s "to/$MARK" link && mkfifo fifo &&
	    echo "$MARK" >"d $MARK/$MARK" &&
	    setfattr -n user.a -v "$MARK" big &&
	    setfacl -m "u:$NOBODY:r" big && chown 12:13 sys/stat.h &&
	    chmod 2775 e && chmod 600 "d $MARK/$MARK" && : >empty &&
	    printf 'tiny' >tiny &&
	    touch -d '2001-02-03 04:05:06.789012345' big e fifo &&
	    touch -h -d '2002-02-03 04:05:06.1' link
}
change_tree() {
	rm -r ssl && mv sys/in.h moved && echo more >>tiny &&
	    printf X | dd of=big bs=1 seek=9000000 conv=notrunc status=none &&
	    truncate -s 40M sparse && mkdir -p a/b/c && mv e a/b/c/ &&
	    setfattr -x user.a big && setfattr -n user.b -v 2 moved &&
	    rm fifo && mkfifo fifo2
}
recover_wrongly() {
	tr 'a-y' 'b-z' <"$T/recovery" >"$T/wrong"
	coffre recover --store "dir:$T/store" --recovery-file "$T/wrong" \
	    wrongdrive
}
remote_fsck() {
	drive_fsck --remote
}

is_kept() {
	find "$T/store" -type f -path "$T/store/$1/*" | grep -q .
}

need "a tree is made" make_tree
check "it reaches the store" drive_sync 300
check "it is changed" change_tree
check "that reaches the store too" drive_sync 300
cd "$T" || exit 1
dump "$M" >"$T/dump.old"
need "it is unmounted" drive_unmount
check "nothing is readable at rest" nothing_readable
check "fsck --remote finds nothing" remote_fsck
# What only a recovery reads.
if [ -z "$APACHE$CLOUD$SFTP" ]; then
	for what in u 'r/*/k'; do
		find "$T/store" -type f -path "$T/store/$what/*" -delete
		refuse "fsck --remote misses what is gone of $what" remote_fsck
		check "so does a scrub" grep -q "no recovery key opens" \
		    <(coffre scrub "$NAME" 2>&1)
		need "it is mounted" drive_mount
		check "and puts that back" until_ok 20 is_kept "$what"
		need "it is unmounted" drive_unmount
		check "fsck --remote finds nothing then" remote_fsck
	done
fi
need "the machine is lost" lose_machine
if [ -z "$APACHE$CLOUD$SFTP" ]; then
	refuse "wrong words are refused" recover_wrongly
fi
need "the drive is recovered" on_store recover
need "it is mounted" drive_mount
dump "$M" >"$T/dump.new"
check "the tree is what it was" diff -u "$T/dump.old" "$T/dump.new"
check "it can be written to" sh -c 'echo new >"$1/after recovery"' sh "$M"
check "and that reaches the store" drive_sync

# And again, with journals of two devices now.
dump "$M" >"$T/dump.old"
need "it is unmounted" drive_unmount
rm -rf "$T/old.state" "$T/old.config"
need "the second machine is lost" lose_machine
need "the drive is recovered again" on_store recover
need "it is mounted" drive_mount
dump "$M" >"$T/dump.new"
check "the tree is what it was" diff -u "$T/dump.old" "$T/dump.new"
rm -rf "$T/old.state" "$T/old.config"

fs_end
