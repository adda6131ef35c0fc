/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_SLAB_PRIV_H
#define DRIVE_SLAB_PRIV_H

#include <stdbool.h>
#include <stdint.h>

#include "drive/slab.h"
#include "util/thread.h"

/* slab_priv - shared by slab.c and slab_use.c. */

#define WARM_MAX 256		/* free frames that keep their disk space */

struct frame {
	uint32_t refs;
	uint8_t is_waiting;	/* freed, not settled */
	uint8_t is_touched;
	uint8_t parts;		/* read since all of it was */
};

struct slab {
	int fd;
	uint64_t floor;
	uint32_t limit;		/* atomic: no row has a frame from there on */
	uint32_t next_read;	/* atomic: frame a reader in order comes to */
	uint32_t ahead;		/* atomic: the kernel was asked up to here */

	struct mutex lock;	/* RANK_SLAB */
	struct frame *frames	GUARDED_BY(lock);
	uint32_t n, cap	GUARDED_BY(lock);
	uint32_t cursor	GUARDED_BY(lock);	/* next-fit search */
	uint32_t nfree		GUARDED_BY(lock);	/* cold: punched out */
	uint32_t warm[WARM_MAX]	GUARDED_BY(lock);
	uint32_t nwarm		GUARDED_BY(lock);
	uint32_t *waiting	GUARDED_BY(lock);	/* freed, in order */
	uint64_t nwaiting, capwaiting	GUARDED_BY(lock);
	uint64_t settled	GUARDED_BY(lock);	/* ever released */
	uint64_t written	GUARDED_BY(lock);	/* writes that ended */
	uint64_t flushed	GUARDED_BY(lock);	/* of them */
	int flush_r		GUARDED_BY(lock);	/* < 0: one failed */
	uint64_t disk_free	GUARDED_BY(lock);
	uint64_t since_look	GUARDED_BY(lock);
	int64_t look_ms	GUARDED_BY(lock);
};

#endif
