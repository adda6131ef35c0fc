/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The order of puts: each is looked at while it goes in. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/store_tap.h"
#include "tests/lib/sync_rig.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"
#include "vault/vault.h"

struct order {
	struct rig *r;
	unsigned packs, segments, heads, roots;
};

static void
need_block(struct order *o, struct store *in, const struct block_ref *ref)
{
	struct buf b = BUF_INIT(1 << 20);
	char name[VAULT_PATH_MAX];

	vault_name_pack(&o->r->keys->rtag, &ref->pack, name);
	ck_assert_int_eq(store_get_range(in, name, ref->off, ref->len +
	    VAULT_SEAL_OVERHEAD, &b), 0);
	ck_assert_int_eq(block_ref_verify(ref, b.data, b.len), 0);
	buf_done(&b);
}

static void
see_segment(struct order *o, struct store *in, uint64_t seq, const void *p,
    size_t len)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct segment g;
	const struct op_put *put;
	uint32_t j;
	size_t i;

	ck_assert_int_eq(segment_open(o->r->keys, &o->r->keys->self, seq,
	    NULL, p, len, &g, hash), 0);
	for (i = 0; i < g.ops.n; i++) {
		if (g.ops.ops[i].type != OP_PUT)
			continue;
		put = &g.ops.ops[i].put;
		for (j = 0; j < put->nblocks; j++)
			if (put->blocks[j].kind != OP_BLOCK_HOLE)
				need_block(o, in, &put->blocks[j].ref);
		for (j = 0; j < put->npages; j++)
			need_block(o, in, &put->pages[j].ref);
	}
	segment_done(&g);
}

static void
see_head(struct order *o, struct store *in, const void *p, size_t len)
{
	struct buf b = BUF_INIT(4 << 20);
	char name[VAULT_PATH_MAX];
	struct vault_head h;

	ck_assert_int_eq(head_open(o->r->keys, &o->r->keys->self, p, len,
	    &h), 0);
	vault_name_segment(&o->r->keys->rtag, &o->r->keys->dtag, h.seq, name);
	ck_assert_int_eq(store_get(in, name, &b), 0);
	if (h.ckpt_n || h.ckpt_rand) {
		o->roots++;
		vault_name_page(&o->r->keys->rtag, &o->r->keys->dtag,
		    h.ckpt_n, h.ckpt_rand, name);
		ck_assert_int_eq(store_get(in, name, &b), 0);
	}
	buf_done(&b);
}

static void
see_put(void *arg, struct store *in, const char *name, const void *p,
    size_t len)
{
	struct order *o = arg;
	char seg[VAULT_PATH_MAX];
	uint64_t seq;

	if (strstr(name, "/d/")) {
		__atomic_add_fetch(&o->packs, 1, __ATOMIC_RELAXED);
	} else if (strstr(name, "/j/")) {
		o->segments++;
		for (seq = 1; seq < 1000; seq++) {
			vault_name_segment(&o->r->keys->rtag,
			    &o->r->keys->dtag, seq, seg);
			if (strcmp(seg, name) == 0)
				break;
		}
		see_segment(o, in, seq, p, len);
	} else if (strstr(name, "/h/")) {
		o->heads++;
		see_head(o, in, p, len);
	}
}

START_TEST(nothing_is_put_before_what_it_refers_to)
{
	struct order o = { .packs = 0 };
	struct tap_see see = { .put = see_put, .arg = &o };
	struct store_fault f = { .every = 7, .r = -ETIMEDOUT,
	    .is_after = true };
	struct timespec t = { .tv_nsec = 1000 * 1000 };
	int64_t until;
	struct rig r;
	unsigned i;

	rig_new(&r);
	o.r = &r;
	/* The tap sees what truly goes in, and when. */
	ck_assert_int_eq(store_tap_new(r.store, &see, &r.store), 0);
	ck_assert_int_eq(store_fault_new(r.store, &f, &r.store), 0);
	r.conf.checkpoint_segments = 2;
	rig_start(&r);
	for (i = 1; i <= 6; i++) {
		rig_fill(&r, i);
		if (i == 3)
			rig_write(&r, "big", 0, 12u << 20, 1);
		if (i % 2)
			rig_wait(&r);
	}
	/* A call that fails ends the wait for it, not the work on it; the
	 * next is not asked for before that has had its time. */
	until = clock_mono_ms() + 30000;
	while (sync_checkpoint(r.sync, NULL) < 0) {
		ck_assert_int_lt(clock_mono_ms(), until);
		(void)nanosleep(&t, NULL);
		rig_wait(&r);
	}
	rig_stop(&r, 30000);
	ck_assert_uint_ge(o.packs, 6);
	ck_assert_uint_ge(o.segments, 3);
	ck_assert_uint_ge(o.heads, 3);
	ck_assert_uint_ge(o.roots, 1);
	rig_done(&r);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("sync: order");
	TCase *tc = tcase_create("order");

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	tcase_add_test(tc, nothing_is_put_before_what_it_refers_to);
	return s;
}

int
main(void)
{
	SRunner *sr = srunner_create(suite());
	int failed;

	log_set_level(LOG_LEVEL_ERROR);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
