/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/mirror_log.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "store/mirror.h"
#include "util/err.h"
#include "util/thread.h"

#define LOG_BYTES_MAX (4u << 20)	/* of SQLite's log, then it is folded */

struct log {
	struct mirror_log base;
	struct mutex lock;		/* the connection */
	struct db *db;
};

enum {
	ST_ADD,
	ST_DEL,
	ST_NEXT,
	ST_NEXT_ASIDE,
	ST_OP,
	ST_OLD,
	ST_COUNT,
	ST_TAKE,
	ST_FORGET,
	ST_SET_ASIDE,
};

/* In the column of the op: what was set aside. */
#define ASIDE 16

static int
settle_locked(struct log *g) REQUIRES(g->lock)
{
	if (db_log_size(g->db) > LOG_BYTES_MAX)
		return db_checkpoint_all(g->db, true);
	return db_sync(g->db);
}

/* What writes does it between these two. */
static int
change_begin(struct log *g) REQUIRES(g->lock)
{
	return db_begin(g->db);
}

static int
change_end(struct log *g, int r) REQUIRES(g->lock)
{
	if (r == 0)
		r = db_commit(g->db);
	if (r < 0)
		db_rollback(g->db);
	return r;
}

/* The op column of a name that is there; 0: it is not. */
static int
op_locked(struct log *g, const char *member, const char *name)
    REQUIRES(g->lock)
{
	struct stmt *s = db_stmt(g->db, ST_OP,
	    "SELECT op FROM lack WHERE member = ?1 AND name = ?2");
	int r;

	stmt_blob(s, 1, member, strlen(member));
	stmt_blob(s, 2, name, strlen(name));
	r = stmt_step(s);
	if (r > 0) {
		r = (int)stmt_get_i64(s, 0);
		stmt_reset(s);
	}
	return r;
}

static int
add_locked(struct log *g, const char *member, const char *name,
    enum mirror_op op) REQUIRES(g->lock)
{
	struct stmt *s;
	int r, old;

	old = op_locked(g, member, name);
	if (old < 0)
		return old;
	/* What it has is still not to stay. */
	if ((old & ~ASIDE) == MIRROR_REPLACE && op == MIRROR_PUT)
		op = MIRROR_REPLACE;
	s = db_stmt(g->db, ST_ADD, "INSERT OR REPLACE INTO lack "
	    "(member, name, op) VALUES (?1, ?2, ?3)");
	stmt_blob(s, 1, member, strlen(member));
	stmt_blob(s, 2, name, strlen(name));
	stmt_i64(s, 3, op);
	r = stmt_run(s);
	return r < 0 ? r : !old ? 1 : old & ASIDE ? 2 : 0;
}

static int
log_add(struct mirror_log *l, const char *member, const char *name,
    enum mirror_op op)
{
	struct log *g = (struct log *)l;
	int r, fresh = 0;

	mutex_lock(&g->lock);
	r = change_begin(g);
	if (r == 0) {
		fresh = add_locked(g, member, name, op);
		r = change_end(g, fresh < 0 ? fresh : 0);
	}
	if (r == 0)
		r = settle_locked(g);
	mutex_unlock(&g->lock);
	return r < 0 ? r : fresh;
}

static int
log_add_many(struct mirror_log *l, const char *member,
    const char *const *names, size_t n, uint64_t *ret_new,
    uint64_t *ret_aside)
{
	struct log *g = (struct log *)l;
	uint64_t fresh = 0, aside = 0;
	size_t i;
	int r;

	mutex_lock(&g->lock);
	r = change_begin(g);
	if (r == 0) {
		for (i = 0; i < n && r >= 0; i++) {
			r = add_locked(g, member, names[i], MIRROR_PUT);
			fresh += r == 1;
			aside += r == 2;
		}
		r = change_end(g, r < 0 ? r : 0);
	}
	if (r == 0)
		r = settle_locked(g);
	mutex_unlock(&g->lock);
	if (r == 0) {
		*ret_new = fresh;
		*ret_aside = aside;
	}
	return r;
}

