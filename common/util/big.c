/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/big.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "util/clock.h"

#define SLOTS 4
#define KEEP_MAX (8u << 20)	/* larger ones are not kept */
#define WASTE_MAX 4		/* times what is asked for */

/* Lies in the buffer itself while nobody has it. */
struct spare {
	size_t cap;
	int64_t since_ms;
};

static _Atomic(struct spare *) slots[SLOTS];

static void
give(struct spare *s)
{
	struct spare *none;
	unsigned k;

	for (k = 0; k < SLOTS; k++) {
		none = NULL;
		if (atomic_compare_exchange_strong(&slots[k], &none, s))
			return;
	}
	free(s);
}

/* Sizes are powers of two, so that they fit the next one. */
static size_t
rounded(size_t len)
{
	size_t cap = BIG_MIN;

	while (cap < len)
		cap = cap > SIZE_MAX / 2 ? SIZE_MAX : cap * 2;
	return cap;
}

void *
big_get(size_t len, size_t *ret_cap)
{
	struct spare *s;
	unsigned k;

	for (k = 0; k < SLOTS; k++) {
		s = atomic_exchange(&slots[k], NULL);
		if (s && s->cap >= len && s->cap / WASTE_MAX <= len) {
			*ret_cap = s->cap;
			return s;
		}
		if (s)
			give(s);
	}
	*ret_cap = rounded(len);
	return malloc(*ret_cap);
}

void
big_put(void *p, size_t cap)
{
	struct spare *s = p;

	if (!s)
		return;
	if (cap < BIG_MIN || cap > KEEP_MAX) {
		free(s);
		return;
	}
	s->cap = cap;
	s->since_ms = clock_mono_ms();
	give(s);
}

void
big_trim(int64_t unused_ms)
{
	int64_t now = clock_mono_ms();
	struct spare *s;
	unsigned k;

	for (k = 0; k < SLOTS; k++) {
		s = atomic_exchange(&slots[k], NULL);
		if (s && now - s->since_ms >= unused_ms)
			free(s);
		else if (s)
			give(s);
	}
}
