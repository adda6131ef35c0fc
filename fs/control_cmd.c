/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive/drive.h"
#include "fs/control_priv.h"
#include "fs/json_text.h"
#include "fs/parts.h"
#include "fs/stage.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/text.h"
#include "util/tr.h"
#include "vault/vault.h"

/* A wait is cut into pieces, so that an unmount need not wait for it, nor what
 * locks the drive by force. */
#define WAIT_PIECE_MS 1000

static const char *const link_name[] = {
	[SYNC_ONLINE] = N_("online"),
	[SYNC_OFFLINE] = N_("offline"),
	[SYNC_REFUSED] = N_("refused"),
	[SYNC_FULL] = N_("full"),
	[SYNC_ALARM] = N_("alarm"),
	[SYNC_FAULT] = N_("fault"),
};

static json_t *
num(uint64_t v)
{
	return json_integer((json_int_t)v);
}

static json_t *
status_usage(const struct drive_usage *u)
{
	json_t *o = json_object();

	json_object_set_new(o, "inodes", num(u->inodes));
	json_object_set_new(o, "file_bytes", num(u->file_bytes));
	json_object_set_new(o, "queued_bytes", num(u->staged_bytes));
	json_object_set_new(o, "queued_blocks", num(u->staged_blocks));
	json_object_set_new(o, "queued_changes", num(u->outbox_ops));
	json_object_set_new(o, "oldest_unpublished_ns",
	    json_integer(u->oldest_unpublished_ns));
	json_object_set_new(o, "cache_bytes", num(u->clean_bytes));
	json_object_set_new(o, "disk_free_bytes", num(u->disk_free_bytes));
	return o;
}

static json_t *
status_link(const struct sync_status *s)
{
	json_t *o = json_object();

	json_object_set_new(o, "link", json_string(link_name[s->link]));
	json_object_set_new(o, "problem", json_text(s->problem));
	json_object_set_new(o, "advice", json_text(s->advice));
	json_object_set_new(o, "last_ok_ns", json_integer(s->last_ok_ns));
	json_object_set_new(o, "retry_in_ms", json_integer(s->retry_in_ms));
	json_object_set_new(o, "packs_up", num(s->packs_up));
	json_object_set_new(o, "bytes_up", num(s->bytes_up));
	json_object_set_new(o, "bytes_down", num(s->bytes_down));
	json_object_set_new(o, "segments", num(s->segments));
	json_object_set_new(o, "published_seq", num(s->published_seq));
	json_object_set_new(o, "checkpoint_seq", num(s->checkpoint_seq));
	return o;
}

static void
do_status(struct control_conn *k)
{
	const struct control_host *h = &k->c->host;
	const struct parts *p = h->parts;
	char id[2 * VAULT_ID_LEN + 1];
	struct sync_status s;
	struct drive_usage u;
	json_t *o, *probe;

	sync_get_status(p->sync, &s);
	drive_usage(p->drive, &u);
	hex_encode(p->keys->drive.b, VAULT_ID_LEN, id);
	o = json_object();
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "name", json_string(p->name));
	json_object_set_new(o, "drive", json_string(id));
	json_object_set_new(o, "mountpoint", json_text(h->mountpoint));
	json_object_set_new(o, "store", json_text(store_url(p->store)));
	json_object_set_new(o, "pid", num((uint64_t)getpid()));
	json_object_set_new(o, "version", json_string(VERSION));
	json_object_set_new(o, "since_ns", json_integer(h->since_ns));
	json_object_set_new(o, "cache_max", num(p->opts.cache));
	json_object_set_new(o, "sync", status_link(&s));
	json_object_set_new(o, "usage", status_usage(&u));
	json_object_set_new(o, "pins", control_pins(k));
	json_object_set_new(o, "stores", control_stores(k));
	json_object_set_new(o, "notes", control_notes(k));
	probe = control_probe(k, p->opts.store);
	if (probe)
		json_object_set_new(o, "probe", probe);
	control_send(k, o);
}

static void
wait_progress(void *arg, uint64_t bytes_left, uint64_t ops_left)
{
	control_send(arg, json_pack("{s:{s:I, s:I}}", "progress",
	    "bytes", (json_int_t)bytes_left, "changes",
	    (json_int_t)ops_left));
}

