/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_REPLY_H
#define FS_REPLY_H

#include <fuse_lowlevel.h>
#include <sys/types.h>

struct drive_attr;
struct drive_statfs;
struct handle;

/*
 * reply - the one place where results become answers to the kernel.  Each
 * function answers its request exactly once: with r's error if it is
 * negative, otherwise with what it was given.
 */

/* Success, or the error. */
void reply_err(fuse_req_t req, int r);
/* -ENOENT is answered as a name that is known not to be there. */
void reply_lookup(fuse_req_t req, int r, const struct drive_attr *a);
void reply_entry(fuse_req_t req, int r, const struct drive_attr *a);
void reply_attr(fuse_req_t req, int r, const struct drive_attr *a);
/* These close the handle if the kernel no longer wants it. */
void reply_open(fuse_req_t req, int r, struct fuse_file_info *fi,
    struct handle *h);
void reply_create(fuse_req_t req, int r, const struct drive_attr *a,
    struct fuse_file_info *fi, struct handle *h);
void reply_opendir(fuse_req_t req, int r, struct fuse_file_info *fi,
    struct handle *h);
/* n bytes of p, or n's error. */
void reply_buf(fuse_req_t req, ssize_t n, const void *p);
/* A count of bytes written or copied. */
void reply_count(fuse_req_t req, ssize_t n);
/* The size of an attribute that was asked for with size 0. */
void reply_xattr_size(fuse_req_t req, ssize_t n);
void reply_readlink(fuse_req_t req, int r, const char *target);
void reply_lseek(fuse_req_t req, int64_t off);
void reply_statfs(fuse_req_t req, const struct drive_statfs *s);

void reply_stat(const struct drive_attr *a, struct stat *st);

#endif
