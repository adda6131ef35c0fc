/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/refused.h"

#include <errno.h>
#include <stdlib.h>

#include "util/thread.h"

struct refused {
	struct mutex lock;
	unsigned next GUARDED_BY(lock);
	struct {
		uint64_t ino;	/* 0: free */
		int64_t at_ms;
	} all[REFUSED_MAX] GUARDED_BY(lock);
};

int
refused_new(struct refused **ret)
{
	struct refused *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	mutex_init(&x->lock, RANK_MOUNT);
	*ret = x;
	return 0;
}

void
refused_free(struct refused *x)
{
	if (!x)
		return;
	mutex_done(&x->lock);
	free(x);
}

void
refused_add(struct refused *x, uint64_t ino, int64_t now)
{
	unsigned i;

	mutex_lock(&x->lock);
	/* One entry a file, however often its preview is tried. */
	for (i = 0; i < REFUSED_MAX; i++) {
		if (x->all[i].ino == ino)
			x->all[i].ino = 0;
	}
	x->all[x->next].ino = ino;
	x->all[x->next].at_ms = now;
	x->next = (x->next + 1) % REFUSED_MAX;
	mutex_unlock(&x->lock);
}

bool
refused_take(struct refused *x, uint64_t ino, int64_t now)
{
	bool is_late = false;
	unsigned i;

	mutex_lock(&x->lock);
	for (i = 0; i < REFUSED_MAX && x->all[i].ino != ino; i++)
		;
	if (i < REFUSED_MAX) {
		x->all[i].ino = 0;
		is_late = now - x->all[i].at_ms > REFUSED_MS;
	}
	mutex_unlock(&x->lock);
	return i < REFUSED_MAX && !is_late;
}
