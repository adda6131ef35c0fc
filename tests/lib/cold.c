/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/cold.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

int
cold_try(const struct rig *r, struct store *store, struct rig *ret)
{
	struct err e = { "" };

	return cold_try_say(r, store, ret, &e);
}

int
cold_try_say(const struct rig *r, struct store *store, struct rig *ret,
    struct err *e)
{
	struct sync_found *f = NULL;
	int n;

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->dir, sizeof(ret->dir), "/tmp/coffre-sync-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(ret->dir));
	(void)snprintf(ret->state, sizeof(ret->state), "%s/state", ret->dir);
	memcpy(ret->seed, r->seed, sizeof(ret->seed));
	ret->store = store;
	ret->conf = r->conf;
	n = sync_recover(store, r->seed, "cold", &ret->keys, &f, e);
	if (n < 0)
		return n;
	rig_open(ret);
	n = sync_rebuild(store, ret->keys, f, ret->drive, NULL, NULL, e);
	sync_found_free(f);
	return n;
}

ssize_t
cold_read(struct rig *r, const char *path, uint64_t off, void *p, size_t len)
{
	struct drive_wait w = { .timeout_ms = 3000 };
	struct drive_attr a;
	struct drive_file *f;
	ssize_t n;

	n = drive_lookup(r->drive, DRIVE_ROOT_INO, path, &a);
	if (n == 0)
		n = drive_file_open(r->drive, a.ino, O_RDONLY, &f);
	if (n < 0)
		return n;
	n = drive_read(f, p, len, off, &w);
	ck_assert_int_eq(drive_file_close(f), 0);
	return n;
}

/* What rig_write makes. */
static void
bytes_of(unsigned seed, uint8_t *p, size_t len)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	size_t i;

	for (i = 0; i < len; i += 8) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		memcpy(p + i, &x, 8);
	}
}

/* 1: whole and one of its versions. */
static int
file_is_true(struct rig *r, const struct cold_file *f)
{
	uint8_t *got = malloc(f->len + 8), *want = malloc(f->len + 8);
	size_t done = 0;
	ssize_t n = 0;
	unsigned v;

	ck_assert(got && want);
	memset(got, 0xee, f->len);
	while (done < f->len) {
		n = cold_read(r, f->name, done, got + done, f->len - done);
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	for (v = 0; v < f->versions && done; v++) {
		bytes_of(f->seed + 100 * v, want, f->len);
		if (memcmp(got, want, done) == 0)
			break;
	}
	ck_assert_msg(done == 0 || v < f->versions,
	    "%s: %zu bytes that nobody wrote", f->name, done);
	free(got);
	free(want);
	return done == f->len;
}

int
cold_all(const struct rig *r, struct evil *e, const struct cold_file *f,
    size_t n)
{
	struct rig cold;
	int res, whole = 0;
	size_t i;

	res = cold_try(r, evil_client(e), &cold);
	if (res < 0) {
		rig_done(&cold);
		return -1;
	}
	rig_start(&cold);
	for (i = 0; i < n; i++)
		whole += file_is_true(&cold, &f[i]);
	rig_done(&cold);
	return whole;
}

void
cold_await(struct rig *r, enum sync_link want, struct sync_status *st)
{
	int64_t until = clock_mono_ms() + 20000;

	do {
		(void)sync_wait(r->sync, clock_mono_ms() + 20, NULL, NULL);
		sync_get_status(r->sync, st);
	} while (st->link != want && clock_mono_ms() < until);
	ck_assert_msg(st->link == want, "link %d, not %d: %s",
	    (int)st->link, (int)want, st->problem);
}

int
cold_mkdir(struct rig *r, const char *name)
{
	static const struct drive_cred c = { .uid = 1000, .gid = 1000 };
	struct drive_attr a;

	return drive_mknod(r->drive, &c, DRIVE_ROOT_INO, name,
	    S_IFDIR | 0755, &a);
}

void
cold_clone(const struct rig *r, struct store *store, const char *name,
    struct rig *copy)
{
	int status;
	pid_t pid;

	*copy = *r;
	copy->store = store;
	copy->drive = NULL;
	copy->sync = NULL;
	(void)snprintf(copy->state, sizeof(copy->state), "%s/%s", r->dir,
	    name);
	pid = fork();
	if (pid == 0) {
		(void)execlp("cp", "cp", "-r", r->state, copy->state,
		    (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

void
cold_write_some(struct rig *r, unsigned from, unsigned n)
{
	char name[16];
	unsigned i;

	for (i = from; i < from + n; i++) {
		(void)snprintf(name, sizeof(name), "f%u", i);
		rig_write(r, name, 0, 200 * 1024, i);
		rig_wait(r);
	}
}

void
cold_check(struct rig *r, struct store *client, int want)
{
	char *here = rig_dump(r), *there;
	struct rig cold;

	rig_recover_on(r, client, &cold, want);
	rig_start(&cold);
	there = rig_dump(&cold);
	ck_assert_str_eq(here, there);
	free(here);
	free(there);
	rig_done(&cold);
}

bool
cold_has_alarm_by(struct rig *r, int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	struct timespec t = { .tv_nsec = 5 * 1000 * 1000 };
	struct sync_status st;

	do {
		sync_get_status(r->sync, &st);
		if (st.link == SYNC_ALARM)
			return true;
		(void)nanosleep(&t, NULL);
	} while (clock_mono_ms() < until);
	return false;
}

void
cold_pause(int ms)
{
	struct timespec t = { .tv_sec = ms / 1000,
	    .tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

void
cold_own_segment(const struct rig *r, uint64_t seq, char name[VAULT_PATH_MAX])
{
	vault_name_segment(&r->keys->rtag, &r->keys->dtag, seq, name);
}

void
cold_say(void *arg, const char *finding)
{
	struct buf *b = arg;

	(void)buf_printf(b, "%s\n", finding);
}
