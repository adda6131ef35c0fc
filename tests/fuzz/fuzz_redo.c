/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The items of a record of the journal of commits, on two tables: whatever
 * they say, no table comes or goes and no other file is opened.
 */
#include <stdlib.h>
#include <string.h>

#include "db/db_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static const char tables[] =
    "CREATE TABLE t(n INTEGER PRIMARY KEY, b BLOB);"
    "CREATE TABLE u(a INTEGER, b INTEGER, PRIMARY KEY(a, b)) WITHOUT ROWID;"
    "INSERT INTO t VALUES(1, x'00'), (2, NULL);"
    "INSERT INTO u VALUES(1, 1), (1, 2)";

static int
number(sqlite3 *h, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int(s, 0);
	(void)sqlite3_finalize(s);
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	sqlite3_stmt *defined[DB_STMT_MAX] = { NULL };
	sqlite3 *h = NULL;
	int i;

	if (sqlite3_open(":memory:", &h) != SQLITE_OK ||
	    sqlite3_exec(h, tables, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(h, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	(void)redo_run(h, defined, p, len);
	for (i = 0; i < DB_STMT_MAX; i++)
		(void)sqlite3_finalize(defined[i]);
	if (number(h, "SELECT count(*) FROM sqlite_master") != 2 ||
	    number(h, "SELECT count(*) FROM pragma_database_list") != 1 ||
	    number(h, "PRAGMA user_version") != 0)
		abort();
	(void)sqlite3_close(h);
	return 0;
}
