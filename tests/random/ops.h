/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef RANDOM_OPS_H
#define RANDOM_OPS_H

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

/*
 * random - random operations on a file system, against a model in memory.
 *
 * Each worker owns a folder and knows by its model what every call on it has
 * to answer: result, errno, bytes, attributes, times.  What workers do to a
 * folder that they share is checked by invariants.  An operation says in
 * itself all that it does (names, offsets, flags), so a recorded list can be
 * replayed with operations left out: that is how a failure is made short.
 */
#define RND_NAMES 12		/* names there can be in a folder */
#define RND_DEPTH 4		/* names in a path */
#define RND_SLOTS 8		/* open files of one worker */
#define RND_XATTRS 4
#define RND_XATTR_MAX 200	/* ext4 has about 4000 bytes for all */
#define RND_FILE_MAX (1280u << 10)
#define RND_NODES_MAX 90	/* of one worker, about */
#define RND_WORKERS_MAX 16
#define RND_CELLS 96		/* of the file that all write at once */
#define RND_WHY 2048

enum kind {
	OP_CREATE, OP_OPEN, OP_CLOSE, OP_TMPFILE, OP_LINKFD,
	OP_MKDIR, OP_RMDIR, OP_MKNOD, OP_SYMLINK, OP_READLINK,
	OP_LINK, OP_UNLINK, OP_RENAME,
	OP_STAT, OP_CHMOD, OP_CHOWN, OP_UTIMENS, OP_TRUNCATE,
	OP_ACL,
	OP_SETXATTR, OP_GETXATTR, OP_RMXATTR, OP_LISTXATTR,
	OP_READDIR, OP_VERIFY, OP_STATFS,
	OP_READ, OP_PREAD, OP_WRITE, OP_PWRITE, OP_SEEK, OP_FTRUNCATE,
	OP_FALLOCATE, OP_SEEKDATA, OP_COPY, OP_FSYNC, OP_FSTAT, OP_FCHMOD,
	OP_MAP, OP_MAPREAD, OP_MAPWRITE, OP_UNMAP,
	OP_SHAPPEND, OP_SHSCAN, OP_SHREPLACE, OP_SHREAD, OP_SHMOVE,
	OP_SHLINK, OP_SHEXCL, OP_SHCELL,
	OP_FREE, OP_SYNC, OP_DROP, OP_REMOUNT,
	OP_KINDS
};

struct path {
	uint8_t n, at[RND_DEPTH];
};

struct op {
	uint8_t kind, slot, slot2;
	struct path p1, p2;
	uint32_t flags, mode;
	uint64_t off, off2, len, seed;
};

/* A time that is known to lie between two moments. */
struct span {
	int64_t lo, hi;
};

struct mnode {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	dev_t rdev;			/* devices */
	unsigned nlink, refs, nsub;
	ino_t ino;			/* 0: not seen yet */
	uint8_t *data;			/* regular files */
	size_t size, cap;
	uint64_t target;		/* symlinks: seed of the target */
	struct mnode *child[RND_NAMES];
	struct {
		bool has;
		uint16_t len;
		uint64_t seed;
	} xattr[RND_XATTRS];
	bool is_linkable;		/* made without a name */
	bool is_map_dirty;		/* written through a map, not flushed */
	bool was_punched;		/* for the self-test */
	struct span mtime, ctime;
	int64_t atime;			/* -1: not known */
};

struct slot {
	int fd;				/* -1: free */
	int flags;
	struct mnode *node;
	uint64_t pos;
	uint8_t *map;
};

struct list {
	struct op *v;
	size_t n, cap;
};

struct run;

/* One worker. */
struct ctx {
	struct run *run;
	unsigned id;
	char top[512];			/* its folder */
	char shared[512];		/* everybody's */
	struct mnode *root;
	unsigned nodes;
	struct slot slot[RND_SLOTS];
	uint64_t rng;
	struct list done;
	uint8_t *buf, *buf2;		/* aligned, RND_FILE_MAX */
	int64_t t0;			/* the operation began */
	uint64_t sh_seq;		/* records appended to the log */
	unsigned sh_links;		/* bit k: link k of mine is there */
	bool sh_in_b, sh_made;		/* where my file is that moves */
	uint64_t count[OP_KINDS], good[OP_KINDS];
	bool did_it;			/* the call succeeded */
	bool is_failed;
	char why[RND_WHY];
	sigjmp_buf on_bus;
};

