/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_MIRROR_PRIV_H
#define STORE_MIRROR_PRIV_H

#include "store/backend.h"
#include "store/mirror.h"
#include "util/buf.h"
#include "util/hash.h"

/* mirror_priv - shared by store_mirror.c (calls), mirror_put.c, mirror_late.c
 * (puts that nobody waits for), mirror_read.c (which member is asked),
 * mirror_member.c (how one is), mirror_copy.c (what it lacks) and
 * mirror_change.c (who is one). */

/* Of what is copied from member to member: the largest object of a drive has
 * 16 MiB and an envelope.  The mark is a small one. */
#define MIRROR_OBJECT_MAX (24u << 20)
#define MIRROR_MARKER_MAX (1u << 20)

/* Names that it had, which somebody may still read. */
#define MIRROR_URLS_MAX 64

/* Names of what a member gave that was not right. */
#define MIRROR_BAD_MAX 4096

struct bad {
	UT_hash_handle hh;
	int64_t until_ms;		/* then it is asked again */
	char name[];
};

struct mirror;

struct member {
	struct mirror *mirror;
	char *id;
	struct store *store;
	pthread_t thread;
	bool has_thread;
	unsigned serial;		/* no other had it; from 1 */
	/* Under the mirror's lock. */
	bool is_filling;		/* what it lacks is being found out */
	bool is_leaving;		/* what it has does not count */
	bool is_gone;
	uint64_t queued;		/* without those set aside */
	uint64_t aside;
	uint64_t added;			/* how often anything was queued */
	int64_t aside_at_ms;		/* these are not tried before */
	unsigned fails;			/* one after the other */
	int why;			/* with fails: the last one */
	int64_t away_ms;		/* with fails: of the first one */
	bool is_put_bad;		/* only a put mends it, or the disk
					 * that is back */
	int64_t retry_at_ms;		/* not before */
	bool is_held;			/* puts are behind: see mirror_late.c */
	int64_t cost_us;		/* of a read, smoothed; 0: unknown */
	char problem[256];
	struct bad *bad;
	unsigned behind;		/* puts that nobody waits for */
	struct put *late;		/* these, until they are joined */
};

struct mirror {
	struct store base;
	unsigned copies;		/* as asked for */
	char *marker;
	struct mirror_log *log;		/* NULL: never had two members */
	int64_t retry_min_ms, retry_max_ms, reject_ms;
	bool (*is_whole)(const void *p, size_t len);
	bool (*is_other)(const void *own, const void *p, size_t len);
	const void *own;
	void (*on_state)(void *arg);	/* NULL: nobody asks */
	void *on_state_arg;

	struct mutex lock;
	struct cond changed;		/* something is queued, mended, over */
	struct member *m[MIRROR_MEMBERS_MAX] GUARDED_BY(lock);
	size_t n GUARDED_BY(lock);
	/* Calls under way, by whether they began before the last change of the
	 * members; so that the next one can wait for them. */
	unsigned under_way[2] GUARDED_BY(lock);
	unsigned turn GUARDED_BY(lock);
	unsigned serials GUARDED_BY(lock);	/* of members */
	/* The same of puts, by whether one began before it was last said who
	 * is leaving. */
	unsigned putting[2] GUARDED_BY(lock);
	unsigned put_turn GUARDED_BY(lock);
	char *urls[MIRROR_URLS_MAX] GUARDED_BY(lock);	/* earlier names */
	size_t nurls GUARDED_BY(lock);
	bool is_stopping GUARDED_BY(lock);
	bool is_interrupted GUARDED_BY(lock);
	bool has_marker GUARDED_BY(lock);	/* the drive is there */
	char problem[256] GUARDED_BY(lock);	/* of the last failure */
};

/* Who is a member, for the length of a call. */
struct circle {
	struct member *m[MIRROR_MEMBERS_MAX];
	size_t n;
	unsigned turn;
};

extern const struct store_ops mirror_ops;

/* ---- mirror_change.c ---- */

