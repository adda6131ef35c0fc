/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Checkpoints that are broken off, by people who work and by disks that are
 * pulled out.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "sync/sync_priv.h"
#include "tests/lib/store_tap.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#define FILES 900		/* of one attribute each: 24 MiB, and again */
#define ATTR_LEN 60000
#define TRIES 8

static const struct drive_cred cred = { .uid = 1000, .gid = 1000,
	.umask = 022 };

static struct rig r;
/* The tap's. */
static atomic_uint npages, tries;
static atomic_bool is_disturbed, is_out;
static int64_t tried_ms[TRIES];
static atomic_uint unplug_at, plug_at;	/* which page; 0: none */
static atomic_bool is_pack_pulled;	/* at a pack of the publisher's */
static atomic_long work_ms;	/* into a walk; 0: not then */
static pthread_t worker;

static void
pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static void
work(void)
{
	static atomic_uint n;
	struct drive_attr a;
	char name[32];

	(void)snprintf(name, sizeof(name), "work%u", atomic_fetch_add(&n, 1));
	ck_assert_int_eq(drive_mknod(r.drive, &cred, DRIVE_ROOT_INO, name,
	    S_IFDIR | 0755, &a), 0);
}

static uint64_t
queued(void)
{
	struct drive_usage u;

	drive_usage(r.drive, &u);
	return u.outbox_ops;
}

/* The store's disk is pulled out: its folder is there, and empty. */
static void
plug(bool on)
{
	char store[128], away[128], lost[128];
	static unsigned n;

	(void)snprintf(store, sizeof(store), "%s/store", r.dir);
	(void)snprintf(away, sizeof(away), "%s/away", r.dir);
	(void)snprintf(lost, sizeof(lost), "%s/lost%u", r.dir, n++);
	ck_assert_int_eq(rename(store, on ? lost : away), 0);
	if (on)
		ck_assert_int_eq(rename(away, store), 0);
	else
		ck_assert_int_eq(mkdir(store, 0700), 0);
	is_out = !on;
}

static void
see_put(void *arg, struct store *in, const char *name, const void *p,
    size_t len)
{
	char thread[16] = "";
	unsigned n;

	(void)arg;
	(void)in;
	(void)p;
	(void)len;
	if (strstr(name, "/d/") && is_pack_pulled) {
		(void)pthread_getname_np(pthread_self(), thread,
		    sizeof(thread));
		if (strcmp(thread, "sync-publish") == 0) {
			is_pack_pulled = false;
			plug(false);
		}
	}
	if (!strstr(name, "/s/"))
		return;
	n = ++npages;
	if (n == unplug_at)
		plug(false);
	if (n == plug_at && is_out)
		plug(true);
	if (is_disturbed && queued() == 0) {
		if (tries < TRIES)
			tried_ms[tries] = clock_mono_ms();
		tries++;
		work();
	}
}

static void *
work_later(void *arg)
{
	(void)arg;
	pause_ms(work_ms);
	work();
	return NULL;
}

/* A checkpoint that was broken off is taken up: the walk comes next. */
static void
see_get(void *arg, const char *name)
{
	(void)arg;
	if (work_ms > 0 && strstr(name, "/s/"))
		ck_assert_int_eq(pthread_create(&worker, NULL, work_later,
		    NULL), 0);
}

static void
setup(void)
{
	struct tap_see see = { .put = see_put, .get = see_get };

	npages = tries = unplug_at = plug_at = 0;
	work_ms = 0;
	is_disturbed = is_out = is_pack_pulled = false;
	rig_new(&r);
	ck_assert_int_eq(store_tap_new(r.store, &see, &r.store), 0);
}

static void
teardown(void)
{
	rig_done(&r);
}

static void
set_attrs(unsigned round)
{
	static char value[ATTR_LEN];
	char name[32];
	unsigned i;

	for (i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "file%u", i);
		memset(value, 'a' + (int)((i + round) % 26), sizeof(value));
		memcpy(value, name, strlen(name));
		ck_assert_int_eq(drive_setxattr(r.drive, &cred,
		    rig_lookup(&r, name), "user.x", value, sizeof(value), 0),
		    0);
	}
}

/* A tree that a checkpoint needs more than two rounds for. */
static void
fill(void)
{
	char name[32];
	unsigned i;

	rig_write(&r, "big", 0, 10u << 20, 3);
	for (i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "file%u", i);
		rig_write(&r, name, 0, 10, i);
	}
	set_attrs(0);
}

