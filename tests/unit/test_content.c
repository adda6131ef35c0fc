/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random operations on file content against a model in memory, with upload,
 * eviction, an unreachable store and reopening mixed in.  The seed of a
 * failing run is printed; COFFRE_SEED repeats it, COFFRE_OPS sets the length.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "drive/sync.h"
#include "util/err.h"

#define FILES 4
#define MODEL_MAX (3u * 1024 * 1024 + 5000)
#define OBJECTS_MAX 65536

/* Of all tests, and of one. */
static char top[] = "/tmp/coffre-content-XXXXXX", dir[64];
static uint8_t local_key[32];
static struct vault_id drive_id, realm_id, dev_id;

/* ---- a store: sealed blocks by number ------------------------------------ */

static struct object {
	uint8_t *p;
	size_t len;
} objects[OBJECTS_MAX];
static uint64_t nobjects;
static bool is_offline;
static size_t nmisses, nasked;	/* calls that wait; blocks asked for */
static uint64_t lamport, op_seq, seg_seq;

static uint64_t rng;

static uint64_t
rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng >> 11) % n;
}

static int
fake_fetch(void *arg, const struct fetch_want *want, size_t n, size_t need,
    const struct drive_wait *w)
{
	struct drive *d = arg;
	size_t k;
	int r;

	(void)w;
	if (is_offline)
		return -EHOSTUNREACH;
	nmisses += need > 0;
	nasked += n;
	for (k = 0; k < n; k++) {
		const struct object *o = &objects[want[k].ref.pack.n];

		ck_assert_uint_eq(o->len, want[k].ref.len + AEAD_OVERHEAD);
		r = drive_cache_put(d, &want[k], o->p, o->len);
		if (r < 0)
			return r;
	}
	return 0;
}

static void
upload(struct drive *d)
{
	struct stage_batch *b;
	size_t k;
	int r;

	while ((r = drive_stage_take(d, 4 << 20, 0, true, &b)) == 0) {
		for (k = 0; k < b->n; k++) {
			struct stage_block *s = &b->blocks[k];

			ck_assert_uint_lt(nobjects, OBJECTS_MAX);
			objects[nobjects].p = malloc(s->sealed_len);
			memcpy(objects[nobjects].p, s->sealed, s->sealed_len);
			objects[nobjects].len = s->sealed_len;
			s->ref.pack.n = nobjects++;
			s->ref.len = (uint32_t)(s->sealed_len - AEAD_OVERHEAD);
		}
		if (rnd(3) == 0)
			drive_stage_abort(d, b);
		else
			ck_assert_int_eq(drive_stage_commit(d, b), 0);
	}
	ck_assert_msg(r == -EAGAIN || (is_offline && r == -EHOSTUNREACH),
	    "drive_stage_take: %d", r);
}

static void
publish(struct drive *d)
{
	static const uint8_t hash[VAULT_HASH_LEN];
	struct op_list ops = { 0 };
	struct segment s = { 0 };
	uint64_t ticket;
	int r;

	while ((r = drive_publish_begin(d, 900000, &ops, &ticket)) == 0) {
		if (op_seq % 5 == 4) {
			drive_publish_abort(d, ticket);
			op_list_done(&ops);
			op_seq++;
			continue;
		}
		s.seq = ++seg_seq;
		s.dev = dev_id;
		s.first_op = op_seq + 1;
		s.lamport = lamport + 1;
		s.ops = ops;
		op_seq += ops.n;
		lamport += ops.n;
		ck_assert_int_eq(drive_publish_seal(d, ticket, &s, hash, "x",
		    1), 0);
		ck_assert_int_eq(drive_publish_done(d, seg_seq), 0);
		op_list_done(&ops);
	}
	ck_assert_int_eq(r, -EAGAIN);
}

/* ---- model --------------------------------------------------------------- */

static struct model {
	uint8_t *p;
	uint64_t size;
	uint64_t ino;
	struct drive_file *f;
} model[FILES];

static struct drive *
drive_start_at(const char *state_dir)
{
	struct drive_conf c = { .state_dir = state_dir, .drive = &drive_id,
	    .realm = &realm_id, .local_key = local_key, .dev = dev_id,
	    .dev_index = 7, .memory_max = 1 << 20 };
	struct drive_fetcher f = { .fetch = fake_fetch };
	struct drive *d;
	struct err e = { "" };
	int r;

	c.owner_uid = getuid();
	c.owner_gid = getgid();
	r = drive_open(&c, &d, &e);
	ck_assert_msg(r == 0, "drive_open: %d %s", r, e.msg);
	f.arg = d;
	drive_set_fetcher(d, &f);
	return d;
}

