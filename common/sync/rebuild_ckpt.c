/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/rebuild_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"

/* Pages kept between the look whether all are good and their use. */
#define HOLD_MAX (64u * 1024 * 1024)

struct pages {
	struct rebuild *b;
	const struct ckpt_root *root;
	struct buf *held;	/* one per page; empty: get it again */
	size_t held_bytes;
};

static int
on_nothing(void *arg, const struct ckpt_node *n)
{
	(void)arg;
	(void)n;
	return 0;
}

static int
on_node(void *arg, const struct ckpt_node *n)
{
	struct rebuild *b = arg;

	b->nodes++;
	return drive_apply_node(b->drive, n);
}

static int
page_get(struct rebuild *b, const struct ckpt_page_ref *ref, struct buf *out)
{
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;

	memcpy(tag.b, ref->dtag, VAULT_TAG_LEN);
	vault_name_page(&b->keys->rtag, &tag, ref->n, ref->rand, name);
	return rebuild_get(b, name, out);
}

static int
page_open(struct rebuild *b, const struct ckpt_page_ref *ref,
    const struct buf *o, int (*fn)(void *arg, const struct ckpt_node *n))
{
	const struct vault_device *dev;

	dev = devices_by_tag(b->found, b->keys, ref->dtag);
	if (!dev)
		return -EBADMSG;
	return ckpt_page_open(b->keys, dev, ref, o->data, o->len, fn, b);
}

static int
page_check(struct rebuild *b, const struct ckpt_page_ref *ref, struct buf *out)
{
	int r = page_get(b, ref, out);

	return r < 0 ? r : page_open(b, ref, out, on_nothing);
}

/* Is every page there and good?  Before the first node is applied: then
 * another checkpoint, or the journals alone, can still do. */
static int
pages_check(struct pages *p)
{
	struct buf o = BUF_INIT(SYNC_ROOT_MAX);
	uint32_t i;
	int r = 0;

	for (i = 0; i < p->root->npages && r == 0; i++) {
		buf_reset(&o);
		r = page_check(p->b, &p->root->pages[i], &o);
		if (rebuild_again(p->b, &r)) {
			buf_reset(&o);
			r = page_check(p->b, &p->root->pages[i], &o);
		}
		if (r == 0 && p->held_bytes + o.len <= HOLD_MAX) {
			p->held_bytes += o.len;
			p->held[i] = o;
			buf_init(&o, SYNC_ROOT_MAX);
		}
		if ((i + 1) % 64 == 0)
			rebuild_say(p->b, "checkpoint: page %u of %u", i + 1,
			    p->root->npages);
	}
	buf_done(&o);
	return r;
}

static int
pages_apply(struct pages *p)
{
	uint32_t i;
	int r = 0;

	for (i = 0; i < p->root->npages && r == 0; i++) {
		if (!p->held[i].len)
			r = page_get(p->b, &p->root->pages[i], &p->held[i]);
		if (r == 0)
			r = page_open(p->b, &p->root->pages[i], &p->held[i],
			    on_node);
		buf_done(&p->held[i]);
	}
	return r;
}

static int
root_get(struct rebuild *b, const struct cursor *c, struct ckpt_root *ret)
{
	struct buf o = BUF_INIT(SYNC_ROOT_MAX);
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;
	int r;

	vault_device_tag(b->keys, &c->dev->id, &tag);
	vault_name_page(&b->keys->rtag, &tag, c->head.ckpt_n,
	    c->head.ckpt_rand, name);
	r = rebuild_get(b, name, &o);
	if (r == 0)
		r = ckpt_root_open(b->keys, c->dev, c->head.ckpt_sha, o.data,
		    o.len, ret);
	buf_done(&o);
	return r;
}

/* The frontier's part that we read on from. */
static void
cursors_set(struct rebuild *b, const struct ckpt_root *root)
{
	uint32_t i;
	size_t j;

	for (i = 0; i < root->nfrontier; i++)
		for (j = 0; j < b->n; j++)
			if (vault_id_eq(&b->cur[j].dev->id,
			    &root->frontier[i].dev))
				b->cur[j].at = root->frontier[i];
}

