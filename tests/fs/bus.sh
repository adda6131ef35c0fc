# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# For cases on a mount and the desktop: a bus that nothing starts anything on,
# and programs on it that stand in for the desktop's (tests/desktop/double.c).

HELPER=$(dirname "$COFFRE")/coffre-desktop
DOUBLE=$B/tests/desktop/double
BUS=
DOUBLES=()

bus_need() {
	[ -x "$HELPER" ] ||
		skip "coffre-desktop is not built (libglib2.0-dev)"
	[ -x "$DOUBLE" ] || skip "$DOUBLE is not built"
	command -v dbus-daemon >/dev/null || skip "dbus-daemon is missing"
	cat >"$T/bus.conf" <<-EOF
	<!DOCTYPE busconfig PUBLIC
	 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
	 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
	<busconfig>
	  <type>session</type>
	  <listen>unix:path=$T/bus</listen>
	  <policy context="default">
	    <allow send_destination="*" eavesdrop="true"/>
	    <allow eavesdrop="true"/>
	    <allow own="*"/>
	  </policy>
	</busconfig>
	EOF
}
bus_start() {
	dbus-daemon --config-file="$T/bus.conf" --nofork 2>/dev/null 8>&- &
	BUS=$!
	until_ok 10 test -S "$T/bus"
}
# All that was started here.
bus_end() {
	local p
	for p in "${DOUBLES[@]}" $BUS; do
		kill "$p" 2>/dev/null
	done
	DOUBLES=()
	BUS=
}
# double_start ROLE: its pid is DOUBLE_PID, what it notes in $T/ROLE.
double_start() {
	rm -f "$T/$1.in"
	mkfifo "$T/$1.in" || return 1
	: >"$T/$1"
	# Open for both, so that its input does not end.
	"$DOUBLE" "$1" <>"$T/$1.in" >>"$T/$1" 2>"$T/$1.err" 8>&- &
	DOUBLE_PID=$!
	DOUBLES+=("$DOUBLE_PID")
	until_ok 10 grep -q ^ready "$T/$1"
}
double_end() {
	kill "$1"
	wait "$1" 2>/dev/null
	return 0
}
# noted ROLE PATTERN, and how often.
noted() {
	grep -qE -- "$2" "$T/$1"
}
times() {
	grep -cE -- "$2" "$T/$1"
}
