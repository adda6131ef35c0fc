/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/db_priv.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/log.h"

#define HEADER 20

/* Is the statement's text in the file, or in the record under way? */
enum told { TOLD_NOT, TOLD_NOW, TOLD };

struct redo {
	int fd;
	uint64_t epoch;
	uint64_t end;		/* of the records; the next comes here */
	uint64_t settle_at;	/* once it is so long */
	bool is_owed;		/* a commit of SQLite's failed: it may be in
				 * its log all the same, under a new epoch, so
				 * nothing more comes under this one */
	uint64_t nlost;		/* records behind one that cannot be read */
	bool is_begun;		/* SQLite's transaction was opened */
	bool is_passed;		/* of the transaction under way: no record */
	struct buf rec;		/* header and items of it */
	uint8_t told[DB_STMT_MAX];
	sqlite3_stmt *mark;
};

/* ---- a record ------------------------------------------------------------ */

/* Against what a torn write leaves, not against a forger: rows are sealed.
 * Each step can be undone, so no change of one word goes unseen. */
static uint64_t
sum_of(uint64_t epoch, const uint8_t *p, size_t len)
{
	uint64_t h = epoch ^ len, w;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len < sizeof(w) ? len : sizeof(w);
		w = 0;
		memcpy(&w, p, n);
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h = h << 29 | h >> 35;
	}
	return h;
}

static void
record_begin(struct redo *j)
{
	buf_reset(&j->rec);
	(void)buf_put_zero(&j->rec, HEADER);
}

static bool
record_is_empty(const struct redo *j)
{
	return j->rec.len <= HEADER && !j->rec.err && !j->is_passed;
}

static void
record_tell(struct redo *j, const struct stmt *s)
{
	const char *sql;

	if (j->told[s->n] != TOLD_NOT)
		return;
	sql = sqlite3_sql(s->raw);
	(void)buf_put_u8(&j->rec, ITEM_SQL);
	(void)buf_put_u8(&j->rec, (uint8_t)s->n);
	(void)buf_put_str16(&j->rec, sql, strlen(sql));
	j->told[s->n] = TOLD_NOW;
}

/* TOLD_NOW becomes what it turned out to be. */
static void
told_settle(struct redo *j, enum told now)
{
	int i;

	for (i = 0; i < DB_STMT_MAX; i++)
		if (j->told[i] == TOLD_NOW)
			j->told[i] = (uint8_t)now;
}

void
redo_note(struct db *d, const struct stmt *s)
{
	struct redo *j = d->redo;
	const struct param *p;
	int i;

	if (!j)
		return;
	if (s->nparams > DB_PARAMS_MAX ||
	    strlen(sqlite3_sql(s->raw)) > REDO_SQL_MAX)
		redo_pass(d);
	record_tell(j, s);
	(void)buf_put_u8(&j->rec, ITEM_RUN);
	(void)buf_put_u8(&j->rec, (uint8_t)s->n);
	(void)buf_put_u8(&j->rec, (uint8_t)s->nparams);
	for (i = 0; i < s->nparams && i < DB_PARAMS_MAX; i++) {
		p = &s->params[i];
		(void)buf_put_u8(&j->rec, (uint8_t)p->kind);
		if (p->kind == PARAM_I64)
			(void)buf_put_u64(&j->rec, (uint64_t)p->v);
		else if (p->kind == PARAM_BLOB)
			(void)buf_put_str32(&j->rec, p->p, p->len);
	}
}

void
redo_pass(struct db *d)
{
	if (d->redo)
		d->redo->is_passed = true;
}

/* ---- run again ----------------------------------------------------------- */

/* Read the record at off: its length with the header, 0 if there is none, or
 * a negative errno. */
static int64_t
record_read(struct redo *j, uint64_t off, struct buf *b)
{
	uint8_t head[HEADER];
	uint64_t epoch, sum;
	struct rd r;
	uint32_t len;
	ssize_t n;

	n = pread(j->fd, head, HEADER, (off_t)off);
	if (n < 0)
		return -errno;
	r = rd_of(head, (size_t)n);
	epoch = rd_u64(&r);
	sum = rd_u64(&r);
	len = rd_u32(&r);
	if (r.err || epoch != j->epoch || len == 0 || len > REDO_MAX)
		return 0;
	buf_reset(b);
	if (!buf_reserve(b, len))
		return -ENOMEM;
	n = pread(j->fd, b->data, len, (off_t)(off + HEADER));
	if (n < 0)
		return -errno;
	if (n != (ssize_t)len || sum_of(epoch, b->data, len) != sum)
		return 0;
	b->len = len;
	return (int64_t)len + HEADER;
}

/* Run the records up to end, and what the transaction under way has done since;
 * or to the last if it is not known. */
