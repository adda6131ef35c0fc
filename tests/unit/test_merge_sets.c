/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/damage.h"
#include "tests/lib/fix_vault.h"
#include "tests/lib/story.h"

static const struct vault_id top;
#define ID(c) fix_id(c)
#define A 0
#define B 1
#define C 2

/* ---- frozen histories ---- */

/* Texts of up to sixteen bytes are ids in the same order. */
static struct vault_id
text_id(const char *s)
{
	struct vault_id id = fix_id(0);

	ck_assert_uint_le(strlen(s), VAULT_ID_LEN);
	if (strcmp(s, "root") != 0)
		memcpy(id.b, s, strlen(s));
	return id;
}

static const char *
field(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
feed_json(struct merge *m, const json_t *j)
{
	struct merge_seen seen[DEVS];
	struct merge_op o = { .type = OP_DELETE };
	const char *id = field(j, "id"), *op = field(j, "op"), *key;
	char dev[17] = "";
	struct vault_id author;
	json_t *v;
	size_t n = 0;

	memcpy(dev, id, (size_t)(strchr(id, ':') - id));
	o.seq = strtoull(strchr(id, ':') + 1, NULL, 10);
	o.lamport = (uint64_t)json_integer_value(
	    json_object_get(j, "lamport"));
	o.node = text_id(field(j, "node"));
	json_object_foreach(json_object_get(j, "seen"), key, v) {
		seen[n].dev = text_id(key);
		seen[n++].seq = (uint64_t)json_integer_value(v);
	}
	if (strcmp(op, "create") == 0) {
		o.type = OP_CREATE;
		o.kind = strcmp(field(j, "kind"), "dir") == 0 ? OP_KIND_DIR :
		    OP_KIND_FILE;
	} else if (strcmp(op, "place") == 0) {
		o.type = OP_PLACE;
		o.other = text_id(field(j, "parent"));
		o.name = (const uint8_t *)field(j, "name");
		o.name_len = (uint8_t)strlen(field(j, "name"));
	} else if (strcmp(op, "put") == 0) {
		o.type = OP_PUT;
	}
	author = text_id(dev);
	ck_assert_int_eq(merge_author(m, &author, seen, n), 0);
	ck_assert_int_eq(merge_add(m, &o), 0);
}

struct expect {
	const json_t *view;
	size_t n;
};

static int
expected(void *arg, const struct merge_entry *e)
{
	struct expect *x = arg;
	struct vault_id parent, node;
	char version[64];
	const json_t *w;
	size_t i, hits = 0;

	for (i = 0; i < json_array_size(x->view); i++) {
		w = json_array_get(x->view, i);
		version[0] = '\0';
		if (e->has_version)
			(void)snprintf(version, sizeof(version), "%.16s:%llu",
			    (const char *)e->version.dev.b,
			    (unsigned long long)e->version.seq);
		parent = text_id(field(w, "parent"));
		node = text_id(field(w, "node"));
		hits += vault_id_eq(&parent, &e->parent) &&
		    vault_id_eq(&node, &e->dentry) &&
		    strlen(field(w, "name")) == e->name_len &&
		    memcmp(field(w, "name"), e->name, e->name_len) == 0 &&
		    json_integer_value(json_object_get(w, "rank")) ==
		    e->rank &&
		    json_is_true(json_object_get(w, "loser")) ==
		    e->is_loser && (strcmp(field(w, "kind"), "dir") == 0) ==
		    (e->kind == OP_KIND_DIR) &&
		    strcmp(field(w, "version") ? field(w, "version") : "",
		    version) == 0;
	}
	ck_assert_uint_eq(hits, 1);
	x->n++;
	return 0;
}

START_TEST(the_frozen_histories_give_the_views_beside_them)
{
	size_t len, i, lines = 0;
	char *text = sample_read("merge.jsonl", &len), *at = text, *end;
	struct expect x;
	struct merge_visitor v = { .entry = expected, .arg = &x };
	struct merge *m;
	json_t *j, *ops;

	for (; at < text + len; at = end + 1, lines++) {
		end = memchr(at, '\n', (size_t)(text + len - at));
		ck_assert_ptr_nonnull(end);
		j = json_loadb(at, (size_t)(end - at), 0, NULL);
		ops = json_object_get(j, "ops");
		ck_assert(json_is_array(ops));
		ck_assert_int_eq(merge_new(&m), 0);
		for (i = 0; i < json_array_size(ops); i++)
			feed_json(m, json_array_get(ops, i));
		x.view = json_object_get(j, "view");
		x.n = 0;
		ck_assert_int_eq(merge_view(m, &v), 0);
		ck_assert_uint_eq(x.n, json_array_size(x.view));
		merge_free(m);
		json_decref(j);
	}
	ck_assert_uint_eq(lines, 60);
	free(text);
}
END_TEST

/* ---- from a checkpoint ---- */

static void
ckpt_add(struct merge *m, uint8_t id, uint8_t kind, struct vault_id parent,
    const char *name, uint64_t lamport, uint64_t version)
{
	struct ckpt_dentry d;
	struct ckpt_node n;

	memset(&n, 0, sizeof(n));
	memset(&d, 0, sizeof(d));
	n.id = d.id = ID(id);
	n.kind = kind;
	n.created = fix_stamp(0xd0, lamport, lamport);
	d.parent = parent;
	d.name_len = (uint8_t)strlen(name);
	memcpy(d.name, name, d.name_len);
	d.placed = fix_stamp(0xd0, lamport + 1, lamport + 1);
	n.dentries = &d;
	n.ndentries = 1;
	if (version)
		n.version = fix_stamp(0xd0, version, version);
	ck_assert_int_eq(merge_add_node(m, &n), 0);
}

START_TEST(ops_go_on_from_a_checkpoint_as_from_the_whole_history)
{
	struct buf whole = BUF_INIT(4096), half = BUF_INIT(4096);
	struct merge_visitor v = { .entry = story_line };
	struct merge *a, *b;
	struct merge_seen frontier;
	struct story s;
	size_t i;

	story_init(&s);
	story_make(&s, A, ID('d'), OP_KIND_DIR, top, "d");	/* 1, 2 */
	story_make(&s, A, ID('f'), OP_KIND_FILE, ID('d'), "f");	/* 3, 4 */
	story_act(&s, A, OP_PUT, ID('f'));				/* 5 */
	story_act(&s, A, OP_PUT, ID('f'));				/* 6 */
	story_make(&s, A, ID('g'), OP_KIND_FILE, top, "g");	/* 7, 8 */
	story_act(&s, A, OP_PUT, ID('g'));				/* 9 */
	story_meet(&s);
	story_act(&s, B, OP_PUT, ID('f'));
	story_act(&s, B, OP_DELETE, ID('g'));
	story_make(&s, C, ID('h'), OP_KIND_DIR, top, "d");
	story_make(&s, C, ID('i'), OP_KIND_FILE, ID('h'), "f");
	story_act(&s, A, OP_PUT, ID('f'));				/* 10 */
	ck_assert_int_eq(merge_new(&a), 0);
	ck_assert_int_eq(merge_new(&b), 0);
	frontier.dev = s.dev[A].id;
	frontier.seq = 9;
	ck_assert_int_eq(merge_base(b, &frontier, 1), 0);
	ckpt_add(b, 'd', OP_KIND_DIR, top, "d", 1, 0);
	ckpt_add(b, 'f', OP_KIND_FILE, ID('d'), "f", 3, 6);
	ckpt_add(b, 'g', OP_KIND_FILE, top, "g", 7, 9);
	for (i = 0; i < s.n; i++) {
		story_feed(a, &s, &s.acts[i]);
		story_feed(b, &s, &s.acts[i]);
	}
	v.arg = &whole;
	ck_assert_int_eq(merge_view(a, &v), 0);
	v.arg = &half;
	ck_assert_int_eq(merge_view(b, &v), 0);
	ck_assert_str_eq(buf_cstr(&whole), buf_cstr(&half));
	ck_assert_str_eq(buf_cstr(&whole),
	    "/d:d df:f=B1 df:f=A10! df:i#1 ");
	ck_assert_int_eq(merge_base(a, &frontier, 1), -EINVAL);
	merge_free(a);
	merge_free(b);
	buf_done(&whole);
	buf_done(&half);
	story_done(&s);
}
END_TEST

START_TEST(a_segment_is_added_with_what_its_author_had_seen)
{
	struct vault_keys *k = fix_keys(0xa1);
	struct buf b = BUF_INIT(4096);
	struct merge_visitor v = { .entry = story_line, .arg = &b };
	struct merge *m;
	struct segment s;
	size_t i;

	fix_segment(k, &s);
	for (i = 0; i < s.ops.n; i++) {
		s.ops.ops[i].lamport = s.lamport + i;
		s.ops.ops[i].seq = s.first_op + i;
	}
	ck_assert_int_eq(merge_new(&m), 0);
	ck_assert_int_eq(merge_add_segment(m, &s), 0);
	ck_assert_int_eq(merge_view(m, &v), 0);
	ck_assert_str_eq(buf_cstr(&b), "/na\xc3\xafve.txt:\x11=\x12" "26 ");
	merge_free(m);
	segment_done(&s);
	vault_keys_free(k);
	buf_done(&b);
}
END_TEST

START_TEST(what_cannot_be_added_is_refused)
{
	struct merge_op o = { .type = OP_CREATE, .seq = 1, .lamport = 1 };
	struct vault_id dev = ID(1);
	struct merge *m;

	ck_assert_int_eq(merge_new(&m), 0);
	ck_assert_int_eq(merge_add(m, &o), -EINVAL);	/* no author */
	ck_assert_int_eq(merge_author(m, &dev, NULL, 0), 0);
	ck_assert_int_eq(merge_add(m, &o), -EINVAL);	/* the top folder */
	o.node = ID(2);
	o.seq = 0;
	ck_assert_int_eq(merge_add(m, &o), -EINVAL);
	o.seq = 1;
	ck_assert_int_eq(merge_add(m, &o), 0);
	merge_free(m);
	merge_free(NULL);
}
END_TEST

/* ---- a million ops ---- */

#define FILES 110000
#define DIRS 2000

static int
count_entry(void *arg, const struct merge_entry *e)
{
	(void)e;
	++*(size_t *)arg;
	return 0;
}

static void
big_op(struct merge *m, uint64_t *seq, uint16_t type, struct vault_id node,
    struct vault_id other)
{
	struct merge_op o;
	char name[16];

	memset(&o, 0, sizeof(o));
	o.type = type;
	o.kind = node.b[8] ? OP_KIND_DIR : OP_KIND_FILE;
	o.seq = ++*seq;
	o.lamport = o.seq;
	o.node = node;
	o.other = other;
	o.name_len = (uint8_t)snprintf(name, sizeof(name), "%u",
	    get_le32(node.b) ^ (unsigned)*seq << 12);
	o.name = (const uint8_t *)name;
	ck_assert_int_eq(merge_add(m, &o), 0);
}

static struct vault_id
big_id(unsigned dev, uint32_t n, bool is_dir)
{
	struct vault_id id = fix_id(0);

	put_le32(id.b, n + 1);
	id.b[4] = (uint8_t)dev;
	id.b[8] = is_dir;
	return id;
}

START_TEST(a_million_ops_take_seconds)
{
	struct timespec a, b;
	size_t lines = 0;
	struct merge_visitor v = { .entry = count_entry, .arg = &lines };
	struct vault_id dev, id;
	struct merge *m;
	uint64_t seq;
	unsigned d;
	uint32_t i;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	ck_assert_int_eq(merge_new(&m), 0);
	/* Three devices, whole journals one after the other: the worst order,
	 * since every op of the second belongs between those of the first. */
	for (d = 0; d < 3; d++) {
		dev = ID((uint8_t)(0xd0 + d));
		ck_assert_int_eq(merge_author(m, &dev, NULL, 0), 0);
		for (seq = 0, i = 0; i < DIRS; i++) {
			id = big_id(d, i, true);
			big_op(m, &seq, OP_CREATE, id, top);
			big_op(m, &seq, OP_PLACE, id, i % 20 ?
			    big_id(d, i - 1, true) : top);
		}
		for (i = 0; i < FILES; i++) {
			id = big_id(d, i + DIRS, false);
			big_op(m, &seq, OP_CREATE, id, top);
			big_op(m, &seq, OP_PLACE, id,
			    big_id(d, i % DIRS, true));
			big_op(m, &seq, OP_PUT, id, top);
		}
		ck_assert_int_eq(merge_view(m, &v), 0);
	}
	/* Their folders have the same paths, and are shown as one. */
	ck_assert_uint_eq(lines, (1 + 2 + 3) * FILES + 3 * DIRS);
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	merge_free(m);
	/* Two or three seconds, with room for slow machines and sanitizers;
	 * something quadratic would take hours. */
	ck_assert_int_lt(b.tv_sec - a.tv_sec, 60);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("merge sets");
	TCase *t = tcase_create("merge sets");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 240);
	tcase_add_test(t, the_frozen_histories_give_the_views_beside_them);
	tcase_add_test(t,
	    ops_go_on_from_a_checkpoint_as_from_the_whole_history);
	tcase_add_test(t, a_segment_is_added_with_what_its_author_had_seen);
	tcase_add_test(t, what_cannot_be_added_is_refused);
	tcase_add_test(t, a_million_ops_take_seconds);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
