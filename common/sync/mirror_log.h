/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_MIRROR_LOG_H
#define SYNC_MIRROR_LOG_H

struct err;
struct mirror_log;

/* mirror_log - what the members of a mirror lack, in mirror.db of a drive's
 * state folder.  Names of objects only: they say nothing to anybody. */

int mirror_log_open(const char *state_dir, struct mirror_log **ret,
    struct err *e);

#endif
