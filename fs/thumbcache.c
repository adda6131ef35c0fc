/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/thumbcache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/mountpoint.h"
#include "fs/place.h"
#include "fs/png.h"
#include "fs/preview.h"
#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"

#define URI_LIMIT (3u * 65536)
#define URI_MAX (3u * PATH_MAX)	/* no program can name a longer one */
#define LOOK_LEN 16384		/* the beginning of a picture, with its texts */
#define NAME_LEN (2 * MD5_LEN + 4)
#define TEMP ".coffre-"		/* what a name begins with that is not whole */
#define KEY_URI "Thumb::URI"
#define KEY_MTIME "Thumb::MTime"
#define KEY_OWNER "Software"
#define OWNER "Coffre"

_Static_assert(URI_MAX + 1024 <= LOOK_LEN, "its texts fit");

/* ---- where a file's preview is ------------------------------------------ */

/* As GLib writes the path of a file in a URI. */
static int
uri_add(struct buf *b, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789!$&'()*+,-./:=@_~";
	char hex[4];
	int r = 0;

	for (; *path && r == 0; path++) {
		if (strchr(plain, *path)) {
			r = buf_put(b, path, 1);
			continue;
		}
		(void)snprintf(hex, sizeof(hex), "%%%02X",
		    (unsigned char)*path);
		r = buf_put(b, hex, 3);
	}
	return r;
}

/* The address of a file, and the name of its preview. */
static int
uri_of(const struct thumbcache *t, const char *path, struct buf *uri,
    char name[static NAME_LEN + 1])
{
	uint8_t sum[MD5_LEN];
	int r;

	r = buf_put(uri, "file://", 7);
	if (r == 0)
		r = uri_add(uri, t->mountpoint);
	if (r == 0)
		r = uri_add(uri, path);
	if (r == 0)
		r = md5(uri->data, uri->len, sum);
	if (r < 0)
		return r;
	hex_encode(sum, MD5_LEN, name);
	memcpy(name + 2 * MD5_LEN, ".png", 5);
	return 0;
}

/* Is a path on the drive itself, perhaps by a link?  Of one that leads to
 * nothing, realpath gives how far it got. */
static bool
is_on_drive(const struct thumbcache *t, const char *path)
{
	size_t n = strlen(t->mountpoint);
	char real[PATH_MAX] = "";

	(void)!realpath(path, real);
	return strncmp(real, t->mountpoint, n) == 0 &&
	    (real[n] == '/' || real[n] == '\0');
}

/* Is an open folder?  The cache may have been moved there since. */
static bool
is_own_folder(const struct thumbcache *t, int dir)
{
	struct mounted m;
	struct stat st;

	/* A mount of no disk has no major number. */
	return fstat(dir, &st) == 0 && major(st.st_dev) == 0 &&
	    mounted_at(t->mountpoint, &m) == 0 &&
	    st.st_dev == makedev(m.major, m.minor);
}

/* A folder of the cache.  On the drive it would be one that is open there,
 * while the drive is to be locked. */
static int
folder_open(const struct thumbcache *t, const char *path)
{
	int at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC), r;

	if (at < 0)
		return -errno;
	r = -EXDEV;
	if (!is_own_folder(t, at)) {
		r = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r < 0)
			r = -errno;
	}
	(void)close(at);
	return r;
}

int
thumbcache_init(struct thumbcache *t, const char *mountpoint, uint64_t floor)
{
	int r;

	t->mountpoint = mountpoint;
	t->floor = floor;
	r = place_thumbnails("fail/gnome-thumbnail-factory", t->marks);
	if (r == 0)
		r = place_thumbnails("normal", t->pictures);
	/* Whoever serves the drive must not wait for it. */
	if (r == 0 && (is_on_drive(t, t->marks) ||
	    is_on_drive(t, t->pictures)))
		r = -ENOENT;
	return r;
}

/* ---- marks -------------------------------------------------------------- */

bool
thumbcache_has_marks(const struct thumbcache *t)
{
	return access(t->marks, W_OK) == 0;
}

static int
mark_remove(const struct thumbcache *t, const char *name)
{
	int dir, r;

	dir = folder_open(t, t->marks);
	if (dir < 0)
		return dir;
	r = unlinkat(dir, name, 0) < 0 ? -errno : 0;
	(void)close(dir);
	return r;
}

int
thumbcache_unmark(const struct thumbcache *t, const char *path)
{
	struct buf uri = BUF_INIT(URI_LIMIT);
	char name[NAME_LEN + 1];
	int r;

	r = uri_of(t, path, &uri, name);
	if (r == 0)
		r = mark_remove(t, name);
	buf_done(&uri);
	return r;
}

/* ---- pictures ----------------------------------------------------------- */

/* The beginning of a picture that lies there, or nothing. */
static size_t
look(int dir, const char *name, uint8_t out[static LOOK_LEN])
{
	struct stat st;
	ssize_t n = 0;
	int fd;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		n = read(fd, out, LOOK_LEN);
	(void)close(fd);
	return n > 0 ? (size_t)n : 0;
}

