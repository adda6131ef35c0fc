#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard in windows, with a program in the place of zenity and kdialog: the
# same questions make a drive; what is shown is what was meant, no secret is
# in the words of a process; given up anywhere, nothing is made.
. "$(dirname "$0")/../lib.sh"

COFFRE_TEST_STORE=dir
is_plain && skip "is about the command line, not about POSIX"
fs_need_fuse
T=$(mktemp -d "${TMPDIR:-/tmp}/coffre-fs.XXXXXX")
trap fs_cleanup EXIT
trap 'exit 143' TERM INT HUP
fs_home
# No keyring: there is one in keyring.sh.
export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/nobus
export DISPLAY=:99 WINDOWS=$T/windows
unset WAYLAND_DISPLAY XDG_CURRENT_DESKTOP
mkdir "$WINDOWS" "$T/none" "$T/zenity" "$T/kdialog" "$T/both" "$T/terminal"
for p in zenity kdialog; do
	ln -s "$TOP/tests/fs/windows.py" "$T/$p/$p"
	ln -s "$TOP/tests/fs/windows.py" "$T/both/$p"
done
# noted NAME DIR: a program that notes what it was started with.
noting() {
	printf '#!/bin/sh\nprintf "%%s\\n" "$@" >>%s\n' "$T/$1.words" \
	    >"$2/$1"
	chmod 755 "$2/$1"
}
noting x-terminal-emulator "$T/terminal"
for p in zenity kdialog both; do
	noting xdg-open "$T/$p"
done
STRONG='violet anchor seven kettle moss'
printf '%s\n' "$STRONG" >"$WINDOWS/secrets"

# windows PROGRAMS: answer what standard input says.
windows() {
	local path=$T/$1:/usr/bin:/bin desktop=${DESKTOP:-} rc=0
	# Where these tests run there may be a real zenity.
	[ "$1" != kdialog ] || desktop=KDE
	cat >"$WINDOWS/script"
	: >"$WINDOWS/shown"
	rm -f "$WINDOWS/bad" "$WINDOWS/key"
	PATH=$path XDG_CURRENT_DESKTOP=$desktop setsid -w "$COFFRE" \
	    setup --gui >"$T/out" 2>"$T/err" ||
		rc=$?
	if [ -s "$WINDOWS/bad" ]; then
		cat "$WINDOWS/bad" "$T/err"
		return 98
	fi
	if [ -s "$WINDOWS/script" ]; then
		say "not asked: $(head -n 1 "$WINDOWS/script")"
		return 99
	fi
	return "$rc"
}
ends_with() {
	local want=$1 rc=0
	shift
	"$@" || rc=$?
	[ "$rc" -eq "$want" ] || { say "exit $rc"; cat "$T/err"; return 1; }
}
shown() {
	grep -qF -- "$1" "$WINDOWS/shown" || { cat "$WINDOWS/shown"; return 1; }
}
said() {
	grep -qF -- "$1" "$T/err"
}
# Neither here nor there: the store was made for the trial, and is empty.
nothing_made() {
	local left
	left=$(find "$T/config" "$T/state" "$T/home" "$T/store" ! -type d \
	    2>/dev/null)
	[ -z "$left" ] || { say "$left"; return 1; }
}

# ---- without --------------------------------------------------------------

check "without a display it says what else there is" ends_with 66 \
    env -u DISPLAY PATH="$T/zenity" "$COFFRE" setup --gui 2>"$T/err"
check "that is a terminal" said "'coffre setup' asks on a terminal"
check "without zenity and kdialog it says what to install" ends_with 66 \
    env PATH="$T/none" "$COFFRE" setup --gui 2>"$T/err" </dev/null
check "and where else it asks" said "install one of the two, or run"
check "started from a menu, it asks in a terminal then" ends_with 0 \
    env PATH="$T/terminal" "$COFFRE" setup --gui 2>"$T/err" </dev/null
check "with the same command" \
    [ "$(tr '\n' ' ' <"$T/x-terminal-emulator.words")" = \
    "-e $COFFRE setup " ]

# ---- given up at each question ---------------------------------------------

FIRST="What to call => mydrive
kept => a folder on
whole path => $T/store
Folder to show => $T/home/My drive"
SECOND="New passphrase => $STRONG
Strength: good => $STRONG"

# ended PROGRAM AT SCRIPT [CODE]
ended() {
	check "$1, given up at $2: it goes" ends_with "${4:-75}" \
	    windows "$1" <<<"$3"
	check "$1, given up at $2: nothing is left" nothing_made
}
for p in zenity kdialog; do
	ended $p name "What to call => !cancel"
	ended $p place "What to call => x
kept => !close"
	ended $p folder "What to call => x
