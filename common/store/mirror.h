/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_MIRROR_H
#define STORE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/*
 * mirror - one store out of several: every object is on each member, or
 * queued for it; any one may go away, come back, or be lost.
 *
 * What a member lacks stands in a log that outlives this process.  While
 * there is anything of a member in it, all that is new for that member goes
 * there too and reaches it in that order, so that no reader of a single member
 * sees a reference before its target.  A thread per member empties it.
 */

#define MIRROR_MEMBERS_MAX 8
#define MIRROR_NAME_MAX 255

enum mirror_op {
	MIRROR_PUT = 1,			/* what it has whole is not touched */
	MIRROR_DELETE = 2,
	MIRROR_REPLACE = 3,		/* what it has is older */
};

struct mirror_item {
	uint64_t seq;
	enum mirror_op op;
	bool is_aside;
	char name[MIRROR_NAME_MAX + 1];
};

/* The log; kept by whoever has a place for it.  Members are known by a text
 * that does not change.  Every change is on disk when its call returns.  What
 * nobody can give is set aside: it keeps its place in the log, and is in no
 * queue.  Any thread; none of them calls a store. */
struct mirror_log {
	/* At the end of the queue, out of its old place if it is there: 1 if
	 * it is new; 2 if it was set aside; 0.  What is to be replaced stays
	 * so until it is. */
	int (*add)(struct mirror_log *l, const char *member,
	    const char *name, enum mirror_op op);
	/* Many puts, with one flush: how many are new, and were set aside. */
	int (*add_many)(struct mirror_log *l, const char *member,
	    const char *const *names, size_t n, uint64_t *ret_new,
	    uint64_t *ret_aside);
	/* What `from` lacks, in that order, member lacks as well: how much is
	 * new in the queue, and of what was set aside. */
	int (*take)(struct mirror_log *l, const char *member,
	    const char *from, uint64_t *ret_new, uint64_t *ret_aside);
	/* All that stands there of a member that has left. */
	int (*forget)(struct mirror_log *l, const char *member);
	/* Unless it was added again since: 1 if it is gone, 0. */
	int (*del)(struct mirror_log *l, const char *member,
	    const struct mirror_item *i);
	/* Set aside, behind all that is, unless it was added again since: 1 if
	 * it was done, 0. */
	int (*aside)(struct mirror_log *l, const char *member,
	    const struct mirror_item *i);
	/* The oldest of the queue, or of what was set aside; -ENOENT. */
	int (*next)(struct mirror_log *l, const char *member, bool is_aside,
	    struct mirror_item *ret);
	/* In the queue: 1; aside: 2; 0. */
	int (*has)(struct mirror_log *l, const char *member,
	    const char *name);
	/* Has it something older than what was put, and it was set aside? */
	int (*has_old)(struct mirror_log *l, const char *member);
	int (*count)(struct mirror_log *l, const char *member,
	    uint64_t *ret_queued, uint64_t *ret_aside);
	void (*close)(struct mirror_log *l);
};

struct mirror_member {
	const char *id;			/* in the log; copied */
	struct store *store;		/* taken over */
};

struct mirror_conf {
	struct mirror_member members[MIRROR_MEMBERS_MAX];
	size_t n;
	unsigned copies;		/* a put is done when so many have it;
					 * 0: 1 */
	const char *marker;		/* an object that every member has: one
					 * without it is an empty disk, not a
					 * member.  Copied; NULL: none */
	/* Is that all of an object?  What is not, and of which another member
	 * has the rest, was cut while it was put.  NULL: all but nothing is. */
	bool (*is_whole)(const void *p, size_t len);
	/* Is that the mark of another drive than own (borrowed)?  Who has it is
	 * no member.  One that is spoiled says nothing.  NULL: nobody knows. */
	bool (*is_other)(const void *own, const void *p, size_t len);
	const void *own;
	struct mirror_log *log;		/* taken over; NULL: there is but one
					 * member */
	int64_t retry_min_ms, retry_max_ms;	/* 0: 1 s, 60 s */
	int64_t reject_ms;		/* 0: 5 minutes; see _reject */
	/* A member fails, in another way than before, or is back: see
	 * store_mirror_state.  Under a lock: it calls nothing here.  NULL. */
	void (*on_state)(void *arg);
	void *arg;
};

/* Takes over stores and log, also on error. */
int store_mirror_new(const struct mirror_conf *c, struct store **ret);

struct mirror_state {
	char id[256];			/* as it was given, cut */
	char url[256];
	bool is_away;			/* not tried at present */
	int why;			/* with is_away: how it failed last */
	int64_t away_ms;		/* with is_away: since then, by
					 * clock_mono_ms */
	uint64_t queued;		/* objects that it lacks */
	uint64_t aside;			/* of these, what no other can give:
					 * tried now and then, and nothing
					 * waits for it */
	char problem[256];		/* "": none */
	int64_t last_ok_ns;		/* real time; 0: never */
};

/* The number of members; 0: it is no mirror, or of one member only. */
size_t store_mirror_count(const struct store *s);
void store_mirror_state(struct store *s, size_t i, struct mirror_state *ret);
/* One of them, borrowed. */
struct store *store_mirror_member(struct store *s, size_t i);
/*
 * It lacks this object, or the end of it: copy it there from another.  Nobody
 * knows here which of two is right, so what it has whole is left alone, and
 * where the others have something else, the log says so.
 */
int store_mirror_lacks(struct store *s, size_t i, const char *name);
/* The same of many, sooner. */
int store_mirror_lacks_many(struct store *s, size_t i,
    const char *const *names, size_t n);
/* It lacks, perhaps, what any other one lacks: that is on a member which may be
 * away, so that no listing tells of it. */
int store_mirror_lacks_too(struct store *s, size_t i);
/* What it has of that name is not to stay: it is older, or known to be wrong.
 * Copied from another, if there is one that does not wait for it as well. */
int store_mirror_stale(struct store *s, size_t i, const char *name);
/* It has this object wrong, and these bytes are right: put them there.
 * -EMEDIUMTYPE: it is not there at all, as far as can be seen. */
int store_mirror_mend(struct store *s, size_t i, const char *name,
    const void *p, size_t len);
/* What this thread has just read of the object was not right: for some minutes
 * it is read from others, as long as there are any. */
void store_mirror_reject(struct store *s, const char *name);
/* Wait until nothing is queued for those who stay but what was set aside: 0;
 * -ETIMEDOUT; -ECANCELED when stop says so (asked now and then, and told what
 * is left). */
int store_mirror_wait(struct store *s, int64_t deadline_ms,
    bool (*stop)(void *arg, uint64_t queued), void *arg);
/* Do not wait for the next try: the network is back, or the user asks. */
void store_mirror_kick(struct store *s);

/*
 * One member more, the last.  From now on it is queued for it what is new, and
 * nothing is copied until store_mirror_filled: time to queue all the rest
 * (store_mirror_lacks).  When it returns, no call goes on that began without
 * the new member.  Takes over m->store and log (NULL: it has one already),
 * also on error.  -ENOSPC: there are too many; -EOPNOTSUPP: s is no mirror.
 */
int store_mirror_add(struct store *s, const struct mirror_member *m,
    struct mirror_log *log);
void store_mirror_filled(struct store *s, size_t i);
/* Member i is about to leave, or stays after all: meanwhile what only it has
 * taken is not done.  Waits for puts that began before. */
void store_mirror_leaving(struct store *s, size_t i, bool on);
/* Member i, which is leaving, is no longer one, and nothing is queued for it;
 * its store is closed.  Waits for calls that know it. */
void store_mirror_drop(struct store *s, size_t i);

#endif
