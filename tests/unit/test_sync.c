/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drive/content.h"
#include "drive/sync.h"
#include "tests/lib/cold.h"
#include "tests/lib/store_tap.h"
#include "tests/lib/sync_rig.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

static void
on_drive_finding(void *arg, const char *finding)
{
	ck_abort_msg("%s: %s", (const char *)arg, finding);
}

static void
fsck(struct rig *r)
{
	static char what[] = "fsck";

	ck_assert_int_eq(drive_fsck(r->drive, false, on_drive_finding, what),
	    0);
}

/* The first line that differs, not all of them. */
static void
same_text(const char *a, const char *b)
{
	size_t i = 0, line = 0;

	for (i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '\n')
			line = i + 1;
	ck_assert_msg(a[i] == b[i], "\n%.*s\n%.*s",
	    (int)strcspn(a + line, "\n"), a + line,
	    (int)strcspn(b + line, "\n"), b + line);
}

/* What another machine gets from the store is what this one has. */
static void
check_recovered(struct rig *r)
{
	struct rig other;
	char *here, *there;

	rig_recover(r, &other, 0);
	rig_start(&other);
	here = rig_dump(r);
	there = rig_dump(&other);
	same_text(here, there);
	free(here);
	free(there);
	fsck(&other);
	rig_done(&other);
}

START_TEST(a_tree_comes_back_as_it_was)
{
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_file_without_a_name_does_not_keep_anybody_waiting)
{
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_file *before, *after;
	struct drive_attr a;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "before",
	    0644, O_RDWR, &a, &before), 0);
	ck_assert_int_eq(drive_write(before, "small", 5, 0), 5);
	ck_assert_int_eq(drive_flush(before), 0);
	rig_unlink(&r, "before");
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "after",
	    0644, O_RDWR, &a, &after), 0);
	rig_unlink(&r, "after");
	ck_assert_int_eq(drive_write(after, "small", 5, 0), 5);
	ck_assert_int_eq(drive_flush(after), 0);
	rig_wait(&r);
	ck_assert_int_eq(drive_file_close(before), 0);
	ck_assert_int_eq(drive_file_close(after), 0);
	rig_wait(&r);
	rig_done(&r);
}
END_TEST

