/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SLOTS_H
#define FS_SLOTS_H

#include <stdint.h>

#include "crypto/crypto.h"

struct err;
struct parts;

/*
 * slots - further ways to a drive's keys, beside its passphrase: files that a
 * key from elsewhere opens.  The one for the desktop's keyring lies in the
 * configuration, the one for the kernel's where the session's files do, and
 * goes with them.
 */

/* What the slot's key is called where that is kept.  -ENOENT: there is no
 * such slot. */
int slots_id(const char *name, enum slot_kind kind,
    uint8_t ret[static SLOT_ID_LEN]);
/* Seal the keys of p, which are there, in place of the slot that there was. */
int slots_make(const struct parts *p, enum slot_kind kind,
    const uint8_t key[static SLOT_KEY_LEN],
    const uint8_t id[static SLOT_ID_LEN], struct err *e);
/* Get p its keys.  -EKEYREJECTED: it does not open (any longer). */
int slots_open(struct parts *p, enum slot_kind kind,
    const uint8_t key[static SLOT_KEY_LEN], struct err *e);
/* Make one for the keyring, and give that its key, in place of what it had.
 * Somebody may be asked to unlock it. */
int slots_to_keyring(const struct parts *p, struct err *e);
/* 0 also if there is none. */
int slots_remove(const char *name, enum slot_kind kind, struct err *e);

#endif
