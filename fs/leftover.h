/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_LEFTOVER_H
#define FS_LEFTOVER_H

/*
 * leftover - previews that lie in clear in the user's thumbnail cache since a
 * crash, or that a lock had no time for: a thread removes them when the drive
 * is mounted, whatever is set now, and also while it is locked.  It needs no
 * keys.
 */
struct leftover;

/* The mount point is borrowed; former: where it was mounted before.  Both are
 * of mountpoint_real. */
int leftover_start(const char *mountpoint, const char *former,
    struct leftover **ret);
/* NULL is ignored. */
void leftover_stop(struct leftover *l);

#endif