static uint64_t
written(void)
{
	struct sync_status st;

	sync_get_status(r.sync, &st);
	return st.checkpoint_seq;
}

static void
await_link(enum sync_link want)
{
	int64_t until = clock_mono_ms() + 20000;
	struct sync_status st;

	do {
		ck_assert_int_lt(clock_mono_ms(), until);
		pause_ms(5);
		sync_get_status(r.sync, &st);
	} while (st.link != want);
}

/* It may be busy with one of its own, or with what was changed. */
static void
checkpoint(void)
{
	int64_t until = clock_mono_ms() + 60000;

	do {
		ck_assert_int_lt(clock_mono_ms(), until);
		rig_wait(&r);
	} while (sync_checkpoint(r.sync, NULL) < 0);
	rig_wait(&r);
}

/* ---- is the checkpoint whole? ---- */

static int
on_node(void *arg, const struct ckpt_node *n)
{
	struct buf b = BUF_INIT(1 << 20);
	const struct block_ref *ref;
	char name[VAULT_PATH_MAX];
	uint32_t i;

	(void)arg;
	for (i = 0; i < n->content.npages; i++) {
		ref = &n->content.pages[i].ref;
		vault_name_pack(&r.keys->rtag, &ref->pack, name);
		buf_reset(&b);
		ck_assert_int_eq(store_get_range(r.store, name, ref->off,
		    ref->len + VAULT_SEAL_OVERHEAD, &b), 0);
		ck_assert_int_eq(block_ref_verify(ref, b.data, b.len), 0);
	}
	buf_done(&b);
	return 0;
}

/* How many pages it has; each is there. */
static unsigned
whole(void)
{
	struct buf b = BUF_INIT(SYNC_ROOT_MAX);
	const struct vault_keys *k = r.keys;
	char name[VAULT_PATH_MAX];
	struct ckpt_root root;
	struct ckpt_mark m;
	unsigned i, n;

	ck_assert_int_eq(ckpt_mark_get(r.drive, &m), 0);
	vault_name_page(&k->rtag, &k->dtag, m.n, m.rand, name);
	ck_assert_int_eq(store_get(r.store, name, &b), 0);
	ck_assert_int_eq(ckpt_root_open(k, &k->self, m.sha, b.data, b.len,
	    &root), 0);
	n = root.npages;
	for (i = 0; i < n; i++) {
		vault_name_page(&k->rtag, &k->dtag, root.pages[i].n,
		    root.pages[i].rand, name);
		buf_reset(&b);
		ck_assert_msg(store_get(r.store, name, &b) == 0,
		    "page %u of %u is nowhere", i, n);
		ck_assert_int_eq(ckpt_page_open(k, &k->self, &root.pages[i],
		    b.data, b.len, on_node, NULL), 0);
	}
	ckpt_root_done(&root);
	buf_done(&b);
	return n;
}

static void
recovered(void)
{
	struct rig other;
	char *here, *there;

	whole();
	rig_recover(&r, &other, 0);
	rig_start(&other);
	here = rig_dump(&r);
	there = rig_dump(&other);
	ck_assert(strcmp(here, there) == 0);
	free(here);
	free(there);
	rig_done(&other);
}

/* ---- people who work ---- */

START_TEST(one_that_is_disturbed_each_time_is_done_all_the_same)
{
	int64_t until = clock_mono_ms() + 60000;
	unsigned put;

	fill();
	r.conf.checkpoint_segments = 1;
	r.conf.backoff_min_ms = 20;
	r.conf.backoff_max_ms = 1000;
	is_disturbed = true;
	rig_start(&r);
	while (written() == 0) {
		ck_assert_msg(clock_mono_ms() < until && tries <= TRIES,
		    "%u pages in %u tries", npages, tries);
		pause_ms(10);
	}
	is_disturbed = false;
	put = npages;
	/* It was left alone in between, longer each time. */
	ck_assert_uint_ge(tries, 3);
	ck_assert_int_ge(tried_ms[1] - tried_ms[0], 200);
	ck_assert_int_ge(tried_ms[2] - tried_ms[1], 400);
	checkpoint();
	/* Next to nothing was put twice. */
	ck_assert_uint_le(put, whole() + 5 * tries);
	recovered();
}
END_TEST