static struct drive *
drive_start(void)
{
	return drive_start_at(dir);
}

static void
compare(struct model *m, uint64_t off, size_t len)
{
	static uint8_t got[MODEL_MAX];
	ssize_t n = drive_read(m->f, got, len, off, NULL);
	size_t want = off >= m->size ? 0 :
	    len < m->size - off ? len : (size_t)(m->size - off);
	size_t i;

	if (n < 0 && is_offline) {
		ck_assert_int_eq(n, -EHOSTUNREACH);
		return;
	}
	/* Never a part: the kernel would show zeros for the rest. */
	ck_assert_int_eq(n, (ssize_t)want);
	for (i = 0; i < want && got[i] == m->p[off + i]; i++)
		;
	ck_assert_msg(i == want, "ino %lu differs at %lu (read %lu+%zu)",
	    m->ino, off + i, off, len);
}

static uint64_t
rnd_off(void)
{
	switch (rnd(4)) {
	case 0:
		return rnd(MODEL_MAX / 131072) * 131072;
	case 1:
		return rnd(5000);
	default:
		return rnd(MODEL_MAX - 300000);
	}
}

static size_t
rnd_len(void)
{
	switch (rnd(4)) {
	case 0:
		return 1 + rnd(100);
	case 1:
		return 131072 * (1 + rnd(2));
	case 2:
		return 1 + rnd(5000);
	default:
		return 1 + rnd(290000);
	}
}

static void
op_write(struct model *m)
{
	static uint8_t data[MODEL_MAX];
	uint64_t off = rnd_off();
	size_t len = rnd_len(), i;
	uint8_t base = (uint8_t)rnd(256);
	ssize_t n;

	if (len > MODEL_MAX - off)
		len = MODEL_MAX - off;
	for (i = 0; i < len; i++)
		data[i] = (uint8_t)(base + i * 7 + (i >> 8));
	n = drive_write(m->f, data, len, off);
	ck_assert_int_eq(n, (ssize_t)len);
	memcpy(m->p + off, data, len);
	if (m->size < off + len)
		m->size = off + len;
}

static void
op_truncate(struct drive *d, struct model *m)
{
	struct drive_cred c = { .uid = getuid(), .gid = getgid() };
	struct drive_attr a = { .size = rnd(3) ? rnd_off() : 0 }, got;

	ck_assert_int_eq(drive_setattr(d, &c, m->ino, &a, DRIVE_SET_SIZE,
	    &got), 0);
	ck_assert_uint_eq(got.size, a.size);
	if (a.size < m->size)
		memset(m->p + a.size, 0, m->size - a.size);
	m->size = a.size;
}

static void
op_punch(struct model *m)
{
	uint64_t off = rnd_off(), end;
	size_t len = rnd_len();
	bool keep = rnd(2);
	int mode = keep ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE :
	    FALLOC_FL_ZERO_RANGE;

	if (len > MODEL_MAX - off)
		len = MODEL_MAX - off;
	end = off + len;
	ck_assert_int_eq(drive_fallocate(m->f, mode, off, len), 0);
	memset(m->p + off, 0, len);
	if (!keep && end > m->size)
		m->size = end;
}

static void
op_copy(struct model *from, struct model *to)
{
	uint64_t a = rnd_off(), b = rnd_off();
	size_t len = rnd_len() * (1 + rnd(4));
	ssize_t n;

	if (from == to)
		return;
	if (rnd(2))
		b = a = rnd(8) * 131072;
	if (len > MODEL_MAX - b)
		len = MODEL_MAX - b;
	n = drive_copy_range(from->f, a, to->f, b, len, NULL);
	if (is_offline && n == -EHOSTUNREACH)
		return;
	if (!is_offline)
		ck_assert_int_eq(n, (ssize_t)(a >= from->size ? 0 :
		    len < from->size - a ? len : from->size - a));
	ck_assert_int_ge(n, 0);
	memcpy(to->p + b, from->p + a, (size_t)n);
	if (n && to->size < b + (uint64_t)n)
		to->size = b + (uint64_t)n;
}

static void
op_seek(struct model *m)
{
	uint64_t off = rnd_off();
	int64_t data = drive_lseek(m->f, (int64_t)off, SEEK_DATA);
	int64_t hole = drive_lseek(m->f, (int64_t)off, SEEK_HOLE);
	uint64_t i, end = data < 0 ? m->size : (uint64_t)data;

	if (off >= m->size) {
		ck_assert_int_eq(data, -ENXIO);
		ck_assert_int_eq(hole, -ENXIO);
		return;
	}
	ck_assert(data >= (int64_t)off || data == -ENXIO);
	ck_assert(hole >= (int64_t)off && hole <= (int64_t)m->size);
	for (i = off; i < end && m->p[i] == 0; i++)
		;
	ck_assert_msg(i >= end, "data at %lu called a hole", i);
}

