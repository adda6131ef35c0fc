/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/slab_priv.h"

/* slab_use - what is known of the use of a frame. */

#define PARTS_READ 3		/* of a frame, before all of it is */

bool
slab_in_parts(struct slab *s, uint32_t frame)
{
	bool is = false;

	mutex_lock(&s->lock);
	if (frame < s->n) {
		s->frames[frame].is_touched = 1;
		is = s->frames[frame].parts < PARTS_READ;
		s->frames[frame].parts = is ? s->frames[frame].parts + 1 : 0;
	}
	mutex_unlock(&s->lock);
	return is;
}

void
slab_touch(struct slab *s, uint32_t frame)
{
	mutex_lock(&s->lock);
	if (frame < s->n)
		s->frames[frame].is_touched = 1;
	mutex_unlock(&s->lock);
}

int
slab_was_touched(struct slab *s, uint32_t frame)
{
	int was = 0;

	mutex_lock(&s->lock);
	if (frame < s->n) {
		was = s->frames[frame].is_touched;
		s->frames[frame].is_touched = 0;
	}
	mutex_unlock(&s->lock);
	return was;
}
