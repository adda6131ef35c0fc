/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_OPS_H
#define FS_OPS_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "drive/drive.h"

/*
 * ops - the FUSE requests.  Each op decodes, calls the drive and replies
 * exactly once; it holds no logic of its own.  What ops share is here.
 */

#define OPS_IO_MAX (1u << 20)	/* bytes of one read or write */
/* Where a file's content is: an attribute that is made up, not kept. */
#define OPS_STATE_NAME "user.coffre.state"
#define OPS_BLKSIZE (128u * 1024)	/* what programs are told to use */

struct gate;
struct handle;
struct handles;
struct meter;
struct refused;
struct store;
struct thumbs;
struct virtual;

/* What every op needs; the user data of the session. */
struct ops_ctx {
	struct drive *drive;
	struct store *store;	/* to ask how it is; NULL: not known */
	double timeout;		/* of names and attributes, seconds */
	pthread_key_t buf_key;	/* per thread: OPS_IO_MAX bytes, aligned */
	struct gate *gate;	/* for requests that do not come by the loop */
	atomic_bool is_stopping;	/* reads wait no longer */
	atomic_bool is_locking;	/* nor do they until it is locked */
	atomic_bool is_resting;	/* nor while the machine sleeps */
	struct handles *handles;
	/* Borrowed; thumbs may be NULL. */
	struct virtual *virtual;
	struct meter *meter;
	struct refused *refused;
	struct thumbs *thumbs;
	struct leftover *leftover;	/* of previews, at a lock; or NULL */
	bool no_thumbnails;	/* of what is not here */
	bool no_atime;		/* reading leaves no trace; nor in folders */
	bool no_diratime;
	struct fuse_session *se;
};

/* The drive is set when there is one. */
int ops_ctx_init(struct ops_ctx *c, double timeout);
void ops_ctx_done(struct ops_ctx *c);
extern const struct fuse_lowlevel_ops ops_table;

static inline struct ops_ctx *
ctx_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct drive *
drive_of(fuse_req_t req)
{
	return ctx_of(req)->drive;
}

/* The thread's buffer of OPS_IO_MAX bytes; NULL if out of memory. */
void *ops_buf(fuse_req_t req);

#define OPS_GROUPS_MAX 256
struct req_cred {
	struct drive_cred c;
	gid_t groups[OPS_GROUPS_MAX];
};
/* Who asks.  Supplementary groups cost a look into /proc, so they are got
 * only where the answer may depend on them. */
const struct drive_cred *req_cred(fuse_req_t req, bool with_groups,
    struct req_cred *ret);
/* See drive_is_marked; who is privileged takes nothing away. */
bool req_is_marked(fuse_req_t req, fuse_ino_t ino);
/* Before a write of any kind. */
void req_kill_mark(fuse_req_t req, fuse_ino_t ino);
/* Answer what would change the file that is made up: a real one takes its
 * place, and the kernel asks again. */
void ops_make_real(fuse_req_t req);
/* How long a read may wait: until the program is interrupted or we stop.
 * That it waited is noted in h. */
struct ops_wait {
	struct drive_wait w;
	fuse_req_t req;
	struct handle *h;
	bool is_lent;		/* see loop_lend */
};
const struct drive_wait *req_wait(fuse_req_t req, struct handle *h,
    struct ops_wait *ret);
void req_wait_end(struct ops_wait *o);

/* What programs wrote through maps lies in the kernel until it sends it, and
 * then counts as written just now: have it sent before what must come after
 * it.  Not while a size is being set: the kernel sends nothing then. */
void req_settle_maps(fuse_req_t req, fuse_ino_t ino);
/* The same of all files, before nobody answers any more.  Not in a request,
 * and reads must not wait for the network then: the kernel would for them.
 * Past end_ms (monotonic) no further file is begun with. */
void ops_settle_maps(struct ops_ctx *x, int64_t end_ms);

/* op_node.c */
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n);
void op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *f);
void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set,
    struct fuse_file_info *fi);
void op_statfs(fuse_req_t req, fuse_ino_t ino);

/* op_name.c */
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
    mode_t mode, dev_t rdev);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
    mode_t mode);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
    const char *name);
void op_readlink(fuse_req_t req, fuse_ino_t ino);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
    const char *name);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t newparent, const char *newname, unsigned flags);

/* op_file.c */
void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
    mode_t mode, struct fuse_file_info *fi);
void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi);
void op_write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in,
    off_t off, struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi);
void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
    off_t len, struct fuse_file_info *fi);
void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
    struct fuse_file_info *fi);
void op_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in,
    struct fuse_file_info *in, fuse_ino_t ino_out, off_t off_out,
    struct fuse_file_info *out, size_t len, int flags);

/* op_dir.c */
void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi);
void op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi);
void op_releasedir(fuse_req_t req, fuse_ino_t ino,
    struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi);

/* op_xattr.c */
void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
    size_t size);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
    const char *value, size_t size, int flags);
void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

#endif
