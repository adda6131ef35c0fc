# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A folder of photos, none of them here, is opened: how much is fetched?

LOOK_S=${LOOK_S:-60}
AT_MOST=20000000
# What asking the store for news takes meanwhile.
NEWS=65536

# photos_made FOLDER N WHAT: of what ImageMagick makes of that.
photos_made() {
	on sh -c "convert -size 1000x750 $3 -quality 60 /tmp/photo.jpg &&
	    photos.py /tmp/photo.jpg '$HOME_IN/$1' $2 430000 &&
	    chown -R alice: '$HOME_IN/$1'"
}
fetched_since() {
	echo $(($(given_out) - $1))
}
part_photos() {
	local m n0 n

	check "$PHOTOS photos are made" \
	    photos_made photos "$PHOTOS" "xc: +noise Random" || return
	check "they are copied to the drive" \
	    as cp -r "$HOME_IN/photos" "$MNT/photos"
	check "and stored" drive_sync 590 || return
	say "$(as du -sh --apparent-size "$MNT/photos" | cut -f1) of photos"
	for m in $MANAGERS; do
		fm_installed "$m" || { skip_one "$m" "not installed"; continue; }
		check "$m: nothing is kept here" forget || continue
		as rm -rf "$HOME_IN/.cache/thumbnails"
		n0=$(given_out)
		check "$m: it opens the folder" fm_open "$m" "$MNT/photos"
		sleep $((LOOK_S / 3))
		check "$m: the window answers" as look.py "$(fm_program "$m")" answers
		sleep $((LOOK_S * 2 / 3))
		n=$(fetched_since "$n0")
		picture "$m-photos"
		say "$m: $n bytes fetched in $LOOK_S s"
		check "$m: at most 20 MB are fetched" [ "$n" -le $AT_MOST ]
		fm_close "$m"
		n0=$(given_out)
		check "$m: it opens the folder again" fm_open "$m" "$MNT/photos"
		sleep $((LOOK_S / 3))
		n=$(fetched_since "$n0")
		say "$m: $n bytes fetched the second time"
		check "$m: nothing is fetched again" [ "$n" -le $NEWS ]
		fm_close "$m"
	done
	as rm -rf "$MNT/photos" "$HOME_IN/photos"
}
