/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/seeder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drive/drive.h"
#include "fs/jail.h"
#include "fs/later.h"
#include "fs/png.h"
#include "fs/preview.h"
#include "fs/thumbnailer.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/log.h"
#include "util/tr.h"

#define QUEUE_MAX 65536u
#define WAIT_MS 2000		/* times are often set after the close */
#define SIZE_MIN 4096u		/* what is smaller is as quick to fetch */
#define SIZE_TOP (64u << 20)
#define HEAD_LEN 32		/* what tells the type */
#define STEP (256u * 1024)
#define RESULT_MAX (1u << 20)
#define FAILURES 3		/* in a row are no more the pictures' fault */

struct seeder {
	struct drive *drive;
	struct later *later;
	int stop_fd;
	/* What was last found out about the programs. */
	atomic_bool has_none;
	atomic_uint failures;	/* in a row */
};

/* ---- one file ----------------------------------------------------------- */

/* It is not worth a wait for the network. */
static bool
is_over(void *arg)
{
	(void)arg;
	return true;
}

/* All of an open file into fd.  1: it is no picture that is known; *ret_type
 * is what it is otherwise. */
static int
content_copy(struct seeder *s, struct drive_file *f, int fd,
    const char **ret_type)
{
	static const struct drive_wait never = { .is_interrupted = is_over,
	    .is_patient = true };
	uint8_t *p = malloc(STEP);
	const char *type = NULL;
	uint64_t at = 0;
	ssize_t n;
	int r = p ? 0 : -ENOMEM;

	while (r == 0) {
		n = drive_read(f, p, at == 0 ? HEAD_LEN : STEP, at, &never);
		if (n <= 0) {
			r = (int)n;
			break;
		}
		if (at == 0 && !(type = picture_type(p, (size_t)n)))
			r = 1;
		at += (size_t)n;
		if (r == 0 && (at > SIZE_TOP || later_is_stopping(s->later)))
			r = -ECANCELED;
		if (r == 0)
			r = file_write_fd(fd, p, (size_t)n);
	}
	free(p);
	*ret_type = type;
	return r == 0 && !type ? 1 : r;
}

/* The picture that a program makes of what fd has. */
static int
picture_make(struct seeder *s, const char *type, int fd, struct buf *out)
{
	struct buf b = BUF_INIT(RESULT_MAX);
	struct thumbnailer *t = malloc(sizeof(*t));
	int r = t ? 0 : -ENOMEM;

	if (r == 0)
		r = thumbnailer_find(type, PREVIEW_SIDE, t);
	if (r == 0) {
		r = thumbnailer_run(t, fd, s->stop_fd, &b);
		if (r == 0)
			r = png_strip(b.data, b.len, PREVIEW_SIDE, out);
		if (r == 0)
			atomic_store(&s->failures, 0);
		else if (r != -ECANCELED)
			(void)atomic_fetch_add(&s->failures, 1);
	}
	free(t);
	buf_done(&b);
	return r;
}

/* A new one of the file, whose attributes are a.  -ENODATA: there can be
 * none. */
static int
preview_make(struct seeder *s, const struct drive_attr *a, struct buf *out)
{
	struct preview v = { .mtime_ns = a->mtime_ns, .size = a->size };
	struct buf png = BUF_INIT(PREVIEW_MAX);
	struct drive_file *f = NULL;
	const char *type = NULL;
	int fd, r;

	if (a->size < SIZE_MIN || a->size > SIZE_TOP || !jail_holds())
		return -ENODATA;
	r = drive_file_open(s->drive, a->ino, O_RDONLY, &f);
	if (r < 0)
		return r;
	drive_file_spare(f);
	fd = memfd_create("coffre-picture", MFD_CLOEXEC);
	r = fd < 0 ? -errno : content_copy(s, f, fd, &type);
	(void)drive_file_close(f);	/* nothing was written */
	if (r == 0)
		r = picture_make(s, type, fd, &png);
	else if (r == 1)
		r = -ENODATA;
	if (fd >= 0)
		(void)close(fd);
	if (r == 0 && png.len >= a->size)
		r = -ENODATA;
	if (r == 0) {
		v.png = png.data;
		v.png_len = png.len;
		r = preview_write(&v, out);
	}
	buf_done(&png);
	return r;
}

