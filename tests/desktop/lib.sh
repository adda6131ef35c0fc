# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What the parts of the tests of the desktop share: a machine that boots from
# a copy-on-write of the root, and the session of alice in it.
#
#	machine_boot, machine_off	the container
#	on CMD...			as root in it
#	as CMD...			as alice, with her bus and display
#	session_start, session_end	her desktop
#	check, refuse, skip_one		count

HOME_IN=/home/alice
UID_IN=1000
DISPLAY_IN=:77

N_OK=0
N_BAD=0
N_SKIP=0
NSPAWN=
LEADER=

say() {
	echo "# $*"
}
check() {
	local what=$1 rc=0
	shift
	"$@" </dev/null >"$T/out" 2>&1 || rc=$?
	if [ "$rc" -eq 0 ]; then
		N_OK=$((N_OK + 1))
		echo "ok - $PART: $what"
		return
	fi
	N_BAD=$((N_BAD + 1))
	echo "not ok - $PART: $what (exit $rc: $*)"
	tail -n 10 "$T/out" | cut -c-300 | sed 's/^/    | /'
	return 1
}
fails() {
	! "$@"
}
refuse() {
	local what=$1
	shift
	check "$what" fails "$@"
}
skip_one() {
	N_SKIP=$((N_SKIP + 1))
	echo "ok - $PART: $1 # SKIP $2"
}
count() {
	local line="$N_OK passed, $N_BAD failed"
	[ "$N_SKIP" -eq 0 ] || line="$line, $N_SKIP skipped"
	echo "$line"
	[ "$N_BAD" -eq 0 ]
}
# until_ok SECONDS COMMAND...
until_ok() {
	local end=$((SECONDS + $1))
	shift
	while ! "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
now_ms() {
	echo $(($(date +%s%N) / 1000000))
}
# Milliseconds that a command takes; its status is that of the command.
took_ms() {
	local t0 rc=0
	t0=$(now_ms)
	"$@" </dev/null >/dev/null 2>&1 || rc=$?
	echo $(($(now_ms) - t0))
	return "$rc"
}

# ---- the machine ----------------------------------------------------------

# The first process of the container, as seen from here.
leader_of() {
	local p
	for p in $(ps -o pid= --ppid "$1" 2>/dev/null); do
		if [ "$(awk '/^NSpid:/ { print $NF; exit }' \
		    "/proc/$p/status" 2>/dev/null)" = 1 ]; then
			echo "$p"
			return 0
		fi
		leader_of "$p" && return 0
	done
	return 1
}
machine_up() {
	LEADER=$(leader_of "$NSPAWN") || return 1
	on systemctl is-active -q dbus.service \
	    systemd-user-sessions.service 2>/dev/null
}
machine_boot() {
	# Keyrings lock their memory; without it they take no password.
	local capability=CAP_SYS_ADMIN,CAP_NET_ADMIN,CAP_IPC_LOCK
	# A machine has them; containers of this systemd are refused them.
	local calls=landlock_create_ruleset
	calls="$calls landlock_add_rule landlock_restrict_self"
	SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 setsid systemd-nspawn -q \
	    --system-call-filter="$calls" \
	    -D "$T/root" --machine="coffre-$$" --register=no --keep-unit \
	    --private-network --capability="$capability" --bind=/dev/fuse \
	    --bind-ro="$PWD:/src" --bind-ro="$ABS_B:/build" \
	    --console=read-only -b systemd.unit=multi-user.target \
	    </dev/null >>"$T/console.log" 2>&1 &
	NSPAWN=$!
	until_ok 60 machine_up
}
machine_gone() {
	! kill -0 "$NSPAWN" 2>/dev/null
}
# As a user would, and until it is off.
machine_poweroff() {
	on systemctl poweroff >/dev/null 2>&1
	until_ok "${1:-150}" machine_gone || return 1
	NSPAWN=
	LEADER=
}
# As a cut of the power would; also at the end of everything.
machine_kill() {
	[ -n "$NSPAWN" ] || return 0
	[ -n "$LEADER" ] || LEADER=$(leader_of "$NSPAWN")
	[ -z "$LEADER" ] || kill -KILL "$LEADER" 2>/dev/null
	until_ok 20 machine_gone || kill -KILL "$NSPAWN"
	NSPAWN=
	LEADER=
}
on() {
	nsenter -t "$LEADER" -m -u -i -n -p -C -- "$@"
}
as() {
	on setpriv --reuid=$UID_IN --regid=$UID_IN --init-groups env -i \
	    -C "$HOME_IN" HOME=$HOME_IN USER=alice LOGNAME=alice \
	    SHELL=/bin/bash LANG=C.UTF-8 PATH=/usr/local/bin:/usr/bin:/bin \
	    XDG_RUNTIME_DIR=/run/user/$UID_IN DISPLAY=$DISPLAY_IN \
	    DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$UID_IN/bus "$@"
}
ctl() {
	as systemctl --user "$@"
}

# ---- the root -------------------------------------------------------------

root_make() {
	# Word splitting is meant: one group a word.
	# shellcheck disable=SC2086
	nice -n 10 "$D/root.sh" "$ROOT" drive session $GROUPS_WANTED
}
# A layer over it, so that no run sees another.
root_layer() {
	mkdir -p "$T/up" "$T/work" "$T/root" &&
	    mount -t overlay overlay -o \
	    "lowerdir=$ROOT,upperdir=$T/up,workdir=$T/work" "$T/root"
}
# The packages, alice, her desktop and a store, in the layer.
root_fill() {
	local r=$T/root f
	mkdir -p "$r/debs" "$r/src" "$r/build" \
	    "$r/etc/systemd/system/multi-user.target.wants" &&
	    cp "$ABS_B"/deb/coffre*.deb "$r/debs/" || return 1
	f='coffre_*.deb'
	for m in nautilus caja nemo; do
		[[ " $GROUPS_WANTED " != *" $m "* ]] || f="$f coffre-${m}_*.deb"
	done
	systemd-nspawn -q -D "$r" --register=no --keep-unit --console=pipe \
	    sh -c "cd /debs && dpkg -i $f &&
	    useradd -m -u $UID_IN -s /bin/bash alice" </dev/null || return 1
	install -m 755 "$D"/inside/*.py "$D/inside/desktop-session" \
	    "$r/usr/local/bin/" &&
	    install -m 644 "$D"/inside/*.service "$r/etc/systemd/system/" &&
	    ln -sf ../store.service \
		"$r/etc/systemd/system/multi-user.target.wants/" &&
	    printf '127.0.0.1 localhost rig\n' >"$r/etc/hosts" &&
	    echo rig >"$r/etc/hostname"
}

# ---- the session ----------------------------------------------------------

session_is_up() {
	as xdotool getmouselocation >/dev/null 2>&1 &&
	    ctl is-active -q default.target
}
session_start() {
	on systemctl start desktop.service && until_ok 60 session_is_up
}
session_over() {
	! on systemctl is-active -q user@$UID_IN.service
}
session_end() {
	on systemctl stop desktop.service
	until_ok 90 session_over
}
# app_start UNIT CMD...: as a menu of the desktop would.
app_start() {
	local unit=$1
	shift
	ctl reset-failed "$unit.service" 2>/dev/null
	as systemd-run --user -q --collect --unit="$unit" \
	    --setenv=DISPLAY=$DISPLAY_IN --setenv=GTK_MODULES=gail:atk-bridge \
	    --setenv=QT_LINUX_ACCESSIBILITY_ALWAYS_ON=1 --setenv=NO_AT_BRIDGE=0 \
	    "$@"
}
app_end() {
	ctl kill -s KILL "$1.service" 2>/dev/null
	ctl stop "$1.service" 2>/dev/null
	return 0
}
# A picture of the display, kept in B/desktop.
picture() {
	as import -window root png:- >"$SHOTS/$1.png"
}

