/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records of the journal are run again.
 */
#include <errno.h>
#include <string.h>

#include "db/db_priv.h"
#include "util/buf.h"

/* A record changes rows of tables, and does nothing else. */
static int
only_rows(void *arg, int action, const char *a, const char *b,
    const char *db, const char *trigger)
{
	bool *does = arg;

	(void)b;
	(void)db;
	(void)trigger;
	switch (action) {
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		*does = true;
		return a && strncmp(a, "sqlite_", 7) != 0 ? SQLITE_OK :
		    SQLITE_DENY;
	case SQLITE_READ:
	case SQLITE_SELECT:
	case SQLITE_FUNCTION:
		return SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int
item_sql(sqlite3 *h, sqlite3_stmt **s, struct rd *r)
{
	const char *rest = NULL;
	const uint8_t *sql;
	bool does = false;
	size_t len;
	int rc;

	sql = rd_str16(r, REDO_SQL_MAX, &len);
	if (!sql)
		return -EPROTO;
	(void)sqlite3_finalize(*s);
	*s = NULL;
	(void)sqlite3_set_authorizer(h, only_rows, &does);
	rc = sqlite3_prepare_v2(h, (const char *)sql, (int)len, s, &rest);
	(void)sqlite3_set_authorizer(h, NULL, NULL);
	if (rc == SQLITE_NOMEM)
		return -ENOMEM;
	if (rc != SQLITE_OK || !*s || !does || sqlite3_stmt_readonly(*s) ||
	    rest != (const char *)sql + len)
		return -EPROTO;
	return 0;
}

static int
item_bind(sqlite3_stmt *s, int i, struct rd *r)
{
	const uint8_t *p;
	size_t len;
	int rc;

	switch (rd_u8(r)) {
	case PARAM_NULL:
		rc = sqlite3_bind_null(s, i);
		break;
	case PARAM_I64:
		rc = sqlite3_bind_int64(s, i, (int64_t)rd_u64(r));
		break;
	case PARAM_BLOB:
		p = rd_str32(r, REDO_MAX, &len);
		rc = sqlite3_bind_blob64(s, i, p ? (const void *)p : "", len,
		    SQLITE_STATIC);
		break;
	default:
		return -EPROTO;
	}
	return r->err ? -EPROTO : rc == SQLITE_OK ? 0 : -ENOMEM;
}

static int
item_run(sqlite3 *h, sqlite3_stmt *s, struct rd *r)
{
	int i, n = rd_u8(r), rc, q = 0;

	if (r->err || !s || n != sqlite3_bind_parameter_count(s))
		return -EPROTO;
	for (i = 1; i <= n && q == 0; i++)
		q = item_bind(s, i, r);
	if (q < 0)
		return q;
	do
		rc = sqlite3_step(s);
	while (rc == SQLITE_ROW);
	q = db_errno(h, rc);
	(void)sqlite3_reset(s);
	return q;
}

int
redo_run(sqlite3 *h, sqlite3_stmt *defined[static DB_STMT_MAX],
    const void *items, size_t len)
{
	struct rd r = rd_of(items, len);
	unsigned kind, n;
	int q = 0;

	while (q == 0 && r.left > 0) {
		kind = rd_u8(&r);
		n = rd_u8(&r);
		if (r.err || n >= DB_STMT_MAX)
			q = -EPROTO;
		else if (kind == ITEM_SQL)
			q = item_sql(h, &defined[n], &r);
		else if (kind == ITEM_RUN)
			q = item_run(h, defined[n], &r);
		else
			q = -EPROTO;
	}
	return q;
}
