/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_REBUILD_PRIV_H
#define SYNC_REBUILD_PRIV_H

#include "sync/sync_priv.h"

/* What a head, or another device, says of a segment. */
struct seen_mark {
	uint64_t seq;
	uint8_t hash[VAULT_HASH_LEN];
};

/* A device's journal while it is replayed, segment by segment. */
struct cursor {
	const struct vault_device *dev;
	struct vault_head head;
	bool has_head;
	struct vault_seen at;	/* replayed so far */
	uint64_t need_seq;	/* what its head or others say there is */
	struct seen_mark *marks;	/* of what is not read yet */
	size_t nmarks;
	struct segment seg;	/* the next one, from op pos on */
	uint8_t hash[VAULT_HASH_LEN];	/* of it */
	bool has_seg;
	size_t pos;
	bool is_over;
	bool is_bad;		/* its end is one that does not verify */
	bool is_two;		/* told that there are two of it */
};

struct rebuild {
	struct store *store;
	const struct vault_keys *keys;
	struct drive *drive;
	const struct sync_found *found;
	struct cursor *cur;
	size_t n;
	void (*progress)(void *arg, const char *line);
	void *arg;
	struct err *e;		/* never NULL */
	unsigned warnings;
	uint64_t segments, nodes;
};

/* A line for people; one that starts with "warning: " counts. */
void rebuild_say(struct rebuild *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Get an object, and twice what makes no sense.  -ENOENT: it is missing, from
 * a store that is there; -EFBIG; all else (in b->e) ends the rebuild, for what
 * cannot be had now may be had later.
 */
int rebuild_get(struct rebuild *b, const char *name, struct buf *out);
/* Of what was got: it is damaged, perhaps on its way only. */
bool rebuild_is_bad(int r);
/* So it is to be got once more, if it is the store that answers: true.  If not,
 * *r is the end of the rebuild. */
bool rebuild_again(struct rebuild *b, int *r);
/* The head of this cursor's device: into it.  As above, when it was asked for
 * once more. */
int rebuild_head(struct rebuild *b, struct cursor *c);
/* Apply the newest checkpoint that verifies as a whole, if there is one, and
 * move the cursors to its frontier. */
int rebuild_checkpoint(struct rebuild *b);

#endif
