#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A drive that is mounted at login: by a service manager where there is one
# (a stand-in listens in its place here), by the desktop's autostart and a
# supervisor elsewhere.
. "$(dirname "$0")/../lib.sh"

fs_prepare
command -v python3 >/dev/null || skip "python3 is missing"
EAR=
trap '[ -z "$EAR" ] || kill "$EAR"; autostart_end; fs_cleanup' EXIT

entry=$T/config/autostart/coffre-$NAME.desktop
printf '#!/bin/sh\necho "%s"\n' "$PASS" >"$T/ask"
chmod 700 "$T/ask"
printf 'mountpoint = %s\npassphrase_command = %s\n' "$T/mnt" "$T/ask" \
    >>"$T/config/coffre/$NAME.conf"

pid_now() {
	drive_status .pid 2>/dev/null
}
# The process that started the one that serves.
parent_of() {
	awk '/^PPid:/ { print $2 }' "/proc/$1/status"
}
SUPER=
autostart_end() {
	[ -z "$SUPER" ] || kill "$SUPER" 2>/dev/null
	"$COFFRE" unmount --lazy "$NAME" 2>/dev/null
}
# Another process serves, and the drive can be used.
is_back() {
	is_served && [ -n "$(pid_now)" ] && [ "$(pid_now)" != "$1" ]
}

# ---- no service manager

check "it is enabled" "$COFFRE" autostart enable "$NAME"
need "there is an entry for the desktop" test -s "$entry"
check "which asks for the drive" \
    grep -qx "Exec=$COFFRE autostart run $NAME" "$entry"
refuse "what is no drive is not enabled" "$COFFRE" autostart enable nosuch
refuse "nor is a word unknown" "$COFFRE" autostart perhaps "$NAME"

line=$(sed -n 's/^Exec=//p' "$entry")
# Word splitting is meant: so does a session.
# shellcheck disable=SC2086
check "what it runs returns" timeout 60 $line </dev/null
need "and the drive is mounted" is_served
echo safe >"$T/mnt/file"
# shellcheck disable=SC2086
check "once more is no error" timeout 60 $line
pid=$(pid_now)
SUPER=$(parent_of "$pid")
check "somebody watches it" [ "$SUPER" -gt 1 ]
mkdir "$T/mnt/inside"
(cd "$T/mnt/inside" && exec sleep 1000) &
shell=$!
check "a program is inside" until_ok 10 \
    test "/proc/$shell/cwd" -ef "$T/mnt/inside"
kill -9 "$pid"
begin=$(date +%s%N)
check "a crash heals, with a program inside" until_ok 30 is_back "$pid"
took=$((($(date +%s%N) - begin) / 1000000))
say "healed after $took ms"
check "by the same watcher" [ "$(parent_of "$(pid_now)")" = "$SUPER" ]
check "nothing is lost" grep -qx safe "$T/mnt/file"
kill "$shell"
pid=$(pid_now)
kill "$SUPER"
check "a signal to it ends the mount" until_ok 30 fails kill -0 "$pid"
check "and itself" until_ok 30 fails kill -0 "$SUPER"
refuse "nothing is left" is_mounted
# shellcheck disable=SC2086
check "it is mounted again" timeout 60 $line </dev/null
SUPER=$(parent_of "$(pid_now)")
check "it is unmounted" "$COFFRE" unmount "$NAME"
check "that is the end of the watcher, too" until_ok 30 fails kill -0 "$SUPER"
refuse "and it does not come back" is_mounted
SUPER=

# Where it was called from counts, though the watcher is elsewhere.
mkdir "$T/from"
sed -i '/^mountpoint = /d' "$T/config/coffre/$NAME.conf"
is_there() {
	grep -q " $T/from/here fuse" /proc/self/mounts &&
	    [ "$(stat -f -c %t "$T/from/here" 2>/dev/null)" = 65735546 ] &&
	    [ -n "$(pid_now)" ] && [ "$(pid_now)" != "$1" ]
}
mount_here() {
	(cd "$T/from" && timeout 60 "$COFFRE" mount --supervise "$NAME" here \
	    -o log=log,log_level=info </dev/null)
}
check "it is mounted on a folder that is named from here" mount_here
check "it is there" is_there 0
pid=$(pid_now)
SUPER=$(parent_of "$pid")
before=$(wc -l <"$T/from/log")
kill -9 "$pid"
check "after a crash it is there again" until_ok 30 is_there "$pid"
check "and logs where it did" test "$(wc -l <"$T/from/log")" -gt "$before"
refuse "nothing is made elsewhere" test -e /here
check "it is unmounted" "$COFFRE" unmount "$NAME"
check "the watcher goes" until_ok 30 fails kill -0 "$SUPER"
SUPER=
echo "mountpoint = $T/mnt" >>"$T/config/coffre/$NAME.conf"

# What cannot work is said at once, and not tried for ever.
printf '#!/bin/sh\necho wrong\n' >"$T/ask"
rc=0
timeout 60 "$COFFRE" mount --supervise "$NAME" --passphrase-command "$T/ask" \
    2>"$T/err" || rc=$?
check "a wrong passphrase is an error, not a crash" [ "$rc" -eq 77 ]
check "which is told" grep -q 'wrong passphrase' "$T/err"
refuse "watching what is in the foreground makes no sense" \
    "$COFFRE" mount -f --supervise "$NAME"

# ---- a service manager

mkdir -p "$T/run/systemd" "$T/bin"
cat >"$T/bin/systemctl" <<END
#!/bin/sh
echo "\$*" >>"$T/asked"
[ ! -e "$T/no-unit" ]
END
chmod +x "$T/bin/systemctl"
export PATH=$T/bin:$PATH
python3 -c 'import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
time.sleep(1000)' "$T/run/systemd/private" &
EAR=$!
until_ok 10 test -S "$T/run/systemd/private"
asked() {
	grep -qx -- "--user --quiet --no-block $1 coffre@$NAME.service" \
	    "$T/asked"
}
check "it is enabled where there is a manager" \
    "$COFFRE" autostart enable "$NAME"
check "there" asked enable
refuse "and no longer with the desktop" test -e "$entry"
check "what the desktop would run" "$COFFRE" autostart run "$NAME"
check "asks the manager" asked start
refuse "and mounts nothing itself" is_mounted
check "it is disabled" "$COFFRE" autostart disable "$NAME"
check "there, too" asked disable
touch "$T/no-unit"
check "where the manager lacks the unit" "$COFFRE" autostart enable "$NAME"
check "the desktop is asked" test -s "$entry"
check "it is disabled again" "$COFFRE" autostart disable "$NAME"
refuse "without a trace" test -e "$entry"
fs_count
[ "$N_FAILED" -eq 0 ]
