#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Where the secret comes from besides the command line: what the kernel
# remembers for a while, a credential of the service manager, a window.
. "$(dirname "$0")/../lib.sh"
. "$TOP/tests/fs/login.sh"

fs_prepare
command -v python3 >/dev/null || skip "python3 is missing"
unset DISPLAY WAYLAND_DISPLAY CREDENTIALS_DIRECTORY GPG_TTY
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/nobus
CONF=$T/config/coffre/$NAME.conf
SUPER=
trap '[ -z "$SUPER" ] || kill "$SUPER" 2>/dev/null; fs_cleanup' EXIT

end_login() {
	kill "$MPID"
	daemon_gone 30
}
with() {
	sed -i "/^$1 =/d" "$CONF"
	[ -z "$2" ] || echo "$1 = $2" >>"$CONF"
}

# ---- a credential

mkdir -m 700 "$T/cred"
(umask 377 && echo "$PASS" >"$T/cred/coffre.$NAME.passphrase")
export CREDENTIALS_DIRECTORY=$T/cred
need "it is mounted with a credential" mount_login
check "and open" is_open
echo "$MARK" >"$T/mnt/file"
need "there is what is to be read nowhere" plant
check "it is unmounted" drive_unmount
check "other commands use it, too" setsid -w "$COFFRE" fsck "$NAME"
rm -f "$T/cred/coffre.$NAME.passphrase"
echo wrong >"$T/cred/coffre.$NAME.passphrase"
need "with a wrong one it is mounted" mount_login
check "locked" is_locked
check "the log says why" grep -q 'wrong passphrase' "$T/daemon.log"
check "it is ended" end_login
rm -f "$T/cred/coffre.$NAME.passphrase"
echo "$PASS" >"$T/cred/coffre.other.passphrase"
need "with one of another drive it is mounted" mount_login
check "locked, too" is_locked
check "it is ended" end_login
unset CREDENTIALS_DIRECTORY

# ---- remembered by the kernel

# One that was taken back or has expired is shown until it is swept away; and
# there may be some of a run that has failed.
keys() {
	grep -o "coffre:$NAME:[0-9a-f]*" /proc/keys
}
echo none >"$T/keys"
keys >>"$T/keys"
kept() {
	grep "coffre:$NAME:" /proc/keys | grep -vFf "$T/keys" | grep -v expd |
	    awk '$2 !~ /i$/ { n++ } END { exit !n }'
}
slot=$T/run/coffre/$NAME.slot
need "unasked nothing is remembered" drive_mount
refuse "not in a file" test -e "$slot"
check "it is unmounted" drive_unmount
with remember 3600
need "it is mounted, to be remembered" drive_mount
if grep -q 'the kernel keeps no key' "$T/daemon.log"; then
	skip_part "what the kernel remembers" "the kernel keeps no keys here"
	check "without them it is mounted all the same" is_open
	check "it is unmounted" drive_unmount
else
	check "there is a slot, for the user alone" \
	    [ "$(stat -c %a "$slot")" = 600 ]
	check "the kernel has a key" kept
	drive_kill
	need "after a crash it is mounted with nobody there" mount_login
	check "and open" is_open
	check "everything is there" grep -q "$MARK" "$T/mnt/file"
	drive_kill
	need "after another, too" mount_login
	check "open again" is_open
	check "locked by the user" "$COFFRE" lock "$NAME"
	refuse "nothing is remembered" kept
	refuse "nowhere" test -e "$slot"
	drive_kill
	need "after a crash it is mounted" mount_login
	check "locked" is_locked
	check "unlocked it is remembered" coffre unlock "$NAME"
	check "again" kept
	check "it is unmounted by the user" drive_unmount
	refuse "then not any more" kept
	need "it is mounted" drive_mount
	kill "$MPID"
	check "ended by SIGTERM, as by a restart" daemon_gone 30
	need "it is mounted" mount_login
	check "open" is_open
	cp "$slot" "$T/slot"
	drive_kill
	printf '\377' | dd of="$slot" bs=1 seek=80 conv=notrunc 2>/dev/null
	need "with a changed slot it is mounted" mount_login
	check "locked" is_locked
	check "it is unmounted" drive_unmount
	cp "$T/slot" "$slot"
	need "with the slot back, and its key forgotten, too" mount_login
	check "it is locked" is_locked
	check "it is unmounted" drive_unmount
	with remember 2
	need "for two seconds it is remembered" drive_mount
	drive_kill
	sleep 3
	need "after three it is mounted" mount_login
	check "locked" is_locked
	check "it is unmounted" drive_unmount
	with remember 3600

	# The same with nobody but a watcher to start it again.
	check "it is mounted, watched over" coffre mount --supervise "$NAME" \
	    "$T/mnt"
	pid=$(drive_status .pid)
	SUPER=$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")
	kill -9 "$pid"
	is_back() {
		is_open && [ "$(drive_status .pid)" != "$pid" ]
	}
	check "after a crash it is back, open" until_ok 30 is_back
	check "it is unmounted" "$COFFRE" unmount "$NAME"
	check "the watcher goes" until_ok 30 fails kill -0 "$SUPER"
	SUPER=
	refuse "nothing is remembered in the end" kept
fi
with remember ''

# ---- a window

