/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CHILD_H
#define FS_CHILD_H

#include <limits.h>
#include <stdbool.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * child - another program that is talked to through its standard input and
 * output: one socket, so that one that has gone is an error and no signal.
 * Its standard error is ours.
 */
struct child {
	pid_t pid;
	int fd;
};

/* Where a program of this package is: beside this one, where it was built; or
 * where it is installed. */
void child_own_path(const char *name, char out[static PATH_MAX]);
/* A program with these descriptors; what this process does with signals is
 * not its matter.  is_group: what it starts can be ended with it.  path as for
 * child_start; who calls waits for it. */
int child_spawn(pid_t *ret, const char *path,
    const posix_spawn_file_actions_t *fa, bool is_group, char *const argv[],
    char *const env[]);
/* argv[0] is a path, or a name to look for in PATH.  -ENOENT: there is no
 * such program. */
int child_start(struct child *c, char *const argv[]);
int child_write(const struct child *c, const void *p, size_t len);
/* It reads the end of what it was told. */
void child_close_input(const struct child *c);
/* What it says next: bytes, 0 at its end, -ETIMEDOUT past the deadline (of
 * clock_mono_ms, -1: none), -ECANCELED when stop_fd (-1: none) has
 * something to read. */
ssize_t child_read(const struct child *c, void *p, size_t len,
    int64_t deadline_ms, int stop_fd);
/* Wait until it ends; its exit status, or 128 and the signal. */
int child_wait(struct child *c);
/* End it. */
void child_kill(struct child *c);

#endif
