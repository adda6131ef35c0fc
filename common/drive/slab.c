/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/slab_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define AHEAD_FRAMES 16	/* 2 MiB */
#define LOST_FRAMES (1u << 19)	/* 64 GiB: lost at a power cut, at most */
#define LOOK_MS 500		/* how old the free-space figure may be */
#define LOOK_BYTES (16u << 20)	/* or how much may be written since */

static void
slab_look_locked(struct slab *s, bool force) REQUIRES(s->lock)
{
	struct statvfs v;
	int64_t now = clock_mono_ms();

	if (!force && now - s->look_ms < LOOK_MS && s->since_look < LOOK_BYTES)
		return;
	if (fstatvfs(s->fd, &v) < 0)
		return;
	s->disk_free = (uint64_t)v.f_bavail * v.f_frsize;
	s->look_ms = now;
	s->since_look = 0;
}

int
slab_open(const char *dir, uint64_t floor, struct slab **ret, struct err *e)
{
	char path[PATH_MAX];
	struct statvfs v;
	struct slab *s;
	off_t size;
	int r;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	mutex_init(&s->lock, RANK_SLAB);
	(void)snprintf(path, sizeof(path), "%s/blocks.dat", dir);
	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0 || fstatvfs(s->fd, &v) < 0) {
		r = err_set(e, -errno, "unable to open '%s': %s", path,
		    strerror(errno));
		slab_close(s);
		return r;
	}
	size = lseek(s->fd, 0, SEEK_END) / SLAB_FRAME + LOST_FRAMES;
	s->limit = size < SLAB_NONE / 2 ? (uint32_t)size : SLAB_NONE / 2;
	s->floor = floor;
	if (!floor) {
		s->floor = (uint64_t)v.f_blocks * v.f_frsize / 8;
		if (s->floor > 256u << 20)
			s->floor = 256u << 20;
	}
	mutex_lock(&s->lock);
	/* What a process that was killed has written may not be flushed. */
	s->written = 1;
	slab_look_locked(s, true);
	mutex_unlock(&s->lock);
	*ret = s;
	return 0;
}

void
slab_close(struct slab *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		(void)close(s->fd);
	mutex_done(&s->lock);
	free(s->frames);
	free(s->waiting);
	free(s);
}

static int
slab_grow_locked(struct slab *s, uint32_t n) REQUIRES(s->lock)
{
	uint64_t cap = s->cap ? s->cap : 1024;
	struct frame *f;

	if (n > s->cap) {
		while (cap < n)
			cap *= 2;
		if (cap > SLAB_NONE)
			return -EFBIG;
		f = realloc(s->frames, cap * sizeof(*f));
		if (!f)
			return -ENOMEM;
		memset(f + s->cap, 0, (cap - s->cap) * sizeof(*f));
		s->frames = f;
		s->cap = (uint32_t)cap;
	}
	s->nfree += n - s->n;
	s->n = n;
	if (n > s->limit)
		__atomic_store_n(&s->limit, n, __ATOMIC_RELAXED);
	return 0;
}

bool
slab_has(const struct slab *s, uint32_t frame)
{
	return frame < __atomic_load_n(&s->limit, __ATOMIC_RELAXED);
}

int
slab_mark(struct slab *s, uint32_t frame)
{
	int r = 0;

	mutex_lock(&s->lock);
	if (frame >= s->n)
		r = slab_grow_locked(s, frame + 1);
	if (r == 0 && s->frames[frame].refs++ == 0)
		s->nfree--;
	mutex_unlock(&s->lock);
	return r;
}

static int
slab_pick_locked(struct slab *s, uint32_t *ret) REQUIRES(s->lock)
{
	uint32_t i;
	int r;

	if (s->nwarm) {
		*ret = s->warm[--s->nwarm];
		return 0;
	}
	if (!s->nfree) {
		r = slab_grow_locked(s, s->n + 1);
		if (r < 0)
			return r;
		s->cursor = s->n - 1;
	}
	for (i = s->cursor;; i = i + 1 < s->n ? i + 1 : 0)
		if (!s->frames[i].refs && !s->frames[i].is_waiting)
			break;
	s->cursor = i;
	s->nfree--;
	*ret = i;
	return 0;
}