/* A whole run, shared by its workers. */
struct run {
	const char *dir, *hook;
	uint64_t seed, ops;
	unsigned workers, remount_every;
	int64_t end_ns;			/* of the clock; 0: no limit */
	bool is_whole;			/* all ops must be done in the time */
	bool is_lying;			/* self-test: answers are altered */
	atomic_bool stop;
	atomic_int holders;		/* of the shared lock file */
	pthread_mutex_t lock;
	pthread_cond_t cond;		/* a meeting is over */
	unsigned present, waiting, round;
	bool is_led;			/* somebody acts for all */
	/* What was written to each cell last (0: nothing), by who holds it. */
	uint64_t cell[RND_CELLS];
	pthread_mutex_t cell_lock[RND_CELLS];
};

/* ---- model.c */

struct mnode *mnode_new(struct ctx *c, mode_t mode, const struct mnode *dir);
void mnode_put(struct ctx *c, struct mnode *n);
void mtree_free(struct ctx *c, struct mnode *n);
void mnode_resize(struct mnode *n, size_t size);
void mnode_write(struct mnode *n, uint64_t off, const void *p, size_t len);
bool mnode_is_zero(const struct mnode *n, uint64_t from, uint64_t to);
bool mnode_is_empty(const struct mnode *n);
/* 0 and the parent, and what is there (NULL: nothing); or an errno. */
int mpath_walk(struct ctx *c, const struct path *p, struct mnode **ret_dir,
    struct mnode **ret);
/* For calls that follow a last symlink; ours lead nowhere. */
int mpath_follow(struct ctx *c, const struct path *p, struct mnode **ret);
unsigned mnode_height(const struct mnode *n);
bool mnode_holds(const struct mnode *dir, const struct mnode *n);
void mtime_now(struct ctx *c, struct mnode *n);	/* mtime and ctime */
void ctime_now(struct ctx *c, struct mnode *n);
void mtime_maybe(struct ctx *c, struct mnode *n);
int64_t now_ns(void);
const char *name_of(unsigned i);
char *path_text(const struct ctx *c, const struct path *p, char *buf,
    size_t size);
void fill(void *p, size_t n, uint64_t seed);
uint64_t rand_next(uint64_t *state);
void target_text(uint64_t seed, char buf[static 256]);

/* ---- gen.c */

/* Operation i of a worker: depends on the seed, the worker and its model. */
void op_generate(struct ctx *c, uint64_t i, struct op *ret);
extern const char *const op_names[OP_KINDS];

/* ---- verify.c */

