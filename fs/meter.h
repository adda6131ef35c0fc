/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_METER_H
#define FS_METER_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/program.h"

/*
 * meter - what programs may fetch from the store that nobody has asked to:
 * so many bytes a minute, each.  It knows programs by their names.  Any
 * thread may call; nothing waits.
 */
struct meter;

#define METER_PROGRAMS 32	/* those that were seen last are known */

struct meter_report {
	char name[PROGRAM_NAME_MAX + 1];
	uint64_t refused;	/* reads and opens, since the mount */
	int64_t last_ms;	/* the last one, clock_mono_ms */
};

/* A limit of 0 is none. */
int meter_new(uint64_t limit, struct meter **ret);
/* NULL is ignored. */
void meter_free(struct meter *m);
uint64_t meter_limit(const struct meter *m);
/* May it fetch so much now?  Then it counts. */
bool meter_take(struct meter *m, const char *name, uint64_t bytes);
/* Programs that were refused something by the limit; at most
 * METER_PROGRAMS.  Returns how many. */
unsigned meter_report(struct meter *m,
    struct meter_report out[static METER_PROGRAMS]);

#endif