/* How often a checkpoint that was taken up ended in a walk. */
static unsigned
end_in_walks(void)
{
	unsigned n = 0, ended = 0;
	int ret;

	rig_wait(&r);
	is_disturbed = true;
	ck_assert_int_lt(sync_checkpoint(r.sync, NULL), 0);
	is_disturbed = false;
	/* In the middle of walks, later each time. */
	for (work_ms = 4; work_ms < 1000; work_ms *= 2) {
		rig_wait(&r);
		n = npages;
		ret = sync_checkpoint(r.sync, NULL);
		ck_assert_int_eq(pthread_join(worker, NULL), 0);
		if (ret == 0)
			break;
		ended += n == npages;
	}
	work_ms = 0;
	return ended;
}

START_TEST(what_was_held_when_it_ended_is_not_relied_on)
{
	unsigned i;

	fill();
	r.conf.checkpoint_segments = 1000;
	rig_start(&r);
	/* On a busy machine who works may come too late to all of them. */
	for (i = 0; end_in_walks() == 0; i++) {
		ck_assert_uint_lt(i, 5);
		set_attrs(i + 1);
	}
	checkpoint();
	recovered();
}
END_TEST

START_TEST(one_that_is_asked_for_does_not_wait)
{
	int64_t from;

	fill();
	r.conf.checkpoint_segments = 1;
	r.conf.backoff_min_ms = 10000;	/* 100 s */
	r.conf.backoff_max_ms = 10000;
	is_disturbed = true;
	rig_start(&r);
	while (tries == 0)
		pause_ms(5);
	is_disturbed = false;
	rig_wait(&r);
	pause_ms(500);
	ck_assert_uint_eq(written(), 0);
	from = clock_mono_ms();
	checkpoint();
	ck_assert_int_lt(clock_mono_ms() - from, 50000);
	whole();
}
END_TEST

static int
drop_page(void *arg, const char *name, uint64_t size)
{
	(void)arg;
	(void)size;
	if (strstr(name, "/s/"))
		ck_assert_int_eq(store_delete(r.store, name), 0);
	return 0;
}

START_TEST(what_the_store_has_lost_since_is_put_again)
{
	fill();
	r.conf.checkpoint_segments = 1000;
	rig_start(&r);
	rig_wait(&r);
	is_disturbed = true;
	ck_assert_int_lt(sync_checkpoint(r.sync, NULL), 0);
	is_disturbed = false;
	rig_wait(&r);
	ck_assert_uint_ge(npages, 80);
	ck_assert_int_eq(store_list(r.store, "", drop_page, NULL), 0);
	checkpoint();
	recovered();
}
END_TEST

/* ---- disks that are pulled out ---- */

START_TEST(no_segment_refers_to_pages_on_another_disk)
{
	struct buf b = BUF_INIT(8 << 20);
	uint64_t seq;

	rig_start(&r);
	rig_wait(&r);
	is_pack_pulled = true;
	rig_write(&r, "big", 0, 20u << 20, 7);
	(void)sync_wait(r.sync, clock_mono_ms() + 10, NULL, NULL);
	await_link(SYNC_FAULT);
	ck_assert(is_out);
	ck_assert_int_lt(drive_publish_pending(r.drive, &seq, &b), 0);
	buf_done(&b);
	plug(true);
	rig_wait(&r);
	checkpoint();
	recovered();
}
END_TEST

START_TEST(nor_does_a_checkpoint)
{
	rig_fill(&r, 1);
	r.conf.checkpoint_segments = 1000;
	rig_start(&r);
	rig_wait(&r);
	/* The page; what follows would be the root. */
	unplug_at = 1;
	plug_at = 2;
	(void)sync_checkpoint(r.sync, NULL);
	if (is_out)
		plug(true);
	checkpoint();
	recovered();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("ckpt_tries");
	TCase *t = tcase_create("ckpt_tries");

	tcase_set_timeout(t, 240);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, one_that_is_disturbed_each_time_is_done_all_the_same);
	tcase_add_test(t, what_was_held_when_it_ended_is_not_relied_on);
	tcase_add_test(t, one_that_is_asked_for_does_not_wait);
	tcase_add_test(t, what_the_store_has_lost_since_is_put_again);
	tcase_add_test(t, no_segment_refers_to_pages_on_another_disk);
	tcase_add_test(t, nor_does_a_checkpoint);
	suite_add_tcase(s, t);
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
