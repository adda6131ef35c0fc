/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/err.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define NAMES_SHOWN 3	/* of what is in the way */
#define STALE_MAX 8	/* dead mounts on top of each other */
#define SEEN_MAX 64	/* mounts that show one drive */

/* Undo the octal escapes of /proc/self/mountinfo, in place. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s; to++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*to = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			    (s[3] - '0'));
			s += 4;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
}

/*
 * "36 35 0:53 / /home/u/Coffre rw,… shared:1 - fuse.coffre coffre\043home
 * rw,user_id=1000,…": false if it is no drive of ours.
 */
static bool
line_parse(char *line, struct mounted *ret)
{
	char *field[10], *save = NULL, *p, *id, *name;
	int n = 0;

	p = strstr(line, " - ");
	if (!p)
		return false;
	*p = '\0';
	for (char *f = strtok_r(line, " ", &save); f && n < 6;
	    f = strtok_r(NULL, " ", &save))
		field[n++] = f;
	if (n < 6)
		return false;
	for (char *f = strtok_r(p + 3, " \n", &save); f && n < 9;
	    f = strtok_r(NULL, " \n", &save))
		field[n++] = f;
	if (n < 9 || strcmp(field[6], MOUNT_FSTYPE) != 0)
		return false;
	unescape(field[4]);
	unescape(field[7]);
	name = field[7];
	if (strncmp(name, MOUNT_SOURCE, strlen(MOUNT_SOURCE)) == 0)
		name += strlen(MOUNT_SOURCE);
	if (!place_name_valid(name))
		return false;
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	(void)snprintf(ret->path, sizeof(ret->path), "%s", field[4]);
	if (sscanf(field[2], "%u:%u", &ret->major, &ret->minor) != 2)
		return false;
	id = strstr(field[8], "user_id=");
	ret->uid = id ? (uid_t)strtoul(id + 8, NULL, 10) : 0;
	ret->is_readonly = strncmp(field[5], "ro", 2) == 0;
	return true;
}

/* Is path dir, or below it? */
static bool
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '\0' ||
	    path[n] == '/' || strcmp(dir, "/") == 0);
}

/* Later lines lie on top of earlier ones. */
static int
mounted_find(const char *name, const char *path, struct mounted *ret)
{
	struct mounted m;
	char *line = NULL;
	size_t cap = 0;
	int r = -ENOENT;
	FILE *f;

	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0) {
		if (!line_parse(line, &m))
			continue;
		if (name && (strcmp(name, m.name) != 0 || m.uid != getuid()))
			continue;
		if (path && !is_below(path, m.path))
			continue;
		*ret = m;
		r = 0;
	}
	free(line);
	(void)fclose(f);
	return r;
}

int
mounted_at(const char *real, struct mounted *ret)
{
	int r = mounted_find(NULL, real, ret);

	return r == 0 && strcmp(ret->path, real) != 0 ? -ENOENT : r;
}

/* Mounts that show a drive, by their ids. */
struct shown {
	unsigned major, minor;
	int id[SEEN_MAX];
	size_t n;
};

/* A line of mountinfo, in their order: is it in one of those?  If it is one
 * itself, it is noted. */
static bool
line_is_inside(struct shown *s, char *line, const char *real,
    char out[static PATH_MAX])
{
	unsigned major, minor;
	char *path = NULL;
	int id, up;
	bool r = false;
	size_t i;

	if (sscanf(line, "%d %d %u:%u %*s %ms", &id, &up, &major, &minor,
	    &path) != 5)
		return false;
	unescape(path);
	/* What lies on the root itself hides the drive and stays. */
	for (i = 0; i < s->n && !r; i++)
		r = s->id[i] == up && strcmp(path, real) != 0;
	if (r)
		(void)snprintf(out, PATH_MAX, "%s", path);
	else if (major == s->major && minor == s->minor && s->n < SEEN_MAX)
		s->id[s->n++] = id;
	free(path);
	return r;
}

