/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From the outbox to a segment: begin takes rows, seal keeps the sealed
 * object together with what it changes here, done forgets it.
 *
 *	flags	what waits	infl	what is in the segment being made
 *
 * begin moves bits from flags to infl; changes meanwhile set flags anew.
 * seal drops infl, abort (and a start after a crash) moves it back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/log.h"

/* ---- begin -------------------------------------------------------------- */

static int
has_segment(struct drive *d) REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_SEGMENT_GET, "SELECT seq, object, hash, "
	    "op_seq, lamport FROM segment ORDER BY seq LIMIT 1");
	r = stmt_step(s);
	if (r == 1)
		stmt_reset(s);
	return r;
}

/* The row's part in a segment is settled: what is left of it waits. */
static int
row_settle(struct drive *d, uint64_t num) REQUIRES(d->db_lock)
{
	struct outbox_row o;
	bool was_placed;
	int r;

	r = outbox_get(d, num, &o);
	if (r <= 0)
		return r;
	was_placed = (o.infl & OUTBOX_PLACE) != 0;
	o.infl = 0;
	if (was_placed && !(o.flags & (OUTBOX_PLACE | OUTBOX_DELETE))) {
		o.has_over = false;
		o.after = 0;
	}
	if (o.flags == 0)
		return outbox_del(d, num);
	if (o.num == o.ino)
		inode_set_marked(d, o.ino, o.flags);
	return outbox_put(d, &o);
}

static int
undo_locked(struct drive *d, struct publish *p) REQUIRES(d->db_lock)
{
	struct outbox_row o;
	size_t k;
	int r = 0;

	for (k = 0; k < p->npicks && r >= 0; k++) {
		r = outbox_get(d, p->picks[k].row.num, &o);
		if (r == 1)
			r = outbox_restore(d, &o);
		else if (unread_is(r))
			r = 0;
	}
	for (k = 0; k < p->nsent && r >= 0; k++)
		if (p->sent[k].type == OP_XATTR)
			r = xattr_unsent(d, p->sent[k].num,
			    p->sent[k].xtag);
	return r < 0 ? r : 0;
}

/* Restore the rows of what was given up.  When that fails it is tried again
 * before the next publication. */
static int
publish_undo(struct drive *d) NO_TSA
{
	struct publish *p;
	int r;

	mutex_lock(&d->db_lock);
	p = d->publish && d->publish->is_void ? d->publish : NULL;
	mutex_unlock(&d->db_lock);
	if (!p)
		return 0;
	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = drive_end(d, undo_locked(d, p));
	if (r < 0)
		return r;
	mutex_lock(&d->db_lock);
	d->publish = NULL;
	mutex_unlock(&d->db_lock);
	publish_free(p);
	return 0;
}

static int
begin_locked(struct drive *d, size_t bytes_max, struct publish *p,
    struct op_list *ops) REQUIRES(d->db_lock)
{
	size_t k;
	int r;

	if (d->publish)
		return -EAGAIN;
	r = has_segment(d);
	if (r != 0)
		return r < 0 ? r : -EAGAIN;
	r = publish_pick(d, bytes_max, p, ops);
	if (r < 0)
		return r;
	if (p->nsent > 0) {
		p->ticket = ++d->tickets;
		d->publish = p;
		d->pub_gen++;
		return 0;
	}
	/* Marks that came to nothing. */
	for (k = 0; k < p->npicks && r >= 0; k++)
		r = row_settle(d, p->picks[k].row.num);
	p->npicks = 0;
	return r < 0 ? r : -EAGAIN;
}

int
drive_publish_begin(struct drive *d, size_t bytes_max, struct op_list *ret,
    uint64_t *ret_ticket) NO_TSA
{
	uint64_t tries = 1 + __atomic_load_n(&d->usage.outbox_ops,
	    __ATOMIC_RELAXED) / PICK_VISITS;
	struct publish *p = NULL;
	int r;

	r = publish_undo(d);
	if (r < 0)
		return r;
	r = -EAGAIN;
	/* Each try looks at a part of a long outbox and lets others in. */
	while (r == -EAGAIN && tries-- > 0) {
		publish_free(p);
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		r = drive_begin_internal(d);
		if (r < 0)
			break;
		r = begin_locked(d, bytes_max, p, ret);
		if (r == 0)
			*ret_ticket = p->ticket;
		if (r == -EAGAIN) {
			/* No failure: what was tidied up is to be kept. */
			r = drive_end(d, 0);
			r = r < 0 ? r : -EAGAIN;
		} else {
			int r2 = drive_end(d, r);

			if (r == 0 && r2 < 0)
				drive_publish_abort(d, *ret_ticket);
			if (r == 0)
				p = NULL;
			r = r2;
		}
	}
	publish_free(p);
	if (r < 0)
		op_list_done(ret);
	return r;
}