static int
replay(struct db *d, uint64_t end, uint64_t *ret_end)
{
	sqlite3_stmt *defined[DB_STMT_MAX] = { NULL };
	struct buf b = BUF_INIT(REDO_MAX);
	struct redo *j = d->redo;
	uint64_t off = 0;
	int64_t n = 1;
	int i, r = 0;

	while (r == 0 && n > 0 && off < end) {
		n = record_read(j, off, &b);
		if (n > 0)
			r = redo_run(d->h, defined, b.data, b.len);
		if (r == 0 && n > 0)
			off += (uint64_t)n;
	}
	if (n < 0)
		r = (int)n;
	if (r == 0 && off >= end)
		r = redo_run(d->h, defined, j->rec.data + HEADER,
		    j->rec.len - HEADER);
	for (i = 0; i < DB_STMT_MAX; i++)
		(void)sqlite3_finalize(defined[i]);
	buf_done(&b);
	*ret_end = off;
	return r;
}

/* Records of this epoch behind the place where they ended, at off: one between
 * was damaged.  What a torn write leaves has none behind it. */
static uint64_t
lost_count(struct redo *j, uint64_t off)
{
	struct buf rest = BUF_INIT(2 * REDO_MAX), b = BUF_INIT(REDO_MAX);
	uint8_t epoch[8], *p, *end;
	uint64_t count = 0;
	int64_t len;
	ssize_t n;

	put_le64(epoch, j->epoch);
	p = buf_reserve(&rest, 2 * REDO_MAX);
	n = p ? pread(j->fd, p, 2 * REDO_MAX, (off_t)off) : 0;
	end = p + (n > 0 ? n : 0);
	while (p && (p = memmem(p, (size_t)(end - p), epoch, sizeof(epoch)))) {
		len = record_read(j, off + (uint64_t)(p - rest.data), &b);
		count += len > 0;
		p += len > 0 ? len : 1;
		if (p > end)
			p = NULL;
	}
	buf_done(&rest);
	buf_done(&b);
	return count;
}

/* ---- SQLite's transaction ------------------------------------------------ */

bool
redo_is_lost(const struct db *d)
{
	return d->redo && d->redo->is_begun && sqlite3_get_autocommit(d->h);
}

static void
roll_back(struct db *d)
{
	if (!sqlite3_get_autocommit(d->h))
		(void)sqlite3_exec(d->h, "ROLLBACK", NULL, NULL, NULL);
}

void
redo_give_up(struct db *d)
{
	if (d->redo && d->redo->is_begun)
		roll_back(d);
}

int
redo_begin(struct db *d)
{
	struct redo *j = d->redo;
	uint64_t end;
	int r;

	if (j->is_begun && !redo_is_lost(d))
		return 0;
	/* Not all that the transaction under way did is known. */
	if (j->is_begun && (j->is_passed || j->rec.err))
		return -EIO;
	r = db_kept(d, &d->begin, "BEGIN IMMEDIATE");
	if (r < 0 || !j->is_begun) {
		j->is_begun |= r == 0;
		return r;
	}
	r = replay(d, j->end, &end);
	if (r == 0 && end < j->end)
		r = -EIO;
	if (r < 0) {
		log_error("db: what SQLite rolled back does not come back: "
		    "%s", strerror(-r));
		roll_back(d);
		return r;
	}
	/* That it need not be done again. */
	j->settle_at = 0;
	return 0;
}

/* Commit under a new epoch, which ends the records of the last one. */
static int
settle(struct db *d)
{
	struct redo *j = d->redo;
	uint64_t epoch = 0;
	int r;

	j->is_owed = true;
	sqlite3_randomness(sizeof(epoch), &epoch);
	epoch >>= 1;
	if (!j->mark && sqlite3_prepare_v3(d->h, "UPDATE opened SET n = ?1",
	    -1, SQLITE_PREPARE_PERSISTENT, &j->mark, NULL) != SQLITE_OK)
		return db_errno(d->h, sqlite3_errcode(d->h));
	(void)sqlite3_bind_int64(j->mark, 1, (int64_t)epoch);
	(void)sqlite3_step(j->mark);
	r = db_errno(d->h, sqlite3_reset(j->mark));
	if (r == 0)
		r = db_kept(d, &d->commit, "COMMIT");
	if (r < 0)
		return r;
	j->is_begun = j->is_owed = false;
	j->epoch = epoch;
	j->end = 0;
	j->settle_at = REDO_MAX;
	memset(j->told, TOLD_NOT, sizeof(j->told));
	return 0;
}

int
redo_settle(struct db *d)
{
	int r;

	if (!d->redo || !d->redo->is_begun)
		return 0;
	r = redo_begin(d);	/* if it was lost */
	return r < 0 ? r : settle(d);
}

