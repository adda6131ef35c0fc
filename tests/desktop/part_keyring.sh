# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# The keyring is not there, stays locked, or comes late.

SECRETS=/usr/share/dbus-1/services/org.freedesktop.secrets.service

nobody_is_asked() {
	! on pgrep -f gcr-prompter && ! on pgrep -x pinentry
}
login_again() {
	check "the session ends, $1" session_end
	check "alice logs in, $1" session_start
	check "the drive is there, $1" until_ok 10 is_served
}
stays_locked() {
	check "it stays locked, $1" fails until_ok 5 is_open
	check "the home folder can be listed, $1" as ls -l "$HOME_IN"
	check "the note says what to do, $1" \
	    as grep -q "coffre unlock $NAME" "$MNT/LOCKED.txt"
	check "nobody is asked, $1" nobody_is_asked
}
part_keyring() {
	local t0

	on mv "$SECRETS" /root/ && on systemctl --global mask --quiet \
	    gnome-keyring-daemon.service gnome-keyring-daemon.socket
	login_again "without a keyring"
	stays_locked "without a keyring"
	check "a passphrase unlocks it" coffre_pass unlock "$NAME"
	check "so it is" until_ok 5 is_open

	on mv "/root/${SECRETS##*/}" "$SECRETS"
	on systemctl --global unmask --quiet \
	    gnome-keyring-daemon.service gnome-keyring-daemon.socket
	login_again "with a locked keyring"
	stays_locked "with a locked keyring"
	sleep 10
	check "the keyring is unlocked late" ring_login
	t0=$(now_ms)
	check "and the drive with it" until_ok 15 is_open
	say "unlocked $(($(now_ms) - t0)) ms after the keyring"
}
