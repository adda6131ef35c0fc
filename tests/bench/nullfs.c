/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * nullfs MOUNTPOINT [FUSE OPTIONS] - a file system that does nothing, as fast
 * as FUSE allows: the yardstick that Coffre is measured with.  Folders, names
 * and attributes are kept in memory, written data is dropped, and reads give
 * zeros.  The settings are those of Coffre's mount, and so is the loop that
 * reads requests.  It declines attributes once for all, which spares it a
 * request a file; with NULLFS_ACL in the environment it is asked for each, as
 * Coffre is, and has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fs/loop.h"

#define BUCKETS 65536
#define THREADS_MAX 32
#define NODES_MAX 4000000
#define IO_MAX (1u << 20)
#define TIMEOUT 3600.0

/* A node is never freed: a listing may stand on it. */
struct node {
	struct node *next;	/* of the same bucket */
	TAILQ_HEAD(children, node) children;
	TAILQ_ENTRY(node) sibling;
	fuse_ino_t parent;
	char name[256];
	struct stat st;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *buckets[BUCKETS];
static struct node **nodes;	/* by inode number */
static uint64_t nnodes = 2;
static char zeros[IO_MAX];

static struct node **
find(fuse_ino_t parent, const char *name)
{
	uint32_t h = 2166136261u ^ (uint32_t)parent;
	struct node **p;
	const char *s;

	for (s = name; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	for (p = &buckets[h % BUCKETS]; *p; p = &(*p)->next)
		if ((*p)->parent == parent && strcmp((*p)->name, name) == 0)
			break;
	return p;
}

/* Lock held. */
static void
join(struct node *n, fuse_ino_t parent)
{
	n->parent = parent;
	TAILQ_INSERT_TAIL(&nodes[parent]->children, n, sibling);
}

/* Lock held.  What it points to stays. */
static void
leave(struct node *n)
{
	TAILQ_REMOVE(&nodes[n->parent]->children, n, sibling);
}

/* Lock held. */
static struct node *
add(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node **p = find(parent, name), *n;

	if (*p || nnodes >= NODES_MAX || strlen(name) > 255)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	snprintf(n->name, sizeof(n->name), "%s", name);
	n->st.st_ino = nnodes;
	n->st.st_mode = mode;
	n->st.st_nlink = S_ISDIR(mode) ? 2 : 1;
	TAILQ_INIT(&n->children);
	n->st.st_uid = fuse_req_ctx(req)->uid;
	n->st.st_gid = fuse_req_ctx(req)->gid;
	clock_gettime(CLOCK_REALTIME, &n->st.st_mtim);
	nodes[nnodes++] = n;
	*p = n;
	join(n, parent);
	return n;
}

static int
root_make(void)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return -1;
	n->st.st_ino = FUSE_ROOT_ID;
	n->st.st_mode = S_IFDIR | 0777;
	n->st.st_nlink = 2;
	TAILQ_INIT(&n->children);
	nodes[FUSE_ROOT_ID] = n;
	return 0;
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

	pthread_mutex_lock(&lock);
	n = *find(parent, name);
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
	if (set & FUSE_SET_ATTR_SIZE)
		nodes[ino]->st.st_size = in->st_size;
	st = nodes[ino]->st;
	pthread_mutex_unlock(&lock);
	fuse_reply_attr(req, &st, TIMEOUT);
}

/* A new node's entry; false: there is none. */
static bool
make(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_entry_param *ret)
{
	struct node *n;

	pthread_mutex_lock(&lock);
	n = add(req, parent, name, mode);
	if (n)
		entry_of(n, ret);
	pthread_mutex_unlock(&lock);
	return n != NULL;
}

static void
op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
    struct fuse_file_info *fi)
{
	struct fuse_entry_param e;

	fi->keep_cache = 1;
	if (make(req, parent, name, S_IFREG | (mode & 07777), &e))
		fuse_reply_create(req, &e, fi);
	else
		fuse_reply_err(req, EEXIST);
}

static void
op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct fuse_entry_param e;

	if (make(req, parent, name, S_IFDIR | (mode & 07777), &e))
		fuse_reply_entry(req, &e);
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
	fi->noflush = (fi->flags & O_ACCMODE) == O_RDONLY;
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

	pthread_mutex_lock(&lock);
	p = find(parent, name);
	n = *p;
	if (n) {
		*p = n->next;
		leave(n);
		n->st.st_nlink = 0;
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, n ? 0 : ENOENT);
}

