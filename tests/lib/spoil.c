/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/spoil.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>

#include "drive/tree_priv.h"

void
spoil_sql(struct drive *d, const char *fmt, ...) NO_TSA
{
	char q[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(q, sizeof(q), fmt, ap);
	va_end(ap);
	ck_assert_int_eq(drive_begin_internal(d), 0);
	ck_assert_int_eq(db_exec(d->db, q), 0);
	inode_cache_drop(d);
	ck_assert_int_eq(drive_end(d, 0), 0);
}

void
spoil_inode(struct drive *d, uint64_t ino)
{
	spoil_sql(d, "CREATE TABLE was AS SELECT * FROM inode "
	    "WHERE ino = %llu; UPDATE inode SET row = zeroblob(length(row)) "
	    "WHERE ino = (SELECT ino FROM was)", (unsigned long long)ino);
}

void
spoil_mend(struct drive *d)
{
	spoil_sql(d, "INSERT OR REPLACE INTO inode SELECT * FROM was; "
	    "DROP TABLE was");
}
