/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>

#include "tests/lib/damage.h"
#include "tests/lib/fix_vault.h"
#include "util/buf.h"
#include "vault/ckpt_parts.h"
#include "vault/envelope.h"

static struct vault_keys *us, *peer;

static void
setup(void)
{
	us = fix_keys(0xa1);
	peer = fix_keys(0xb2);
}

static void
teardown(void)
{
	vault_keys_free(us);
	vault_keys_free(peer);
}

static struct ckpt_page *
page_new(void)
{
	struct ckpt_page *p;

	ck_assert_int_eq(ckpt_page_new(&p), 0);
	ck_assert(ckpt_page_empty(p));
	return p;
}

static void
add(struct ckpt_page *p, uint8_t b, bool full)
{
	struct ckpt_node n;

	fix_node(&n, b, full);
	ck_assert_int_eq(ckpt_page_add(p, &n), 0);
	ckpt_node_done(&n);
}

/* Two nodes, as in the frozen sample. */
static struct buf
sample_page(struct ckpt_page_ref *ref)
{
	struct buf b = BUF_INIT(1 << 20);
	struct ckpt_page *p = page_new();

	add(p, 0x11, true);
	add(p, 0x12, false);
	ck_assert_int_eq(ckpt_page_seal(us, p, 3, &b, ref), 0);
	ckpt_page_free(p);
	return b;
}

struct count {
	int n, stop_at;
	struct vault_id last;
};

static int
count_node(void *arg, const struct ckpt_node *n)
{
	struct count *c = arg;

	c->last = n->id;
	return ++c->n == c->stop_at ? 77 : 0;
}

static int
open_page(void *arg, const void *p, size_t len)
{
	struct count c = { .n = 0 };
	int r = ckpt_page_open(peer, &us->self, arg, p, len, count_node, &c);

	/* Nothing is handed on before everything was checked. */
	ck_assert_int_eq(c.n, r == 0 ? 2 : 0);
	return r;
}

static int
open_root(void *arg, const void *p, size_t len)
{
	struct ckpt_root r;
	int e = ckpt_root_open(peer, &us->self, arg, p, len, &r);

	if (e == 0)
		ckpt_root_done(&r);
	return e;
}

/* Both of a node, encoded. */
static void
same_node(const struct ckpt_node *a, const struct ckpt_node *b)
{
	struct buf x = BUF_INIT(1 << 20), y = BUF_INIT(1 << 20);

	ck_assert_int_eq(ckpt_node_write(&x, a), 0);
	ck_assert_int_eq(ckpt_node_write(&y, b), 0);
	ck_assert_uint_eq(x.len, y.len);
	ck_assert_mem_eq(x.data, y.data, x.len);
	buf_done(&x);
	buf_done(&y);
}

static int
compare_node(void *arg, const struct ckpt_node *n)
{
	struct ckpt_node want;
	int *at = arg;

	fix_node(&want, *at == 0 ? 0x11 : 0x12, *at == 0);
	same_node(n, &want);
	if (*at == 0) {
		ck_assert_uint_eq(n->ndentries, 2);
		ck_assert_uint_eq(n->dentries[1].name_len, 3);
		ck_assert_uint_eq(n->version.lamport, 6);
		ck_assert_uint_eq(n->content.nblocks, 4);
		ck_assert_mem_eq(n->xattrs[0].value, "xyz", 3);
	}
	ckpt_node_done(&want);
	++*at;
	return 0;
}

START_TEST(a_page_comes_back_node_by_node)
{
	struct vault_id first = fix_id(0x11);
	struct ckpt_page_ref ref;
	struct buf b = sample_page(&ref);
	int at = 0;

	ck_assert_uint_eq(ref.n, 3);
	ck_assert(vault_id_eq(&ref.first, &first));
	ck_assert_int_eq(ckpt_page_open(peer, &us->self, &ref, b.data, b.len,
	    compare_node, &at), 0);
	ck_assert_int_eq(at, 2);
	buf_done(&b);
}
END_TEST

START_TEST(any_damage_to_a_page_is_seen)
{
	struct ckpt_page_ref ref;
	struct buf b = sample_page(&ref);

	damage_check(open_page, &ref, b.data, b.len);
	buf_done(&b);
}
END_TEST

