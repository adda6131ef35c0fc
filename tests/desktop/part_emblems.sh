# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Marks that are asked for, where no extension makes them: Thunar shows the
# emblems that GVfs keeps.  What it does with them is in the picture.

EMBLEMS=/usr/lib/coffre/coffre-emblems

# has_emblems FILE WANTED: as gio tells them.
has_emblems() {
	[ "$(as gio info -a metadata::emblems "$MNT/emblems/$1" |
	    sed -n 's/^ *metadata::emblems: //p')" = "$2" ]
}
part_emblems() {
	local d=$MNT/emblems

	as sh -c "mkdir '$d' && echo x >'$d/a.odt' && echo x >'$d/b.odt'"
	check "two files are stored" drive_sync
	set_conf quiet 600
	check "what is written stays here for long" restart || return
	as sh -c "echo new >'$d/new one.odt'"
	as gio set -t stringv "$d/b.odt" metadata::emblems emblem-favorite
	check "marks are set" as "$EMBLEMS" "$d"
	check "one on what is stored" has_emblems a.odt '[emblem-default]'
	check "beside what a file had" \
	    has_emblems b.odt '[emblem-favorite, emblem-default]'
	check "another on what is only here" \
	    has_emblems 'new one.odt' '[emblem-important]'
	if fm_installed thunar; then
		check "thunar shows them" fm_open thunar "$d"
		until_ok 30 fm_shows thunar 'Free space'
		sleep 1
		picture thunar-emblems
		fm_close thunar
	fi
	check "all is stored" drive_sync
	check "marks are set again" as "$EMBLEMS" "$d"
	check "they are those of now" \
	    has_emblems 'new one.odt' '[emblem-default]'
	check "they are taken away" as "$EMBLEMS" --clear "$d"
	check "all of them" has_emblems a.odt ''
	check "but none of the user's" has_emblems b.odt '[emblem-favorite]'
	refuse "a file is no folder" as "$EMBLEMS" "$d/a.odt"
	as rm -r "$d"
	set_conf quiet 2
	check "what is written goes up soon" restart
}
