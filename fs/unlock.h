/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_UNLOCK_H
#define FS_UNLOCK_H

#include <stdbool.h>

#include "crypto/crypto.h"

struct err;
struct opts;
struct parts;
struct pass_from;
struct secret;

/*
 * unlock - where the secret of a drive may come from, in this order: what was
 * given with the command (a descriptor, a command), a credential of the
 * service manager, the command of the settings, the desktop's keyring, the
 * user by terminal or window.
 */

enum unlock_who {
	UNLOCK_ASK = 1,		/* somebody has asked for it and can answer */
	UNLOCK_QUIET,		/* nobody is there */
	UNLOCK_LATER,		/* nor does anybody wait: the keyring may come
				 * up later */
};

/* UNLOCK_ASK if there is a terminal or a display. */
enum unlock_who unlock_who(void);
/* Get p its keys from the first source that there is.  -EKEYREJECTED: the
 * passphrase is wrong; -ENOKEY: the keyring may have it, later; -ETIME: so may
 * the command of the settings. */
int unlock_keys(struct parts *p, const struct pass_from *f,
    enum unlock_who who, struct err *e);
/* By its passphrase, wherever that comes from. */
int unlock_by_passphrase(struct parts *p, const struct pass_from *f,
    struct err *e);
/* The passphrase itself: given, from the settings' command, or asked for. */
int unlock_passphrase(const char *name, const struct opts *o,
    const struct pass_from *f, struct secret *ret, struct err *e);

/* The key that the keyring has for the drive; -ENOENT: it was never given
 * one.  Somebody may be asked to unlock it. */
int unlock_keyring_key(const char *name, bool may_ask, struct secret *ret,
    struct err *e);

#endif