int
slab_alloc(struct slab *s, uint32_t *ret)
{
	uint32_t i;
	int r;

	mutex_lock(&s->lock);
	/* Half the floor is for data that was accepted before. */
	slab_look_locked(s, s->disk_free < s->floor * 2);
	if (s->disk_free < s->floor / 2 && !s->nwarm) {
		mutex_unlock(&s->lock);
		return -ENOSPC;
	}
	r = slab_pick_locked(s, &i);
	if (r == 0) {
		/* Warm frames are free though not in nfree: refs tell. */
		s->frames[i].refs = 1;
		s->frames[i].is_touched = 1;
		s->frames[i].parts = 0;
		s->since_look += SLAB_FRAME;
		*ret = i;
	}
	mutex_unlock(&s->lock);
	return r;
}

void
slab_ref(struct slab *s, uint32_t frame)
{
	mutex_lock(&s->lock);
	s->frames[frame].refs++;
	mutex_unlock(&s->lock);
}

/* A frame that may be used again: keep a few warm, give the others' disk
 * space back.  The warm ones keep refs 1 so that the search passes them. */
static void
slab_release_locked(struct slab *s, uint32_t frame) REQUIRES(s->lock)
{
	s->frames[frame].is_waiting = 0;
	if (s->nwarm < WARM_MAX && s->disk_free > s->floor * 2) {
		s->frames[frame].refs = 1;
		s->warm[s->nwarm++] = frame;
		return;
	}
	s->frames[frame].refs = 0;
	s->nfree++;
	(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)frame * SLAB_FRAME, SLAB_FRAME);
}

void
slab_free(struct slab *s, uint32_t frame)
{
	uint64_t cap;
	uint32_t *w;

	mutex_lock(&s->lock);
	if (--s->frames[frame].refs > 0)
		goto out;
	s->frames[frame].is_waiting = 1;
	if (s->nwaiting == s->capwaiting) {
		cap = s->capwaiting ? s->capwaiting * 2 : 256;
		w = realloc(s->waiting, cap * sizeof(*w));
		if (!w)
			goto out;	/* lost until the next open */
		s->waiting = w;
		s->capwaiting = cap;
	}
	s->waiting[s->nwaiting++] = frame;
out:
	mutex_unlock(&s->lock);
}

void
slab_cancel(struct slab *s, uint32_t frame)
{
	mutex_lock(&s->lock);
	if (--s->frames[frame].refs == 0)
		slab_release_locked(s, frame);
	mutex_unlock(&s->lock);
}

