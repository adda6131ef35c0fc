#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Show what Coffre does, in half a minute: a drive on a folder that stands for
# somebody else's disk, mounted, written, looked at from the outside, mounted
# again.  All of it happens in a temporary place with a home of its own; your
# files and settings are not touched, and nothing is left behind.
set -eu
cd "$(dirname "$0")/.."

COFFRE=${COFFRE:-build/coffre}
case $COFFRE in
/*) ;;
*) COFFRE=$PWD/$COFFRE ;;
esac
passphrase='a demonstration, not a secret'
secret='The treasure is under the third oak.'

if [ ! -r /dev/fuse ] || [ ! -w /dev/fuse ]; then
	echo "demo: this machine does not let you use /dev/fuse, so nothing" \
	    "can be mounted here." >&2
	exit 1
fi

home=$(mktemp -d "${TMPDIR:-/tmp}/coffre-demo.XXXXXX")
mnt=$home/Coffre
store=$home/somebody-elses-disk
cleanup() {
	cd /
	if grep -q " $mnt fuse" /proc/self/mounts; then
		"$COFFRE" unmount demo >/dev/null 2>&1 ||
			fusermount3 -uz "$mnt" || umount -l "$mnt" || :
	fi
	rm -rf --one-file-system "$home"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

export HOME=$home XDG_CONFIG_HOME=$home/config XDG_STATE_HOME=$home/state
export XDG_RUNTIME_DIR=$home/run XDG_CACHE_HOME=$home/cache
mkdir -p "$mnt" "$store" "$home/run"
chmod 700 "$home/run"

step() {
	printf '\n== %s\n' "$*"
}
# Show a command as one would type it, and run it.
run() {
	printf '   $ %s\n' "$*" | sed "s|$home|~|g; s|$COFFRE|coffre|g"
	"$@" 2>&1 | sed "s|$home|~|g; s/^/   /"
	return "${PIPESTATUS[0]}"
}
# The same for a command that needs the passphrase, on descriptor 9.
locked() {
	run "$@" --passphrase-fd 9 9<<<"$passphrase"
}
fail() {
	printf '\ndemo: %s\n' "$*" >&2
	exit 1
}

step "Make a drive whose objects lie in a folder that we do not trust"
locked "$COFFRE" init --store "dir:$store" \
    --recovery-file "$home/recovery-key" demo

step "Mount it"
# The daemon must not hold the pipe that shows its output.
"$COFFRE" mount demo "$mnt" --passphrase-fd 9 9<<<"$passphrase" \
    >"$home/mount.log" 2>&1 || { cat "$home/mount.log"; fail "no mount"; }
echo '   $ coffre mount demo ~/Coffre'
grep " $mnt " /proc/self/mounts | cut -d' ' -f1-3 | sed "s|$home|~|; s/^/   /"

step "Use it as any folder"
mkdir "$mnt/Letters"
echo "$secret" >"$mnt/Letters/To my heirs.txt"
head -c 20000000 /dev/urandom >"$home/photo.raw"
cp "$home/photo.raw" "$mnt/Letters/"
ln -s "To my heirs.txt" "$mnt/Letters/link"
run ls -l "$mnt/Letters"
run cat "$mnt/Letters/link"
cmp "$home/photo.raw" "$mnt/Letters/photo.raw" || fail "other bytes"

step "Wait until all of it is on the store"
run "$COFFRE" sync --wait=60 demo
run "$COFFRE" status demo

step "What somebody else's disk holds"
(cd "$store" && find . -type f -printf '   %8s bytes  %P\n' | head -n 12)
if grep -rqa -e 'third oak' -e 'heirs' "$store" "$home/state" ||
    find "$store" "$home/state" | grep -q -e heirs -e Letters; then
	fail "something readable is on the store or in the state folder"
fi
echo "   No name and no word of the letter can be found there," \
    "nor in ~/state."

step "Unmount, mount again, and look"
run "$COFFRE" unmount demo
[ ! -e "$mnt/Letters" ] || fail "it is still there"
"$COFFRE" mount demo "$mnt" --passphrase-fd 9 9<<<"$passphrase" \
    >"$home/mount.log" 2>&1 || { cat "$home/mount.log"; fail "no mount"; }
run cat "$mnt/Letters/To my heirs.txt"
[ "$(cat "$mnt/Letters/link")" = "$secret" ] || fail "the letter is gone"
cmp "$home/photo.raw" "$mnt/Letters/photo.raw" || fail "other bytes"
echo "   The letter and the photo are what they were."
run "$COFFRE" unmount demo

step "What next"
cat <<END
   The demonstration cleans up after itself.  For a drive of your own:

     sudo make install
     coffre init --store webdavs://YOU@cloud.example.org/path mydrive
     coffre mount mydrive ~/Coffre

   'man coffre' tells the rest; 'make test' runs all tests.
END
