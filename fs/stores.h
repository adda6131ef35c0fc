/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_STORES_H
#define FS_STORES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct err;
struct opts;
struct parts;
struct secret;
struct store;
struct store_source;

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
/* Does one of them have this address, or cannot be read? */
bool stores_names(const char *drive, const char *url);
/* The settings of one; o is initialised. */
int stores_load(const char *drive, unsigned n, struct opts *o,
    struct err *e);
/* Write them down; cred NULL: no password to keep. */
int stores_save(const char *drive, unsigned n, const struct opts *o,
    const struct secret *cred, struct err *e);
/* Of that the password alone; cred as there. */
int stores_save_password(const char *drive, unsigned n,
    const struct secret *cred, struct err *e);
int stores_delete(const char *drive, unsigned n, struct err *e);
/* The password that a store's settings lead to; none is no error.  A command
 * is ended after a minute, and soon when *stop (NULL: no) is set. */
int stores_password(const char *drive, unsigned n, const struct opts *o,
    const atomic_bool *stop, struct secret *ret, struct err *e);
/* Open one that is not a drive's yet, or of which another password is tried:
 * as o says, with the speed limits of the drive's. */
int stores_open(const struct opts *drive, const struct opts *o,
    const char *password, unsigned retries, struct store **ret,
    struct err *e);
/*
 * Open the one of drive `name` at url, as the drive's files say it now and
 * later (see store_source).  given: what "mount -o" has set before those of
 * the first store; NULL: nothing.  may_wait: for a command that prints its
 * password, too; otherwise the first call does that.  0, and e says why, if it
 * cannot be opened now.
 */
int stores_open_kept(const struct opts *drive, const struct opts *given,
    const char *name, const char *url, unsigned retries, bool may_wait,
    struct store **ret, struct err *e);
/* The source of that; stores_source.c. */
int stores_source(const char *drive, const char *url,
    const struct opts *given, bool may_wait, struct store_source *ret,
    struct err *e);
/* Of a store's settings those that say who we are (user, key, ...): copy what
 * is set in from; do two sets say the same? */
int stores_who(struct opts *to, const struct opts *from, struct err *e);
bool stores_who_same(const struct opts *a, const struct opts *b);
/* Store 1 leaves, store n takes its place; and what is left of that to be done
 * if it was cut short. */
int stores_promote(const char *drive, unsigned n, struct err *e);
int stores_promote_rest(const char *drive, struct err *e);
/* Make a store's settings those of the drive's first one. */
int stores_take(struct opts *drive, const struct opts *o, struct err *e);
/* The mirror of p->store and all others, if there are any; more may come while
 * it is open.  why: of one that cannot be opened now, as above. */
int stores_join(struct parts *p, struct err *why, struct err *e);
/* Open the store at url for such a mirror; as stores_open_kept, and waits. */
int stores_open_member(const struct opts *drive, const char *name,
    const char *url, struct store **ret, struct err *e);
/* Does a store at this address ask for a password? */
bool stores_wants_password(const char *url);

#endif