/* Those of one kind: op in [min, max).  How many were not there. */
static int
take_locked(struct log *g, const char *member, const char *from, int min,
    int max, uint64_t *ret) REQUIRES(g->lock)
{
	int64_t before = db_changes_total(g->db);
	struct stmt *s;
	int r;

	s = db_stmt(g->db, ST_TAKE, "INSERT OR IGNORE INTO lack "
	    "(member, name, op) SELECT ?1, name, op FROM lack "
	    "WHERE member = ?2 AND op >= ?3 AND op < ?4 AND op & 15 <> ?5 "
	    "ORDER BY seq");
	stmt_blob(s, 1, member, strlen(member));
	stmt_blob(s, 2, from, strlen(from));
	stmt_i64(s, 3, min);
	stmt_i64(s, 4, max);
	stmt_i64(s, 5, MIRROR_DELETE);
	r = stmt_run(s);
	*ret = (uint64_t)(db_changes_total(g->db) - before);
	return r;
}

static int
log_take(struct mirror_log *l, const char *member, const char *from,
    uint64_t *ret_new, uint64_t *ret_aside)
{
	struct log *g = (struct log *)l;
	int r;

	mutex_lock(&g->lock);
	r = change_begin(g);
	if (r == 0) {
		r = take_locked(g, member, from, 0, ASIDE, ret_new);
		if (r == 0)
			r = take_locked(g, member, from, ASIDE, 2 * ASIDE,
			    ret_aside);
		r = change_end(g, r);
	}
	if (r == 0)
		r = settle_locked(g);
	mutex_unlock(&g->lock);
	return r;
}

static int
log_forget(struct mirror_log *l, const char *member)
{
	struct log *g = (struct log *)l;
	struct stmt *s;
	int r;

	mutex_lock(&g->lock);
	r = change_begin(g);
	if (r == 0) {
		s = db_stmt(g->db, ST_FORGET,
		    "DELETE FROM lack WHERE member = ?1");
		stmt_blob(s, 1, member, strlen(member));
		r = change_end(g, stmt_run(s));
	}
	if (r == 0)
		r = settle_locked(g);
	mutex_unlock(&g->lock);
	return r;
}

static int
log_del(struct mirror_log *l, const char *member,
    const struct mirror_item *i)
{
	struct log *g = (struct log *)l;
	struct stmt *s;
	int64_t before;
	int r;

	(void)member;
	mutex_lock(&g->lock);
	before = db_changes_total(g->db);
	r = change_begin(g);
	if (r == 0) {
		s = db_stmt(g->db, ST_DEL, "DELETE FROM lack WHERE seq = ?1");
		stmt_i64(s, 1, (int64_t)i->seq);
		r = change_end(g, stmt_run(s));
	}
	/* Forgetting this in a power cut costs a copy, no more. */
	if (r == 0)
		r = db_changes_total(g->db) > before;
	mutex_unlock(&g->lock);
	return r;
}

static int
log_aside(struct mirror_log *l, const char *member,
    const struct mirror_item *i)
{
	struct log *g = (struct log *)l;
	struct stmt *s;
	int64_t before;
	int r;

	(void)member;
	mutex_lock(&g->lock);
	before = db_changes_total(g->db);
	r = change_begin(g);
	if (r == 0) {
		/* As the next that is added would be numbered.  A power cut
		 * may forget it, and it is tried in front again. */
		s = db_stmt(g->db, ST_SET_ASIDE, "UPDATE lack SET op = ?2, "
		    "seq = (SELECT max(seq) FROM lack) + 1 WHERE seq = ?1");
		stmt_i64(s, 1, (int64_t)i->seq);
		stmt_i64(s, 2, (int64_t)i->op | ASIDE);
		r = change_end(g, stmt_run(s));
	}
	if (r == 0)
		r = db_changes_total(g->db) > before;
	mutex_unlock(&g->lock);
	return r;
}

static struct stmt *
next_stmt(struct log *g, bool is_aside) REQUIRES(g->lock)
{
	return is_aside ? db_stmt(g->db, ST_NEXT_ASIDE, "SELECT seq, op, name "
	    "FROM lack WHERE member = ?1 AND op >= ?2 ORDER BY seq LIMIT 1") :
	    db_stmt(g->db, ST_NEXT, "SELECT seq, op, name FROM lack "
	    "WHERE member = ?1 AND op < ?2 ORDER BY seq LIMIT 1");
}

