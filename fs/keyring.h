/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_KEYRING_H
#define FS_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/crypto.h"

struct err;

/*
 * keyring - the keyring of the user's desktop: keys of slots, by their id.
 * The program coffre-keyring speaks to it; it is one package more, and
 * without it there is none.  -ENOKEY: no such key there; -EACCES: it stays
 * locked; -EHOSTDOWN: no keyring; -ETIMEDOUT.
 */

#define KEYRING_HEX (2 * SLOT_KEY_LEN)

/* Is there one?  Nobody is asked anything. */
bool keyring_is_there(void);
/* The user may be asked to unlock it. */
int keyring_store(const char *name, const uint8_t id[static SLOT_ID_LEN],
    const uint8_t key[static SLOT_KEY_LEN], struct err *e);
/* With may_ask the user may be asked to unlock it. */
int keyring_get(const uint8_t id[static SLOT_ID_LEN], bool may_ask,
    uint8_t ret[static SLOT_KEY_LEN], struct err *e);
int keyring_clear(const uint8_t id[static SLOT_ID_LEN], struct err *e);
/* Wait until it has the key and is unlocked, with nobody asked; -ECANCELED
 * when stop_fd has something to read. */
int keyring_wait(const uint8_t id[static SLOT_ID_LEN], int stop_fd,
    uint8_t ret[static SLOT_KEY_LEN]);

#endif