kept => a folder on
whole path => !cancel"
	ended $p "another try" "What to call => x
kept => another address
Address => ftp://nobody
does not work => !no"
	ended $p mountpoint "What to call => x
kept => a folder on
whole path => $T/store
The store works => !close"
	ended $p passphrase "$FIRST
New passphrase => !cancel"
	ended $p "a weak one" "$FIRST
New passphrase => azerty123
weak => !close"
	ended $p "the second time" "$FIRST
New passphrase => $STRONG
again => !close"
	ended $p "what is asked back" "$FIRST
$SECOND
Write it down => !ok
Group => !group
Group => !cancel"
done
ended zenity "the key" "$FIRST
$SECOND
Write it down => !cancel"
check "given up, nobody is told of a failure" \
    fails grep -q fail "$WINDOWS/shown"

# Ended from outside, with a window open.
rm "$WINDOWS/shown"
windows zenity <<<"What to call => !wait" &
W=$!
need "a window is open" until_ok 10 shown "What to call"
kill "$(pgrep -f -n "^$COFFRE setup --gui")"
wait $W
check "ended by a signal it says that nothing was made" \
    said "nothing was made"
check "its window goes" until_ok 30 fails pgrep -f "$T/zenity/zenity"
check "and nothing is left" nothing_made

# ---- wrong answers ---------------------------------------------------------

odd="$T/home/A & <b>B_C"
mkdir -p "$odd"
echo x >"$odd/file"
for p in zenity kdialog; do
	check "$p: wrong answers are told and asked again" ends_with 75 \
	    windows $p <<<"What to call => no/name
cannot be a drive's name => x
kept => a folder on
whole path => relative
begins with '/' => $odd/file/a\\x
does not work => !ok
kept => a folder on
whole path => $T/store
Folder to show => $odd
is not empty => !default
New passphrase => azerty123
weak => !no
New passphrase => !default
is needed => $STRONG
again => something else
differ => !cancel"
	check "$p: what is shown is what was meant" \
	    shown "$odd/file/a\\x': Not a directory"
	rm -rf "$T/store"
done
rm -rf "$odd"

# ---- a drive ---------------------------------------------------------------

DESKTOP=x:KDE check "under KDE, it is kdialog that a drive is made with" \
    ends_with 0 windows both <<<"$FIRST
$SECOND
Write it down => !ok
Group => !wrong
another one => !ok
Write it down => !ok
Group => !group
Group => !group
Group => !group
As usual: mount => !ok
It is in => !ok"
check "by no other program" fails grep -q ^zenity "$WINDOWS/shown"
check "it is mounted where it was asked for" \
    grep -q ' '"$T/home/My\\\\040drive fuse" /proc/self/mounts
check "it is in the sidebar of Dolphin" \
    grep -q "coffre/mydrive" "$T/data/user-places.xbel"
check "and will be at login" \
    grep -q "run mydrive" "$T/config/autostart/coffre-mydrive.desktop"
check "the file manager is opened there" until_ok 30 \
    grep -qxF "$T/home/My drive" "$T/xdg-open.words"
echo one >"$T/home/My drive/one"
check "it is stored" "$COFFRE" sync --wait=60 mydrive
pid_now() {
	"$COFFRE" status --json mydrive 2>/dev/null | jq -r '.pid // empty'
}
is_back() {
	local pid
	pid=$(pid_now)
	[ -n "$pid" ] && [ "$pid" != "$1" ] && [ -e "$T/home/My drive" ]
}
crash() {
	local pid
	pid=$(pid_now)
	kill -9 "$pid" && until_ok 30 is_back "$pid"
}
check "after a crash it is back" crash
check "locked, for nobody knows its passphrase; and nobody is asked" \
    [ -e "$T/home/My drive/LOCKED.txt" ]
check "it is unlocked" "$COFFRE" unlock --passphrase-fd 9 mydrive 9<<<"$STRONG"
check "the passphrase is on no disk" \
    fails grep -rqF "$STRONG" "$T/config" "$T/state" "$T/store"

# ---- from the menu, with a drive there --------------------------------------

opened() {
	until_ok 30 grep -qxF "$T/home/My drive" "$T/xdg-open.words" &&
	    [ "$(cat "$T/home/My drive/one")" = one ]
}
rm "$T/xdg-open.words"
check "a drive that is mounted is opened" ends_with 0 windows both \
    <<<"What would => Open 'mydrive'"
check "in the file manager" opened
check "elsewhere, with zenity" fails grep -q ^kdialog "$WINDOWS/shown"
need "the drive is locked" "$COFFRE" lock mydrive
rm "$T/xdg-open.words"
check "a locked one is unlocked for it" ends_with 0 windows zenity \
    <<<"What would => Unlock and open
