/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/story.h"

#include <check.h>
#include <stdlib.h>

#include "tests/lib/fix_vault.h"

void
story_init(struct story *s)
{
	unsigned i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < DEVS; i++)
		s->dev[i].id = fix_id((uint8_t)(0xd0 + i));
}

void
story_done(struct story *s)
{
	free(s->acts);
}

struct act *
story_act(struct story *s, unsigned dev, uint16_t type, struct vault_id node)
{
	struct machine *m = &s->dev[dev];
	struct act *a;

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->acts = realloc(s->acts, s->cap * sizeof(*s->acts));
		ck_assert_ptr_nonnull(s->acts);
	}
	a = &s->acts[s->n++];
	memset(a, 0, sizeof(*a));
	a->dev = dev;
	memcpy(a->seen, m->seen, sizeof(a->seen));
	a->op.type = type;
	a->op.lamport = ++m->lamport;
	a->op.seq = ++m->seq;
	a->op.node = node;
	m->seen[dev] = m->seq;
	return a;
}

void
story_place(struct story *s, unsigned dev, struct vault_id node,
    struct vault_id parent, const char *name)
{
	struct act *a = story_act(s, dev, OP_PLACE, node);

	a->op.other = parent;
	a->op.name_len = (uint8_t)strlen(name);
	memcpy(a->name, name, strlen(name));
}

void
story_make(struct story *s, unsigned dev, struct vault_id node, uint8_t kind,
    struct vault_id parent, const char *name)
{
	story_act(s, dev, OP_CREATE, node)->op.kind = kind;
	story_place(s, dev, node, parent, name);
}

void
story_link(struct story *s, unsigned dev, struct vault_id dentry,
    struct vault_id inode, struct vault_id parent, const char *name)
{
	story_act(s, dev, OP_LINK, dentry)->op.other = inode;
	story_place(s, dev, dentry, parent, name);
}

void
story_pull(struct story *s, unsigned to, unsigned from)
{
	struct machine *a = &s->dev[to], *b = &s->dev[from];
	unsigned i;

	for (i = 0; i < DEVS; i++)
		if (a->seen[i] < b->seen[i])
			a->seen[i] = b->seen[i];
	if (a->lamport < b->lamport)
		a->lamport = b->lamport;
}

void
story_meet(struct story *s)
{
	unsigned i, j, k;

	for (k = 0; k < 2; k++)
		for (i = 0; i < DEVS; i++)
			for (j = 0; j < DEVS; j++)
				story_pull(s, i, j);
}

void
story_feed(struct merge *m, const struct story *s, const struct act *a)
{
	struct merge_seen seen[DEVS];
	struct merge_op o = a->op;
	unsigned i;

	for (i = 0; i < DEVS; i++) {
		seen[i].dev = s->dev[i].id;
		seen[i].seq = a->seen[i];
	}
	o.name = (const uint8_t *)a->name;
	ck_assert_int_eq(merge_author(m, &s->dev[a->dev].id, seen, DEVS), 0);
	ck_assert_int_eq(merge_add(m, &o), 0);
}

/* ---- views as text ---- */

char
story_char(const struct vault_id *id)
{
	return id->b[0] ? (char)id->b[0] : '/';
}

int
story_line(void *arg, const struct merge_entry *e)
{
	struct buf *b = arg;

	(void)buf_printf(b, "%c%.*s:%c", story_char(&e->parent),
	    (int)e->name_len, (const char *)e->name, story_char(&e->dentry));
	if (e->rank)
		(void)buf_printf(b, "#%u", e->rank);
	if (e->has_version)
		(void)buf_printf(b, "=%c%llu",
		    'A' + (e->version.dev.b[0] - 0xd0),
		    (unsigned long long)e->version.seq);
	return buf_printf(b, "%s", e->is_loser ? "! " : " ");
}

void
story_shows(const struct story *s, const char *want)
{
	struct buf b = BUF_INIT(1 << 20);
	struct merge_visitor v = { .entry = story_line, .arg = &b };
	struct merge *m;
	const char *got;
	size_t i;

	ck_assert_int_eq(merge_new(&m), 0);
	for (i = 0; i < s->n; i++)
		story_feed(m, s, &s->acts[i]);
	ck_assert_int_eq(merge_view(m, &v), 0);
	got = buf_cstr(&b);
	ck_assert_str_eq(got, want);
	merge_free(m);
	buf_done(&b);
}
