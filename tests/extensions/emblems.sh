#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What the extensions for file managers show of a file: nothing where there is
# no drive; then only here, on its way, stored, as it goes on.  A program of a
# few lines stands in for each file manager (host.c).
. "$(dirname "$0")/../fs/lib.sh"
# Long enough for a loaded machine to look before it goes.
MOUNT_OPTS=,quiet=20
COFFRE_TEST_STORE=dir
is_plain && skip "is about the daemon, not about POSIX"
ls "$B"/extensions/libcoffre-*.so >/dev/null 2>&1 ||
	skip "no extension is built: the -dev packages of Nautilus, Caja and" \
	    "Nemo are missing"
fs_begin

echo x >"$T/outside"
echo x >"$M/with blank and %"
mkdir "$M/folder"
echo x >"$M/folder/file"
ln -s nowhere "$M/link"
check "all of it is stored" drive_sync

into() {
	local out=$1
	shift
	"$@" >"$out"
}
menu_is() {
	local so=$1 want=$2 m
	shift 2
	m=${so##*/libcoffre-}
	[ "$("$B/extensions/host-${m%.so}" "$so" "$@" |
	    sed -n 's/^menu: //p' | tr '\n' ':')" = "$want" ]
}
for so in "$B"/extensions/libcoffre-*.so; do
	m=${so##*/libcoffre-}
	m=${m%.so}
	echo new >"$M/new-$m"
	check "$m: it shows files" into "$T/$m.out" \
	    "$B/extensions/host-$m" "$so" \
	    "$M/new-$m" + "$T/outside" "$M/folder" "$M/link" \
	    "$M/with blank and %"
	cat >"$T/$m.want" <<-END
	file://$M/new-$m: emblem-important
	file://$M/new-$m: emblem-default
	file://$T/outside: -
	file://$M/folder: -
	file://$M/link: -
	file://$M/with%20blank%20and%20%25: emblem-default
	menu: Copy Status
	END
	# It may be seen on its way in between.
	check "$m: each has the mark of its state, and of the next one" \
	    diff "$T/$m.want" <(grep -v emblem-synchronizing "$T/$m.out")
	check "$m: where no file is on a drive there is no menu" \
	    diff <(echo "file://$T/outside: -") \
	    <("$B/extensions/host-$m" "$so" "$T/outside")
	check "$m: what is on a drive can be kept here, or let go of" \
	    menu_is "$so" "Keep on This Computer:Free Up Space:" "$M/folder"
	export LANGUAGE=fr
	check "$m: in the language of the user" menu_is "$so" \
	    "Garder sur cet ordinateur:Libérer de l'espace:" "$M/folder"
	unset LANGUAGE
	check "$m: a folder is pinned" "$COFFRE" pin "$M/folder"
	check "$m: then it can be kept no longer" \
	    menu_is "$so" "Do Not Keep on This Computer:" "$M/folder"
	check "$m: but not what is inside" \
	    menu_is "$so" "Copy Status:" "$M/folder/file"
	check "$m: it is unpinned" "$COFFRE" unpin "$M/folder"
done
fs_end
