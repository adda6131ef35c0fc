# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# The drive in the sidebar of each file manager, by its name.

# What each is called by AT-SPI, and what shows the drive there.
fm_program() {
	case $1 in
	nautilus) echo org.gnome.Nautilus ;;
	*) echo "$1" ;;
	esac
}
fm_label() {
	case $1 in
	thunar) basename "$MNT" ;;
	*) echo "$TITLE" ;;
	esac
}
fm_open() {
	case $1 in
	caja|nemo) app_start "fm-$1" "$1" --no-desktop "$2" ;;
	nautilus) app_start "fm-$1" nautilus --new-window "$2" ;;
	*) app_start "fm-$1" "$1" "$2" ;;
	esac
}
fm_has() {
	as look.py "$(fm_program "$1")" has "$2"
}
# Is there something with that in its name?
fm_shows() {
	as look.py "$(fm_program "$1")" like "$2"
}
fm_close() {
	app_end "fm-$1"
	ctl stop "app-*$1*" 2>/dev/null
	on pkill -KILL -u alice -x "$1"
	return 0
}
fm_installed() {
	on sh -c "command -v $1 >/dev/null"
}
# Where the window is, for those that do not know.
fm_window() {
	local X=0 Y=0 line
	[ "$1" = nautilus ] || { echo 0 0; return; }
	while read -r line; do
		case $line in
		X=*) X=${line#X=} ;;
		Y=*) Y=${line#Y=} ;;
		esac
	done <<<"$(as sh -c 'xdotool getwindowgeometry --shell \
	    "$(xdotool search --onlyvisible --class nautilus | tail -n 1)"')"
	echo "$X $Y"
}
# Where its row is on the display: left, middle of its height, width.
fm_row() {
	local x y w h X Y
	read -r x y w h <<<"$(as look.py "$(fm_program "$1")" where "$2")"
	[ -n "$h" ] || return 1
	read -r X Y <<<"$(fm_window "$1")"
	echo $((X + x)) $((Y + y + h / 2)) "$w"
}
# fm_click MANAGER ROW [BUTTON]
fm_click() {
	local row
	read -ra row <<<"$(fm_row "$1" "$2")"
	[ "${#row[@]}" -eq 3 ] &&
	    as xdotool mousemove $((row[0] + row[2] / 3)) "${row[1]}" \
		sleep 0.5 click "${3:-1}"
}
# A click on its row, then on "Unmount" in the menu; in Nautilus on the mark
# that is at the end of the row.
fm_eject() {
	local row entry
	if [ "$1" = nautilus ]; then
		read -ra row <<<"$(fm_row "$1" "$2")"
		[ "${#row[@]}" -eq 3 ] &&
		    as xdotool mousemove $((row[0] + row[2] + 24)) \
			"${row[1]}" sleep 0.5 click 1
		return
	fi
	fm_click "$1" "$2" 3 || return
	sleep 1
	picture "$1-menu"
	for entry in Eject Unmount "Unmount Volume"; do
		as look.py "$(fm_program "$1")" press "$entry" && return
	done
	# Caja does not tell of its menus: by the key.
	as xdotool key u
}
part_sidebar() {
	local m label
	for m in $MANAGERS; do
		if ! fm_installed "$m"; then
			skip_one "$m" "not installed"
			continue
		fi
		# Its list of FUSE file systems has not this one.
		[ "$m" != dolphin ] || check "dolphin: a bookmark is made" \
		    coffre places add "$NAME" || continue
		label=$(fm_label "$m")
		check "$m is started" fm_open "$m" "$HOME_IN" || continue
		check "$m shows '$label'" until_ok 30 fm_has "$m" "$label" ||
			as look.py "$(fm_program "$m")" dump | head -60
		sleep 1
		picture "$m"
		if [ "$m" = dolphin ]; then
			# A bookmark has no eject.
			check "dolphin: the bookmark is taken away" \
			    coffre places remove "$NAME"
			check "dolphin: it is gone from the sidebar" \
			    until_ok 30 fails fm_has "$m" "$label"
			fm_close "$m"
			continue
		fi
		check "$m: a click on eject" fm_eject "$m" "$label" &&
			check "$m: it is ejected" until_ok 20 fails is_served
		fm_close "$m"
		coffre autostart run "$NAME"
		check "$m: it is mounted again" until_ok 20 is_open
	done
}
