/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What workers do side by side in one folder, and what must hold there. */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS 16
#define SCAN (64 << 10)

struct record {
	uint64_t magic, worker, seq, sum;
};

struct body {
	uint64_t worker, seed, len, sum;
};

static uint64_t
sum_of(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u ^ b;

	return rand_next(&x);
}

static const char *
in_shared(const struct ctx *c, char *buf, const char *what, unsigned k)
{
	snprintf(buf, PATH_MAX, "%s/%s%u.%u", c->shared, what, c->id, k);
	return buf;
}

static int
touch(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	return fd < 0 ? -1 : close(fd);
}

int
shared_make(const char *dir)
{
	char path[PATH_MAX];

	if (mkdir(dir, 0755) < 0 || touch(dir, "log") < 0 ||
	    touch(dir, "base") < 0 || cells_make(dir) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/a", dir);
	if (mkdir(path, 0755) < 0)
		return -1;
	path[strlen(path) - 1] = 'b';
	return mkdir(path, 0755);
}

/* ---- one log that all append to ----------------------------------------- */

int
op_shappend(struct ctx *c, const struct op *o)
{
	struct record rec = { .magic = 0x434f464652450001u, .worker = c->id };
	char path[PATH_MAX];
	ssize_t r;
	int fd;

	(void)o;
	snprintf(path, sizeof(path), "%s/log", c->shared);
	fd = open(path, O_WRONLY | O_APPEND);
	if (fd < 0)
		return expect(c, fd, 0);
	rec.seq = c->sh_seq + 1;
	rec.sum = sum_of(rec.worker, rec.seq);
	r = write(fd, &rec, sizeof(rec));
	close(fd);
	if (r != sizeof(rec))
		return failf(c, "append: %zd", r);
	c->sh_seq++;
	c->did_it = true;
	return 0;
}

/* Records are whole, each worker's in order, mine all there at the end. */
static int
log_check(struct ctx *c, off_t from)
{
	uint64_t last[RND_WORKERS_MAX] = { 0 };
	struct record rec;
	char path[PATH_MAX];
	ssize_t r;
	int fd;

	snprintf(path, sizeof(path), "%s/log", c->shared);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return expect(c, fd, 0);
	if (from < 0) {
		from = lseek(fd, 0, SEEK_END);
		from = from > SCAN ? (from - SCAN) / 32 * 32 : 0;
	}
	c->why[0] = '\0';
	while ((r = pread(fd, &rec, sizeof(rec), from)) == sizeof(rec)) {
		from += (off_t)sizeof(rec);
		if (rec.worker >= RND_WORKERS_MAX ||
		    rec.sum != sum_of(rec.worker, rec.seq) ||
		    (last[rec.worker] && rec.seq != last[rec.worker] + 1)) {
			failf(c, "the shared log is spoilt before %lld",
			    (long long)from);
			break;
		}
		last[rec.worker] = rec.seq;
	}
	close(fd);
	if (c->why[0])
		return -1;
	if (r != 0)
		return failf(c, "a piece of %zd bytes in the log", r);
	if (last[c->id] && last[c->id] != c->sh_seq)
		return failf(c, "the log ends with %llu of mine, not %llu",
		    (unsigned long long)last[c->id],
		    (unsigned long long)c->sh_seq);
	return 0;
}

int
op_shscan(struct ctx *c, const struct op *o)
{
	(void)o;
	c->did_it = true;
	return log_check(c, -1);
}

/* ---- a file that is replaced and never seen half ------------------------ */

int
op_shreplace(struct ctx *c, const struct op *o)
{
	struct body b = { .worker = c->id, .seed = o->seed,
	    .len = o->len % 100000 };
	char tmp[PATH_MAX], path[PATH_MAX];
	ssize_t r;
	int fd;

	b.sum = sum_of(b.seed, b.len);
	in_shared(c, tmp, "new", 0);
	snprintf(path, sizeof(path), "%s/current", c->shared);
	fd = open(tmp, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0)
		return expect(c, fd, 0);
	memcpy(c->buf, &b, sizeof(b));
	fill(c->buf + sizeof(b), b.len, b.seed);
	r = write(fd, c->buf, sizeof(b) + b.len);
	close(fd);
	if (r != (ssize_t)(sizeof(b) + b.len))
		return failf(c, "write of %llu: %zd",
		    (unsigned long long)b.len, r);
	return expect(c, rename(tmp, path), 0);
}

int
op_shread(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	struct body b;
	ssize_t r;
	int fd;

	(void)o;
	snprintf(path, sizeof(path), "%s/current", c->shared);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return errno == ENOENT ? 0 : expect(c, fd, 0);
	r = read(fd, c->buf, RND_FILE_MAX);
	close(fd);
	if (r < (ssize_t)sizeof(b))
		return failf(c, "%zd bytes of the replaced file", r);
	memcpy(&b, c->buf, sizeof(b));
	if (b.sum != sum_of(b.seed, b.len) ||
	    (size_t)r != sizeof(b) + b.len)
		return failf(c, "the replaced file is seen half");
	fill(c->buf2, b.len, b.seed);
	c->did_it = true;
	return memcmp(c->buf + sizeof(b), c->buf2, b.len) == 0 ? 0 :
	    failf(c, "the replaced file is mixed");
}

/* ---- a file that goes to and fro, names and links, a lock --------------- */

int
op_shmove(struct ctx *c, const struct op *o)
{
	char at[2][PATH_MAX];
	struct stat st;
	bool to = !c->sh_in_b;

	(void)o;
	in_shared(c, at[0], "a/m", 0);
	in_shared(c, at[1], "b/m", 0);
	if (!c->sh_made) {
		if (expect(c, mknod(at[0], S_IFREG | 0644, 0), 0) < 0)
			return -1;
		c->sh_made = true;
	}
	if (expect(c, rename(at[!to], at[to]), 0) < 0)
		return -1;
	c->sh_in_b = to;
	if (lstat(at[to], &st) < 0 || st.st_nlink != 1)
		return failf(c, "what was moved is not there");
	if (lstat(at[!to], &st) == 0 || errno != ENOENT)
		return failf(c, "what was moved is in both places");
	return 0;
}

int
op_shlink(struct ctx *c, const struct op *o)
{
	char base[PATH_MAX], path[PATH_MAX];
	unsigned k = o->slot % LINKS;
	bool is_there = c->sh_links & 1u << k;

	snprintf(base, sizeof(base), "%s/base", c->shared);
	in_shared(c, path, "l", k);
	if (expect(c, is_there ? unlink(path) : link(base, path), 0) < 0)
		return -1;
	c->sh_links ^= 1u << k;
	return 0;
}

int
op_shexcl(struct ctx *c, const struct op *o)
{
	char path[PATH_MAX];
	int fd, r, others;

	(void)o;
	snprintf(path, sizeof(path), "%s/lock", c->shared);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	if (fd < 0)
		return errno == EEXIST ? 0 : expect(c, fd, 0);
	others = atomic_fetch_add(&c->run->holders, 1);
	r = write(fd, "held", 4) == 4 ? 0 : -1;
	close(fd);
	atomic_fetch_sub(&c->run->holders, 1);
	if (unlink(path) < 0)
		return expect(c, -1, 0);
	c->did_it = true;
	if (others)
		return failf(c, "two have made the same file");
	return r == 0 ? 0 : failf(c, "write: %s", strerror(errno));
}

int
shared_check(struct ctx *c, unsigned n)
{
	unsigned i, links = 1;
	char path[PATH_MAX];
	struct stat st;

	for (i = 0; i < n; i++) {
		links += (unsigned)__builtin_popcount(c[i].sh_links);
		if (log_check(&c[i], 0) < 0) {
			memmove(c->why, c[i].why, sizeof(c->why));
			return -1;
		}
	}
	snprintf(path, sizeof(path), "%s/base", c->shared);
	if (stat(path, &st) < 0)
		return expect(c, -1, 0);
	if (st.st_nlink != links)
		return failf(c, "%lu links instead of %u",
		    (unsigned long)st.st_nlink, links);
	return cells_check(c);
}