static int
log_next(struct mirror_log *l, const char *member, bool is_aside,
    struct mirror_item *ret)
{
	struct log *g = (struct log *)l;
	const void *p;
	struct stmt *s;
	size_t len;
	int r;

	mutex_lock(&g->lock);
	s = next_stmt(g, is_aside);
	stmt_blob(s, 1, member, strlen(member));
	stmt_i64(s, 2, ASIDE);
	r = stmt_step(s);
	if (r > 0) {
		p = stmt_get_blob(s, 2, &len);
		if (len <= MIRROR_NAME_MAX) {
			memset(ret, 0, sizeof(*ret));
			ret->seq = (uint64_t)stmt_get_i64(s, 0);
			ret->op = (enum mirror_op)(stmt_get_i64(s, 1) &
			    ~(int64_t)ASIDE);
			ret->is_aside = is_aside;
			memcpy(ret->name, p, len);
			r = 0;
		} else {
			r = -EIO;
		}
		stmt_reset(s);
	} else if (r == 0) {
		r = -ENOENT;
	}
	mutex_unlock(&g->lock);
	return r;
}

static int
log_has(struct mirror_log *l, const char *member, const char *name)
{
	struct log *g = (struct log *)l;
	int r;

	mutex_lock(&g->lock);
	r = op_locked(g, member, name);
	mutex_unlock(&g->lock);
	return r > 0 ? (r & ASIDE ? 2 : 1) : r;
}

static int
log_has_old(struct mirror_log *l, const char *member)
{
	struct log *g = (struct log *)l;
	struct stmt *s;
	int r;

	mutex_lock(&g->lock);
	s = db_stmt(g->db, ST_OLD,
	    "SELECT 1 FROM lack WHERE member = ?1 AND op = ?2 LIMIT 1");
	stmt_blob(s, 1, member, strlen(member));
	stmt_i64(s, 2, MIRROR_REPLACE | ASIDE);
	r = stmt_step(s);
	if (r > 0)
		stmt_reset(s);
	mutex_unlock(&g->lock);
	return r;
}

static int
log_count(struct mirror_log *l, const char *member, uint64_t *ret_queued,
    uint64_t *ret_aside)
{
	struct log *g = (struct log *)l;
	struct stmt *s;
	int r;

	mutex_lock(&g->lock);
	s = db_stmt(g->db, ST_COUNT, "SELECT count(*), "
	    "coalesce(sum(op >= ?2), 0) FROM lack WHERE member = ?1");
	stmt_blob(s, 1, member, strlen(member));
	stmt_i64(s, 2, ASIDE);
	r = stmt_step(s);
	if (r > 0) {
		*ret_aside = (uint64_t)stmt_get_i64(s, 1);
		*ret_queued = (uint64_t)stmt_get_i64(s, 0) - *ret_aside;
		stmt_reset(s);
		r = 0;
	} else if (r == 0) {
		r = -EIO;
	}
	mutex_unlock(&g->lock);
	return r;
}

static void
log_close(struct mirror_log *l)
{
	struct log *g = (struct log *)l;

	db_close(g->db);
	mutex_done(&g->lock);
	free(g);
}

int
mirror_log_open(const char *state_dir, struct mirror_log **ret,
    struct err *e)
{
	static const struct mirror_log ops = { .add = log_add,
	    .add_many = log_add_many, .take = log_take, .forget = log_forget,
	    .del = log_del, .aside = log_aside, .next = log_next,
	    .has = log_has, .has_old = log_has_old, .count = log_count,
	    .close = log_close };
	char path[PATH_MAX];
	struct log *g;
	int r;

	if (snprintf(path, sizeof(path), "%s/mirror.db", state_dir) >=
	    (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the path is too long");
	g = calloc(1, sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "out of memory");
	g->base = ops;
	r = db_open(path, &g->db, e);
	if (r == 0)
		r = db_exec(g->db, "CREATE TABLE IF NOT EXISTS lack ("
		    "seq INTEGER PRIMARY KEY AUTOINCREMENT, "
		    "member BLOB NOT NULL, name BLOB NOT NULL, "
		    "op INTEGER NOT NULL, UNIQUE (member, name))");
	if (r < 0) {
		db_close(g->db);
		free(g);
		return err_wrap(e, r, "'%s'", path);
	}
	mutex_init(&g->lock, RANK_STORE);
	*ret = &g->base;
	return 0;
}
