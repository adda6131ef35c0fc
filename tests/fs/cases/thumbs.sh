#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Previews that are seeded: one of each photo travels with it, and a file
# manager finds it where it looks for previews, with nothing fetched.
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/remote.sh"
need "a drive can be changed from outside" remote_prepare
MOUNT_OPTS=,thumbnails=seed,log_level=debug
PICTURES=$XDG_CACHE_HOME/thumbnails/normal
MARKS=$XDG_CACHE_HOME/thumbnails/fail/gnome-thumbnail-factory
mkdir -p "$MARKS"
PHOTO=$TOP/tests/fs/photo.py

# Programs are known by their names.
cp "$(command -v cat)" "$T/gdk-pixbuf-thum"
cp "$(command -v ls)" "$T/nautilus"
THUMB=$T/gdk-pixbuf-thum

down() {
	drive_status .sync.bytes_down
}
made() {
	[ "$(grep -c 'seeds: made r=0' "$T/daemon.log")" -ge "$1" ]
}
let_go() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null &&
	    echo 1 >/proc/sys/vm/drop_caches
}
picture_of() {
	python3 - "$1" <<'PY'
import hashlib, sys, urllib.parse
safe = "!$&'()*+,-./:=@_~"
uri = "file://" + urllib.parse.quote(sys.argv[1], safe=safe)
print(hashlib.md5(uri.encode()).hexdigest() + ".png")
PY
}
fits() {
	python3 "$PHOTO" --look "$PICTURES/$(picture_of "$1")" "$1" \
	    "$(stat -c %Y "$1")"
}
is_there() {
	[ -e "$PICTURES/$(picture_of "$1")" ]
}
# Looked at again and again, as by a person; a listing brings what it finds.
comes() {
	"$T/nautilus" -l "$(dirname "$1")" >/dev/null && fits "$1" 2>/dev/null
}
refused() {
	"$THUMB" "$1" >/dev/null 2>"$T/said" && return 1
	grep -q "Permission denied" "$T/said"
}

notes() {
	drive_status '.notes[]' | grep -q "$1"
}

# As the programs are run that make previews; AS is a prefix.
AS=()
cp "$COFFRE" "$T/jailer"
in_jail() {
	"${AS[@]}" bash -c 'exec -a coffre-jail "$@"' - "$T/jailer" "$@" \
	    </dev/null
}
quietly() {
	"$@" >/dev/null 2>&1
}
# It sees no files of ours: the program is an argument.
JAILED=$TOP/tests/fs/jailed.py
tried() {
	in_jail python3 -c "$(cat "$JAILED")" "$@"
}
preview_made() {
	"${AS[@]}" /usr/bin/python3 -c "$(cat "$JAILED")" preview "$T/jailer" \
	    <"$R/one" >"$T/png" && head -c 8 "$T/png" | grep -aq PNG
}
sleeps() {
	grep -aq '^sleep' "/proc/$(cat "$T/pid")/cmdline" 2>/dev/null
}
# Who started it is killed.
ends_with_us() {
	local starter
	: >"$T/pid"
	"${AS[@]}" bash -c '(exec -a coffre-jail "$0" sleep 60) >/dev/null 2>&1 &
	    echo "$!"; wait' "$T/jailer" >"$T/pid" &
	starter=$!
	until_ok 20 sleeps || return 1
	kill -9 "$starter"
	wait "$starter" 2>/dev/null
	until_ok 10 fails sleeps
}
has_landlock() {
	python3 -c 'import ctypes, sys
sys.exit(ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1)'
}
has_landlock || skip "the kernel has no Landlock, so there are no previews"

need "it is mounted" drive_mount
M=$T/mnt/work
N="$M/a;b %é&'(1) $MARK.jpg"
mkdir -p "$M/c" "$M/d" && cd "$M" || exit 1

# ---- what makes them

