/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive/sync.h"
#include "fs/control_priv.h"
#include "fs/json_text.h"
#include "fs/parts.h"
#include "sync/sync.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/tr.h"

/* control_pin - what is to stay on this machine, and what may go. */

#define PATH_BYTES (1u << 16)
#define LOOK_MS 200		/* between looks how much is here */
#define LOOK_MAX_MS 5000

/* The whole path of an inode; "" if that cannot be told. */
static json_t *
path_json(const struct control_conn *k, uint64_t ino)
{
	const char *mp = k->c->host.mountpoint, *s = NULL;
	struct buf b = BUF_INIT(PATH_BYTES);
	json_t *o;

	if (ino && buf_put(&b, mp, strlen(mp)) == 0 &&
	    (ino == DRIVE_ROOT_INO ||
	    drive_path(k->c->host.parts->drive, ino, &b) == 0))
		s = buf_cstr(&b);
	o = json_text(s ? s : "");
	buf_done(&b);
	return o;
}

static json_t *
held_json(const struct drive_held *h)
{
	return json_pack("{s:I, s:I, s:I, s:I}",
	    "files", (json_int_t)h->files, "bytes", (json_int_t)h->bytes,
	    "here_bytes", (json_int_t)h->here,
	    "unsent_bytes", (json_int_t)h->unsent);
}

json_t *
control_pins(const struct control_conn *k)
{
	struct drive_pins p;
	json_t *o;

	drive_pins(k->c->host.parts->drive, &p);
	o = held_json(&p.held);
	json_object_set_new(o, "items", json_integer((json_int_t)p.items));
	json_object_set_new(o, "cache_bytes",
	    json_integer((json_int_t)p.clean));
	json_object_set_new(o, "lost_bytes",
	    json_integer((json_int_t)p.lost));
	json_object_set_new(o, "counted", json_boolean(p.is_counted));
	json_object_set_new(o, "full", json_boolean(p.is_full));
	return o;
}

/* ---- pin ---- */

static int
wait_verdict(struct control_conn *k, int64_t end)
{
	struct drive_pins p;

	if (control_is_over(k->c))
		return -ECANCELED;
	if (k->is_gone)
		return -EPIPE;
	drive_pins(k->c->host.parts->drive, &p);
	if (p.is_full)
		return -ENOSPC;
	if (p.is_idle && p.lost > 0)
		return -EIO;
	return clock_mono_ms() >= end ? -ETIMEDOUT : 0;
}

/* Until all of it is here. */
static int
wait_here(struct control_conn *k, const struct control_req *q,
    struct drive_held *h)
{
	struct drive *d = k->c->host.parts->drive;
	int64_t end = q->timeout_ms > 0 ? clock_mono_ms() + q->timeout_ms :
	    INT64_MAX;
	int64_t from, pause;
	int r = 0;

	while (r == 0) {
		from = clock_mono_ms();
		r = drive_measure(d, q->ino, control_is_stopped, k, h);
		if (r < 0 || h->here >= h->bytes)
			break;
		control_send(k, json_pack("{s:{s:I, s:I}}", "progress",
		    "bytes", (json_int_t)(h->bytes - h->here),
		    "total", (json_int_t)h->bytes));
		/* Counting many files is work, too. */
		pause = (clock_mono_ms() - from) * 10;
		if (pause < LOOK_MS)
			pause = LOOK_MS;
		if (pause > LOOK_MAX_MS)
			pause = LOOK_MAX_MS;
		for (; pause > 0 && r == 0; pause -= LOOK_MS) {
			thread_pause_ms(LOOK_MS);
			r = wait_verdict(k, end);
		}
	}
	return r;
}