int
drive_inode_key(struct drive *d, const struct vault_id *inode,
    uint8_t ret[static VAULT_KEY_LEN])
{
	struct publish *p;
	struct inode i;
	uint64_t ino = 0;
	size_t k;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_by_id(d, inode, &ino);
	/* Not published yet: it is among those being so. */
	p = d->publish;
	for (k = 0; r == -ENOENT && p && k < p->npicks; k++) {
		if (p->picks[k].row.num == p->picks[k].row.ino &&
		    vault_id_eq(&p->picks[k].row.id, inode)) {
			ino = p->picks[k].row.ino;
			r = 0;
		}
	}
	if (r == 0)
		r = inode_load(d, ino, &i);
	mutex_unlock(&d->db_lock);
	if (r == 0)
		memcpy(ret, i.key, VAULT_KEY_LEN);
	return r;
}

/* ---- seal --------------------------------------------------------------- */

/* Find our ops in the segment: it may have others among them. */
static int
match(struct publish *p, const struct segment *s)
{
	const struct op *o;
	size_t k = 0, j;

	for (j = 0; j < s->ops.n && k < p->nsent; j++) {
		o = &s->ops.ops[j];
		if (o->type != p->sent[k].type ||
		    !vault_id_eq(&o->node, &p->sent[k].node))
			continue;
		p->sent[k].stamp.lamport = s->lamport + j;
		p->sent[k].stamp.dev = s->dev;
		p->sent[k].stamp.seq = s->first_op + j;
		k++;
	}
	return k == p->nsent ? 0 : -EINVAL;
}

static int
sealed_place(struct drive *d, const struct outbox_row *o,
    const struct op_stamp *stamp) REQUIRES(d->db_lock)
{
	struct dentry x;
	int r;

	if (o->flags & OUTBOX_DELETE)
		return 0;
	r = dentry_at(d, &o->at, &x);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (x.did != o->num)
		return 0;
	x.placed = *stamp;
	return dentry_put(d, &x);
}

/* Returns 1 if the content has changed since. */
static int
sealed_body(struct drive *d, const struct sent *t, uint64_t ino,
    uint64_t seq) REQUIRES(d->db_lock)
{
	struct inode i;
	int r, r2 = 0;

	r = inode_load(d, ino, &i);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (t->type == OP_CREATE) {
		i.created = t->stamp;
		r = inode_id_put(d, &i.id, ino);
	} else if (t->type == OP_PUT) {
		r2 = version_sealed(d, &i, &t->stamp);
		if (r2 < 0)
			return r2;
		/* Deleted meanwhile: nobody waits for the rest. */
		if (i.flags & INODE_ORPHAN)
			r2 = 0;
	} else if (t->type == OP_XATTR) {
		r = xattr_sealed(d, ino, t->xtag);
	}
	if (r < 0)
		return r;
	i.pub_seq = seq;
	r = inode_save(d, &i);
	return r < 0 ? r : r2;
}

static int
sealed_op(struct drive *d, const struct sent *t, uint64_t seq)
    REQUIRES(d->db_lock)
{
	struct outbox_row o;
	int r;

	r = outbox_get(d, t->num, &o);
	if (r <= 0)
		return r;
	if (t->type == OP_PLACE)
		return sealed_place(d, &o, &t->stamp);
	if (t->type == OP_LINK || t->type == OP_DELETE)
		return 0;
	r = sealed_body(d, t, o.ino, seq);
	if (r <= 0)
		return r;
	o.flags |= OUTBOX_PUT;
	return outbox_put(d, &o);
}

static int
segment_put(struct drive *d, const struct segment *s,
    const uint8_t hash[static VAULT_HASH_LEN], const void *object,
    size_t len) REQUIRES(d->db_lock)
{
	struct stmt *q;

	q = db_stmt(d->db, STMT_SEGMENT_PUT, "INSERT INTO segment(seq, hash, "
	    "object, op_seq, lamport) VALUES(?1, ?2, ?3, ?4, ?5)");
	stmt_i64(q, 1, (int64_t)s->seq);
	stmt_blob(q, 2, hash, VAULT_HASH_LEN);
	stmt_blob(q, 3, object, len);
	stmt_i64(q, 4, (int64_t)(s->first_op + s->ops.n - 1));
	stmt_i64(q, 5, (int64_t)(s->lamport + s->ops.n - 1));
	return stmt_run(q);
}

static int
seal_locked(struct drive *d, struct publish *p, const struct segment *s,
    const uint8_t hash[static VAULT_HASH_LEN], const void *object,
    size_t len) REQUIRES(d->db_lock)
{
	size_t k;
	int r;

	r = match(p, s);
	if (r == 0)
		r = segment_put(d, s, hash, object, len);
	for (k = 0; k < p->nsent && r == 0; k++)
		r = sealed_op(d, &p->sent[k], s->seq);
	for (k = 0; k < p->npicks && r == 0; k++)
		r = row_settle(d, p->picks[k].row.num);
	return r;
}