python3 "$PHOTO" "$R/one" 1 && python3 "$PHOTO" "$R/two" 2 || exit 1
jail_check() {
	local who=$1 g
	check "$who: it sees what is installed" quietly in_jail sh -c \
	    'ls /usr/bin && cat /etc/ld.so.cache && exec python3 -c ""'
	refuse "$who: it has a command that ends badly" in_jail false
	check "$who: a socket is nothing new" python3 -c \
	    'import socket; socket.socket()'
	refuse "$who: but not there" quietly in_jail python3 -c \
	    'import socket; socket.socket()'
	refuse "$who: it signals nobody" quietly in_jail sh -c \
	    "kill -0 $MPID"
	check "$who: but itself" [ "$(exit_of in_jail python3 -c \
	    'import os; os.abort()')" -eq 134 ]
	for g in network signals groups processes ipc files memory kernel \
	    later; do
		check "$who: calls are refused: $g" tried calls "$g"
	done
	check "$who: others by what they are to do" tried args "$MPID"
	echo secret >"$R/secret" && chown "$NOBODY" "$R/secret" &&
	    chmod 600 "$R/secret"
	was=$(stat -c '%a %u %s %y %z' "$R/secret")
	check "$who: it does nothing to a file of its user" tried file \
	    "$R/secret"
	check "$who: nothing was done" \
	    [ "$was" = "$(stat -c '%a %u %s %y %z' "$R/secret")" ]
	refuse "$who: it makes none" quietly in_jail sh -c 'echo >"$1"' sh \
	    "$R/made"
	check "$who: nothing was made" fails test -e "$R/made"
	refuse "$who: it sees nothing of others" quietly in_jail cat \
	    "/proc/$MPID/status"
	refuse "$who: nor who has an account" quietly in_jail cat /etc/passwd
	check "$who: it is nobody" tried nobody "$who"
	check "$who: it ends with who started it" ends_with_us
	check "$who: a preview is made" preview_made
}
jail_check root
chmod 777 "$R"
AS=(setpriv --reuid="$NOBODY" --regid="$NOBODY" --clear-groups)
jail_check user
AS=()
chmod 755 "$R"
for w in landlock seccomp; do
	AS=(python3 "$JAILED" without "$w")
	check "without $w nothing is run" [ "$(exit_of in_jail true)" -eq 127 ]
done
AS=()

# ---- they are made

check "photos are written" sh -c 'cp "$1" "$2" && cp -p "$1" c/x.jpg &&
    cp "$1" c/same.jpg && cp "$1" c/bad.jpg && cp "$1" d/y.jpg' sh \
    "$R/one" "$N"
head -c 300000 /dev/urandom >"$M/noise"
{ printf '\377\330\377'; head -c 300000 /dev/urandom; } >"$M/broken.jpg"
head -c 3000 "$R/one" >"$M/small.jpg"
before=$(stat -c '%y %z' "$N")
check "a preview of each is made" until_ok 120 made 5
check "no time of the file changes by that" \
    [ "$before" = "$(stat -c '%y %z' "$N")" ]
check "it is not shown as an attribute" [ -z "$(getfattr -d -m - "$N" \
    2>/dev/null)" ]
refuse "nor given as one" getfattr -n user.coffre.preview "$N" 2>/dev/null
refuse "nor can it be set" setfattr -n user.coffre.preview -v x "$N" \
    2>/dev/null
refuse "nor taken away" setfattr -x user.coffre.preview "$N" 2>/dev/null
check "all of it reaches the store" drive_sync

# ---- and come where file managers look

check "the cache is emptied" let_go
check "another device writes one that is no picture" \
    remote preview /work/c/bad.jpg thisisnone
check "a photo is written that stays here" cp "$R/one" "$M/d/z.jpg"
check "it gets a preview, too" until_ok 120 made 6
had=$(down)
ls -l "$M" "$M/c" >/dev/null
touch "$MARKS/$(picture_of "$N")"
check "a file manager's look brings them" until_ok 20 comes "$N"
check "the note that there is none goes" \
    fails test -e "$MARKS/$(picture_of "$N")"
if command -v gio >/dev/null; then
	check "GLib takes it for one" sh -c 'gio info -a thumbnail:: "$1" |
	    grep -q "thumbnail::is-valid: TRUE"' sh "$N"
else
	skip_part "GLib takes it for one" "gio is missing"
fi
check "there are none of what is no photo" [ "$(find "$PICTURES" -type f |
    wc -l)" -eq 1 ]
