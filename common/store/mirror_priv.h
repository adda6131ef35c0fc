/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_MIRROR_PRIV_H
#define STORE_MIRROR_PRIV_H

#include "store/backend.h"
#include "store/mirror.h"
#include "util/buf.h"

/* mirror_priv - shared by store_mirror.c (calls), mirror_read.c (which member
 * is asked) and mirror_member.c (how one is, and what it lacks). */

/* Of what is copied from member to member. */
#define MIRROR_OBJECT_MAX (192u << 20)
#define MIRROR_MARKER_MAX (8u << 20)

struct mirror;

struct member {
	struct mirror *mirror;
	char *id;
	struct store *store;
	pthread_t thread;
	bool has_thread;
	/* Under the mirror's lock. */
	uint64_t queued;
	unsigned fails;			/* one after the other */
	bool is_put_bad;		/* only a put mends it */
	int64_t retry_at_ms;		/* not before */
	int64_t cost_us;		/* of a read, smoothed; 0: unknown */
	char problem[256];
};

struct mirror {
	struct store base;
	struct member m[MIRROR_MEMBERS_MAX];
	size_t n;
	unsigned copies;
	char *marker;
	struct mirror_log *log;
	int64_t retry_min_ms, retry_max_ms;

	struct mutex lock;
	struct cond changed;		/* something is queued, mended, over */
	bool is_stopping GUARDED_BY(lock);
	bool is_interrupted GUARDED_BY(lock);
	bool has_marker GUARDED_BY(lock);	/* the drive is there */
	char problem[256] GUARDED_BY(lock);	/* of the last failure */
};

extern const struct store_ops mirror_ops;

/* ---- mirror_member.c ---- */

/* How a call went; is_put says which kind. */
void member_note(struct member *m, int r, bool is_put);
bool member_is_away(struct member *m);
/* What was put there counts only if it is a member at all. */
int member_confirm(struct member *m);
int member_queue(struct member *m, const char *name, enum mirror_op op);
void member_main(void *member);

/* ---- mirror_read.c ---- */

/* A whole object (len 0 and is_range false) or a range of one, from any
 * member but `not`. */
struct reading {
	const char *name;
	bool is_range;
	uint64_t off;
	size_t len;
	struct buf *out;
};
int mirror_read(struct mirror *v, const struct member *not,
    const struct reading *g);

#endif
