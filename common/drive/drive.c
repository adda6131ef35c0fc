/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Life of a drive: its lock file, its keys, its housekeeping thread; the
 * settings that others make, and the counters that they ask for.
 */
#include "drive/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "drive/pin_priv.h"
#include "drive/slab.h"
#include "drive/tree_priv.h"
#include "util/big.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/file.h"
#include "util/log.h"

#define LOG_DUE (16u << 20)	/* checkpoint the log beyond this, bytes */
#define LOG_PASSES 6
#define TICK_MS 1000
#define TICK_LONG_MS 100
#define BIG_UNUSED_MS 3000	/* then large buffers are given back */
#define REFRESH_TICKS 10	/* between looks for the oldest change */

/* ---- the lock file ------------------------------------------------------ */

static int
lock_take(const char *dir, int *ret, struct err *e)
{
	char path[PATH_MAX], pid[32];
	ssize_t n;
	int fd, r;

	if (snprintf(path, sizeof(path), "%s/lock", dir) >=
	    (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "'%s' is too long", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(e, -errno, "unable to open '%s': %s", path,
		    strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EBUSY : -errno;
		n = pread(fd, pid, sizeof(pid) - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		(void)close(fd);
		if (r != -EBUSY)
			return err_set(e, r, "unable to lock '%s': %s", path,
			    strerror(-r));
		return err_set(e, r, "the drive in '%s' is in use by process "
		    "%s", dir, pid[0] ? pid : "(unknown)");
	}
	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		log_debug("drive: the lock file does not take our pid");
	*ret = fd;
	return 0;
}

/* ---- housekeeping ------------------------------------------------------- */

/* Move the log into the file; what commits meanwhile stays. */
static int
log_move(struct drive *d, bool is_flushed)
{
	int r;

	/* What the rows refer to is on the disk before they are moved. */
	r = drive_sync_disk(d);
	if (r == 0)
		r = content_boot_save(d);
	if (r == 0)
		r = db_checkpoint(d->db);
	if (r == 0 && is_flushed)
		r = db_sync_file(d->db);
	return r;
}

/* What was committed is SQLite's before long, so that a power cut takes no
 * more than it would without the journal of commits. */
static int
settle(struct drive *d)
{
	int r = 0;

	mutex_lock(&d->db_lock);
	if (!d->is_changing)
		r = drive_settle(d);
	mutex_unlock(&d->db_lock);
	return r;
}

/* seen: its length at the last look. */
static void
log_tend(struct drive *d, uint64_t *seen)
{
	/* On a disk that is nearly full it may not grow. */
	uint64_t due = slab_room(d->slab, LOG_DUE) < 0 ? LOG_DUE / 16 : LOG_DUE;
	uint64_t size = db_log_size(d->db);
	bool is_idle = size == *seen && db_log_room(d->db) > LOG_MAX;
	bool is_long = size > LOG_MAX || is_idle;
	unsigned passes = 0;
	int r;

	*seen = size;
	if (!is_long && db_log_left(d->db) <= due)
		return;
	/* It starts anew under the lock, for which little may be left. */
	do
		r = log_move(d, is_long);
	while (r == 0 && is_long && ++passes < LOG_PASSES &&
	    db_log_left(d->db) > LOG_DUE / 8);
	if (r == 0 && is_long) {
		mutex_lock(&d->db_lock);
		if (!d->is_changing)
			r = db_checkpoint_all(d->db, is_idle);
		mutex_unlock(&d->db_lock);
	}
	if (r < 0)
		log_warn("drive: op=checkpoint r=%d", r);
}

/* Waits for the next second, less when the log is long; false: stop. */
static bool
keeper_wait(struct drive *d)
{
	int64_t now = clock_mono_ms(), from = now, until;
	bool is_stopping;

	mutex_lock(&d->wake_lock);
	while (!d->is_stopping) {
		until = from + (d->is_log_long ? TICK_LONG_MS : TICK_MS);
		if (now >= until)
			break;
		(void)cond_wait_until(&d->stop, &d->wake_lock, until);
		now = clock_mono_ms();
	}
	d->is_log_long = false;
	is_stopping = d->is_stopping;
	mutex_unlock(&d->wake_lock);
	return !is_stopping;
}

static bool
keeper_stopping(struct drive *d)
{
	bool is_stopping;

	mutex_lock(&d->wake_lock);
	is_stopping = d->is_stopping;
	mutex_unlock(&d->wake_lock);
	return is_stopping;
}

static void
keeper(void *arg)
{
	struct drive *d = arg;
	struct rest rest = { 0 };
	uint64_t log_seen = 0;
	unsigned ticks = 0;
	int r = 1;

	/* Others get the lock between the steps. */
	while (r > 0 && !keeper_stopping(d)) {
		mutex_lock(&d->db_lock);
		r = inode_recount(d);
		mutex_unlock(&d->db_lock);
	}
	while (keeper_wait(d)) {
		if (__atomic_exchange_n(&d->is_short, false,
		    __ATOMIC_RELAXED)) {
			spare_give(d);
			(void)forgotten_reap(d);
		} else {
			spare_take(d);
		}
		content_tick(d);
		big_trim(BIG_UNUSED_MS);
		forgotten_tend(d, &rest);
		r = settle(d);
		if (r < 0)
			log_warn("drive: op=settle r=%d", r);
		log_tend(d, &log_seen);
		if (++ticks % REFRESH_TICKS == 0) {
			mutex_lock(&d->db_lock);
			outbox_refresh(d);
			mutex_unlock(&d->db_lock);
		}
	}
}

/* ---- open and close ----------------------------------------------------- */

static int
keys_make(struct drive *d, const uint8_t *local_key)
{
	static const char row[] = "coffre drive rows v1";
	static const char name[] = "coffre drive names v1";
	uint8_t key[32];
	int r;

	r = hkdf_sha256(local_key, 32, NULL, 0, row, sizeof(row) - 1, key,
	    sizeof(key));
	if (r == 0)
		r = aead_new(key, &d->row_key);
	if (r == 0)
		r = hkdf_sha256(local_key, 32, NULL, 0, name,
		    sizeof(name) - 1, key, sizeof(key));
	if (r == 0)
		r = prf_new(key, &d->name_prf);
	crypto_wipe(key, sizeof(key));
	return r;
}

static struct drive *
drive_new(const struct drive_conf *c) NO_TSA
{
	struct drive *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->conf = *c;
	d->conf.state_dir = strdup(c->state_dir);
	if (!d->conf.state_dir) {
		free(d);
		return NULL;
	}
	d->drive_id = *c->drive;
	d->realm_id = *c->realm;
	d->conf.drive = &d->drive_id;
	d->conf.realm = &d->realm_id;
	d->conf.local_key = NULL;	/* not kept */
	d->lock_fd = -1;
	d->spare_fd = -1;
	d->counted = UINT64_MAX;
	mutex_init(&d->flush_lock, RANK_FLUSH);
	mutex_init(&d->db_lock, RANK_DB);
	mutex_init(&d->wake_lock, RANK_UTIL);
	mutex_init(&d->conf_lock, RANK_UTIL);
	cond_init(&d->wake);
	cond_init(&d->stop);
	return d;
}

static void
drive_free(struct drive *d) NO_TSA
{
	union {
		const char *c;
		char *p;
	} dir = { .c = d->conf.state_dir };

	publish_free(d->publish);
	rebuild_free(d->rebuild);
	lost_free(d);
	unread_done(d);
	db_close(d->db);
	inode_cache_drop(d);
	atime_free(d);
	pins_free(d->pins);
	aead_free(d->row_key);
	prf_free(d->name_prf);
	cond_done(&d->stop);
	cond_done(&d->wake);
	mutex_done(&d->conf_lock);
	mutex_done(&d->wake_lock);
	mutex_done(&d->db_lock);
	mutex_done(&d->flush_lock);
	spare_close(d);
	if (d->lock_fd >= 0)
		(void)close(d->lock_fd);	/* and so unlock */
	free(dir.p);
	free(d);
}

/* Reconcile what a crash left. */
static int
reconcile(struct drive *d) NO_TSA
{
	struct buf b = BUF_INIT(VAULT_SEGMENT_MAX * 2);
	struct vault_seen v;
	uint64_t seq;
	int r;

	r = orphans_reap(d);
	if (r == 0)
		r = outbox_open(d);
	if (r == 0) {
		r = drive_seen_get(d, &d->conf.dev, &v);
		if (r == 0)
			d->done_seq = v.seq;
		if (r == -ENOENT)
			r = 0;
	}
	/* One that is damaged is told of when it is to go. */
	mutex_lock(&d->db_lock);
	if (r == 0)
		d->sealed_ops = segment_pending(d, &seq, &b) != -ENOENT;
	mutex_unlock(&d->db_lock);
	buf_done(&b);
	return r;
}

static int
open_state(struct drive *d, const uint8_t *local_key, struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = lock_take(d->conf.state_dir, &d->lock_fd, e);
	if (r < 0)
		return r;
	r = keys_make(d, local_key);
	if (r < 0)
		return err_set(e, r, "unable to derive keys: %s",
		    strerror(-r));
	if (snprintf(path, sizeof(path), "%s/drive.db", d->conf.state_dir) >=
	    (int)sizeof(path))
		return err_set(e, -ENAMETOOLONG, "'%s' is too long",
		    d->conf.state_dir);
	spare_open(d);
	r = db_open(path, &d->db, e);
	if (r == 0)
		r = db_redo(d->db, e);
	if (r == 0)
		d->lost_commits = db_redo_lost(d->db);
	if (r == 0)
		r = schema_open(d, e);
	if (r == 0)
		r = pins_new(&d->pins);
	return r;
}

int
drive_open(const struct drive_conf *c, struct drive **ret, struct err *e)
{
	struct drive *d;
	int r;

	if (e)
		e->msg[0] = '\0';
	r = file_mkdirs(c->state_dir);
	if (r < 0)
		return err_set(e, r, "unable to make '%s': %s", c->state_dir,
		    strerror(-r));
	d = drive_new(c);
	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	r = open_state(d, c->local_key, e);
	if (r == 0) {
		r = content_open_all(d, e);
		if (r == 0)
			r = reconcile(d);
		/* Before the cache has grown to where there is no plenty. */
		if (r == 0)
			spare_take(d);
		if (r == 0)
			r = thread_start(&d->keeper, "drive-keeper", keeper,
			    d);
		if (r == 0)
			d->is_keeping = true;
		else
			content_close_all(d);
	}
	if (r < 0) {
		drive_free(d);
		if (e && e->msg[0] == '\0')
			(void)err_set(e, r, "unable to open the drive in "
			    "'%s': %s", c->state_dir, strerror(-r));
		return r;
	}
	*ret = d;
	return 0;
}

static int
counts_save(struct drive *d) NO_TSA
{
	uint8_t p[16];
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	put_le64(p, d->usage.inodes);
	put_le64(p + 8, d->usage.file_bytes);
	if (d->counted == UINT64_MAX)
		r = meta_put(d, "counts", p, sizeof(p));
	return drive_end(d, r);
}

void
drive_close(struct drive *d)
{
	int r;

	if (!d)
		return;
	mutex_lock(&d->wake_lock);
	d->is_stopping = true;
	cond_broadcast(&d->stop);
	cond_broadcast(&d->wake);
	mutex_unlock(&d->wake_lock);
	if (d->is_keeping)
		thread_join(d->keeper);
	/* An unfinished rebuild is kept as far as it went. */
	mutex_lock(&d->db_lock);
	d->is_rebuilding = false;
	mutex_unlock(&d->db_lock);
	(void)forgotten_reap(d);
	atime_tick(d, true);
	/* Open files have been closed, so nothing is left to be committed. */
	r = counts_save(d);
	if (r == 0)
		r = drive_sync_disk(d);
	if (r == 0)
		r = content_boot_save(d);
	if (r == 0)
		r = settle(d);
	if (r == 0)
		r = db_sync(d->db);
	if (r < 0)
		log_error("drive: op=close r=%d", r);
	content_close_all(d);
	drive_free(d);
	/* Nobody does it any more, and they may hold what was opened. */
	big_trim(0);
}

int
drive_fsyncdir(struct drive *d, uint64_t ino)
{
	(void)ino;	/* one log holds all folders */
	return drive_sync_disk(d);
}

/* ---- waking the sync engine --------------------------------------------- */

void
drive_wake(struct drive *d)
{
	mutex_lock(&d->wake_lock);
	d->wake_n++;
	cond_broadcast(&d->wake);
	mutex_unlock(&d->wake_lock);
}

void
drive_log_long(struct drive *d)
{
	mutex_lock(&d->wake_lock);
	if (!d->is_log_long) {
		d->is_log_long = true;
		cond_signal(&d->stop);
	}
	mutex_unlock(&d->wake_lock);
}

void
drive_sync_kick(struct drive *d)
{
	drive_wake(d);
}

/* What came since the last wait ends this one at once.  There is one waiter,
 * the engine. */
void
drive_sync_wait(struct drive *d, int64_t deadline_ms)
{
	mutex_lock(&d->wake_lock);
	while (d->wake_n == d->wake_seen && !d->is_stopping)
		if (!cond_wait_until(&d->wake, &d->wake_lock, deadline_ms))
			break;
	d->wake_seen = d->wake_n;
	mutex_unlock(&d->wake_lock);
}