Passphrase of drive 'mydrive' => wrong
does not work => $STRONG"
check "and opened" opened
need "it is unmounted" "$COFFRE" unmount mydrive
rm "$T/xdg-open.words"
check "that can be given up" ends_with 75 windows zenity \
    <<<"What would => Mount and open
Passphrase of drive 'mydrive' => !cancel"
check "then it is not mounted" fails grep -q "$T/home/My" /proc/self/mounts
check "one that is not mounted is mounted for it" ends_with 0 \
    windows kdialog <<<"What would => Mount and open
Passphrase of drive 'mydrive' => $STRONG"
check "and opened" opened
need "it is unmounted" "$COFFRE" unmount mydrive
echo "passphrase_command = echo '$STRONG'" >>"$T/config/coffre/mydrive.conf"
rm "$T/xdg-open.words"
check "nobody is asked for what a program knows" ends_with 0 \
    windows kdialog <<<"What would => Mount and open"
check "and it is opened" opened
check "after a crash that is back, too" crash
check "open" [ "$(cat "$T/home/My drive/one")" = one ]
need "it is unmounted" "$COFFRE" unmount mydrive

# Its store lets nobody in: what is the password?
settings=$T/config/coffre/mydrive.conf
cp "$settings" "$T/settings"
sed -i 's|^store = .*|store = webdav://alice@127.0.0.1:9/x|' "$settings"
echo 'password_command = false' >>"$settings"
need "it is mounted without its store" "$COFFRE" mount mydrive
is_refused() {
	[ "$("$COFFRE" status --json mydrive | jq -r .sync.link)" = refused ]
}
need "which does not let us in" until_ok 30 is_refused
rm "$T/xdg-open.words"
check "the menu asks for another password" ends_with 0 windows zenity \
    <<<"What would => Sign in to 'mydrive' again
New password of the store of 'mydrive' => $STRONG
nothing was changed => !default"
check "and opens the drive in any case" opened
refuse "it keeps none that does not let in" test -e \
    "$T/config/coffre/mydrive.cred"
need "it is unmounted" "$COFFRE" unmount mydrive
cp "$T/settings" "$settings"

check "one more is made with zenity's windows" ends_with 0 windows zenity \
    <<<"What would => Make a new drive
What to call => other
kept => a folder on
whole path => $T/other
Folder to show => !default
$SECOND
Write it down => !ok
Group => !group
Group => !group
Group => !group
As usual => !no
Mount it at login => !no
Mount it now => !close
shows it in '$T/home/Coffre-other' => !ok"
check "which is here" test -e "$T/config/coffre/other.key"

# What goes wrong last is told, too.
check "a store that fails as the drive is made is told of" ends_with 75 \
    windows zenity <<<"What would => Make a new drive
What to call => late
kept => a folder on
whole path => $T/late
Folder to show => $T/home/Late
$SECOND
Write it down => !sh mv $T/late $T/gone
Group => !group
Group => !group
Group => !group
cannot read from => !ok"
check "in a window for that" shown "zenity fail"
check "and nothing is kept here" \
    [ -z "$(find "$T/config" "$T/state" -name 'late*')" ]

# ---- a login in the browser --------------------------------------------------

fetched() {
	until_ok 30 grep -q '/login/v2/flow/' "$T/xdg-open.words"
}
CLOUD_STOP="$TOP/tests/servers/nextcloud.sh stop $T/cloud"
rc=0
"$TOP/tests/servers/nextcloud.sh" start "$T/cloud" >"$T/cloud.vars" || rc=$?
if [ "$rc" -eq 77 ]; then
	skip_part "a login in the browser" \
	    "$(sed 's/^SKIP: //' "$T/cloud.vars")"
else
	PORT=$(sed -n 's/^HTTP=.*:\([0-9]*\).*/\1/p' "$T/cloud.vars")
	ASKED="What would => Make a new drive
What to call => cloud
kept => another address
Address => nextcloud://127.0.0.1:$PORT/drive?tls=no"
	rm -f "$T/xdg-open.words"
	check "a login that is not granted can be given up" ends_with 75 \
	    windows zenity <<<"$ASKED
Log in and grant => !close"
	check "the browser was opened for it" fetched
	# The page is asked for, as by a browser in which the user agrees.
	for p in zenity kdialog; do
		printf '#!/bin/sh\ncurl -so "%s/page" "$1"\n' "$T" >"$T/$p/xdg-open"
		check "$p: one that is granted goes on by itself" \
		    ends_with 75 windows $p <<<"$ASKED
Log in and grant => !wait
The store works => !cancel"
		check "$p: and what was the window is gone" until_ok 30 \
		    fails pgrep -f "$T/$p/$p"
	done
fi
fs_count
[ "$N_FAILED" -eq 0 ]
