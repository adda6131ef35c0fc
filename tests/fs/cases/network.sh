#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The network goes and comes back, in a namespace of its own: the store is tried
# at once, however long the wait for the next try is.
COFFRE_TEST_STORE=webdav
[ "$(id -u)" -eq 0 ] || { echo "SKIP: needs root"; exit 77; }
command -v ip >/dev/null || { echo "SKIP: ip is missing"; exit 77; }
[ -n "${COFFRE_TEST_NS:-}" ] || exec unshare -n env COFFRE_TEST_NS=1 "$0"
ip link set lo up || { echo "SKIP: no network namespace"; exit 77; }
. "$(dirname "$0")/../lib.sh"

fs_prepare
command -v python3 >/dev/null || skip "python3 is missing"
RELAY=
trap '[ -z "$RELAY" ] || kill "$RELAY"; fs_cleanup' EXIT

# The server listens on the loopback only; this one everywhere.
cat >"$T/relay.py" <<'EOF'
import socket, sys, threading
to = int(sys.argv[1])
def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    a.close()
    b.close()
s = socket.create_server(("0.0.0.0", 0))
print(s.getsockname()[1], flush=True)
while True:
    c, _ = s.accept()
    d = socket.create_connection(("127.0.0.1", to))
    for pair in ((c, d), (d, c)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
EOF
relay_start() {
	local port=${APACHE_HTTP##*:}
	python3 "$T/relay.py" "${port%%/*}" >"$T/port" 8>&- &
	RELAY=$!
	until_ok 10 test -s "$T/port"
}
net_up() {
	ip link set net0 up && ip addr add 10.99.0.1/24 dev net0
}
net_down() {
	ip addr del 10.99.0.1/24 dev net0 && ip link set net0 down
}
is_link() {
	[ "$(drive_status .sync.link)" = "$1" ]
}
is_patient() {
	[ "$(drive_status .sync.retry_in_ms)" -gt 20000 ]
}
nothing_queued() {
	[ "$(drive_status '.usage | .queued_changes + .queued_bytes')" = 0 ]
}

ip link add net0 type veth peer name net1 || skip "no network of its own"
ip link set net1 up
need "a relay stands before the server" relay_start
need "there is a network" net_up
sed -i "s|^store = .*|store = webdav://alice@10.99.0.1:$(cat "$T/port")/drive|" \
    "$T/config/coffre/$NAME.conf"
printf 'quiet = 0\ntimeout = 3\n' \
    >>"$T/config/coffre/$NAME.conf"
need "it is mounted" drive_mount
need "there is what is to be read nowhere" plant
echo one >"$T/mnt/one"
need "a file reaches the store" drive_sync
need "the network is gone" net_down
echo two >"$T/mnt/two"
check "status tells it" until_ok 30 is_link offline
check "the next try is far off" until_ok 120 is_patient
need "there is a network again" net_up
check "the store is tried at once" until_ok 15 is_link online
check "and the queue drains" until_ok 30 nothing_queued
need "it is unmounted" drive_unmount
check "nothing is readable at rest" nothing_readable
fs_count
[ "$N_FAILED" -eq 0 ]
