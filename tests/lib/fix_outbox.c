/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fix_outbox.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
fix_begin(struct fix *f, struct fix_log *l)
{
	fix_open(f, 1, true);
	memset(l, 0, sizeof(*l));
}

void
fix_end(struct fix *f, struct fix_log *l)
{
	fix_fsck(f);
	fix_log_done(l);
	fix_close(f);
}

unsigned
fix_count(const struct segment *s, unsigned type)
{
	unsigned n = 0;
	size_t k;

	for (k = 0; k < s->ops.n; k++)
		n += s->ops.ops[k].type == type;
	return n;
}

const struct segment *
fix_last(const struct fix_log *l)
{
	ck_assert_uint_gt(l->n, 0);
	return &l->segs[l->n - 1];
}

uint64_t
fix_waiting(struct fix *f)
{
	struct drive_usage u;

	drive_usage(f->d, &u);
	return u.outbox_ops;
}

size_t
fix_publish_held(struct fix *f)
{
	struct op_list ops = { .n = 0 };
	uint64_t ticket;
	size_t n;
	int r;

	r = drive_publish_begin(f->d, FIX_ALL, &ops, &ticket);
	if (r == -EAGAIN)
		return 0;
	ck_assert_int_eq(r, 0);
	n = ops.n;
	drive_publish_abort(f->d, ticket);
	op_list_done(&ops);
	return n;
}

void
fix_same_elsewhere(struct fix *f, const struct fix_log *l)
{
	char *ours, *theirs, *a, *b;
	struct fix g;
	size_t n, m;

	fix_open(&g, 2, true);
	fix_rebuild(&g, l, 0, &f->conf.dev);
	/* The top folder's attributes travel only when they changed. */
	ours = fix_dump(f);
	theirs = fix_dump(&g);
	a = strchr(ours, '\n');
	b = strchr(theirs, '\n');
	while (*a && *b) {
		n = strcspn(++a, "\n");
		m = strcspn(++b, "\n");
		ck_assert_msg(n == m && memcmp(a, b, n) == 0,
		    "ours '%.300s', theirs '%.300s'", a, b);
		a += n;
		b += n;
	}
	ck_assert_int_eq(*a, *b);
	fix_fsck(&g);
	free(ours);
	free(theirs);
	fix_close(&g);
}

uint64_t
fix_write_long(struct fix *f, uint64_t parent, const char *name)
{
	static char text[5001];

	memset(text, 'x', 5000);
	return fix_write(f, parent, name, text);
}
