/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/fix_drive.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/drive_priv.h"
#include "util/buf.h"
#include "util/err.h"

const struct drive_cred fix_me = { .uid = 1000, .gid = 1000, .umask = 022 };
const struct drive_cred fix_root = { .uid = 0, .gid = 0, .umask = 022,
	.is_privileged = true };

/* ---- life ---------------------------------------------------------------- */

static void
open_again(struct fix *f)
{
	struct err e = { .msg = "" };

	f->conf.state_dir = f->dir;
	f->conf.drive = &f->drive;
	f->conf.realm = &f->realm;
	f->conf.local_key = f->key;
	ck_assert_msg(drive_open(&f->conf, &f->d, &e) == 0, "%s", e.msg);
}

void
fix_open(struct fix *f, unsigned n, bool is_multi_user)
{
	memset(f, 0, sizeof(*f));
	ck_assert_int_eq(crypto_init(), 0);
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/coffre-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(f->dir));
	memset(f->drive.b, 0xd1, VAULT_ID_LEN);
	memset(f->realm.b, 0xd2, VAULT_ID_LEN);
	memset(f->key, 0x10 + (int)n, sizeof(f->key));
	f->conf.dev_index = n;
	memset(f->conf.dev.b, (int)n, VAULT_ID_LEN);
	f->conf.owner_uid = 1000;
	f->conf.owner_gid = 1000;
	f->conf.is_multi_user = is_multi_user;
	open_again(f);
}

void
fix_reopen(struct fix *f)
{
	drive_close(f->d);
	open_again(f);
}

