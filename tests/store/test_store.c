/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The contract of store.h, over every backend.  Memory and folder always; a
 * real server too if the environment names one (tests/store/run.sh does):
 *
 *	STORE_TEST_URL, STORE_TEST_PASS, STORE_TEST_CA, STORE_TEST_PIN,
 *	STORE_TEST_KEY
 *	STORE_TEST_PROBE	probe first: it cannot be trusted unseen
 *	STORE_TEST_GAP		what is replaced may be missing meanwhile
 *	STORE_TEST_ONLY		not memory and folder
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/facts.h"
#include "store/store.h"
#include "tests/lib/remote.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define MIB (1u << 20)

enum backend {
	BACKEND_MEM,
	BACKEND_DIR,
	BACKEND_REMOTE,
};

static struct store *s;
static enum backend kind;
static char dir[64];

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v && *v ? v : NULL;
}

static bool
has_remote(void)
{
	return env("STORE_TEST_URL") != NULL;
}

/* Each test has a place of its own, which does not exist yet on a server. */
static void
begin(int i)
{
	struct store_conf conf = { .password = getenv("STORE_TEST_PASS"),
	    .ca_file = env("STORE_TEST_CA"),
	    .pin = env("STORE_TEST_PIN"),
	    .key_file = env("STORE_TEST_KEY"), .timeout_s = 20 };
	struct err e = { "" };
	char url[1024], place[64];

	kind = (enum backend)i;
	if (kind == BACKEND_MEM) {
		(void)strcpy(url, "mem:");
	} else if (kind == BACKEND_DIR) {
		(void)strcpy(dir, "/tmp/test-store.XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(dir));
		(void)snprintf(url, sizeof(url), "dir:%s", dir);
	} else {
		(void)snprintf(place, sizeof(place), "t%d-%lld/in a place/",
		    getpid(), (long long)clock_real_ns());
		remote_url(url, sizeof(url), place);
	}
	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s", e.msg);
	if (kind == BACKEND_REMOTE && env("STORE_TEST_PROBE"))
		ck_assert_msg(store_probe(s, &e) == 0, "%s", e.msg);
}

static void
end(void)
{
	char cmd[128];

	store_close(s);
	if (kind == BACKEND_DIR) {
		(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
		ck_assert_int_eq(system(cmd), 0);
	}
}

static uint8_t *
bytes(size_t len, unsigned seed)
{
	uint8_t *p = malloc(len + 1);
	uint32_t v = seed * 2654435761u + 1;
	size_t i;

	for (i = 0; i < len; i++) {
		v = v * 1664525 + 1013904223;
		p[i] = (uint8_t)(v >> 24);
	}
	return p;
}

static void
put_ok(const char *name, const void *p, size_t len)
{
	struct store_stats st;
	int r = store_put(s, name, p, len, 0);

	store_get_stats(s, &st);
	ck_assert_msg(r == 0, "put of '%s': %s (%s)", name, strerror(-r),
	    st.last_error);
}

/* The object is these bytes, appended to what the buffer held. */
static void
is_there(const char *name, const void *p, size_t len)
{
	struct buf b = BUF_INIT(16 * MIB);
	int r;

	ck_assert_int_eq(buf_put(&b, "head", 4), 0);
	r = store_get(s, name, &b);
	ck_assert_msg(r == 0, "get of '%s': %s", name, strerror(-r));
	ck_assert_uint_eq(b.len, len + 4);
	ck_assert_mem_eq(b.data, "head", 4);
	if (len)
		ck_assert_mem_eq(b.data + 4, p, len);
	buf_done(&b);
}

START_TEST(what_is_put_is_got)
{
	static const size_t len[] = { 0, 1, 4096, 65537, 3 * MIB, 8 * MIB };
	char name[32];
	uint8_t *p;
	size_t i;

	begin(_i);
	for (i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		p = bytes(len[i], (unsigned)i);
		(void)snprintf(name, sizeof(name), "d/o-%zu", i);
		put_ok(name, p, len[i]);
		is_there(name, p, len[i]);
		free(p);
	}
	end();
}
END_TEST

START_TEST(every_shape_of_a_name_is_kept)
{
	char longest[256], part[201];
	const char *name[] = { "a", "0", "-", "drive", "a-b-c", "9/8/7",
	    "r/abc234/j/xyz/0000000001", "a1/b2/c3/d4/e5/f6/g7/h8", part,
	    longest };
	size_t i;

	begin(_i);
	memset(part, 'n', 200);
	part[200] = '\0';
	memset(longest, 'm', 255);
	longest[100] = longest[200] = '/';
	longest[255] = '\0';
	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		put_ok(name[i], name[i], strlen(name[i]));
	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++)
		is_there(name[i], name[i], strlen(name[i]));
	end();
}
END_TEST

START_TEST(other_names_are_refused)
{
	static const char *const name[] = { "", "/", "/a", "a/", "a//b", "A",
	    "a.b", "..", "a/../b", "a b", "a%2f", "\xc3\xa9", "a_b", "a\n" };
	struct buf b = BUF_INIT(100);
	char big[257];
	size_t i;

	begin(_i);
	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		ck_assert_int_eq(store_put(s, name[i], "x", 1, 0), -EINVAL);
		ck_assert_int_eq(store_get(s, name[i], &b), -EINVAL);
		ck_assert_int_eq(store_get_range(s, name[i], 0, 1, &b),
		    -EINVAL);
		ck_assert_int_eq(store_delete(s, name[i]), -EINVAL);
	}
	memset(big, 'a', 256);
	big[256] = '\0';
	ck_assert_int_eq(store_put(s, big, "x", 1, 0), -EINVAL);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 128), -EINVAL);
	ck_assert_uint_eq(b.len, 0);
	end();
}
END_TEST

