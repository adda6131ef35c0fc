#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# What is pinned is fetched and stays here, by where it lies; what is not may
# be let go of, but never what is not on the store.
. "$(dirname "$0")/../lib.sh"
MOUNT_OPTS=,quiet=1
fs_begin

exit_of() {
	local rc=0
	"$@" >"$T/said" 2>&1 || rc=$?
	echo "$rc"
}
said() {
	grep -qF -- "$1" "$T/said"
}
state() {
	getfattr --only-values -n user.coffre.state "$1" 2>/dev/null
}
state_is() {
	[ "$(state "$1")" = "$2" ] || { say "state: $(state "$1")"; false; }
}
drop_all() {
	"$COFFRE" cache --free 1T "$NAME" >/dev/null &&
	    echo 1 >/proc/sys/vm/drop_caches
}
# Read without the store: only what is here can be, within so many seconds.
store_off() {
	mv "$T/store" "$T/store.off"
}
store_on() {
	mv "$T/store.off" "$T/store"
}
read_here() {
	local s=$1 f rc=0
	shift
	echo 1 >/proc/sys/vm/drop_caches
	store_off
	for f in "$@"; do
		timeout "$s" cmp "$R/${f##*/}" "$f" 2>/dev/null || rc=1
	done
	store_on
	return "$rc"
}
is_here() {
	read_here 30 "$@"
}
is_away() {
	fails read_here 3 "$@"
}
# All that is pinned has come.
all_here() {
	[ "$(drive_status '.pins | .counted and .bytes == .here_bytes')" = \
	    true ]
}
# What is pinned, and all of it has come.
has_come() {
	[ "$(state "$1")" = "stored, pinned with its folder" ]
}
comes() {
	until_ok 30 has_come "$1" && is_here "$1"
}
make() {
	head -c "$2" /dev/urandom >"$R/${1##*/}" && cp "$R/${1##*/}" "$1"
}

mkdir keep keep/deep other
make keep/a 3000000 && make keep/deep/b 2000000 && make keep/small 5000
make other/c 3000000 && make other/d 2000000 && make other/few 9000
check "all of it reaches the store" drive_sync

# ---- pinning what is here and what is not

check "the cache is emptied" drop_all
check "nothing of it is here" is_away keep/a
check "a folder is pinned, and waited for" "$COFFRE" pin --wait=60 keep
check "its files are here" is_here keep/a keep/deep/b keep/small
check "the others are not" is_away other/c
check "the cache is emptied again" drop_all
check "what is pinned stays" is_here keep/a keep/deep/b keep/small
check "a file says so" state_is keep/a "stored, pinned with its folder"
check "another does not" state_is other/c stored
check "status counts it" [ "$(drive_status '.pins | .items, .files' |
    tr '\n' ' ')" = "1 3 " ]
check "status says it" sh -c "'$COFFRE' status $NAME |
    grep -q 'pinned    1 item: .* here, 3 files'"
check "pin lists it" sh -c "'$COFFRE' pin | grep -q '^$M/keep: .* 3 files'"
check "also as JSON" [ "$("$COFFRE" pin --json | jq -r .path)" = "$M/keep" ]

# ---- what is said of what lies inside

check "a second pin is told" [ "$(exit_of "$COFFRE" pin keep)" = 0 ]
check "as such" said "is pinned already"
check "so is one inside" [ "$(exit_of "$COFFRE" pin keep/deep)" = 0 ]
check "with the folder" said "'$M/keep'"
check "nothing was added" [ "$(drive_status .pins.items)" = 1 ]
refuse "what is inside cannot be unpinned" "$COFFRE" unpin keep/deep/b
check "and it is said what can" sh -c \
    "'$COFFRE' unpin keep/deep/b 2>&1 | grep -q \"'$M/keep' is\""
refuse "nor what is not pinned" "$COFFRE" unpin other/c
refuse "nothing outside is pinned" "$COFFRE" pin "$R/a"
refuse "nor what is not there" "$COFFRE" pin keep/none
mkfifo pipe
refuse "nor a pipe" "$COFFRE" pin pipe
rm pipe

# ---- in and out, by the place

mv other/c keep/deep/c
check "what moves in is fetched" comes keep/deep/c
mv keep/a other/a
check "the cache is emptied" drop_all
check "what has moved out goes" is_away other/a
check "what has moved in stays" is_here keep/deep/c
check "and says so" state_is keep/deep/c "stored, pinned with its folder"
ln other/d keep/d
check "a second name in the folder is enough" comes other/d
check "the cache is emptied" drop_all
check "it stays" is_here other/d
rm keep/d
check "the cache is emptied" drop_all
check "without it, it goes" is_away other/d
mkdir keep/new
make keep/new/e 1000000
check "all of it reaches the store" drive_sync
check "the cache is emptied" drop_all
check "what is made there stays" is_here keep/new/e
mv keep/deep moved
check "the cache is emptied" drop_all
check "a folder that moves out takes its files along" is_away moved/b
mv moved keep/deep
check "and back in" comes keep/deep/b

