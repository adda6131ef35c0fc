/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a probe finds: how it is measured, kept, shown, and asked again. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/file.h"

/* A store whose answers lag, and which does as it is told to. */
struct odd {
	struct store_wrap w;
	int64_t lag_ms;			/* of listings and replacements */
	int64_t put_ms;			/* the last put */
	bool is_ignoring;		/* conditions */
	int range_r, put_r;		/* what these answer; 0: as usual */
	char old[600];
	size_t old_len;
	const char *at;			/* compared with entity tags: "" bare,
					 * "\"" quoted, NULL: none */
	unsigned serial;
	unsigned probes;
};

static int
odd_put(struct store *s, const char *name, const void *p, size_t len,
    unsigned flags)
{
	struct odd *o = (struct odd *)s;
	struct buf b = BUF_INIT(sizeof(o->old));
	int r;

	if (o->put_r && (flags & STORE_IF_ABSENT))
		return o->put_r;
	o->old_len = 0;
	if (store_get(o->w.in, name, &b) == 0) {
		memcpy(o->old, b.data, b.len);
		o->old_len = b.len;
	}
	buf_done(&b);
	r = store_put(o->w.in, name, p, len, o->is_ignoring ? 0 : flags);
	if (r == 0) {
		o->put_ms = clock_mono_ms();
		o->serial++;
	}
	return r;
}

static bool
is_lagging(const struct odd *o)
{
	return clock_mono_ms() - o->put_ms < o->lag_ms;
}

static int
odd_get(struct store *s, const char *name, struct buf *out)
{
	struct odd *o = (struct odd *)s;

	if (o->old_len && is_lagging(o))
		return buf_put(out, o->old, o->old_len);
	return store_get(o->w.in, name, out);
}

static int
odd_get_range(struct store *s, const char *name, uint64_t off, size_t len,
    struct buf *out)
{
	struct odd *o = (struct odd *)s;

	return o->range_r ? o->range_r :
	    store_get_range(o->w.in, name, off, len, out);
}

static int
odd_list(struct store *s, const char *prefix,
    int (*fn)(void *arg, const char *name, uint64_t size), void *arg)
{
	struct odd *o = (struct odd *)s;

	return is_lagging(o) ? 0 : store_list(o->w.in, prefix, fn, arg);
}

static int
match_put(struct store *s, const char *name, const void *p, size_t len,
    const char *match)
{
	struct odd *o = (struct odd *)s;
	char now[32];

	if (match && o->at) {
		(void)snprintf(now, sizeof(now), "%st%u%s", o->at, o->serial,
		    o->at);
		if (strcmp(now, match) != 0)
			return -EEXIST;
	}
	return odd_put(s, name, p, len, 0);
}

static int
match_etag(struct store *s, const char *name,
    char ret[static STORE_ETAG_MAX])
{
	(void)name;
	(void)snprintf(ret, STORE_ETAG_MAX, "\"t%u\"",
	    ((struct odd *)s)->serial);
	return 0;
}

static int
odd_probe(struct store *s, struct err *e)
{
	static const struct store_matcher m = { match_put, match_etag };
	unsigned caps = 0;
	int r;

	((struct odd *)s)->probes++;
	r = store_probe_run(s, &caps, e);
	if (r == 0)
		store_probe_match(s, &m);
	return r;
}

static unsigned
odd_caps(struct store *s)
{
	struct odd *o = (struct odd *)s;

	return STORE_CAP_ATOMIC_PUT | STORE_CAP_RANGE |
	    (o->is_ignoring ? 0u : STORE_CAP_IF_ABSENT);
}

static const struct store_ops odd_ops = {
	.put = odd_put,
	.get = odd_get,
	.get_range = odd_get_range,
	.del = store_wrap_del,
	.list = odd_list,
	.space = store_wrap_space,
	.caps = odd_caps,
	.probe = odd_probe,
	.get_hint = store_wrap_get_hint,
	.interrupt = store_wrap_interrupt,
	.close = store_wrap_close,
};

