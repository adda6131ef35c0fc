/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MOUNT_LOG_H
#define FS_MOUNT_LOG_H

#include <limits.h>
#include <stdbool.h>

struct err;
struct parts;

/* mount_log - where the log of a mount goes once there is no terminal. */

struct mount_log {
	char own[PATH_MAX];	/* that is set aside when large; "" */
};

/* To the file of the settings, or to the drive's own; in the foreground only
 * to the former.  Absolute paths. */
int mount_log_open(struct mount_log *l, const struct parts *p,
    bool is_foreground, struct err *e);
/* Set the own one aside if it is large: when it is known that no other mount
 * of the drive writes to it. */
void mount_log_turn(const struct mount_log *l);

#endif