static int
sync_wait_pieces(struct control_conn *k, const struct control_req *q)
{
	int64_t end = q->timeout_ms > 0 ? clock_mono_ms() + q->timeout_ms :
	    INT64_MAX;
	struct sync *s = k->c->host.parts->sync;
	int64_t until;
	int r, here;

	/* What cannot be brought to this disk is not up, however long it
	 * takes to bring up the rest. */
	here = sync_wait_begin(s);
	do {
		until = clock_mono_ms() + WAIT_PIECE_MS;
		if (until > end)
			until = end;
		r = sync_wait_on(s, until, wait_progress, k);
		if (control_is_over(k->c))
			return -ECANCELED;
		if (k->is_gone)
			return -EPIPE;
	} while (r == -ETIMEDOUT && clock_mono_ms() < end);
	return r < 0 ? r : here;
}

static void
do_sync(struct control_conn *k, const struct control_req *q)
{
	const struct parts *p = k->c->host.parts;
	struct sync_status s;
	int r = 0;

	/* There may be another password, or the old one be good again: it is
	 * looked for, and asked with at once. */
	store_renew(p->store);
	store_mirror_kick(p->store);
	sync_kick(p->sync);
	if (q->is_wait)
		r = sync_wait_pieces(k, q);
	if (r == 0) {
		control_send(k, json_pack("{s:b}", "ok", 1));
		return;
	}
	sync_get_status(p->sync, &s);
	control_send(k, json_pack("{s:b, s:i, s:s, s:o, s:o}", "ok", 0,
	    "errno", -r, "error", r == -ETIMEDOUT ?
	    N_("not everything is on the store yet") : strerror(-r),
	    "problem", json_text(s.problem),
	    "advice", json_text(s.advice)));
}

/* One more that hears the end: a descriptor of its own, or -1: it does not. */
static int
bye_add(struct control *c, int conn_fd)
{
	int fd = fcntl(conn_fd, F_DUPFD_CLOEXEC, 0);
	bool is_room;

	if (fd < 0)
		return -1;
	mutex_lock(&c->lock);
	is_room = c->nbyes < CONTROL_CONNS;
	if (is_room)
		c->byes[c->nbyes++] = fd;
	mutex_unlock(&c->lock);
	if (is_room)
		return fd;
	(void)close(fd);
	return -1;
}

static void
bye_remove(struct control *c, int fd)
{
	unsigned i;

	if (fd < 0)
		return;
	mutex_lock(&c->lock);
	for (i = 0; i + 1 < c->nbyes && c->byes[i] != fd; i++)
		;
	c->byes[i] = c->byes[--c->nbyes];
	mutex_unlock(&c->lock);
	(void)close(fd);
}

static void
do_unmount(struct control_conn *k, const struct control_req *q)
{
	const struct control_host *h = &k->c->host;
	struct err e = { "" };
	int fd, r;

	/* The mount may end before it is answered. */
	k->is_kept = true;
	/* When a lazy one ends is up to whoever has files open. */
	if (q->is_lazy) {
		r = h->unmount(h->arg, true, &e);
		if (r < 0)
			control_error(k, r, e.msg);
		else
			control_send(k, json_pack("{s:b}", "ok", 1));
		k->is_kept = false;
		return;
	}
	/* Kept until all is over: the last line says what is left. */
	fd = bye_add(k->c, k->fd);
	r = h->unmount(h->arg, false, &e);
	if (r >= 0) {
		if (r == 1)
			control_send(k, json_pack("{s:b}", "elsewhere", 1));
		k->is_gone = true;	/* end this thread, not the line */
		return;
	}
	k->is_kept = false;
	bye_remove(k->c, fd);
	control_error(k, r, e.msg);
}

static void
do_cache(struct control_conn *k, const struct control_req *q)
{
	struct drive *d = k->c->host.parts->drive;
	struct drive_usage u;
	struct drive_pins p;
	uint64_t freed = 0;

	if (q->has_keep)
		freed = drive_cache_trim(d, q->keep);
	drive_usage(d, &u);
	drive_pins(d, &p);
	control_send(k, json_pack("{s:b, s:I, s:I, s:I, s:I}", "ok", 1,
	    "freed", (json_int_t)freed,
	    "cache_bytes", (json_int_t)u.clean_bytes,
	    "pinned_bytes", (json_int_t)p.clean,
	    "cache_max", (json_int_t)k->c->host.parts->opts.cache));
}

