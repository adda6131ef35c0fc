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
# What is started here is not in the way of the end.
cd "$T" || exit 1
. "$TOP/tests/fs/bus.sh"
bus_need
HOST=
end_all() {
	[ -z "$HOST" ] || kill "$HOST" 2>/dev/null
	bus_end
	fs_cleanup
}
trap end_all EXIT
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
need "a bus is there" bus_start
need "a notification daemon is there" double_start notify
mkfifo "$T/host.in"

echo x >"$T/outside"
echo x >"$M/with blank and %"
mkdir "$M/folder"
echo x >"$M/folder/file"
ln -s nowhere "$M/link"
echo x >"$M/plan (conflict laptop 4f2a).odt"
echo x >"$T/plan (conflict laptop 4f2a).odt"
check "all of it is stored" drive_sync

mkdir "$T/fails"
printf '#!/bin/sh\necho "coffre: no room: ${0##*/} is full" >&2\nexit 74\n' \
    >"$T/fails/coffre"
chmod 755 "$T/fails/coffre"
# How many files each got, behind "pin --".
mkdir "$T/counts.bin"
printf '#!/bin/sh\necho $(($# - 2)) >>"%s"\n' "$T/counts" \
    >"$T/counts.bin/coffre"
chmod 755 "$T/counts.bin/coffre"
counts_are() {
	[ "$(xargs <"$T/counts" 2>/dev/null)" = "$1" ]
}
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
show_many() {
	"$B/extensions/host-$1" "$2" "$M/many-$1"/* + >"$T/$1.many"
}
for so in "$B"/extensions/libcoffre-*.so; do
	m=${so##*/libcoffre-}
	m=${m%.so}
	echo new >"$M/new-$m"
	check "$m: it shows files" into "$T/$m.out" \
	    "$B/extensions/host-$m" "$so" \
	    "$M/new-$m" + "$T/outside" "$M/folder" "$M/link" \
	    "$M/with blank and %" "$M/plan (conflict laptop 4f2a).odt" \
	    "$T/plan (conflict laptop 4f2a).odt"
	cat >"$T/$m.want" <<-END
	file://$M/new-$m: emblem-important
	file://$M/new-$m: emblem-default
	file://$T/outside: -
	file://$M/folder: -
	file://$M/link: -
	file://$M/with%20blank%20and%20%25: emblem-default
	file://$M/plan%20(conflict%20laptop%204f2a).odt: emblem-default,dialog-warning
	file://$T/plan%20(conflict%20laptop%204f2a).odt: -
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

	# A command that fails says so.
	: >"$T/notify"
	PATH=$T/fails:$PATH "$B/extensions/host-$m" "$so" "$M/folder" \
	    "=Keep on This Computer" <>"$T/host.in" >/dev/null 8>&- &
	HOST=$!
	check "$m: what a command of the menu cannot do is shown" until_ok 20 \
	    noted notify "summary=That did not work body=no room: coffre is full$"
	kill $HOST
	HOST=

	# A driver that does not answer.
	kill -STOP "$MPID"
	timeout 60 "$B/extensions/host-$m" "$so" "~$M/new-$m" \
	    "~$M/folder/file" >"$T/$m.beats" 8>&-
	kill -CONT "$MPID"
	check "$m: while the drive does not answer the windows do" \
	    grep -qx 'beats: 20' "$T/$m.beats"

	# More than are looked at in one go.
	mkdir "$M/many-$m"
	for i in $(seq 1000 2100); do
		echo x >"$M/many-$m/$i"
	done
	check "$m: it shows many" show_many "$m" "$so"
	check "$m: the last of them, too, is looked at again" \
	    [ "$(grep "many-$m/2100:" "$T/$m.many" | sed -n '$s/.*: //p')" = \
	    emblem-default ]

	# And than a command takes in one go.
	rm -f "$T/counts"
	PATH=$T/counts.bin:$PATH "$B/extensions/host-$m" "$so" "$M/many-$m"/* \
	    "=Keep on This Computer" <>"$T/host.in" >/dev/null 8>&- &
	HOST=$!
	check "$m: a command of the menu is given all, in portions" \
	    until_ok 20 counts_are "500 500 101"
	kill $HOST
	HOST=
done
words() {
	LANGUAGE=$1 "$B/extensions/words" "$2"
}
check "a state is told in the language of the user" \
    [ "$(words fr "stored, on 1 of 2 stores for certain")" = \
    "sur le dépôt, avec certitude sur 1 des 2 dépôts" ]
check "so is where it is" \
    [ "$(words fr "stored, on 2 of 2 stores")" = \
    "sur le dépôt, sur 2 des 2 dépôts" ]
check "and where not yet" \
    [ "$(words fr "perhaps not yet on s3://h/b")" = \
    "peut-être pas encore sur s3://h/b" ]
check "every part of it" \
    [ "$(words fr "stored, pinned, 40% here")" = \
    "sur le dépôt, épinglé, 40% ici" ]
check "or as it is" [ "$(words C "stored, pinned")" = "stored, pinned" ]
fs_end
