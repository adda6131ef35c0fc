# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Coffre from the menu of a desktop: a drive is made, opened and unlocked in
# the windows of zenity and of kdialog, by keys alone.

ENTRY=/usr/share/applications/org.coffre.Coffre.desktop
WORDS='violet anchor seven kettle moss'

# The process whose window asks that, once it is on the screen.
asked_pid() {
	local pid
	for pid in $(on pgrep -u alice -f -- "^(zenity|kdialog) .*$1"); do
		as xdotool search --onlyvisible --pid "$pid" --name Coffre \
		    >/dev/null 2>&1 && echo "$pid" && return 0
	done
	return 1
}
words_of() {
	on cat "/proc/$1/cmdline" | tr '\0' '\n'
}
# asked SENTENCE TEXT KEY...: TEXT is asked; then what is typed, or "KEY:NAME".
asked() {
	local what=$1 text=$2 pid k
	shift 2
	check "it asks for $what" until_ok 30 asked_pid "$text" || return 1
	pid=$(asked_pid "$text")
	# A window that is mapped need not listen yet.
	sleep 1
	N_PICTURES=$((N_PICTURES + 1))
	picture "windows-$W-$N_PICTURES"
	for k; do
		case $k in
		KEY:*) as xdotool key "${k#KEY:}" ;;
		*) as xdotool type --delay 20 -- "$k" ;;
		esac
		sleep 0.3
	done
	check "and takes the answer" until_ok 15 fails on kill -0 "$pid"
}
SHOWS='--text(-info|box)'
# The recovery key, as it is shown.
key_read() {
	local pid file
	pid=$(asked_pid "$SHOWS") || return 1
	file=$(words_of "$pid" | grep -oE '/proc/self/fd/[0-9]+')
	on cat "${file/self/$pid}" >"$T/key"
	grep -q '^ 1 ' "$T/key"
}
group_asked() {
	local n
	check "a group of the key is asked back" \
	    until_ok 15 asked_pid 'Group ' || return
	n=$(words_of "$(asked_pid 'Group ')" | grep -oE 'Group [0-9]+' |
	    grep -oE '[0-9]+')
	asked "group $n" "Group $n " "$(grep -oE "(^|[^0-9])$n [a-z]{5}" \
	    "$T/key" | grep -oE '[a-z]{5}')" KEY:Return
}
is_secret() {
	! on sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null' | tr '\0' ' ' |
	    grep -q -- "$1"
}
all_over() {
	! on pgrep -u alice -f '^(zenity|kdialog|[a-z/]*coffre setup) '
}
is_unlocked() {
	[ "$(coffre status --json "$1" | jq -r .locked)" = null ]
}
# menu DESKTOP: as the menu of a desktop starts what its entry says; what that
# leaves running is not ended with it.
menu() {
	N_MENUS=$((N_MENUS + 1))
	app_start "windows$N_MENUS" --property=ExitType=cgroup \
	    --setenv=XDG_CURRENT_DESKTOP="$1" gio launch "$ENTRY"
}
# windows_with DESKTOP NAME
windows_with() {
	local name=$2 store="$HOME_IN/<$W> & store_1"
	check "Coffre is chosen from the menu" menu "$1" || return
	asked "what to do" would KEY:End KEY:Return
	asked "the new drive's name" call KEY:ctrl+a "$name" KEY:Return
	asked "where it is kept" kept KEY:End KEY:Up KEY:Return
	asked "the folder for that" whole "$store" KEY:Return
	asked "where to show it" show KEY:Return
	asked "a passphrase" New "$WORDS" KEY:Return
	asked "the passphrase again" again "$WORDS" KEY:Return
	check "it shows the recovery key" until_ok 30 key_read || return
	check "the passphrase is among the words of no process" \
	    is_secret "$WORDS"
	check "nor is the key" \
	    is_secret "$(sed -n 's/^ 1 \([a-z]*\) .*/\1/p' "$T/key")"
	# The text has the keys: back to the last button.
	asked "nothing more of the key" "$SHOWS" KEY:ctrl+shift+Tab KEY:Return
	group_asked
	group_asked
	group_asked
	asked "what is usual" usual KEY:alt+n
	asked "the keyring" keyring KEY:Escape
	asked "the login" login KEY:Escape
	asked "the mount" now KEY:Return
	asked "nothing more" unmount KEY:Return
	check "the drive is mounted" \
	    as findmnt -t fuse.coffre "$HOME_IN/Coffre-$name"
	check "it is kept where it was to be" as ls "$store"
	check "no window is left" until_ok 10 all_over

	check "it is locked" coffre lock "$name"
	check "Coffre is chosen from the menu again" menu "$1"
	asked "what to do now" would KEY:End KEY:Up KEY:Return
	asked "its passphrase" Passphrase "$WORDS" KEY:Return
	check "it is unlocked" until_ok 20 is_unlocked "$name"
	check "no window is left then" until_ok 20 all_over
	# The file manager has it open.
	check "it is unmounted" coffre unmount --lazy "$name"
}
part_windows() {
	N_PICTURES=0
	N_MENUS=0
	W=zenity
	windows_with GNOME new1
	W=kdialog
	windows_with KDE new2
}
