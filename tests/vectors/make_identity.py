#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Writes identity.txt: one sample of every object of common/vault/FORMAT.md,
# sections 2 to 5, of a passphrase file and of a slot, from fixed inputs.  It
# is a second implementation of those pages, so that the samples test the first
# one.  Run it only for a new version of the format; old samples stay for ever.
#
#	./make_identity.py > identity.txt	(needs python3-cryptography)

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey, X25519PublicKey)
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding, PublicFormat)


def fixed(name, n):
    """The bytes that are random in real life."""
    return hashlib.shake_128(b"coffre sample " + name.encode()).digest(n)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hkdf(ikm, salt, info, n=32):
    prk = hmac.digest(salt or bytes(32), ikm, "sha256")
    out, t, i = b"", b"", 1
    while len(out) < n:
        t = hmac.digest(prk, t + info + bytes([i]), "sha256")
        out, i = out + t, i + 1
    return out[:n]


def xaes(key, nonce, aad, plain):
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    word = int.from_bytes(ecb.update(bytes(16)), "big") << 1
    if word >> 128:
        word ^= (1 << 128) ^ 0x87
    k1 = word.to_bytes(16, "big")
    kx = b""
    for i in (1, 2):
        m = bytes([0, i]) + b"X\0" + nonce[:12]
        kx += ecb.update(bytes(a ^ b for a, b in zip(m, k1)))
    return AESGCM(kx).encrypt(nonce[12:], plain, aad)


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def derive(label, secret, drive=bytes(16), owner=bytes(16), epoch=0):
    return hkdf(secret, drive + owner,
                label.encode() + b"\0" + struct.pack("<I", epoch))


def sign(key, label, message):
    return key.sign(label.encode() + b"\0" + message)


class Device:
    def __init__(self, name, flags, label, sign_seed=None, dh=None):
        self.id = fixed(name + " id", 16)
        self.sign_seed = sign_seed or fixed(name + " sign", 32)
        self.dh_secret = dh or fixed(name + " dh", 32)
        self.sign = Ed25519PrivateKey.from_private_bytes(self.sign_seed)
        self.dh = X25519PrivateKey.from_private_bytes(self.dh_secret)
        self.sign_pub = raw(self.sign.public_key())
        self.dh_pub = raw(self.dh.public_key())
        self.flags = flags
        self.label = label

    def party(self):
        return self.id + self.sign_pub + self.dh_pub

    def bytes(self):
        label = self.label.encode()
        return (self.party() + bytes([self.flags]) +
                struct.pack("<H", len(label)) + label)


def devices(*list):
    return struct.pack("<H", len(list)) + b"".join(d.bytes() for d in list)


TYPES = {1: "genesis", 2: "chain", 3: "grant"}
PAPER, ADMIN, WRITER = 1, 2, 4

user = fixed("user", 16)
realm = fixed("realm", 16)
utag = fixed("utag", 12)
rtag = fixed("rtag", 12)
user_secret = fixed("user secret", 32)
epoch_secret = fixed("epoch secret", 32)
name_key = fixed("name key", 32)
local_key = fixed("local key", 32)
seed = fixed("seed", 32)
wall = 1700000000 * 10**9

first = Device("first", ADMIN | WRITER, "first host")
paper = Device("paper", PAPER | ADMIN, "recovery key",
               derive("coffre/1/paper/sign", seed),
               derive("coffre/1/paper/dh", seed))
second = Device("second", ADMIN | WRITER, "second host")

epoch_commit = derive("coffre/1/commit/epoch", epoch_secret + name_key,
                      owner=realm, epoch=1)
content = (user + realm + utag + rtag + epoch_commit + first.party() +
           paper.party())
drive = sha(b"coffre/1/drive\0", content)[:16]


def envelope(name, kind, tag, epoch, author, seq, prev, body):
    dtag = sha(b"coffre/1/author\0", drive, tag, author.id)[:12]
    head = (b"CFR1" + struct.pack("<BBHHH", kind, 1, 0, 1, 0) + drive + tag +
            struct.pack("<I", epoch) + dtag + struct.pack("<Q", seq) + prev +
            fixed(name + " nonce", 24) + struct.pack("<I", len(body)))
    assert len(head) == 124
    return head + body + sign(author.sign, "coffre/1/" + TYPES[kind],
                              head + body)


