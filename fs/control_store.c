/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "drive/drive.h"
#include "fs/control_priv.h"
#include "fs/json_text.h"
#include "fs/meter.h"
#include "fs/parts.h"
#include "fs/presets.h"
#include "fs/probed.h"
#include "fs/stage.h"
#include "fs/store_job.h"
#include "fs/stores.h"
#include "fs/thumbs.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/scrub.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/text.h"
#include "util/tr.h"

#define METER_NEWS_MS (60 * 60 * 1000)	/* what is older is no news */

/* control_store - what is asked of the stores of a mounted drive. */

json_t *
control_probe(const struct control_conn *k, const char *url)
{
	return probed_json_of(k->c->host.parts->name, url);
}

json_t *
control_stores(const struct control_conn *k)
{
	struct store *s = k->c->host.parts->store;
	struct mirror_state st;
	json_t *all = json_array(), *o, *probe;
	size_t i;

	for (i = 0; i < store_mirror_count(s); i++) {
		store_mirror_state(s, i, &st);
		o = json_object();
		json_object_set_new(o, "id", json_text(st.id));
		json_object_set_new(o, "url", json_text(st.url));
		json_object_set_new(o, "away", json_boolean(st.is_away));
		json_object_set_new(o, "queued",
		    json_integer((json_int_t)st.queued));
		json_object_set_new(o, "problem", json_text(st.problem));
		json_object_set_new(o, "last_ok_ns",
		    json_integer(st.last_ok_ns));
		probe = control_probe(k, st.id);
		if (probe)
			json_object_set_new(o, "probe", probe);
		json_array_append_new(all, o);
	}
	return all;
}

/* Programs that fetched too much unasked. */
static void
meter_notes(struct meter *m, json_t *all)
{
	struct meter_report rep[METER_PROGRAMS];
	int64_t now = clock_mono_ms();
	char line[512], size[32];
	unsigned i, n = meter_report(m, rep);

	for (i = 0; i < n; i++) {
		if (now - rep[i].last_ms > METER_NEWS_MS)
			continue;
		(void)snprintf(line, sizeof(line), NP_("'%.15s' was refused "
		    "%" PRIu64 " read: it wants more than %s a minute "
		    "(setting 'unasked')", "'%.15s' was refused %" PRIu64
		    " reads: it wants more than %s a minute (setting "
		    "'unasked')", rep[i].refused), rep[i].name, rep[i].refused,
		    size_format(meter_limit(m), size));
		json_array_append_new(all, json_text(line));
	}
}

/* The rules are for stores that are added.  One may be older than they are,
 * or may have been told of by hand: nobody's data is refused for that. */
static void
rule_notes(const struct parts *p, json_t *all)
{
	unsigned numbers[STORES_MAX];
	struct err e = { "" };
	char line[512];
	struct opts o;
	size_t i, n;
	int r;

	n = presets_has_rules(&p->opts) ? stores_numbers(p->name, numbers) : 0;
	for (i = 0; i < n; i++) {
		opts_init(&o);
		r = stores_load(p->name, numbers[i], &o, &e);
		if (r == 0 && o.store)
			r = presets_check(&p->opts, &o, &e);
		if (r < 0) {
			(void)snprintf(line, sizeof(line), r == -EPERM ?
			    N_("store %u breaks a rule of this drive: %s") :
			    N_("store %u cannot be compared with the rules of "
			    "this drive: %s"), numbers[i], e.msg);
			json_array_append_new(all, json_text(line));
		}
		opts_done(&o);
	}
}

