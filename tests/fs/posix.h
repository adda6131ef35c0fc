/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_POSIX_H
#define FS_POSIX_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * posix - the frame of the programs that try system calls on a mount.
 *
 * A test is a function that runs in an empty folder of its own, in a process
 * of its own with a time limit, and returns 0.  A program runs all its tests,
 * prints one line for each and closes with the line that run-tests.sh counts.
 */
struct posix_test {
	const char *name;
	int (*fn)(void);
};

#define POSIX_TEST(f) { #f, f }
#define POSIX_SECONDS 300

/* Without it the test has failed; says where. */
#define OK(cond) do {							\
	if (!(cond)) {							\
		printf("  %s:%d: not so: %s (errno: %s)\n", __FILE__,	\
		    __LINE__, #cond, strerror(errno));			\
		return 1;						\
	}								\
} while (0)

/* The call fails with just this error. */
#define FAILS(call, err) do {						\
	errno = 0;							\
	if ((call) != -1) {						\
		printf("  %s:%d: succeeded: %s\n", __FILE__, __LINE__,	\
		    #call);						\
		return 1;						\
	}								\
	if (errno != (err)) {						\
		printf("  %s:%d: %s: %s instead of %s\n", __FILE__,	\
		    __LINE__, #call, strerrorname_np(errno),		\
		    strerrorname_np(err));				\
		return 1;						\
	}								\
} while (0)

/* On a plain folder, as a check of the tests themselves. */
static inline bool
posix_is_plain(void)
{
	return getenv("COFFRE_TEST_DIR") != NULL;
}

/* Make a file with this content; 0 or -1. */
static inline int
posix_put(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return -1;
	if (write(fd, p, n) != (ssize_t)n) {
		close(fd);
		return -1;
	}
	return close(fd);
}

static inline int
posix_puts(const char *path, const char *s)
{
	return posix_put(path, s, strlen(s));
}

/* Is this the whole content of the file? */
static inline bool
posix_holds(const char *path, const void *p, size_t n)
{
	char *buf = malloc(n + 1);
	int fd = open(path, O_RDONLY);
	bool is_same;
	size_t have = 0;
	ssize_t r = 1;

	while (fd >= 0 && have < n + 1 && r > 0) {
		r = read(fd, buf + have, n + 1 - have);
		if (r > 0)
			have += (size_t)r;
	}
	is_same = fd >= 0 && r >= 0 && have == n && memcmp(buf, p, n) == 0;
	if (fd >= 0)
		close(fd);
	free(buf);
	return is_same;
}

static inline bool
posix_says(const char *path, const char *s)
{
	return posix_holds(path, s, strlen(s));
}

static inline bool
posix_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The child's exit status, or 128. */
static inline int
posix_wait(pid_t pid)
{
	int st;

	if (waitpid(pid, &st, 0) != pid || !WIFEXITED(st))
		return 128;
	return WEXITSTATUS(st);
}

/* Bytes that look random and are the same every time. */
static inline void
posix_fill(void *p, size_t n, uint64_t seed)
{
	unsigned char *b = p;
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	size_t i;

	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		b[i] = (unsigned char)(x >> 32);
	}
}

static inline int
posix_run_one(const struct posix_test *t)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		umask(022);
		alarm(POSIX_SECONDS);
		if (mkdir(t->name, 0755) < 0 || chdir(t->name) < 0) {
			perror(t->name);
			exit(1);
		}
		exit(t->fn());
	}
	return pid < 0 ? 1 : posix_wait(pid);
}

/* The whole program: PROGRAM [TEST...], in the current folder. */
static inline int
posix_main(int argc, char **argv, const struct posix_test *t, size_t n)
{
	int done = 0, failed = 0, r, k;
	bool is_wanted;
	size_t i;

	for (i = 0; i < n; i++) {
		is_wanted = argc < 2;
		for (k = 1; k < argc; k++)
			is_wanted |= strcmp(argv[k], t[i].name) == 0;
		if (!is_wanted)
			continue;
		r = posix_run_one(&t[i]);
		done++;
		failed += r != 0;
		printf("%s - %s\n", r ? "FAILED" : "ok", t[i].name);
	}
	printf("Checks: %d, Failures: %d, Errors: 0\n", done, failed);
	return failed > 0 || done == 0;
}

#endif
