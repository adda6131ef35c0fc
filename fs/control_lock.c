/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "fs/control_priv.h"
#include "fs/json_text.h"
#include "fs/parts.h"
#include "fs/stage.h"
#include "util/err.h"

/* control_lock - what is asked of a drive that has no keys, or shall have
 * none. */

bool
control_is_over(const struct control *c)
{
	return c->is_stopping || c->host.stage->is_forced;
}

bool
control_is_stopped(void *arg)
{
	const struct control_conn *k = arg;

	return control_is_over(k->c) || k->is_gone;
}

void
control_lock(struct control_conn *k, const struct control_req *q)
{
	const struct control_host *h = &k->c->host;
	struct stage_left left = { 0, 0 };
	struct err e = { "" };
	int r;

	if (q->cmd == CONTROL_UNLOCK)
		r = h->unlock(h->arg, k->secret, q->is_slot, &e);
	else
		r = h->lock(h->arg, q->is_forced, &left, &e);
	if (r < 0)
		control_error(k, r, e.msg);
	else
		control_send(k, json_pack("{s:b, s:I, s:I}", "ok", 1,
		    "ops_left", (json_int_t)left.ops,
		    "bytes_left", (json_int_t)left.bytes));
}

void
control_locked(struct control_conn *k, const struct control_req *q)
{
	const struct control_host *h = &k->c->host;
	const char *name = h->parts->name;
	struct err e = { "" };
	json_t *o;

	if (q->cmd != CONTROL_STATUS) {
		(void)err_set(&e, -ENOKEY, "drive '%s' is locked: 'coffre "
		    "unlock %s' unlocks it", name, name);
		control_error(k, -ENOKEY, e.msg);
		return;
	}
	o = json_object();
	json_object_set_new(o, "ok", json_true());
	json_object_set_new(o, "name", json_string(name));
	json_object_set_new(o, "locked", json_true());
	json_object_set_new(o, "mountpoint", json_text(h->mountpoint));
	json_object_set_new(o, "pid", json_integer(getpid()));
	json_object_set_new(o, "version", json_string(VERSION));
	json_object_set_new(o, "since_ns", json_integer(h->since_ns));
	control_send(k, o);
}