/* Copy the folder a to b, or without b remove it. */
static void
shell(const char *a, const char *b)
{
	char cmd[512];

	if (b)
		(void)snprintf(cmd, sizeof(cmd), "cp -a %s/. %s/", a, b);
	else
		(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", a);
	ck_assert_int_eq(system(cmd), 0);
}

void
fix_crash(struct fix *f)
{
	char other[sizeof(f->dir)];

	(void)snprintf(other, sizeof(other), "/tmp/coffre-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(other));
	/* As it is at one moment: the drive has a thread that writes, too. */
	mutex_lock(&f->d->db_lock);
	shell(f->dir, other);
	mutex_unlock(&f->d->db_lock);
	drive_close(f->d);
	shell(f->dir, NULL);
	(void)memcpy(f->dir, other, sizeof(other));
	open_again(f);
}

void
fix_close(struct fix *f)
{
	drive_close(f->d);
	shell(f->dir, NULL);
}

void
fix_disk_is_full(bool is_full)
{
	struct rlimit l;

	(void)signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = is_full ? 0 : l.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* ---- short forms --------------------------------------------------------- */

uint64_t
fix_mkdir(struct fix *f, uint64_t parent, const char *name)
{
	struct drive_attr a;

	ck_assert_int_eq(drive_mknod(f->d, &fix_me, parent, name,
	    S_IFDIR | 0755, &a), 0);
	return a.ino;
}

uint64_t
fix_mkfile(struct fix *f, uint64_t parent, const char *name)
{
	struct drive_attr a;

	ck_assert_int_eq(drive_mknod(f->d, &fix_me, parent, name,
	    S_IFREG | 0644, &a), 0);
	return a.ino;
}

uint64_t
fix_write(struct fix *f, uint64_t parent, const char *name, const char *text)
{
	struct drive_file *h;
	struct drive_attr a;
	int r;

	r = drive_lookup(f->d, parent, name, &a);
	if (r == -ENOENT)
		ck_assert_int_eq(drive_create(f->d, &fix_me, parent, name,
		    0644, O_RDWR, &a, &h), 0);
	else
		ck_assert_int_eq(drive_file_open(f->d, a.ino, O_RDWR |
		    O_TRUNC, &h), 0);
	ck_assert_int_eq(drive_write(h, text, strlen(text), 0),
	    (ssize_t)strlen(text));
	ck_assert_int_eq(drive_file_close(h), 0);
	return a.ino;
}

uint64_t
fix_find(struct fix *f, const char *path)
{
	uint64_t ino = DRIVE_ROOT_INO;
	struct drive_attr a;
	char copy[512], *p, *save;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (p = strtok_r(copy, "/", &save); p;
	    p = strtok_r(NULL, "/", &save)) {
		if (drive_lookup(f->d, ino, p, &a) < 0)
			return 0;
		ino = a.ino;
	}
	return ino;
}

struct drive_attr
fix_attr(struct fix *f, uint64_t ino)
{
	struct drive_attr a;

	ck_assert_int_eq(drive_getattr(f->d, ino, &a), 0);
	return a;
}

static void
say(void *arg, const char *finding)
{
	(void)arg;
	fprintf(stderr, "fsck: %s\n", finding);
}

void
fix_fsck(struct fix *f)
{
	ck_assert_int_eq(drive_fsck(f->d, false, say, NULL), 0);
}

/* ---- the journal --------------------------------------------------------- */

static uint64_t pack_n = 1;

void
fix_upload(struct fix *f)
{
	struct stage_batch *b;
	size_t k;

	while (drive_stage_take(f->d, 8u << 20, 0, true, &b) == 0) {
		for (k = 0; k < b->n; k++) {
			struct block_ref *ref = &b->blocks[k].ref;

			ref->pack.n = pack_n++;
			ref->len = (uint32_t)(b->blocks[k].sealed_len -
			    VAULT_SEAL_OVERHEAD);
			sha256(b->blocks[k].sealed, b->blocks[k].sealed_len,
			    ref->sha);
		}
		ck_assert_int_eq(drive_stage_commit(f->d, b), 0);
	}
}

static void
log_add(struct fix_log *l, const struct segment *s)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->segs = realloc(l->segs, l->cap * sizeof(*l->segs));
		ck_assert_ptr_nonnull(l->segs);
	}
	l->segs[l->n++] = *s;
}

size_t
fix_publish(struct fix *f, struct fix_log *l, size_t bytes_max)
{
	uint8_t hash[VAULT_HASH_LEN] = { 0 };
	struct segment s = { .seq = 0 };
	uint64_t ticket;
	size_t k;
	int r;

	fix_upload(f);
	r = drive_publish_begin(f->d, bytes_max, &s.ops, &ticket);
	if (r == -EAGAIN)
		return 0;
	ck_assert_int_eq(r, 0);
	s.seq = l->n + 1;
	s.dev = f->conf.dev;
	s.first_op = l->op_seq + 1;
	s.lamport = l->lamport + 1;
	for (k = 0; k < s.ops.n; k++) {
		s.ops.ops[k].lamport = s.lamport + k;
		s.ops.ops[k].seq = s.first_op + k;
	}
	l->op_seq += s.ops.n;
	l->lamport += s.ops.n;
	hash[0] = (uint8_t)s.seq;
	ck_assert_int_eq(drive_publish_seal(f->d, ticket, &s, hash, "object",
	    6), 0);
	ck_assert_int_eq(drive_publish_done(f->d, s.seq), 0);
	log_add(l, &s);
	return s.ops.n;
}

void
fix_publish_all(struct fix *f, struct fix_log *l)
{
	struct drive_usage u;

	while (fix_publish(f, l, 900000))
		;
	drive_usage(f->d, &u);
	ck_assert_uint_eq(u.outbox_ops, 0);
}

void
fix_rebuild(struct fix *to, const struct fix_log *l, size_t from,
    const struct vault_id *dev)
{
	size_t k;

	ck_assert_int_eq(drive_rebuild_begin(to->d), 0);
	for (k = from; k < l->n; k++)
		ck_assert_int_eq(drive_apply(to->d, dev, l->segs[k].ops.ops,
		    l->segs[k].ops.n), 0);
	ck_assert_int_eq(drive_rebuild_end(to->d), 0);
}

void
fix_log_done(struct fix_log *l)
{
	size_t k;

	for (k = 0; k < l->n; k++)
		op_list_done(&l->segs[k].ops);
	free(l->segs);
	memset(l, 0, sizeof(*l));
}

/* ---- the tree as text ---------------------------------------------------- */

struct lines {
	char **v;
	size_t n, cap;
};

struct names {
	char (*v)[256];
	size_t n, cap;
};

static int
name_add(void *arg, const struct drive_dirent *e)
{
	struct names *l = arg;

	if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 16;
		l->v = realloc(l->v, l->cap * sizeof(*l->v));
		ck_assert_ptr_nonnull(l->v);
	}
	memcpy(l->v[l->n], e->name, e->name_len);
	l->v[l->n++][e->name_len] = '\0';
	return 0;
}

