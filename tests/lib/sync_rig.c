/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/sync_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "tests/lib/tree_dump.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/file.h"

#define WAIT_MS 60000

static const struct drive_cred cred = { .uid = 1000, .gid = 1000,
	.umask = 022 };

static void
conf_init(struct rig *r)
{
	r->conf = (struct sync_conf){ .quiet_ms = 0, .uploads = 3,
	    .downloads = 3, .backoff_min_ms = 1, .backoff_max_ms = 4,
	    .backoff_slow_ms = 4, .publish_ms = 20 };
}

static struct store *
store_at(const char *url)
{
	struct store_conf c = { .user = NULL };
	struct err e = { .msg = "" };
	struct store *s;

	ck_assert_msg(store_open(url, &c, &s, &e) == 0, "%s", e.msg);
	return s;
}

void
rig_new(struct rig *r)
{
	rig_new_on(r, NULL);
}

void
rig_new_on(struct rig *r, struct store *store)
{
	struct vault_birth b;
	struct err e = { .msg = "" };
	char path[96];

	memset(r, 0, sizeof(*r));
	ck_assert_int_eq(crypto_init(), 0);
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/coffre-sync-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(r->dir));
	(void)snprintf(r->state, sizeof(r->state), "%s/state", r->dir);
	(void)snprintf(path, sizeof(path), "%s/store", r->dir);
	ck_assert_int_eq(file_mkdirs(path), 0);
	(void)snprintf(r->url, sizeof(r->url), "dir:%s/store", r->dir);
	r->store = store ? store : store_at(r->url);
	ck_assert_int_eq(vault_create("first", &r->keys, &b), 0);
	memcpy(r->seed, b.recovery_seed, sizeof(r->seed));
	ck_assert_msg(sync_create(r->store, &b, &e) == 0, "%s", e.msg);
	vault_birth_done(&b);
	conf_init(r);
	rig_open(r);
}

void
rig_open(struct rig *r)
{
	struct drive_conf c = { .state_dir = r->state,
	    .drive = &r->keys->drive, .realm = &r->keys->realm,
	    .local_key = r->keys->local_key, .dev = r->keys->self.id,
	    .owner_uid = 1000, .owner_gid = 1000 };
	struct err e = { .msg = "" };

	memcpy(&c.dev_index, r->keys->self.id.b, sizeof(c.dev_index));
	ck_assert_int_eq(file_mkdirs(r->state), 0);
	ck_assert_msg(drive_open(&c, &r->drive, &e) == 0, "%s", e.msg);
}

void
rig_close(struct rig *r)
{
	if (r->drive)
		drive_close(r->drive);
	r->drive = NULL;
}

void
rig_start(struct rig *r)
{
	struct err e = { .msg = "" };

	r->conf.drive = r->drive;
	r->conf.store = r->store;
	r->conf.keys = r->keys;
	ck_assert_msg(sync_start(&r->conf, &r->sync, &e) == 0, "%s", e.msg);
}

void
rig_stop(struct rig *r, int64_t ms)
{
	if (r->sync)
		sync_stop(r->sync, ms ? clock_mono_ms() + ms : 0);
	r->sync = NULL;
}

void
rig_wait(struct rig *r)
{
	struct sync_status st;
	struct drive_usage u;
	int ret;

	ret = sync_wait(r->sync, clock_mono_ms() + WAIT_MS, NULL, NULL);
	sync_get_status(r->sync, &st);
	drive_usage(r->drive, &u);
	ck_assert_msg(ret == 0, "sync_wait: %s; link %d '%s'; staged %llu "
	    "outbox %llu", strerror(-ret), (int)st.link, st.problem,
	    (unsigned long long)u.staged_blocks,
	    (unsigned long long)u.outbox_ops);
}

static void
on_line(void *arg, const char *line)
{
	struct buf *b = arg;

	(void)buf_printf(b, "%s\n", line);
}

void
rig_recover(const struct rig *r, struct rig *ret, int want)
{
	rig_recover_on(r, store_at(r->url), ret, want);
}

