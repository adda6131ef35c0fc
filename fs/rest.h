/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_REST_H
#define FS_REST_H

#include <stdbool.h>
#include <stdint.h>

struct stage;

/*
 * rest - a mount when the machine sleeps.  The kernel cannot freeze a program
 * that waits for an answer of ours, and gives up the sleep after 20 s; so
 * before that nobody may wait for the network.
 */

/* What waits for the store fails (EHOSTUNREACH), and so does what comes until
 * rest_end and would have to; what was written is on the disk; if asked, it is
 * locked, also with files open: -EBUSY if not. */
int rest_begin(struct stage *s, bool with_lock);
/* The store may be asked again, by new connections: the old ones are dead.
 * What could not be locked before is tried again. */
void rest_end(struct stage *s);
/* Try at once what waits for its next try. */
void rest_kick(struct stage *s);
/* The line is paid by volume, or no longer is. */
void rest_metered(struct stage *s, bool is_metered);
/* Before a shutdown: what was written is on the disk, and what is queued goes
 * on being uploaded, as long as that gets on and until deadline_ms or
 * stop_fd can be read. */
void rest_last_upload(struct stage *s, int64_t deadline_ms, int stop_fd);

#endif