int failf(struct ctx *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* A call that gave r (-1: errno) should have given this errno. */
int expect(struct ctx *c, long r, int want);
int verify_stat(struct ctx *c, struct mnode *n, const char *path);
int verify_fstat(struct ctx *c, const struct slot *s);
int verify_folder(struct ctx *c, struct mnode *n, const char *path);
int verify_bytes(struct ctx *c, const struct mnode *n, uint64_t off,
    uint8_t *p, size_t len);
int verify_xattrs(struct ctx *c, const struct mnode *n, const char *path);
int verify_tree(struct ctx *c, struct mnode *n, const char *path);

/* ---- exec_*.c, shared.c: what an operation is; 0, or -1 and why */

typedef int (*op_fn)(struct ctx *c, const struct op *o);
int op_create(struct ctx *c, const struct op *o);
int op_open(struct ctx *c, const struct op *o);
int op_close(struct ctx *c, const struct op *o);
int op_tmpfile(struct ctx *c, const struct op *o);
int op_linkfd(struct ctx *c, const struct op *o);
int op_mkdir(struct ctx *c, const struct op *o);
int op_rmdir(struct ctx *c, const struct op *o);
int op_mknod(struct ctx *c, const struct op *o);
int op_symlink(struct ctx *c, const struct op *o);
int op_readlink(struct ctx *c, const struct op *o);
int op_link(struct ctx *c, const struct op *o);
int op_unlink(struct ctx *c, const struct op *o);
int op_rename(struct ctx *c, const struct op *o);
int op_stat(struct ctx *c, const struct op *o);
int op_chmod(struct ctx *c, const struct op *o);
int op_acl(struct ctx *c, const struct op *o);
int op_fchmod(struct ctx *c, const struct op *o);
int op_chown(struct ctx *c, const struct op *o);
int op_utimens(struct ctx *c, const struct op *o);
int op_truncate(struct ctx *c, const struct op *o);
int op_setxattr(struct ctx *c, const struct op *o);
int op_getxattr(struct ctx *c, const struct op *o);
int op_rmxattr(struct ctx *c, const struct op *o);
int op_listxattr(struct ctx *c, const struct op *o);
int op_readdir(struct ctx *c, const struct op *o);
int op_verify(struct ctx *c, const struct op *o);
int op_statfs(struct ctx *c, const struct op *o);
int op_read(struct ctx *c, const struct op *o);
int op_write(struct ctx *c, const struct op *o);
int op_seek(struct ctx *c, const struct op *o);
int op_ftruncate(struct ctx *c, const struct op *o);
int op_fallocate(struct ctx *c, const struct op *o);
int op_seekdata(struct ctx *c, const struct op *o);
int op_copy(struct ctx *c, const struct op *o);
int op_fsync(struct ctx *c, const struct op *o);
int op_fstat(struct ctx *c, const struct op *o);
int op_map(struct ctx *c, const struct op *o);
int op_mapread(struct ctx *c, const struct op *o);
int op_mapwrite(struct ctx *c, const struct op *o);
int op_unmap(struct ctx *c, const struct op *o);
int op_shappend(struct ctx *c, const struct op *o);
int op_shscan(struct ctx *c, const struct op *o);
int op_shreplace(struct ctx *c, const struct op *o);
int op_shread(struct ctx *c, const struct op *o);
int op_shmove(struct ctx *c, const struct op *o);
int op_shlink(struct ctx *c, const struct op *o);
int op_shexcl(struct ctx *c, const struct op *o);
int op_shcell(struct ctx *c, const struct op *o);
int op_hook(struct ctx *c, const struct op *o);
int op_remount(struct ctx *c, const struct op *o);
int slot_close(struct ctx *c, struct slot *s);
/* The folder that workers share, in dir; 0 or -1. */
int shared_make(const char *dir);
/* When all workers have ended. */
int shared_check(struct ctx *c, unsigned n);

/* ---- cells.c */

void cells_init(struct run *r);
int cells_make(const char *dir);
int cells_check(struct ctx *c);

/* ---- worker.c */

int worker_init(struct ctx *c, struct run *run, unsigned id,
    const char *dir);
void worker_done(struct ctx *c);
/* Execute one operation and record it; 0 or -1. */
int worker_step(struct ctx *c, const struct op *o);
/* All that was generated, until the end. */
void worker_run(struct ctx *c);
void run_init(struct run *r);
/* Wait for the other workers; true for the one that shall act, and then has
 * to call run_go. */
bool run_meet(struct run *r);
void run_go(struct run *r);
void run_leave(struct run *r);

/* ---- shrink.c */

int list_add(struct list *l, const struct op *o);
int list_save(const struct list *l, const char *path);
int list_load(struct list *l, const char *path);
void op_print(FILE *f, const struct op *o);
/* Replay in a new folder: 1 if it fails (at which one, and why), 0 if not. */
int list_replay(struct run *run, const struct list *l, size_t *ret_at,
    char why[static RND_WHY]);
/* Leave out what is not needed for the failure. */
int list_shrink(struct run *run, struct list *l, int seconds,
    char why[static RND_WHY]);

#endif
