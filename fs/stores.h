/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_STORES_H
#define FS_STORES_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct opts;
struct parts;
struct secret;
struct store;

/*
 * stores - the stores of a drive.  The first is that of NAME.conf; the others
 * have a file each, NAME.stores/N.conf with the same settings, and N.cred for
 * the password.  Together they are a mirror.
 */

#define STORES_MAX 8
#define STORES_NAME_MAX 96
/* Not a store yet: what 'store add' has been told, until it is one. */
#define STORES_NEW 0

/* What conf_load, conf_save and place_path call store n of a drive. */
void stores_name(const char *drive, unsigned n, char out[STORES_NAME_MAX]);
/* The numbers in use, from 1 on; at most STORES_MAX. */
size_t stores_numbers(const char *drive, unsigned out[STORES_MAX]);
/* The settings of one; o is initialised. */
int stores_load(const char *drive, unsigned n, struct opts *o,
    struct err *e);
/* Write them down; cred NULL: no password to keep. */
int stores_save(const char *drive, unsigned n, const struct opts *o,
    const struct secret *cred, struct err *e);
int stores_delete(const char *drive, unsigned n, struct err *e);
/* The password that a store's settings lead to; none is no error. */
int stores_password(const char *drive, unsigned n, const struct opts *o,
    struct secret *ret, struct err *e);
/* Open one as its settings say, with the speed limits of the drive's.  name:
 * of the drive, in whose state is kept what probes find; NULL: of none. */
int stores_open(const struct opts *drive, const char *name,
    const struct opts *o, const char *password, unsigned retries,
    struct store **ret, struct err *e);
/* Make a store's settings those of the drive's first one. */
int stores_take(struct opts *drive, const struct opts *o, struct err *e);
/* The mirror of p->store and all others, if there are any; more may come while
 * it is open. */
int stores_join(struct parts *p, struct err *e);
/* Open a store for such a mirror. */
int stores_open_member(const struct opts *drive, const char *name,
    unsigned n, const struct opts *o, struct store **ret, struct err *e);
/* Does a store at this address ask for a password? */
bool stores_wants_password(const char *url);

#endif