void circle_enter(struct mirror *v, struct circle *ret);
void circle_leave(struct mirror *v, const struct circle *c);
/* The store of the only member; NULL: there are several. */
struct store *circle_only(const struct circle *c);
/* Take over m->store, also on error. */
int member_new(struct mirror *v, const struct mirror_member *m,
    struct member **ret);
void member_free(struct member *m);
/* Those who have none get their thread. */
int members_start(struct mirror *v);
/* "mirror of A and B", or the only one's. */
int mirror_url_set(struct mirror *v);

/* ---- mirror_member.c ---- */

/* How a call went; is_put says which kind. */
void member_note(struct member *m, int r, bool is_put);
/* It failed last time; its thread sees when it is back. */
bool member_is_away(struct member *m);
bool member_is_filling(struct member *m);
/* What was put there counts only if it is a member at all. */
int member_confirm(struct member *m);
/* Was it away, and is its drive not there now?  Asked before a put as well: the
 * drive may come back between that and its confirmation. */
bool member_is_elsewhere(struct member *m);
/* Is one that was away back?  Nobody waits for the answer. */
void member_look(struct member *m);
/* So long until the next try, after so many that went like r. */
int64_t member_wait_ms(const struct mirror *v, int r, unsigned fails);

/* ---- mirror_copy.c ---- */

/* One that is alone lacks nothing: there is nobody to bring it. */
int member_queue(struct member *m, const char *name, enum mirror_op op);
int member_queue_many(struct member *m, const char *const *names, size_t n);
/* What another one lacks. */
int member_queue_too(struct member *m, const struct member *other);
/* Does every other member wait for this object, too? */
bool member_others_lack(struct member *m, const char *name);
/* There is something of that name, which may be right while these bytes are
 * wrong: only what was cut gets its end.  -EEXIST: it is something else;
 * -ENOENT: there is nothing. */
int member_rest(struct member *m, const char *name, const void *p,
    size_t len);
void member_main(void *member);

/* ---- mirror_put.c ---- */

struct putting {
	const char *name;
	const void *p;
	size_t len;
	unsigned flags;
};
int mirror_put_all(struct mirror *v, const struct circle *c,
    const struct putting *what);

struct round;

/* On one member. */
struct put {
	struct member *m;
	struct round *round;
	struct put *next;		/* in m->late */
	pthread_t thread;
	bool has_thread;
	/* As it stood at the beginning: owes something; this very name, which
	 * was set aside; is asked. */
	bool is_late, is_owing, is_direct;
	bool is_passing;		/* comes or goes: is not relied on */
	int seen;			/* what came of it when the put as a
					 * whole was judged */
	/* Under the mirror's lock. */
	bool is_left;			/* nobody waits for it */
	bool is_ending;			/* r is there */
	bool is_over;
	int r;
};

/* On all. */
struct round {
	struct mirror *v;
	char name[STORE_NAME_MAX + 1];
	unsigned flags;
	uint8_t *p;			/* until none is running */
	size_t len;
	int64_t start_ms;
	size_t n;
	struct put a[MIRROR_MEMBERS_MAX];
	/* Under the mirror's lock. */
	unsigned refs;			/* of who put it, and of what is in a
					 * list of late ones */
	unsigned running;
	int64_t fast_ms;		/* what the fastest took; -1 */
};
void round_unref(struct round *g);

/* ---- mirror_late.c ---- */

/* Nobody waits for it from now on. */
void late_add_locked(struct mirror *v, struct put *a) REQUIRES(v->lock);
/* As long as puts are behind the member's thread brings it nothing. */
void late_hold_locked(struct mirror *v, struct member *m) REQUIRES(v->lock);
/* Such a put has ended; is_last: none is behind any more. */
void late_over(struct put *a, bool is_last);
/* Join those that are over. */
void late_reap(struct member *m);
/* Break all off and wait for them; nobody else is at this member. */
void late_end(struct member *m);

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
/* What it gave wrong is forgotten: all of it, for one that is alone or under
 * the lock; one, of which it has been given the right bytes. */
void bad_clear(struct member *m);
void bad_forget(struct member *m, const char *name);

#endif