static void
dump_content(struct fix *f, const struct drive_attr *a, struct buf *b)
{
	struct drive_wait w = { .timeout_ms = 100 };
	struct drive_file *h;
	uint8_t p[4096], sum[32];
	ssize_t n;

	ck_assert_int_eq(drive_file_open(f->d, a->ino, O_RDONLY, &h), 0);
	n = drive_read(h, p, sizeof(p), 0, &w);
	if (n >= 0) {
		sha256(p, (size_t)n, sum);
		(void)buf_printf(b, " %02x%02x%02x%02x", sum[0], sum[1],
		    sum[2], sum[3]);
	} else {
		(void)buf_printf(b, " remote");
	}
	ck_assert_int_eq(drive_file_close(h), 0);
}

static int
line_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
dump_xattrs(struct fix *f, uint64_t ino, struct buf *b)
{
	char list[4096], value[256], *names[256], *p;
	size_t nnames = 0, k;
	ssize_t n, len;

	n = drive_listxattr(f->d, ino, true, list, sizeof(list));
	ck_assert_int_ge(n, 0);
	for (p = list; p < list + n && nnames < 256; p += strlen(p) + 1)
		names[nnames++] = p;
	qsort(names, nnames, sizeof(*names), line_cmp);
	for (k = 0; k < nnames; k++) {
		len = drive_getxattr(f->d, ino, names[k], value,
		    sizeof(value));
		ck_assert_int_ge(len, 0);
		(void)buf_printf(b, " %s=%ld.%02x", names[k], (long)len,
		    len ? (unsigned char)value[len - 1] : 0);
	}
}

static void
dump_node(struct fix *f, const char *path, uint64_t ino, struct lines *l)
{
	struct drive_attr a = fix_attr(f, ino);
	struct buf b = BUF_INIT(65536);
	char target[4096];

	(void)buf_printf(&b, "%s %o %u/%u", path, a.mode, a.uid, a.gid);
	if (!S_ISDIR(a.mode))
		(void)buf_printf(&b, " %llu", (unsigned long long)a.size);
	(void)buf_printf(&b, " n%u m%lld", a.nlink, (long long)a.mtime_ns);
	if (S_ISLNK(a.mode)) {
		ck_assert_int_eq(drive_readlink(f->d, ino, target,
		    sizeof(target)), 0);
		(void)buf_printf(&b, " -> %s", target);
	}
	if (a.rdev)
		(void)buf_printf(&b, " d%lx", (unsigned long)a.rdev);
	if (S_ISREG(a.mode) && a.size <= 2048)
		dump_content(f, &a, &b);
	dump_xattrs(f, ino, &b);
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = realloc(l->v, l->cap * sizeof(*l->v));
		ck_assert_ptr_nonnull(l->v);
	}
	l->v[l->n++] = strdup(buf_cstr(&b));
	buf_done(&b);
}

static void
dump_dir(struct fix *f, const char *path, uint64_t ino, struct lines *l)
{
	struct names ns = { .v = NULL };
	struct drive_attr a;
	struct drive_dir *dir;
	char sub[2048];
	size_t k;

	ck_assert_int_eq(drive_opendir(f->d, ino, &dir), 0);
	ck_assert_int_eq(drive_readdir(f->d, dir, 0, false, name_add, &ns),
	    0);
	drive_closedir(dir);
	for (k = 0; k < ns.n; k++) {
		(void)snprintf(sub, sizeof(sub), "%s/%s", path, ns.v[k]);
		ck_assert_int_eq(drive_lookup(f->d, ino, ns.v[k], &a), 0);
		dump_node(f, sub, a.ino, l);
		if (S_ISDIR(a.mode))
			dump_dir(f, sub, a.ino, l);
	}
	free(ns.v);
}

char *
fix_dump(struct fix *f)
{
	struct lines l = { .v = NULL };
	struct buf b = BUF_INIT(64u << 20);
	char *ret;
	size_t k;

	dump_node(f, "", DRIVE_ROOT_INO, &l);
	dump_dir(f, "", DRIVE_ROOT_INO, &l);
	qsort(l.v, l.n, sizeof(*l.v), line_cmp);
	for (k = 0; k < l.n; k++) {
		(void)buf_printf(&b, "%s\n", l.v[k]);
		free(l.v[k]);
	}
	free(l.v);
	ret = strdup(buf_cstr(&b));
	buf_done(&b);
	return ret;
}