# ---- a file that programs save by renaming another one over it

check "a file is pinned" "$COFFRE" pin --wait=60 other/few
check "and says so" state_is other/few "stored, pinned"
make other/few.new 7000
mv "$R/few.new" "$R/few"
mv other/few.new other/few
check "all of it reaches the store" drive_sync
check "the cache is emptied" drop_all
check "its new content stays" is_here other/few
check "it is unpinned" "$COFFRE" unpin other/few

# ---- letting go

check "what is pinned is not let go of" "$COFFRE" cache free keep
check "it stays" is_here keep/deep/b
check "it says why" sh -c "'$COFFRE' cache free keep | grep -q 'are pinned'"
check "a file comes back" cmp "$R/d" other/d
check "it is let go of" sh -c "'$COFFRE' cache free other/d |
    grep -q 'd: 1.9 MiB freed'"
check "it is away" is_away other/d
store_off
make other/unsent 1500000
check "what is not sent is not let go of" sh -c \
    "'$COFFRE' cache free other >'$T/said' && grep -q 'sync --wait' '$T/said'"
check "and how much that is" grep -q '1.4 MiB stay' "$T/said"
check "it is read as before" cmp "$R/unsent" other/unsent
store_on
check "it reaches the store" drive_sync
check "then it is let go of" "$COFFRE" cache free other
check "and away" is_away other/unsent
check "and comes back" cmp "$R/unsent" other/unsent

# ---- the limit of the cache is for what is not pinned

make keep/f 6000000
check "all of it reaches the store" drive_sync
cd "$T" || exit 1
need "it is unmounted" drive_unmount
MOUNT_OPTS=,quiet=1,cache=2M
need "it is mounted with a small cache" drive_mount
cd "$M" || exit 1
check "more than that is pinned and here" is_here keep/f keep/deep/b \
    keep/deep/c
cat other/* >/dev/null
cache_is_small() {
	[ "$(drive_status '.usage.cache_bytes - .pins.cache_bytes')" -le \
	    2200000 ]
}
check "what is not pinned keeps to the limit" until_ok 20 cache_is_small
check "what is pinned is here as before" is_here keep/f keep/deep/b
check "fsck finds nothing" "$COFFRE" fsck "$NAME"

# ---- the store away, and killed amid it

check "it is unpinned" "$COFFRE" unpin keep
check "the cache is emptied" drop_all
check "then it goes" is_away keep/f
store_off
check "a pin without the store is taken" "$COFFRE" pin keep
check "and says how much is to come" sh -c \
    "'$COFFRE' pin | grep -q 'keep: .* of .* MiB here'"
refuse "waiting for it ends" "$COFFRE" pin --wait=2 keep
check "the file says how much is here" sh -c \
    "getfattr --only-values -n user.coffre.state keep/f |
    grep -q 'stored, pinned with its folder, .*% here'"
store_on
check "with the store it comes by itself" until_ok 90 all_here
check "it is here" is_here keep/f keep/deep/b
check "and the list says so" sh -c \
    "'$COFFRE' pin | grep -q 'keep: \(.*\) of \1 here'"

check "it is unpinned" "$COFFRE" unpin keep
make keep/g 12000000 && make keep/h 12000000
check "all of it reaches the store" drive_sync
check "the cache is emptied" drop_all
cd "$T" || exit 1
need "it is unmounted" drive_unmount
MOUNT_OPTS=,quiet=1,cache=2M,down=2M
need "it is mounted on a slow line" drive_mount
cd "$M" || exit 1
some_here() {
	[ "$(drive_status '.pins | .counted and .here_bytes > 5000000 and
	    .here_bytes < .bytes')" = true ]
}
check "a folder is pinned" "$COFFRE" pin keep
check "a part of it comes" until_ok 30 some_here
cold() {
	local at=$SECONDS
	cmp "$R/c" "$M/keep/deep/c" && [ $((SECONDS - at)) -lt 15 ]
}
check "a reader comes first" cold
cd "$T" || exit 1
drive_kill
MOUNT_OPTS=,quiet=1,cache=2M
need "killed, it is mounted again" drive_mount
cd "$M" || exit 1
check "the pin is there" [ "$(drive_status .pins.items)" = 1 ]
check "it goes on by itself" until_ok 60 all_here
down=$(drive_status .sync.bytes_down)
check "without what had come before ($down bytes)" [ "$down" -lt 33000000 ]
check "all of it is here" is_here keep/g keep/h keep/f keep/deep/b

# ---- a copy of what is not here is fetched, too

check "the others are let go of" "$COFFRE" cache free other
cp "$R/a" "$R/copy"
check "it is copied" cp other/a keep/copy
check "the copy reaches the store" drive_sync
check "a copy in the folder is here in the end" comes keep/copy
rm -rf keep/copy
check "a pinned folder can be removed" rm -r keep/deep
check "and is not counted any more" until_ok 60 sh -c \
    "[ \"\$('$COFFRE' status --json $NAME | jq .pins.files)\" = 5 ]"

fs_end
