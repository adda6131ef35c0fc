/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "db/db_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/log_vfs.h"
#include "util/err.h"
#include "util/log.h"

#define PAGE 4096
#define FRAME (PAGE + 24)	/* sqlite.org/fileformat2.html#walformat */
#define STR(x) STR_(x)
#define STR_(x) #x

int
db_errno(sqlite3 *h, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_IOERR:
		if (h && sqlite3_system_errno(h) == ENOSPC)
			return -ENOSPC;
		return -EIO;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_READONLY:
		return -EROFS;
	default:
		return -EIO;
	}
}

static int
db_connect(const char *path, sqlite3 **ret)
{
	sqlite3 *h = NULL;
	int rc;

	/* unix-excl: one process has the file, so that the log's index and
	 * its locks are memory, not calls of the kernel per transaction. */
	rc = log_vfs_register();
	if (rc < 0)
		return rc;
	rc = sqlite3_open_v2(path, &h, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, LOG_VFS);
	if (rc != SQLITE_OK) {
		int r = db_errno(h, rc);

		(void)sqlite3_close(h);
		return r;
	}
	(void)sqlite3_extended_result_codes(h, 1);
	(void)sqlite3_busy_timeout(h, 10000);
	*ret = h;
	return 0;
}

/* After a commit; n: frames in the log now. */
static int
on_logged(void *arg, sqlite3 *h, const char *name, int n)
{
	struct db *d = arg;

	(void)h;
	(void)name;
	/* It has begun anew by itself, being all moved. */
	if ((unsigned)n < __atomic_load_n(&d->nlogged, __ATOMIC_RELAXED))
		__atomic_store_n(&d->nmoved, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&d->nlogged, (unsigned)n, __ATOMIC_RELAXED);
	return SQLITE_OK;
}

