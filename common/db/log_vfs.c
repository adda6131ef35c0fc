/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The format of the log is SQLite's (sqlite.org/fileformat2.html#walformat):
 * a header of 32 bytes, then frames of a 24-byte header and a page.  Bytes 4
 * to 7 of a frame's header are not zero in the last frame of a transaction.
 */
#include "db/log_vfs.h"

#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_HEADER 24
#define GATHER_MAX (1 << 20)
#define WRITE_MAX (1 << 16)	/* the parent takes less than 128 KiB at once */

struct log_file {
	sqlite3_file base;
	uint8_t *buf;		/* NULL until first needed */
	sqlite3_int64 off;	/* of buf in the file */
	int len;
	bool is_last;		/* the frame header just written commits */
	bool has_lost;		/* what was to be written from here on */
	sqlite3_int64 lost;
	/* The real file follows. */
};

static sqlite3_vfs *
parent_of(sqlite3_vfs *v)
{
	return v->pAppData;
}

static sqlite3_file *
real_of(struct log_file *f)
{
	return (sqlite3_file *)(void *)(f + 1);
}

static struct log_file *
log_of(sqlite3_file *f)
{
	return (struct log_file *)(void *)f;
}

static int
log_flush(struct log_file *f)
{
	sqlite3_file *r = real_of(f);
	int rc = SQLITE_OK, at, n;

	for (at = 0; at < f->len && rc == SQLITE_OK; at += n) {
		n = f->len - at < WRITE_MAX ? f->len - at : WRITE_MAX;
		rc = r->pMethods->xWrite(r, f->buf + at, n, f->off + at);
	}
	/* A transaction that could not be written is forgotten: SQLite rolls
	 * it back and writes the next one over it.  Until then nothing goes on
	 * behind the gap, also not if SQLite takes but a statement back. */
	if (rc != SQLITE_OK && (!f->has_lost || f->off < f->lost)) {
		f->has_lost = true;
		f->lost = f->off;
	}
	f->len = 0;
	return rc;
}

static int
log_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 off)
{
	struct log_file *f = log_of(file);
	sqlite3_file *r = real_of(f);
	const uint8_t *b = p;
	bool commits = f->is_last;
	int rc = SQLITE_OK;

	f->is_last = n == FRAME_HEADER && (b[4] | b[5] | b[6] | b[7]);
	if (!f->buf)
		f->buf = malloc(GATHER_MAX);
	if (f->len && (off != f->off + f->len || f->len + n > GATHER_MAX))
		rc = log_flush(f);
	if (rc != SQLITE_OK)
		return rc;
	if (f->has_lost && off > f->lost)
		return SQLITE_IOERR_WRITE;
	f->has_lost = false;
	if (!f->buf || n > GATHER_MAX)
		return r->pMethods->xWrite(r, p, n, off);
	if (!f->len)
		f->off = off;
	memcpy(f->buf + f->len, p, (size_t)n);
	f->len += n;
	/* Of a transaction that was written in parts the headers are written
	 * once more, the last one last of all. */
	return commits || f->is_last ? log_flush(f) : SQLITE_OK;
}

static int
log_read(sqlite3_file *file, void *p, int n, sqlite3_int64 off)
{
	struct log_file *f = log_of(file);
	sqlite3_file *r = real_of(f);
	int rc = log_flush(f);

	if (rc == SQLITE_OK && f->has_lost && off + n > f->lost)
		rc = SQLITE_IOERR_READ;
	return rc != SQLITE_OK ? rc : r->pMethods->xRead(r, p, n, off);
}

static int
log_close(sqlite3_file *file)
{
	struct log_file *f = log_of(file);
	sqlite3_file *r = real_of(f);
	int rc = log_flush(f);

	free(f->buf);
	f->buf = NULL;
	if (rc != SQLITE_OK) {
		(void)r->pMethods->xClose(r);
		return rc;
	}
	return r->pMethods->xClose(r);
}

static int
log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	sqlite3_file *r = real_of(log_of(file));
	int rc = log_flush(log_of(file));

	return rc != SQLITE_OK ? rc : r->pMethods->xTruncate(r, size);
}

static int
log_sync(sqlite3_file *file, int flags)
{
	sqlite3_file *r = real_of(log_of(file));
	int rc = log_flush(log_of(file));

	return rc != SQLITE_OK ? rc : r->pMethods->xSync(r, flags);
}

static int
log_size(sqlite3_file *file, sqlite3_int64 *ret)
{
	sqlite3_file *r = real_of(log_of(file));
	int rc = log_flush(log_of(file));

	return rc != SQLITE_OK ? rc : r->pMethods->xFileSize(r, ret);
}

/* What is not about content goes to the real file. */

static int
log_lock(sqlite3_file *file, int level)
{
	sqlite3_file *r = real_of(log_of(file));

	return r->pMethods->xLock(r, level);
}

static int
log_unlock(sqlite3_file *file, int level)
{
	sqlite3_file *r = real_of(log_of(file));

	return r->pMethods->xUnlock(r, level);
}

static int
log_reserved(sqlite3_file *file, int *ret)
{
	sqlite3_file *r = real_of(log_of(file));

	return r->pMethods->xCheckReservedLock(r, ret);
}

static int
log_control(sqlite3_file *file, int op, void *arg)
{
	sqlite3_file *r = real_of(log_of(file));

	return r->pMethods->xFileControl(r, op, arg);
}

static int
log_sector(sqlite3_file *file)
{
	sqlite3_file *r = real_of(log_of(file));

	return r->pMethods->xSectorSize(r);
}

static int
log_device(sqlite3_file *file)
{
	sqlite3_file *r = real_of(log_of(file));

	return r->pMethods->xDeviceCharacteristics(r);
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = log_close,
	.xRead = log_read,
	.xWrite = log_write,
	.xTruncate = log_truncate,
	.xSync = log_sync,
	.xFileSize = log_size,
	.xLock = log_lock,
	.xUnlock = log_unlock,
	.xCheckReservedLock = log_reserved,
	.xFileControl = log_control,
	.xSectorSize = log_sector,
	.xDeviceCharacteristics = log_device,
};

static int
vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags,
    int *ret_flags)
{
	struct log_file *f = log_of(file);
	int rc;

	/* Every other file is the parent's own, in this very memory. */
	if (!(flags & SQLITE_OPEN_WAL))
		return parent_of(v)->xOpen(parent_of(v), name, file, flags,
		    ret_flags);
	memset(f, 0, sizeof(*f));
	rc = parent_of(v)->xOpen(parent_of(v), name, real_of(f), flags,
	    ret_flags);
	if (rc == SQLITE_OK)
		f->base.pMethods = &methods;
	return rc;
}

static sqlite3_vfs vfs;
static int registered = -EIO;

static void
vfs_register(void)
{
	sqlite3_vfs *p = sqlite3_vfs_find("unix-excl");

	if (!p)
		return;
	/* All but opening is as the parent has it. */
	vfs = *p;
	vfs.pNext = NULL;
	vfs.zName = LOG_VFS;
	vfs.pAppData = p;
	vfs.szOsFile = p->szOsFile + (int)sizeof(struct log_file);
	vfs.xOpen = vfs_open;
	if (sqlite3_vfs_register(&vfs, 0) == SQLITE_OK)
		registered = 0;
}

int
log_vfs_register(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	/* Without memory for that there would be no parent to be found. */
	if (sqlite3_initialize() != SQLITE_OK)
		return -ENOMEM;
	(void)pthread_once(&once, vfs_register);
	return registered;
}
