/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/meter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/thread.h"

#define MINUTE_MS (60 * 1000)

struct program {
	char name[PROGRAM_NAME_MAX + 1];	/* "": free */
	int64_t since_ms;	/* when its minute began */
	uint64_t bytes;		/* in it */
	uint64_t refused;
	int64_t last_ms;	/* the last refusal */
};

struct meter {
	uint64_t limit;
	struct mutex lock;
	struct program all[METER_PROGRAMS] GUARDED_BY(lock);
};

int
meter_new(uint64_t limit, struct meter **ret)
{
	struct meter *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->limit = limit;
	mutex_init(&m->lock, RANK_MOUNT);
	*ret = m;
	return 0;
}

void
meter_free(struct meter *m)
{
	if (!m)
		return;
	mutex_done(&m->lock);
	free(m);
}

uint64_t
meter_limit(const struct meter *m)
{
	return m->limit;
}

/* Its entry; a new one takes the place of the one that was quiet longest. */
static struct program *
find(struct meter *m, const char *name, int64_t now) REQUIRES(m->lock)
{
	struct program *p, *old = &m->all[0];

	for (p = m->all; p < m->all + METER_PROGRAMS; p++) {
		if (strcmp(p->name, name) == 0)
			return p;
		if (p->since_ms < old->since_ms)
			old = p;
	}
	memset(old, 0, sizeof(*old));
	(void)strncpy(old->name, name, PROGRAM_NAME_MAX);
	old->since_ms = now;
	return old;
}

bool
meter_take(struct meter *m, const char *name, uint64_t bytes)
{
	int64_t now = clock_mono_ms();
	bool is_first = false, is_ok;
	struct program *p;

	if (m->limit == 0)
		return true;
	mutex_lock(&m->lock);
	p = find(m, name, now);
	if (now - p->since_ms >= MINUTE_MS) {
		p->since_ms = now;
		p->bytes = 0;
	}
	is_ok = bytes <= m->limit && p->bytes <= m->limit - bytes;
	if (is_ok) {
		p->bytes += bytes;
	} else {
		is_first = p->refused == 0;
		p->refused++;
		p->last_ms = now;
	}
	mutex_unlock(&m->lock);
	if (is_first)
		log_info("meter: '%s' fetches more than the setting 'unasked' "
		    "allows", name);
	return is_ok;
}

unsigned
meter_report(struct meter *m, struct meter_report out[static METER_PROGRAMS])
{
	const struct program *p;
	unsigned n = 0;

	mutex_lock(&m->lock);
	for (p = m->all; p < m->all + METER_PROGRAMS; p++) {
		if (p->refused == 0)
			continue;
		memcpy(out[n].name, p->name, sizeof(p->name));
		out[n].refused = p->refused;
		out[n].last_ms = p->last_ms;
		n++;
	}
	mutex_unlock(&m->lock);
	return n;
}