START_TEST(a_put_replaces)
{
	begin(_i);
	put_ok("h/head", "first and longer", 16);
	put_ok("h/head", "second", 6);
	is_there("h/head", "second", 6);
	put_ok("h/head", "", 0);
	is_there("h/head", "", 0);
	end();
}
END_TEST

/* Servers that ignore conditions say nothing of it; run.sh does. */
static bool
keeps_conditions(void)
{
	const char *caps = env("STORE_TEST_CAPS");

	return kind != BACKEND_REMOTE || !caps ||
	    (strtoul(caps, NULL, 0) & STORE_CAP_IF_ABSENT);
}

START_TEST(if_absent_never_replaces)
{
	begin(_i);
	if (!keeps_conditions()) {
		end();
		return;
	}
	ck_assert_int_eq(store_put(s, "j/1", "one", 3, STORE_IF_ABSENT), 0);
	ck_assert_int_eq(store_put(s, "j/1", "two", 3, STORE_IF_ABSENT),
	    -EEXIST);
	is_there("j/1", "one", 3);
	ck_assert_int_eq(store_delete(s, "j/1"), 0);
	ck_assert_int_eq(store_put(s, "j/1", "two", 3, STORE_IF_ABSENT), 0);
	is_there("j/1", "two", 3);
	end();
}
END_TEST

START_TEST(what_is_missing_is_said_to_be)
{
	struct buf b = BUF_INIT(100);

	begin(_i);
	ck_assert_int_eq(store_get(s, "no", &b), -ENOENT);
	ck_assert_int_eq(store_get(s, "no/such/place", &b), -ENOENT);
	ck_assert_int_eq(store_get_range(s, "no/such/place", 0, 1, &b),
	    -ENOENT);
	ck_assert_int_eq(store_get_range(s, "no", 0, 0, &b), -ENOENT);
	ck_assert_int_eq(store_delete(s, "no/such/place"), -ENOENT);
	put_ok("a/b", "x", 1);
	ck_assert_int_eq(store_get(s, "a/c", &b), -ENOENT);
	ck_assert_int_eq(store_delete(s, "a/c"), -ENOENT);
	ck_assert_int_eq(store_delete(s, "a/b"), 0);
	ck_assert_int_eq(store_delete(s, "a/b"), -ENOENT);
	ck_assert_int_eq(store_get(s, "a/b", &b), -ENOENT);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(b.err, 0);
	end();
}
END_TEST

