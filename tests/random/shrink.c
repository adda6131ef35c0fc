/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of operations: kept, replayed and made short. */
#include "ops.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
list_add(struct list *l, const struct op *o)
{
	struct op *v;

	if (l->n == l->cap) {
		v = realloc(l->v, (l->cap * 2 + 64) * sizeof(*v));
		if (!v)
			return -1;
		l->v = v;
		l->cap = l->cap * 2 + 64;
	}
	l->v[l->n++] = *o;
	return 0;
}

static void
path_print(FILE *f, const struct path *p)
{
	unsigned i;

	fputc(' ', f);
	for (i = 0; i < p->n; i++)
		fprintf(f, "/%u", p->at[i]);
	if (p->n == 0)
		fputc('-', f);
}

void
op_print(FILE *f, const struct op *o)
{
	fprintf(f, "%s", op_names[o->kind]);
	path_print(f, &o->p1);
	path_print(f, &o->p2);
	fprintf(f, " fd %u %u flags %#x mode %#o off %" PRIu64 " %" PRIu64
	    " len %" PRIu64 " seed %" PRIu64 "\n", o->slot, o->slot2,
	    o->flags, o->mode, o->off, o->off2, o->len, o->seed);
}

static int
path_scan(const char *s, struct path *p)
{
	char *end;

	p->n = 0;
	while (*s == '/' && p->n < RND_DEPTH) {
		p->at[p->n++] = (uint8_t)strtoul(s + 1, &end, 10);
		if (p->at[p->n - 1] >= RND_NAMES)
			return -1;
		s = end;
	}
	return *s == '\0' || *s == '-' ? 0 : -1;
}

static int
op_scan(const char *line, struct op *o)
{
	char kind[16], p1[64], p2[64];
	unsigned s1, s2, k;

	memset(o, 0, sizeof(*o));
	if (sscanf(line, "%15s %63s %63s fd %u %u flags %x mode %o off %"
	    SCNu64 " %" SCNu64 " len %" SCNu64 " seed %" SCNu64, kind, p1,
	    p2, &s1, &s2, &o->flags, &o->mode, &o->off, &o->off2, &o->len,
	    &o->seed) != 11)
		return -1;
	for (k = 0; k < OP_KINDS && strcmp(kind, op_names[k]) != 0; k++)
		;
	if (k == OP_KINDS || s1 >= RND_SLOTS || s2 >= RND_SLOTS)
		return -1;
	o->kind = (uint8_t)k;
	o->slot = (uint8_t)s1;
	o->slot2 = (uint8_t)s2;
	return path_scan(p1, &o->p1) < 0 || path_scan(p2, &o->p2) < 0 ? -1 :
	    0;
}

int
list_save(const struct list *l, const char *path)
{
	FILE *f = fopen(path, "w");
	size_t i;

	if (!f)
		return -1;
	for (i = 0; i < l->n; i++)
		op_print(f, &l->v[i]);
	return fclose(f);
}

int
list_load(struct list *l, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512];
	struct op o;
	int r = f ? 0 : -1;

	while (r == 0 && fgets(line, sizeof(line), f)) {
		if (line[0] != '#' && line[0] != '\n')
			r = op_scan(line, &o) < 0 ? -1 : list_add(l, &o);
	}
	if (f)
		fclose(f);
	return r;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *w)
{
	(void)st;
	(void)type;
	(void)w;
	return remove(path);
}

static int
replay_in(struct ctx *c, const struct list *l, size_t *ret_at)
{
	struct op last = { .kind = OP_VERIFY };
	size_t i;

	for (i = 0; i < l->n; i++) {
		*ret_at = i;
		if (worker_step(c, &l->v[i]) < 0)
			return 1;
	}
	*ret_at = l->n;
	return worker_step(c, &last) < 0;
}

int
list_replay(struct run *of, const struct list *l, size_t *ret_at,
    char why[static RND_WHY])
{
	static unsigned number;
	struct run run = { .dir = of->dir, .hook = of->hook, .workers = 1,
	    .is_lying = of->is_lying };
	char dir[256], shared[300];
	struct ctx *c = calloc(1, sizeof(*c));
	int r = -1;

	run_init(&run);
	snprintf(dir, sizeof(dir), "%.200s/replay-%d-%u", of->dir, getpid(),
	    number++);
	snprintf(shared, sizeof(shared), "%s/shared", dir);
	if (!c || mkdir(dir, 0755) < 0 || shared_make(shared) < 0 ||
	    worker_init(c, &run, 0, dir) < 0) {
		snprintf(why, RND_WHY, "%s: %s", dir, strerror(errno));
		goto out;
	}
	r = replay_in(c, l, ret_at);
	if (r == 1)
		snprintf(why, RND_WHY, "%s", c->why);
out:
	if (c)
		worker_done(c);
	free(c);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}

/* Without [from, to): if that fails too, l becomes it. */
static bool
try_without(struct run *run, struct list *l, size_t from, size_t to,
    char why[static RND_WHY])
{
	struct list part = { NULL, 0, 0 };
	size_t i, at = 0;
	bool is_enough;

	for (i = 0; i < l->n; i++) {
		if ((i < from || i >= to) && list_add(&part, &l->v[i]) < 0)
			abort();
	}
	is_enough = list_replay(run, &part, &at, why) == 1;
	if (is_enough) {
		if (at < part.n)
			part.n = at + 1;
		free(l->v);
		*l = part;
	} else {
		free(part.v);
	}
	return is_enough;
}

int
list_shrink(struct run *run, struct list *l, int seconds,
    char why[static RND_WHY])
{
	int64_t end = now_ns() + seconds * INT64_C(1000000000);
	size_t step, from, at = 0;
	bool has_shrunk;

	if (list_replay(run, l, &at, why) != 1)
		return -1;
	if (at < l->n)
		l->n = at + 1;
	for (step = l->n / 2; step > 0; step = has_shrunk && step == 1 ? 1 :
	    step / 2) {
		has_shrunk = false;
		/* From the end, so that what stays is tried in its place. */
		for (from = l->n; from > 0 && now_ns() < end; ) {
			from = from > step ? from - step : 0;
			if (from >= l->n)
				continue;
			has_shrunk |= try_without(run, l, from, from + step,
			    why);
		}
	}
	/* The last try may have been one that passed. */
	return list_replay(run, l, &at, why) == 1 ? 0 : -1;
}
