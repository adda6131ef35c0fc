/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ops.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const op_fn table[OP_KINDS] = {
	[OP_CREATE] = op_create, [OP_OPEN] = op_open, [OP_CLOSE] = op_close,
	[OP_TMPFILE] = op_tmpfile, [OP_LINKFD] = op_linkfd,
	[OP_MKDIR] = op_mkdir, [OP_RMDIR] = op_rmdir, [OP_MKNOD] = op_mknod,
	[OP_SYMLINK] = op_symlink, [OP_READLINK] = op_readlink,
	[OP_LINK] = op_link, [OP_UNLINK] = op_unlink,
	[OP_RENAME] = op_rename, [OP_STAT] = op_stat, [OP_CHMOD] = op_chmod,
	[OP_CHOWN] = op_chown, [OP_UTIMENS] = op_utimens,
	[OP_TRUNCATE] = op_truncate, [OP_ACL] = op_acl,
	[OP_SETXATTR] = op_setxattr,
	[OP_GETXATTR] = op_getxattr, [OP_RMXATTR] = op_rmxattr,
	[OP_LISTXATTR] = op_listxattr, [OP_READDIR] = op_readdir,
	[OP_VERIFY] = op_verify, [OP_STATFS] = op_statfs,
	[OP_READ] = op_read, [OP_PREAD] = op_read,
	[OP_WRITE] = op_write, [OP_PWRITE] = op_write, [OP_SEEK] = op_seek,
	[OP_FTRUNCATE] = op_ftruncate, [OP_FALLOCATE] = op_fallocate,
	[OP_SEEKDATA] = op_seekdata, [OP_COPY] = op_copy,
	[OP_FSYNC] = op_fsync, [OP_FSTAT] = op_fstat,
	[OP_FCHMOD] = op_fchmod, [OP_MAP] = op_map,
	[OP_MAPREAD] = op_mapread, [OP_MAPWRITE] = op_mapwrite,
	[OP_UNMAP] = op_unmap, [OP_SHAPPEND] = op_shappend,
	[OP_SHSCAN] = op_shscan, [OP_SHREPLACE] = op_shreplace,
	[OP_SHREAD] = op_shread, [OP_SHMOVE] = op_shmove,
	[OP_SHLINK] = op_shlink, [OP_SHEXCL] = op_shexcl,
	[OP_SHCELL] = op_shcell,
	[OP_FREE] = op_hook, [OP_SYNC] = op_hook, [OP_DROP] = op_hook,
	[OP_REMOUNT] = op_remount,
};

/* ---- meetings ----------------------------------------------------------- */

void
run_init(struct run *r)
{
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->cond, NULL);
	r->present = r->workers;
	cells_init(r);
}

bool
run_meet(struct run *r)
{
	unsigned mine;
	bool is_leader;

	pthread_mutex_lock(&r->lock);
	mine = r->round;
	r->waiting++;
	while (r->round == mine && (r->waiting < r->present || r->is_led)) {
		if (r->waiting >= r->present)
			pthread_cond_broadcast(&r->cond);
		pthread_cond_wait(&r->cond, &r->lock);
	}
	is_leader = r->round == mine;
	if (is_leader)
		r->is_led = true;
	pthread_mutex_unlock(&r->lock);
	return is_leader;
}