/* 1: there is one as it should be, 0: there is another, or an error. */
static int
preview_look(struct seeder *s, const struct drive_attr *a)
{
	struct preview v;
	uint8_t *p = NULL;
	ssize_t n;
	int r;

	n = drive_preview_get(s->drive, a->ino, &p);
	if (n < 0)
		return (int)n;
	r = preview_read(p, (size_t)n, &v) == 0 && preview_is_of(&v, a);
	free(p);
	return r;
}

static int
tend(void *arg, unsigned kind, uint64_t ino)
{
	struct seeder *s = arg;
	struct buf b = BUF_INIT(PREVIEW_MAX);
	struct drive_attr a;
	bool is_old;
	int64_t missing;
	int r;

	(void)kind;
	r = drive_getattr(s->drive, ino, &a);
	if (r < 0 || !S_ISREG(a.mode) || a.nlink == 0)
		return r;
	r = preview_look(s, &a);
	if (r > 0 || (r < 0 && r != -ENODATA))
		return r > 0 ? 0 : r;
	is_old = r == 0;
	missing = drive_missing(s->drive, ino, 0, UINT64_MAX, 1);
	if (missing != 0)
		return missing > 0 ? 0 : (int)missing;
	r = preview_make(s, &a, &b);
	if (r == 0) {
		r = drive_preview_set(s->drive, ino, &a, b.data, b.len);
		log_debug("seeds: made r=%d bytes=%zu", r, b.len);
	} else if (is_old && r != -ECANCELED && r != -EINTR) {
		/* Whoever finds it ignores it; it need not lie about. */
		(void)drive_preview_set(s->drive, ino, &a, NULL, 0);
	}
	buf_done(&b);
	/* Whoever changed it meanwhile has said so again. */
	return r == -ESTALE || r == -ENODATA || r == -ECANCELED ? 0 : r;
}

/* ---- all of them -------------------------------------------------------- */

int
seeder_start(struct drive *d, struct seeder **ret)
{
	struct later_conf c = { "seeds", QUEUE_MAX, 0, 1, tend, NULL };
	struct seeder *s = calloc(1, sizeof(*s));
	struct thumbnailer t;
	int r;

	if (!s)
		return -ENOMEM;
	s->drive = d;
	c.arg = s;
	s->stop_fd = eventfd(0, EFD_CLOEXEC);
	r = s->stop_fd < 0 ? -errno : later_start(&c, &s->later);
	if (r < 0) {
		if (s->stop_fd >= 0)
			(void)close(s->stop_fd);
		free(s);
		return r;
	}
	if (!jail_holds()) {
		log_warn("no previews are made: the kernel has no Landlock, "
		    "or no seccomp");
	} else if (thumbnailer_find("image/jpeg", PREVIEW_SIDE, &t) < 0) {
		atomic_store(&s->has_none, true);
		log_warn("no program that makes previews of photos is "
		    "installed");
	}
	*ret = s;
	return 0;
}

void
seeder_add(struct seeder *s, uint64_t ino)
{
	later_add(s->later, 0, ino, WAIT_MS);
}

const char *
seeder_problem(struct seeder *s)
{
	struct thumbnailer t;

	if (!jail_holds())
		return N_("no previews are made of new photos (setting "
		    "'thumbnails'): this kernel has no Landlock or no "
		    "seccomp, without which no program is trusted with "
		    "them");
	/* It may have been installed since. */
	if (atomic_load(&s->has_none))
		atomic_store(&s->has_none, thumbnailer_find("image/jpeg",
		    PREVIEW_SIDE, &t) < 0);
	if (atomic_load(&s->has_none))
		return N_("no previews are made of new photos (setting "
		    "'thumbnails'): install a program that makes them, such "
		    "as 'libgdk-pixbuf2.0-bin'");
	if (atomic_load(&s->failures) >= FAILURES)
		return N_("the program that makes previews has failed on the "
		    "last photos (setting 'thumbnails')");
	return NULL;
}

void
seeder_hold(struct seeder *s)
{
	if (!s)
		return;
	(void)eventfd_write(s->stop_fd, 1);
	later_hold(s->later);
}

void
seeder_go(struct seeder *s)
{
	eventfd_t n;

	if (!s)
		return;
	(void)eventfd_read(s->stop_fd, &n);
	later_go(s->later);
}

void
seeder_stop(struct seeder *s)
{
	if (!s)
		return;
	(void)eventfd_write(s->stop_fd, 1);
	later_stop(s->later);
	(void)close(s->stop_fd);
	free(s);
}