static void
fsck_say(void *arg, const char *finding)
{
	control_send(arg, json_pack("{s:o}", "finding",
	    json_text(finding)));
}

static void
fsck_progress(void *arg, uint64_t done, uint64_t total)
{
	control_send(arg, json_pack("{s:{s:I, s:I}}", "progress",
	    "done", (json_int_t)done, "total", (json_int_t)total));
}

static void
do_fsck(struct control_conn *k, const struct control_req *q)
{
	const struct parts *p = k->c->host.parts;
	struct err e = { "" };
	int n, m = 0;

	n = drive_fsck_until(p->drive, q->is_repair, control_is_stopped,
	    fsck_say, k);
	if (n >= 0 && q->is_remote) {
		k->is_remote = true;
		m = control_is_over(k->c) ? -ECANCELED : sync_check(p->store,
		    p->keys, p->drive, fsck_say, fsck_progress, k, &e);
		k->is_remote = false;
	}
	if (n < 0 || m < 0)
		control_error(k, n < 0 ? n : m, e.msg[0] ? e.msg :
		    strerror(n < 0 ? -n : -m));
	else
		control_send(k, json_pack("{s:b, s:i}", "ok", 1, "findings",
		    n + m));
}

static void
do_trust(struct control_conn *k, const struct control_req *q)
{
	const struct parts *p = k->c->host.parts;
	struct err e = { "" };
	struct sync_status s;
	int n;

	if (!q->is_accept) {
		sync_get_status(p->sync, &s);
		control_send(k, json_pack("{s:b, s:b, s:o, s:o}", "ok", 1,
		    "alarm", s.link == SYNC_ALARM, "problem",
		    json_text(s.problem), "advice",
		    json_text(s.advice)));
		return;
	}
	k->is_remote = true;
	n = control_is_over(k->c) ? -ECANCELED : sync_accept(p->sync,
	    fsck_say, fsck_progress, k, &e);
	k->is_remote = false;
	if (n < 0)
		control_error(k, n, e.msg[0] ? e.msg : strerror(-n));
	else
		control_send(k, json_pack("{s:b, s:i}", "ok", 1, "lost", n));
}

static void
do_fingerprint(struct control_conn *k)
{
	char words[RECOVERY_TEXT_MAX];
	uint8_t hash[16];
	int r;

	r = sync_fingerprint(k->c->host.parts->drive, hash);
	if (r < 0) {
		control_error(k, r, strerror(-r));
		return;
	}
	fingerprint_words(hash, words);
	control_send(k, json_pack("{s:b, s:s}", "ok", 1, "fingerprint",
	    words));
}

static void
answer_with_drive(struct control_conn *k, const struct control_req *q)
{
	switch (q->cmd) {
	case CONTROL_STATUS:
		do_status(k);
		break;
	case CONTROL_SYNC:
		do_sync(k, q);
		break;
	case CONTROL_CACHE:
		do_cache(k, q);
		break;
	case CONTROL_FSCK:
		do_fsck(k, q);
		break;
	case CONTROL_FINGERPRINT:
		do_fingerprint(k);
		break;
	case CONTROL_TRUST:
		do_trust(k, q);
		break;
	case CONTROL_SCRUB:
		control_scrub(k, q);
		break;
	case CONTROL_STORE_ADD:
	case CONTROL_STORE_REMOVE:
	case CONTROL_STORE_CHECK:
		control_store_job(k, q);
		break;
	case CONTROL_PIN:
	case CONTROL_UNPIN:
	case CONTROL_PINS:
	case CONTROL_CACHE_FREE:
		control_pin(k, q);
		break;
	case CONTROL_UNMOUNT:
	case CONTROL_VERSION:
	case CONTROL_UNLOCK:
	case CONTROL_LOCK:
		break;
	}
}

void
control_answer(struct control_conn *k, const struct control_req *q)
{
	if (q->cmd == CONTROL_UNMOUNT) {
		do_unmount(k, q);
	} else if (q->cmd == CONTROL_VERSION) {
		control_send(k, json_pack("{s:b, s:s}", "ok", 1, "version",
		    VERSION));
	} else if (q->cmd == CONTROL_UNLOCK || q->cmd == CONTROL_LOCK) {
		control_lock(k, q);
	} else if (stage_enter(k->c->host.stage)) {
		answer_with_drive(k, q);
		stage_leave(k->c->host.stage);
	} else {
		control_locked(k, q);
	}
}
