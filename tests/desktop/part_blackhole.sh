# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# Packets to the store are dropped: nothing of a desktop takes longer than it
# does without the drive.

SLACK_MS=500
hole_dig() {
	on nft "add table inet hole;
	    add chain inet hole in { type filter hook input priority 0; };
	    add rule inet hole in tcp dport $STORE_PORT drop;
	    add rule inet hole in tcp sport $STORE_PORT drop"
}
hole_fill() {
	on nft delete table inet hole
}
# How long each takes; the names of both lists are the same.
home_opens() {
	fm_open thunar "$HOME_IN" && until_ok 60 fm_shows thunar 'Free space'
}
save_in() {
	as sh -c "cd '$1' && echo more >>doc.txt && cp doc.txt .doc.new &&
	    sync .doc.new && mv .doc.new doc.txt && cat doc.txt"
}
times() {
	local dir=$1
	session_end >/dev/null 2>&1
	session_start >/dev/null 2>&1	# what is read from disk is read
	session_end >/dev/null 2>&1
	echo "login $(took_ms session_start)"
	ring_login >/dev/null 2>&1
	[ "$dir" != "$MNT" ] || until_ok 20 is_open
	echo "df $(took_ms as df)"
	echo "ls $(took_ms as ls -l "$HOME_IN")"
	if fm_installed thunar; then
		echo "home $(took_ms home_opens)"
		fm_close thunar >/dev/null 2>&1
	fi
	echo "save $(took_ms save_in "$dir")"
}
part_blackhole() {
	local what ms with

	if ! hole_dig; then
		skip_one "all of it" "nftables does not work here"
		return
	fi
	hole_fill
	# An indexer of GNOME that takes its own time at each login.
	on systemctl --global --quiet mask tracker-miner-fs-3 \
	    tracker-extract-3 tracker-miner-fs-control-3 2>/dev/null
	as sh -c "echo first >'$MNT/doc.txt'; echo first >'$HOME_IN/doc.txt'"
	check "a document is kept here and stored" drive_sync
	coffre autostart disable "$NAME" 2>/dev/null
	coffre unmount "$NAME"
	times "$HOME_IN" >"$T/without"
	coffre autostart enable "$NAME" 2>/dev/null
	check "the network is a black hole" hole_dig
	refuse "the store does not answer" on curl -sm 3 -o /dev/null \
	    "http://127.0.0.1:$STORE_PORT/"
	times "$MNT" >"$T/with"
	while read -r what ms; do
		with=$(awk -v w="$what" '$1 == w { print $2 }' "$T/with")
		say "$what: $ms ms without the drive, $with ms with it"
		check "$what takes no longer" \
		    [ "$with" -le $((ms + ms / 2 + SLACK_MS)) ]
	done <"$T/without"
	check "what was saved is there" as grep -q more "$MNT/doc.txt"
	check "the network is back" hole_fill
	check "and what was saved is stored" drive_sync
}
