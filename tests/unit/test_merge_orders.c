/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>

#include "tests/lib/fix_vault.h"
#include "tests/lib/story.h"

static const struct vault_id top;

/* ---- any order, any time ---- */

struct tally {
	const struct story *s;
	struct buf text;	/* all lines */
	struct merge_entry *e;
	size_t n, cap;
};

static int
tally_entry(void *arg, const struct merge_entry *e)
{
	struct tally *t = arg;

	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->e = realloc(t->e, t->cap * sizeof(*t->e));
		ck_assert_ptr_nonnull(t->e);
	}
	t->e[t->n++] = *e;
	(void)buf_put(&t->text, e->parent.b, VAULT_ID_LEN);
	(void)buf_put(&t->text, e->dentry.b, VAULT_ID_LEN);
	(void)buf_put(&t->text, e->inode.b, VAULT_ID_LEN);
	(void)buf_put(&t->text, e->name, e->name_len);
	(void)buf_put_u32(&t->text, e->rank);
	(void)buf_put_u8(&t->text, e->is_loser);
	(void)buf_put_u64(&t->text, e->placed.seq);
	if (!e->has_version)
		return 0;
	(void)buf_put(&t->text, e->version.dev.b, VAULT_ID_LEN);
	return buf_put_u64(&t->text, e->version.seq);
}

static void
tally_view(struct tally *t, struct merge *m)
{
	struct merge_visitor v = { .entry = tally_entry, .arg = t };

	t->n = 0;
	buf_reset(&t->text);
	ck_assert_int_eq(merge_view(m, &v), 0);
	ck_assert_int_eq(t->text.err, 0);
}

static void
tally_init(struct tally *t, const struct story *s)
{
	memset(t, 0, sizeof(*t));
	t->s = s;
	buf_init(&t->text, 64 << 20);
}

static void
tally_done(struct tally *t)
{
	buf_done(&t->text);
	free(t->e);
}

static uint64_t dice_state;

static unsigned
dice(unsigned n)
{
	dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(dice_state >> 33) % n;
}

static struct vault_id
fresh_id(uint32_t *n)
{
	struct vault_id id = fix_id(0);

	put_le32(id.b, ++*n);
	id.b[15] = (uint8_t)dice(256);
	return id;
}

/* Something a person at device d could do with what it sees. */
static void
random_act(struct story *s, unsigned d, const struct tally *t, uint32_t *ids)
{
	static const char *const names[] = { "a", "b", "c" };
	const char *name = names[dice(3)];
	const struct merge_entry *e = NULL, *in = NULL;
	struct vault_id parent = top;
	unsigned what = dice(10);
	uint8_t kind = dice(2) ? OP_KIND_FILE : OP_KIND_DIR;

	if (t->n) {
		e = &t->e[dice((unsigned)t->n)];
		in = &t->e[dice((unsigned)t->n)];
		if (in->kind == OP_KIND_DIR)
			parent = in->dentry;
	}
	if (what < 3 || !e)
		story_make(s, d, fresh_id(ids), kind, parent, name);
	else if (what < 5)
		story_place(s, d, e->dentry, parent, name);
	else if (what < 8 && e->kind == OP_KIND_FILE)
		story_act(s, d, OP_PUT, e->inode);
	else if (what < 9 && e->kind == OP_KIND_FILE)
		story_link(s, d, fresh_id(ids), e->inode, parent, name);
	else
		story_act(s, d, OP_DELETE, e->dentry);
}

/* What device d has, as a set of its own. */
static struct merge *
merge_of(const struct story *s, unsigned d)
{
	struct merge *m;
	size_t i;

	ck_assert_int_eq(merge_new(&m), 0);
	for (i = 0; i < s->n; i++)
		if (s->acts[i].op.seq <= s->dev[d].seen[s->acts[i].dev])
			story_feed(m, s, &s->acts[i]);
	return m;
}

static void
story_random(struct story *s, uint64_t seed)
{
	struct tally t;
	struct merge *m;
	uint32_t ids = 0;
	unsigned i, n, d, ndevs;

	dice_state = seed;
	(void)dice(2);
	story_init(s);
	tally_init(&t, s);
	n = 10 + dice(60);
	ndevs = 2 + dice(DEVS - 1);
	for (i = 0; i < n; i++) {
		d = dice(ndevs);
		m = merge_of(s, d);
		tally_view(&t, m);
		random_act(s, d, &t, &ids);
		merge_free(m);
		if (dice(5) == 0)
			story_pull(s, dice(ndevs), dice(ndevs));
	}
	tally_done(&t);
}

/* The same set, in an order that only keeps that of each device; with views
 * in between now and then. */