mkdir "$T/bin"
cat >"$T/bin/pinentry" <<'END'
#!/bin/bash
# Says what the file beside it tells.
echo "OK Pleased to meet you"
while read -r line; do
	echo "$line" >>"$0.asked"
	case $line in
	GETPIN) cat "$0.answer" ;;
	OPTION*) echo "ERR 83886254 Unknown option <Pinentry>" ;;
	BYE) echo OK; exit ;;
	*) echo "# a comment"; echo OK ;;
	esac
done
END
chmod +x "$T/bin/pinentry"
OLD_PATH=$PATH
export PATH=$T/bin:$PATH
answers() {
	printf '%s\n' "$@" >"$T/bin/pinentry.answer"
	rm -f "$T/bin/pinentry.asked"
}
by_window() {
	DISPLAY=:99 setsid -w "$COFFRE" "$@" </dev/null
}
answers "D ${PASS// /%20}" OK
DISPLAY=:99 need "a login with a display mounts it" mount_login
check "locked" is_locked
refuse "and asks nobody" test -e "$T/bin/pinentry.asked"
refuse "without a display nobody is asked either" \
    setsid -w "$COFFRE" unlock "$NAME"
refuse "that is so" test -e "$T/bin/pinentry.asked"
answers "ERR 83886179 Operation cancelled <Pinentry>"
check "a closed window is no passphrase" \
    [ "$(exit_of by_window unlock "$NAME")" = 75 ]
check "which was asked for by name" grep -q "SETDESC.*'$NAME'" \
    "$T/bin/pinentry.asked"
answers "ERR 83886142 Timeout <Pinentry>"
check "nor is one that was left alone" \
    [ "$(exit_of by_window unlock "$NAME")" = 75 ]
answers "D %zz" OK
check "nor what makes no sense" \
    [ "$(exit_of by_window unlock "$NAME")" = 76 ]
answers "D wrong" OK
check "a wrong one is refused" \
    [ "$(exit_of by_window unlock "$NAME")" = 77 ]
answers OK
refuse "an empty one, too" by_window unlock "$NAME"
printf '#!/bin/sh\nexit\n' >"$T/bin/none" && chmod +x "$T/bin/none"
with pinentry "$T/bin/none"
refuse "a program that says nothing is an error" by_window unlock "$NAME"
with pinentry "$T/bin/nosuch"
check "so is one that is not there" \
    [ "$(exit_of by_window unlock "$NAME")" = 66 ]
with pinentry ''
check "all this has left it locked" is_locked
answers "S PASSWORD_FROM_CACHE" "D correct horse" "D  battery%20staple" OK
check "a window gives the passphrase" by_window unlock "$NAME"
check "it is open" is_open
check "it is unmounted" drive_unmount
answers "D $PASS" OK
check "mount in the background asks, too" by_window mount "$NAME" "$T/mnt"
check "it is there" is_open
refuse "no secret is in the log" grep -qa "$PASS" "$T/state/coffre/$NAME/log"
check "it is unmounted" "$COFFRE" unmount "$NAME"
check "a command asks as well" by_window fsck "$NAME"
export PATH=$OLD_PATH

# Real ones, on a terminal; what Enter types is a carriage return.
for real in pinentry-tty pinentry-curses; do
	if ! command -v $real >/dev/null; then
		skip_part "$real gives it" "$real is missing"
		continue
	fi
	with pinentry $real
	check "$real gives it" env TERM=xterm GPG_TTY= \
	    python3 "$TOP/tests/fs/wizard.py" "$T/$real.out" \
	    "$COFFRE" fsck "$NAME" <<<"assphrase: => $PASS"$'\r'"
no errors => !wait"
	refuse "and does not show it" grep -qa "$PASS" "$T/$real.out"
done

# ---- a listener of somebody else's, where the environment of before su points

cat >"$T/listen.py" <<'END'
import os, socket, sys
os.setgroups([])
os.setresgid(*[int(sys.argv[3])] * 3)
os.setresuid(*[int(sys.argv[3])] * 3)
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
while True:
    c = s.accept()[0]
    c.settimeout(5)
    with open(sys.argv[2], "ab", 0) as f:
        try:
            while data := c.recv(4096):
                f.write(data)
        except TimeoutError:
            pass
    c.close()
END
their=$T/their
mkdir -p "$their/coffre"
chown -R "$NOBODY" "$their"
python3 "$T/listen.py" "$their/coffre/$NAME.sock" "$their/coffre/heard" \
    "$NOBODY" &
LISTENER=$!
check "somebody else listens" until_ok 20 test -S "$their/coffre/$NAME.sock"
XDG_RUNTIME_DIR=$their refuse "he is not who we look for" \
    coffre unlock "$NAME"
chown 0 "$their"
XDG_RUNTIME_DIR=$their refuse "in a folder of our own, neither" \
    coffre unlock "$NAME"
refuse "nothing was said to him" test -s "$their/coffre/heard"
kill "$LISTENER"
wait "$LISTENER" 2>/dev/null
rm -r "$their/coffre"
chown "$NOBODY" "$their"
if [ ! -d /run/user/0 ]; then
	export XDG_RUNTIME_DIR=$their
	need "with such an environment it is mounted" drive_mount
	check "and reached" is_open
	refuse "not in the folder of somebody else" test -e "$their/coffre"
	check "it is unmounted" drive_unmount
	export XDG_RUNTIME_DIR=$T/run
else
	skip_part "mounted with the surroundings of somebody else" \
	    "there is a /run/user/0"
fi
check "nothing is readable at rest" nothing_readable
[ "$N_FAILED" -eq 0 ] || show_daemon
fs_count
[ "$N_FAILED" -eq 0 ]
