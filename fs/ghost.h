/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_GHOST_H
#define FS_GHOST_H

#include <stdbool.h>
#include <stddef.h>

struct stage;

/* ghost - files that were open when the drive was locked by force: they fail
 * from then on, also when it is unlocked again. */

/* A request of the kernel's, its header complete: true if it was about such a
 * file and has been answered. */
bool ghost_take(struct stage *s, const void *req, size_t len);

#endif
