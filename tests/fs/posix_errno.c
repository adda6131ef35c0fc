/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Errors, limits and times.  As posix_perm.c it only says what happens: a
 * line for each call with its error, or with the times that it moved.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

#include "posix.h"

#define N(a) (sizeof(a) / sizeof(*(a)))

static char long255[256], long256[257], long4096[4097];

/* One call with a folder of its own, in which there are these. */
static void
furnish(void)
{
	int fd;

	if (posix_puts("f", "0123456789") < 0 || posix_puts("g", "g") < 0 ||
	    mkdir("d", 0755) < 0 || mkdir("full", 0755) < 0 ||
	    posix_puts("full/x", "x") < 0 || symlink("f", "l") < 0 ||
	    symlink("d", "ld") < 0 || symlink("none", "broken") < 0 ||
	    symlink("loop", "loop") < 0 || mkfifo("p", 0644) < 0 ||
	    mkdir("d/sub", 0755) < 0) {
		perror("furnish");
		exit(1);
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd >= 0) {
		struct sockaddr_un a = { .sun_family = AF_UNIX,
		    .sun_path = "sock" };

		(void)bind(fd, (struct sockaddr *)&a, sizeof(a));
		close(fd);
	}
}

#define SAY(call) do {							\
	long r_;							\
									\
	errno = 0;							\
	r_ = (long)(call);						\
	printf("%s: %s\n", #call, r_ < 0 ? strerrorname_np(errno) :	\
	    "ok");							\
} while (0)