int
mountpoint_free_inside(const char *real, struct err *e)
{
	struct shown s = { .n = 0 };
	char path[PATH_MAX];
	struct mounted m;
	char *line = NULL;
	size_t cap = 0;
	bool is_found = false;
	FILE *f;

	if (mounted_at(real, &m) < 0)
		return 0;
	s.major = m.major;
	s.minor = m.minor;
	f = fopen("/proc/self/mountinfo", "re");
	if (!f)
		return 0;
	while (!is_found && getline(&line, &cap, f) > 0)
		is_found = line_is_inside(&s, line, real, path);
	free(line);
	(void)fclose(f);
	if (!is_found)
		return 0;
	text_clean(path);
	return err_set(e, -EBUSY, "'%s' is mounted on drive '%s': unmount "
	    "that first, or 'coffre lock --force'", path, m.name);
}

void
mountpoint_noted(const char *name, char out[static PATH_MAX])
{
	char dir[PATH_MAX], path[PATH_MAX + 16], *end;
	ssize_t n = -1;
	int fd;

	out[0] = '\0';
	if (place_path(PLACE_STATE, name, dir, NULL) < 0)
		return;
	(void)snprintf(path, sizeof(path), "%s/" MOUNT_LOCK, dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, out, PATH_MAX - 1);
	(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	end = strchr(out, '\n');
	*(end ? end : out) = '\0';
}

void
mountpoint_note(int lock_fd, const char *path)
{
	char line[PATH_MAX + 1];
	int n = snprintf(line, sizeof(line), "%s\n", path);

	if (ftruncate(lock_fd, 0) < 0 || pwrite(lock_fd, line, (size_t)n,
	    0) != n)
		log_debug("'" MOUNT_LOCK "' does not take the mount point");
}

int
mounted_by_name(const char *name, struct mounted *ret)
{
	char path[PATH_MAX];

	mountpoint_noted(name, path);
	return mounted_find(name, path[0] ? path : NULL, ret);
}

int
mountpoint_real(const char *path, char out[static PATH_MAX])
{
	char parent[PATH_MAX], dir[PATH_MAX], *slash;
	const char *base;
	int n;

	if (realpath(path, out))
		return 0;
	if (snprintf(parent, sizeof(parent), "%s", path) >=
	    (int)sizeof(parent))
		return -ENAMETOOLONG;
	for (n = (int)strlen(parent); n > 1 && parent[n - 1] == '/'; n--)
		parent[n - 1] = '\0';
	slash = strrchr(parent, '/');
	base = slash ? slash + 1 : parent;
	if (strcmp(base, "..") == 0 || strcmp(base, ".") == 0)
		return -errno;
	if (slash)
		*slash = '\0';
	if (!realpath(!slash ? "." : slash == parent ? "/" : parent, dir))
		return -errno;
	n = snprintf(out, PATH_MAX, "%s/%s", strcmp(dir, "/") ? dir : "",
	    base);
	return n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int
mounted_by_path(const char *path, struct mounted *ret)
{
	char real[PATH_MAX];
	int r;

	r = mountpoint_real(path, real);
	return r < 0 ? r : mounted_find(NULL, real, ret);
}

bool
mountpoint_is_dead(const char *path)
{
	struct statvfs v;

	/* Attributes may be remembered by the kernel; this is always asked of
	 * the process. */
	return statvfs(path, &v) < 0 && (errno == ENOTCONN ||
	    errno == ECONNABORTED);
}

/* ---- the folder below ---------------------------------------------------- */

/* Add "a, b, c": three names at the most, and that there are more. */
static void
names_add(char *out, size_t cap, unsigned n, const char *name)
{
	size_t len = strlen(out);

	if (n < NAMES_SHOWN)
		(void)snprintf(out + len, cap - len, "%s'%.40s'", n ? ", " :
		    "", name);
	else if (n == NAMES_SHOWN)
		(void)snprintf(out + len, cap - len, ", ...");
}

static int
dir_check_empty(const char *path, struct err *e)
{
	char names[160] = "";
	struct dirent *de;
	unsigned n = 0;
	int r;
	DIR *d;

	d = opendir(path);
	if (!d) {
		r = -errno;
		return err_set(e, r, "mount point '%s': %s", path,
		    strerror(-r));
	}
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0)
			names_add(names, sizeof(names), n++, de->d_name);
	}
	(void)closedir(d);
	if (n == 0)
		return 0;
	/* Nothing is moved here: they are the user's, and may be open. */
	if (access(path, W_OK) < 0)
		return err_set(e, -ENOTEMPTY, "mount point '%s' is not empty: "
		    "allow writing there ('chmod u+w'), move %s away, mount, "
		    "and copy it into the drive; or name another folder",
		    path, names);
	return err_set(e, -ENOTEMPTY, "mount point '%s' is not empty: move %s "
	    "away, mount, and copy it into the drive; or name another folder",
	    path, names);
}

