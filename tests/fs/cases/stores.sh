#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What the commands of 'coffre store' have to keep apart: stores whose
# addresses begin alike; two that are added at once; what an earlier drive has
# left and a new one of that name.
. "$(dirname "$0")/../lib.sh"
fs_prepare
is_plain && skip "is about stores, not about POSIX"
need "it is mounted" drive_mount
M=$T/mnt/work
mkdir "$M"
echo "$MARK" >"$M/$MARK"
need "there is what is to be read nowhere" plant

# listed N TEXT: of store N 'store list' says that.
listed() {
	"$COFFRE" store list "$NAME" | grep -q "^$1  .*$2"
}

# ---- addresses that begin alike ---------------------------------------------

mkdir "$T/store2"
check "a store is added whose address goes on where the first one's ends" \
    "$COFFRE" store add "$NAME" "dir:$T/store2"
check "it has all" until_ok 30 listed 2 "has all"
mv "$T/store2" "$T/away"
head -c 50000 /dev/urandom >"$M/one"
check "without it what is written" drive_sync
check "is lacking there" until_ok 30 listed 2 "store2, lacks.*away"
check "and not on the first" listed 1 "store, has all"
mv "$T/away" "$T/store2"
"$COFFRE" sync "$NAME"
check "it gets it when it is back" until_ok 60 listed 2 "store2, has all"
check "it can be removed" "$COFFRE" store remove "$NAME" 2

# Of an address so long a mount tells the beginning.
long=$T/$(printf '%0150d/%0150d' 0 0)
mkdir -p "$long-1" "$long-2"
check "a long address does" "$COFFRE" store add "$NAME" "dir:$long-1"
check "and is told of" until_ok 30 listed 2 "has all"
check "and one more" "$COFFRE" store add "$NAME" "dir:$long-2"
refuse "which of two is meant is not guessed" "$COFFRE" store remove \
    "$NAME" 3 2>"$T/err"
check "that is said" grep -q "told apart" "$T/err"
refuse "nor whose state it is" listed 2 "has all"
check "the drive has all three" listed 3 "$long-2"
need "it is unmounted" drive_unmount
rm "$T/config/coffre/$NAME.stores/3.conf"
need "it is mounted without that" drive_mount
check "it can be removed then" "$COFFRE" store remove "$NAME" 2

# ---- two that are added at once ---------------------------------------------

STORES=$T/config/coffre/$NAME.stores
nothing_new() {
	fails ls "$STORES/new.conf" "$STORES/new.cred" 2>/dev/null
}
mkdir "$T/first" "$T/second"
"$COFFRE" store add "$NAME" "dir:$T/first" --password-command \
    "touch $T/asked; until [ -e $T/go ]; do sleep 0.1; done; echo x" &
adding=$!
need "a store is being added" until_ok 30 test -e "$T/asked"
refuse "no other one is meanwhile" "$COFFRE" store add "$NAME" \
    "dir:$T/second" --password-fd 8 8<<<secret 2>"$T/err"
check "that is said" grep -q "another 'store add' is at work" "$T/err"
check "a list of them is no trouble" "$COFFRE" store list "$NAME"
touch "$T/go"
check "the first is added" wait "$adding"
check "as it was told" grep -qx "store = dir:$T/first" "$STORES/2.conf"
check "and nothing is left of that" nothing_new

# Ended while the mount has it in hand.
echo old >"$STORES/new.cred"
kill -STOP "$MPID"
"$COFFRE" store add "$NAME" "dir:$T/second" --password-fd 8 8<<<secret &
adding=$!
need "one more is told to the mount" until_ok 30 test -s "$STORES/new.conf"
sleep 1
kill "$adding"
wait "$adding"
kill -CONT "$MPID"
check "it goes on with it" until_ok 60 test -e "$STORES/3.conf"
check "with the password that was given" test \
    "$(cat "$STORES/3.cred")" = secret
check "nothing is left where that stood" until_ok 10 nothing_new

# ---- what an earlier drive has left -----------------------------------------

conf=$T/config/coffre
init_other() {
	mkdir -p "$T/other" && coffre init --store "dir:$T/other" \
	    --recovery-file "$T/recovery2" other 2>"$T/err"
}
mkdir "$conf/other.stores"
cp "$STORES/3.conf" "$conf/other.stores/"
refuse "a drive has no stores of an earlier one" init_other
check "they are told of" grep -q "/other.stores' is left of" "$T/err"
rm "$conf/other.stores/3.conf"
cp "$STORES/3.cred" "$conf/other.stores/"
refuse "nor a password" init_other
rm "$conf/other.stores/3.cred"
cp "$STORES/3.cred" "$conf/other.cred"
check "without those it is made" init_other
refuse "the first one's password is gone" test -e "$conf/other.cred"
check "it has one store" test "$("$COFFRE" store list other |
    grep -c '^[0-9]')" = 1
fs_end