START_TEST(an_empty_drive_comes_back_empty)
{
	struct rig r, other;
	char *there;

	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	/* Times of a top folder that was never touched are each one's own. */
	there = rig_dump(&other);
	ck_assert_ptr_eq(strchr(there, '\n'), there + strlen(there) - 1);
	free(there);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

/* Data in each part of it that a page lists, and not a byte beyond. */
START_TEST(the_largest_file_travels)
{
	const uint64_t apart = (uint64_t)VAULT_MANIFEST_MAX * VAULT_BLOCK_SIZE;
	const uint64_t max = VAULT_PAGES_MAX * apart;
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_attr a, set = { .size = max + 1 };
	struct drive_file *f;
	struct rig r, other;
	unsigned i;
	char b[2];

	rig_new(&r);
	ck_assert_int_eq(drive_create(r.drive, &c, DRIVE_ROOT_INO, "largest",
	    0644, O_RDWR, &a, &f), 0);
	for (i = 0; i < VAULT_PAGES_MAX; i++)
		ck_assert_int_eq(drive_write(f, "x", 1, i * apart), 1);
	ck_assert_int_eq(drive_write(f, "y", 1, max - 1), 1);
	ck_assert_int_eq(drive_write(f, "z", 1, max), -EFBIG);
	ck_assert_int_eq(drive_write(f, "zz", 2, max - 1), -EFBIG);
	ck_assert_int_eq(drive_fallocate(f, 0, 0, max + 1), -EFBIG);
	ck_assert_int_eq(drive_setattr(r.drive, &c, a.ino, &set,
	    DRIVE_SET_SIZE, &a), -EFBIG);
	ck_assert_int_eq(drive_file_close(f), 0);
	rig_start(&r);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	rig_done(&other);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	rig_start(&other);
	ck_assert_int_eq(drive_lookup(other.drive, DRIVE_ROOT_INO, "largest",
	    &a), 0);
	ck_assert_uint_eq(a.size, max);
	ck_assert_int_eq(cold_read(&other, "largest", 777 * apart, b, 2), 2);
	ck_assert_mem_eq(b, "x", 2);
	ck_assert_int_eq(cold_read(&other, "largest", max - 1, b, 2), 1);
	ck_assert_mem_eq(b, "y", 1);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_file_of_many_blocks_travels_in_pages)
{
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_write(&r, "big", 0, 20u << 20, 7);
	rig_wait(&r);
	rig_write(&r, "big", 11u << 20, 100, 8);
	rig_wait(&r);
	rig_write(&r, "big", 0, 9u << 20, 9);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(changes_of_several_rounds_come_back)
{
	struct rig r;
	unsigned i;

	rig_new(&r);
	for (i = 1; i <= 4; i++) {
		rig_start(&r);
		rig_fill(&r, i);
		rig_wait(&r);
		rig_write(&r, "same", 0, 1000 * i, i);
		if (i > 1)
			rig_unlink(&r, i == 2 ? "top1/small" : "top2/small");
		if (i == 2)
			rig_rename(&r, "top1/sub", "top2/moved-sub");
		if (i == 3)
			rig_write(&r, "top2/small", 0, 10, 77);
		rig_stop(&r, 30000);
		if (i % 2) {
			rig_close(&r);
			rig_open(&r);
		}
	}
	rig_start(&r);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_recovered_machine_goes_on_writing)
{
	struct rig r, second;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_recover(&r, &second, 0);
	rig_start(&second);
	rig_fill(&second, 2);
	rig_write(&second, "top1/blocks", 5000, 300 * 1024, 3);
	rig_unlink(&second, "top1/some");
	rig_wait(&second);
	check_recovered(&second);
	rig_done(&second);
	rig_done(&r);
}
END_TEST

/* ---- checkpoints ---- */

START_TEST(a_checkpoint_and_what_follows_come_back)
{
	struct sync_status st;
	struct err e = { .msg = "" };
	struct rig r;
	int before, after;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_write(&r, "big", 0, 20u << 20, 7);
	rig_wait(&r);
	ck_assert_msg(sync_checkpoint(r.sync, &e) == 0, "%s", e.msg);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_uint_gt(st.checkpoint_seq, 0);
	check_recovered(&r);

	rig_fill(&r, 2);
	rig_unlink(&r, "top1/some");
	rig_write(&r, "big", 0, 100, 8);
	rig_wait(&r);
	check_recovered(&r);

	/* Nothing new: a root, and no page. */
	ck_assert_int_eq(sync_checkpoint(r.sync, &e), 0);
	before = rig_store_count(&r, "");
	ck_assert_int_eq(sync_checkpoint(r.sync, &e), 0);
	after = rig_store_count(&r, "");
	ck_assert_int_eq(after, before + 1);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

/* A backup that reads all there is must not cost a checkpoint. */
START_TEST(what_was_only_read_is_in_no_new_page)
{
	static const char *const path[] = { "top1", "top1/small", "top1/sub",
	    "top1/blocks", "top1/link" };
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_attr a, in = { .atime_ns = 1000 };
	int before, i;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	before = rig_store_count(&r, "");
	for (i = 0; i < 5; i++)
		drive_accessed(r.drive, rig_lookup(&r, path[i]));
	drive_accessed(r.drive, DRIVE_ROOT_INO);
	atime_tick(r.drive, true);
	ck_assert_int_eq(drive_getattr(r.drive, rig_lookup(&r, "top1/small"),
	    &a), 0);
	ck_assert_int_gt(a.atime_ns, a.mtime_ns);
	ck_assert_int_gt(a.atime_ns, a.ctime_ns);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	ck_assert_int_eq(rig_store_count(&r, ""), before + 1);
	/* What somebody sets is another thing. */
	ck_assert_int_eq(drive_setattr(r.drive, &c, a.ino, &in,
	    DRIVE_SET_ATIME, &a), 0);
	ck_assert_int_eq(a.atime_ns, 1000);
	rig_wait(&r);
	before = rig_store_count(&r, "");
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	ck_assert_int_gt(rig_store_count(&r, ""), before + 1);
	rig_done(&r);
}
END_TEST

START_TEST(checkpoints_come_by_themselves)
{
	struct timespec t = { .tv_nsec = 10 * 1000 * 1000 };
	int64_t until = clock_mono_ms() + 60000;
	struct sync_status st;
	struct rig r;
	unsigned i;

	rig_new(&r);
	r.conf.checkpoint_segments = 3;
	rig_start(&r);
	for (i = 0; i < 12; i++) {
		rig_write(&r, "file", 0, 10 + i, i);
		rig_wait(&r);
	}
	/* As soon as there is peace for one. */
	do {
		ck_assert_int_lt(clock_mono_ms(), until);
		(void)nanosleep(&t, NULL);
		sync_get_status(r.sync, &st);
	} while (st.checkpoint_seq < 10);
	rig_stop(&r, 30000);
	rig_start(&r);
	sync_get_status(r.sync, &st);
	ck_assert_uint_ge(st.checkpoint_seq, 10);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

/* ---- failures ---- */

static void
run_with_fault(const struct store_fault *f)
{
	struct rig r;

	rig_new(&r);
	ck_assert_int_eq(store_fault_new(r.store, f, &r.store), 0);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_write(&r, "again", 0, 300 * 1024, 5);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}

START_TEST(a_call_that_fails_before_its_effect_is_made_good)
{
	struct store_fault f = { .at = (uint64_t)_i, .r = -EHOSTUNREACH };

	run_with_fault(&f);
}
END_TEST

START_TEST(a_call_that_fails_after_its_effect_is_made_good)
{
	struct store_fault f = { .at = (uint64_t)_i, .r = -ETIMEDOUT,
	    .is_after = true };

	run_with_fault(&f);
}
END_TEST

START_TEST(calls_that_fail_again_and_again_are_made_good)
{
	struct store_fault f = { .every = (uint64_t)_i / 2, .r = -ETIMEDOUT,
	    .is_after = _i % 2 };

	run_with_fault(&f);
}
END_TEST

static void
await_link(struct rig *r, enum sync_link want, struct sync_status *st)
{
	int64_t until = clock_mono_ms() + 20000;

	do {
		(void)sync_wait(r->sync, clock_mono_ms() + 20, NULL, NULL);
		sync_get_status(r->sync, st);
	} while (st->link != want && clock_mono_ms() < until);
	ck_assert_msg(st->link == want, "link %d, not %d: %s",
	    (int)st->link, (int)want, st->problem);
}

START_TEST(a_full_store_is_told_and_loses_nothing)
{
	struct store_fault f = { .every = 1, .r = -ENOSPC };
	struct sync_status st;
	struct rig r;
	int ret;

	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
	rig_stop(&r, 0);
	ck_assert_int_eq(store_fault_new(r.store, &f, &r.store), 0);
	rig_start(&r);
	rig_fill(&r, 1);
	ret = sync_wait(r.sync, clock_mono_ms() + 20000, NULL, NULL);
	ck_assert_int_eq(ret, -ENOSPC);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_FULL);
	ck_assert_int_ne(st.problem[0], 0);
	ck_assert_int_ne(st.advice[0], 0);
	rig_stop(&r, 100);
	rig_close(&r);
	store_close(r.store);
	ck_assert_int_eq(store_open(r.url, &(struct store_conf){ .user =
	    NULL }, &r.store, NULL), 0);
	rig_open(&r);
	rig_start(&r);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(work_goes_on_offline_and_drains_when_the_store_is_back)
{
	struct sync_status st;
	struct rig r;

	rig_new(&r);
	ck_assert_int_eq(store_tap_new(r.store, NULL, &r.store), 0);
	store_tap_fail(r.store, -EHOSTUNREACH);
	rig_start(&r);
	rig_fill(&r, 1);
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 100, NULL,
	    NULL), -ETIMEDOUT);
	await_link(&r, SYNC_OFFLINE, &st);
	store_tap_fail(r.store, 0);
	rig_wait(&r);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_ONLINE);
	ck_assert_int_eq(st.problem[0], 0);

	/* Reads that work do not hide that nothing can be written. */
	store_tap_fail_puts(r.store, -EACCES);
	rig_fill(&r, 2);
	ck_assert_int_eq(sync_wait(r.sync, clock_mono_ms() + 20000, NULL,
	    NULL), -EACCES);
	sync_get_status(r.sync, &st);
	ck_assert_int_eq(st.link, SYNC_REFUSED);
	store_tap_fail_puts(r.store, 0);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_kick_ends_a_long_wait_and_so_does_a_stop)
{
	int64_t begin = clock_mono_ms();
	struct rig r;

	rig_new(&r);
	ck_assert_int_eq(store_tap_new(r.store, NULL, &r.store), 0);
	r.conf.backoff_min_ms = r.conf.backoff_max_ms = 3600 * 1000;
	r.conf.backoff_slow_ms = 3600 * 1000;
	store_tap_fail(r.store, -EHOSTUNREACH);
	rig_start(&r);
	rig_fill(&r, 1);
	(void)sync_wait(r.sync, clock_mono_ms() + 100, NULL, NULL);
	store_tap_fail(r.store, 0);
	rig_wait(&r);
	store_tap_fail(r.store, -EHOSTUNREACH);
	rig_fill(&r, 2);
	(void)sync_wait(r.sync, clock_mono_ms() + 100, NULL, NULL);
	rig_stop(&r, 0);
	ck_assert_int_lt(clock_mono_ms() - begin, 60000);
	rig_done(&r);
}
END_TEST

/* ---- order ---- */

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

/* ---- trust ---- */

static void shell(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

static void
shell(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;
	int status;
	pid_t pid;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	pid = fork();
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s: %d", cmd, status);
}

static int
try_mkdir(struct rig *r, const char *name)
{
	static const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_attr a;

	return drive_mknod(r->drive, &c, DRIVE_ROOT_INO, name,
	    S_IFDIR | 0755, &a);
}

START_TEST(a_store_that_went_back_in_time_stops_writing)
{
	struct sync_status st;
	struct rig r;
	int i;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	shell("cp -r %s/store %s/old", r.dir, r.dir);
	for (i = 0; i < 3; i++) {
		rig_write(&r, "more", 0, 5000, (unsigned)i);
		rig_wait(&r);
	}
	rig_stop(&r, 0);
	shell("mv %s/store %s/new", r.dir, r.dir);
	shell("mv %s/old %s/store", r.dir, r.dir);
	rig_start(&r);
	await_link(&r, SYNC_ALARM, &st);
	ck_assert_int_ne(st.advice[0], 0);
	ck_assert_int_eq(try_mkdir(&r, "no"), -EROFS);
	ck_assert_uint_ne(rig_lookup(&r, "more"), 0);

	/* The exit: the right state is back. */
	shell("mv %s/store %s/old", r.dir, r.dir);
	shell("mv %s/new %s/store", r.dir, r.dir);
	sync_kick(r.sync);
	await_link(&r, SYNC_ONLINE, &st);
	ck_assert_int_eq(try_mkdir(&r, "yes"), 0);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(an_empty_store_changes_nothing)
{
	struct sync_status st;
	char *before, *after;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	before = rig_dump(&r);
	rig_stop(&r, 0);
	shell("mv %s/store %s/away", r.dir, r.dir);
	shell("mkdir %s/store", r.dir);
	rig_start(&r);
	await_link(&r, SYNC_FAULT, &st);
	after = rig_dump(&r);
	same_text(before, after);
	ck_assert_int_eq(rig_store_count(&r, ""), 0);
	ck_assert_int_eq(try_mkdir(&r, "later"), 0);
	shell("rmdir %s/store", r.dir);
	shell("mv %s/away %s/store", r.dir, r.dir);
	rig_wait(&r);
	check_recovered(&r);
	free(before);
	free(after);
	rig_done(&r);
}
END_TEST

START_TEST(a_disk_that_is_unplugged_meanwhile_gets_no_only_copy)
{
	struct sync_status st;
	struct drive_usage u;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_wait(&r);
	shell("mv %s/store %s/away && mkdir %s/store", r.dir, r.dir, r.dir);
	rig_fill(&r, 1);
	await_link(&r, SYNC_FAULT, &st);
	drive_usage(r.drive, &u);
	ck_assert_uint_gt(u.staged_blocks, 0);
	ck_assert_uint_gt(u.outbox_ops, 0);
	shell("rm -r %s/store && mv %s/away %s/store", r.dir, r.dir, r.dir);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(a_cloned_state_directory_is_noticed)
{
	struct sync_status st;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_close(&r);
	shell("cp -r %s/state %s/copy", r.dir, r.dir);
	rig_open(&r);
	rig_start(&r);
	rig_write(&r, "one", 0, 100, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_close(&r);

	shell("mv %s/state %s/first", r.dir, r.dir);
	shell("mv %s/copy %s/state", r.dir, r.dir);
	rig_open(&r);
	rig_start(&r);
	await_link(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(try_mkdir(&r, "no"), -EROFS);
	rig_done(&r);
}
END_TEST

START_TEST(a_clone_that_publishes_meanwhile_is_noticed)
{
	struct sync_status st;
	struct rig r, copy;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_close(&r);
	copy = r;
	(void)snprintf(copy.state, sizeof(copy.state), "%s/copy", r.dir);
	shell("cp -r %s/state %s/copy", r.dir, r.dir);
	rig_open(&r);
	rig_open(&copy);
	rig_start(&r);
	rig_wait(&r);
	rig_start(&copy);
	rig_wait(&copy);	/* nothing has happened yet */
	rig_write(&r, "one", 0, 100, 1);
	rig_wait(&r);
	rig_write(&copy, "two", 0, 100, 2);
	await_link(&copy, SYNC_ALARM, &st);
	ck_assert_int_eq(try_mkdir(&copy, "no"), -EROFS);
	rig_stop(&copy, 0);
	rig_close(&copy);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

START_TEST(another_drive_at_the_same_url_is_noticed)
{
	struct sync_status st;
	struct rig r, other;

	rig_new(&r);
	rig_new(&other);
	rig_start(&r);
	rig_wait(&r);
	rig_stop(&r, 0);
	shell("rm -r %s/store && mv %s/store %s/store", r.dir, other.dir,
	    r.dir);
	rig_start(&r);
	await_link(&r, SYNC_ALARM, &st);
	ck_assert_int_eq(try_mkdir(&r, "no"), -EROFS);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_second_drive_on_one_store_is_refused)
{
	struct vault_keys *k;
	struct vault_birth b;
	struct err e = { .msg = "" };
	struct rig r;
	int before;

	rig_new(&r);
	before = rig_store_count(&r, "");
	ck_assert_int_eq(vault_create("x", &k, &b), 0);
	ck_assert_int_eq(sync_create(r.store, &b, &e), -EEXIST);
	ck_assert_ptr_nonnull(strstr(e.msg, "recover"));
	ck_assert_int_eq(rig_store_count(&r, ""), before);
	vault_birth_done(&b);
	vault_keys_free(k);
	rig_done(&r);
}
END_TEST

/* ---- what the store did to it ---- */

struct said {
	int n;
	char last[1024];
};

static void
on_finding(void *arg, const char *finding)
{
	struct said *s = arg;

	s->n++;
	(void)snprintf(s->last, sizeof(s->last), "%s", finding);
}

static int
check(struct rig *r, struct said *s)
{
	struct err e = { .msg = "" };
	int ret;

	memset(s, 0, sizeof(*s));
	ret = sync_check(r->store, r->keys, r->drive, on_finding, NULL, s,
	    &e);
	ck_assert_msg(ret == s->n, "%d: %s", ret, e.msg);
	return ret;
}

/* As many names and attributes as one can have, and the longest. */
START_TEST(the_largest_node_travels)
{
	const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	static uint8_t value[VAULT_XATTR_MAX], got[VAULT_XATTR_MAX];
	char name[VAULT_NAME_MAX + 1];
	struct drive_attr a, l;
	struct rig r, other;
	struct said s;
	unsigned i;
	ssize_t n;

	rig_new(&r);
	rig_write(&r, "node", 0, 5000, 1);
	ck_assert_int_eq(drive_lookup(r.drive, DRIVE_ROOT_INO, "node", &a), 0);
	memset(value, 7, sizeof(value));
	for (i = 0; i < VAULT_XATTRS_MAX / VAULT_XATTR_MAX; i++) {
		(void)snprintf(name, sizeof(name), "user.%u", i);
		ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, name,
		    value, sizeof(value), 0), 0);
	}
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.more",
	    value, 1, 0), -ENOSPC);
	/* Another value of the same size, and a shorter one, have room. */
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.0", value,
	    sizeof(value), 0), 0);
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.0", value,
	    10, 0), 0);
	ck_assert_int_eq(drive_setxattr(r.drive, &c, a.ino, "user.0", value,
	    sizeof(value), 0), 0);
	for (i = 1; i < VAULT_LINKS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%0*u", VAULT_NAME_MAX, i);
		ck_assert_int_eq(drive_link(r.drive, a.ino, DRIVE_ROOT_INO,
		    name, &l), 0);
	}
	ck_assert_int_eq(drive_link(r.drive, a.ino, DRIVE_ROOT_INO, "more",
	    &l), -EMLINK);
	rig_start(&r);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	ck_assert_int_eq(check(&r, &s), 0);
	rig_recover(&r, &other, 0);
	ck_assert_int_eq(drive_lookup(other.drive, DRIVE_ROOT_INO, name, &l),
	    0);
	ck_assert_uint_eq(l.nlink, VAULT_LINKS_MAX);
	n = drive_getxattr(other.drive, l.ino, "user.15", got, sizeof(got));
	ck_assert_int_eq(n, sizeof(got));
	ck_assert_mem_eq(got, value, sizeof(got));
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(the_check_finds_what_is_altered_or_gone)
{
	struct said s;
	struct rig r;

	rig_new(&r);
	rig_start(&r);
	rig_write(&r, "file", 0, 300 * 1024, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	rig_stop(&r, 0);
	ck_assert_msg(check(&r, &s) == 0, "%s", s.last);

	shell("f=$(find %s/store -path '*/d/*' -type f | head -1); "
	    "printf XXXX | dd of=$f bs=1 seek=9999 conv=notrunc "
	    "status=none",
	    r.dir);
	ck_assert_int_eq(check(&r, &s), 1);
	ck_assert_msg(strstr(s.last, "file") && strstr(s.last, "altered"),
	    "%s", s.last);
	shell("rm $(find %s/store -path '*/d/*' -type f)", r.dir);
	ck_assert_int_eq(check(&r, &s), 1);
	ck_assert_msg(strstr(s.last, "missing"), "%s", s.last);
	shell("rm $(find %s/store -path '*/j/*' -type f | sort | tail -1)",
	    r.dir);
	ck_assert_int_ge(check(&r, &s), 2);
	rig_done(&r);
}
END_TEST

/* Read the file of a machine that has nothing in its cache. */
static ssize_t
read_cold(struct rig *r, const char *path)
{
	struct drive_wait w = { .timeout_ms = 3000 };
	struct drive_file *f;
	char p[4096];
	ssize_t n;

	ck_assert_int_eq(drive_file_open(r->drive, rig_lookup(r, path),
	    O_RDONLY, &f), 0);
	n = drive_read(f, p, sizeof(p), 0, &w);
	ck_assert_int_eq(drive_file_close(f), 0);
	return n;
}

START_TEST(altered_and_missing_blocks_are_an_error_never_data)
{
	struct sync_status st;
	struct rig r, other;

	rig_new(&r);
	rig_start(&r);
	rig_write(&r, "file", 0, 300 * 1024, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	rig_recover(&r, &other, 0);
	rig_start(&other);
	shell("f=$(find %s/store -path '*/d/*' -type f | head -1); "
	    "printf XXXX | dd of=$f bs=1 seek=9999 conv=notrunc "
	    "status=none",
	    r.dir);
	ck_assert_int_eq(read_cold(&other, "file"), -EIO);
	sync_get_status(other.sync, &st);
	ck_assert_msg(strstr(st.problem, "altered"), "%s", st.problem);
	shell("rm $(find %s/store -path '*/d/*' -type f)", r.dir);
	ck_assert_int_eq(read_cold(&other, "file"), -EIO);
	sync_get_status(other.sync, &st);
	ck_assert_msg(strstr(st.problem, "no longer"), "%s", st.problem);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_rebuild_names_what_is_missing_and_keeps_the_rest)
{
	struct rig r, other;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_write(&r, "late", 0, 100, 1);
	rig_wait(&r);
	rig_stop(&r, 0);
	shell("rm $(find %s/store -path '*/j/*' -type f | sort | tail -1)",
	    r.dir);
	rig_recover(&r, &other, 1);
	ck_assert_uint_ne(rig_lookup(&other, "top1/small"), 0);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(a_damaged_checkpoint_gives_way_to_the_journals)
{
	struct rig r, other;
	char *here, *there;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_checkpoint(r.sync, NULL), 0);
	rig_wait(&r);
	shell("for f in $(find %s/store -path '*/s/*' -type f); do "
	    "printf XXXX | dd of=$f bs=1 seek=200 conv=notrunc "
	    "status=none; "
	    "done", r.dir);
	rig_recover(&r, &other, 1);
	rig_start(&other);
	here = rig_dump(&r);
	there = rig_dump(&other);
	same_text(here, there);
	free(here);
	free(there);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

START_TEST(fingerprints_agree_where_the_frontier_does)
{
	uint8_t a[16], b[16];
	struct rig r, other;

	rig_new(&r);
	rig_start(&r);
	rig_fill(&r, 1);
	rig_wait(&r);
	rig_recover(&r, &other, 0);
	ck_assert_int_eq(sync_fingerprint(r.drive, a), 0);
	ck_assert_int_eq(sync_fingerprint(other.drive, b), 0);
	ck_assert_mem_eq(a, b, 16);
	rig_write(&r, "x", 0, 10, 1);
	rig_wait(&r);
	ck_assert_int_eq(sync_fingerprint(r.drive, a), 0);
	ck_assert_mem_ne(a, b, 16);
	rig_done(&other);
	rig_done(&r);
}
END_TEST

/* ---- stops ---- */

START_TEST(a_stop_at_any_moment_loses_nothing)
{
	struct rig r;
	unsigned i;

	rig_new(&r);
	r.conf.checkpoint_segments = 4;
	srandom((unsigned)_i + 1);
	for (i = 1; i <= 8; i++) {
		rig_start(&r);
		rig_fill(&r, i);
		(void)sync_wait(r.sync, clock_mono_ms() + random() % 25,
		    NULL, NULL);
		rig_stop(&r, 0);
		if (random() % 2) {
			rig_close(&r);
			rig_open(&r);
		}
	}
	rig_start(&r);
	rig_wait(&r);
	check_recovered(&r);
	rig_done(&r);
}
END_TEST

/* A process that writes and uploads until it is killed. */
static void
run_and_die(struct rig *r, unsigned n)
{
	rig_open(r);
	rig_start(r);
	rig_fill(r, n);
	for (;;)
		(void)sync_wait(r->sync, clock_mono_ms() + 1000, NULL, NULL);
}

START_TEST(a_killed_process_is_taken_up_where_it_was)
{
	struct timespec t = { .tv_sec = 0 };
	struct rig r;
	unsigned i;
	pid_t pid;
	int status;

	rig_new(&r);
	rig_close(&r);
	r.conf.checkpoint_segments = 2;
	srandom((unsigned)_i + 100);
	for (i = 1; i <= 6; i++) {
		pid = fork();
		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			run_and_die(&r, i);
		t.tv_nsec = (60 + random() % 200) * 1000000;
		(void)nanosleep(&t, NULL);
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
	}
	rig_open(&r);
	rig_start(&r);
	rig_mkdir(&r, "last");
	rig_wait(&r);
	check_recovered(&r);
	fsck(&r);
	rig_done(&r);
}
END_TEST

static TCase *
tcase(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 240);
	suite_add_tcase(s, tc);
	return tc;
}

static Suite *
suite(void)
{
	Suite *s = suite_create("sync");
	TCase *tc = tcase(s, "trees");

	tcase_add_test(tc,
	    a_file_without_a_name_does_not_keep_anybody_waiting);
	tcase_add_test(tc, an_empty_drive_comes_back_empty);
	tcase_add_test(tc, a_tree_comes_back_as_it_was);
	tcase_add_test(tc, the_largest_file_travels);
	tcase_add_test(tc, a_file_of_many_blocks_travels_in_pages);
	tcase_add_test(tc, changes_of_several_rounds_come_back);
	tcase_add_test(tc, a_recovered_machine_goes_on_writing);
	tc = tcase(s, "checkpoints");
	tcase_add_test(tc, a_checkpoint_and_what_follows_come_back);
	tcase_add_test(tc, what_was_only_read_is_in_no_new_page);
	tcase_add_test(tc, checkpoints_come_by_themselves);
	tcase_add_test(tc, the_largest_node_travels);
	tc = tcase(s, "failures");
	tcase_add_loop_test(tc,
	    a_call_that_fails_before_its_effect_is_made_good, 1, 61);
	tcase_add_loop_test(tc,
	    a_call_that_fails_after_its_effect_is_made_good, 1, 61);
	tcase_add_loop_test(tc,
	    calls_that_fail_again_and_again_are_made_good, 4, 16);
	tcase_add_test(tc, a_full_store_is_told_and_loses_nothing);
	tcase_add_test(tc,
	    work_goes_on_offline_and_drains_when_the_store_is_back);
	tcase_add_test(tc, a_kick_ends_a_long_wait_and_so_does_a_stop);
	tcase_add_test(tc, nothing_is_put_before_what_it_refers_to);
	tc = tcase(s, "trust");
	tcase_add_test(tc, a_store_that_went_back_in_time_stops_writing);
	tcase_add_test(tc, an_empty_store_changes_nothing);
	tcase_add_test(tc,
	    a_disk_that_is_unplugged_meanwhile_gets_no_only_copy);
	tcase_add_test(tc, a_cloned_state_directory_is_noticed);
	tcase_add_test(tc, a_clone_that_publishes_meanwhile_is_noticed);
	tcase_add_test(tc, another_drive_at_the_same_url_is_noticed);
	tcase_add_test(tc, a_second_drive_on_one_store_is_refused);
	tc = tcase(s, "damage");
	tcase_add_test(tc, the_check_finds_what_is_altered_or_gone);
	tcase_add_test(tc, altered_and_missing_blocks_are_an_error_never_data);
	tcase_add_test(tc, a_rebuild_names_what_is_missing_and_keeps_the_rest);
	tcase_add_test(tc, a_damaged_checkpoint_gives_way_to_the_journals);
	tcase_add_test(tc, fingerprints_agree_where_the_frontier_does);
	tc = tcase(s, "stops");
	tcase_add_loop_test(tc, a_stop_at_any_moment_loses_nothing, 0, 6);
	tcase_add_loop_test(tc, a_killed_process_is_taken_up_where_it_was, 0,
	    4);
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
