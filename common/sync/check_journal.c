/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/check_priv.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/tr.h"

bool
check_is_finding(int r)
{
	return r == -ENOENT || r == -EBADMSG || r == -EPROTO || r == -EFBIG;
}

bool
check_is_unread(int r)
{
	return r < 0 && !check_is_finding(r) && r != -ENOMEM &&
	    r != -ECANCELED;
}

int
check_object(struct check *c, const struct check_want *w, bool is_needed)
{
	struct buf o = BUF_INIT(w->max);
	bool is_unread;
	int r;

	r = object_get(c->store, w->name, c->tries ? c->tries : OBJECT_PATIENT,
	    &o);
	is_unread = check_is_unread(r);
	if (r == 0)
		r = w->open(c, w->arg, &o);
	if (r == 0 && c->good)
		r = c->good(c, w, &o);
	buf_done(&o);
	if ((check_is_finding(r) || is_unread) && c->other &&
	    (r != -ENOENT || is_needed))
		r = c->other(c, w, r);
	return r;
}

static int
add_pages(struct check *c, const struct op_put *p)
{
	uint32_t i;
	int r = 0;

	for (i = 0; i < p->npages && r == 0; i++)
		r = check_ref_add(c, 0, p->pages[i].first_idx,
		    &p->pages[i].ref);
	return r;
}

static int
on_node(void *arg, const struct ckpt_node *n)
{
	return add_pages(arg, &n->content);
}

struct page {
	const struct ckpt_page_ref *ref;
	const struct vault_device *dev;
};

static int
page_open(struct check *c, void *arg, const struct buf *o)
{
	const struct page *p = arg;

	return ckpt_page_open(c->keys, p->dev, p->ref, o->data, o->len,
	    on_node, c);
}

static int
check_page(struct check *c, const struct ckpt_page_ref *ref)
{
	struct page p = { .ref = ref };
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_ROOT_MAX, page_open, &p };
	struct vault_tag tag;

	p.dev = devices_by_tag(&c->found, c->keys, ref->dtag);
	memcpy(tag.b, ref->dtag, VAULT_TAG_LEN);
	vault_name_page(&c->keys->rtag, &tag, ref->n, ref->rand, name);
	return p.dev ? check_object(c, &w, true) : -EBADMSG;
}

struct root {
	const struct vault_head *h;
	const struct vault_device *dev;
	struct ckpt_root root;
};

static int
root_open(struct check *c, void *arg, const struct buf *o)
{
	struct root *x = arg;

	return ckpt_root_open(c->keys, x->dev, x->h->ckpt_sha, o->data,
	    o->len, &x->root);
}

/* The checkpoint that a head names; its frontier's part of that device. */
static int
check_checkpoint(struct check *c, const struct vault_device *dev,
    const struct vault_head *h, struct vault_seen *ret_at)
{
	struct root x = { .h = h, .dev = dev };
	const struct ckpt_root *root = &x.root;
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_ROOT_MAX, root_open, &x };
	struct vault_tag tag;
	uint32_t i, bad = 0;
	int r;

	vault_device_tag(c->keys, &dev->id, &tag);
	vault_name_page(&c->keys->rtag, &tag, h->ckpt_n, h->ckpt_rand, name);
	r = check_object(c, &w, true);
	if (check_is_finding(r)) {
		check_say(c, r == -ENOENT ?
		    N_("missing on the store: the checkpoint of '%s'") :
		    N_("altered on the store: the checkpoint of '%s'"),
		    dev->label);
		return 0;
	}
	for (i = 0; i < root->npages && r == 0; i++) {
		r = check_page(c, &root->pages[i]);
		if (check_is_finding(r)) {
			bad++;
			r = 0;
		}
	}
	if (bad)
		check_say(c, "missing or altered on the store: %u of %u "
		    "pages of the checkpoint of '%s'", bad, root->npages,
		    dev->label);
	else if (r == 0)
		for (i = 0; i < root->nfrontier; i++)
			if (vault_id_eq(&root->frontier[i].dev, &dev->id))
				*ret_at = root->frontier[i];
	ckpt_root_done(&x.root);
	return r;
}

static void
segment_name(const struct check *c, const struct vault_device *dev,
    uint64_t seq, char name[static VAULT_PATH_MAX])
{
	struct vault_tag tag;

	vault_device_tag(c->keys, &dev->id, &tag);
	vault_name_segment(&c->keys->rtag, &tag, seq, name);
}

struct next {
	const struct vault_device *dev;
	struct vault_seen *at;
};

static int
next_open(struct check *c, void *arg, const struct buf *o)
{
	uint8_t hash[VAULT_HASH_LEN];
	struct segment g = { .seq = 0 };
	struct next *x = arg;
	size_t i;
	int r;

	r = segment_open(c->keys, x->dev, x->at->seq + 1, x->at->hash,
	    o->data, o->len, &g, hash);
	if (r < 0)
		return r;
	for (i = 0; i < g.ops.n && r == 0; i++)
		if (g.ops.ops[i].type == OP_PUT)
			r = add_pages(c, &g.ops.ops[i].put);
	x->at->seq = g.seq;
	memcpy(x->at->hash, hash, sizeof(hash));
	segment_done(&g);
	return r;
}