/* A power cut may not take from here what is on the store then. */
static int
seal_flush(struct drive *d)
{
	int r = drive_sync_disk(d);

	if (r < 0)
		return r;
	mutex_lock(&d->db_lock);
	d->is_seal_flushed = true;
	mutex_unlock(&d->db_lock);
	return 0;
}

static void
sealed_note(struct drive *d, uint64_t ops, int64_t since_ns)
{
	__atomic_store_n(&d->sealed_ops, ops, __ATOMIC_RELAXED);
	__atomic_store_n(&d->sealed_since_ns, since_ns, __ATOMIC_RELAXED);
}

int
drive_publish_seal(struct drive *d, uint64_t ticket,
    const struct segment *s, const uint8_t hash[static VAULT_HASH_LEN],
    const void *object, size_t len) NO_TSA
{
	struct publish *p;
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	p = d->publish;
	if (!p || p->ticket != ticket)
		return drive_end(d, -EINVAL);
	/* Before it leaves the outbox, or drive_usage would see neither. */
	sealed_note(d, p->npicks, d->usage.oldest_unpublished_ns);
	r = seal_locked(d, p, s, hash, object, len);
	/* Nobody else takes it away: the caller has the ticket. */
	r = drive_end(d, r);
	if (r < 0) {
		sealed_note(d, 0, 0);
		return r;
	}
	mutex_lock(&d->db_lock);
	d->publish = NULL;
	d->is_seal_flushed = false;
	mutex_unlock(&d->db_lock);
	publish_free(p);
	return seal_flush(d);
}

void
drive_publish_abort(struct drive *d, uint64_t ticket) NO_TSA
{
	int r;

	mutex_lock(&d->db_lock);
	if (d->publish && d->publish->ticket == ticket)
		d->publish->is_void = true;
	mutex_unlock(&d->db_lock);
	r = publish_undo(d);
	if (r < 0)
		log_warn("drive: op=publish-abort r=%d, again later", r);
}

/* ---- after the seal ----------------------------------------------------- */

int
drive_publish_pending(struct drive *d, uint64_t *ret_seq, struct buf *out)
{
	bool is_flushed;
	int r;

	mutex_lock(&d->db_lock);
	r = segment_pending(d, ret_seq, out);
	is_flushed = d->is_seal_flushed;
	mutex_unlock(&d->db_lock);
	return r < 0 || is_flushed ? r : seal_flush(d);
}

static int
done_locked(struct drive *d, uint64_t seq) REQUIRES(d->db_lock)
{
	struct vault_seen v;
	struct stmt *s;
	const void *p;
	size_t len;
	int r;

	memset(&v, 0, sizeof(v));
	s = db_stmt(d->db, STMT_SEGMENT_GET, "SELECT seq, object, hash, "
	    "op_seq, lamport FROM segment ORDER BY seq LIMIT 1");
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	v.dev = d->conf.dev;
	v.seq = (uint64_t)stmt_get_i64(s, 0);
	p = stmt_get_blob(s, 2, &len);
	if (len == VAULT_HASH_LEN)
		memcpy(v.hash, p, len);
	v.op_seq = (uint64_t)stmt_get_i64(s, 3);
	v.lamport = (uint64_t)stmt_get_i64(s, 4);
	stmt_reset(s);
	if (len != VAULT_HASH_LEN)
		return -EIO;
	if (v.seq != seq)
		return -ENOENT;
	r = seen_put(d, &v);
	if (r < 0)
		return r;
	s = db_stmt(d->db, STMT_SEGMENT_DEL,
	    "DELETE FROM segment WHERE seq = ?1");
	stmt_i64(s, 1, (int64_t)seq);
	return stmt_run(s);
}

int
drive_publish_done(struct drive *d, uint64_t seq) NO_TSA
{
	int r;

	r = drive_begin_internal(d);
	if (r < 0)
		return r;
	r = drive_end(d, done_locked(d, seq));
	if (r < 0)
		return r;
	__atomic_store_n(&d->done_seq, seq, __ATOMIC_RELAXED);
	sealed_note(d, 0, 0);
	return 0;
}

int
drive_file_state(struct drive *d, uint64_t ino, enum drive_state *ret)
{
	struct outbox_row o;
	struct inode i;
	int r, has = 0;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0)
		has = outbox_get(d, ino, &o);
	mutex_unlock(&d->db_lock);
	if (r < 0 || has < 0)
		return r < 0 ? r : has;
	if (!inode_is_published(&i))
		*ret = has && o.infl ? DRIVE_QUEUED : DRIVE_LOCAL;
	else if (has || i.pub_seq > __atomic_load_n(&d->done_seq,
	    __ATOMIC_RELAXED))
		*ret = DRIVE_QUEUED;
	else
		*ret = DRIVE_STORED;
	return 0;
}
