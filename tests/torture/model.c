/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What files must hold, in memory.  The steps follow from a seed alone, so
 * whoever looks afterwards takes them again.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/torture/torture.h"

/* Contents are shared between models and go all at once. */
struct text {
	struct text *next;
	uint8_t data[FILE_MAX];
};
static struct text *texts;

uint64_t
rand_next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x >> 11;
}

void
rand_fill(uint8_t *p, size_t n, uint64_t seed)
{
	uint64_t x = seed * 2 + 1;
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(rand_next(&x) >> 8);
}

static uint8_t *
text_new(void)
{
	struct text *t = xalloc(sizeof(*t));

	t->next = texts;
	texts = t;
	return t->data;
}

void
model_forget(void)
{
	struct text *t;

	while ((t = texts)) {
		texts = t->next;
		free(t);
	}
}

struct mfile *
model_file(struct model *m, int name)
{
	return m->names[name] ? &m->files[m->names[name] - 1] : NULL;
}

bool
step_is_in_place(const struct step *s)
{
	return s->what == WRITE || s->what == PATCH || s->what == CUT;
}

struct step
model_next(uint64_t *x, struct model *m)
{
	struct step s;
	bool has_a, has_b;

	do {
		s.what = (enum what)(rand_next(x) % NWHAT);
		s.a = (int)(rand_next(x) % NAMES);
		s.b = (int)(rand_next(x) % NAMES);
		s.len = rand_next(x) % 3 ? rand_next(x) % 6000 :
		    rand_next(x) % FILE_MAX;
		s.off = rand_next(x) % FILE_MAX;
		if (s.off + s.len > FILE_MAX)
			s.len = FILE_MAX - s.off;
		s.fill = rand_next(x);
		has_a = m->names[s.a] != 0;
		has_b = m->names[s.b] != 0;
		if (s.what == SAVE || s.what == WRITE)
			break;
		if (s.what == LINK && has_a && !has_b)
			break;
		if (s.what == RENAME && has_a && s.a != s.b)
			break;
		if (s.what != LINK && s.what != RENAME && has_a)
			break;
	} while (true);
	return s;
}

static void
name_drop(struct model *m, int name)
{
	struct mfile *f = model_file(m, name);

	if (f && --f->links == 0)
		memset(f, 0, sizeof(*f));
	m->names[name] = 0;
}

static struct mfile *
name_make(struct model *m, int name)
{
	int i;

	for (i = 0; m->files[i].links; i++)
		;
	m->names[name] = i + 1;
	m->files[i] = (struct mfile){ .serial = ++m->serials, .links = 1,
	    .mode = 0644, .data = text_new() };
	return &m->files[i];
}

/* New bytes over old ones that others may still look at. */
static void
patch(struct mfile *f, const struct step *s, size_t off)
{
	uint8_t *p;

	if (s->len == 0)
		return;
	p = text_new();
	memcpy(p, f->data, f->size);
	rand_fill(p + off, s->len, s->fill);
	f->data = p;
	if (off + s->len > f->size)
		f->size = off + s->len;
}

static void
cut(struct mfile *f, size_t size)
{
	uint8_t *p = text_new();

	memcpy(p, f->data, size < f->size ? size : f->size);
	f->data = p;
	f->size = size;
}

void
model_apply(struct model *m, const struct step *s)
{
	struct mfile *f = model_file(m, s->a);

	switch (s->what) {
	case SAVE:
		name_drop(m, s->a);
		patch(name_make(m, s->a), s, 0);
		break;
	case WRITE:
		if (!f)
			f = name_make(m, s->a);
		cut(f, 0);
		patch(f, s, 0);
		break;
	case PATCH:
		patch(f, s, s->off);
		break;
	case CUT:
		cut(f, s->off);
		break;
	case RENAME:
		/* Two names of one file: rename does nothing. */
		if (f == model_file(m, s->b))
			break;
		name_drop(m, s->b);
		m->names[s->b] = m->names[s->a];
		m->names[s->a] = 0;
		break;
	case UNLINK:
		name_drop(m, s->a);
		break;
	case LINK:
		m->names[s->b] = m->names[s->a];
		f->links++;
		break;
	case CHMOD:
		f->mode = 0600 | (s->fill & 0177);
		break;
	case TAG:
		f->tag = (uint32_t)s->fill | 1;
		break;
	case NWHAT:
		abort();
	}
}
