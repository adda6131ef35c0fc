/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/thumbnailer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/child.h"
#include "fs/jail.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/file.h"

#define ENTRY_MAX (64u * 1024)	/* of a file that describes a program */
#define RUN_MS 60000		/* its own time is limited besides */
#define IN "/proc/self/fd/0"
#define OUT "/proc/self/fd/3"
#define OUT_FD 3

/* ---- types -------------------------------------------------------------- */

const char *
picture_type(const uint8_t *p, size_t len)
{
	static const struct {
		size_t at, len;
		const char *bytes, *type;
	} all[] = {
		{ 0, 3, "\xff\xd8\xff", "image/jpeg" },
		{ 0, 8, "\x89PNG\r\n\x1a\n", "image/png" },
		{ 0, 5, "GIF87", "image/gif" },
		{ 0, 5, "GIF89", "image/gif" },
		{ 0, 4, "II*\0", "image/tiff" },
		{ 0, 4, "MM\0*", "image/tiff" },
		{ 8, 4, "WEBP", "image/webp" },
		{ 4, 8, "ftypheic", "image/heif" },
		{ 4, 8, "ftypmif1", "image/heif" },
		{ 4, 8, "ftypavif", "image/avif" },
		{ 0, 12, "\0\0\0\fJXL \r\n\x87\n", "image/jxl" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (len >= all[i].at + all[i].len && memcmp(p + all[i].at,
		    all[i].bytes, all[i].len) == 0)
			return all[i].type;
	}
	return NULL;
}

/* ---- which program ------------------------------------------------------ */

/* A command being made. */
struct line {
	struct thumbnailer *t;
	size_t len, n;		/* of the text, of the words */
	bool is_in, is_out;	/* it was told what to read, where to write */
};

static int
add(struct line *l, const char *s, size_t n)
{
	if (l->len + n >= sizeof(l->t->text))
		return -EINVAL;
	memcpy(l->t->text + l->len, s, n);
	l->len += n;
	return 0;
}

/* %u, %i, %o, %s and %%. */
static int
add_field(struct line *l, char c, unsigned side)
{
	char size[12];

	switch (c) {
	case 'u':
		l->is_in = true;
		return add(l, "file://" IN, strlen("file://" IN));
	case 'i':
		l->is_in = true;
		return add(l, IN, strlen(IN));
	case 'o':
		l->is_out = true;
		return add(l, OUT, strlen(OUT));
	case 's':
		(void)snprintf(size, sizeof(size), "%u", side);
		return add(l, size, strlen(size));
	case '%':
		return add(l, "%", 1);
	default:
		return -EINVAL;
	}
}

/* One word, up to a space; it may have parts in quotes. */
static int
add_word(struct line *l, const char **at, unsigned side)
{
	const char *p = *at;
	bool in_quotes = false;
	int r = 0;

	if (l->n == THUMBNAILER_WORDS)
		return -EINVAL;
	l->t->argv[++l->n] = l->t->text + l->len;
	for (; *p && (in_quotes || *p != ' ') && r == 0; p++) {
		if (*p == '"')
			in_quotes = !in_quotes;
		else if (*p == '\\' && in_quotes && p[1])
			r = add(l, ++p, 1);
		else if (*p == '%' && p[1])
			r = add_field(l, *++p, side);
		else
			r = add(l, p, 1);
	}
	*at = p;
	if (r == 0)
		r = in_quotes ? -EINVAL : add(l, "", 1);
	return r;
}

int
thumbnailer_parse(const char *exec, unsigned side, struct thumbnailer *ret)
{
	struct line l = { .t = ret };
	static char jail[] = JAIL_NAME;
	int r = 0;

	ret->argv[0] = jail;
	while (r == 0 && *(exec += strspn(exec, " ")))
		r = add_word(&l, &exec, side);
	ret->argv[l.n + 1] = NULL;
	if (r == 0 && (l.n == 0 || !l.is_in || !l.is_out))
		r = -EINVAL;
	return r;
}

/* The value of the first line that begins with key. */
static bool
value_of(const char *text, const char *key, char *out, size_t cap)
{
	size_t k = strlen(key), n;

	for (; *text; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n >= k && strncmp(text, key, k) == 0) {
			(void)snprintf(out, cap, "%.*s", (int)(n - k),
			    text + k);
			return n - k < cap;
		}
	}
	return false;
}

static bool
has_type(const char *list, const char *type)
{
	size_t n;

	for (; *list; list += n + (list[n] == ';')) {
		n = strcspn(list, ";");
		if (strlen(type) == n && strncmp(list, type, n) == 0)
			return true;
	}
	return false;
}