static int
o(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int
try_opendir(const char *path)
{
	DIR *d = opendir(path);

	return d == NULL ? -1 : closedir(d);
}

static void
say_open(void)
{
	SAY(o("none", O_RDONLY));
	SAY(o("f/x", O_RDONLY));
	SAY(o("f/x", O_RDWR | O_CREAT));
	SAY(o("none/x", O_RDWR | O_CREAT));
	SAY(o("d", O_WRONLY));
	SAY(o("d", O_RDWR));
	SAY(o("d", O_RDONLY | O_TRUNC));
	SAY(o("d", O_RDONLY | O_CREAT));
	SAY(o("f/", O_RDONLY));
	SAY(o("f/", O_RDWR | O_CREAT));
	SAY(o("new/", O_RDWR | O_CREAT));
	SAY(o("f", O_RDONLY | O_DIRECTORY));
	SAY(o("ld", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
	SAY(o("l", O_RDONLY | O_NOFOLLOW));
	SAY(o("l", O_RDWR | O_CREAT | O_EXCL));
	SAY(o("broken", O_RDWR | O_CREAT | O_EXCL));
	SAY(o("broken", O_RDONLY));
	SAY(o("loop", O_RDONLY));
	SAY(o("loop/x", O_RDONLY));
	SAY(o("f", O_RDWR | O_CREAT | O_EXCL));
	SAY(o("d", O_RDWR | O_CREAT | O_EXCL));
	SAY(o("p", O_WRONLY | O_NONBLOCK));
	SAY(o("p", O_RDONLY | O_NONBLOCK));
	SAY(o("sock", O_RDONLY));
	SAY(o("", O_RDONLY));
	SAY(o(long255, O_RDWR | O_CREAT));
	SAY(o(long256, O_RDWR | O_CREAT));
	SAY(o(long256, O_RDONLY));
	SAY(o(long4096, O_RDONLY));
	SAY(o("f", O_TMPFILE | O_RDWR));
	SAY(o("d", O_TMPFILE | O_RDONLY));
	SAY(o("broken", O_RDWR | O_CREAT));
	SAY(access("none", F_OK));
}

static void
say_make(void)
{
	SAY(mkdir("f", 0755));
	SAY(mkdir("l", 0755));
	SAY(mkdir("broken", 0755));
	SAY(mkdir("d", 0755));
	SAY(mkdir("d/.", 0755));
	SAY(mkdir("d/..", 0755));
	SAY(mkdir("slash/", 0755));
	SAY(mkdir("f/x", 0755));
	SAY(mkdir("none/x", 0755));
	SAY(mkdir(long255, 0755));
	SAY(mkdir(long256, 0755));
	SAY(mkdir("loop/x", 0755));
	SAY(mkdir("", 0755));
	SAY(mkfifo("f", 0644));
	SAY(mkfifo("none/p", 0644));
	SAY(mkfifo("p2", 0644));
	SAY(mknod("s2", S_IFSOCK | 0644, 0));
	SAY(mknod("r2", S_IFREG | 0644, 0));
	SAY(mknod("x2", S_IFDIR | 0644, 0));
	SAY(mknod("c2", S_IFCHR | 0644, makedev(1, 3)));
	SAY(mknod("c2", S_IFBLK | 0644, makedev(1, 3)));
	SAY(mknod("none/b2", S_IFBLK | 0644, makedev(8, 1)));
	SAY(truncate("c2", 0));
	SAY(setxattr("c2", "user.x", "y", 1, 0));
	SAY(setxattr("c2", "trusted.x", "y", 1, 0));
	SAY(unlink("c2"));
	SAY(symlink("x", "f"));
	SAY(symlink("x", "none/l"));
	SAY(symlink("", "empty"));
	SAY(symlink(long255, "l255"));
	SAY(symlink(long4096, "l4096"));
	SAY(symlink("x", long256));
	SAY(link("f", "g"));
	SAY(link("f", "f"));
	SAY(link("none", "n2"));
	SAY(link("none", "g"));
	SAY(link("d", "d2"));
	SAY(link("d", "g"));
	SAY(link("f", "none/x"));
	SAY(link("f", "g/x"));
	SAY(link("f", long256));
	SAY(link("l", "l2"));
	SAY(linkat(AT_FDCWD, "l", AT_FDCWD, "l3", AT_SYMLINK_FOLLOW));
	SAY(linkat(AT_FDCWD, "broken", AT_FDCWD, "l4", AT_SYMLINK_FOLLOW));
	SAY(link("p", "p3"));
	SAY(link("f/", "f3"));
	SAY(link("f", "f4/"));
}

static void
say_remove(void)
{
	char buf[10];

	SAY(readlink("f", buf, sizeof(buf)));
	SAY(readlink("none", buf, sizeof(buf)));
	SAY(readlink("l", buf, 0));
	SAY(unlink("none"));
	SAY(unlink("d"));
	SAY(unlink("ld/"));
	SAY(unlink("f/"));
	SAY(unlink("f/x"));
	SAY(unlink("d/."));
	SAY(unlink(long256));
	SAY(unlink("loop/x"));
	SAY(unlink(""));
	SAY(rmdir("none"));
	SAY(rmdir("f"));
	SAY(rmdir("l"));
	SAY(rmdir("ld"));
	SAY(rmdir("full"));
	SAY(rmdir("d/."));
	SAY(rmdir("d/sub/.."));
	SAY(rmdir("."));
	SAY(rmdir(".."));
	SAY(rmdir("f/x"));
	SAY(rmdir("/"));
	SAY(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
	SAY(unlinkat(AT_FDCWD, "d", 12345));
	SAY(rmdir("d/sub/"));
	SAY(unlink("broken"));
}

#define REN(a, b, f) SAY(renameat2(AT_FDCWD, a, AT_FDCWD, b, f))
static void
say_rename(void)
{
	REN("none", "x", 0);
	REN("none", "f", 0);
	REN("f", "none/x", 0);
	REN("f", "g/x", 0);
	REN("f", "d", 0);
	REN("d", "f", 0);
	REN("d", "full", 0);
	REN("d", "d/sub/x", 0);
	REN("d", "d/x", 0);
	REN("d/sub", "d", 0);
	REN("d/.", "x", 0);
	REN("d/..", "x", 0);
	REN("f", "d/.", 0);
	REN(".", "x", 0);
	REN("f", "f", 0);
	REN("f/", "x", 0);
	REN("f", "x/", 0);
	REN("d", "x/", 0);
	REN("x/", "d", 0);
	REN("f", long256, 0);
	REN(long256, "x", 0);
	REN("loop/x", "x", 0);
	REN("l", "d", 0);
	REN("d", "ld", 0);
	REN("p", "p2", 0);
	REN("f", "g", RENAME_NOREPLACE);
	REN("none", "g", RENAME_NOREPLACE);
	REN("f", "f", RENAME_NOREPLACE);
	REN("f", "none", RENAME_EXCHANGE);
	REN("f", "d", RENAME_EXCHANGE);
	REN("f", "d", RENAME_EXCHANGE);
	REN("full", "full/x", RENAME_EXCHANGE);
	REN("full/x", "full", RENAME_EXCHANGE);
	REN("f", "g", RENAME_EXCHANGE | RENAME_NOREPLACE);
	REN("f", "g", RENAME_EXCHANGE | RENAME_WHITEOUT);
	REN("f", "g", 1u << 20);
	REN("f", "f2", RENAME_NOREPLACE);
	REN("f2", "g", 0);
}

static void
say_content(void)
{
	int fd = open("f", O_RDWR), ro = open("f", O_RDONLY);
	int dir = open("d", O_RDONLY), wo = open("f", O_WRONLY);
	int ap = open("g", O_RDWR | O_APPEND);
	char buf[16];
	off_t huge = (off_t)1 << 62;

	SAY(read(wo, buf, 1));
	SAY(write(ro, buf, 1));
	SAY(read(dir, buf, 1));
	SAY(write(dir, buf, 1));
	SAY(pread(fd, buf, 1, -1));
	SAY(pwrite(fd, buf, 1, -1));
	SAY(ftruncate(ro, 0));
	SAY(ftruncate(dir, 0));
	SAY(ftruncate(fd, -1));
	SAY(truncate("f", -1));
	SAY(truncate("d", 0));
	SAY(truncate("none", 0));
	SAY(truncate("broken", 0));
	SAY(truncate("p", 0));
	SAY(truncate("f/x", 0));
	SAY(truncate(long256, 0));
	SAY(truncate("f", huge));
	SAY(pwrite(fd, buf, 1, huge));
	SAY(lseek(fd, -1, SEEK_SET));
	SAY(lseek(fd, 11, SEEK_DATA));
	SAY(lseek(fd, 11, SEEK_HOLE));
	SAY(lseek(fd, -1, SEEK_DATA));
	SAY(lseek(fd, 0, 77));
	SAY(fallocate(ro, 0, 0, 5));
	SAY(fallocate(fd, 0, 0, 0));
	SAY(fallocate(fd, 0, -1, 5));
	SAY(fallocate(fd, 0, 0, -5));
	SAY(fallocate(dir, 0, 0, 5));
	SAY(fallocate(fd, 2, 0, 5));
	SAY(fallocate(fd, 0, huge, 5));
	SAY(copy_file_range(fd, NULL, ap, NULL, 5, 0));
	SAY(copy_file_range(wo, NULL, fd, NULL, 5, 0));
	SAY(copy_file_range(fd, NULL, ro, NULL, 5, 0));
	SAY(copy_file_range(dir, NULL, fd, NULL, 5, 0));
	SAY(copy_file_range(fd, NULL, fd, NULL, 5, 0));
	SAY(copy_file_range(fd, NULL, fd, NULL, 5, 99));
	SAY(mmap(NULL, 1, PROT_WRITE, MAP_SHARED, ro, 0) == MAP_FAILED ? -1 :
	    0);
	SAY(mmap(NULL, 1, PROT_READ, MAP_SHARED, wo, 0) == MAP_FAILED ? -1 :
	    0);
	SAY(mmap(NULL, 1, PROT_READ, MAP_SHARED, dir, 0) == MAP_FAILED ? -1 :
	    0);
	SAY(fsync(dir));
	SAY(fdatasync(ro));
	SAY(fchmod(ro, 0600));
	SAY(fchown(ro, 0, 0));
	close(fd);
	close(ro);
	close(dir);
	close(wo);
	close(ap);
}

static void
say_attr(void)
{
	static char big[70000];
	struct timespec bad[2] = { { 0, 1000000000 }, { 0, 0 } };
	char name[300], buf[16];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(name, "user.", 5);
	SAY(chmod("none", 0644));
	SAY(chmod("broken", 0644));
	SAY(chmod("f/x", 0644));
	SAY(chmod("loop", 0644));
	SAY(chmod(long256, 0644));
	SAY(chown("none", 0, 0));
	SAY(lchown("broken", 5, 6));
	SAY(chown("broken", 5, 6));
	SAY(utimensat(AT_FDCWD, "f", bad, 0));
	SAY(utimensat(AT_FDCWD, "none", NULL, 0));
	SAY(utimensat(AT_FDCWD, "broken", NULL, AT_SYMLINK_NOFOLLOW));
	SAY(setxattr("f", "user.a", "v", 1, XATTR_REPLACE));
	SAY(setxattr("f", "user.a", "v", 1, XATTR_CREATE));
	SAY(setxattr("f", "user.a", "v", 1, XATTR_CREATE));
	SAY(setxattr("f", "user.", "v", 1, 0));
	SAY(setxattr("f", "user", "v", 1, 0));
	SAY(setxattr("f", "foo.a", "v", 1, 0));
	SAY(setxattr("f", "", "v", 1, 0));
	SAY(setxattr("f", name, "v", 1, 0));
	SAY(setxattr("f", "user.big", big, sizeof(big), 0));
	SAY(setxattr("f", "user.a", "v", 1, 99));
	SAY(setxattr("none", "user.a", "v", 1, 0));
	SAY(lsetxattr("l", "user.a", "v", 1, 0));
	SAY(setxattr("p", "user.a", "v", 1, 0));
	SAY(setxattr("d", "user.a", "vvv", 3, 0));
	SAY(setxattr("f", "trusted.", "v", 1, 0));
	SAY(getxattr("f", "trusted.b", big, sizeof(big)));
	SAY(setxattr("f", "trusted.a", "v", 1, 0));
	SAY(lsetxattr("l", "trusted.a", "v", 1, 0));
	SAY(setxattr("p", "trusted.a", "v", 1, 0));
	SAY(listxattr("p", big, sizeof(big)));
	SAY(removexattr("p", "trusted.a"));
	SAY(removexattr("p", "trusted.a"));
	SAY(getxattr("f", "user.", buf, 2));
	SAY(getxattr("f", "security.b", big, sizeof(big)));
	SAY(setxattr("f", "security.a", "v", 1, 0));
	SAY(lsetxattr("l", "security.a", "v", 1, 0));
	SAY(setxattr("p", "security.a", "v", 1, 0));
	SAY(listxattr("p", big, sizeof(big)));
	SAY(removexattr("p", "security.a"));
	SAY(removexattr("p", "security.a"));
	SAY(removexattr("f", "security."));
	SAY(getxattr("d", "user.a", buf, 2));
	SAY(getxattr("d", "user.b", buf, 2));
	SAY(getxattr("p", "user.b", buf, 2));
	SAY(lgetxattr("l", "user.b", buf, 2));
	SAY(listxattr("d", buf, 3));
	SAY(removexattr("d", "user.b"));
	SAY(removexattr("d", "user.a"));
	SAY(setxattr("f", "system.posix_acl_default", "x", 1, 0));
	SAY(setxattr("f", "system.posix_acl_access", "x", 1, 0));
	SAY(setxattr("d", "system.posix_acl_default", "\2\0\0\0", 4, 0));
	SAY(removexattr("f", "system.posix_acl_access"));
	SAY(try_opendir("f"));
	SAY(try_opendir("none"));
	SAY(try_opendir("p"));
}

/* ---- programs ------------------------------------------------------------ */

static int
run(const char *path)
{
	pid_t pid = fork();
	int st;

	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		return -1;
	errno = WEXITSTATUS(st);
	return errno ? -1 : 0;
}

static int
copy_program(const char *to)
{
	static char buf[1 << 20];
	int in = open("/bin/sleep", O_RDONLY), r;
	int out = open(to, O_CREAT | O_WRONLY, 0755);
	ssize_t n = read(in, buf, sizeof(buf));

	r = write(out, buf, (size_t)n) == n ? 0 : -1;
	close(in);
	close(out);
	return r;
}

/* Until it runs. */
static void
prog_wait(pid_t pid)
{
	char link[32], at[1024] = "";
	size_t n;
	int i;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	for (i = 0; i < 3000; i++) {
		n = strlen(at);
		if (n >= 5 && strcmp(at + n - 5, "/prog") == 0)
			return;
		usleep(10000);
		memset(at, 0, sizeof(at));
		(void)!readlink(link, at, sizeof(at) - 1);
	}
}

static void
say_programs(void)
{
	pid_t pid;
	int fd;

	SAY(copy_program("prog"));
	SAY(posix_puts("script", "#!/bin/sh\nexit 0\n"));
	SAY(run("./script"));
	SAY(chmod("script", 0755));
	SAY(run("./script"));
	SAY(run("./d"));
	fd = open("script", O_WRONLY);
	SAY(run("./script"));
	close(fd);
	SAY(run("./script"));
	pid = fork();
	if (pid == 0) {
		execl("./prog", "prog", "20", (char *)NULL);
		_exit(1);
	}
	prog_wait(pid);
	SAY(o("prog", O_WRONLY));
	SAY(o("prog", O_RDWR));
	SAY(truncate("prog", 0));
	SAY(o("prog", O_RDONLY));
	SAY(unlink("prog"));
	kill(pid, 9);
	(void)posix_wait(pid);
}

/* ---- times --------------------------------------------------------------- */

struct seen {
	struct stat f, d, away;
};

static void
look(struct seen *s, const char *f)
{
	memset(s, 0, sizeof(*s));
	(void)lstat(f, &s->f);
	(void)lstat("d", &s->d);
	(void)lstat(".", &s->away);
}

static bool
moved(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

/* A call and which times it moves: of a file in d, of d, of the folder. */
#define TIMES(path_, call) do {						\
	struct seen a_, b_;						\
	long r_;							\
									\
	look(&a_, path_);						\
	usleep(12000);							\
	r_ = (long)(call);						\
	look(&b_, path_);						\
	printf("%s: %s, file%s%s (%lu), d%s%s (%lu), top%s%s (%lu)\n",	\
	    #call, r_ < 0 ? strerrorname_np(errno) : "ok",		\
	    moved(a_.f.st_mtim, b_.f.st_mtim) ? " m" : "",		\
	    moved(a_.f.st_ctim, b_.f.st_ctim) ? " c" : "",		\
	    (unsigned long)b_.f.st_nlink,				\
	    moved(a_.d.st_mtim, b_.d.st_mtim) ? " m" : "",		\
	    moved(a_.d.st_ctim, b_.d.st_ctim) ? " c" : "",		\
	    (unsigned long)b_.d.st_nlink,				\
	    moved(a_.away.st_mtim, b_.away.st_mtim) ? " m" : "",	\
	    moved(a_.away.st_ctim, b_.away.st_ctim) ? " c" : "",	\
	    (unsigned long)b_.away.st_nlink);				\
} while (0)

static void
say_times(void)
{
	struct timespec ts[2] = { { 5, 5 }, { 6, 6 } };
	char buf[16];
	int fd;

	TIMES("d/a", o("d/a", O_RDWR | O_CREAT));
	fd = open("d/a", O_RDWR);
	TIMES("d/a", write(fd, "hello", 5));
	TIMES("d/a", write(fd, "", 0));
	TIMES("d/a", pread(fd, buf, 5, 0));
	TIMES("d/a", pwrite(fd, "x", 1, 1));
	TIMES("d/a", ftruncate(fd, 5));
	TIMES("d/a", ftruncate(fd, 3));
	TIMES("d/a", fallocate(fd, 0, 0, 100));
	TIMES("d/a", fallocate(fd, 0, 0, 50));
	TIMES("d/a", fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 500));
	TIMES("d/a", fallocate(fd, FALLOC_FL_KEEP_SIZE |
	    FALLOC_FL_PUNCH_HOLE, 500, 500));
	TIMES("d/a", fsync(fd));
	TIMES("d/a", truncate("d/a", 50));
	TIMES("d/a", o("d/a", O_RDONLY));
	TIMES("d/a", o("d/a", O_WRONLY | O_TRUNC));
	TIMES("d/a", o("d/a", O_WRONLY | O_TRUNC));
	TIMES("d/a", close(fd));
	TIMES("d/a", chmod("d/a", 0600));
	TIMES("d/a", chmod("d/a", 0600));
	TIMES("d/a", chown("d/a", 7, 8));
	TIMES("d/a", chown("d/a", 7, 8));
	TIMES("d/a", utimensat(AT_FDCWD, "d/a", ts, 0));
	TIMES("d/a", utimensat(AT_FDCWD, "d/a", NULL, 0));
	TIMES("d/a", setxattr("d/a", "user.x", "1", 1, 0));
	TIMES("d/a", getxattr("d/a", "user.x", buf, 5));
	TIMES("d/a", removexattr("d/a", "user.x"));
	TIMES("d/a", removexattr("d/a", "user.x"));
	TIMES("d/a", link("d/a", "d/b"));
	TIMES("d/a", link("d/a", "top"));
	TIMES("d/a", unlink("d/b"));
	TIMES("d/a", unlink("top"));
	TIMES("d/a", link("d/a", "d/a"));
	TIMES("d/b", rename("d/a", "d/b"));
	TIMES("top", rename("d/b", "top"));
	TIMES("d/a", rename("top", "d/a"));
	TIMES("d/a", posix_puts("d/b", "b"));
	TIMES("d/a", rename("d/b", "d/a"));
	TIMES("d/a", posix_puts("d/b", "b"));
	TIMES("d/a", renameat2(AT_FDCWD, "d/a", AT_FDCWD, "d/b",
	    RENAME_EXCHANGE));
	TIMES("d/a", renameat2(AT_FDCWD, "d/a", AT_FDCWD, "d/b",
	    RENAME_NOREPLACE));
	TIMES("d/m", mkdir("d/m", 0755));
	TIMES("d/m/s", mkdir("d/m/s", 0755));
	TIMES("d/m", rename("d/m", "m"));
	TIMES("m", rename("m/s", "d/s"));
	TIMES("m", rename("d/s", "m/s"));
	TIMES("m", rmdir("m/s"));
	TIMES("m", rmdir("m"));
	TIMES("d/l", symlink("x", "d/l"));
	TIMES("d/l", readlink("d/l", buf, 5));
	TIMES("d/l", lchown("d/l", 3, 4));
	TIMES("d/p", mkfifo("d/p", 0644));
	TIMES("d/p", unlink("d/p"));
	TIMES("d/a", unlink("d/none"));
	TIMES("d/a", mkdir("d/a", 0755));
	TIMES("d/a", try_opendir("d"));
}

struct part {
	const char *name;
	void (*fn)(void);
};

int
main(void)
{
	static const struct part parts[] = {
		{ "open", say_open }, { "make", say_make },
		{ "remove", say_remove }, { "rename", say_rename },
		{ "content", say_content }, { "attr", say_attr },
		{ "programs", say_programs }, { "times", say_times },
	};
	size_t i;

	umask(022);
	memset(long255, 'n', 255);
	memset(long256, 'n', 256);
	for (i = 0; i < 4096; i++)
		long4096[i] = i % 2 ? '/' : 'f';
	for (i = 0; i < N(parts); i++) {
		if (mkdir(parts[i].name, 0755) < 0 ||
		    chdir(parts[i].name) < 0) {
			perror(parts[i].name);
			return 1;
		}
		printf("== %s\n", parts[i].name);
		furnish();
		parts[i].fn();
		if (chdir("..") < 0)
			return 1;
	}
	return 0;
}