/* ---- transactions -------------------------------------------------------- */

static int
record_append(struct redo *j)
{
	struct buf *b = &j->rec;
	size_t len = b->len - HEADER;
	uint8_t *p = b->data;
	ssize_t n;
	int r;

	put_le64(p, j->epoch);
	put_le64(p + 8, sum_of(j->epoch, p + HEADER, len));
	put_le32(p + 16, (uint32_t)len);
	n = pwrite(j->fd, p, b->len, (off_t)j->end);
	if (n == (ssize_t)b->len) {
		j->end += b->len;
		return 0;
	}
	r = n < 0 ? -errno : -ENOSPC;
	/* It was not committed, and is not to be found after a crash. */
	(void)!ftruncate(j->fd, (off_t)j->end);
	return r;
}

int
redo_commit(struct db *d)
{
	struct redo *j = d->redo;
	int r;

	if (record_is_empty(j))
		return 0;
	r = redo_begin(d);	/* if it was lost */
	if (r < 0)
		return r;
	if (j->is_passed || j->is_owed || j->rec.err) {
		r = settle(d);
	} else {
		r = record_append(j);
		if (r == 0)
			told_settle(j, TOLD);
		/* If that fails, the record is there all the same. */
		if (r == 0 && j->end >= j->settle_at)
			(void)settle(d);
	}
	if (r < 0)
		return r;
	j->is_passed = false;
	record_begin(j);
	return 0;
}

void
redo_rollback(struct db *d)
{
	struct redo *j = d->redo;
	bool is_empty = record_is_empty(j);

	told_settle(j, TOLD_NOT);
	j->is_passed = false;
	record_begin(j);
	if (is_empty)
		return;
	roll_back(d);
	/* If it does not come back now, the next call tries again. */
	(void)redo_begin(d);
}

uint64_t
redo_size(const struct db *d)
{
	return d->redo ? d->redo->end : 0;
}

/* ---- open and close ------------------------------------------------------ */

static int
epoch_load(struct db *d)
{
	sqlite3_stmt *s = NULL;

	if (sqlite3_prepare_v2(d->h, "SELECT n FROM opened", -1, &s, NULL) !=
	    SQLITE_OK)
		return db_errno(d->h, sqlite3_errcode(d->h));
	if (sqlite3_step(s) == SQLITE_ROW)
		d->redo->epoch = (uint64_t)sqlite3_column_int64(s, 0);
	return db_errno(d->h, sqlite3_finalize(s));
}

static void
redo_free(struct db *d)
{
	struct redo *j = d->redo;

	d->redo = NULL;
	(void)sqlite3_finalize(j->mark);
	buf_done(&j->rec);
	(void)close(j->fd);
	free(j);
}

int
redo_open(struct db *d, const char *path, struct err *e)
{
	struct redo *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_set(e, -ENOMEM, "out of memory");
	j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->fd < 0) {
		r = -errno;
		free(j);
		return err_set(e, r, "unable to open '%s': %s", path,
		    strerror(-r));
	}
	d->redo = j;
	buf_init(&j->rec, REDO_MAX);
	record_begin(j);
	r = epoch_load(d);
	if (r == 0)
		r = redo_begin(d);
	if (r == 0)
		r = replay(d, UINT64_MAX, &j->end);
	if (r == 0 && j->end)
		log_info("db: %llu bytes of commits applied",
		    (unsigned long long)j->end);
	if (r == 0)
		j->nlost = lost_count(j, j->end);
	if (r == 0 && j->nlost)
		log_warn("db: '%s' is damaged at %llu: %llu commits behind "
		    "that are left out", path, (unsigned long long)j->end,
		    (unsigned long long)j->nlost);
	if (r == 0)
		r = settle(d);
	if (r == 0)
		return 0;
	roll_back(d);
	redo_free(d);
	if (r == -ENOSPC)
		return err_set(e, r, "the disk is full, and the last changes, "
		    "in '%s', cannot be applied: make room on it and mount "
		    "again; nothing is lost", path);
	return err_set(e, r, "the last changes, in '%s', cannot be applied: "
	    "%s; try again, or move that file away to open the drive without "
	    "them", path, strerror(-r));
}

uint64_t
db_redo_lost(const struct db *d)
{
	return d->redo ? d->redo->nlost : 0;
}

void
redo_close(struct db *d)
{
	int r;

	if (!d->redo)
		return;
	r = redo_settle(d);
	if (r < 0)
		log_error("db: the last changes are applied at the next "
		    "start: %s", strerror(-r));
	else
		(void)!ftruncate(d->redo->fd, 0);
	redo_free(d);
}