START_TEST(a_page_that_the_reference_does_not_mean_is_refused)
{
	struct ckpt_page_ref ref, bad;
	struct buf b = sample_page(&ref);

	bad = ref;
	bad.n++;
	ck_assert_int_eq(open_page(&bad, b.data, b.len), -EBADMSG);
	bad = ref;
	bad.sha[0] ^= 1;
	ck_assert_int_eq(open_page(&bad, b.data, b.len), -EBADMSG);
	bad = ref;
	bad.sum[0] ^= 1;
	ck_assert_int_eq(open_page(&bad, b.data, b.len), -EBADMSG);
	bad = ref;
	bad.dtag[0] ^= 1;
	ck_assert_int_eq(open_page(&bad, b.data, b.len), -EBADMSG);
	bad = ref;
	bad.first.b[0] ^= 1;
	ck_assert_int_eq(open_page(&bad, b.data, b.len), -EPROTO);
	buf_done(&b);
}
END_TEST

START_TEST(what_the_visitor_says_ends_the_visit)
{
	struct count c = { .stop_at = 1 };
	struct ckpt_page_ref ref;
	struct buf b = sample_page(&ref);

	ck_assert_int_eq(ckpt_page_open(peer, &us->self, &ref, b.data, b.len,
	    count_node, &c), 77);
	ck_assert_int_eq(c.n, 1);
	buf_done(&b);
}
END_TEST

START_TEST(the_frozen_page_and_root_open)
{
	struct ckpt_page_ref ref;
	struct ckpt_root root;
	uint8_t sha[VAULT_HASH_LEN];
	struct buf b = sample_page(&ref);
	size_t len;
	uint8_t *p = sample_read("v1-page.bin", &len);
	int at = 0;

	/* The same nodes have the same sum under any nonce. */
	sha256(p, len, ref.sha);
	ck_assert_int_eq(ckpt_page_open(peer, &us->self, &ref, p, len,
	    compare_node, &at), 0);
	ck_assert_int_eq(at, 2);
	free(p);
	buf_done(&b);
	p = sample_read("v1-root.bin", &len);
	sha256(p, len, sha);
	ck_assert_int_eq(ckpt_root_open(peer, &us->self, sha, p, len, &root),
	    0);
	ck_assert_uint_eq(root.lamport, 1012);
	ckpt_root_done(&root);
	free(p);
}
END_TEST

START_TEST(a_root_comes_back_as_it_was)
{
	uint8_t sha[VAULT_HASH_LEN], state[VAULT_HASH_LEN], two[64];
	struct buf b = BUF_INIT(1 << 20);
	struct ckpt_root root, back;

	fix_root(&root);
	ck_assert_int_eq(ckpt_root_seal(us, &root, 4, 5, &b, sha), 0);
	ck_assert_int_eq(ckpt_root_open(peer, &us->self, sha, b.data, b.len,
	    &back), 0);
	ck_assert_uint_eq(back.nfrontier, 2);
	ck_assert_mem_eq(back.frontier, root.frontier,
	    2 * sizeof(*root.frontier));
	ck_assert_uint_eq(back.npages, 2);
	ck_assert_mem_eq(back.pages, root.pages, 2 * sizeof(*root.pages));
	ck_assert_uint_eq(back.root_attr.mode, 0755);
	ck_assert_uint_eq(back.nroot_xattrs, 0);
	memset(two, 0x63, sizeof(two));
	sha256(two, sizeof(two), state);
	ck_assert_mem_eq(back.state_hash, state, sizeof(state));
	ckpt_root_done(&root);
	ckpt_root_done(&back);
	buf_done(&b);
}
END_TEST