void
mountpoint_open(const char *path, struct below *ret)
{
	struct stat st;

	ret->fd = geteuid() == 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	if (ret->fd < 0)
		return;
	if (fstat(ret->fd, &st) < 0 || st.st_uid != geteuid()) {
		(void)close(ret->fd);
		ret->fd = -1;
		return;
	}
	ret->mode = st.st_mode & 07777;
	/* If that cannot be, fusermount3 says so. */
	if (!(ret->mode & S_IWUSR))
		(void)fchmod(ret->fd, ret->mode | S_IWUSR);
}

void
mountpoint_close(struct below *b, bool is_mounted)
{
	if (b->fd < 0)
		return;
	/* The descriptor is that of the folder, whatever lies on it now. */
	if (fchmod(b->fd, is_mounted ? b->mode & ~(mode_t)0222 : b->mode) < 0)
		log_info("the folder below the mount stays writable: r=%d",
		    -errno);
	(void)close(b->fd);
	b->fd = -1;
}

int
mountpoint_prepare(const char *path, char out[static PATH_MAX],
    struct err *e)
{
	struct mounted m;
	int i, r;

	/* A crash may have left more than one on top of each other. */
	for (i = 0; i < STALE_MAX && mountpoint_is_dead(path); i++) {
		/* A link to it cannot be unmounted. */
		r = mountpoint_real(path, out);
		r = mountpoint_unmount(r < 0 ? path : out, true, e);
		if (r < 0)
			return r;
	}
	r = file_mkdirs(path);
	if (r < 0)
		return err_set(e, r, "mount point '%s': %s", path,
		    strerror(-r));
	r = mountpoint_real(path, out);
	if (r < 0)
		return err_set(e, r, "mount point '%s': %s", path,
		    strerror(-r));
	if (mounted_at(out, &m) == 0)
		return err_set(e, -EBUSY, "drive '%s' is mounted on '%s': "
		    "unmount it or name another folder", m.name, out);
	return dir_check_empty(out, e);
}

/* As an ordinary user only the setuid helper may. */
static int
helper_unmount(const char *path, bool is_lazy)
{
	char fuser[] = "fusermount3", u[] = "-u", q[] = "-q", z[] = "-z";
	char end[] = "--", *p = strdup(path);
	char *argv[] = { fuser, u, q, is_lazy ? z : end, end, p, NULL };
	int status = 0, r;
	pid_t pid;

	if (!p)
		return -ENOMEM;
	if (!is_lazy) {
		argv[4] = p;
		argv[5] = NULL;
	}
	r = posix_spawnp(&pid, fuser, NULL, NULL, argv, environ);
	if (r == 0) {
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		r = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EBUSY;
	}
	free(p);
	return -r;
}

int
mountpoint_unmount(const char *path, bool is_lazy, struct err *e)
{
	int r = 0;

	if (umount2(path, UMOUNT_NOFOLLOW | (is_lazy ? MNT_DETACH : 0)) < 0)
		r = -errno;
	if (r == -EPERM)
		r = helper_unmount(path, is_lazy);
	if (r == -EBUSY)
		return err_set(e, r, "'%s' is in use: close what is open there "
		    "('fuser -vm %s' lists it), or 'coffre unmount --lazy'",
		    path, path);
	if (r < 0)
		return err_set(e, r, "'%s' cannot be unmounted: %s", path,
		    strerror(-r));
	return 0;
}

int
mountpoint_unmount_stale(const char *name, struct err *e)
{
	struct mounted m;
	int i, r = 0;

	/* More than one may lie on top of each other. */
	for (i = 0; r == 0 && i < STALE_MAX && mounted_by_name(name, &m) == 0 &&
	    mountpoint_is_dead(m.path); i++)
		r = mountpoint_unmount(m.path, true, e);
	return r;
}