/* 0: applied; -ENODATA: cannot be used, nothing was applied. */
static int
root_use(struct rebuild *b, const struct ckpt_root *root)
{
	struct pages p = { .b = b, .root = root };
	uint32_t i;
	int r;

	p.held = calloc(root->npages + 1, sizeof(*p.held));
	if (!p.held)
		return -ENOMEM;
	for (i = 0; i < root->npages; i++)
		buf_init(&p.held[i], SYNC_ROOT_MAX);
	r = pages_check(&p);
	if (r == -ENOENT || rebuild_is_bad(r)) {
		r = -ENODATA;
	} else if (r == 0) {
		r = pages_apply(&p);
		if (r == 0)
			r = drive_apply_root(b->drive, root);
		if (r < 0)
			err_wrap(b->e, r, "cannot apply the checkpoint");
		else
			cursors_set(b, root);
	}
	for (i = 0; i < root->npages; i++)
		buf_done(&p.held[i]);
	free(p.held);
	return r;
}

static bool
is_newer(const struct ckpt_root *a, const struct ckpt_root *b)
{
	return a->lamport > b->lamport;
}

/* The newest of the roots that have not been tried; *ret_of is its author.
 * -ENOENT: there is none (left). */
static int
root_best(struct rebuild *b, bool *tried, struct ckpt_root *ret,
    size_t *ret_of)
{
	struct ckpt_root best = { .npages = 0 }, root;
	bool has = false;
	struct cursor *c;
	size_t i;
	int r;

	for (i = 0; i < b->n; i++) {
		c = &b->cur[i];
		if (tried[i] || !c->has_head ||
		    (!c->head.ckpt_n && !c->head.ckpt_rand))
			continue;
		memset(&root, 0, sizeof(root));
		r = root_get(b, c, &root);
		if (rebuild_again(b, &r))
			r = root_get(b, c, &root);
		if (r < 0) {
			if (r != -ENOENT && !rebuild_is_bad(r)) {
				if (has)
					ckpt_root_done(&best);
				return r;
			}
			rebuild_say(b, "warning: the checkpoint of '%s' "
			    "cannot be used", c->dev->label);
			tried[i] = true;
			continue;
		}
		if (has && !is_newer(&root, &best)) {
			ckpt_root_done(&root);
			continue;
		}
		if (has)
			ckpt_root_done(&best);
		best = root;
		has = true;
		*ret_of = i;
	}
	if (has)
		*ret = best;
	return has ? 0 : -ENOENT;
}

static void
on_lost(void *arg, const char *path, bool is_mixed)
{
	if (is_mixed) {
		rebuild_say(arg, "warning: '%.300s' was written on two "
		    "devices that did not know of each other; it may have "
		    "parts of both", path);
		return;
	}
	rebuild_say(arg, "warning: content of '%.300s' is missing or damaged "
	    "on the store; the file has what it had before, or nothing", path);
}

int
rebuild_checkpoint(struct rebuild *b)
{
	struct ckpt_root root;
	size_t of = 0;
	bool *tried;
	int r;

	drive_rebuild_tell(b->drive, on_lost, b);
	tried = calloc(b->n + 1, sizeof(*tried));
	if (!tried)
		return -ENOMEM;
	for (;;) {
		r = root_best(b, tried, &root, &of);
		/* The journals alone will do: they reach back to the
		 * beginning. */
		if (r == -ENOENT) {
			r = 0;
			break;
		}
		if (r < 0)
			break;
		rebuild_say(b, "reading the checkpoint of '%s', pages: %u",
		    b->cur[of].dev->label, root.npages);
		r = root_use(b, &root);
		ckpt_root_done(&root);
		if (r != -ENODATA)
			break;
		rebuild_say(b, "warning: the checkpoint of '%s' is damaged; "
		    "trying without it", b->cur[of].dev->label);
		tried[of] = true;
	}
	free(tried);
	return r;
}

/* ---- the heads that tell of them ---- */

static int
head_get(struct rebuild *b, struct cursor *c)
{
	struct buf o = BUF_INIT(SYNC_SMALL_MAX);
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;
	int r;

	vault_device_tag(b->keys, &c->dev->id, &tag);
	vault_name_head(&b->keys->rtag, &tag, name);
	r = rebuild_get(b, name, &o);
	if (r == 0)
		r = head_open(b->keys, c->dev, o.data, o.len, &c->head);
	buf_done(&o);
	return r;
}

int
rebuild_head(struct rebuild *b, struct cursor *c)
{
	int r = head_get(b, c);

	return rebuild_again(b, &r) ? head_get(b, c) : r;
}
