/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_COLD_H
#define TESTS_COLD_H

#include "tests/lib/evil.h"
#include "tests/lib/sync_rig.h"

struct err;

/*
 * cold - machines that know nothing but the recovery key, on a store that
 * lies; and what tests of them share.
 */

/* As rig_recover_on, but it may fail: the result of sync_recover or
 * sync_rebuild.  The rig is to be done with either way. */
int cold_try(const struct rig *r, struct store *store, struct rig *ret);
/* The same, and what is told. */
int cold_try_say(const struct rig *r, struct store *store, struct rig *ret,
    struct err *e);
/* The first bytes of a file, waiting at most 3 s; -ENOENT. */
ssize_t cold_read(struct rig *r, const char *path, uint64_t off, void *p,
    size_t len);
/*
 * Recover on the lying store and read every file of `names`: it is missing,
 * or an error, or exactly what rig_write made with one of its seeds (seed,
 * seed + 100, ... below seed + 100 * versions).  Returns how many were read
 * whole, -1 if the recovery was refused.
 */
struct cold_file {
	const char *name;
	size_t len;
	unsigned seed, versions;
};
int cold_all(const struct rig *r, struct evil *e, const struct cold_file *f,
    size_t n);
/* Until the link is so; fails the test after 20 s. */
void cold_await(struct rig *r, enum sync_link want, struct sync_status *st);
/* drive_mknod of a folder: 0 or the error. */
int cold_mkdir(struct rig *r, const char *name);
/* A copy of r's state folder, to be opened as `copy`, on the store given. */
void cold_clone(const struct rig *r, struct store *store, const char *name,
    struct rig *copy);
/* Write n files, "f" and a number each; one is stored before the next is
 * begun. */
void cold_write_some(struct rig *r, unsigned from, unsigned n);
/* Everything of r is on the store as a new machine sees it, whose rebuild
 * must give want. */
void cold_check(struct rig *r, struct store *client, int want);
/* Is there an alarm within that time?  Nothing is asked for meanwhile. */
bool cold_has_alarm_by(struct rig *r, int64_t ms);
void cold_pause(int ms);
/* The name of a segment of r's own journal. */
void cold_own_segment(const struct rig *r, uint64_t seq,
    char name[VAULT_PATH_MAX]);
/* A finding is a line more in a struct buf, which is arg. */
void cold_say(void *arg, const char *finding);

#endif