START_TEST(any_damage_to_a_root_is_seen)
{
	uint8_t sha[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(1 << 20);
	struct ckpt_root root;

	fix_root(&root);
	ck_assert_int_eq(ckpt_root_seal(us, &root, 4, 5, &b, sha), 0);
	damage_check(open_root, sha, b.data, b.len);
	sha[0] ^= 1;
	ck_assert_int_eq(open_root(sha, b.data, b.len), -EBADMSG);
	ckpt_root_done(&root);
	buf_done(&b);
}
END_TEST

START_TEST(pages_of_a_root_are_in_order)
{
	uint8_t sha[VAULT_HASH_LEN];
	struct buf b = BUF_INIT(1 << 20);
	struct ckpt_root root;

	fix_root(&root);
	root.pages[1].first = root.pages[0].first;
	ck_assert_int_eq(ckpt_root_seal(us, &root, 4, 5, &b, sha), -EINVAL);
	ckpt_root_done(&root);
	buf_done(&b);
}
END_TEST

START_TEST(objects_of_other_types_are_neither_page_nor_root)
{
	static const char *const names[] = { "v1-segment.bin", "v1-head.bin",
		"v1-page.bin", "v1-root.bin", "v1-pack.bin" };
	struct ckpt_page_ref ref;
	size_t i, len;
	uint8_t *p;

	memset(&ref, 0, sizeof(ref));
	memcpy(ref.dtag, us->dtag.b, VAULT_TAG_LEN);
	for (i = 0; i < 5; i++) {
		p = sample_read(names[i], &len);
		ref.n = get_le64(p + 56);
		sha256(p, len, ref.sha);
		if (i != 2)
			ck_assert_int_lt(open_page(&ref, p, len), 0);
		if (i != 3)
			ck_assert_int_lt(open_root(ref.sha, p, len), 0);
		free(p);
	}
}
END_TEST

START_TEST(nodes_out_of_order_or_wrong_are_refused)
{
	struct ckpt_page *p = page_new();
	struct ckpt_node n;

	add(p, 0x12, false);
	fix_node(&n, 0x12, false);
	ck_assert_int_eq(ckpt_page_add(p, &n), -EINVAL);
	n.id = fix_id(0x13);
	n.dentries[0].name_len = 0;
	ck_assert_int_eq(ckpt_page_add(p, &n), -EINVAL);
	n.dentries[0].name_len = 3;
	n.content.trunc = n.content.size = 5;
	ck_assert_int_eq(ckpt_page_add(p, &n), -EINVAL);
	n.content.trunc = 0;
	n.kind = OP_KIND_DIR;
	n.ndentries = 2;
	ck_assert_int_eq(ckpt_page_add(p, &n), -EINVAL);
	n.kind = OP_KIND_FILE;
	n.ndentries = 0;
	ck_assert_int_eq(ckpt_page_add(p, &n), -EINVAL);
	n.ndentries = 1;
	ck_assert_int_eq(ckpt_page_add(p, &n), 0);
	ckpt_node_done(&n);
	ckpt_page_free(p);
	ckpt_page_free(NULL);
}
END_TEST

/* ---- where pages end --------------------------------------------------- */

#define MANY 4000
#define PAGES_MAX 200

static void
nth_id(uint32_t i, struct vault_id *ret)
{
	uint8_t h[SHA256_LEN];

	sha256(&i, sizeof(i), h);
	/* Ascending, and random behind. */
	memcpy(ret->b, h, VAULT_ID_LEN);
	ret->b[0] = (uint8_t)(i >> 16);
	ret->b[1] = (uint8_t)(i >> 8);
	ret->b[2] = (uint8_t)i;
	ret->b[3] = 1;
}

/* The sums of the pages of nodes 0..MANY without the one left out. */
static size_t
sums_without(uint32_t left_out, uint8_t sums[][VAULT_HASH_LEN])
{
	struct ckpt_page *p = page_new();
	struct ckpt_node n;
	struct vault_id first;
	size_t k = 0;
	uint32_t i;
	int r;

	for (i = 0; i < MANY; i++) {
		if (i == left_out)
			continue;
		fix_node(&n, 1, false);
		nth_id(i, &n.id);
		n.dentries[0].id = n.id;
		r = ckpt_page_add(p, &n);
		if (r == 1) {
			ck_assert_uint_lt(k, PAGES_MAX);
			ckpt_page_sum(p, &first, sums[k++]);
			ckpt_page_reset(p);
			r = ckpt_page_add(p, &n);
		}
		ck_assert_int_eq(r, 0);
		ckpt_node_done(&n);
	}
	ckpt_page_sum(p, &first, sums[k++]);
	ckpt_page_free(p);
	return k;
}

START_TEST(one_node_less_changes_few_pages)
{
	static uint8_t a[PAGES_MAX][VAULT_HASH_LEN];
	static uint8_t b[PAGES_MAX][VAULT_HASH_LEN];
	size_t i, j, na, nb, kept;
	uint32_t out;

	na = sums_without(MANY, a);
	ck_assert_uint_gt(na, 8);
	ck_assert_uint_lt(na, 60);
	for (out = 100; out < MANY; out += 777) {
		nb = sums_without(out, b);
		for (kept = i = 0; i < na; i++)
			for (j = 0; j < nb; j++)
				kept += memcmp(a[i], b[j], sizeof(a[i])) == 0;
		ck_assert_uint_ge(kept + 3, na);
		ck_assert_uint_lt(kept, na);
	}
}
END_TEST

START_TEST(a_page_ends_at_256_kib_and_holds_one_large_node)
{
	struct ckpt_page *p = page_new();
	struct buf b = BUF_INIT(17 << 20);
	struct ckpt_page_ref ref;
	struct ckpt_node n;
	struct count c = { .n = 0 };
	uint32_t i;
	int r = 0;

	for (i = 0; r == 0 && i < 10; i++) {
		fix_node(&n, (uint8_t)(0x20 + i), true);
		n.xattrs[0].value = realloc(n.xattrs[0].value, 60000);
		ck_assert_ptr_nonnull(n.xattrs[0].value);
		memset(n.xattrs[0].value, 1, 60000);
		n.xattrs[0].value_len = 60000;
		r = ckpt_page_add(p, &n);
		ckpt_node_done(&n);
	}
	ck_assert_int_eq(r, 1);
	ck_assert_uint_eq(i, 5);
	ck_assert_int_eq(ckpt_page_seal(us, p, 1, &b, &ref), 0);
	ck_assert_uint_eq(b.len, CKPT_PAGE_MAX + ENVELOPE_CLEAR_OVERHEAD);
	ckpt_page_reset(p);
	buf_reset(&b);

	fix_node(&n, 0x20, true);
	free(n.dentries);
	n.dentries = calloc(60000, sizeof(*n.dentries));
	ck_assert_ptr_nonnull(n.dentries);
	n.ndentries = VAULT_LINKS_MAX;
	for (i = 0; i < 60000; i++) {
		nth_id(i, &n.dentries[i].id);
		memset(n.dentries[i].name, 'x', 255);
		n.dentries[i].name_len = 255;
	}
	ck_assert_int_eq(ckpt_page_add(p, &n), 0);
	ck_assert_int_eq(ckpt_page_seal(us, p, 2, &b, &ref), 0);
	ck_assert_int_eq(ckpt_page_open(peer, &us->self, &ref, b.data, b.len,
	    count_node, &c), 0);
	ck_assert_int_eq(c.n, 1);
	ckpt_page_reset(p);
	n.ndentries = 60000;	/* of 320 bytes: more than 16 MiB */
	ck_assert_int_eq(ckpt_page_add(p, &n), -EFBIG);
	ck_assert(ckpt_page_empty(p));
	ckpt_node_done(&n);
	ckpt_page_free(p);
	buf_done(&b);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("checkpoint");
	TCase *t = tcase_create("checkpoint");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_page_comes_back_node_by_node);
	tcase_add_test(t, any_damage_to_a_page_is_seen);
	tcase_add_test(t, a_page_that_the_reference_does_not_mean_is_refused);
	tcase_add_test(t, what_the_visitor_says_ends_the_visit);
	tcase_add_test(t, the_frozen_page_and_root_open);
	tcase_add_test(t, a_root_comes_back_as_it_was);
	tcase_add_test(t, any_damage_to_a_root_is_seen);
	tcase_add_test(t, pages_of_a_root_are_in_order);
	tcase_add_test(t, objects_of_other_types_are_neither_page_nor_root);
	tcase_add_test(t, nodes_out_of_order_or_wrong_are_refused);
	tcase_add_test(t, one_node_less_changes_few_pages);
	tcase_add_test(t, a_page_ends_at_256_kib_and_holds_one_large_node);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