void
run_go(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	r->is_led = false;
	r->waiting = 0;
	r->round++;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

void
run_leave(struct run *r)
{
	pthread_mutex_lock(&r->lock);
	r->present--;
	pthread_cond_broadcast(&r->cond);
	pthread_mutex_unlock(&r->lock);
}

/* ---- what the driver's owner does --------------------------------------- */

static int
hook_run(struct ctx *c, const char *word)
{
	char hook[PATH_MAX], arg[16];
	char *argv[] = { hook, arg, NULL };
	pid_t pid;
	int st, e;

	if (!c->run->hook)
		return 0;
	snprintf(hook, sizeof(hook), "%s", c->run->hook);
	snprintf(arg, sizeof(arg), "%s", word);
	e = posix_spawnp(&pid, hook, NULL, NULL, argv, environ);
	if (e)
		return failf(c, "%s: %s", hook, strerror(e));
	if (waitpid(pid, &st, 0) != pid || st != 0)
		return failf(c, "%s %s: status %x", hook, word, st);
	c->did_it = true;
	return 0;
}

int
op_hook(struct ctx *c, const struct op *o)
{
	return hook_run(c, op_names[o->kind]);
}

/* What was written through maps has come to rest. */
static void
settle(struct mnode *n)
{
	int64_t now = now_ns();
	unsigned i;

	n->is_map_dirty = false;
	n->mtime.hi = n->mtime.hi < now || n->mtime.hi < INT64_MAX ?
	    n->mtime.hi : now;
	n->ctime.hi = n->ctime.hi < now ? n->ctime.hi : now;
	for (i = 0; S_ISDIR(n->mode) && i < RND_NAMES; i++) {
		if (n->child[i])
			settle(n->child[i]);
	}
}

int
op_remount(struct ctx *c, const struct op *o)
{
	int r = 0;
	unsigned i;

	(void)o;
	for (i = 0; i < RND_SLOTS; i++) {
		if (c->slot[i].fd >= 0 && slot_close(c, &c->slot[i]) < 0)
			r = -1;
	}
	c->did_it = false;
	if (run_meet(c->run)) {
		if (r == 0 && !atomic_load(&c->run->stop))
			r = hook_run(c, "remount");
		if (r < 0)
			atomic_store(&c->run->stop, true);
		run_go(c->run);
	}
	if (r < 0 || atomic_load(&c->run->stop))
		return r;
	c->did_it = true;
	settle(c->root);
	return verify_tree(c, c->root, c->top);
}

/* ---- a worker ----------------------------------------------------------- */

static _Thread_local struct ctx *bus_ctx;

static void
on_bus(int sig)
{
	if (!bus_ctx)
		_exit(128 + sig);
	siglongjmp(bus_ctx->on_bus, 1);
}

int
worker_init(struct ctx *c, struct run *run, unsigned id, const char *dir)
{
	struct sigaction sa = { .sa_handler = on_bus };
	unsigned i;

	memset(c, 0, sizeof(*c));
	sigaction(SIGBUS, &sa, NULL);
	c->run = run;
	c->id = id;
	snprintf(c->top, sizeof(c->top), "%s/w%u", dir, id);
	snprintf(c->shared, sizeof(c->shared), "%s/shared", dir);
	for (i = 0; i < RND_SLOTS; i++)
		c->slot[i].fd = -1;
	c->buf = aligned_alloc(4096, RND_FILE_MAX);
	c->buf2 = aligned_alloc(4096, RND_FILE_MAX);
	c->t0 = now_ns();
	if (!c->buf || !c->buf2 || mkdir(c->top, 0755) < 0)
		return -1;
	c->root = mnode_new(c, S_IFDIR | 0755, NULL);
	return 0;
}

void
worker_done(struct ctx *c)
{
	unsigned i;

	for (i = 0; i < RND_SLOTS; i++) {
		if (c->slot[i].fd >= 0)
			(void)slot_close(c, &c->slot[i]);
	}
	if (c->root)
		mtree_free(c, c->root);
	free(c->done.v);
	free(c->buf);
	free(c->buf2);
}

int
worker_step(struct ctx *c, const struct op *o)
{
	int r;

	c->t0 = now_ns();
	c->did_it = false;
	c->why[0] = '\0';
	bus_ctx = c;
	if (sigsetjmp(c->on_bus, 1) == 0)
		r = table[o->kind](c, o);
	else
		r = failf(c, "SIGBUS");
	bus_ctx = NULL;
	c->count[o->kind]++;
	c->good[o->kind] += c->did_it;
	c->is_failed |= r < 0;
	return r;
}

void
worker_run(struct ctx *c)
{
	struct op o = { .kind = OP_VERIFY };
	struct run *run = c->run;
	char why[RND_WHY];
	uint64_t i;

	for (i = 0; i < run->ops && !atomic_load(&run->stop); i++) {
		if (run->end_ns && now_ns() > run->end_ns)
			break;
		op_generate(c, i, &o);
		if (list_add(&c->done, &o) < 0)
			abort();
		if (worker_step(c, &o) < 0)
			break;
	}
	o.kind = OP_VERIFY;
	if (!c->is_failed && !atomic_load(&run->stop))
		(void)worker_step(c, &o);
	for (i = 0; i < RND_SLOTS; i++) {
		if (c->slot[i].fd < 0)
			continue;
		/* The first failure is the one to be told of. */
		snprintf(why, sizeof(why), "%s", c->why);
		if (slot_close(c, &c->slot[i]) < 0)
			c->is_failed = true;
		if (why[0])
			snprintf(c->why, sizeof(c->why), "%s", why);
	}
	if (c->is_failed)
		atomic_store(&run->stop, true);
	run_leave(run);
}
