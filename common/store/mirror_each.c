/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/mirror_each.h"

#include "store/mirror_priv.h"

/* mirror_each - the members one by one, for who compares them. */

void
store_mirror_each(struct store *s, bool is_away,
    void (*fn)(void *arg, size_t i, const char *id, struct store *member),
    void *arg)
{
	struct mirror *v = (struct mirror *)s;
	struct circle c;
	bool is_one, has_aside;
	size_t i;

	circle_enter(v, &c);
	for (i = 0; i < c.n; i++) {
		mutex_lock(&v->lock);
		is_one = c.m[i]->queued == 0 && !c.m[i]->is_filling &&
		    (c.m[i]->fails > 0) == is_away;
		has_aside = c.m[i]->aside > 0;
		mutex_unlock(&v->lock);
		/* Nobody can give what was set aside: it says nothing of it
		 * then, but what it has is not old. */
		if (is_one && has_aside)
			is_one = v->log->has_old(v->log, c.m[i]->id) == 0;
		if (is_one)
			fn(arg, i, c.m[i]->id, c.m[i]->store);
	}
	circle_leave(v, &c);
}
