/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PARTS_H
#define FS_PARTS_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fs/opts.h"
#include "util/err.h"

struct drive;
struct pass_from;
struct secret;
struct store;
struct sync;
struct vault_keys;

/*
 * parts - what a drive is made of on this machine, built bottom up: settings,
 * keys, local drive, store, sync.  Each step needs the one before; parts_done
 * takes down whatever there is, in reverse.
 */
struct parts {
	const char *name;	/* borrowed */
	struct opts opts;
	struct opts given;	/* of these, what "mount -o" has set */
	struct vault_keys *keys;
	struct drive *drive;
	struct store *store;
	struct err closed;	/* why one of the stores could not be opened;
				 * "": all are */
	struct sync *sync;
	void (*on_link)(void *arg);	/* of sync_conf and mirror_conf; may
					 * be NULL */
	void *on_link_arg;
	bool is_mount;		/* programs wait for it, and need no store */
	atomic_bool is_metered;	/* see sync_spare */
};

/* Nothing opened yet; settings at their defaults. */
void parts_init(struct parts *p, const char *name);
void parts_done(struct parts *p);

/* The settings of NAME.conf.  -EINVAL: no name of a drive. */
int parts_load(struct parts *p, struct err *e);
/* 0 if the keystore is there. */
int parts_have_keystore(const struct parts *p, struct err *e);
/* Open it with its passphrase.  -EKEYREJECTED: that is wrong. */
int parts_unlock_with(struct parts *p, const struct secret *pass,
    struct err *e);
/* Open the local drive.  -EBUSY: it is mounted. */
int parts_open_drive(struct parts *p, struct err *e);
/* Open the store, or the mirror of all; passwords come from NAME.cred or
 * password_command, which a mount runs for the store's first call.  One that
 * cannot be opened now is no failure: it answers -EACCES until it can be, and
 * p->closed says why. */
int parts_open_store(struct parts *p, struct err *e);
/* The first store alone, with a password that is known already (NULL: none). */
int parts_open_store_with(struct parts *p, const char *password,
    struct err *e);
int parts_start_sync(struct parts *p, struct err *e);
/* All of it, for commands that work on a drive that is not mounted. */
int parts_open(struct parts *p, const struct pass_from *f, bool with_store,
    struct err *e);

/* Seal the keys under the passphrase into NAME.key. */
int parts_save_keys(const struct parts *p, const struct secret *pass,
    struct err *e);

#endif
