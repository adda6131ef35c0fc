# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Eject, while not all is uploaded: it goes at once, nothing is lost, and the
# user is told how much is left.  And while a program is inside: it is told
# so, and the drive stays.

# What the notification daemon has shown, a line each, the newest first.
notices() {
	as dunstctl close-all
	as dunstctl history | jq -r '.data[0][] |
	    .summary.data + " - " + .body.data | gsub("\n"; " ")'
}
notice_is_shown() {
	[ "$(as dunstctl count displayed)" -gt 0 ]
}
changes_left() {
	notices | sed -nE 's/.* ([0-9]+) changes? (is|are) left.*/\1/p' |
	    head -n 1
}
left_is_told() {
	[ -n "$(changes_left)" ]
}
mounted_again() {
	coffre autostart run "$NAME"
	is_open
}
same_ejected() {
	as sh -c "cd '$MNT/eject' && sha256sum --quiet -c" <<<"$SUMS"
}
# eject_start MANAGER: it shows the drive.
eject_start() {
	check "$1 is started" fm_open "$1" "$HOME_IN" &&
	    check "$1 shows the drive" until_ok 30 fm_has "$1" "$(fm_label "$1")"
}
left_is_at_most() {
	local left

	left=$(status .usage.queued_changes)
	[ "$left" -gt 0 ] && [ "$left" -le "$1" ]
}
eject_pending() {
	local m=$1 t0 n

	set_conf up 100K
	set_conf drain 3
	check "it is mounted with a slow line" restart || return
	as sh -c "mkdir '$MNT/eject' && cd '$MNT/eject' &&
	    for i in 1 2 3 4; do head -c 1000000 /dev/urandom >\$i; done"
	SUMS=$(as sh -c "cd '$MNT/eject' && sha256sum *")
	check "four files are written" [ "$(wc -l <<<"$SUMS")" -eq 4 ]
	check "they are not stored yet" [ "$(queued)" -gt 2000000 ]
	eject_start "$m" || return
	check "$m: a click on eject" fm_eject "$m" "$(fm_label "$m")"
	t0=$(now_ms)
	check "$m: it goes" until_ok 20 fails is_served
	say "gone $(($(now_ms) - t0)) ms after the click"
	# File managers have notices of their own before that.
	check "the daemon ends" until_ok 30 fails is_active
	check "a notice is shown" until_ok 10 notice_is_shown
	picture "$m-eject-notice"
	fm_close "$m"
	until_ok 20 left_is_told
	n=$(changes_left)
	check "which tells how much is left" [ "${n:-0}" -gt 0 ]
	say "$n changes are left"
	set_conf up 1K
	coffre autostart run "$NAME"
	check "it is mounted with a slower line" until_ok 30 is_open
	# The line owes for what goes at once: a pack may have gone by now.
	check "so much is left, and no more" left_is_at_most "$n"
	check "no byte is lost" same_ejected
	set_conf up 0
	set_conf drain 10
	check "it is mounted with a quick line" restart
	check "the rest is uploaded" drive_sync
	check "nothing is kept here" forget
	check "and no byte is lost on the store" same_ejected
}
eject_busy() {
	local m=$1

	as systemd-run --user -q --collect --unit=inside \
	    --working-directory="$MNT/eject" sleep 600
	check "$m: a program is inside" until_ok 10 ctl is-active -q inside
	eject_start "$m" || return
	check "$m: a click on eject" fm_eject "$m" "$(fm_label "$m")"
	check "$m: it says that it is busy" until_ok 30 fm_shows "$m" busy ||
		as look.py "$(fm_program "$m")" dump | head -60
	picture "$m-eject-busy"
	check "$m: the drive is there" is_open
	ctl stop inside
	fm_close "$m"
	# Who was asked for it tries again.
	until_ok 5 fails is_served
	check "$m: and is mounted" until_ok 30 mounted_again
}
part_eject() {
	local m first=

	for m in $MANAGERS; do
		# A bookmark has no eject.
		[ "$m" != dolphin ] || continue
		fm_installed "$m" || { skip_one "$m" "not installed"; continue; }
		[ -n "$first" ] || { first=$m; eject_pending "$m"; }
		eject_busy "$m"
	done
	as rm -rf "$MNT/eject"
}