static struct merge *
merge_shuffled(const struct story *s, struct tally *t)
{
	uint64_t next[DEVS] = { 0 };
	struct merge *m;
	size_t i, left = s->n;
	unsigned d;

	ck_assert_int_eq(merge_new(&m), 0);
	while (left) {
		d = dice(DEVS);
		for (i = 0; i < s->n; i++)
			if (s->acts[i].dev == d &&
			    s->acts[i].op.seq == next[d] + 1) {
				story_feed(m, s, &s->acts[i]);
				/* Once more changes nothing. */
				story_feed(m, s, &s->acts[i]);
				next[d]++;
				left--;
				break;
			}
		if (dice(8) == 0)
			tally_view(t, m);
	}
	return m;
}

static bool
saw(const struct act *later, const struct act *a)
{
	return later->dev == a->dev ? later->op.seq > a->op.seq :
	    later->seen[a->dev] >= a->op.seq;
}

static bool
is_version(const struct story *s, const struct merge_entry *e,
    const struct act *a)
{
	return e->has_version && e->version.seq == a->op.seq &&
	    vault_id_eq(&e->version.dev, &s->dev[a->dev].id);
}

/* Some name of the file was not deleted by anybody who had seen a. */
static bool
has_name(const struct story *s, const struct act *a)
{
	const struct act *x;
	size_t i, j;
	bool gone;

	for (i = 0; i < s->n; i++) {
		x = &s->acts[i];
		if (!(x->op.type == OP_CREATE &&
		    vault_id_eq(&x->op.node, &a->op.node)) &&
		    !(x->op.type == OP_LINK &&
		    vault_id_eq(&x->op.other, &a->op.node)))
			continue;
		for (gone = false, j = 0; j < s->n && !gone; j++)
			gone = s->acts[j].op.type == OP_DELETE &&
			    vault_id_eq(&s->acts[j].op.node, &x->op.node) &&
			    saw(&s->acts[j], a);
		if (!gone)
			return true;
	}
	return false;
}

static void
no_version_is_lost(const struct tally *t)
{
	const struct story *s = t->s;
	const struct act *a;
	size_t i, j, won, lost;
	bool old;

	for (i = 0; i < s->n; i++) {
		a = &s->acts[i];
		if (a->op.type != OP_PUT)
			continue;
		for (won = lost = j = 0; j < t->n; j++)
			if (is_version(s, &t->e[j], a)) {
				won += !t->e[j].is_loser;
				lost += t->e[j].is_loser;
			}
		for (old = false, j = 0; j < s->n && !old; j++)
			old = s->acts[j].op.type == OP_PUT &&
			    vault_id_eq(&s->acts[j].op.node, &a->op.node) &&
			    saw(&s->acts[j], a);
		ck_assert_uint_le(lost, 1);
		ck_assert(!won || !lost);
		ck_assert(!old || won + lost == 0);
		if (!old && has_name(s, a))
			ck_assert_uint_gt(won + lost, 0);
	}
}

/* Each folder is listed before what is in it, so there are no loops; ranks of
 * a name count up from zero. */
static void
is_a_tree(const struct tally *t)
{
	const struct merge_entry *e, *x;
	size_t i, j;
	uint32_t below;
	bool known;

	for (i = 0; i < t->n; i++) {
		e = &t->e[i];
		known = vault_id_is_root(&e->parent);
		for (below = 0, j = 0; j < i; j++) {
			x = &t->e[j];
			known = known || (x->kind == OP_KIND_DIR &&
			    vault_id_eq(&x->dentry, &e->parent));
			if (!vault_id_eq(&x->parent, &e->parent) ||
			    x->name_len != e->name_len || x->is_loser ||
			    memcmp(x->name, e->name, e->name_len) != 0)
				continue;
			below++;
			if (!e->is_loser)
				ck_assert(!vault_id_eq(&x->dentry,
				    &e->dentry));
		}
		ck_assert(known);
		ck_assert_uint_eq(e->rank, below - (e->is_loser ? 1 : 0));
	}
}

START_TEST(any_delivery_gives_one_view_that_loses_nothing)
{
	struct tally t, u;
	struct story s;
	struct merge *m;
	uint64_t seed;
	int i;

	for (seed = 1; seed <= 600; seed++) {
		story_random(&s, seed);
		tally_init(&t, &s);
		tally_init(&u, &s);
		story_meet(&s);
		m = merge_of(&s, 0);
		tally_view(&t, m);
		is_a_tree(&t);
		no_version_is_lost(&t);
		merge_free(m);
		for (i = 0; i < 4; i++) {
			m = merge_shuffled(&s, &u);
			tally_view(&u, m);
			ck_assert_uint_eq(t.text.len, u.text.len);
			if (t.text.len && memcmp(t.text.data, u.text.data,
			    t.text.len) != 0)
				ck_abort_msg("seed %llu diverges",
				    (unsigned long long)seed);
			merge_free(m);
		}
		tally_done(&t);
		tally_done(&u);
		story_done(&s);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("merge orders");
	TCase *t = tcase_create("merge orders");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 240);
	tcase_add_test(t, any_delivery_gives_one_view_that_loses_nothing);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
