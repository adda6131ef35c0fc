/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/check_priv.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "util/tr.h"

void
check_say(struct check *c, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (c->findings < INT_MAX)
		c->findings++;
	c->say(c->arg, line);
}

int
check_ref_add(struct check *c, uint64_t ino, uint64_t idx,
    const struct block_ref *ref)
{
	struct check_ref *p;
	size_t cap;

	if (c->n == c->cap) {
		cap = c->cap ? c->cap * 2 : 1024;
		p = realloc(c->refs, cap * sizeof(*p));
		if (!p)
			return -ENOMEM;
		c->refs = p;
		c->cap = cap;
	}
	c->refs[c->n].ref = *ref;
	c->refs[c->n].ino = ino;
	c->refs[c->n++].idx = idx;
	return 0;
}

void
check_say_unread(struct check *c, uint64_t ino)
{
	struct buf path = BUF_INIT(64 * 1024);

	if (drive_path(c->drive, ino, &path) == 0)
		check_say(c, "cannot be read here, its blocks are left out: "
		    "'%.800s'", buf_cstr(&path));
	else
		check_say(c, "cannot be read here, its blocks are left out: "
		    "inode %llu", (unsigned long long)ino);
	buf_done(&path);
}

static int
on_ref(void *arg, uint64_t ino, uint64_t idx, const struct block_ref *ref)
{
	struct check *c = arg;

	if (!ref) {
		check_say_unread(c, ino);
		return 0;
	}
	return check_ref_add(c, ino, idx, ref);
}

static int
pack_cmp(const struct pack_id *p, const struct pack_id *q)
{
	int r = memcmp(p->dtag.b, q->dtag.b, VAULT_TAG_LEN);

	if (r)
		return r;
	if (p->n != q->n)
		return p->n < q->n ? -1 : 1;
	if (p->rand != q->rand)
		return p->rand < q->rand ? -1 : 1;
	return 0;
}

/* By pack, and in it by file. */
static int
by_pack(const void *a, const void *b)
{
	const struct check_ref *x = a, *y = b;
	int r = pack_cmp(&x->ref.pack, &y->ref.pack);

	if (r)
		return r;
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->idx < y->idx ? -1 : x->idx > y->idx;
}

/* One finding per file and pack, however many blocks it concerns. */
void
check_say_blocks(struct check *c, const struct check_ref *r, size_t nbad,
    const char *what)
{
	struct buf path = BUF_INIT(64 * 1024);

	if (r->ino == 0)
		check_say(c, "%s: a list of blocks that recovery needs",
		    what);
	else if (drive_path(c->drive, r->ino, &path) == 0)
		check_say(c, NP_("%s: %zu block of '%.800s' from block %llu "
		    "on", "%s: %zu blocks of '%.800s' from block %llu on",
		    nbad), what, nbad, buf_cstr(&path),
		    (unsigned long long)r->idx);
	else
		check_say(c, NP_("%s: %zu block of inode %llu from block "
		    "%llu on", "%s: %zu blocks of inode %llu from block %llu "
		    "on", nbad), what, nbad, (unsigned long long)r->ino,
		    (unsigned long long)r->idx);
	buf_done(&path);
}

static bool
is_good(const struct check_ref *r, const struct buf *o)
{
	size_t len = (size_t)r->ref.len + VAULT_SEAL_OVERHEAD;

	return o->len >= len && r->ref.off <= o->len - len &&
	    block_ref_verify(&r->ref, o->data + r->ref.off, len) == 0;
}

/* refs[0..n) are all of one pack; o is NULL if it is not there. */
static void
check_blocks(struct check *c, const struct check_ref *refs, size_t n,
    const struct buf *o)
{
	size_t i = 0, end, k, bad, first;

	for (; i < n; i = end) {
		bad = 0;
		first = i;
		for (end = i; end < n && refs[end].ino == refs[i].ino; end++)
			;
		for (k = i; k < end; k++) {
			if (o && is_good(&refs[k], o))
				continue;
			if (bad++ == 0)
				first = k;
		}
		if (bad)
			check_say_blocks(c, &refs[first], bad, o ?
			    N_("altered on the store") :
			    N_("missing on the store"));
	}
}

int
check_pack(struct check *c, const struct check_ref *refs, size_t n)
{
	struct buf own = BUF_INIT(SYNC_OBJECT_MAX);
	struct buf *o = c->pack ? c->pack : &own;
	struct pack_entry *entries = NULL;
	char name[VAULT_PATH_MAX];
	int before = c->findings, r;
	size_t count;
	bool is_bad;

	vault_name_pack(&c->keys->rtag, &refs[0].ref.pack, name);
	buf_reset(o);
	r = object_get(c->store, name, OBJECT_PATIENT, o);
	if (r == -ENOENT || r == -EFBIG) {
		check_blocks(c, refs, n, NULL);
		r = 0;
		goto out;
	}
	if (r < 0)
		goto out;
	check_blocks(c, refs, n, o);
	r = pack_open(c->keys, &refs[0].ref.pack, o->data, o->len, &entries,
	    &count);
	free(entries);
	/* Its header is in the clear: the epoch may be spoiled, too. */
	is_bad = check_is_finding(r) || r == -ENOKEY;
	if (is_bad && c->findings == before)
		check_say(c, "altered on the store: pack '%s' (no block that "
		    "is needed)", name);
	if (is_bad)
		r = 0;
out:
	buf_done(&own);
	return r;
}

int
check_each_pack(struct check *c, int (*fn)(struct check *c,
    const struct check_ref *refs, size_t n))
{
	size_t i, end;
	int r = 0;

	if (c->n)
		qsort(c->refs, c->n, sizeof(*c->refs), by_pack);
	for (i = 0; i < c->n && r == 0; i = end) {
		for (end = i + 1; end < c->n && pack_cmp(
		    &c->refs[i].ref.pack, &c->refs[end].ref.pack) == 0;
		    end++)
			;
		r = fn(c, c->refs + i, end - i);
		if (c->progress)
			c->progress(c->arg, end, c->n);
	}
	return r;
}

int
sync_check(struct store *s, const struct vault_keys *k, struct drive *d,
    void (*say)(void *arg, const char *finding),
    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
    struct err *e)
{
	struct check c = { .store = s, .keys = k, .drive = d, .say = say,
	    .progress = progress, .arg = arg };
	int r;

	r = devices_load(d, k, &c.found);
	if (r == 0)
		r = check_who(&c);
	if (r == 0)
		r = check_journals(&c);
	if (r == 0)
		r = drive_walk_refs(d, on_ref, &c);
	if (r == 0)
		r = check_each_pack(&c, check_pack);
	devices_done(&c.found);
	free(c.refs);
	if (r < 0)
		return err_wrap(e, r, "cannot check '%s'", store_url(s));
	return c.findings;
}