int
slab_write(struct slab *s, uint32_t frame, const void *p, size_t len)
{
	const uint8_t *b = p;
	off_t off = (off_t)frame * SLAB_FRAME;
	ssize_t n;

	while (len > 0) {
		n = pwrite(s->fd, b, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		b += n;
		off += n;
		len -= (size_t)n;
	}
	mutex_lock(&s->lock);
	s->written++;
	mutex_unlock(&s->lock);
	return 0;
}

/* Frames are mostly handed out in order, so a file is read in order of
 * frames: the kernel gets to know, as several threads that read at once hide
 * it. */
static void
slab_ahead(struct slab *s, uint32_t frame)
{
	uint32_t next = __atomic_load_n(&s->next_read, __ATOMIC_RELAXED);
	uint32_t ahead = __atomic_load_n(&s->ahead, __ATOMIC_RELAXED);

	if (frame + 4 < next || frame > next + 4) {
		__atomic_store_n(&s->ahead, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&s->next_read, frame + 1, __ATOMIC_RELAXED);
		return;
	}
	if (frame >= next)
		__atomic_store_n(&s->next_read, frame + 1, __ATOMIC_RELAXED);
	if (ahead > frame + AHEAD_FRAMES / 2 &&
	    ahead <= frame + 2 * AHEAD_FRAMES)
		return;
	if (ahead <= frame)
		ahead = frame + 1;
	if (ahead > frame + AHEAD_FRAMES)
		ahead = frame + AHEAD_FRAMES;
	__atomic_store_n(&s->ahead, ahead + AHEAD_FRAMES, __ATOMIC_RELAXED);
	(void)posix_fadvise(s->fd, (off_t)ahead * SLAB_FRAME,
	    (off_t)AHEAD_FRAMES * SLAB_FRAME, POSIX_FADV_WILLNEED);
}

int
slab_read(struct slab *s, uint32_t frame, void *p, size_t len)
{
	slab_ahead(s, frame);
	return slab_read_part(s, frame, 0, p, len);
}

int
slab_read_part(struct slab *s, uint32_t frame, uint32_t from, void *p,
    size_t len)
{
	off_t off = (off_t)frame * SLAB_FRAME + from;
	uint8_t *b = p;
	ssize_t n;

	while (len > 0) {
		n = pread(s->fd, b, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0) {
			/* Beyond the end: a power cut took it. */
			memset(b, 0, len);
			return 0;
		}
		b += n;
		off += n;
		len -= (size_t)n;
	}
	return 0;
}

int
slab_room(struct slab *s, uint64_t bytes)
{
	uint64_t have;

	mutex_lock(&s->lock);
	slab_look_locked(s, s->disk_free < s->floor * 2 + bytes);
	have = s->disk_free + (uint64_t)s->nwarm * SLAB_FRAME;
	if (have > s->since_look)
		have -= s->since_look;
	mutex_unlock(&s->lock);
	return have < s->floor + bytes ? -ENOSPC : 0;
}

uint64_t
slab_floor(const struct slab *s)
{
	return s->floor;
}

uint64_t
slab_disk_free(struct slab *s)
{
	uint64_t v;

	mutex_lock(&s->lock);
	slab_look_locked(s, false);
	v = s->disk_free > s->floor ? s->disk_free - s->floor : 0;
	mutex_unlock(&s->lock);
	return v;
}

/* After a flush that failed the kernel takes what it could not write for
 * written: the next one would answer 0.  So none is believed any more until
 * the file is opened anew. */
int
slab_sync(struct slab *s)
{
	uint64_t upto;
	bool is_clean;
	int r;

	mutex_lock(&s->lock);
	upto = s->written;
	is_clean = s->flushed == upto;
	r = s->flush_r;
	mutex_unlock(&s->lock);
	if (r < 0 || is_clean)
		return r;
	r = fdatasync(s->fd) < 0 ? -errno : 0;
	mutex_lock(&s->lock);
	if (r < 0)
		s->flush_r = r;
	else
		s->flushed = upto;
	mutex_unlock(&s->lock);
	return r;
}

bool
slab_has_waiting(struct slab *s)
{
	bool r;

	mutex_lock(&s->lock);
	r = s->nwaiting > 0;
	mutex_unlock(&s->lock);
	return r;
}

/* Frames from .. to, where there is anything at all. */
static void
punch(struct slab *s, uint32_t from, uint32_t to)
{
	off_t at = (off_t)from * SLAB_FRAME, end = (off_t)to * SLAB_FRAME;
	off_t data = lseek(s->fd, at, SEEK_DATA);

	if (data >= 0 && data < end)
		(void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE |
		    FALLOC_FL_KEEP_SIZE, at, end - at);
}

void
slab_trim(struct slab *s)
{
	off_t size = lseek(s->fd, 0, SEEK_END);
	uint32_t i, from = 0;

	mutex_lock(&s->lock);
	for (i = 0; i < s->n; i++) {
		if (!s->frames[i].refs && !s->frames[i].is_waiting)
			continue;
		if (from < i)
			punch(s, from, i);
		from = i + 1;
	}
	if (size > (off_t)from * SLAB_FRAME)
		punch(s, from, (uint32_t)((size - 1) / SLAB_FRAME) + 1);
	mutex_unlock(&s->lock);
}

uint64_t
slab_settle_begin(struct slab *s)
{
	uint64_t n;

	mutex_lock(&s->lock);
	n = s->settled + s->nwaiting;
	mutex_unlock(&s->lock);
	return n;
}

void
slab_settle_end(struct slab *s, uint64_t mark)
{
	uint64_t i, n;

	mutex_lock(&s->lock);
	/* Of two that overlap the later one finds less to do. */
	n = mark > s->settled ? mark - s->settled : 0;
	for (i = 0; i < n; i++)
		slab_release_locked(s, s->waiting[i]);
	if (n)
		memmove(s->waiting, s->waiting + n,
		    (s->nwaiting - n) * sizeof(*s->waiting));
	s->nwaiting -= n;
	s->settled += n;
	mutex_unlock(&s->lock);
}
