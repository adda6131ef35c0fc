/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * load run DIR LOG SEED KILLED - change files in DIR until the file system
 * dies, which it may from when there is a file KILLED; an error before is
 * one.
 * load check DIR LOG SEED - was all that had returned kept?
 *
 * The steps follow from the seed alone; LOG (outside DIR) counts how many
 * have returned.  A check takes the same steps in memory: DIR must hold the
 * state after the steps that returned, or that plus the one in flight, which
 * may be torn only where it writes in place.  Prints the steps checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAMES 48
#define SIZE_MAX_ 400000
#define STEPS_MAX 1000000

struct file {
	int links;		/* 0: free */
	bool is_torn;		/* a write in place was in flight */
	uint8_t *data;
	size_t size;
	unsigned mode;
	uint32_t tag;		/* value of an xattr; 0: none */
};

struct model {
	struct file files[NAMES * 2];
	int names[NAMES];	/* index of the file + 1; 0: none */
};

enum what { SAVE, WRITE, PATCH, CUT, RENAME, UNLINK, LINK, CHMOD, TAG,
	NWHAT };

struct step {
	enum what what;
	int a, b;		/* names */
	size_t off, len;
	uint64_t fill;
};

static uint8_t scratch[SIZE_MAX_];

static uint64_t
next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x >> 11;
}

static void
fill(uint8_t *p, size_t n, uint64_t seed)
{
	uint64_t x = seed * 2 + 1;
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (uint8_t)(next(&x) >> 8);
}

static void
path_of(char out[static 32], int name)
{
	snprintf(out, 32, name % 3 ? "n%d" : "sub/n%d", name);
}

static struct file *
file_of(struct model *m, int name)
{
	return m->names[name] ? &m->files[m->names[name] - 1] : NULL;
}

/* The next step; such that it succeeds on a working file system. */
static struct step
step_next(uint64_t *x, struct model *m)
{
	struct step s;
	bool has_a, has_b;

	do {
		s.what = (enum what)(next(x) % NWHAT);
		s.a = (int)(next(x) % NAMES);
		s.b = (int)(next(x) % NAMES);
		s.len = next(x) % 4 ? next(x) % 9000 : next(x) % SIZE_MAX_;
		s.off = next(x) % SIZE_MAX_;
		if (s.off + s.len > SIZE_MAX_)
			s.len = SIZE_MAX_ - s.off;
		s.fill = next(x);
		has_a = m->names[s.a] != 0;
		has_b = m->names[s.b] != 0;
		if (s.what == SAVE || s.what == WRITE)
			break;
		if (s.what == LINK && has_a && !has_b)
			break;
		if (s.what == RENAME && has_a && s.a != s.b)
			break;
		if (s.what != LINK && s.what != RENAME && has_a)
			break;
	} while (true);
	return s;
}

/* ---- in memory ----------------------------------------------------------- */

static void
name_drop(struct model *m, int name)
{
	struct file *f = file_of(m, name);

	if (f && --f->links == 0) {
		free(f->data);
		memset(f, 0, sizeof(*f));
	}
	m->names[name] = 0;
}

static struct file *
name_make(struct model *m, int name)
{
	int i;

	for (i = 0; i < NAMES * 2; i++)
		if (m->files[i].links == 0)
			break;
	m->names[name] = i + 1;
	m->files[i].links = 1;
	m->files[i].mode = 0644;
	m->files[i].data = calloc(1, SIZE_MAX_);
	if (!m->files[i].data)
		abort();
	return &m->files[i];
}

static void
patch(struct file *f, const struct step *s, size_t off)
{
	if (s->len == 0)
		return;
	fill(f->data + off, s->len, s->fill);
	if (off + s->len > f->size)
		f->size = off + s->len;
}

static void
apply(struct model *m, const struct step *s)
{
	struct file *f = file_of(m, s->a);

	switch (s->what) {
	case SAVE:
		name_drop(m, s->a);
		patch(name_make(m, s->a), s, 0);
		break;
	case WRITE:
		if (!f)
			f = name_make(m, s->a);
		memset(f->data, 0, f->size);
		f->size = 0;
		patch(f, s, 0);
		break;
	case PATCH:
		patch(f, s, s->off);
		break;
	case CUT:
		if (s->off < f->size)
			memset(f->data + s->off, 0, f->size - s->off);
		f->size = s->off;
		break;
	case RENAME:
		/* Two names of one file: rename does nothing. */
		if (f == file_of(m, s->b))
			break;
		name_drop(m, s->b);
		m->names[s->b] = m->names[s->a];
		m->names[s->a] = 0;
		break;
	case UNLINK:
		name_drop(m, s->a);
		break;
	case LINK:
		m->names[s->b] = m->names[s->a];
		f->links++;
		break;
	case CHMOD:
		f->mode = 0600 | (s->fill & 0177);
		break;
	case TAG:
		f->tag = (uint32_t)s->fill | 1;
		break;
	case NWHAT:
		abort();
	}
}

/* ---- on the mount -------------------------------------------------------- */

static int
put(const char *path, int flags, size_t off, const struct step *s)
{
	int fd = open(path, flags, 0644);
	bool is_written;

	if (fd < 0)
		return -1;
	fill(scratch, s->len, s->fill);
	is_written = pwrite(fd, scratch, s->len, (off_t)off) ==
	    (ssize_t)s->len;
	return close(fd) == 0 && is_written ? 0 : -1;
}