static void
op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *n;

	pthread_mutex_lock(&lock);
	n = *find(parent, name);
	pthread_mutex_unlock(&lock);
	if (n && !TAILQ_EMPTY(&n->children))
		fuse_reply_err(req, ENOTEMPTY);
	else
		op_unlink(req, parent, name);
}

static void
op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
    fuse_ino_t newparent, const char *newname, unsigned flags)
{
	struct node **p, **q, *n;

	(void)flags;
	pthread_mutex_lock(&lock);
	p = find(parent, name);
	n = *p;
	if (n) {
		*p = n->next;
		leave(n);
		q = find(newparent, newname);
		if (*q)
			leave(*q);
		n->next = *q ? (*q)->next : NULL;
		*q = n;
		snprintf(n->name, sizeof(n->name), "%s", newname);
		join(n, newparent);
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_err(req, n ? 0 : ENOENT);
}

static void
op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	fuse_reply_open(req, fi);
}

/* A position is the number of the node given last. */
static void
list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool is_plus)
{
	struct fuse_entry_param e;
	char *b = malloc(size);
	const struct node *n;
	size_t len = 0, one;

	pthread_mutex_lock(&lock);
	n = off ? TAILQ_NEXT(nodes[off], sibling) :
	    TAILQ_FIRST(&nodes[ino]->children);
	for (; b && n; n = TAILQ_NEXT(n, sibling)) {
		if (n->st.st_nlink == 0 || n->parent != ino)
			continue;
		entry_of(n, &e);
		if (is_plus)
			one = fuse_add_direntry_plus(req, b + len, size - len,
			    n->name, &e, (off_t)n->st.st_ino);
		else
			one = fuse_add_direntry(req, b + len, size - len,
			    n->name, &n->st, (off_t)n->st.st_ino);
		if (one > size - len)
			break;
		len += one;
	}
	pthread_mutex_unlock(&lock);
	fuse_reply_buf(req, b, len);
	free(b);
}

static void
op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, false);
}

static void
op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
    struct fuse_file_info *fi)
{
	(void)fi;
	list(req, ino, size, off, true);
}

static int no_xattr = ENOSYS;	/* what asking for one is answered */

static void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	(void)ino;
	(void)name;
	(void)size;
	fuse_reply_err(req, no_xattr);
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
	.mkdir = op_mkdir,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.getxattr = op_getxattr,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.releasedir = op_done,
};

static enum loop_way
passed(void *arg, void *req, size_t len)
{
	(void)arg;
	(void)req;
	(void)len;
	return LOOP_PASS;
}

/* The loop ends reads of requests so. */
static void
nudged(int sig)
{
	(void)sig;
}

static void
ended(void *arg)
{
	(void)arg;
}

int
main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc, argv);
	struct fuse_cmdline_opts o;
	struct sigaction sa = { .sa_handler = nudged };
	struct loop_hook hook = { .request = passed };
	struct fuse_session *se;
	struct loop *loop;
	int r = 1;

	if (getenv("NULLFS_ACL"))
		no_xattr = ENODATA;
	nodes = calloc(NODES_MAX, sizeof(*nodes));
	if (!nodes || root_make() < 0 ||
	    fuse_parse_cmdline(&args, &o) != 0 || !o.mountpoint) {
		fprintf(stderr, "usage: nullfs MOUNTPOINT [-o OPTIONS]\n");
		return 64;
	}
	se = fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!se)
		return 1;
	if (fuse_set_signal_handlers(se) == 0 &&
	    sigaction(SIGUSR1, &sa, NULL) == 0 &&
	    fuse_session_mount(se, o.mountpoint) == 0) {
		fuse_daemonize(o.foreground);
		if (loop_new(se, THREADS_MAX, &hook, &loop) == 0) {
			r = loop_run(loop, ended, NULL);
			loop_free(loop);
		}
		fuse_session_unmount(se);
	}
	fuse_session_destroy(se);
	free(o.mountpoint);
	fuse_opt_free_args(&args);
	return r != 0;
}
