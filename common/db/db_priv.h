/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DB_DB_PRIV_H
#define DB_DB_PRIV_H

#include <sqlite3.h>

#include "db/db.h"

/* db_priv - what the files of this folder share. */

#define DB_PARAMS_MAX 32

enum param_kind { PARAM_NULL, PARAM_I64, PARAM_BLOB };

struct param {
	enum param_kind kind;
	int64_t v;
	const void *p;		/* borrowed until the step */
	size_t len;
};

struct stmt {
	sqlite3_stmt *raw;
	struct db *d;
	int n;
	int nparams;
	bool is_writing;
	struct param params[DB_PARAMS_MAX];
};

struct redo;

struct db {
	sqlite3 *h;
	sqlite3 *ckpt;		/* second connection, for checkpoints */
	int wal_fd;		/* the log, for db_sync */
	int file_fd;		/* for db_sync_file; closed last, as a close
				 * gives up SQLite's locks */
	unsigned nlogged;	/* atomic: frames in the log ... */
	unsigned nmoved;	/* atomic: ... and of them in the file */
	int flush_r;		/* atomic; < 0: a flush failed */
	bool is_in_txn;		/* between db_begin and its end */
	struct redo *redo;	/* NULL: each commit is SQLite's */
	sqlite3_stmt *begin, *commit;
	struct stmt *stmts[DB_STMT_MAX];
};

int db_errno(sqlite3 *h, int rc);
/* Run a statement that is kept in *s. */
int db_kept(struct db *d, sqlite3_stmt **s, const char *sql);

/*
 * redo - the journal of commits that SQLite has not been told of.
 *
 * SQLite's transaction stays open over many of the owner's.  Each of these,
 * as it commits, appends one record to a file: the statements it ran and what
 * was bound to them.  Now and then (redo_settle) SQLite commits, and the
 * journal starts anew.  After a crash, or when SQLite has rolled back, the
 * records are run again on what SQLite committed last, in their order, and
 * give what was there: statements must depend on nothing but the tables and
 * what is bound.
 *
 * A record is { u64 epoch, u64 sum, u32 length } and items.  It holds if its
 * sum does and its epoch is what the last commit put into the table "opened";
 * the first that does not is the end.  All integers are little-endian.
 */

#define REDO_SQL_MAX 4096	/* text of a statement */
#define REDO_MAX (2u << 20)	/* SQLite commits after so much, bytes */

enum item {
	ITEM_SQL = 1,	/* u8 number, u16 length and text */
	ITEM_RUN = 2,	/* u8 number, u8 count, and so many u8 kind, value */
};

/* Run what the last process left and start anew. */
int redo_open(struct db *d, const char *path, struct err *e);
/* NULL is ignored. */
void redo_close(struct db *d);
/* SQLite has rolled back by itself what was committed or done here. */
bool redo_is_lost(const struct db *d);
/* Have SQLite roll back: it takes no change after what it calls a malformed
 * file, until then. */
void redo_give_up(struct db *d);
/* SQLite's transaction is open and has all that was committed, and what the
 * owner's that is under way has done. */
int redo_begin(struct db *d);
/* s has run in the transaction under way. */
void redo_note(struct db *d, const struct stmt *s);
/* What cannot be noted has: let SQLite commit. */
void redo_pass(struct db *d);
int redo_commit(struct db *d);
void redo_rollback(struct db *d);
/* No transaction of the owner's is open. */
int redo_settle(struct db *d);
/* Bytes that wait for that. */
uint64_t redo_size(const struct db *d);
/* Run the items of one record; -EPROTO: they are none.  redo_run.c, for
 * redo.c and the fuzz target. */
int redo_run(sqlite3 *h, sqlite3_stmt *defined[static DB_STMT_MAX],
    const void *items, size_t len);

#endif
