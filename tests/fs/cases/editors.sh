#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The ways in which programs save: every one ends with the new content.
# Also over: webdav
. "$(dirname "$0")/../lib.sh"
fs_begin

# vim: the old file becomes the backup, a new one is written, backup goes.
vim_way() {
	mv doc doc~ && echo "$1" >doc && chmod --reference=doc~ doc &&
	    rm doc~ && [ "$(cat doc)" = "$1" ]
}
# gedit, sed -i and many others: temporary file, fsync, rename over.
atomic_way() {
	echo "$1" >.doc.tmp && sync .doc.tmp && mv .doc.tmp doc &&
	    [ "$(cat doc)" = "$1" ]
}
# nano and shells: truncate and write in place.
truncate_way() {
	echo "$1" >doc && [ "$(cat doc)" = "$1" ]
}
# emacs: a lock that is a dangling symlink, backup by rename, new file.
emacs_way() {
	ln -s "user@host.1234:99" ".#doc" && cp -p doc 'doc~' &&
	    echo "$1" >doc && rm ".#doc" && [ "$(cat doc)" = "$1" ]
}
# LibreOffice: a lock file beside it, the new one written elsewhere, moved.
office_way() {
	echo "lock $MARK" >'.~lock.doc#' && echo "$1" >lu123.tmp &&
	    mv lu123.tmp doc && rm '.~lock.doc#' && [ "$(cat doc)" = "$1" ]
}
# Word-like: exchange by three renames.
word_way() {
	echo "$1" >'~new' && mv doc '~old' && mv '~new' doc && rm '~old' &&
	    [ "$(cat doc)" = "$1" ]
}
# A hard-linked backup, as vim does with backupcopy and links.
link_way() {
	ln doc doc.bak && echo "$1" >doc.new && mv doc.new doc &&
	    [ "$(cat doc)" = "$1" ] && rm doc.bak
}
many_saves() {
	local i
	for i in $(seq 100); do
		atomic_way "save $i" || return 1
	done
}
log_way() {
	local i
	for i in $(seq 200); do
		echo "entry $i" >>log || return 1
	done
	[ "$(wc -l <log)" -eq 200 ] && [ "$(tail -n1 log)" = "entry 200" ]
}
only_doc() {
	[ "$(echo .[!.]* *)" = '.[!.]* doc doc~ log' ]
}

echo "first" >doc
check "rename away, write new" vim_way "by vim $MARK"
check "write beside, rename over" atomic_way "by gedit"
check "truncate and write" truncate_way "by nano"
check "lock by symlink, copy, write" emacs_way "by emacs"
check "lock file, write, move" office_way "by office"
check "three renames" word_way "by word"
check "hard link as a backup" link_way "by link"
check "sed -i edits in place" sed -i 's/by/BY/' doc
check "and the content is right" grep -qx 'BY link' doc
check "a hundred saves in a row" many_saves
check "a log grows by appending" log_way
check "no temporary file is left" only_doc

fs_end