/* Does the file say how to make a preview of that type? */
static int
entry_try(const char *path, const char *type, unsigned side,
    struct thumbnailer *ret)
{
	struct buf b = BUF_INIT(ENTRY_MAX);
	char types[8192], exec[1024], needs[PATH_MAX];
	const char *s;
	int r;

	r = file_read(path, &b);
	s = r == 0 ? buf_cstr(&b) : NULL;
	if (r == 0 && !s)
		r = -ENOMEM;
	if (r == 0 && (!value_of(s, "MimeType=", types, sizeof(types)) ||
	    !value_of(s, "Exec=", exec, sizeof(exec)) ||
	    !has_type(types, type)))
		r = -ENOENT;
	if (r == 0 && value_of(s, "TryExec=", needs, sizeof(needs)) &&
	    needs[0] == '/' && access(needs, X_OK) < 0)
		r = -ENOENT;
	buf_done(&b);
	return r < 0 ? r : thumbnailer_parse(exec, side, ret);
}

static int
folder_try(const char *folder, const char *type, unsigned side,
    struct thumbnailer *ret)
{
	static const char end[] = ".thumbnailer";
	char path[PATH_MAX];
	struct dirent *e;
	int r = -ENOENT;
	size_t n;
	DIR *d;

	d = opendir(folder);
	while (d && r < 0 && (e = readdir(d)) != NULL) {
		n = strlen(e->d_name);
		if (n < sizeof(end) || strcmp(e->d_name + n + 1 - sizeof(end),
		    end) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder,
		    e->d_name);
		r = entry_try(path, type, side, ret);
	}
	if (d)
		(void)closedir(d);
	return r < 0 ? -ENOENT : 0;
}

int
thumbnailer_find(const char *type, unsigned side, struct thumbnailer *ret)
{
	int r;

	/* The user's own are left out: a jail does not see the home. */
	r = folder_try("/usr/local/share/thumbnailers", type, side, ret);
	return r == 0 ? 0 : folder_try("/usr/share/thumbnailers", type, side,
	    ret);
}

/* ---- running it --------------------------------------------------------- */

static int
start(const struct thumbnailer *t, int in, int out, pid_t *ret)
{
	static char *const empty[] = { NULL };
	posix_spawn_file_actions_t fa;
	int r;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	r = -posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&fa, out, OUT_FD);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&fa, STDOUT_FILENO,
		    "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = -posix_spawn_file_actions_addopen(&fa, STDERR_FILENO,
		    "/dev/null", O_WRONLY, 0);
	if (r == 0)
		r = child_spawn(ret, "/proc/self/exe", &fa, false, t->argv,
		    empty);
	(void)posix_spawn_file_actions_destroy(&fa);
	return r;
}

/* Until it has ended, or is to end. */
static int
await(int pid_fd, int stop_fd)
{
	struct pollfd f[2] = { { .fd = pid_fd, .events = POLLIN },
	    { .fd = stop_fd, .events = POLLIN } };
	int64_t end = clock_mono_ms() + RUN_MS, left;

	while ((left = end - clock_mono_ms()) > 0) {
		if (poll(f, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (f[0].revents)
			return 0;
		if (f[1].revents)
			return -ECANCELED;
	}
	return -ETIMEDOUT;
}

/* What it has written, whatever it says of itself. */
static int
result_read(int fd, struct buf *out)
{
	struct stat st;
	uint8_t *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0)
		return -EIO;
	p = buf_reserve(out, (size_t)st.st_size);
	if (!p)
		return out->err;
	if (pread(fd, p, (size_t)st.st_size, 0) != st.st_size)
		return -EIO;
	out->len += (size_t)st.st_size;
	return 0;
}

int
thumbnailer_run(const struct thumbnailer *t, int fd, int stop_fd,
    struct buf *out)
{
	int file, pid_fd, status = -1, r;
	pid_t pid;

	file = memfd_create("coffre-preview", MFD_CLOEXEC);
	if (file < 0)
		return -errno;
	r = start(t, fd, file, &pid);
	if (r < 0)
		goto out;
	pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	r = pid_fd < 0 ? -errno : await(pid_fd, stop_fd);
	if (pid_fd >= 0)
		(void)close(pid_fd);
	/* Also what it may have started itself: that is still in its group. */
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		r = -EIO;
	if (r == 0)
		r = result_read(file, out);
out:
	(void)close(file);
	return r;
}
