/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_RAW_H
#define FS_RAW_H

struct fuse_session;

/*
 * raw - the one request that the FUSE library (before 3.17) does not know:
 * TMPFILE, a file without a name.  It is taken out as requests are read from
 * the kernel and answered here; all others go to the library.
 */

/* Read requests through here; after fuse_session_mount.  Returns 0 or a
 * negative errno. */
int raw_install(struct fuse_session *se);

#endif
