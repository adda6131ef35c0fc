/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DB_DB_H
#define DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * db - SQLite, as little of it as is needed: one connection, statements
 * prepared once and kept by number, results as negative errnos.  Not for use
 * by two threads at once: its owner has a lock.
 *
 * Results: -ENOSPC the disk is full, -EIO it fails or the file is damaged,
 * -EBUSY somebody else has it, -ENOMEM, -EEXIST a key is there already.
 */
struct db;
struct stmt;

#define DB_STMT_MAX 128		/* numbers of statements: 0..DB_STMT_MAX-1 */

/* Open or create.  WAL, 4 KiB pages, flushed only by checkpoints and
 * db_sync; secure_delete is off because every row is sealed. */
int db_open(const char *path, struct db **ret, struct err *e);
/*
 * From now on SQLite commits now and then only: what db_commit is told goes
 * to a journal, PATH-redo, that survives the process (not a power cut), and
 * what it holds since the last commit of SQLite's is done again here.  To be
 * called before anything is read or written.  Statements may depend on
 * nothing but the tables and what is bound (no random(), no LIMIT without
 * order).  On failure the database is as it was, without the journal.
 */
int db_redo(struct db *d, struct err *e);
/* Commits that db_redo found but had to leave out, because one before them was
 * damaged: a power cut can do that, or the disk. */
uint64_t db_redo_lost(const struct db *d);
/* Let SQLite commit what was committed: before db_sync, to be sure of it on
 * the disk.  No transaction is open.  Does nothing without db_redo. */
int db_settle(struct db *d);
/* Closes with a last checkpoint.  NULL is ignored. */
void db_close(struct db *d);
/* Run statements that give no rows.  They are not for the journal: a
 * transaction with one is SQLite's to commit. */
int db_exec(struct db *d, const char *sql);
/* Statement number n, prepared from sql (a literal) the first time, reset and
 * without bindings otherwise; NULL if it does not compile (a bug) or memory
 * is out: stmt_step on NULL gives -ENOMEM. */
struct stmt *db_stmt(struct db *d, int n, const char *sql);
int64_t db_changes_total(struct db *d);
/* A transaction that writes, from its first moment. */
int db_begin(struct db *d);
/* On failure call db_rollback. */
int db_commit(struct db *d);
/* Without a transaction nothing happens. */
void db_rollback(struct db *d);
/* Is a transaction open?  Out of memory or disk, any statement, a reading one
 * too, may have rolled it back; a writing one is then refused with -EIO, so
 * that nothing is half there.  With db_redo all of it but that statement comes
 * back at the next db_stmt or at the commit, unless db_exec was in it; if it
 * cannot, these fail. */
bool db_in_txn(struct db *d);
/* What SQLite has committed reaches the disk: flush the log.  Any thread, no
 * lock needed.  Once it has failed, or a checkpoint's flush, both fail until
 * the file is opened anew, and the log is kept. */
int db_sync(struct db *d);
/* Length of the log and what of it was not moved yet, bytes: to know when a
 * checkpoint is due.  Any thread. */
uint64_t db_log_size(struct db *d);
uint64_t db_log_left(struct db *d);
/* What it takes up of the disk, bytes. */
uint64_t db_log_room(struct db *d);
/* A second connection that only moves the log into the file; call from one
 * background thread, without the owner's lock.  Commits go on meanwhile. */
int db_checkpoint(struct db *d);
/* Moved pages reach the disk.  Any thread, no lock needed; as db_sync. */
int db_sync_file(struct db *d);
/* A checkpoint on the main connection, and the log starts anew: when it has
 * grown too long.  Caller holds the owner's lock, and waits the shorter the
 * less there is to move and to flush.  The log keeps its blocks, which are
 * cheaper to write again than new ones, unless it is cut. */
int db_checkpoint_all(struct db *d, bool is_cut);

/* Bind parameter i (from 1).  Blobs are borrowed until the step. */
void stmt_i64(struct stmt *s, int i, int64_t v);
void stmt_blob(struct stmt *s, int i, const void *p, size_t len);
void stmt_null(struct stmt *s, int i);
/* 1: a row, 0: done, or a negative errno.  Resets itself unless a row.  One
 * that writes runs in a transaction only. */
int stmt_step(struct stmt *s);
/* Step that expects no row: 0 or a negative errno. */
int stmt_run(struct stmt *s);
/* Columns of the row (from 0); blobs are borrowed until the next step. */
int64_t stmt_get_i64(struct stmt *s, int col);
const void *stmt_get_blob(struct stmt *s, int col, size_t *ret_len);
bool stmt_is_null(struct stmt *s, int col);
void stmt_reset(struct stmt *s);

#endif