START_TEST(ranges_are_exact)
{
	static const struct {
		uint64_t off;
		size_t len;
		int r;
	} t[] = { { 0, 1, 0 }, { 0, 100000, 0 }, { 99999, 1, 0 },
	    { 50000, 50000, 0 }, { 12345, 6789, 0 }, { 0, 0, 0 },
	    { 100000, 0, 0 }, { 100001, 0, -ERANGE }, { 100000, 1, -ERANGE },
	    { 99999, 2, -ERANGE }, { 0, 100001, -ERANGE },
	    { 1ull << 40, 1, -ERANGE } };
	struct buf b = BUF_INIT(200000);
	uint8_t *p = bytes(100000, 7);
	size_t i;
	int r;

	begin(_i);
	put_ok("p/0/pack", p, 100000);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_reset(&b);
		ck_assert_int_eq(buf_put(&b, "h", 1), 0);
		r = store_get_range(s, "p/0/pack", t[i].off, t[i].len, &b);
		ck_assert_msg(r == t[i].r, "%llu+%zu: %d",
		    (unsigned long long)t[i].off, t[i].len, r);
		ck_assert_int_eq(b.err, 0);
		ck_assert_uint_eq(b.len, r == 0 ? t[i].len + 1 : 1);
		if (r == 0 && t[i].len)
			ck_assert_mem_eq(b.data + 1, p + t[i].off, t[i].len);
	}
	put_ok("empty", "", 0);
	buf_reset(&b);
	ck_assert_int_eq(store_get_range(s, "empty", 0, 0, &b), 0);
	ck_assert_int_eq(store_get_range(s, "empty", 0, 1, &b), -ERANGE);
	buf_done(&b);
	free(p);
	end();
}
END_TEST

START_TEST(a_buffer_that_is_too_small_is_left_alone)
{
	struct buf b = BUF_INIT(1000);
	uint8_t *p = bytes(5000, 1);

	begin(_i);
	put_ok("big", p, 5000);
	ck_assert_int_eq(buf_put(&b, "keep", 4), 0);
	ck_assert_int_eq(store_get(s, "big", &b), -EFBIG);
	ck_assert_int_eq(store_get_range(s, "big", 0, 1000, &b), -EFBIG);
	ck_assert_int_eq(b.err, 0);
	ck_assert_uint_eq(b.len, 4);
	ck_assert_mem_eq(b.data, "keep", 4);
	ck_assert_int_eq(store_get_range(s, "big", 10, 996, &b), 0);
	ck_assert_mem_eq(b.data + 4, p + 10, 996);
	buf_done(&b);
	free(p);
	end();
}
END_TEST

struct names {
	unsigned n, max;
	int stop;
	bool seen[1000];
	bool is_strange;
};

static int
on_name(void *arg, const char *name, uint64_t size)
{
	struct names *l = arg;
	unsigned a, b;
	int used = 0;

	if (sscanf(name, "l/%u/n-%u%n", &a, &b, &used) != 2 ||
	    name[used] || b >= 1000 || a != b % 3 || size != b % 5 ||
	    l->seen[b])
		l->is_strange = true;
	else
		l->seen[b] = true;
	l->n++;
	return l->n == l->max ? l->stop : 0;
}

