/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_REMEMBER_H
#define FS_REMEMBER_H

struct err;
struct parts;

/*
 * remember - a way to the drive's keys that outlives a crash of the mount: a
 * key in the kernel's keyring of this user, for a while, and a slot among the
 * files of this session.  Neither is of use without the other.
 */

/* Keep one for p, which has its keys, if its settings want that.  Without it
 * all goes on: a kernel (of a container, say) may refuse, which is logged. */
void remember_keep(const struct parts *p);
/* Get p its keys.  -ENOKEY: nothing is remembered, or no longer. */
int remember_open(struct parts *p);
/* Nothing is remembered any more. */
void remember_forget(const char *name);

#endif
