#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The wizard: a drive from a few questions, answered on a terminal; every
# wrong answer is told and asked again; ended anywhere, nothing is made.
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

# wizard NAME: answer what standard input says; what was shown is T/NAME.out.
wizard() {
	TERM=xterm python3 "$TOP/tests/fs/wizard.py" "$T/$1.out" \
	    "$COFFRE" setup
}
shown() {
	grep -qF -- "$2" "$T/$1.out" || { cat "$T/$1.out"; return 1; }
}
ends_with() {
	local want=$1 rc=0
	shift
	"$@" || rc=$?
	[ "$rc" -eq "$want" ] || { say "exit $rc"; return 1; }
}
# Neither here nor there: the store was made for the trial, and is empty.
nothing_made() {
	local left
	left=$(find "$T/config" "$T/state" "$T/home" "$T/store" ! -type d \
	    2>/dev/null)
	[ -z "$left" ] || { say "$left"; return 1; }
}
number() {
	# The number in front of that choice.
	"$COFFRE" store presets --json | jq -rs --arg want "$1" '
	    [.[] | select(.kind != "none") | .name] +
	    ["folder", "address"] | index($want) + 1'
}
DIR=$(number folder)
FIRST="What to call => mydrive
Number: => $DIR
whole path: => $T/store
Folder to show => $T/home/My drive"
STRONG='violet anchor seven kettle moss'

check "without a terminal it says what else there is" \
    ends_with 66 setsid "$COFFRE" setup 2>"$T/none.err"
check "that is 'coffre init'" grep -q "coffre init" "$T/none.err"

# ---- ended at each question ----------------------------------------------

# ended NAME CODE SCRIPT
ended() {
	check "ended at $1 it goes with $2" ends_with "$2" \
	    wizard "end-$1" <<<"$3"
	check "ended at $1 it says that nothing was made" \
	    shown "end-$1" "nothing was made"
	check "ended at $1 nothing is left" nothing_made
}
ended name 130 "What to call => !^C"
ended name-eof 75 "What to call => !^D"
ended name-term 143 "What to call => !TERM"
ended place 130 "What to call => x
Number: => !^C"
ended folder 129 "What to call => x
Number: => $DIR
whole path: => $T/store
Folder to show => !HUP"
ended passphrase 75 "$FIRST
New passphrase: => !^C"
ended again 75 "$FIRST
New passphrase: => $STRONG
again: => !^C"
ended key 130 "$FIRST
New passphrase: => $STRONG
again: => $STRONG
when you have it => !^C"
check "the screen comes back when the key was on it" \
    grep -q $'\033\[?1049l' "$T/end-key.out"
ended asked-back 143 "$FIRST
New passphrase: => $STRONG
again: => $STRONG
when you have it => !enter
Group => !group
Group => !TERM"
check "killed before the end nothing is left" ends_with 137 \
    wizard end-kill <<<"$FIRST
New passphrase: => $STRONG
again: => $STRONG
when you have it => !KILL"
check "of that neither" nothing_made

# ---- ended where nothing is echoed ---------------------------------------

cat >"$T/ask" <<END
sh -c 'echo \$\$ >$T/pid; exec "$COFFRE" init --store dir:$T/store x'
echo "exit \$?"
stty -a | grep -q ' echo ' && echo 'the echo is on'
END
# ended_unseen SIGNAL CODE
ended_unseen() {
	check "a program that asks goes with $1" ends_with 0 env TERM=xterm \
	    python3 "$TOP/tests/fs/wizard.py" "$T/ask-$1.out" sh "$T/ask" <<END
new passphrase => !sh kill -$1 \$(cat $T/pid)
 => !enter
END
	check "ended by that" shown "ask-$1" "exit $2"
	check "and leaves the terminal as it was" shown "ask-$1" "the echo is on"
}
ended_unseen HUP 129
ended_unseen TERM 143

# ---- wrong answers -------------------------------------------------------

mkdir -p "$T/full" "$T/other"
echo x >"$T/full/file"
echo x >"$T/plain"
check "wrong answers are told and asked again" ends_with 0 \
    wizard wrong <<<"What to call => no/name
