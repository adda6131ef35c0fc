/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_CKPT_KNOWN_H
#define SYNC_CKPT_KNOWN_H

#include "sync/sync_priv.h"

/*
 * ckpt_known - the pages that a checkpoint may refer to without putting them
 * again: those of the one before, and those that were put for this one, by an
 * earlier try as well.  The publisher's own.
 */
struct ckpt_known;

/* Begin with what an earlier try has left, if it is still on the store.
 * Caller frees with ckpt_known_free(). */
int ckpt_known_new(struct sync *s, struct ckpt_known **ret);
void ckpt_known_free(struct ckpt_known *k);
/* NULL if there is none. */
const struct ckpt_page_ref *ckpt_known_find(struct ckpt_known *k,
    const uint8_t sum[static VAULT_HASH_LEN]);
/* is_ready: sealed for this checkpoint, to be put. */
int ckpt_known_add(struct ckpt_known *k, const struct ckpt_page_ref *ref,
    bool is_ready);
/* Of the manifest pages; borrowed. */
struct page_cache *ckpt_known_lists(struct ckpt_known *k);
/* All that was added is on the store; last is the newest object of it. */
void ckpt_known_settle(struct ckpt_known *k, const char *last);
/* Broken off: leave what was put to the next try.  Takes k over. */
void ckpt_known_keep(struct sync *s, struct ckpt_known *k);

#endif
