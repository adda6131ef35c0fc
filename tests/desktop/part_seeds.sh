# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# A folder of photos, none of them here, whose previews were made when they
# were written (thumbnails = seed): each file manager finds them, and nothing
# is fetched.

SEEDS=${SEEDS:-60}
PREVIEWS=$HOME_IN/.cache/thumbnails/normal

seeds_made() {
	[ "$(on journalctl -q -o cat _UID="$UID_IN" |
	    grep -c 'seeds: made r=0')" -ge "$SEEDS" ]
}
previews() {
	as find "$PREVIEWS" -name '*.png' | wc -l
}
seeds_shown() {
	[ "$(previews)" -ge "$SEEDS" ]
}
part_seeds() {
	local m n0 n

	set_conf thumbnails seed
	set_conf log_level debug
	check "previews are to be seeded" restart || return
	check "$SEEDS photos are made" \
	    photos_made seeds "$SEEDS" "-seed 7 plasma:red-blue" || return
	check "they are copied to the drive" \
	    as cp -r "$HOME_IN/seeds" "$MNT/seeds"
	check "a preview of each is made" until_ok 120 seeds_made
	check "all of it is stored" drive_sync 300
	for m in $MANAGERS; do
		fm_installed "$m" || { skip_one "$m" "not installed"; continue; }
		as rm -rf "$HOME_IN/.cache/thumbnails"
		check "$m: nothing is kept here" forget || continue
		n0=$(given_out)
		check "$m: it opens the folder" fm_open "$m" "$MNT/seeds"
		check "$m: the previews are where it looks for them" \
		    until_ok 30 seeds_shown
		sleep 5
		n=$(fetched_since "$n0")
		picture "$m-seeds"
		say "$m: $n bytes fetched"
		check "$m: nothing is fetched for them" [ "$n" -le "$NEWS" ]
		fm_close "$m"
	done
	as rm -rf "$MNT/seeds" "$HOME_IN/seeds"
	check "the drive is locked" coffre lock "$NAME"
	check "no preview is left then" [ "$(previews)" -eq 0 ]
	set_conf thumbnails deny
	set_conf log_level info
	check "they are not to be seeded any more" restart
}