check "other programs' looks bring none" fails is_there "$M/c/x.jpg"
check "a program that makes some is refused" refused "$M/c/x.jpg"
check "but finds one then" fits "$M/c/x.jpg"
ln "$PICTURES/$(picture_of "$M/c/x.jpg")" "$T/kept"
check "its neighbour comes with a look" until_ok 20 comes "$M/c/same.jpg"
check "what was there is left alone" \
    [ "$PICTURES/$(picture_of "$M/c/x.jpg")" -ef "$T/kept" ]
check "what is no picture does not come" fails is_there "$M/c/bad.jpg"
check "those of another folder do" until_ok 20 comes "$M/d/y.jpg"
check "but for what is here" fails is_there "$M/d/z.jpg"
check "nothing was fetched for all that" [ "$(down)" = "$had" ]

# ---- what changes

check "it is another photo" cp "$R/two" "$N"
check "which has another preview" until_ok 120 made 7
check "it gets another time" touch -d '2001-02-03 04:05:06.7' "$N"
check "and a preview of that time" until_ok 120 made 8
check "a photo becomes a text" sh -c 'seq 60000 >"$1"' sh "$M/d/y.jpg"
check "all of it reaches the store" drive_sync
check "the cache is emptied" let_go
cp "$PICTURES/$(picture_of "$N")" "$T/old"
before=$(cksum <"$PICTURES/$(picture_of "$M/d/y.jpg")")
check "the new preview comes" until_ok 20 comes "$N"
check "in place of the old one" fails cmp -s "$T/old" \
    "$PICTURES/$(picture_of "$N")"
check "now that of the other folder, too" until_ok 20 comes "$M/d/z.jpg"
check "but nothing of the text" [ "$before" = \
    "$(cksum <"$PICTURES/$(picture_of "$M/d/y.jpg")")" ]

# ---- where they go

echo foreign >"$PICTURES/$(picture_of "$T/elsewhere")"
cd "$T" || exit 1
check "it is locked" "$COFFRE" lock "$NAME"
check "then no preview of it is left" fails is_there "$N"
check "those of others stay" test -e "$PICTURES/$(picture_of "$T/elsewhere")"
check "it is unlocked" coffre unlock "$NAME"
check "they come again" until_ok 20 comes "$N"
check "the daemon is killed" drive_kill
check "they are left by that" is_there "$N"
need "it is mounted again" drive_mount
check "and go now" until_ok 20 fails is_there "$N"
check "they come again" until_ok 20 comes "$N"
check "it is unmounted" drive_unmount
check "they are gone" fails is_there "$N"

# ---- on another machine

need "the machine is lost" lose_machine
check "a new machine has the drive" on_store recover
need "it is mounted there" drive_mount
had=$(down)
check "the previews are there as well" until_ok 20 comes "$N"
check "and nothing of the photos" [ $(($(down) - had)) -lt 50000 ]
check "it is unmounted" drive_unmount
ln -s "$M" "$T/inside"
XDG_CACHE_HOME=$T/inside need "it is mounted, the cache is on it" drive_mount
"$T/nautilus" -l "$M" >/dev/null
check "it is locked" timeout 60 "$COFFRE" lock "$NAME"
check "it is unlocked" coffre unlock "$NAME"
check "no cache is made on it" fails test -e "$M/thumbnails"
check "it is unmounted" drive_unmount
MOUNT_OPTS=
need "it is mounted without" drive_mount
check "then a program is refused" refused "$N"
check "and there are none" fails is_there "$N"
check "it is unmounted" drive_unmount

# ---- where none can be made

printf '#!/bin/sh\nexec python3 "%s" without landlock "%s" "$@"\n' "$JAILED" \
    "$COFFRE" >"$T/without" && chmod +x "$T/without"
MOUNT_OPTS=,thumbnails=seed,log_level=debug
COFFRE=$T/without need "it is mounted, without Landlock" drive_mount
MOUNT_OPTS=
check "it says that it makes none" notes Landlock
n=$(grep -c 'seeds: made r=0' "$T/daemon.log")
check "a photo is written" cp "$R/one" "$M/d/w.jpg"
sleep 5
check "it gets none" [ "$(grep -c 'seeds: made r=0' "$T/daemon.log")" -eq "$n" ]

cd "$M" || exit 1
fs_end
