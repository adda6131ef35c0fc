/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sync/rebuild_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/err.h"
#include "util/log.h"

void
rebuild_say(struct rebuild *b, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (strncmp(line, "warning: ", 9) == 0) {
		b->warnings++;
		log_warn("sync: %s", line + 9);
	}
	if (b->progress)
		b->progress(b->arg, line);
}

static int
cannot_read(struct rebuild *b, int r)
{
	err_wrap(b->e, r, "cannot read from '%s'", store_url(b->store));
	return -EIO;
}

bool
rebuild_is_bad(int r)
{
	return r == -EBADMSG || r == -EPROTO || r == -EFBIG;
}

static int
is_there(struct rebuild *b)
{
	int r = object_check_genesis(b->store, b->keys, OBJECT_PATIENT);

	return r < 0 ? cannot_read(b, r) : 0;
}

bool
rebuild_again(struct rebuild *b, int *r)
{
	if (!rebuild_is_bad(*r))
		return false;
	*r = is_there(b);
	return *r == 0;
}

int
rebuild_get(struct rebuild *b, const char *name, struct buf *out)
{
	int r;

	r = object_get(b->store, name, OBJECT_PATIENT, out);
	if (r == -EPROTO) {
		buf_reset(out);
		r = object_get(b->store, name, OBJECT_PATIENT, out);
	}
	if (r == 0 || r == -EFBIG)
		return r;
	if (r != -ENOENT)
		return cannot_read(b, r);
	/* A disk that is not mounted leaves an empty folder. */
	r = is_there(b);
	return r < 0 ? r : -ENOENT;
}

/* ---- the journals behind the checkpoint ---- */

static void
say_two(struct rebuild *b, struct cursor *c, uint64_t seq)
{
	if (c->is_two)
		return;
	c->is_two = true;
	rebuild_say(b, "warning: '%s' has two different segments %llu: a "
	    "cloned device, or a store that lies", c->dev->label,
	    (unsigned long long)seq);
}

/* Is this segment the one that its head and others tell of?  What they tell
 * of it and of those before has had its use. */
static void
marks_compare(struct rebuild *b, struct cursor *c, uint64_t seq,
    const uint8_t *hash)
{
	size_t i, n = 0;

	for (i = 0; i < c->nmarks; i++) {
		if (c->marks[i].seq == seq && memcmp(c->marks[i].hash, hash,
		    VAULT_HASH_LEN) != 0)
			say_two(b, c, seq);
		if (c->marks[i].seq > seq)
			c->marks[n++] = c->marks[i];
	}
	c->nmarks = n;
}

/* Its head, or another device, tells of a segment of c: it must be there. */
static int
mark_add(struct rebuild *b, struct cursor *c, uint64_t seq,
    const uint8_t *hash)
{
	const uint8_t *other = NULL;
	struct seen_mark *p;
	size_t i;

	if (seq > c->need_seq)
		c->need_seq = seq;
	if (seq == c->at.seq)
		other = c->at.hash;
	else if (c->has_seg && seq == c->seg.seq)
		other = c->hash;
	for (i = 0; i < c->nmarks && !other; i++)
		if (c->marks[i].seq == seq)
			other = c->marks[i].hash;
	if (other && memcmp(hash, other, VAULT_HASH_LEN) != 0)
		say_two(b, c, seq);
	if (other || seq < c->at.seq)
		return 0;
	/* At powers of two only. */
	if ((c->nmarks & (c->nmarks - 1)) == 0) {
		p = realloc(c->marks, (c->nmarks ? 2 * c->nmarks : 1) *
		    sizeof(*p));
		if (!p)
			return -ENOMEM;
		c->marks = p;
	}
	c->marks[c->nmarks].seq = seq;
	memcpy(c->marks[c->nmarks++].hash, hash, VAULT_HASH_LEN);
	return 0;
}

static int
note_seen(struct rebuild *b, const struct segment *g)
{
	struct cursor *c;
	uint32_t i;
	size_t j;
	int r = 0;

	for (i = 0; i < g->nseen; i++)
		for (j = 0; j < b->n && r == 0; j++) {
			c = &b->cur[j];
			if (vault_id_eq(&c->dev->id, &g->seen[i].dev))
				r = mark_add(b, c, g->seen[i].seq,
				    g->seen[i].hash);
		}
	return r;
}

/* An end that is none: say what is missing.  When all has been read: the
 * journal that tells of another's end may come after it. */
static void
cursors_end(struct rebuild *b)
{
	struct cursor *c;
	size_t i;

	for (i = 0; i < b->n; i++) {
		c = &b->cur[i];
		marks_compare(b, c, c->at.seq, c->at.hash);
		if (c->at.seq < c->need_seq && !c->is_bad)
			rebuild_say(b, "warning: the changes of '%s' after "
			    "segment %llu are missing on the store (there "
			    "were %llu)", c->dev->label,
			    (unsigned long long)c->at.seq,
			    (unsigned long long)c->need_seq);
	}
}

