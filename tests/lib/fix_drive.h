/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FIX_DRIVE_H
#define TESTS_FIX_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drive/drive.h"
#include "drive/sync.h"

/*
 * fix_drive - a drive in a folder of its own, and a journal in memory that
 * what it publishes goes to, from where another drive is rebuilt.
 */

struct fix {
	char dir[64];
	struct drive *d;
	struct drive_conf conf;
	struct vault_id drive, realm;
	uint8_t key[32];
};

extern const struct drive_cred fix_me;		/* uid 1000, gid 1000 */
extern const struct drive_cred fix_root;

/* Make the folder and open a drive in it; device n. */
void fix_open(struct fix *f, unsigned n, bool is_multi_user);
/* Close and open again. */
void fix_reopen(struct fix *f);
/* The folder's content as it is now, as after a killed process, is opened
 * instead; the old drive is closed and forgotten. */
void fix_crash(struct fix *f);
/* Close, remove the folder. */
void fix_close(struct fix *f);

/* From now on the disk takes nothing, or does again. */
void fix_disk_is_full(bool is_full);

/* ---- short forms that fail the test when the call fails ---- */

uint64_t fix_mkdir(struct fix *f, uint64_t parent, const char *name);
uint64_t fix_mkfile(struct fix *f, uint64_t parent, const char *name);
/* A file with this text in it. */
uint64_t fix_write(struct fix *f, uint64_t parent, const char *name,
    const char *text);
/* The inode of a path from the root; 0: none. */
uint64_t fix_find(struct fix *f, const char *path);
struct drive_attr fix_attr(struct fix *f, uint64_t ino);
/* No finding of fsck. */
void fix_fsck(struct fix *f);

/* ---- the journal ---- */

struct fix_log {
	struct segment *segs;
	size_t n, cap;
	uint64_t lamport, op_seq;
};

/* Upload staged blocks. */
void fix_upload(struct fix *f);
/* Upload, publish one segment of at most bytes_max.  Returns
 * its number of ops, 0 if there was nothing. */
size_t fix_publish(struct fix *f, struct fix_log *l, size_t bytes_max);
/* Until there is nothing left. */
void fix_publish_all(struct fix *f, struct fix_log *l);
/* Apply segments from `from` on to another drive, as a rebuild. */
void fix_rebuild(struct fix *to, const struct fix_log *l, size_t from,
    const struct vault_id *dev);
void fix_log_done(struct fix_log *l);
/* The tree as text: path, kind, mode, size, links, times, xattrs, content,
 * sorted.  malloc'd. */
char *fix_dump(struct fix *f);

#endif