/* Under another name first: nobody sees half of it. */
static int
picture_write(int dir, const char *name, const struct buf *b)
{
	char temp[sizeof(TEMP) + 12 + NAME_LEN];
	int fd, r;

	(void)snprintf(temp, sizeof(temp), TEMP "%d-%s", (int)gettid(), name);
	(void)unlinkat(dir, temp, 0);	/* of a crash */
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = file_write_fd(fd, b->data, b->len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dir, temp, 0);
	return r;
}

static int
dir_open(const struct thumbcache *t)
{
	struct statvfs st;
	int dir, r;

	dir = folder_open(t, t->pictures);
	if (dir == -ENOENT) {
		r = file_mkdirs(t->pictures);
		dir = r < 0 ? r : folder_open(t, t->pictures);
	}
	if (dir < 0)
		return dir;
	if (fstatvfs(dir, &st) < 0 ||
	    (uint64_t)st.f_bavail * st.f_frsize >= t->floor + PREVIEW_MAX)
		return dir;
	(void)close(dir);
	return -ENOSPC;
}

static int
picture_put(const struct thumbcache *t, const char *name, const char *uri,
    const struct preview *v)
{
	char mtime[24];
	const struct png_text text[] = { { KEY_OWNER, OWNER },
	    { KEY_MTIME, mtime }, { KEY_URI, uri } };
	struct buf b = BUF_INIT(PREVIEW_MAX + URI_LIMIT + 1024);
	uint8_t old[LOOK_LEN];
	int64_t s = v->mtime_ns / 1000000000;
	size_t n;
	int dir, r;

	/* Whole seconds, also before 1970. */
	s -= v->mtime_ns % 1000000000 < 0;
	(void)snprintf(mtime, sizeof(mtime), "%" PRId64, s);
	dir = dir_open(t);
	if (dir < 0)
		return dir;
	n = look(dir, name, old);
	if (png_says(old, n, &text[1]) && png_says(old, n, &text[2])) {
		r = 0;
	} else {
		r = png_label(v->png, v->png_len, text,
		    sizeof(text) / sizeof(*text), &b);
		if (r == 0)
			r = picture_write(dir, name, &b);
	}
	buf_done(&b);
	(void)close(dir);
	return r;
}

int
thumbcache_put(const struct thumbcache *t, const char *path,
    const struct preview *v)
{
	struct buf uri = BUF_INIT(URI_LIMIT);
	char name[NAME_LEN + 1];
	const char *s;
	int r;

	r = uri_of(t, path, &uri, name);
	if (r == 0 && uri.len > URI_MAX)
		r = -ENAMETOOLONG;
	s = r == 0 ? buf_cstr(&uri) : NULL;
	if (r == 0)
		r = s ? picture_put(t, name, s, v) : -ENOMEM;
	if (r == 0)
		(void)mark_remove(t, name);	/* there may be none */
	buf_done(&uri);
	return r;
}

/* ---- out again ---------------------------------------------------------- */

static bool
is_since(int dir, const char *name, const struct timespec *start)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return true;
	/* Some disks keep whole seconds only. */
	return st.st_mtim.tv_sec > start->tv_sec ||
	    (st.st_mtim.tv_sec == start->tv_sec &&
	    (st.st_mtim.tv_nsec == 0 ||
	    st.st_mtim.tv_nsec >= start->tv_nsec));
}

/* Is it one that was put there for a file whose address begins so? */
static bool
is_ours(int dir, const char *name, const struct buf *uri)
{
	static const struct png_text owner = { KEY_OWNER, OWNER };
	uint8_t b[LOOK_LEN];
	const uint8_t *v;
	size_t len, n;

	len = look(dir, name, b);
	if (!png_says(b, len, &owner))
		return false;
	v = png_find(b, len, KEY_URI, &n);
	return v && n >= uri->len && memcmp(v, uri->data, uri->len) == 0;
}

int
thumbcache_sweep(const struct thumbcache *t, const struct timespec *before,
    bool (*stopped)(void *arg), void *arg)
{
	struct buf uri = BUF_INIT(URI_LIMIT);
	char name[NAME_LEN + 1];
	struct dirent *e;
	int dir = folder_open(t, t->pictures), r;
	DIR *d;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	d = fdopendir(dir);
	if (!d) {
		r = -errno;
		(void)close(dir);
		return r;
	}
	r = uri_of(t, "/", &uri, name);
	while (r == 0 && (e = readdir(d)) != NULL) {
		if (stopped(arg))
			r = -ETIME;
		else if ((strlen(e->d_name) == NAME_LEN ||
		    strncmp(e->d_name, TEMP, strlen(TEMP)) == 0) &&
		    is_ours(dirfd(d), e->d_name, &uri) &&
		    !(before && is_since(dirfd(d), e->d_name, before)))
			(void)unlinkat(dirfd(d), e->d_name, 0);
	}
	(void)closedir(d);
	buf_done(&uri);
	return r;
}