/* Into c->seg, verified against the one before. */
static int
segment_get(struct rebuild *b, struct cursor *c, uint64_t seq,
    uint8_t hash[static VAULT_HASH_LEN])
{
	struct buf o = BUF_INIT(SYNC_SMALL_MAX);
	char name[VAULT_PATH_MAX];
	struct vault_tag tag;
	int r;

	vault_device_tag(b->keys, &c->dev->id, &tag);
	vault_name_segment(&b->keys->rtag, &tag, seq, name);
	r = rebuild_get(b, name, &o);
	if (r == 0)
		r = segment_open(b->keys, c->dev, seq, c->at.hash, o.data,
		    o.len, &c->seg, hash);
	if (r == 0 && c->seg.first_op != c->at.op_seq + 1) {
		segment_done(&c->seg);
		r = -EPROTO;
	}
	buf_done(&o);
	return r;
}

static int
cursor_next(struct rebuild *b, struct cursor *c)
{
	uint8_t hash[VAULT_HASH_LEN];
	uint64_t seq = c->at.seq + 1;
	int r;

	r = segment_get(b, c, seq, hash);
	if (rebuild_again(b, &r))
		r = segment_get(b, c, seq, hash);
	if (r == -ENOENT) {
		c->is_over = true;
		return 0;
	}
	if (rebuild_is_bad(r)) {
		rebuild_say(b, "warning: segment %llu of '%s' does not "
		    "verify; it and what follows is left out",
		    (unsigned long long)seq, c->dev->label);
		c->is_over = c->is_bad = true;
		return 0;
	}
	if (r < 0)
		return r;
	marks_compare(b, c, seq, hash);
	memcpy(c->hash, hash, sizeof(hash));
	c->has_seg = true;
	c->pos = 0;
	return note_seen(b, &c->seg);
}

/* The segment is used up. */
static void
cursor_done(struct rebuild *b, struct cursor *c)
{
	size_t n = c->seg.ops.n;

	c->at.seq = c->seg.seq;
	memcpy(c->at.hash, c->hash, VAULT_HASH_LEN);
	if (n) {
		c->at.op_seq = c->seg.first_op + n - 1;
		c->at.lamport = c->seg.lamport + n - 1;
	}
	segment_done(&c->seg);
	c->has_seg = false;
	b->segments++;
	if (b->segments % 16 == 0)
		rebuild_say(b, "segments replayed: %llu",
		    (unsigned long long)b->segments);
}

/* The order of ops: lamport, then device. */
static bool
is_before(const struct cursor *x, const struct cursor *y)
{
	uint64_t a = x->seg.lamport + x->pos, b = y->seg.lamport + y->pos;

	if (a != b)
		return a < b;
	return memcmp(x->dev->id.b, y->dev->id.b, VAULT_ID_LEN) < 0;
}

/* Fill the cursors and give the one whose op is next; NULL: the end. */
static int
tail_first(struct rebuild *b, struct cursor **ret)
{
	struct cursor *c, *first = NULL;
	size_t i;
	int r;

	for (i = 0; i < b->n; i++) {
		c = &b->cur[i];
		while (!c->is_over && !c->has_seg) {
			r = cursor_next(b, c);
			if (r < 0)
				return r;
			if (c->has_seg && c->seg.ops.n == 0)
				cursor_done(b, c);
		}
		if (c->has_seg && (!first || is_before(c, first)))
			first = c;
	}
	*ret = first;
	return 0;
}

/* Apply c's ops as far as they come before those of all others. */
static int
tail_apply(struct rebuild *b, struct cursor *c)
{
	size_t from = c->pos, i;
	int r;

	for (;;) {
		c->pos++;
		if (c->pos == c->seg.ops.n)
			break;
		for (i = 0; i < b->n; i++)
			if (&b->cur[i] != c && b->cur[i].has_seg &&
			    is_before(&b->cur[i], c))
				break;
		if (i < b->n)
			break;
	}
	r = drive_apply(b->drive, &c->dev->id, c->seg.ops.ops + from,
	    c->pos - from);
	if (r == 0 && c->pos == c->seg.ops.n)
		cursor_done(b, c);
	return r;
}

static int
tail_replay(struct rebuild *b)
{
	struct cursor *c;
	int r;

	for (;;) {
		r = tail_first(b, &c);
		if (r < 0 || !c)
			break;
		r = tail_apply(b, c);
		if (r < 0) {
			err_wrap(b->e, r, "cannot apply the changes of '%s'",
			    c->dev->label);
			break;
		}
	}
	if (r == 0)
		cursors_end(b);
	return r;
}

