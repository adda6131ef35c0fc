/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_SYNC_RIG_H
#define TESTS_SYNC_RIG_H

#include <stdbool.h>

#include "drive/drive.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/buf.h"
#include "vault/vault.h"

/*
 * sync_rig - a drive, an engine and a store in a temporary folder; failures
 * end the test.  All waits are short.
 */
struct rig {
	char dir[64];		/* state directories and the store below it */
	char state[96];
	char url[96];		/* dir:… */
	struct store *store;
	struct vault_keys *keys;
	uint8_t seed[32];	/* of the recovery key */
	struct drive *drive;
	struct sync *sync;
	struct sync_conf conf;	/* for the next rig_start */
};

/* A new drive on an empty store, opened, not started. */
void rig_new(struct rig *r);
/* The same on a store given to it. */
void rig_new_on(struct rig *r, struct store *store);
/* Another machine on the same store: recovered from the seed of r and
 * rebuilt (the result of sync_rebuild must be want).  Not started. */
void rig_recover(const struct rig *r, struct rig *ret, int want);
void rig_recover_on(const struct rig *r, struct store *store,
    struct rig *ret, int want);
/* Stop, close and remove everything; a recovered rig first. */
void rig_done(struct rig *r);

void rig_open(struct rig *r);	/* the drive, in r->state */
void rig_close(struct rig *r);
void rig_start(struct rig *r);
void rig_stop(struct rig *r, int64_t ms);
/* sync_wait must succeed. */
void rig_wait(struct rig *r);

/* ---- what users do ---- */
uint64_t rig_lookup(struct rig *r, const char *path);
/* Write len bytes that depend on seed; the file is made if need be. */
void rig_write(struct rig *r, const char *path, uint64_t off, size_t len,
    unsigned seed);
void rig_mkdir(struct rig *r, const char *path);
void rig_unlink(struct rig *r, const char *path);
void rig_rename(struct rig *r, const char *from, const char *to);
/* Something of everything; `n` makes the trees of several calls differ and
 * not meet. */
void rig_fill(struct rig *r, unsigned n);
/* All that recovery must bring back, as text; caller frees with free(). */
char *rig_dump(struct rig *r);

/* A path below r->dir; static storage of the rig's. */
int rig_store_count(struct rig *r, const char *prefix);

#endif
