/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who works on the drive goes first.  Packs and segments want the same lock,
 * disk and processors as a run of small changes, which would take half as
 * long again beside them; they can be made a moment later.  But not where the
 * line is what all wait for: there packs take little of the machine, and the
 * time in which none is on its way is lost.
 */
#include "sync/sync_priv.h"

#include <string.h>

#include "util/clock.h"

#define SAMPLE_MS 100
#define BUSY_RATE 300		/* changes a second */
#define GIVE_WAY_MS 5000	/* then it is their turn */
#define LINE_SAMPLE (256u << 10)	/* a put that tells of the line */
#define LINE_SLOW (16u << 10)	/* bytes in a millisecond, of one put */

static bool
is_busy(struct sync *s) REQUIRES(s->lock)
{
	int64_t now = clock_mono_ms(), past = now - s->busy.at_ms;
	uint64_t n = drive_changes_count(s->drive);

	if (past >= SAMPLE_MS) {
		s->busy.is_now = (n - s->busy.seen) * 1000 >
		    (uint64_t)past * BUSY_RATE;
		s->busy.seen = n;
		s->busy.at_ms = now;
	}
	return s->busy.is_now;
}

bool
sync_gives_way(struct sync *s, int64_t *since_ms)
{
	int64_t now = clock_mono_ms();

	if (s->force || s->busy.is_line_slow || !is_busy(s)) {
		*since_ms = 0;
		return false;
	}
	if (!*since_ms)
		*since_ms = now;
	if (now - *since_ms < GIVE_WAY_MS)
		return true;
	*since_ms = now;
	return false;
}

void
sync_line_init(struct sync *s)
{
	const char *url = store_url(s->store);

	s->is_line = strncmp(url, "dir:", 4) != 0 &&
	    strncmp(url, "mem:", 4) != 0;
	s->busy.is_line_slow = s->is_line;
}

void
sync_line_note(struct sync *s, size_t len, int64_t ms)
{
	if (len < LINE_SAMPLE)
		return;
	mutex_lock(&s->lock);
	s->busy.is_line_slow = (uint64_t)ms > len / LINE_SLOW;
	mutex_unlock(&s->lock);
}