static void
check_all(struct drive *d)
{
	struct drive_attr a;
	int i;

	for (i = 0; i < FILES; i++) {
		ck_assert_int_eq(drive_getattr(d, model[i].ino, &a), 0);
		ck_assert_uint_eq(a.size, model[i].size);
		compare(&model[i], 0, model[i].size);
	}
}

static void
say(void *arg, const char *line)
{
	(void)arg;
	fprintf(stderr, "fsck: %s\n", line);
}

static struct drive *
reopen(struct drive *d)
{
	int i;

	for (i = 0; i < FILES; i++)
		ck_assert_int_eq(drive_file_close(model[i].f), 0);
	ck_assert_int_eq(drive_fsck(d, false, say, NULL), 0);
	drive_close(d);
	d = drive_start();
	for (i = 0; i < FILES; i++)
		ck_assert_int_eq(drive_file_open(d, model[i].ino, O_RDWR,
		    &model[i].f), 0);
	return d;
}

/* What another process finds if this one is killed now. */
static void
killed_here(void)
{
	struct model now;
	struct drive *d;
	char to[sizeof(dir) + 8], cmd[4 * sizeof(to)];
	int i;

	is_offline = false;
	for (i = 0; i < FILES; i++)
		ck_assert_int_eq(drive_flush(model[i].f), 0);
	(void)snprintf(to, sizeof(to), "%s.killed", dir);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s; cp -a %s %s", to, dir,
	    to);
	ck_assert_int_eq(system(cmd), 0);
	d = drive_start_at(to);
	for (i = 0; i < FILES; i++) {
		now = model[i];
		ck_assert_int_eq(drive_file_open(d, now.ino, O_RDWR, &now.f),
		    0);
		compare(&now, 0, now.size);
		ck_assert_int_eq(drive_file_close(now.f), 0);
	}
	ck_assert_int_eq(drive_fsck(d, false, say, NULL), 0);
	drive_close(d);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", to);
	ck_assert_int_eq(system(cmd), 0);
}

/* Of what is superseded and kept for now nothing is counted. */
static void
counters_are_sane(struct drive *d)
{
	struct drive_usage u;

	drive_usage(d, &u);
	ck_assert_uint_lt(u.clean_bytes, UINT64_C(1) << 32);
	ck_assert_uint_lt(u.staged_bytes, UINT64_C(1) << 32);
}

static void
one_op(struct drive **d)
{
	struct model *m = &model[rnd(FILES)];

	switch (rnd(24)) {
	case 0: case 1: case 2: case 3: case 4: case 5: case 6:
		op_write(m);
		break;
	case 7: case 8: case 9: case 10:
		compare(m, rnd_off(), rnd_len());
		break;
	case 11: case 12:
		op_truncate(*d, m);
		break;
	case 13: case 14:
		op_punch(m);
		break;
	case 15: case 16:
		op_copy(m, &model[rnd(FILES)]);
		break;
	case 17:
		op_seek(m);
		break;
	case 18:
		ck_assert_int_eq(drive_flush(m->f), 0);
		break;
	case 19:
		ck_assert_int_eq(drive_fsync(m->f), 0);
		break;
	case 20:
		upload(*d);
		if (rnd(2))
			publish(*d);
		break;
	case 21:
		(void)drive_cache_trim(*d, rnd(2) ? 0 : 500000);
		counters_are_sane(*d);
		break;
	case 22:
		is_offline = rnd(3) == 0;
		break;
	default:
		switch (rnd(8)) {
		case 0:
			*d = reopen(*d);
			break;
		case 1:
			killed_here();
			break;
		}
		break;
	}
}