/* The segment after *at; moves it on. */
static int
check_segment(struct check *c, const struct vault_device *dev,
    struct vault_seen *at, bool is_needed)
{
	struct next x = { .dev = dev, .at = at };
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_SMALL_MAX, next_open, &x };

	segment_name(c, dev, at->seq + 1, name);
	return check_object(c, &w, is_needed);
}

static int
start_open(struct check *c, void *arg, const struct buf *o)
{
	const struct vault_seen *at = arg;
	uint8_t sha[SHA256_LEN];

	(void)c;
	sha256(o->data, o->len, sha);
	return memcmp(sha, at->hash, sizeof(sha)) == 0 ? 0 : -EBADMSG;
}

/* The segment that the checkpoint ends with: the chain goes on from there. */
static int
check_start(struct check *c, const struct vault_device *dev,
    struct vault_seen *at)
{
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_SMALL_MAX, start_open, at };
	int r;

	segment_name(c, dev, at->seq, name);
	r = check_object(c, &w, true);
	if (!check_is_finding(r))
		return r;
	/* The checkpoint stands for it. */
	if (vault_id_eq(&dev->id, &c->keys->self.id) &&
	    accept_excuses(c->drive, at))
		return 0;
	check_say(c, r == -ENOENT ? N_("missing on the store: segment %llu "
	    "of the journal of '%s'") : N_("altered on the store: segment "
	    "%llu of the journal of '%s'"), (unsigned long long)at->seq,
	    dev->label);
	return 0;
}

/* Follow the chain to its end, past what this device has pinned. */
static int
check_chain(struct check *c, const struct vault_device *dev,
    struct vault_seen *at, uint64_t need)
{
	struct vault_seen pin = { .seq = 0 };
	int r;

	r = drive_seen_get(c->drive, &dev->id, &pin);
	if (r < 0 && r != -ENOENT)
		return r;
	if (pin.seq > need)
		need = pin.seq;
	do {
		if (pin.seq && pin.seq == at->seq && memcmp(pin.hash,
		    at->hash, VAULT_HASH_LEN) != 0)
			check_say(c, "the journal of '%s' has another segment "
			    "%llu than this device knows", dev->label,
			    (unsigned long long)at->seq);
		r = check_segment(c, dev, at, at->seq < need);
	} while (r == 0);
	if (r == -ENOENT && at->seq >= need)
		return 0;
	if (!check_is_finding(r))
		return r;
	check_say(c, r == -ENOENT ? N_("missing on the store: segment %llu "
	    "of %llu of the journal of '%s'") : N_("altered on the store: "
	    "segment %llu of %llu of the journal of '%s'"),
	    (unsigned long long)at->seq + 1, (unsigned long long)need,
	    dev->label);
	return 0;
}

struct head {
	const struct vault_device *dev;
	struct vault_head h;
};

static int
head_take(struct check *c, void *arg, const struct buf *o)
{
	struct vault_head h;
	struct head *x = arg;
	int r;

	r = head_open(c->keys, x->dev, o->data, o->len, &h);
	if (r == 0)
		x->h = h;
	return r;
}

static int
check_device(struct check *c, const struct vault_device *dev)
{
	struct vault_seen at = { .dev = dev->id }, pin = { .seq = 0 };
	struct head x = { .dev = dev };
	char name[VAULT_PATH_MAX];
	struct check_want w = { name, SYNC_SMALL_MAX, head_take, &x };
	struct vault_tag tag;
	int r;

	r = drive_seen_get(c->drive, &dev->id, &pin);
	if (r < 0 && r != -ENOENT)
		return r;
	vault_device_tag(c->keys, &dev->id, &tag);
	vault_name_head(&c->keys->rtag, &tag, name);
	r = check_object(c, &w, pin.seq > 0);
	if (check_is_finding(r)) {
		if (r != -ENOENT)
			check_say(c, "altered on the store: the head of '%s'",
			    dev->label);
		else if (pin.seq > 0)
			check_say(c, "missing on the store: the head of '%s'",
			    dev->label);
		r = 0;
	}
	if (r == 0 && (x.h.ckpt_n || x.h.ckpt_rand))
		r = check_checkpoint(c, dev, &x.h, &at);
	if (r == 0 && at.seq > 0)
		r = check_start(c, dev, &at);
	if (r == 0)
		r = check_chain(c, dev, &at, x.h.seq);
	return r;
}

int
check_journals(struct check *c)
{
	size_t i;
	int r = 0;

	for (i = 0; i < c->found.n && r == 0; i++)
		if (!c->found.devices[i].is_paper)
			r = check_device(c, &c->found.devices[i]);
	return r;
}
