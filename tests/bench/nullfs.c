/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nullfs MOUNTPOINT [FUSE OPTIONS] - a file system that does nothing, as fast
 * as FUSE allows: the yardstick that Coffre is measured with.  One folder;
 * names and attributes are kept in memory, written data is dropped, and reads
 * give zeros.  The settings are those of Coffre's mount.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS 65536
#define NODES_MAX 4000000
#define IO_MAX (1u << 20)
#define TIMEOUT 3600.0

struct node {
	struct node *next;	/* of the same bucket */
	char name[256];
	struct stat st;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *buckets[BUCKETS];
static struct node **nodes;	/* by inode number */
static uint64_t nnodes = 2;
static char zeros[IO_MAX];

static struct node **
find(const char *name)
{
	uint32_t h = 2166136261u;
	struct node **p;
	const char *s;

	for (s = name; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	for (p = &buckets[h % BUCKETS]; *p; p = &(*p)->next)
		if (strcmp((*p)->name, name) == 0)
			break;
	return p;
}

/* Lock held. */
static struct node *
add(fuse_req_t req, const char *name, mode_t mode)
{
	struct node **p = find(name), *n;

	if (*p || nnodes >= NODES_MAX || strlen(name) > 255)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->st.st_ino = nnodes;
	n->st.st_mode = mode;
	n->st.st_nlink = 1;
	n->st.st_uid = fuse_req_ctx(req)->uid;
	n->st.st_gid = fuse_req_ctx(req)->gid;
	clock_gettime(CLOCK_REALTIME, &n->st.st_mtim);
	nodes[nnodes++] = n;
	*p = n;
	return n;
}

static void
root_stat(struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = 1;
	st->st_mode = S_IFDIR | 0777;
	st->st_nlink = 2;
}

static void
entry_of(const struct node *n, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	e->ino = n->st.st_ino;
	e->attr = n->st;
	e->attr_timeout = e->entry_timeout = TIMEOUT;
}

static void
op_init(void *arg, struct fuse_conn_info *c)
{
	(void)arg;
	c->want |= (FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
	    FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_DONT_MASK |
	    FUSE_CAP_POSIX_ACL | FUSE_CAP_PARALLEL_DIROPS |
	    FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
	    FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_EXPLICIT_INVAL_DATA |
	    FUSE_CAP_EXPORT_SUPPORT) & c->capable;
	c->want &= ~(unsigned)(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
	    FUSE_CAP_SPLICE_MOVE | FUSE_CAP_WRITEBACK_CACHE |
	    FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_HANDLE_KILLPRIV |
	    FUSE_CAP_NO_OPEN_SUPPORT | FUSE_CAP_NO_OPENDIR_SUPPORT);
	c->max_write = IO_MAX;
	c->time_gran = 1;
}

static void
op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;
	struct node *n;

	(void)parent;
	pthread_mutex_lock(&lock);
	n = *find(name);
	if (n)
		entry_of(n, &e);
	pthread_mutex_unlock(&lock);
	if (n)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

static void
op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	pthread_mutex_lock(&lock);
	if (ino == FUSE_ROOT_ID)
		root_stat(&st);
	else
		st = nodes[ino]->st;
	pthread_mutex_unlock(&lock);
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void
op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *in, int set,
    struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	pthread_mutex_lock(&lock);
	root_stat(&st);
	if (ino != FUSE_ROOT_ID) {
		if (set & FUSE_SET_ATTR_SIZE)
			nodes[ino]->st.st_size = in->st_size;
		st = nodes[ino]->st;
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void
op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	struct node *n;

	(void)parent;
	pthread_mutex_lock(&lock);
	n = add(req, name, mode);
	if (n)
		entry_of(n, &e);
	pthread_mutex_unlock(&lock);
	fi->keep_cache = 1;
	if (n)
		fuse_reply_create(req, &e, fi);
	else
		fuse_reply_err(req, EEXIST);
}

static void
op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	pthread_mutex_lock(&lock);
	if (fi->flags & O_TRUNC)
		nodes[ino]->st.st_size = 0;
	pthread_mutex_unlock(&lock);
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void
op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	off_t have;

	(void)fi;
	pthread_mutex_lock(&lock);
	have = nodes[ino]->st.st_size;
	pthread_mutex_unlock(&lock);
	if (off >= have)
		size = 0;
	else if (off + (off_t)size > have)
		size = (size_t)(have - off);
	fuse_reply_buf(req, zeros, size);
}

static void
op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
    off_t off, struct fuse_file_info *fi)
{
	struct stat *st;

	(void)buf;
	(void)fi;
	pthread_mutex_lock(&lock);
	st = &nodes[ino]->st;
	if (off + (off_t)size > st->st_size)
		st->st_size = off + (off_t)size;
	pthread_mutex_unlock(&lock);
	fuse_reply_write(req, size);
}

static void
op_done(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void
op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
    struct fuse_file_info *fi)
{
	(void)datasync;
	op_done(req, ino, fi);
}

static void
op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node **p, *n;

	(void)parent;
	pthread_mutex_lock(&lock);
	p = find(name);
	n = *p;
	if (n) {
		*p = n->next;
		n->st.st_nlink = 0;
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, n ? 0 : ENOENT);
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t newparent, const char *newname, unsigned flags)
{
	struct node **p, **q, *n;

	(void)parent;
	(void)newparent;
	(void)flags;
	pthread_mutex_lock(&lock);
	p = find(name);
	n = *p;
	if (n) {
		*p = n->next;
		q = find(newname);
		n->next = *q ? (*q)->next : NULL;
		*q = n;
		snprintf(n->name, sizeof(n->name), "%s", newname);
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, n ? 0 : ENOENT);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	static char none;

	(void)ino;
	(void)size;
	(void)off;
	(void)fi;
	fuse_reply_buf(req, &none, 0);	/* no work lists */
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.create = op_create,
	.open = op_open,
	.read = op_read,
	.write = op_write,
	.flush = op_done,
	.release = op_done,
	.fsync = op_fsync,
	.unlink = op_unlink,
	.rename = op_rename,
	.readdir = op_readdir,
};

int
main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts o;
	struct fuse_loop_config *cfg;
	struct fuse_session *se;
	int r = 1;

	nodes = calloc(NODES_MAX, sizeof(*nodes));
	if (!nodes || fuse_parse_cmdline(&args, &o) != 0 || !o.mountpoint) {
		fprintf(stderr, "usage: nullfs MOUNTPOINT [-o OPTIONS]\n");
		return 64;
	}
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!se)
		return 1;
	if (fuse_set_signal_handlers(se) == 0 &&
	    fuse_session_mount(se, o.mountpoint) == 0) {
		fuse_daemonize(o.foreground);
		cfg = fuse_loop_cfg_create();
		fuse_loop_cfg_set_clone_fd(cfg, 0);
		r = fuse_session_loop_mt(se, cfg);
		fuse_loop_cfg_destroy(cfg);
		fuse_session_unmount(se);
	}
	fuse_session_destroy(se);
	free(o.mountpoint);
	fuse_opt_free_args(&args);
	return r != 0;
}
