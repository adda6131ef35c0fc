/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The requests of the kernel: to the drive, to the note of the locked state,
 * or to the ghosts of what was open when it was locked.
 */
#include <linux/fuse.h>
#include <string.h>

#include "fs/gate.h"
#include "fs/ghost.h"
#include "fs/live.h"
#include "fs/stage.h"
#include "util/clock.h"

/* File managers ask for ever how what they show is: that is no use of it. */
static bool
is_use(const struct fuse_in_header *h, const uint8_t *body, size_t len)
{
	static const char state[] = OPS_STATE_NAME;
	const size_t skip = sizeof(struct fuse_getxattr_in);

	switch (h->opcode) {
	case FUSE_STATFS:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
		return false;
	case FUSE_GETXATTR:
		return len < skip + sizeof(state) ||
		    memcmp(body + skip, state, sizeof(state)) != 0;
	default:
		return true;
	}
}

enum loop_way
stage_request(void *arg, void *req, size_t len)
{
	struct stage *s = arg;
	struct fuse_in_header h;
	bool is_own, has_entered, is_taken;

	if (len < sizeof(h))
		return LOOP_PASS;
	memcpy(&h, req, sizeof(h));
	is_own = live_is_own(s->live, h.pid);
	if (live_take(s->live, req, len))
		return LOOP_ANSWERED;
	memcpy(&h, req, sizeof(h));
	if (h.opcode == FUSE_INIT || h.opcode == FUSE_DESTROY)
		return LOOP_PASS;
	if (!is_own && is_use(&h, (const uint8_t *)req + sizeof(h),
	    len - sizeof(h)))
		atomic_store_explicit(&s->used_ms, clock_mono_ms(),
		    memory_order_relaxed);
	if (ghost_take(s, req, len))
		return LOOP_ANSWERED;
	/* What raw.c did not take came while there was no drive; the library
	 * would say that there is no such request, for ever. */
	has_entered = !locked_is_own(req, len) && h.opcode != FUSE_TMPFILE &&
	    gate_enter(s->requests);
	/* While it waited at the gate its file may have become one. */
	is_taken = ghost_take(s, req, len);
	if (has_entered && !is_taken)
		return LOOP_ENTERED;
	if (has_entered)
		gate_leave(s->requests);
	if (!is_taken)
		locked_answer(&s->note, req, len, is_own);
	return LOOP_ANSWERED;
}

void
stage_answered(void *arg)
{
	gate_leave(((struct stage *)arg)->requests);
}
