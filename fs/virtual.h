/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_VIRTUAL_H
#define FS_VIRTUAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "drive/drive.h"

/*
 * virtual - what desktops ask of the root of every file system.
 *
 * Some names are asked for again and again and are almost never there: what
 * is known to be missing is remembered here, so that no such question costs
 * more than a look at memory.  One of them, ".xdg-volume-info", tells file
 * managers by which name and icon to show the drive: where the user keeps no
 * file of that name, this module has one.  It is in no listing and not in the
 * drive.  Who writes to it gets a real file, which is used from then on.
 *
 * Any thread may call; nothing waits.
 */
struct virtual;

#define VIRTUAL_NAME ".xdg-volume-info"
#define VIRTUAL_ICON "folder-remote"	/* every icon theme has it */
/* No inode of a drive comes near this number. */
#define VIRTUAL_INO (UINT64_C(1) << 62)

/* What file managers show; copied.  icon NULL: a folder elsewhere. */
int virtual_new(const char *title, const char *icon, struct virtual **ret);
/* NULL is ignored. */
void virtual_free(struct virtual *v);

static inline bool
virtual_is(uint64_t ino)
{
	return ino == VIRTUAL_INO;
}

/* Look a name up, in d only if it may be there.  Results of drive_lookup. */
int virtual_lookup(struct virtual *v, struct drive *d, uint64_t parent,
    const char *name, struct drive_attr *ret);
/* The name may have come into being; called after that is so. */
void virtual_changed(struct virtual *v, uint64_t parent, const char *name);
/* The error of a call that takes the name away: the file that is made up
 * here cannot go, where the drive knows of none (-ENOENT). */
int virtual_gone(uint64_t parent, const char *name, int r);

/* Of VIRTUAL_INO. */
void virtual_attr(const struct virtual *v, struct drive_attr *ret);
/* The bytes from off on, at most size; *ret points into v. */
size_t virtual_read(const struct virtual *v, uint64_t off, size_t size,
    const char **ret);
int64_t virtual_lseek(const struct virtual *v, int64_t off, int whence);
/* Have a real file with the same content take its place.  -ESTALE when that
 * is done: the kernel then looks the name up again and repeats the call. */
int virtual_make_real(struct virtual *v, struct drive *d,
    const struct drive_cred *c);

#endif
