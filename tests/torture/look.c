/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a drive in a state that it may be in?
 *
 * Names, modes, links and xattrs must be exactly those after some number p of
 * steps.  Content: each block is what the file had there after some step of
 * the window, and the size is that after p.  Where the power went a file may
 * also end before what had not been flushed: at a block, or where it had ended
 * before.  A file that step p + 1 was writing to in place may have any size.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "drive/drive.h"
#include "tests/torture/torture.h"

#define BLOCK (128 * 1024)
#define TRIES 8			/* of what one point lets fail */

struct seen {
	bool is_there;
	struct drive_attr a;
	uint32_t tag;
	size_t size;
	uint8_t data[FILE_MAX];
};

static char why[256];
static struct seen seen[NAMES];

static int __attribute__((format(printf, 1, 2)))
differs(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	return -1;
}

void
name_path(int name, bool *ret_is_sub, char out[static 8])
{
	*ret_is_sub = name % 2;
	(void)snprintf(out, 8, "n%d", name);
}

/* ---- what is there ------------------------------------------------------- */

static int
content_read(struct drive *d, struct seen *s)
{
	struct drive_wait w = { .timeout_ms = 20000 };
	struct drive_file *f;
	ssize_t n = 0;
	int r;

	r = drive_file_open(d, s->a.ino, O_RDONLY, &f);
	if (r < 0)
		return r;
	s->size = 0;
	while (s->size < FILE_MAX && (n = drive_read(f, s->data + s->size,
	    FILE_MAX - s->size, s->size, &w)) > 0)
		s->size += (size_t)n;
	r = drive_file_close(f);
	return n < 0 ? (int)n : r;
}

static int
name_read(struct drive *d, uint64_t sub, int name, struct seen *s)
{
	bool is_sub;
	char base[8];
	ssize_t n;
	int r;

	name_path(name, &is_sub, base);
	s->is_there = false;
	s->tag = 0;
	if (is_sub && !sub)
		return 0;
	r = drive_lookup(d, is_sub ? sub : DRIVE_ROOT_INO, base, &s->a);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = drive_getattr(d, s->a.ino, &s->a);
	if (r < 0)
		return r;
	n = drive_getxattr(d, s->a.ino, "user.tag", &s->tag, sizeof(s->tag));
	if (n < 0 && n != -ENODATA)
		return (int)n;
	s->is_there = true;
	return content_read(d, s);
}

static int
read_all(struct drive *d)
{
	struct drive_attr a;
	int i, r, try;

	for (try = 0; try < TRIES; try++) {
		r = drive_lookup(d, DRIVE_ROOT_INO, "sub", &a);
		if (r == -ENOENT) {
			a.ino = 0;
			r = 0;
		}
		if (r < 0)
			(void)differs("sub: %s", strerror(-r));
		for (i = 0; i < NAMES && r == 0; i++) {
			r = name_read(d, a.ino, i, &seen[i]);
			if (r < 0)
				(void)differs("n%d: %s", i, strerror(-r));
		}
		if (r == 0)
			return 0;
	}
	return r;
}

/* ---- against a model ----------------------------------------------------- */

static int
names_hold(struct model *m)
{
	const struct mfile *f;
	const struct seen *s;
	int i, j;

	for (i = 0; i < NAMES; i++) {
		f = model_file(m, i);
		s = &seen[i];
		if (!f != !s->is_there)
			return differs("n%d %s", i, f ? "is gone" :
			    "should not be there");
		if (!f)
			continue;
		if ((s->a.mode & 07777) != f->mode)
			return differs("n%d has mode %o, not %o", i,
			    s->a.mode & 07777, f->mode);
		if ((int)s->a.nlink != f->links)
			return differs("n%d has %u links, not %d", i,
			    s->a.nlink, f->links);
		if (s->tag != f->tag)
			return differs("n%d has another xattr", i);
		for (j = 0; j < i; j++)
			if (seen[j].is_there && (s->a.ino == seen[j].a.ino) !=
			    (m->names[i] == m->names[j]))
				return differs("n%d and n%d are not the same "
				    "as before", i, j);
	}
	return 0;
}

static const struct mfile *
by_serial(const struct model *m, uint32_t serial)
{
	int i;

	for (i = 0; i < NAMES; i++)
		if (m->files[i].links && m->files[i].serial == serial)
			return &m->files[i];
	return NULL;
}

/* Had the file these bytes there at any time of the window?  What was behind
 * its end then counts for zeros only of one that is being written to. */
static bool
block_held(const struct window *w, uint32_t serial, const uint8_t *p,
    size_t off, size_t n, bool is_torn)
{
	const struct mfile *f;
	uint32_t q;

	for (q = 0; q <= w->hi - w->lo; q++) {
		f = by_serial(&w->m[q], serial);
		if (f && (is_torn || f->size >= off + n) &&
		    memcmp(f->data + off, p, n) == 0)
			return true;
	}
	return false;
}

static bool
size_held(const struct window *w, uint32_t serial, size_t size)
{
	const struct mfile *f;
	uint32_t q;

	for (q = 0; q <= w->hi - w->lo; q++) {
		f = by_serial(&w->m[q], serial);
		if (f && f->size == size)
			return true;
	}
	return false;
}

/* Is step number q one that writes to f in place? */
static bool
writes_to(const struct window *w, uint32_t q, const struct mfile *f)
{
	struct mfile *of;

	if (q > w->hi - w->lo || q == 0 || !w->is_local[q] ||
	    !step_is_in_place(&w->step[q]))
		return false;
	of = model_file(&w->m[q], w->step[q].a);
	return of && of->serial == f->serial;
}

static int
content_holds(const struct window *w, uint32_t p, int name)
{
	const struct mfile *f = model_file(&w->m[p], name);
	const struct seen *s = &seen[name];
	bool is_torn;
	size_t off, n;

	if (!f)
		return 0;
	if (s->size != s->a.size)
		return differs("n%d: %zu bytes of %llu can be read", name,
		    s->size, (unsigned long long)s->a.size);
	is_torn = writes_to(w, p + 1, f) || (writes_to(w, p, f) &&
	    p > 0 && w->step[p].what == WRITE &&
	    (p == w->hi - w->lo || w->is_cut));
	if (s->size != f->size && !is_torn &&
	    !(w->is_cut && s->size < f->size && (s->size % BLOCK == 0 ||
	    size_held(w, f->serial, s->size))))
		return differs("n%d has %zu bytes, not %zu", name, s->size,
		    f->size);
	for (off = 0; off < s->size; off += n) {
		n = s->size - off < BLOCK ? s->size - off : BLOCK;
		if (!block_held(w, f->serial, s->data + off, off, n, is_torn))
			return differs("n%d has bytes at %zu that it never "
			    "had (%zu of %zu)", name, off, s->size, f->size);
	}
	return 0;
}

const char *
look_at(struct drive *d, const struct window *w)
{
	char first[sizeof(why)] = "";
	uint32_t p = w->hi - w->lo + 1;
	int i, r;

	if (read_all(d) < 0)
		return why;
	while (p-- > 0) {
		r = names_hold(&w->m[p]);
		for (i = 0; i < NAMES && r == 0; i++)
			r = content_holds(w, p, i);
		if (r == 0)
			return NULL;
		/* Content says more than that names are of another time. */
		if (!first[0] || strstr(why, "bytes"))
			memcpy(first, why, sizeof(first));
	}
	memcpy(why, first, sizeof(why));
	return why;
}
