/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/store_job.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fs/cli.h"
#include "fs/control_msg.h"
#include "fs/opts.h"
#include "fs/stores.h"
#include "store/mirror.h"
#include "store/store.h"
#include "util/err.h"
#include "util/tr.h"

/* store_job - what the jobs share, and the comparison of all stores. */

void
store_job_say(const struct store_job *j, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j->say(j->arg, text);
}

static bool
on_wait(void *arg, uint64_t queued)
{
	const struct store_job *j = arg;

	return !j->progress(j->arg, STORE_JOB_QUEUED, queued);
}

/* What one store lacks and another only lists. */
static int
aside_tell(const struct store_job *j, struct err *e)
{
	struct mirror_state st;
	int r = 0;
	size_t i;

	for (i = 0; i < store_mirror_count(j->store); i++) {
		store_mirror_state(j->store, i, &st);
		if (st.aside == 0)
			continue;
		r = err_set(e, -ENODATA, NP_("%" PRIu64 " object that '%s' "
		    "lacks can be had from no other store: 'coffre scrub "
		    "--all' finds out whether the drive needs it", "%" PRIu64
		    " objects that '%s' lacks can be had from no other store: "
		    "'coffre scrub --all' finds out whether the drive needs "
		    "them", st.aside), st.aside, st.url);
	}
	return r;
}

int
store_job_wait(const struct store_job *j, struct err *e)
{
	struct mirror_state st;
	size_t i;
	int r;

	r = store_mirror_wait(j->store, INT64_MAX, on_wait,
	    (void *)(uintptr_t)j);
	for (i = 0; r < 0 && i < store_mirror_count(j->store); i++) {
		store_mirror_state(j->store, i, &st);
		if (st.queued > st.aside)
			break;
	}
	if (r == 0)
		return aside_tell(j, e);
	if (i == store_mirror_count(j->store))
		return r;
	st.queued -= st.aside;
	if (st.problem[0])
		(void)err_set(e, r, "%s", st.problem);
	else
		(void)err_set(e, r, "%s", strerror(-r));
	return err_wrap(e, r, NP_("%" PRIu64 " object is still to be copied "
	    "to '%s'; that goes on while the drive is mounted, or by the "
	    "same command", "%" PRIu64 " objects are still to be copied to "
	    "'%s'; that goes on while the drive is mounted, or by the same "
	    "command", st.queued), st.queued, st.url);
}

int
store_job_member(const struct store_job *j, const char *url, size_t *ret,
    struct err *e)
{
	size_t i, n = store_mirror_count(j->store), found = n;
	struct mirror_state st;

	for (i = 0; i < n; i++) {
		store_mirror_state(j->store, i, &st);
		/* An id may be the beginning of an address only. */
		if (strncmp(st.id, url, sizeof(st.id) - 1) != 0)
			continue;
		if (found < n)
			return err_set(e, -ENOTUNIQ, "the addresses of two "
			    "stores of this drive begin with '%.80s…': they "
			    "are too long to be told apart", url);
		found = i;
	}
	if (found < n) {
		*ret = found;
		return 0;
	}
	return err_set(e, -ENOENT, "'%s' is not in use as a store of this "
	    "drive", url);
}

int
store_number(const char *drive, const char *arg, unsigned *ret,
    struct err *e)
{
	unsigned numbers[STORES_MAX];
	struct opts o;
	uint64_t want = 0;
	size_t i, n;
	bool is_it;

	(void)cli_number(arg, 1, STORES_MAX, &want);
	n = stores_numbers(drive, numbers);
	for (i = 0; i < n; i++) {
		opts_init(&o);
		is_it = want ? numbers[i] == want :
		    stores_load(drive, numbers[i], &o, e) == 0 && o.store &&
		    strcmp(o.store, arg) == 0;
		opts_done(&o);
		if (is_it) {
			*ret = numbers[i];
			return 0;
		}
	}
	return err_set(e, -ENOENT, "drive '%s' has no store '%.200s': "
	    "'coffre store list %s' shows them", drive, arg, drive);
}

int
store_job_run(const struct store_job *j, const struct control_req *q,
    struct err *e)
{
	switch ((int)q->cmd) {
	case CONTROL_STORE_ADD:
		return store_job_add(j, q->is_later, e);
	case CONTROL_STORE_REMOVE:
		return store_job_remove(j, q->number, q->is_lost, q->budget,
		    e);
	case CONTROL_STORE_CHECK:
		return store_job_check(j, e);
	default:
		return err_set(e, -EINVAL, "this is no work on stores");
	}
}