START_TEST(random_operations_agree_with_a_model)
{
	const char *s = getenv("COFFRE_SEED"), *o = getenv("COFFRE_OPS");
	uint64_t ops = o ? strtoull(o, NULL, 10) : 4000, k;
	struct drive_cred c = { .uid = getuid(), .gid = getgid() };
	struct drive_usage was, is;
	struct drive_attr a;
	struct drive *d;
	char name[8];
	int i;

	rng = s ? strtoull(s, NULL, 10) : crypto_random_u64() | 1;
	fprintf(stderr, "COFFRE_SEED=%lu\n", rng);
	(void)snprintf(dir, sizeof(dir), "%s/XXXXXX", top);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	crypto_random(local_key, sizeof(local_key));
	d = drive_start();
	for (i = 0; i < FILES; i++) {
		model[i].p = calloc(1, MODEL_MAX + 1);
		(void)snprintf(name, sizeof(name), "f%d", i);
		ck_assert_int_eq(drive_create(d, &c, DRIVE_ROOT_INO, name,
		    0644, O_RDWR, &a, &model[i].f), 0);
		model[i].ino = a.ino;
	}
	for (k = 0; k < ops; k++)
		one_op(&d);
	is_offline = false;
	check_all(d);
	upload(d);
	publish(d);
	upload(d);
	publish(d);
	(void)drive_cache_trim(d, 0);
	check_all(d);
	for (i = 0; i < FILES; i++)
		ck_assert_int_eq(drive_fsync(model[i].f), 0);
	drive_usage(d, &was);
	d = reopen(d);
	/* Opening counts anew. */
	drive_usage(d, &is);
	ck_assert_uint_eq(is.clean_bytes, was.clean_bytes);
	ck_assert_uint_eq(is.staged_bytes, was.staged_bytes);
	check_all(d);
	for (i = 0; i < FILES; i++)
		ck_assert_int_eq(drive_file_close(model[i].f), 0);
	drive_close(d);
}
END_TEST
#define SMALLS 400
#define SMALL_LEN 3000

static void
small_read(struct drive *d, uint64_t ino, int i)
{
	uint8_t got[SMALL_LEN], want[SMALL_LEN];
	struct drive_file *f;

	memset(want, i, sizeof(want));
	ck_assert_int_eq(drive_file_open(d, ino, O_RDONLY, &f), 0);
	ck_assert_int_eq(drive_read(f, got, sizeof(got), 0, NULL), SMALL_LEN);
	ck_assert_mem_eq(got, want, sizeof(got));
	ck_assert_int_eq(drive_file_close(f), 0);
}

/* What is made together is often read together. */
START_TEST(small_files_that_are_not_here_come_many_at_a_time)
{
	struct drive_cred c = { .uid = getuid(), .gid = getgid() };
	uint64_t ino[SMALLS];
	uint8_t data[SMALL_LEN];
	struct drive_attr a;
	struct drive_file *f;
	struct drive *d;
	char name[16];
	int i;

	rng = 1;
	(void)snprintf(dir, sizeof(dir), "%s/XXXXXX", top);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	crypto_random(local_key, sizeof(local_key));
	d = drive_start();
	for (i = 0; i < SMALLS; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		ck_assert_int_eq(drive_create(d, &c, DRIVE_ROOT_INO, name,
		    0644, O_WRONLY, &a, &f), 0);
		memset(data, i, sizeof(data));
		ck_assert_int_eq(drive_write(f, data, sizeof(data), 0),
		    SMALL_LEN);
		ck_assert_int_eq(drive_file_close(f), 0);
		ino[i] = a.ino;
	}
	upload(d);
	publish(d);
	upload(d);
	publish(d);

	/* In order: the reader waits a few times only. */
	(void)drive_cache_trim(d, 0);
	nmisses = 0;
	for (i = 0; i < SMALLS; i++)
		small_read(d, ino[i], i);
	ck_assert_uint_ge(nmisses, 1);
	ck_assert_uint_le(nmisses, 4);

	/* All is here: nothing more is asked for. */
	nasked = 0;
	for (i = 0; i < SMALLS; i++)
		small_read(d, ino[i], i);
	ck_assert_uint_eq(nasked, 0);

	/* One look alone asks for a few, not for all. */
	drive_close(d);
	d = drive_start();
	(void)drive_cache_trim(d, 0);
	nasked = 0;
	small_read(d, ino[7], 7);
	ck_assert_uint_ge(nasked, 2);
	ck_assert_uint_le(nasked, 32);

	/* In any order the reader does not wait for each. */
	(void)drive_cache_trim(d, 0);
	nmisses = 0;
	for (i = 0; i < SMALLS; i++)
		small_read(d, ino[i * 149 % SMALLS], i * 149 % SMALLS);
	ck_assert_uint_le(nmisses, SMALLS / 4);
	drive_close(d);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("content");
	TCase *t = tcase_create("random");
	char cmd[64];
	SRunner *sr;
	int failed;

	if (crypto_init() < 0 || !mkdtemp(top))
		return 1;
	tcase_set_timeout(t, 0);
	tcase_add_test(t, random_operations_agree_with_a_model);
	tcase_add_test(t,
	    small_files_that_are_not_here_come_many_at_a_time);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd) || failed ? 1 : 0;
}
