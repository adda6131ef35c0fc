/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DB_LOG_VFS_H
#define DB_LOG_VFS_H

/*
 * log_vfs - SQLite's own file layer (unix-excl), but for the write-ahead log:
 * a transaction's frames are gathered and go out in one write when its commit
 * frame is complete, instead of two writes a page.  Nothing is ever kept back
 * across a commit: the write happens inside it, and its failure is the
 * commit's.
 */

#define LOG_VFS "coffre-log"

/* Make it known to SQLite; once is enough, more do no harm.  Returns 0 or a
 * negative errno. */
int log_vfs_register(void);

#endif