void
rig_recover_on(const struct rig *r, struct store *store, struct rig *ret,
    int want)
{
	struct buf said = BUF_INIT(1 << 20);
	struct err e = { .msg = "" };
	struct sync_found *f;
	int got;

	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->dir, sizeof(ret->dir), "/tmp/coffre-sync-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(ret->dir));
	(void)snprintf(ret->state, sizeof(ret->state), "%s/state", ret->dir);
	memcpy(ret->url, r->url, sizeof(ret->url));
	memcpy(ret->seed, r->seed, sizeof(ret->seed));
	ret->store = store;
	ck_assert_msg(sync_recover(ret->store, r->seed, "second", &ret->keys,
	    &f, &e) == 0, "%s", e.msg);
	conf_init(ret);
	rig_open(ret);
	got = sync_rebuild(ret->store, ret->keys, f, ret->drive, on_line,
	    &said, &e);
	ck_assert_msg(got == want, "sync_rebuild: %d '%s'\n%s", got, e.msg,
	    buf_cstr(&said));
	buf_done(&said);
	sync_found_free(f);
}

static int
on_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

void
rig_done(struct rig *r)
{
	rig_stop(r, 0);
	rig_close(r);
	store_close(r->store);
	vault_keys_free(r->keys);
	(void)nftw(r->dir, on_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- what users do ---- */

/* The parent's inode and the last name of path. */
static uint64_t
parent_of(struct rig *r, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	uint64_t ino;

	if (!slash) {
		*ret_name = path;
		return DRIVE_ROOT_INO;
	}
	*ret_name = slash + 1;
	dir = strndup(path, (size_t)(slash - path));
	ino = rig_lookup(r, dir);
	free(dir);
	return ino;
}

uint64_t
rig_lookup(struct rig *r, const char *path)
{
	const char *name;
	uint64_t parent = parent_of(r, path, &name);
	struct drive_attr a;
	int ret;

	ret = drive_lookup(r->drive, parent, name, &a);
	ck_assert_msg(ret == 0, "%s: %s", path, strerror(-ret));
	return a.ino;
}

static struct drive_file *
file_at(struct rig *r, const char *path)
{
	const char *name;
	uint64_t parent = parent_of(r, path, &name);
	struct drive_attr a;
	struct drive_file *f;
	int ret;

	ret = drive_lookup(r->drive, parent, name, &a);
	if (ret == 0)
		ret = drive_file_open(r->drive, a.ino, O_RDWR, &f);
	else if (ret == -ENOENT)
		ret = drive_create(r->drive, &cred, parent, name, 0644,
		    O_RDWR, &a, &f);
	ck_assert_msg(ret == 0, "%s: %s", path, strerror(-ret));
	return f;
}

void
rig_write(struct rig *r, const char *path, uint64_t off, size_t len,
    unsigned seed)
{
	struct drive_file *f = file_at(r, path);
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	size_t i, done = 0;
	uint8_t *p;
	ssize_t n;

	p = malloc(len + 8);
	ck_assert_ptr_nonnull(p);
	for (i = 0; i < len; i += 8) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		memcpy(p + i, &x, 8);
	}
	while (done < len) {
		n = drive_write(f, p + done, len - done, off + done);
		ck_assert_msg(n > 0, "%s: %s", path, strerror((int)-n));
		done += (size_t)n;
	}
	free(p);
	ck_assert_int_eq(drive_flush(f), 0);
	ck_assert_int_eq(drive_file_close(f), 0);
}

void
rig_mkdir(struct rig *r, const char *path)
{
	const char *name;
	uint64_t parent = parent_of(r, path, &name);
	struct drive_attr a;

	ck_assert_int_eq(drive_mknod(r->drive, &cred, parent, name,
	    S_IFDIR | 0755, &a), 0);
}

void
rig_unlink(struct rig *r, const char *path)
{
	const char *name;
	uint64_t parent = parent_of(r, path, &name);

	ck_assert_int_eq(drive_unlink(r->drive, parent, name), 0);
}

void
rig_rename(struct rig *r, const char *from, const char *to)
{
	const char *name, *newname;
	uint64_t parent = parent_of(r, from, &name);
	uint64_t newparent = parent_of(r, to, &newname);

	ck_assert_int_eq(drive_rename(r->drive, parent, name, newparent,
	    newname, 0), 0);
}

static void
fill_odd(struct rig *r, uint64_t dir, const char *top)
{
	struct drive_attr a, in = { .mode = 0 };
	char path[128];
	uint64_t ino;

	ck_assert_int_eq(drive_symlink(r->drive, &cred, dir, "link",
	    "../somewhere/else", &a), 0);
	ck_assert_int_eq(drive_mknod(r->drive, &cred, dir, "fifo",
	    S_IFIFO | 0600, &a), 0);
	ck_assert_int_eq(drive_mkdev(r->drive, &cred, dir, "null",
	    S_IFCHR | 0600, makedev(1, 3), &a), 0);
	ck_assert_int_eq(drive_setxattr(r->drive, &cred, a.ino, "trusted.is",
	    "kept", 4, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/small", top);
	ino = rig_lookup(r, path);
	ck_assert_int_eq(drive_link(r->drive, ino, dir, "hard", &a), 0);
	ck_assert_int_eq(drive_setxattr(r->drive, &cred, ino, "user.colour",
	    "green", 5, 0), 0);
	ck_assert_int_eq(drive_setxattr(r->drive, &cred, dir, "user.folder",
	    "\0\1\2", 3, 0), 0);
	in.mode = 0640;
	in.mtime_ns = 1234567890123456789;
	ck_assert_int_eq(drive_setattr(r->drive, &cred, ino, &in,
	    DRIVE_SET_MODE | DRIVE_SET_MTIME, &a), 0);
}

void
rig_fill(struct rig *r, unsigned n)
{
	static const struct {
		const char *name;
		uint64_t off;
		size_t len;
	} files[] = {
		{ "empty", 0, 0 },
		{ "small", 0, 100 },
		{ "some", 0, 5000 },
		{ "block", 0, 128 * 1024 },
		{ "blocks", 0, 700 * 1024 + 17 },
		{ "sparse", 900 * 1024, 3000 },
		{ "caf\xc3\xa9 \xe2\x98\x95", 0, 3 },
	};
	char top[32], path[128], other[128];
	size_t i;

	(void)snprintf(top, sizeof(top), "top%u", n);
	rig_mkdir(r, top);
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top,
		    files[i].name);
		rig_write(r, path, files[i].off, files[i].len,
		    n * 100 + (unsigned)i);
	}
	fill_odd(r, rig_lookup(r, top), top);
	(void)snprintf(path, sizeof(path), "%s/sub", top);
	rig_mkdir(r, path);
	/* Over, moved, gone. */
	(void)snprintf(path, sizeof(path), "%s/sub/new", top);
	rig_write(r, path, 0, 4000, n * 100 + 50);
	(void)snprintf(other, sizeof(other), "%s/some", top);
	rig_rename(r, path, other);
	(void)snprintf(path, sizeof(path), "%s/block", top);
	(void)snprintf(other, sizeof(other), "%s/sub/moved", top);
	rig_rename(r, path, other);
	(void)snprintf(path, sizeof(path), "%s/gone", top);
	rig_write(r, path, 0, 200 * 1024, n * 100 + 51);
	rig_unlink(r, path);
	(void)snprintf(path, sizeof(path), "%s/blocks", top);
	rig_write(r, path, 130 * 1024, 10, n * 100 + 52);
}

char *
rig_dump(struct rig *r)
{
	struct buf b = BUF_INIT(16 << 20);
	char *s;
	int ret;

	ret = tree_dump(r->drive, &b);
	ck_assert_msg(ret == 0, "dump: %s\n%s", strerror(-ret),
	    buf_cstr(&b));
	s = strdup(buf_cstr(&b));
	buf_done(&b);
	return s;
}

static int
on_object(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	(*(int *)arg)++;
	return 0;
}

int
rig_store_count(struct rig *r, const char *prefix)
{
	int n = 0;

	ck_assert_int_eq(store_list(r->store, prefix, on_object, &n), 0);
	return n;
}
