/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_BODY_H
#define VAULT_BODY_H

#include "vault/vault.h"

struct buf;
struct rd;

/*
 * body - what the bodies of sealed objects have in common: padding, and lists
 * of what had been seen.  Only for vault/.
 *
 * A size tells what is in an object.  Sealed bodies (tag included) therefore
 * have one of few sizes: 4 KiB, 16 KiB, 64 KiB, … four times the one before.
 */

#define VAULT_SEEN_MAX 1024	/* devices in one list */

/* Add zeros up to the next size class; the buffer's failure if that is more
 * than it may hold. */
int body_pad(struct buf *b);
/* Read the rest, which must be zeros, and end.  Returns r->err. */
int body_pad_read(struct rd *r);
/* Plaintext bytes that fit a body of this size class. */
#define BODY_ROOM(sealed) ((sealed) - VAULT_MAC_LEN)

/* Sorted by device, without the one called self (NULL: with all).  -EINVAL if
 * a device is in it twice, -EFBIG over VAULT_SEEN_MAX, -ENOMEM. */
int body_seen_write(struct buf *out, const struct vault_seen *s, size_t n,
    const struct vault_id *self);
/* -EPROTO, -ENOMEM.  Caller frees *ret with free(). */
int body_seen_read(struct rd *r, struct vault_seen **ret, uint32_t *ret_n);

/*
 * Padmé (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files"):
 * a length keeps only about the upper half of its bits.  At most 12 % more.
 */
size_t body_padme(size_t len);

#endif
