/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/slab.h"

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
#define PARTS_READ 3		/* of a frame, before all of it is */
#define WARM_MAX 256		/* free frames that keep their disk space */
#define LOOK_MS 500		/* how old the free-space figure may be */
#define LOOK_BYTES (16u << 20)	/* or how much may be written since */

struct frame {
	uint32_t refs;
	uint8_t is_waiting;	/* freed, not settled */
	uint8_t is_touched;
	uint8_t parts;		/* read since all of it was */
};

struct slab {
	int fd;
	uint64_t floor;
	uint32_t next_read;	/* atomic: frame a reader in order comes to */
	uint32_t ahead;		/* atomic: the kernel was asked up to here */

	struct mutex lock;	/* RANK_SLAB */
	struct frame *frames	GUARDED_BY(lock);
	uint32_t n, cap	GUARDED_BY(lock);
	uint32_t cursor	GUARDED_BY(lock);	/* next-fit search */
	uint32_t nfree		GUARDED_BY(lock);	/* cold: punched out */
	uint32_t warm[WARM_MAX]	GUARDED_BY(lock);
	uint32_t nwarm		GUARDED_BY(lock);
	uint32_t *waiting	GUARDED_BY(lock);	/* freed, in order */
	uint64_t nwaiting, capwaiting	GUARDED_BY(lock);
	uint64_t settled	GUARDED_BY(lock);	/* ever released */
	uint64_t written	GUARDED_BY(lock);	/* writes that ended */
	uint64_t flushed	GUARDED_BY(lock);	/* of them */
	int flush_r		GUARDED_BY(lock);	/* < 0: one failed */
	uint64_t disk_free	GUARDED_BY(lock);
	uint64_t since_look	GUARDED_BY(lock);
	int64_t look_ms	GUARDED_BY(lock);
};

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
	uint32_t cap = s->cap ? s->cap : 1024;
	struct frame *f;

	if (n > s->cap) {
		while (cap < n)
			cap *= 2;
		f = realloc(s->frames, cap * sizeof(*f));
		if (!f)
			return -ENOMEM;
		memset(f + s->cap, 0, (cap - s->cap) * sizeof(*f));
		s->frames = f;
		s->cap = cap;
	}
	s->nfree += n - s->n;
	s->n = n;
	return 0;
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

bool
slab_in_parts(struct slab *s, uint32_t frame)
{
	bool is = false;

	mutex_lock(&s->lock);
	if (frame < s->n) {
		s->frames[frame].is_touched = 1;
		is = s->frames[frame].parts < PARTS_READ;
		s->frames[frame].parts = is ? s->frames[frame].parts + 1 : 0;
	}
	mutex_unlock(&s->lock);
	return is;
}

void
slab_touch(struct slab *s, uint32_t frame)
{
	mutex_lock(&s->lock);
	if (frame < s->n)
		s->frames[frame].is_touched = 1;
	mutex_unlock(&s->lock);
}

int
slab_was_touched(struct slab *s, uint32_t frame)
{
	int was = 0;

	mutex_lock(&s->lock);
	if (frame < s->n) {
		was = s->frames[frame].is_touched;
		s->frames[frame].is_touched = 0;
	}
	mutex_unlock(&s->lock);
	return was;
}