cannot be a drive's name => !wait
What to call => mydrive
Number: => 0
a number from 1 => !wait
Number: => $DIR
whole path: => relative
begins with '/' => !wait
whole path: => $T/plain/store
does not work => !wait
Try again => maybe
'yes' or 'no' => !wait
Try again => yes
Number: => $(number address)
Address: => ftp://nobody
does not work => !wait
Try again => !enter
Number: => $(number address)
Address: => dir:$T/store
The store works => !wait
Folder to show => somewhere
whole path is needed => !wait
Folder to show => $T/full
is not empty => !wait
Folder to show => $T/plain
is no folder => !wait
Folder to show => ~/My drive
New passphrase: => !enter
is needed => !wait
New passphrase: => azerty123
weak => !wait
all the same => no
New passphrase: => $STRONG
good => !wait
again: => something else
differ => !wait
New passphrase: => $STRONG
again: => $STRONG
when you have it => !enter
Group => !wrong
another one => !wait
when you have it => !enter
Group => !group
Group => !group
Group => !group
is made => !wait
As usual: mount it at login, and mount it now => yes
It is in => !wait"
check "the drive is mounted where it was asked for" \
    grep -q ' '"$T/home/My\\\\040drive fuse" /proc/self/mounts
check "and is there after the next login" \
    grep -q "autostart run mydrive" "$T/config/autostart/coffre-mydrive.desktop"
check "it takes a file" cp "$T/plain" "$T/home/My drive/plain"
check "which is stored" "$COFFRE" sync --wait=60 mydrive
check "it is unmounted" "$COFFRE" unmount mydrive
check "the passphrase is on no disk" \
    fails grep -rqF "$STRONG" "$T/config" "$T/state" "$T/store"
check "the configuration names the folder" \
    grep -q "^mountpoint = $T/home/My drive\$" "$T/config/coffre/mydrive.conf"

# ---- a provider's store, part by part ------------------------------------

check "of Swift it asks for all that the address needs" ends_with 75 \
    wizard swift <<<"What to call => other
Number: => $(number 'any OpenStack Swift')
User name there => anna
Host, => 127.0.0.1:9
Project: => work
Container => box
Folder in it => !enter
Password at the store => secret
does not work => !wait
Try again => no"
check "and tries that" shown swift \
    "Trying swift://127.0.0.1:9/box/coffre?project=work"

# ---- the key is the right one --------------------------------------------

# Its groups in order, as they stood on the screen last.
key() {
	tr -d '\r' <"$T/wrong.out" | grep -oE '(^| )[0-9]+ [a-z]{5}' |
	    sort -n | awk '{ g[$1] = $2; if ($1 + 0 > n) n = $1 }
	    END { for (i = 1; i <= n; i++)
		printf "%s%s", g[i], i < n ? "-" : "\n" }'
}
key >"$T/key"
check "the key that was shown brings the drive back" \
    env XDG_CONFIG_HOME="$T/config2" XDG_STATE_HOME="$T/state2" \
    "$COFFRE" recover --store "dir:$T/store" --passphrase-fd 9 \
    --recovery-fd 8 mydrive 9<<<"$STRONG" 8<"$T/key"

# ---- what is there already -----------------------------------------------

check "a folder that no sidebar shows is told of" ends_with 75 \
    wizard outside <<<"What to call => other
Number: => $DIR
whole path: => $T/other
Folder to show => $T/outside
no drive there in their sidebar => !wait
New passphrase: => !^D"
check "one below the home is not" \
    fails grep -qF "in their sidebar" "$T/wrong.out"
check "a second one is offered another name and folder; the first one's are \
refused" ends_with 75 \
    wizard second <<<"What to call the drive on this machine [coffre] => mydrive
there is a drive 'mydrive' => !wait
What to call => other
Number: => $DIR
whole path: => $T/store
already holds a drive => !wait
Try again => yes
Number: => $DIR
whole path: => $T/other
Folder to show the drive in [$T/home/Coffre-other] => !enter
New passphrase: => !^D"
check "of the second nothing is left" \
    fails ls "$T/config/coffre/other.conf" "$T/config/coffre/other.key"

# ---- a store that fails at the last moment -------------------------------

check "when the store fails as the drive is made, it is told" ends_with 75 \
    wizard late <<<"What to call => late
Number: => $DIR
whole path: => $T/other
Folder to show => $T/home/Late
New passphrase: => $STRONG
again: => $STRONG
Press Enter => !sh mv $T/other $T/gone
when you have it => !enter
Group => !group
Group => !group
Group => !group"
check "and nothing is kept here" fails ls "$T/config/coffre/late.conf" \
    "$T/config/coffre/late.key"
fs_count
[ "$N_FAILED" -eq 0 ]
