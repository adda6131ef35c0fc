#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A network that first wants a login on a page of its own: each request gets
# that page, or is sent to it.  Nothing is taken for an answer of the store, and
# when the page is gone all goes on by itself.
COFFRE_TEST_STORE=webdav
[ "$(id -u)" -eq 0 ] || { echo "SKIP: needs root"; exit 77; }
command -v ip >/dev/null || { echo "SKIP: ip is missing"; exit 77; }
[ -n "${COFFRE_TEST_NS:-}" ] || exec unshare -n env COFFRE_TEST_NS=1 "$0"
ip link set lo up || { echo "SKIP: no network namespace"; exit 77; }
. "$(dirname "$0")/../lib.sh"

fs_prepare
. "$TOP/tests/fs/proxy.sh"
trap 'proxy_stop; fs_cleanup' EXIT
ip link add net0 type veth peer name net1 || skip "no network of its own"
ip link set net1 up

is_link() {
	[ "$(drive_status .sync.link)" = "$1" ]
}
is_patient() {
	is_link fault && [ "$(drive_status .sync.retry_in_ms)" -gt 40000 ]
}
nothing_queued() {
	[ "$(drive_status '.usage | .queued_changes + .queued_bytes')" = 0 ]
}
# The machine comes into another network.
net_other() {
	ip link set net0 up && ip addr add 10.99.0.1/24 dev net0
}

need "the store is reached" proxy
sed -i "s|^store = .*|store = webdav://alice@127.0.0.1:$PORT/drive|" \
    "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 5\n' >>"$T/config/coffre/$NAME.conf"
need "it is mounted" drive_mount
need "there is what is to be read nowhere" plant
M=$T/mnt
seq 100000 >"$M/one"
need "a file reaches it" drive_sync
need "it is unmounted" drive_unmount

# A page with 200, and then another network.
need "a page stands between" proxy --status 200 --html
need "it is mounted in that network" drive_mount
seq 200000 >"$M/two"
check "status tells that this is no answer of the store" \
    until_ok 30 is_link fault
check "what was written before is there" [ "$(wc -l <"$M/one")" -eq 100000 ]
check "the next try is far off" until_ok 120 is_patient
need "the page is gone" proxy
need "with another network" net_other
check "the store is tried at once" until_ok 30 is_link online
check "and the queue drains" until_ok 20 nothing_queued

# A redirection, and then the login: of that the machine hears nothing.
need "each request is sent elsewhere" \
    proxy --status 302 --location http://login.example/ --html
seq 300000 >"$M/three"
check "that is no answer either" until_ok 30 is_link fault
need "the user has logged in" proxy
check "soon it goes on by itself" until_ok 90 is_link online
check "and all is stored" until_ok 90 nothing_queued
need "it is unmounted" drive_unmount
check "nothing of it was taken for the drive's" drive_fsck --remote
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
