# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For cases on a mount: a coffre whose drive takes changes as another device
# would have made them (tests/tools/coffre_remote.c).

# In a folder of its own, with the program that speaks to the desktop.
remote_prepare() {
	export COFFRE_REMOTE=$T/remote
	mkfifo "$COFFRE_REMOTE" || return 1
	mkdir "$T/bin" && cp "$B/tests/tools/coffre_remote" "$T/bin/coffre" ||
	    return 1
	[ ! -x "$B/coffre-desktop" ] || cp "$B/coffre-desktop" "$T/bin/"
	# shellcheck disable=SC2034
	COFFRE=$T/bin/coffre
}
# remote CHANGE...
remote() {
	: >"$T/remote.out"
	echo "$*" >"$T/remote"
	until_ok 20 grep -q . "$T/remote.out"
	grep -qx ok "$T/remote.out"
}
