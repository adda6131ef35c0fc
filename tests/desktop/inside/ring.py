#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unlock the keyring as PAM does at a login that has the password: a zero
byte, then length, number 1 and the password; the answer is 0."""
import os
import socket
import struct
import sys

s = socket.socket(socket.AF_UNIX)
s.connect(os.environ["XDG_RUNTIME_DIR"] + "/keyring/control")
word = sys.argv[1].encode()
s.sendall(b"\0" + struct.pack(">III", 12 + len(word), 1, len(word)) + word)
sys.exit(struct.unpack(">II", s.recv(8, socket.MSG_WAITALL))[1])
