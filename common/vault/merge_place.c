/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/merge_set.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Where each node is: place ops are applied in the total order, and one that
 * would put a folder into itself is skipped.  One that comes late is slotted
 * in by taking back what is after it, applying it, and applying the rest
 * again (Kleppmann et al., "A highly-available move operation for replicated
 * trees").
 */

static bool
is_inside(const struct merge *m, uint32_t folder, uint32_t node)
{
	/* What holds nothing holds only itself. */
	if (!m->nodes[node].nchild)
		return folder == node;
	while (folder != node) {
		if (m->nodes[folder].place == MERGE_NONE)
			return false;
		folder = m->ops[m->nodes[folder].place].other;
	}
	return true;
}

static void
hold(struct merge *m, uint32_t node, uint32_t place)
{
	struct merge_node *n = &m->nodes[node];

	if (n->place != MERGE_NONE)
		m->nodes[m->ops[n->place].other].nchild--;
	n->place = place;
	if (place != MERGE_NONE)
		m->nodes[m->ops[place].other].nchild++;
}

static void
place_do(struct merge *m, struct merge_log *l, uint32_t op)
{
	const struct merge_item *o = &m->ops[op];

	l->op = op;
	l->old = m->nodes[o->node].place;
	if (!is_inside(m, o->other, o->node))
		hold(m, o->node, op);
}

static void
place_undo(struct merge *m, const struct merge_log *l)
{
	hold(m, m->ops[l->op].node, l->old);
}

static int
pending_cmp(const void *a, const void *b, void *arg)
{
	const struct merge *m = arg;

	return merge_order(m, &m->ops[*(const uint32_t *)a],
	    &m->ops[*(const uint32_t *)b]);
}

static int
log_cmp(const struct merge *m, size_t at, uint32_t op)
{
	return merge_order(m, &m->ops[m->log[at].op], &m->ops[op]);
}

/* How many entries of the log are before op. */
static size_t
log_find(const struct merge *m, uint32_t op)
{
	size_t lo = 0, hi = m->nlog, mid;

	/* It mostly comes last. */
	if (hi && log_cmp(m, hi - 1, op) < 0)
		return hi;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (log_cmp(m, mid, op) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
merge_settle(struct merge *m)
{
	size_t from, i, j, k, n = m->nlog + m->npending;
	struct merge_log *q;

	if (!m->npending)
		return 0;
	if (n > m->log_cap) {
		k = m->log_cap + m->log_cap / 2;
		k = k > n ? k : n;
		q = reallocarray(m->log, k, sizeof(*q));
		if (!q)
			return -ENOMEM;
		m->log = q;
		m->log_cap = k;
	}
	qsort_r(m->pending, m->npending, sizeof(*m->pending), pending_cmp, m);
	from = log_find(m, m->pending[0]);
	for (i = m->nlog; i > from; i--)
		place_undo(m, &m->log[i - 1]);

	/* Merge the two from behind, in place; then apply them all. */
	i = m->nlog;
	j = m->npending;
	for (k = n; j > 0; k--) {
		if (i > from && log_cmp(m, i - 1, m->pending[j - 1]) > 0)
			m->log[k - 1] = m->log[--i];
		else
			m->log[k - 1].op = m->pending[--j];
	}
	for (i = from; i < n; i++)
		place_do(m, &m->log[i], m->log[i].op);
	m->nlog = n;
	m->npending = 0;
	return 0;
}
