/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "db/db_priv.h"
#include "util/log.h"

static struct stmt *
stmt_new(struct db *d, int n, const char *sql)
{
	struct stmt *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (sqlite3_prepare_v3(d->h, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &s->raw, NULL) != SQLITE_OK) {
		log_error("db: '%s': %s", sql, sqlite3_errmsg(d->h));
		free(s);
		return NULL;
	}
	s->d = d;
	s->n = n;
	s->nparams = sqlite3_bind_parameter_count(s->raw);
	s->is_writing = !sqlite3_stmt_readonly(s->raw);
	return s;
}

struct stmt *
db_stmt(struct db *d, int n, const char *sql)
{
	struct stmt *s;
	int i;

	/* What SQLite has lost comes back before anything is read. */
	if (redo_is_lost(d) && redo_begin(d) < 0)
		return NULL;
	s = d->stmts[n];
	if (!s)
		s = d->stmts[n] = stmt_new(d, n, sql);
	if (!s)
		return NULL;
	(void)sqlite3_reset(s->raw);
	(void)sqlite3_clear_bindings(s->raw);
	for (i = 0; i < s->nparams && i < DB_PARAMS_MAX; i++)
		s->params[i].kind = PARAM_NULL;
	return s;
}

static struct param *
param_of(struct stmt *s, int i)
{
	static _Thread_local struct param none;

	return i >= 1 && i <= DB_PARAMS_MAX ? &s->params[i - 1] : &none;
}

void
stmt_i64(struct stmt *s, int i, int64_t v)
{
	struct param *p;

	if (!s)
		return;
	p = param_of(s, i);
	p->kind = PARAM_I64;
	p->v = v;
	(void)sqlite3_bind_int64(s->raw, i, v);
}

void
stmt_blob(struct stmt *s, int i, const void *p, size_t len)
{
	struct param *a;

	if (!s)
		return;
	a = param_of(s, i);
	a->kind = PARAM_BLOB;
	a->p = p;
	a->len = len;
	(void)sqlite3_bind_blob64(s->raw, i, p ? p : "", len, SQLITE_STATIC);
}

void
stmt_null(struct stmt *s, int i)
{
	if (!s)
		return;
	param_of(s, i)->kind = PARAM_NULL;
	(void)sqlite3_bind_null(s->raw, i);
}

int
stmt_step(struct stmt *s)
{
	bool is_first;
	int rc, r;

	if (!s)
		return -ENOMEM;
	if (s->is_writing && !db_in_txn(s->d))
		return -EIO;
	is_first = !sqlite3_stmt_busy(s->raw);
	rc = sqlite3_step(s->raw);
	/* All it changes is changed at the first step. */
	if (s->is_writing && is_first &&
	    (rc == SQLITE_ROW || rc == SQLITE_DONE))
		redo_note(s->d, s);
	if (rc == SQLITE_ROW)
		return 1;
	r = db_errno(s->d->h, rc);
	if (r < 0 && r != -EEXIST)
		log_error("db: %s: %s", sqlite3_sql(s->raw),
		    sqlite3_errmsg(s->d->h));
	(void)sqlite3_reset(s->raw);
	/* So it calls a page that cannot be read, too. */
	if ((rc & 0xff) == SQLITE_CORRUPT)
		redo_give_up(s->d);
	return r;
}

int
stmt_run(struct stmt *s)
{
	int r = stmt_step(s);

	if (r == 1)
		stmt_reset(s);
	return r < 0 ? r : 0;
}

int64_t
stmt_get_i64(struct stmt *s, int col)
{
	return sqlite3_column_int64(s->raw, col);
}

const void *
stmt_get_blob(struct stmt *s, int col, size_t *ret_len)
{
	const void *p = sqlite3_column_blob(s->raw, col);

	*ret_len = (size_t)sqlite3_column_bytes(s->raw, col);
	return p;
}

bool
stmt_is_null(struct stmt *s, int col)
{
	return sqlite3_column_type(s->raw, col) == SQLITE_NULL;
}

void
stmt_reset(struct stmt *s)
{
	if (s)
		(void)sqlite3_reset(s->raw);
}