/* ---- the whole ---- */

static int
heads_load(struct rebuild *b)
{
	struct cursor *c;
	size_t i;
	int r;

	b->cur = calloc(b->found->n + 1, sizeof(*b->cur));
	if (!b->cur)
		return -ENOMEM;
	for (i = 0; i < b->found->n; i++) {
		if (b->found->devices[i].is_paper)
			continue;
		c = &b->cur[b->n++];
		c->dev = &b->found->devices[i];
		c->at.dev = c->dev->id;
		r = rebuild_head(b, c);
		c->has_head = r == 0;
		if (r == 0) {
			r = mark_add(b, c, c->head.seq, c->head.hash);
			if (r < 0)
				return r;
		} else if (rebuild_is_bad(r)) {
			rebuild_say(b, "warning: the head of '%s' does not "
			    "verify; its journal is read to the end",
			    c->dev->label);
		} else if (r != -ENOENT) {
			return r;
		}
	}
	return 0;
}

/* If the keys are those of a device that wrote before, it goes on. */
static int
own_mark(struct rebuild *b)
{
	struct ckpt_mark m;
	struct cursor *c;
	size_t i;

	for (i = 0; i < b->n; i++) {
		c = &b->cur[i];
		if (!vault_id_eq(&c->dev->id, &b->keys->self.id) ||
		    !c->has_head || (!c->head.ckpt_n && !c->head.ckpt_rand))
			continue;
		m.seq = c->at.seq;
		m.n = c->head.ckpt_n;
		m.rand = c->head.ckpt_rand;
		memcpy(m.sha, c->head.ckpt_sha, VAULT_HASH_LEN);
		return ckpt_mark_set(b->drive, &m);
	}
	return 0;
}

/* What has been merged, of every device. */
static int
frontier_set(struct rebuild *b)
{
	size_t i;
	int r = 0;

	for (i = 0; i < b->n && r == 0; i++)
		if (b->cur[i].at.seq > 0)
			r = drive_seen_set(b->drive, &b->cur[i].at);
	return r;
}

static int
rebuild_tree(struct rebuild *b)
{
	int r, end;

	r = drive_rebuild_begin(b->drive);
	if (r < 0)
		return err_wrap(b->e, r, "cannot begin to rebuild");
	r = rebuild_checkpoint(b);
	if (r == 0)
		r = tail_replay(b);
	end = drive_rebuild_end(b->drive);
	if (r == 0)
		r = end;
	if (r == 0)
		r = frontier_set(b);
	if (r == 0)
		r = own_mark(b);
	return r;
}

static int
rebuild_run(struct rebuild *b)
{
	struct buf mark = BUF_INIT(16);
	int r;

	r = drive_kv_get(b->drive, SYNC_KV_REBUILD, &mark);
	buf_done(&mark);
	if (r == 0)
		return err_set(b->e, -EEXIST, "this drive was rebuilt, or "
		    "began to be; start with an empty state directory");
	if (r == -ENOENT)
		r = drive_kv_set(b->drive, SYNC_KV_REBUILD, "1", 1);
	if (r == 0)
		r = devices_save(b->drive, b->found);
	if (r == 0)
		r = heads_load(b);
	if (r == 0)
		r = rebuild_tree(b);
	if (r == 0)
		r = drive_kv_set(b->drive, SYNC_KV_REBUILD, "0", 1);
	return r;
}

int
sync_rebuild(struct store *s, const struct vault_keys *k,
    const struct sync_found *found, struct drive *d,
    void (*progress)(void *arg, const char *line), void *arg,
    struct err *e)
{
	struct page_source source = { .store = s, .keys = k };
	struct drive_pager pager = { .page = page_list_get, .arg = &source };
	struct rebuild b = { .store = s, .keys = k, .drive = d, .e = e,
	    .progress = progress, .arg = arg, .found = found };
	struct sync_found *mine = NULL;
	struct err none = { .msg = "" };
	size_t i;
	int r = 0;

	if (!e)
		b.e = &none;
	b.e->msg[0] = '\0';
	if (!found) {
		r = found_follow(s, k, &mine, b.e);
		b.found = mine;
	}
	drive_set_pager(d, &pager);
	if (r == 0)
		r = rebuild_run(&b);
	drive_set_pager(d, NULL);
	for (i = 0; i < b.n; i++) {
		if (b.cur[i].has_seg)
			segment_done(&b.cur[i].seg);
		free(b.cur[i].marks);
	}
	free(b.cur);
	sync_found_free(mine);
	if (r < 0 && !b.e->msg[0])
		err_wrap(b.e, r, "cannot rebuild the drive");
	if (r == 0 && b.warnings > 0)
		r = 1;
	return r;
}
