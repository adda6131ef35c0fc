# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For cases on a mount: the drive as a login, or a service manager, mounts it,
# with nobody to ask.

# mount_login [OPTION...]
mount_login() {
	is_mounted || mkdir -p "$T/mnt"
	setsid "$COFFRE" mount "$NAME" "$T/mnt" -f -o allow_other "$@" \
	    </dev/null >>"$T/daemon.log" 2>&1 8>&- &
	MPID=$!
	until_ok 30 login_settled && kill -0 "$MPID" 2>/dev/null
}
# What a crash has left looks alive for a moment while it is replaced.
login_settled() {
	[ "$(drive_status .pid 2>/dev/null)" = "$MPID" ] && is_served ||
		! kill -0 "$MPID" 2>/dev/null
}
