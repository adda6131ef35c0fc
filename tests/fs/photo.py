#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""photo.py FILE SEED: a JPEG of 1600 by 1200 pixels and some 300 KB: grey
squares of 8 by 8 pixels, and comments of noise.

photo.py --look FILE PATH MTIME: is it a preview of that, as the freedesktop
specification wants it?"""
import hashlib
import os
import random
import struct
import sys
import urllib.parse
import zlib

W, H = 1600, 1200


def part(mark, data):
    return b"\xff" + bytes([mark]) + struct.pack(">H", len(data) + 2) + data


def scan(rnd):
    """Each square differs from the one before by less than 16 levels: four
    bits that say how long the difference is, the difference, one bit that
    says that there is no more."""
    bits, old = [], 0
    for i in range((W // 8) * (H // 8)):
        new = max(-100, min(100, old + rnd.randint(-15, 15)))
        d, old = new - old, new
        n = abs(d).bit_length()
        bits.append(format(n, "04b"))
        if n:
            bits.append(format(d if d > 0 else d + (1 << n) - 1,
                               "0%db" % n))
        bits.append("0")
    s = "".join(bits)
    s += "1" * (-len(s) % 8)
    raw = int(s, 2).to_bytes(len(s) // 8, "big")
    return raw.replace(b"\xff", b"\xff\0")


def make(path, seed):
    rnd = random.Random(seed)
    out = b"\xff\xd8"
    for _ in range(4):
        out += part(0xfe, rnd.randbytes(60000))
    out += part(0xdb, b"\0" + bytes([8] * 64))
    out += part(0xc0, struct.pack(">BHHB", 8, H, W, 1) + b"\1\x11\0")
    out += part(0xc4, b"\0" + bytes([0, 0, 0, 12] + [0] * 12) +
                bytes(range(12)))
    out += part(0xc4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
    out += part(0xda, b"\1\1\0\0\x3f\0") + scan(rnd) + b"\xff\xd9"
    with open(path, "wb") as f:
        f.write(out)


def chunks(b):
    assert b[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(b):
        n, kind = struct.unpack(">I4s", b[at:at + 8])
        data = b[at + 8:at + 8 + n]
        assert zlib.crc32(kind + data) == struct.unpack(
            ">I", b[at + 8 + n:at + 12 + n])[0]
        yield kind, data
        at += n + 12


def look(file, path, mtime):
    safe = "!$&'()*+,-./:=@_~"
    uri = "file://" + urllib.parse.quote(path, safe=safe)
    name = hashlib.md5(uri.encode()).hexdigest() + ".png"
    assert os.path.basename(file) == name, name
    for p, mode in ((file, 0o600), (os.path.dirname(file), 0o700)):
        assert os.stat(p).st_mode & 0o7777 == mode, p
    with open(file, "rb") as f:
        all_of_it = list(chunks(f.read()))
    text = dict(d.split(b"\0", 1) for k, d in all_of_it if k == b"tEXt")
    w, h = struct.unpack(">II", all_of_it[0][1][:8])
    assert (w, h) == (128, 96), (w, h)
    assert text[b"Thumb::URI"].decode() == uri, text
    assert text[b"Thumb::MTime"].decode() == mtime, text
    pixels = zlib.decompress(b"".join(d for k, d in all_of_it
                                      if k == b"IDAT"))
    assert len(set(pixels)) > 20


if sys.argv[1] == "--look":
    look(*sys.argv[2:])
else:
    make(sys.argv[1], sys.argv[2])