START_TEST(a_thousand_names_are_listed)
{
	struct names l = { .max = 0 };
	char name[64];
	unsigned i;

	begin(_i);
	ck_assert_int_eq(store_list(s, "l/", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 0);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "l/%u/n-%u", i % 3, i);
		put_ok(name, "abcde", i % 5);
	}
	put_ok("other/x", "x", 1);
	put_ok("l2", "x", 1);
	ck_assert_int_eq(store_list(s, "l/", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 1000);
	ck_assert(!l.is_strange);

	memset(&l, 0, sizeof(l));
	ck_assert_int_eq(store_list(s, "l/1/", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 333);
	ck_assert(!l.is_strange);

	memset(&l, 0, sizeof(l));
	ck_assert_int_eq(store_list(s, "", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 1002);

	memset(&l, 0, sizeof(l));
	l.max = 5;
	l.stop = 77;
	ck_assert_int_eq(store_list(s, "l/", on_name, &l), 77);
	ck_assert_uint_eq(l.n, 5);

	memset(&l, 0, sizeof(l));
	ck_assert_int_eq(store_list(s, "nothing/here/", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 0);
	ck_assert_int_eq(store_list(s, "l", on_name, &l), -EINVAL);
	ck_assert_int_eq(store_list(s, "/", on_name, &l), -EINVAL);
	end();
}
END_TEST

static void
worker(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg, i;
	struct buf b = BUF_INIT(MIB);
	char name[64];
	uint8_t *p = bytes(200000, id);

	for (i = 0; i < 25; i++) {
		size_t len = 1000 + i * 7777;

		(void)snprintf(name, sizeof(name), "w/%u/%u", i % 4,
		    id * 100 + i);
		ck_assert_int_eq(store_put(s, name, p, len, i % 2 ?
		    STORE_IF_ABSENT : 0), 0);
		buf_reset(&b);
		ck_assert_int_eq(store_get(s, name, &b), 0);
		ck_assert_uint_eq(b.len, len);
		ck_assert_mem_eq(b.data, p, len);
		buf_reset(&b);
		ck_assert_int_eq(store_get_range(s, name, i, 500, &b), 0);
		ck_assert_mem_eq(b.data, p + i, 500);
		if (i % 3 == 0)
			ck_assert_int_eq(store_delete(s, name), 0);
	}
	buf_done(&b);
	free(p);
}

START_TEST(eight_threads_do_not_disturb_each_other)
{
	struct store_stats st;
	pthread_t t[8];
	unsigned i;

	begin(_i);
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(thread_start(&t[i], "worker", worker,
		    (void *)(uintptr_t)i), 0);
	for (i = 0; i < 8; i++)
		thread_join(t[i]);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.puts, 200);
	ck_assert_uint_eq(st.gets, 400);
	ck_assert_uint_eq(st.deletes, 72);
	ck_assert_uint_eq(st.errors, 0);
	end();
}
END_TEST

/* Of two who put one name if absent, one wins. */
static int race[8];

static void
racer(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	char text[16];

	(void)snprintf(text, sizeof(text), "racer %u", id);
	race[id] = store_put(s, "race/x", text, strlen(text),
	    STORE_IF_ABSENT);
}

START_TEST(one_of_many_wins_a_name)
{
	struct buf b = BUF_INIT(100);
	pthread_t t[8];
	char text[16];
	unsigned i, won = 8;

	begin(_i);
	if (kind == BACKEND_REMOTE) {
		/* Servers look first and write then: not promised. */
		end();
		return;
	}
	for (i = 0; i < 8; i++)
		ck_assert_int_eq(thread_start(&t[i], "racer", racer,
		    (void *)(uintptr_t)i), 0);
	for (i = 0; i < 8; i++)
		thread_join(t[i]);
	for (i = 0; i < 8; i++) {
		if (race[i] == 0) {
			ck_assert_uint_eq(won, 8);
			won = i;
		} else {
			ck_assert_int_eq(race[i], -EEXIST);
		}
	}
	(void)snprintf(text, sizeof(text), "racer %u", won);
	ck_assert_int_eq(store_get(s, "race/x", &b), 0);
	ck_assert_mem_eq(b.data, text, strlen(text));
	buf_done(&b);
	end();
}
END_TEST

START_TEST(an_interruption_ends)
{
	begin(_i);
	put_ok("a", "x", 1);
	store_interrupt(s, true);
	if (kind == BACKEND_REMOTE)
		ck_assert_int_eq(store_put(s, "a", "y", 1, 0), -ECANCELED);
	store_interrupt(s, false);
	put_ok("a", "z", 1);
	is_there("a", "z", 1);
	end();
}
END_TEST

START_TEST(the_probe_finds_what_works)
{
	const char *want = getenv("STORE_TEST_CAPS");
	unsigned caps = STORE_CAP_IF_ABSENT | STORE_CAP_RANGE |
	    STORE_CAP_ATOMIC_PUT;
	struct names l = { .max = 0 };
	struct store_space space;
	struct store_facts f;
	struct err e = { "" };
	int r;

	begin(_i);
	r = store_probe(s, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	store_facts(s, &f);
	ck_assert_int_gt(f.time_s, 0);
	ck_assert_uint_eq(f.caps, store_caps(s));
	ck_assert_int_ge(f.list_ms, 0);
	ck_assert_int_ge(f.over_ms, 0);
	if (strncmp(store_url(s), "webdavs:", 8) == 0) {
		ck_assert(strncmp(f.tls, "TLSv1.", 6) == 0);
		ck_assert_str_eq(f.issuer, "CN=Test authority");
	}
	if (kind == BACKEND_REMOTE && want)
		caps = (unsigned)strtoul(want, NULL, 0);
	ck_assert_uint_eq(store_caps(s) & ~(unsigned)STORE_CAP_QUOTA, caps);
	r = store_space(s, &space);
	ck_assert_int_eq(r, store_caps(s) & STORE_CAP_QUOTA ? 0 :
	    -EOPNOTSUPP);
	if (kind == BACKEND_DIR) {
		ck_assert_int_eq(r, 0);
		ck_assert_uint_gt(space.total_bytes, 0);
		ck_assert_uint_le(space.free_bytes, space.total_bytes);
	}
	/* It cleans up behind itself. */
	ck_assert_int_eq(store_list(s, "", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 0);
	end();
}
END_TEST

static atomic_bool is_reading;

/* Whoever reads meanwhile sees the old object or the new one. */
static void
reader(void *arg)
{
	struct buf b = BUF_INIT(MIB);
	int r;

	(void)arg;
	while (is_reading) {
		buf_reset(&b);
		r = store_get(s, "h/head", &b);
		if (r == -ENOENT && env("STORE_TEST_GAP"))
			continue;
		ck_assert_int_eq(r, 0);
		ck_assert_uint_eq(b.len, 300000);
		ck_assert(b.data[0] == b.data[299999]);
	}
	buf_done(&b);
}

START_TEST(nobody_sees_half_an_object)
{
	char *p = malloc(300000);
	pthread_t t;
	int i;

	begin(_i);
	/* Known to write in place, in a way that no probe can see. */
	if (kind == BACKEND_REMOTE && env("STORE_TEST_TORN")) {
		free(p);
		end();
		return;
	}
	memset(p, 0, 300000);
	put_ok("h/head", p, 300000);
	is_reading = true;
	ck_assert_int_eq(thread_start(&t, "reader", reader, NULL), 0);
	for (i = 1; i < 40; i++) {
		memset(p, i, 300000);
		put_ok("h/head", p, 300000);
	}
	is_reading = false;
	thread_join(t);
	free(p);
	end();
}
END_TEST

START_TEST(what_happens_is_counted)
{
	struct buf b = BUF_INIT(100);
	struct names l = { .max = 0 };
	struct store_stats st;

	begin(_i);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.puts, 0);
	ck_assert(!st.is_online);
	ck_assert_int_eq(st.last_ok_ns, 0);
	put_ok("a", "12345", 5);
	ck_assert_int_eq(store_get(s, "a", &b), 0);
	ck_assert_int_eq(store_get_range(s, "a", 1, 2, &b), 0);
	ck_assert_int_eq(store_delete(s, "a"), 0);
	ck_assert_int_eq(store_delete(s, "a"), -ENOENT);
	ck_assert_int_eq(store_list(s, "", on_name, &l), 0);
	store_get_stats(s, &st);
	ck_assert_uint_eq(st.puts, 1);
	ck_assert_uint_eq(st.gets, 2);
	ck_assert_uint_eq(st.deletes, 2);
	ck_assert_uint_eq(st.lists, 1);
	ck_assert_uint_eq(st.bytes_up, 5);
	ck_assert_uint_eq(st.bytes_down, 7);
	ck_assert_uint_eq(st.errors, 0);
	ck_assert(st.is_online);
	ck_assert_int_gt(st.last_ok_ns, 0);
	ck_assert_str_eq(st.last_error, "");
	buf_done(&b);
	end();
}
END_TEST

START_TEST(no_credential_is_in_the_url)
{
	begin(_i);
	ck_assert_ptr_null(strchr(store_url(s), '@'));
	if (kind == BACKEND_REMOTE)
		ck_assert_int_eq(strncmp(store_url(s), env("STORE_TEST_URL"),
		    strcspn(env("STORE_TEST_URL"), ":") + 1), 0);
	end();
}
END_TEST

START_TEST(a_folder_that_is_gone_is_not_made_again)
{
	struct buf b = BUF_INIT(10);
	struct store_space space;
	struct store_stats st;
	struct err e = { "" };
	struct names l = { .max = 0 };

	begin(BACKEND_DIR);
	ck_assert_int_eq(rmdir(dir), 0);
	ck_assert_int_eq(store_put(s, "a", "x", 1, 0), -EHOSTUNREACH);
	ck_assert_int_eq(store_get(s, "a", &b), -EHOSTUNREACH);
	ck_assert_int_eq(store_delete(s, "a"), -EHOSTUNREACH);
	ck_assert_int_eq(store_list(s, "", on_name, &l), -EHOSTUNREACH);
	ck_assert_int_eq(store_space(s, &space), -EHOSTUNREACH);
	ck_assert_int_ne(access(dir, F_OK), 0);
	store_get_stats(s, &st);
	ck_assert_ptr_nonnull(strstr(st.last_error, dir));
	ck_assert(!st.is_online);
	ck_assert_int_eq(store_probe(s, &e), 0);
	put_ok("a", "x", 1);
	end();
}
END_TEST

START_TEST(leftovers_of_writers_are_not_objects)
{
	struct timespec old[2] = { { .tv_sec = 1000000000 },
	    { .tv_sec = 1000000000 } };
	struct names l = { .max = 0 };
	char young[128], aged[128], odd[128];

	begin(BACKEND_DIR);
	put_ok("l/0/n-0", "", 0);
	(void)snprintf(young, sizeof(young), "%s/l/0/.tmp-young", dir);
	(void)snprintf(aged, sizeof(aged), "%s/l/0/.tmp-aged", dir);
	(void)snprintf(odd, sizeof(odd), "%s/l/0/Not Ours.txt", dir);
	ck_assert_int_ge(creat(young, 0600), 0);
	ck_assert_int_ge(creat(aged, 0600), 0);
	ck_assert_int_ge(creat(odd, 0600), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, aged, old, 0), 0);
	ck_assert_int_eq(utimensat(AT_FDCWD, odd, old, 0), 0);
	ck_assert_int_eq(store_list(s, "", on_name, &l), 0);
	ck_assert_uint_eq(l.n, 1);
	ck_assert(!l.is_strange);
	ck_assert_int_eq(access(young, F_OK), 0);
	ck_assert_int_ne(access(aged, F_OK), 0);
	ck_assert_int_eq(access(odd, F_OK), 0);
	end();
}
END_TEST

START_TEST(bad_addresses_are_refused_with_a_reason)
{
	static const char *const url[] = { "", "dir:", "dir:relative",
	    "dir:./x", "mem", "ftp://host/", "webdav://", "webdav:///path",
	    "webdavs://user:secret@host/", "webdavs://host:0/",
	    "webdavs://host:99999/", "webdavs://host/a/../b",
	    "webdavs://host/?x=1", "webdavs://host/%zz", "nothing://bucket",
	    "sftp://", "sftp://user:secret@host/", "sftp://host/../x" };
	struct store_conf conf = { .ca_file = "/nonexistent/ca.pem" };
	struct store *t;
	struct err e;
	size_t i;

	for (i = 0; i < sizeof(url) / sizeof(url[0]); i++) {
		e.msg[0] = '\0';
		ck_assert_int_eq(store_open(url[i], NULL, &t, &e), -EINVAL);
		ck_assert_msg(e.msg[0], "no reason for '%s'", url[i]);
		ck_assert_ptr_null(strstr(e.msg, "secret"));
	}
	e.msg[0] = '\0';
	ck_assert_int_eq(store_open("webdavs://host/", &conf, &t, &e),
	    -ENOENT);
	ck_assert_ptr_nonnull(strstr(e.msg, "/nonexistent/ca.pem"));
	conf.ca_file = NULL;
	conf.pin = "nonsense";
	ck_assert_int_eq(store_open("webdavs://host/", &conf, &t, &e),
	    -EINVAL);
}
END_TEST

int
main(void)
{
	int first = getenv("STORE_TEST_ONLY") ? BACKEND_REMOTE : BACKEND_MEM;
	int last = has_remote() ? BACKEND_REMOTE + 1 : BACKEND_REMOTE;
	Suite *suite = suite_create("store");
	TCase *t = tcase_create("contract");
	TCase *d = tcase_create("folder");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, what_is_put_is_got, first, last);
	tcase_add_loop_test(t, every_shape_of_a_name_is_kept, first, last);
	tcase_add_loop_test(t, other_names_are_refused, first, last);
	tcase_add_loop_test(t, a_put_replaces, first, last);
	tcase_add_loop_test(t, if_absent_never_replaces, first, last);
	tcase_add_loop_test(t, what_is_missing_is_said_to_be, first, last);
	tcase_add_loop_test(t, ranges_are_exact, first, last);
	tcase_add_loop_test(t, a_buffer_that_is_too_small_is_left_alone,
	    first, last);
	tcase_add_loop_test(t, a_thousand_names_are_listed, first, last);
	tcase_add_loop_test(t, eight_threads_do_not_disturb_each_other,
	    first, last);
	tcase_add_loop_test(t, one_of_many_wins_a_name, first, last);
	tcase_add_loop_test(t, an_interruption_ends, first, last);
	tcase_add_loop_test(t, the_probe_finds_what_works, first, last);
	tcase_add_loop_test(t, nobody_sees_half_an_object, first, last);
	tcase_add_loop_test(t, what_happens_is_counted, first, last);
	tcase_add_loop_test(t, no_credential_is_in_the_url, first, last);
	suite_add_tcase(suite, t);
	if (first == BACKEND_MEM) {
		tcase_add_test(d, a_folder_that_is_gone_is_not_made_again);
		tcase_add_test(d, leftovers_of_writers_are_not_objects);
		tcase_add_test(d, bad_addresses_are_refused_with_a_reason);
		suite_add_tcase(suite, d);
	}
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