static struct odd *
odd_new(void)
{
	struct odd *o = calloc(1, sizeof(*o));
	struct store *in;

	ck_assert(o);
	ck_assert_int_eq(store_open("mem:", NULL, &in, NULL), 0);
	ck_assert_int_eq(store_wrap_init(&o->w, &odd_ops, in), 0);
	return o;
}

static char dir[] = "/tmp/test_facts.XXXXXX", path[64];

static void
begin(void)
{
	ck_assert(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/a/probed", dir);
}

static void
end(void)
{
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	(void)rmdir(dir);
	memcpy(strrchr(dir, '.') + 1, "XXXXXX", 6);
}

static bool
says(const struct store_facts *f, const char *what)
{
	struct buf b = BUF_INIT(16 * 1024);
	bool r;

	facts_text(f, &b);
	r = b.len && strstr(buf_cstr(&b), what) != NULL;
	buf_done(&b);
	return r;
}

static int
count(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(int *)arg;
	return 0;
}

static bool
is_about(int ms)
{
	return ms >= 150 && ms < 2000;
}

START_TEST(a_lag_is_measured)
{
	struct odd *o = odd_new();
	struct store_facts f;
	int n = 0, i;

	/* On a machine that stalls it shows as another one. */
	for (i = 0; ; i++) {
		o->lag_ms = 250;
		ck_assert_int_eq(store_probe(&o->w.base, NULL), 0);
		store_facts(&o->w.base, &f);
		ck_assert_int_gt(f.time_s, 0);
		if (is_about(f.list_ms) && is_about(f.over_ms))
			break;
		ck_assert_msg(i < 4, "list: %d ms, over: %d ms", f.list_ms,
		    f.over_ms);
		store_close(&o->w.base);
		o = odd_new();
	}
	ck_assert(says(&f, "lists what is new within"));
	/* Nothing is left. */
	o->lag_ms = 0;
	ck_assert_int_eq(store_list(&o->w.base, "", count, &n), 0);
	ck_assert_int_eq(n, 0);
	store_close(&o->w.base);
}
END_TEST

START_TEST(a_lag_without_end_is_not_waited_for)
{
	struct odd *o = odd_new();
	int64_t t0 = clock_mono_ms();
	struct store_facts f;

	o->lag_ms = 3600000;
	/* Its own first bytes are read; what is written over them is not. */
	ck_assert_int_eq(store_probe(&o->w.base, NULL), 0);
	ck_assert_int_lt(clock_mono_ms() - t0, 4 * FACTS_WAIT_MS);
	store_facts(&o->w.base, &f);
	ck_assert_int_eq(f.list_ms, FACTS_MS_OVER);
	ck_assert_int_eq(f.over_ms, FACTS_MS_OVER);
	ck_assert(says(&f, "lists what is new not within 3 s"));
	store_close(&o->w.base);
}
END_TEST

static const struct {
	const char *at;
	enum facts_match bare, quoted;
} tags[] = {
	{ NULL, FACTS_MATCH_IGNORED, FACTS_MATCH_IGNORED },
	{ "", FACTS_MATCH_HONOURED, FACTS_MATCH_REFUSED },
	{ "\"", FACTS_MATCH_REFUSED, FACTS_MATCH_HONOURED },
	{ "?", FACTS_MATCH_REFUSED, FACTS_MATCH_REFUSED },
};

START_TEST(how_an_entity_tag_is_spelled_is_found)
{
	struct odd *o = odd_new();
	struct store_facts f;

	o->at = tags[_i].at;
	ck_assert_int_eq(store_probe(&o->w.base, NULL), 0);
	store_facts(&o->w.base, &f);
	ck_assert_int_eq(f.bare, tags[_i].bare);
	ck_assert_int_eq(f.quoted, tags[_i].quoted);
	store_close(&o->w.base);
}
END_TEST

static void
fill(struct store_facts *f)
{
	facts_init(f);
	f->time_s = 1790000000;
	f->caps = STORE_CAP_RANGE | STORE_CAP_QUOTA;
	f->list_ms = 17;
	f->over_ms = FACTS_MS_OVER;
	f->bare = FACTS_MATCH_HONOURED;
	f->quoted = FACTS_MATCH_IGNORED;
	f->has_clock = true;
	f->clock_s = -3600;
	strcpy(f->tls, "TLSv1.3");
	strcpy(f->cipher, "TLS_AES_256_GCM_SHA384");
	strcpy(f->issuer, "CN=R11,O=Let's Encrypt,C=US");
	f->space.free_bytes = 1u << 30;
}

START_TEST(what_was_found_is_read_again)
{
	struct store_facts f, g;
	struct stat st;

	ck_assert_int_eq(facts_read(path, &g), -ENOENT);
	fill(&f);
	ck_assert_int_eq(facts_write(path, &f), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(facts_read(path, &g), 0);
	ck_assert_mem_eq(&f, &g, sizeof(f));
	ck_assert(says(&g, "is 3600 s behind ours"));
	ck_assert(says(&g, "TLSv1.3, TLS_AES_256_GCM_SHA384; certificate by "
	    "CN=R11"));
	ck_assert(says(&g, "1.0 GiB free"));
}
END_TEST

START_TEST(a_file_that_is_none_is_none)
{
	static const char *const bad[] = { "", "\n", "coffre-probe 1\n",
	    "coffre-probe 2\ntime 5\n", "coffre-probe 1\ntime -5\n", "\x01",
	    "coffre-probe 1\ntime x\n" };
	char text[600] = "coffre-probe 1\ntime 5\nlist 99999999\nbare 77\n"
	    "quoted -1\nover -9\nunknown key\nnoblank\nissuer ";
	struct store_facts f;
	size_t i;

	fill(&f);
	ck_assert_int_eq(facts_write(path, &f), 0);
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ck_assert_int_eq(file_write(path, bad[i], strlen(bad[i]),
		    0600), 0);
		ck_assert_int_eq(facts_read(path, &f), -EPROTO);
	}
	/* What is out of bounds is not known, or cut. */
	memset(text + strlen(text), 'x', 400);
	ck_assert_int_eq(file_write(path, text, strlen(text), 0600), 0);
	ck_assert_int_eq(facts_read(path, &f), 0);
	ck_assert_int_eq(f.list_ms, FACTS_MS_UNKNOWN);
	ck_assert_int_eq(f.over_ms, FACTS_MS_UNKNOWN);
	ck_assert_int_eq(f.bare, FACTS_MATCH_UNKNOWN);
	ck_assert_int_eq(f.quoted, FACTS_MATCH_UNKNOWN);
	ck_assert_uint_eq(strlen(f.issuer), sizeof(f.issuer) - 1);
}
END_TEST

START_TEST(only_what_should_stay_is_a_change)
{
	struct buf b = BUF_INIT(16 * 1024);
	struct store_facts f, g;

	fill(&f);
	g = f;
	g.space.free_bytes = 5;
	g.clock_s = 2;
	g.list_ms = 2000;
	g.time_s += 100;
	facts_changes(&f, &g, &b);
	ck_assert_uint_eq(b.len, 0);
	g.caps |= STORE_CAP_IF_ABSENT;
	facts_changes(&f, &g, &b);
	ck_assert_str_eq(buf_cstr(&b), "refuses to write over what is there "
	    "(before: ignores conditions: it writes over what is there)\n");
	buf_reset(&b);
	g.caps = f.caps;
	strcpy(g.issuer, "CN=Somebody else");
	facts_changes(&f, &g, &b);
	ck_assert(strstr(buf_cstr(&b), "(before: TLSv1.3,"));
	/* Not found out this time: no change. */
	buf_reset(&b);
	g.tls[0] = '\0';
	g.bare = g.quoted = FACTS_MATCH_UNKNOWN;
	facts_changes(&f, &g, &b);
	ck_assert_uint_eq(b.len, 0);
	buf_done(&b);
}
END_TEST

START_TEST(a_probe_is_kept_and_a_contradiction_asks_for_another)
{
	struct buf b = BUF_INIT(16 * 1024);
	struct odd *o = odd_new();
	struct store_facts f;
	struct store *s;

	ck_assert_int_eq(store_record_new(&o->w.base, path, &s), 0);
	ck_assert_int_eq(store_probe(s, NULL), 0);
	ck_assert_int_eq(facts_read(path, &f), 0);
	ck_assert_uint_eq(f.caps, odd_caps(&o->w.base));
	ck_assert(!(store_caps(s) & STORE_CAP_UNPROBED));
	/* Answers like any other ask for nothing. */
	ck_assert_int_eq(store_put(s, "a", "1", 1, STORE_IF_ABSENT), 0);
	ck_assert_int_eq(store_put(s, "a", "1", 1, STORE_IF_ABSENT), -EEXIST);
	ck_assert_int_eq(store_get_range(s, "a", 5, 5, &b), -ERANGE);
	o->put_r = -EHOSTUNREACH;
	ck_assert_int_lt(store_put(s, "b", "1", 1, STORE_IF_ABSENT), 0);
	ck_assert(!(store_caps(s) & STORE_CAP_UNPROBED));
	/* It knew conditions. */
	o->put_r = -EOPNOTSUPP;
	ck_assert_int_lt(store_put(s, "b", "1", 1, STORE_IF_ABSENT), 0);
	ck_assert(store_caps(s) & STORE_CAP_UNPROBED);
	o->put_r = 0;
	o->is_ignoring = true;
	ck_assert_int_eq(store_probe(s, NULL), 0);
	ck_assert_uint_eq(o->probes, 2);
	ck_assert(!(store_caps(s) & STORE_CAP_UNPROBED));
	store_notes(s, &b);
	ck_assert(b.len && strstr(buf_cstr(&b), "ignores conditions: it "
	    "writes over what is there (before: refuses"));
	ck_assert_int_eq(facts_read(path, &f), 0);
	ck_assert(!(f.caps & STORE_CAP_IF_ABSENT));
	o->range_r = -EPROTO;
	buf_reset(&b);
	ck_assert_int_eq(store_get_range(s, "a", 0, 1, &b), -EPROTO);
	ck_assert(store_caps(s) & STORE_CAP_UNPROBED);
	store_close(s);
	buf_done(&b);
}
END_TEST

START_TEST(a_change_since_the_last_run_is_said)
{
	struct buf b = BUF_INIT(16 * 1024);
	struct odd *o = odd_new();
	struct store *s;

	ck_assert_int_eq(store_record_new(&o->w.base, path, &s), 0);
	ck_assert_int_eq(store_probe(s, NULL), 0);
	store_notes(s, &b);
	ck_assert_uint_eq(b.len, 0);
	store_close(s);
	o = odd_new();
	o->is_ignoring = true;
	ck_assert_int_eq(store_record_new(&o->w.base, path, &s), 0);
	ck_assert_int_eq(store_probe(s, NULL), 0);
	store_notes(s, &b);
	ck_assert(b.len && strstr(buf_cstr(&b), "(before: refuses"));
	store_close(s);
	buf_done(&b);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("facts");
	TCase *t = tcase_create("facts");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_lag_is_measured);
	tcase_add_test(t, a_lag_without_end_is_not_waited_for);
	tcase_add_loop_test(t, how_an_entity_tag_is_spelled_is_found, 0,
	    sizeof(tags) / sizeof(tags[0]));
	tcase_add_test(t, what_was_found_is_read_again);
	tcase_add_test(t, a_file_that_is_none_is_none);
	tcase_add_test(t, only_what_should_stay_is_a_change);
	tcase_add_test(t, a_probe_is_kept_and_a_contradiction_asks_for_another);
	tcase_add_test(t, a_change_since_the_last_run_is_said);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