json_t *
control_notes(const struct control_conn *k)
{
	struct buf b = BUF_INIT(16 * 1024);
	json_t *all = json_array();
	struct drive_usage u;
	const char *problem;
	char line[512];

	store_notes(k->c->host.parts->store, &b);
	json_text_lines(all, &b);
	buf_done(&b);
	if (k->c->host.parts->is_metered)
		json_array_append_new(all, json_string(N_("this line is paid "
		    "by volume: uploads, pins and reading ahead wait; 'coffre "
		    "sync --wait' does not, nor does 'metered = use'")));
	drive_usage(k->c->host.parts->drive, &u);
	if (u.lost_commits) {
		(void)snprintf(line, sizeof(line), NP_("the last %llu change "
		    "before this start could not be read again: a power cut "
		    "does that, or a failing disk; look at the files that "
		    "were being changed then", "the last %llu changes "
		    "before this start could not be read again: a power cut "
		    "does that, or a failing disk; look at the files that "
		    "were being changed then", u.lost_commits),
		    (unsigned long long)u.lost_commits);
		json_array_append_new(all, json_text(line));
	}
	rule_notes(k->c->host.parts, all);
	meter_notes(k->c->host.meter, all);
	/* The drive is there: so is what hangs on it. */
	problem = thumbs_problem(k->c->host.stage->ctx.thumbs);
	if (problem)
		json_array_append_new(all, json_string(problem));
	return all;
}

static void
on_finding(void *arg, const char *finding)
{
	control_send(arg, json_pack("{s:o}", "finding",
	    json_text(finding)));
}

/* The line notices that nobody listens any more. */
static bool
on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct control_conn *k = arg;

	control_send(k, json_pack("{s:{s:I, s:I}}", "progress",
	    "done", (json_int_t)done, "total", (json_int_t)total));
	return !control_is_over(k->c) && !k->is_gone;
}

/* Those who work on stores one by one do not while stores come and go. */
static bool
busy_take(struct control_conn *k)
{
	if (!atomic_flag_test_and_set(&k->c->is_store_busy))
		return true;
	control_error(k, -EBUSY, N_("another command works on the stores of "
	    "this drive: wait for it"));
	return false;
}

static bool
on_objects(void *arg, const char *what, uint64_t objects)
{
	struct control_conn *k = arg;

	control_send(k, json_pack("{s:{s:s, s:I}}", "progress", "what", what,
	    "objects", (json_int_t)objects));
	return !control_is_over(k->c) && !k->is_gone;
}

void
control_store_job(struct control_conn *k, const struct control_req *q)
{
	const struct parts *p = k->c->host.parts;
	struct store_job j = { .name = p->name, .opts = &p->opts,
	    .store = p->store, .drive = p->drive, .keys = p->keys,
	    .sync = p->sync, .say = on_finding,
	    .progress = on_objects, .arg = k };
	struct err e = { "" };
	int r;

	if (!busy_take(k))
		return;
	k->is_remote = true;
	r = control_is_over(k->c) ? -ECANCELED : store_job_run(&j, q, &e);
	k->is_remote = false;
	atomic_flag_clear(&k->c->is_store_busy);
	if (r < 0)
		control_error(k, r, e.msg[0] ? e.msg : strerror(-r));
	else
		control_send(k, json_pack("{s:b}", "ok", 1));
}

void
control_scrub(struct control_conn *k, const struct control_req *q)
{
	const struct parts *p = k->c->host.parts;
	struct scrub_conf c = { .store = p->store, .keys = p->keys,
	    .drive = p->drive, .budget = q->budget, .say = on_finding,
	    .progress = on_progress, .arg = k };
	struct err e = { "" };
	struct scrub_result s;
	int r;

	if (!busy_take(k))
		return;
	k->is_remote = true;
	r = control_is_over(k->c) ? -ECANCELED : sync_scrub(&c, &s, &e);
	k->is_remote = false;
	atomic_flag_clear(&k->c->is_store_busy);
	if (r < 0) {
		control_error(k, r, e.msg[0] ? e.msg : strerror(-r));
		return;
	}
	control_send(k, json_pack("{s:b, s:i, s:i, s:i, s:I, s:I}", "ok", 1,
	    "findings", (int)s.findings, "mended", (int)s.mended,
	    "unreached", (int)s.unreached, "objects", (json_int_t)s.objects,
	    "bytes", (json_int_t)s.bytes));
}