static void
wait_failed(struct control_conn *k, int r)
{
	const char *msg = strerror(-r);
	struct sync_status s;

	if (r == -ENOSPC)
		msg = N_("the disk has no room for the rest: free some, or "
		    "'coffre unpin' something");
	else if (r == -EIO)
		msg = N_("some of it cannot be had from the store: 'coffre "
		    "fsck --remote' says which files");
	else if (r == -ETIMEDOUT)
		msg = N_("not everything is here yet; it goes on in the "
		    "background");
	sync_get_status(k->c->host.parts->sync, &s);
	control_send(k, json_pack("{s:b, s:i, s:s, s:o, s:o}", "ok", 0,
	    "errno", -r, "error", msg,
	    "problem", json_text(r == -ETIMEDOUT ? s.problem : ""),
	    "advice", json_text(r == -ETIMEDOUT ? s.advice : "")));
}

static void
do_pin(struct control_conn *k, const struct control_req *q)
{
	struct drive *d = k->c->host.parts->drive;
	struct drive_held h;
	uint64_t by = 0;
	bool is_new;
	json_t *o;
	int r;

	r = drive_pin(d, q->ino, &by);
	is_new = r == 0;
	if (r == -EINVAL) {
		control_error(k, r, N_("only files and folders can be pinned"));
		return;
	}
	if (r == -EEXIST)
		r = 0;
	if (r == 0)
		r = drive_measure(d, q->ino, control_is_stopped, k, &h);
	if (r < 0) {
		control_error(k, r, r == -ENOENT ? N_("it is not there any "
		    "more") :
		    strerror(-r));
		return;
	}
	if (q->is_wait) {
		r = wait_here(k, q, &h);
		if (r < 0) {
			wait_failed(k, r);
			return;
		}
	}
	o = held_json(&h);
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "new", json_boolean(is_new));
	json_object_set_new(o, "room_bytes",
	    json_integer((json_int_t)drive_pin_room(d)));
	json_object_set_new(o, "self", json_boolean(by == q->ino));
	json_object_set_new(o, "by", path_json(k, is_new ? 0 : by));
	control_send(k, o);
}

static void
do_unpin(struct control_conn *k, const struct control_req *q)
{
	struct drive *d = k->c->host.parts->drive;
	uint64_t by = 0;
	int r;

	r = drive_unpin(d, q->ino, &by);
	if (r < 0 && r != -ENOENT) {
		control_error(k, r, strerror(-r));
		return;
	}
	control_send(k, json_pack("{s:b, s:b, s:o}", "ok", 1, "unpinned",
	    r == 0, "by", path_json(k, by)));
}

static void
do_pins(struct control_conn *k)
{
	struct drive *d = k->c->host.parts->drive;
	struct drive_pin_row *v;
	size_t i, n;
	json_t *o;
	int r;

	r = drive_pins_list(d, &v, &n);
	for (i = 0; i < n && r == 0; i++) {
		o = held_json(&v[i].held);
		json_object_set_new(o, "path", path_json(k, v[i].ino));
		json_object_set_new(o, "since_ns",
		    json_integer(v[i].since_ns));
		json_object_set_new(o, "inside", json_boolean(v[i].is_inside));
		control_send(k, json_pack("{s:o}", "pin", o));
	}
	free(v);
	if (r < 0) {
		control_error(k, r, strerror(-r));
		return;
	}
	control_send(k, json_pack("{s:b, s:o}", "ok", 1, "pins",
	    control_pins(k)));
}

/* ---- letting go ---- */

static void
do_free(struct control_conn *k, const struct control_req *q)
{
	struct drive *d = k->c->host.parts->drive;
	uint64_t freed, pinned;
	struct drive_held h;
	json_t *o;
	int r;

	r = drive_let_go(d, q->ino, control_is_stopped, k, &h, &freed, &pinned);
	if (r < 0) {
		control_error(k, r, strerror(-r));
		return;
	}
	o = held_json(&h);
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "freed", json_integer((json_int_t)freed));
	json_object_set_new(o, "pinned", json_integer((json_int_t)pinned));
	control_send(k, o);
}

void
control_pin(struct control_conn *k, const struct control_req *q)
{
	if (q->cmd == CONTROL_PIN)
		do_pin(k, q);
	else if (q->cmd == CONTROL_UNPIN)
		do_unpin(k, q);
	else if (q->cmd == CONTROL_PINS)
		do_pins(k);
	else
		do_free(k, q);
}
