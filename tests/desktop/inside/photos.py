#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""photos.py PHOTO DIR N SIZE: N photos of about SIZE bytes, no two with the
same bytes: a comment of random length and content is put before the image."""
import os
import random
import sys

photo = open(sys.argv[1], "rb").read()
to, n, size = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
assert photo[:2] == b"\xff\xd8"
os.makedirs(to, exist_ok=True)
random.seed(1)
for i in range(n):
    head = b"\xff\xd8"
    left = max(size - len(photo), 1000) + random.randrange(200)
    while left > 0:
        part = os.urandom(min(left, 60000))
        head += b"\xff\xfe" + (len(part) + 2).to_bytes(2, "big") + part
        left -= len(part)
    with open("%s/IMG_%04d.jpg" % (to, i), "wb") as f:
        f.write(head + photo[2:])