def record(name, kind, tag, epoch, author, seq, prev, secret, to, content):
    salt = fixed(name + " salt", 16)
    if kind == 2:
        commit = derive("coffre/1/commit/user", secret, owner=user)
        key = derive("coffre/1/key/chain", secret, drive, user)
    else:
        commit = derive("coffre/1/commit/epoch", secret, owner=realm,
                        epoch=epoch)
        key = derive("coffre/1/key/grant", secret[:32], drive, realm, epoch)
    transcript = (b"coffre/1/" + TYPES[kind].encode() + b"\0" + drive + tag +
                  struct.pack("<IQ", epoch, seq) + prev + author.sign_pub +
                  salt + commit)
    slots = b""
    for d in to:
        once = X25519PrivateKey.from_private_bytes(
            fixed(name + " to " + d.label, 32))
        eph = raw(once.public_key())
        k = hkdf(once.exchange(X25519PublicKey.from_public_bytes(d.dh_pub)),
                 b"", b"coffre/1/wrap\0" + eph + d.dh_pub + transcript, 44)
        slots += (sha(b"coffre/1/hint\0", salt, d.dh_pub)[:8] + eph +
                  AESGCM(k[:32]).encrypt(k[32:], secret, b""))
    nonce = fixed(name + " box", 24)
    body = (salt + commit + struct.pack("<H", len(to)) + slots + nonce +
            xaes(key, nonce, transcript, content))
    return envelope(name, kind, tag, epoch, author, seq, prev, body)


def chain(name, author, seq, prev, to, added):
    return record(name, 2, utag, 0, author, seq, prev, user_secret, to,
                  struct.pack("<qI", wall, 1) + devices(*added) +
                  struct.pack("<H", 0))


def grant(name, author, rev, chain_seq, chain_hash, to):
    return record(name, 3, rtag, 1, author, rev, chain_hash,
                  epoch_secret + name_key, to,
                  struct.pack("<Q", chain_seq) + devices(*to))


def keystore(passphrase, secret):
    n = 1 << 14
    head = (b"CFK1" + struct.pack("<HBBQII", 1, 1, 1, n, 8, 1) +
            fixed("keystore salt", 32) + fixed("keystore nonce", 24) +
            struct.pack("<I", len(secret)))
    key = hashlib.scrypt(passphrase, salt=head[24:56], n=n, r=8, p=1,
                         maxmem=1 << 26, dklen=32)
    return head + xaes(key, head[56:80], head, secret)


def slot(key, kind, passphrase_file, secret):
    nonce = fixed("slot nonce", 24)
    head = (b"CFS1" + struct.pack("<HBB", 1, kind, 1) + fixed("slot id", 16) +
            nonce + struct.pack("<I", len(secret)))
    return head + xaes(key, nonce, head + passphrase_file[:84], secret)


def words(b):
    out = []
    for i in range(0, len(b), 2):
        v = b[i] << 8 | b[i + 1]
        c, a = "bdfghjklmnprstvz", "aiou"
        out.append(c[v >> 12] + a[v >> 10 & 3] + c[v >> 6 & 15] +
                   a[v >> 4 & 3] + c[v & 15])
    return "-".join(out)


keys = (b"CFVK" + struct.pack("<H", 1) + drive + user + realm + utag + rtag +
        first.bytes() + struct.pack("<I", 1) + first.sign_seed +
        first.dh_secret + user_secret + epoch_secret + name_key + local_key)
genesis = envelope("genesis", 1, rtag, 0, first, 0, bytes(32),
                   content + sign(paper.sign, "coffre/1/witness", content))
chain1 = chain("chain1", first, 1, bytes(32), [first, paper], [first, paper])
grant1 = grant("grant1", first, 1, 1, sha(chain1), [first, paper])
chain2 = chain("chain2", paper, 2, sha(chain1), [first, paper, second],
               [second])
grant2 = grant("grant2", paper, 2, 2, sha(chain2), [first, paper, second])

print("drive", drive.hex())
print("dtag", hmac.digest(name_key, b"device" + first.id, "sha256")[:12]
      .hex())
print("seed", seed.hex())
print("words", words(seed + sha(b"coffre/1/recovery words\0", seed)[:4])
      .encode().hex())
print("keys", keys.hex())
passphrase_file = keystore(b"correct horse", keys)
print("keystore", passphrase_file.hex())
print("slotkey", fixed("slot key", 32).hex())
print("slot", slot(fixed("slot key", 32), 1, passphrase_file, keys).hex())
print("genesis", genesis.hex())
print("chain1", chain1.hex())
print("grant1", grant1.hex())
print("chain2", chain2.hex())
print("grant2", grant2.hex())