int
db_open(const char *path, struct db **ret, struct err *e)
{
	static const char pragmas[] =
	    "PRAGMA page_size=" STR(PAGE) ";"
	    "PRAGMA journal_mode=WAL;"
	    "PRAGMA synchronous=NORMAL;"
	    "PRAGMA wal_autocheckpoint=0;"
	    "PRAGMA temp_store=MEMORY;"
	    "PRAGMA cache_size=-16384;";
	char wal[PATH_MAX];
	struct db *d;
	int r;

	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->wal_fd = d->file_fd = -1;
	r = db_connect(path, &d->h);
	if (r == 0)
		r = db_exec(d, pragmas);
	if (r == 0)
		(void)sqlite3_wal_hook(d->h, on_logged, d);
	/* The first write makes the log file. */
	if (r == 0)
		r = db_exec(d, "BEGIN IMMEDIATE;"
		    "CREATE TABLE IF NOT EXISTS opened(n INTEGER);"
		    "INSERT INTO opened SELECT 1 "
		    "WHERE NOT EXISTS(SELECT 1 FROM opened);"
		    "UPDATE opened SET n = n; COMMIT");
	if (r == 0)
		r = db_connect(path, &d->ckpt);
	/* A connection that has read nothing knows of no log, and moves
	 * nothing. */
	if (r == 0)
		r = db_errno(d->ckpt, sqlite3_exec(d->ckpt,
		    "SELECT n FROM opened", NULL, NULL, NULL));
	if (r == 0) {
		(void)snprintf(wal, sizeof(wal), "%s-wal", path);
		d->wal_fd = open(wal, O_RDWR | O_CLOEXEC);
		d->file_fd = open(path, O_RDONLY | O_CLOEXEC);
		if (d->wal_fd < 0 || d->file_fd < 0)
			r = -errno;
	}
	if (r < 0) {
		(void)err_set(e, r, "unable to open '%s': %s", path,
		    d->h ? sqlite3_errmsg(d->h) : "out of memory");
		db_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

/* The close neither moves it nor removes it: after a failed flush the next
 * open copies all of it again. */
static void
log_keep(struct db *d)
{
	if (d->ckpt)
		(void)sqlite3_db_config(d->ckpt,
		    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (d->h)
		(void)sqlite3_db_config(d->h,
		    SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void
db_close(struct db *d)
{
	int i;

	if (!d)
		return;
	redo_close(d);
	for (i = 0; i < DB_STMT_MAX; i++)
		if (d->stmts[i]) {
			(void)sqlite3_finalize(d->stmts[i]->raw);
			free(d->stmts[i]);
		}
	(void)sqlite3_finalize(d->begin);
	(void)sqlite3_finalize(d->commit);
	if (d->wal_fd >= 0)
		(void)close(d->wal_fd);
	if (__atomic_load_n(&d->flush_r, __ATOMIC_RELAXED) < 0)
		log_keep(d);
	(void)sqlite3_close(d->ckpt);
	if (sqlite3_close(d->h) != SQLITE_OK)
		log_error("db: close: %s", sqlite3_errmsg(d->h));
	if (d->file_fd >= 0)
		(void)close(d->file_fd);
	free(d);
}

int
db_kept(struct db *d, sqlite3_stmt **s, const char *sql)
{
	int rc = SQLITE_OK;

	if (!*s)
		rc = sqlite3_prepare_v3(d->h, sql, -1,
		    SQLITE_PREPARE_PERSISTENT, s, NULL);
	if (rc == SQLITE_OK) {
		(void)sqlite3_step(*s);
		rc = sqlite3_reset(*s);
	}
	if (rc != SQLITE_OK)
		log_debug("db: %s: %s", sql, sqlite3_errmsg(d->h));
	return db_errno(d->h, rc);
}

int
db_begin(struct db *d)
{
	int r;

	if (d->is_in_txn)
		return -EIO;
	r = d->redo ? redo_begin(d) :
	    db_kept(d, &d->begin, "BEGIN IMMEDIATE");
	d->is_in_txn = r == 0;
	return r;
}

int
db_commit(struct db *d)
{
	int r;

	r = d->redo ? redo_commit(d) : db_kept(d, &d->commit, "COMMIT");
	if (r == 0)
		d->is_in_txn = false;
	return r;
}

void
db_rollback(struct db *d)
{
	d->is_in_txn = false;
	if (d->redo)
		redo_rollback(d);
	else
		(void)db_exec(d, "ROLLBACK");
}

int
db_redo(struct db *d, struct err *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s-redo",
	    sqlite3_db_filename(d->h, "main")) >= (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "the database's path is too "
		    "long");
	return redo_open(d, path, e);
}

int
db_settle(struct db *d)
{
	return redo_settle(d);
}

int
db_exec(struct db *d, const char *sql)
{
	int rc, r = 0;

	if (d->is_in_txn)
		redo_pass(d);
	else
		r = redo_settle(d);
	if (r < 0)
		return r;
	rc = sqlite3_exec(d->h, sql, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		log_debug("db: %s: %s", sql, sqlite3_errmsg(d->h));
	return db_errno(d->h, rc);
}

bool
db_in_txn(struct db *d)
{
	return d->is_in_txn && !sqlite3_get_autocommit(d->h);
}

int64_t
db_changes_total(struct db *d)
{
	return sqlite3_total_changes64(d->h);
}

static int
flush(struct db *d, int fd)
{
	int r = __atomic_load_n(&d->flush_r, __ATOMIC_RELAXED);

	/* After one that failed the kernel would answer 0 for what it could
	 * not write. */
	if (r < 0 || fdatasync(fd) == 0)
		return r;
	r = -errno;
	__atomic_store_n(&d->flush_r, r, __ATOMIC_RELAXED);
	return r;
}

int
db_sync(struct db *d)
{
	return flush(d, d->wal_fd);
}

int
db_sync_file(struct db *d)
{
	return flush(d, d->file_fd);
}

uint64_t
db_log_size(struct db *d)
{
	return (uint64_t)__atomic_load_n(&d->nlogged, __ATOMIC_RELAXED) *
	    FRAME;
}

uint64_t
db_log_left(struct db *d)
{
	unsigned n = __atomic_load_n(&d->nlogged, __ATOMIC_RELAXED);
	unsigned done = __atomic_load_n(&d->nmoved, __ATOMIC_RELAXED);

	return (uint64_t)(done < n ? n - done : 0) * FRAME;
}

uint64_t
db_log_room(struct db *d)
{
	struct stat st;

	return fstat(d->wal_fd, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

/*
 * What a checkpoint answered.  One that ends before the log does flushes
 * nothing; if writing that back fails the kernel says so once, to the flush of
 * a later one, and the next would be answered 0 and let the log begin anew
 * over the only good copy.
 */
static int
moved(struct db *d, sqlite3 *h, int rc)
{
	int r = (rc & 0xff) == SQLITE_BUSY ? 0 : db_errno(h, rc);

	if (rc == SQLITE_IOERR_FSYNC)
		__atomic_store_n(&d->flush_r, r, __ATOMIC_RELAXED);
	return r;
}

int
db_checkpoint(struct db *d)
{
	int rc, n = 0, r = __atomic_load_n(&d->flush_r, __ATOMIC_RELAXED);

	if (r < 0)
		return r;
	rc = sqlite3_wal_checkpoint_v2(d->ckpt, NULL,
	    SQLITE_CHECKPOINT_PASSIVE, NULL, &n);
	if (rc == SQLITE_OK && n >= 0)
		__atomic_store_n(&d->nmoved, (unsigned)n, __ATOMIC_RELAXED);
	return moved(d, d->ckpt, rc);
}

int
db_checkpoint_all(struct db *d, bool is_cut)
{
	int rc, r = redo_settle(d);

	if (r == 0)
		r = __atomic_load_n(&d->flush_r, __ATOMIC_RELAXED);
	if (r < 0)
		return r;
	rc = sqlite3_wal_checkpoint_v2(d->h, NULL,
	    is_cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART,
	    NULL, NULL);
	if (rc == SQLITE_OK) {
		__atomic_store_n(&d->nlogged, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&d->nmoved, 0, __ATOMIC_RELAXED);
	}
	return moved(d, d->h, rc);
}