static int
perform(const struct step *s)
{
	char a[32], b[32];
	uint32_t tag = (uint32_t)s->fill | 1;

	path_of(a, s->a);
	path_of(b, s->b);
	switch (s->what) {
	case SAVE:
		if (put("tmp", O_CREAT | O_TRUNC | O_WRONLY, 0, s) < 0)
			return -1;
		return rename("tmp", a);
	case WRITE:
		return put(a, O_CREAT | O_TRUNC | O_WRONLY, 0, s);
	case PATCH:
		return put(a, O_WRONLY, s->off, s);
	case CUT:
		return truncate(a, (off_t)s->off);
	case RENAME:
		return rename(a, b);
	case UNLINK:
		return unlink(a);
	case LINK:
		return link(a, b);
	case CHMOD:
		return chmod(a, 0600 | (s->fill & 0177));
	case TAG:
		return setxattr(a, "user.tag", &tag, sizeof(tag), 0);
	case NWHAT:
		break;
	}
	abort();
}

/* Is this error its death, and was it to die? */
static bool
is_death(int e, const char *killed)
{
	return (e == ENOTCONN || e == ECONNABORTED || e == EIO ||
	    e == EINTR) && access(killed, F_OK) == 0;
}

static int
run(const char *log, uint64_t seed, const char *killed)
{
	static struct model m;
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	struct step s;
	uint32_t i;
	int fd, e;

	fd = open(log, O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (fd < 0)
		return 1;
	if (mkdir("sub", 0755) < 0) {
		e = errno;
		if (is_death(e, killed))
			return 0;
		fprintf(stderr, "load: sub: %s\n", strerror(e));
		return 1;
	}
	for (i = 1; i < STEPS_MAX; i++) {
		/* 0: nothing but "sub" is there; i: i - 1 steps returned. */
		if (pwrite(fd, &i, sizeof(i), 0) != sizeof(i))
			return 1;
		s = step_next(&x, &m);
		if (perform(&s) < 0) {
			e = errno;
			if (is_death(e, killed))
				return 0;
			fprintf(stderr, "load: step %u, %d of n%d n%d: %s\n",
			    i, s.what, s.a, s.b, strerror(e));
			return 1;
		}
		apply(&m, &s);
	}
	return 0;
}

/* ---- checking ------------------------------------------------------------ */

static bool
differs(int name, const char *what)
{
	printf("  n%d: %s\n", name, what);
	return false;
}

static bool
name_holds(struct model *m, int name)
{
	const struct file *f = file_of(m, name);
	uint32_t tag = 0;
	struct stat st;
	char path[32];
	ssize_t n;
	int fd;

	path_of(path, name);
	if (lstat(path, &st) < 0) {
		if (errno != ENOENT)
			return differs(name, strerror(errno));
		return f ? differs(name, "is gone") : true;
	}
	if (!f)
		return differs(name, "should not be there");
	if ((st.st_mode & 07777) != f->mode)
		return differs(name, "has another mode");
	if ((int)st.st_nlink != f->links)
		return differs(name, "has another number of links");
	if (getxattr(path, "user.tag", &tag, sizeof(tag)) < 0 &&
	    errno != ENODATA)
		return differs(name, "has no readable xattr");
	if (tag != f->tag)
		return differs(name, "has another xattr");
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return differs(name, strerror(errno));
	n = read(fd, scratch, sizeof(scratch));
	close(fd);
	if (n < 0)
		return differs(name, strerror(errno));
	if (f->is_torn)
		return true;
	if ((size_t)n != f->size || st.st_size != n)
		return differs(name, "has another size");
	if (memcmp(scratch, f->data, f->size) != 0)
		return differs(name, "has other bytes");
	return true;
}

static bool
model_holds(struct model *m)
{
	int i;

	for (i = 0; i < NAMES; i++)
		if (!name_holds(m, i))
			return false;
	return true;
}

static int
check(const char *log, uint64_t seed)
{
	static struct model m;
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	struct step s;
	struct file *f;
	uint32_t i, done = 0;
	int fd;

	fd = open(log, O_RDONLY);
	if (fd < 0 || read(fd, &done, sizeof(done)) != sizeof(done)) {
		printf("0\n");
		return 0;	/* died before its first step */
	}
	close(fd);
	for (i = 1; i < done; i++) {
		s = step_next(&x, &m);
		apply(&m, &s);
	}
	s = step_next(&x, &m);
	f = file_of(&m, s.a);
	if (f && (s.what == WRITE || s.what == PATCH || s.what == CUT))
		f->is_torn = true;
	if (!model_holds(&m)) {
		/* A new file in flight may be there without its content. */
		apply(&m, &s);
		f = file_of(&m, s.a);
		if (f && s.what == WRITE)
			f->is_torn = true;
		if (!model_holds(&m)) {
			printf("  after %u steps; in flight %d of n%d n%d\n",
			    done - 1, s.what, s.a, s.b);
			return 1;
		}
	}
	printf("%u\n", done - 1);
	return 0;
}

int
main(int argc, char **argv)
{
	uint64_t seed;
	bool is_run = argc == 6 && strcmp(argv[1], "run") == 0;

	if ((argc != 5 && !is_run) || chdir(argv[2]) < 0) {
		fprintf(stderr, "usage: load run DIR LOG SEED KILLED\n"
		    "       load check DIR LOG SEED\n");
		return 64;
	}
	umask(022);
	seed = strtoull(argv[4], NULL, 10);
	if (is_run)
		return run(argv[3], seed, argv[5]);
	return check(argv[3], seed);
}
