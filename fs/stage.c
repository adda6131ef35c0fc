/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/stage.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drive/drive.h"
#include "fs/gate.h"
#include "fs/handle.h"
#include "fs/inval.h"
#include "fs/live.h"
#include "fs/meter.h"
#include "fs/names.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/refused.h"
#include "fs/remember.h"
#include "fs/slots.h"
#include "fs/thumbs.h"
#include "fs/virtual.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/tr.h"
#include "vault/vault.h"

#define LOCK_WAIT_MS 5000
#define LOCK_REST_MS 1300	/* each of three: logind gives 5 s for all */
#define LOCK_LOOK_US 50000

int
stage_init(struct stage *s, struct parts *p, const char *mp, struct err *e)
{
	const char *kernel = p->opts.kernel;
	int r;

	s->p = p;
	s->p->is_mount = true;
	s->mp = mp;
	s->note.fd = -1;
	s->note.name = p->name;
	atomic_flag_clear(&s->is_changing);
	atomic_store(&s->used_ms, clock_mono_ms());
	r = gate_new(&s->requests);
	if (r == 0)
		r = gate_new(&s->commands);
	if (r == 0)
		r = ops_ctx_init(&s->ctx, (double)p->opts.attr_timeout);
	if (r == 0)
		r = virtual_new(p->opts.title ? p->opts.title : p->name,
		    p->opts.icon, &s->ctx.virtual);
	s->note.info = s->ctx.virtual;
	if (r == 0)
		r = meter_new(p->opts.unasked, &s->ctx.meter);
	if (r == 0)
		r = refused_new(&s->ctx.refused);
	s->ctx.no_thumbnails = p->opts.thumbnails != THUMBNAILS_ALLOW;
	s->ctx.no_atime = p->opts.ro || (kernel && strstr(kernel, "noatime"));
	s->ctx.no_diratime = p->opts.nodiratime;
	s->ctx.gate = s->requests;
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

void
stage_close(struct stage *s)
{
	thumbs_stop(s->ctx.thumbs);
	s->ctx.thumbs = NULL;
	if (s->ctx.handles)
		ops_ctx_done(&s->ctx);
	s->ctx.handles = NULL;
}

void
stage_done(struct stage *s)
{
	virtual_free(s->ctx.virtual);
	meter_free(s->ctx.meter);
	refused_free(s->ctx.refused);
	s->ctx.virtual = NULL;
	s->ctx.meter = NULL;
	s->ctx.refused = NULL;
	gate_free(s->requests);
	gate_free(s->commands);
	s->requests = s->commands = NULL;
}

static void
on_inode(void *arg, uint64_t ino)
{
	struct stage *s = arg;

	inval_inode(s->inval, ino);
}

static void
on_entry(void *arg, uint64_t parent, const char *name, uint64_t gone)
{
	struct stage *s = arg;

	virtual_changed(s->ctx.virtual, parent, name);
	inval_entry(s->inval, parent, name, gone);
}

static void
on_conflicts(void *arg, unsigned n)
{
	struct stage *s = arg;

	if (s->on_conflicts)
		s->on_conflicts(s->on_conflicts_arg, n);
}

static void
notify_set(struct stage *s, bool on)
{
	struct drive_notify to = { on ? on_inode : NULL, on ? on_entry : NULL,
	    on ? on_conflicts : NULL, s };

	if (s->p->drive)
		drive_set_notify(s->p->drive, &to);
}

void
stage_set_inval(struct stage *s, struct inval *n)
{
	s->inval = n;
	notify_set(s, n != NULL);
}

/* ---- up and down -------------------------------------------------------- */

/* What there is of it, in reverse. */
static void
take_down(struct stage *s)
{
	struct parts *p = s->p;

	thumbs_stop(s->ctx.thumbs);
	s->ctx.thumbs = NULL;
	s->ctx.drive = NULL;
	s->ctx.store = NULL;
	if (p->sync)
		sync_stop(p->sync, 0);
	p->sync = NULL;
	notify_set(s, false);
	store_close(p->store);
	p->store = NULL;
	if (p->drive)
		drive_close(p->drive);
	p->drive = NULL;
	vault_keys_free(p->keys);
	p->keys = NULL;
	(void)malloc_trim(0);
}

int
stage_up(struct stage *s, struct err *e)
{
	struct parts *p = s->p;
	struct thumbs_conf t = { .mountpoint = s->mp, .floor = p->opts.floor,
	    .is_seeding = p->opts.thumbnails == THUMBNAILS_SEED,
	    .is_readonly = p->opts.ro, .left = &s->ctx.leftover };
	int r;

	/* A mount opens it before it looks at its mount point. */
	r = p->drive ? 0 : parts_open_drive(p, e);
	if (r == 0)
		r = parts_open_store(p, e);
	if (r == 0)
		r = parts_start_sync(p, e);
	if (r < 0)
		return r;
	/* Without a home there are no previews to look after. */
	t.drive = p->drive;
	r = thumbs_start(&t, &s->ctx.thumbs);
	if (r < 0 && r != -ENOENT)
		return err_set(e, r, "thread: %s", strerror(-r));
	s->ctx.drive = p->drive;
	s->ctx.store = p->store;
	notify_set(s, s->inval != NULL);
	atomic_store(&s->used_ms, clock_mono_ms());
	gate_open(s->commands);
	gate_open(s->requests);
	/* Whoever found the gate shut has left it to us. */
	sync_spare(p->sync, p->is_metered);
	return 0;
}

bool
stage_is_locked(const struct stage *s)
{
	return s->ctx.drive == NULL;
}

/* ---- windows ----------------------------------------------------------- */

/* Those that show the root, which holds other names now. */
static void
windows_tell(struct stage *s, struct names *t)
{
	size_t i;

	live_changed(s->live, DRIVE_ROOT_INO, LOCKED_NOTE);
	for (i = 0; i < t->n; i++)
		live_changed(s->live, DRIVE_ROOT_INO, t->v[i]);
	names_done(t);
}

/* ---- unlocking -------------------------------------------------------- */

static int
change_begin(struct stage *s, struct err *e)
{
	if (atomic_flag_test_and_set(&s->is_changing))
		return err_set(e, -EBUSY, "drive '%s' is being locked or "
		    "unlocked: try again", s->p->name);
	return 0;
}

static int
slot_use(struct parts *p, const struct secret *key, struct err *e)
{
	if (key->len != SLOT_KEY_LEN)
		return err_set(e, -EINVAL, "that is no key of a slot");
	return slots_open(p, SLOT_KEYRING, (const uint8_t *)key->p, e);
}

int
stage_unlock(struct stage *s, const struct secret *with, bool is_slot,
    struct err *e)
{
	int r;

	r = change_begin(s, e);
	if (r < 0)
		return r;
	/* Nobody would take it down again, nor forget what is remembered. */
	if (s->ctx.is_stopping) {
		r = err_set(e, -ECANCELED, "drive '%s' is being unmounted",
		    s->p->name);
	} else if (stage_is_locked(s)) {
		struct names t = { NULL, 0, 0 };

		r = is_slot ? slot_use(s->p, with, e) :
		    parts_unlock_with(s->p, with, e);
		if (r == 0)
			r = stage_up(s, e);
		if (r < 0) {
			take_down(s);
		} else {
			remember_keep(s->p);
			names_get(s->p->drive, &t);
			windows_tell(s, &t);
			log_info("unlocked");
		}
	}
	atomic_flag_clear(&s->is_changing);
	return r;
}

/* ---- locking ------------------------------------------------------------ */

static int
in_use(const struct stage *s, struct err *e)
{
	unsigned n = handles_count(s->ctx.handles);

	return err_set(e, -EBUSY, NP_("%u file or folder is open on drive "
	    "'%s': close it ('fuser -vm' on the mount point lists who has "
	    "it), or 'coffre lock --force'", "%u files or folders are open "
	    "on drive '%s': close them ('fuser -vm' on the mount point lists "
	    "who has them), or 'coffre lock --force'", n), n, s->p->name);
}

/* Whoever waits for the store gives up; while the machine sleeps, they do
 * anyway. */
static void
force(struct stage *s, bool on)
{
	s->is_forced = on;
	if (!s->ctx.is_resting)
		store_interrupt(s->p->store, on);
}

/* Whoever comes meanwhile waits as well. */
static int64_t
deadline(const struct stage *s, enum stage_how how)
{
	return clock_mono_ms() + (how == STAGE_IDLE ? 0 : how == STAGE_FORCE &&
	    s->ctx.is_resting ? LOCK_REST_MS : LOCK_WAIT_MS);
}

static int
commands_hold(struct stage *s, enum stage_how how, struct err *e)
{
	int r;

	if (how == STAGE_FORCE)
		force(s, true);
	r = gate_hold(s->commands, deadline(s, how));
	s->is_forced = false;
	return r < 0 ? err_set(e, -EBUSY, "a command is at work on drive "
	    "'%s': try again when it is done", s->p->name) : 0;
}

static void
hold_end(struct stage *s, bool is_forced)
{
	gate_open(s->requests);
	thumbs_go(s->ctx.thumbs);
	gate_open(s->commands);
	if (is_forced)
		force(s, false);
}

/* Nobody uses the drive, and whoever comes waits. */
static int
hold(struct stage *s, enum stage_how how, struct err *e)
{
	int64_t end = deadline(s, how);
	bool is_forced = how == STAGE_FORCE;
	int r;

	/* A file that was just closed is so here a moment later. */
	while (!is_forced && handles_count(s->ctx.handles) > 0) {
		if (clock_mono_ms() > end)
			return in_use(s, e);
		(void)usleep(LOCK_LOOK_US);
	}
	r = commands_hold(s, how, e);
	if (r < 0) {
		if (is_forced)
			force(s, false);
		return r;
	}
	thumbs_hold(s->ctx.thumbs, s->ctx.is_resting);
	/* Who waits for the network gives up. */
	s->ctx.is_locking = how != STAGE_IDLE;
	if (is_forced)
		ops_settle_maps(&s->ctx, deadline(s, how));
	r = gate_hold(s->requests, deadline(s, how));
	s->ctx.is_locking = false;
	if (r < 0)
		r = err_set(e, r, "drive '%s' is busy: try again", s->p->name);
	else if (!is_forced && handles_count(s->ctx.handles) > 0)
		r = in_use(s, e);
	else
		return 0;
	hold_end(s, is_forced);
	return r;
}

/* Of those that were closed as well: what could not be committed then is kept
 * by the drive alone, which goes. */
static int
keep_written(struct stage *s, enum stage_how how, struct err *e)
{
	int r = drive_commit_all(s->p->drive);

	if (r == 0)
		return 0;
	hold_end(s, how == STAGE_FORCE);
	return err_set(e, r, "what was written cannot be kept: %s",
	    strerror(-r));
}

static void
kernel_forget(struct stage *s, const struct names *t)
{
	/* It may know that there is no such name, or another such file. */
	static const char *const own[] = { LOCKED_NOTE, VIRTUAL_NAME };
	struct fuse_session *se = s->ctx.se;
	const char *name;
	size_t i;

	for (i = 0; i < t->n + 2; i++) {
		name = i < t->n ? t->v[i] : own[i - t->n];
		(void)fuse_lowlevel_notify_inval_entry(se, DRIVE_ROOT_INO,
		    name, strlen(name));
	}
	(void)fuse_lowlevel_notify_inval_inode(se, DRIVE_ROOT_INO, 0, 0);
}

static void
forget_inode(void *arg, uint64_t ino)
{
	struct stage *s = arg;

	(void)fuse_lowlevel_notify_inval_inode(s->ctx.se, ino, 0, 0);
}

int
stage_lock(struct stage *s, enum stage_how how, struct stage_left *ret,
    struct err *e)
{
	struct names t = { NULL, 0, 0 };
	struct drive_usage u;
	int r;

	memset(ret, 0, sizeof(*ret));
	r = change_begin(s, e);
	if (r < 0)
		return r;
	if (!stage_is_locked(s)) {
		r = hold(s, how, e);
		if (r == 0)
			r = keep_written(s, how, e);
		if (r < 0)
			goto out;
		names_get(s->p->drive, &t);
		handles_end(s->ctx.handles);
		drive_usage(s->p->drive, &u);
		ret->ops = u.outbox_ops;
		ret->bytes = u.staged_bytes;
		take_down(s);
		remember_forget(s->p->name);
		gate_shut(s->commands);
		gate_shut(s->requests);
		/* The kernel may wait for answers before it forgets. */
		kernel_forget(s, &t);
		windows_tell(s, &t);
		handles_each_ghost(s->ctx.handles, forget_inode, s);
		log_info("locked");
	}
out:
	atomic_flag_clear(&s->is_changing);
	return r;
}

bool
stage_is_idle(struct stage *s, int64_t for_ms)
{
	struct sync_status st;
	struct drive_usage u;
	bool is_idle;

	if (clock_mono_ms() - atomic_load(&s->used_ms) < for_ms ||
	    handles_count(s->ctx.handles) > 0 || !stage_enter(s))
		return false;
	drive_usage(s->p->drive, &u);
	sync_get_status(s->p->sync, &st);
	/* Uploads come first, where they get on. */
	is_idle = st.link != SYNC_ONLINE ||
	    (u.outbox_ops == 0 && u.staged_blocks == 0);
	stage_leave(s);
	return is_idle;
}

bool
stage_enter(struct stage *s)
{
	return gate_enter(s->commands);
}

void
stage_leave(struct stage *s)
{
	gate_leave(s->commands);
}
