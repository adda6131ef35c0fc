# SPDX-License-Identifier: GPL-3.0-or-later
"""A service manager's ear: append every datagram that comes to a socket (a
path, or '@' and an abstract name) to a file, its lines as they are."""
import socket
import sys

name, out = sys.argv[1:3]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\0" + name[1:] if name.startswith("@") else name)
with open(out, "ab", buffering=0) as f:
    while True:
        f.write(s.recv(4096) + b"\n")
