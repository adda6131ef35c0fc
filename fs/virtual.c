/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/virtual.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/clock.h"

#define INFO_MAX 1024
#define NS 1000000000
#define NAMES_MAX 16

/* Asked of every root by file managers and what watches for new media; the
 * last is the user's own rubbish bin. */
static const char *const names[] = {
	VIRTUAL_NAME, ".Trash", ".hidden", ".directory", ".sh_thumbnails",
	"autorun.inf", "BDMV", ".Trash-",
};
#define NNAMES (sizeof(names) / sizeof(*names))
#define TRASH_OWN (NNAMES - 1)

_Static_assert(NNAMES <= NAMES_MAX, "one bit each in virtual.known");

struct virtual {
	/* Bit n: names[n] is not in the drive.  Above them a count of
	 * changes: what was looked up before one is not remembered. */
	atomic_uint_least64_t known;
	char trash[32];		/* ".Trash-UID" */
	char text[INFO_MAX];
	size_t len;
	int64_t since_ns;
	uid_t uid;
	gid_t gid;
};

/* A value of a key file: a backslash and a leading space are escaped. */
static size_t
value_add(char *out, size_t cap, const char *key, const char *s)
{
	size_t n = (size_t)snprintf(out, cap, "%s=", key);

	if (*s == ' ' && n + 3 < cap) {
		(void)snprintf(out + n, cap - n, "\\s");
		n += 2;
		s++;
	}
	for (; *s && n + 3 < cap; s++) {
		if (*s == '\\')
			out[n++] = '\\';
		out[n++] = *s;
	}
	out[n++] = '\n';
	return n;
}

int
virtual_new(const char *title, const char *icon, struct virtual **ret)
{
	struct virtual *v = calloc(1, sizeof(*v));
	size_t n;

	if (!v)
		return -ENOMEM;
	v->uid = geteuid();
	v->gid = getegid();
	/* Whole seconds: it is older than whoever asks. */
	v->since_ns = clock_real_ns() / NS * NS;
	(void)snprintf(v->trash, sizeof(v->trash), "%s%u", names[TRASH_OWN],
	    (unsigned)v->uid);
	n = (size_t)snprintf(v->text, sizeof(v->text), "[Volume Info]\n");
	n += value_add(v->text + n, INFO_MAX / 2, "Name", title);
	n += value_add(v->text + n, INFO_MAX - n, "Icon",
	    icon ? icon : VIRTUAL_ICON);
	v->len = n;
	*ret = v;
	return 0;
}

void
virtual_free(struct virtual *v)
{
	free(v);
}

/* ---- names --------------------------------------------------------------- */

/* Its bit; 0: no name that we look after. */
static uint64_t
bit_of(const struct virtual *v, uint64_t parent, const char *name)
{
	size_t i;

	if (parent != DRIVE_ROOT_INO)
		return 0;
	if (strcmp(name, v->trash) == 0)
		return UINT64_C(1) << TRASH_OWN;
	for (i = 0; i < TRASH_OWN; i++) {
		if (strcmp(name, names[i]) == 0)
			return UINT64_C(1) << i;
	}
	return 0;
}

/* It was not there, seen when known was `then`. */
static void
absent_set(struct virtual *v, uint64_t bit, uint64_t then)
{
	uint64_t now = atomic_load(&v->known);

	while (now >> NAMES_MAX == then >> NAMES_MAX &&
	    !atomic_compare_exchange_weak(&v->known, &now, now | bit))
		;
}

void
virtual_changed(struct virtual *v, uint64_t parent, const char *name)
{
	uint64_t bit = bit_of(v, parent, name);
	uint64_t now = atomic_load(&v->known);

	while (bit && !atomic_compare_exchange_weak(&v->known, &now,
	    (now & ~bit) + (UINT64_C(1) << NAMES_MAX)))
		;
}

int
virtual_lookup(struct virtual *v, struct drive *d, uint64_t parent,
    const char *name, struct drive_attr *ret)
{
	uint64_t bit = bit_of(v, parent, name);
	uint64_t then = atomic_load(&v->known);
	int r = -ENOENT;

	if (!(bit & then))
		r = drive_lookup(d, parent, name, ret);
	if (!bit || r != -ENOENT)
		return r;
	absent_set(v, bit, then);
	if (bit != 1)
		return r;
	virtual_attr(v, ret);
	return 0;
}

int
virtual_gone(uint64_t parent, const char *name, int r)
{
	return r == -ENOENT && parent == DRIVE_ROOT_INO &&
	    strcmp(name, VIRTUAL_NAME) == 0 ? -EPERM : r;
}

/* ---- the file ------------------------------------------------------------ */

void
virtual_attr(const struct virtual *v, struct drive_attr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ino = VIRTUAL_INO;
	ret->mode = S_IFREG | 0644;
	ret->nlink = 1;
	ret->uid = v->uid;
	ret->gid = v->gid;
	ret->size = v->len;
	ret->blocks = (v->len + 511) / 512;
	ret->atime_ns = ret->mtime_ns = ret->ctime_ns = ret->btime_ns =
	    v->since_ns;
}

size_t
virtual_read(const struct virtual *v, uint64_t off, size_t size,
    const char **ret)
{
	if (off > v->len)
		off = v->len;
	*ret = v->text + off;
	return size < v->len - off ? size : v->len - off;
}

int64_t
virtual_lseek(const struct virtual *v, int64_t off, int whence)
{
	if (off < 0 || (uint64_t)off >= v->len)
		return -ENXIO;
	return whence == SEEK_HOLE ? (int64_t)v->len : off;
}

int
virtual_make_real(struct virtual *v, struct drive *d,
    const struct drive_cred *c)
{
	struct drive_file *f = NULL;
	struct drive_attr a;
	ssize_t n;
	int r, q;

	r = drive_create(d, c, DRIVE_ROOT_INO, VIRTUAL_NAME, S_IFREG | 0644,
	    O_RDWR, &a, &f);
	if (r == -EEXIST)
		r = 0;	/* somebody else was quicker */
	if (r < 0)
		return r;
	virtual_changed(v, DRIVE_ROOT_INO, VIRTUAL_NAME);
	if (f) {
		n = drive_write(f, v->text, v->len, 0);
		q = drive_file_close(f);
		r = n < 0 ? (int)n : q;
	}
	return r < 0 ? r : -ESTALE;
}
