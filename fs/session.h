/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SESSION_H
#define FS_SESSION_H

struct err;
struct fuse_session;
struct ops_ctx;
struct parts;

/* session - a folder handed to us by the kernel. */

/* The session, not mounted yet.  Its user data is ctx.  The kernel shows source
 * as what is mounted; NULL: the drive's name with MOUNT_SOURCE. */
int session_new(const struct parts *p, const char *source,
    struct ops_ctx *ctx, struct fuse_session **ret, struct err *e);
/* Mount it.  The usual reasons why not are told. */
int session_mount(struct fuse_session *se, const struct parts *p,
    const char *mountpoint, struct err *e);

#endif
