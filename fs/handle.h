/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_HANDLE_H
#define FS_HANDLE_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "fs/program.h"

struct drive_dir;
struct drive_file;

/*
 * handle - open files and folders.  The kernel's handle is a pointer to one
 * of these.  All are in a table, because at a forced unmount the kernel does
 * not release what is still open, and what was written must not be lost.
 */
struct handles;

struct handle {
	LIST_ENTRY(handle) link;
	struct handles *in;
	struct drive_file *file;	/* one of the two, or neither */
	struct drive_dir *dir;
	uint64_t ino;		/* 0: of what is made up */
	int error;		/* of a ghost: of closing it */
	bool may_map;		/* for writing */
	bool no_atime;		/* a folder's: opened with O_NOATIME */
	bool is_fetched;	/* atomic: a read waited for the store */
	/* Of the program, if what it fetches is metered; "" otherwise. */
	char metered[PROGRAM_NAME_MAX + 1];
};

int handles_new(struct handles **ret);
/* Close everything that is still open, and free. */
void handles_free(struct handles *t);

/* A handle for f (opened with flags) or d, of inode ino, which it takes over
 * (also on error). */
int handle_file(struct handles *t, struct drive_file *f, uint64_t ino,
    int flags, struct handle **ret);
int handle_dir(struct handles *t, struct drive_dir *d, uint64_t ino,
    struct handle **ret);
/* For the file that is made up: neither of the two. */
int handle_virtual(struct handles *t, struct handle **ret);
/* May a program have it mapped for writing?  The kernel keeps the handle as
 * long as the map. */
bool handles_may_map(struct handles *t, uint64_t ino);
/* How many are open. */
unsigned handles_count(struct handles *t);
/* Close everything that is open.  The kernel still names these handles, so
 * each stays as a ghost, until it is released. */
void handles_end(struct handles *t);
bool handles_has_ghosts(struct handles *t);
/* Is it one?  is_last: it is released. */
bool handles_is_ghost(struct handles *t, uint64_t fh, bool is_last);
/* What closing it has come to, 0 or a negative errno. */
int handles_ghost_error(struct handles *t, uint64_t fh);
/* Each file or folder that a ghost had open; fn must not use handles. */
void handles_each_ghost(struct handles *t, void (*fn)(void *arg,
    uint64_t ino), void *arg);
/* Likewise, each that a program may have mapped for writing. */
void handles_each_map(struct handles *t, void (*fn)(void *arg,
    uint64_t ino), void *arg);
/* Close and free; the result of closing the file. */
int handle_close(struct handle *h);

static inline struct handle *
handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static inline struct drive_file *
file_of(const struct fuse_file_info *fi)
{
	return handle_of(fi)->file;
}

static inline struct drive_dir *
dir_of(const struct fuse_file_info *fi)
{
	return handle_of(fi)->dir;
}

#endif
