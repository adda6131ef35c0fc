/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/check_priv.h"

#include <errno.h>
#include <string.h>

#include "crypto/crypto.h"
#include "util/tr.h"

/* What does not verify or is not there is a finding, not a failure. */
static bool
is_finding(int r)
{
	return r == -ENOENT || r == -EBADMSG || r == -EPROTO || r == -EFBIG;
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

static int
check_page(struct check *c, const struct ckpt_page_ref *ref)
{
	struct buf o = BUF_INIT(SYNC_SMALL_MAX);
	const struct vault_device *dev;
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;
	int r;

	dev = devices_by_tag(&c->found, c->keys, ref->dtag);
	memcpy(tag.b, ref->dtag, VAULT_TAG_LEN);
	vault_name_page(&c->keys->rtag, &tag, ref->n, ref->rand, name);
	r = dev ? object_get(c->store, name, OBJECT_PATIENT, &o) : -EBADMSG;
	if (r == 0)
		r = ckpt_page_open(c->keys, dev, ref, o.data, o.len, on_node,
		    c);
	buf_done(&o);
	return r;
}

/* The checkpoint that a head names; its frontier's part of that device. */
static int
check_checkpoint(struct check *c, const struct vault_device *dev,
    const struct vault_head *h, struct vault_seen *ret_at)
{
	struct buf o = BUF_INIT(SYNC_ROOT_MAX);
	struct ckpt_root root = { .npages = 0 };
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;
	uint32_t i, bad = 0;
	int r;

	vault_device_tag(c->keys, &dev->id, &tag);
	vault_name_page(&c->keys->rtag, &tag, h->ckpt_n, h->ckpt_rand, name);
	r = object_get(c->store, name, OBJECT_PATIENT, &o);
	if (r == 0)
		r = ckpt_root_open(c->keys, dev, h->ckpt_sha, o.data, o.len,
		    &root);
	buf_done(&o);
	if (is_finding(r)) {
		check_say(c, r == -ENOENT ?
		    N_("missing on the store: the checkpoint of '%s'") :
		    N_("altered on the store: the checkpoint of '%s'"),
		    dev->label);
		return 0;
	}
	for (i = 0; i < root.npages && r == 0; i++) {
		r = check_page(c, &root.pages[i]);
		if (is_finding(r)) {
			bad++;
			r = 0;
		}
	}
	if (bad)
		check_say(c, "missing or altered on the store: %u of %u "
		    "pages of the checkpoint of '%s'", bad, root.npages,
		    dev->label);
	else if (r == 0)
		for (i = 0; i < root.nfrontier; i++)
			if (vault_id_eq(&root.frontier[i].dev, &dev->id))
				*ret_at = root.frontier[i];
	ckpt_root_done(&root);
	return r;
}

/* The segment after *at; moves it on. */
static int
check_segment(struct check *c, const struct vault_device *dev,
    struct vault_seen *at)
{
	struct buf o = BUF_INIT(SYNC_SMALL_MAX);
	uint8_t hash[VAULT_HASH_LEN];
	struct segment g = { .seq = 0 };
	size_t i;
	int r;

	r = object_get_segment(c->store, c->keys, &dev->id, at->seq + 1,
	    OBJECT_PATIENT, &o);
	if (r == 0)
		r = segment_open(c->keys, dev, at->seq + 1, at->hash, o.data,
		    o.len, &g, hash);
	buf_done(&o);
	if (r < 0)
		return r;
	for (i = 0; i < g.ops.n && r == 0; i++)
		if (g.ops.ops[i].type == OP_PUT)
			r = add_pages(c, &g.ops.ops[i].put);
	at->seq = g.seq;
	memcpy(at->hash, hash, sizeof(hash));
	segment_done(&g);
	return r;
}

/* The segment that the checkpoint ends with: the chain goes on from there. */
static int
check_start(struct check *c, const struct vault_device *dev,
    const struct vault_seen *at)
{
	struct buf o = BUF_INIT(SYNC_SMALL_MAX);
	uint8_t sha[SHA256_LEN];
	int r;

	r = object_get_segment(c->store, c->keys, &dev->id, at->seq,
	    OBJECT_PATIENT, &o);
	if (r == 0) {
		sha256(o.data, o.len, sha);
		if (memcmp(sha, at->hash, sizeof(sha)) != 0)
			r = -EBADMSG;
	}
	buf_done(&o);
	if (!is_finding(r))
		return r;
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
		r = check_segment(c, dev, at);
	} while (r == 0);
	if (r == -ENOENT && at->seq >= need)
		return 0;
	if (!is_finding(r))
		return r;
	check_say(c, r == -ENOENT ? N_("missing on the store: segment %llu "
	    "of %llu of the journal of '%s'") : N_("altered on the store: "
	    "segment %llu of %llu of the journal of '%s'"),
	    (unsigned long long)at->seq + 1, (unsigned long long)need,
	    dev->label);
	return 0;
}

static int
check_device(struct check *c, const struct vault_device *dev)
{
	struct vault_seen at = { .dev = dev->id }, pin;
	struct vault_head h = { .seq = 0 };
	int r;

	r = object_get_head(c->store, c->keys, dev, OBJECT_PATIENT, &h);
	if (r == -EBADMSG || r == -EPROTO) {
		check_say(c, "altered on the store: the head of '%s'",
		    dev->label);
		r = 0;
	} else if (r == -ENOENT) {
		r = drive_seen_get(c->drive, &dev->id, &pin);
		if (r == 0 && pin.seq > 0)
			check_say(c, "missing on the store: the head of '%s'",
			    dev->label);
		if (r == -ENOENT)
			r = 0;
	}
	if (r == 0 && (h.ckpt_n || h.ckpt_rand))
		r = check_checkpoint(c, dev, &h, &at);
	if (r == 0 && at.seq > 0)
		r = check_start(c, dev, &at);
	if (r == 0)
		r = check_chain(c, dev, &at, h.seq);
	return r;
}

int
check_journals(struct check *c)
{
	size_t i;
	int r;

	r = object_check_genesis(c->store, c->keys, OBJECT_PATIENT);
	if (is_finding(r)) {
		check_say(c, r == -ENOENT ? N_("the store holds no drive") :
		    N_("the store holds another drive, or an altered one"));
		r = 0;
	}
	for (i = 0; i < c->found.n && r == 0; i++)
		if (!c->found.devices[i].is_paper)
			r = check_device(c, &c->found.devices[i]);
	return r;
}
