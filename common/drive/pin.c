/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pins: files and folders that are to stay on this machine.  Only what was
 * pinned has a row.  Whether something below it is pinned is found by going up
 * from it, through the cache of inodes: where it lies decides, so a move needs
 * no more than itself.
 */
#include "drive/pin_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/clock.h"
#include "util/log.h"

#define DEPTH_MAX 1000000	/* a longer way to the root is a cycle */
#define ROW_LEN 16		/* since, 8 bytes that are 0 */
#define BOX_LEN (ROW_LEN + AEAD_OVERHEAD)
#define LINKS_STEP 8
#define TODO_MAX (1u << 18)	/* files; the next look finds more */

static const uint8_t no_tag[TAG_LEN];

int
pins_new(struct pins **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	(*ret)->todo_max = TODO_MAX;
	return 0;
}

static void
table_clear(struct pins *p)
{
	struct pin *n, *t;

	HASH_ITER(hh, p->table, n, t) {
		HASH_DEL(p->table, n);
		free(n);
	}
	p->is_loaded = false;
}

void
pins_free(struct pins *p)
{
	if (!p)
		return;
	table_clear(p);
	free(p->todo);
	free(p);
}

void
pins_drop(struct drive *d)
{
	if (!d->pins)
		return;
	table_clear(d->pins);
	/* It may be more or less than before: look. */
	__atomic_store_n(&d->pins->has_any, true, __ATOMIC_RELAXED);
	pins_moved(d);
}

void
pins_moved(struct drive *d)
{
	if (d->pins)
		__atomic_add_fetch(&d->pins->gen, 1, __ATOMIC_RELAXED);
}

static void
hint_set(struct pins *p)
{
	__atomic_store_n(&p->has_any, p->table != NULL, __ATOMIC_RELAXED);
	/* Nobody counts where there is nothing. */
	if (!p->table) {
		p->clean = p->lost = 0;
		p->ntodo = p->at = 0;
		p->is_counted = p->is_full = p->is_cut = false;
		memset(&p->all, 0, sizeof(p->all));
	}
}

/* ---- rows ---------------------------------------------------------------- */

static struct pin *
table_find(struct pins *p, uint64_t ino)
{
	struct pin *n;

	HASH_FIND(hh, p->table, &ino, sizeof(ino), n);
	return n;
}

static int
table_add(struct pins *p, uint64_t ino, int64_t since_ns)
{
	struct pin *n = table_find(p, ino);

	if (n)
		return 0;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->ino = ino;
	n->since_ns = since_ns;
	HASH_ADD(hh, p->table, ino, sizeof(n->ino), n);
	if (HASH_IS_OUT(n)) {
		free(n);
		return -ENOMEM;
	}
	return 0;
}

static void
table_del(struct pins *p, uint64_t ino)
{
	struct pin *n = table_find(p, ino);

	if (!n)
		return;
	HASH_DEL(p->table, n);
	free(n);
}

int
pins_load(struct drive *d)
{
	struct pins *p = d->pins;
	uint8_t row[ROW_LEN];
	struct stmt *s;
	const void *box;
	uint64_t ino;
	size_t len;
	int r;

	if (!p)
		return -EINVAL;
	if (p->is_loaded)
		return 0;
	table_clear(p);
	s = db_stmt(d->db, STMT_PIN_ALL, "SELECT ino, row FROM pin");
	while ((r = stmt_step(s)) == 1) {
		ino = (uint64_t)stmt_get_i64(s, 0);
		box = stmt_get_blob(s, 1, &len);
		if (len != BOX_LEN || row_open(d, "pin", ino, no_tag, box, len,
		    row) < 0) {
			/* For fsck to tell, and to take away. */
			log_error("drive: the row of a pin does not verify");
			continue;
		}
		r = table_add(p, ino, (int64_t)get_le64(row));
		if (r < 0) {
			stmt_reset(s);
			break;
		}
	}
	if (r < 0) {
		table_clear(p);
		return r;
	}
	p->is_loaded = true;
	hint_set(p);
	return 0;
}

static int
row_put(struct drive *d, uint64_t ino) REQUIRES(d->db_lock)
{
	uint8_t row[ROW_LEN] = { 0 }, box[BOX_LEN];
	int64_t now = clock_real_ns();
	struct stmt *s;
	int r;

	put_le64(row, (uint64_t)now);
	r = row_seal(d, "pin", ino, no_tag, row, sizeof(row), box);
	if (r < 0)
		return r;
	s = db_stmt(d->db, STMT_PIN_PUT,
	    "INSERT OR REPLACE INTO pin(ino, row) VALUES(?1, ?2)");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_blob(s, 2, box, sizeof(box));
	r = stmt_run(s);
	if (r == 0)
		r = table_add(d->pins, ino, now);
	hint_set(d->pins);
	return r;
}

bool
pin_has_row(struct drive *d, uint64_t ino)
{
	return table_find(d->pins, ino) != NULL;
}

int
pin_row_del(struct drive *d, uint64_t ino)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_PIN_DEL, "DELETE FROM pin WHERE ino = ?1");
	stmt_i64(s, 1, (int64_t)ino);
	r = stmt_run(s);
	if (r == 0)
		table_del(d->pins, ino);
	hint_set(d->pins);
	return r;
}

/* ---- the rule ------------------------------------------------------------ */

/* From ino (0: nothing) up to the root. */
static int
find_up(struct drive *d, uint64_t ino, uint64_t *ret_by) REQUIRES(d->db_lock)
{
	struct inode i;
	unsigned n;
	int r;

	for (n = 0; ino != 0 && n < DEPTH_MAX; n++) {
		if (table_find(d->pins, ino)) {
			*ret_by = ino;
			return 1;
		}
		if (ino == DRIVE_ROOT_INO)
			return 0;
		r = inode_load(d, ino, &i);
		if (r < 0)
			return r == -ENOENT ? 0 : r;
		ino = i.parent;
	}
	return n == DEPTH_MAX ? -EIO : 0;
}

/* By one of the extra names. */
static int
find_links(struct drive *d, uint64_t ino, uint64_t *ret_by)
    REQUIRES(d->db_lock)
{
	struct dentry x[LINKS_STEP];
	uint64_t did = 0;
	int k, n, r;

	do {
		n = link_list(d, ino, did, x, LINKS_STEP);
		for (k = 0; k < n; k++) {
			r = find_up(d, x[k].parent, ret_by);
			if (r != 0)
				return r;
			did = x[k].did + 1;
		}
	} while (n == LINKS_STEP);
	return n < 0 ? n : 0;
}

int
pin_above(struct drive *d, uint64_t ino, uint64_t *ret_by)
{
	struct inode i;
	int r;

	if (ino == DRIVE_ROOT_INO)
		return 0;
	r = inode_load(d, ino, &i);
	if (r < 0)
		return r;
	r = find_up(d, i.parent, ret_by);
	if (r == 0 && i.kind != OP_KIND_DIR && (i.nlink > 1 || !i.parent))
		r = find_links(d, ino, ret_by);
	return r;
}

int
pin_find(struct drive *d, uint64_t ino, uint64_t *ret_by)
{
	uint64_t by = 0;
	int r;

	if (!d->pins)
		return 0;
	r = pins_load(d);
	if (r < 0)
		return r;
	if (!d->pins->table)
		return 0;
	if (table_find(d->pins, ino)) {
		by = ino;
		r = 1;
	} else {
		r = pin_above(d, ino, &by);
	}
	if (ret_by)
		*ret_by = by;
	return r == -ENOENT ? 0 : r;
}

int
pin_gone(struct drive *d, uint64_t ino)
{
	int r;

	if (!d->pins || !__atomic_load_n(&d->pins->has_any, __ATOMIC_RELAXED))
		return 0;
	r = pins_load(d);
	if (r < 0 || !table_find(d->pins, ino))
		return r;
	return pin_row_del(d, ino);
}

int
pin_replaced(struct drive *d, const struct inode *old,
    const struct inode *now)
{
	int r;

	if (!d->pins || !__atomic_load_n(&d->pins->has_any, __ATOMIC_RELAXED) ||
	    now->kind != OP_KIND_FILE)
		return 0;
	r = pins_load(d);
	if (r < 0 || !table_find(d->pins, old->ino))
		return r;
	r = row_put(d, now->ino);
	/* Under its other names it stays what it is. */
	if (r == 0 && old->nlink == 0)
		r = pin_row_del(d, old->ino);
	return r;
}

/* ---- the calls ----------------------------------------------------------- */

static int
pin_locked(struct drive *d, uint64_t ino, uint64_t *ret_by)
    REQUIRES(d->db_lock)
{
	struct inode i;
	int r;

	r = inode_load(d, ino, &i);
	if (r < 0)
		return r;
	if (i.kind != OP_KIND_FILE && i.kind != OP_KIND_DIR)
		return -EINVAL;
	if (i.flags & INODE_ORPHAN)
		return -ENOENT;
	r = pin_find(d, ino, ret_by);
	if (r != 0)
		return r < 0 ? r : -EEXIST;
	return row_put(d, ino);
}

/* By a user: the next count is not put off. */
static void
asked(struct drive *d)
{
	mutex_lock(&d->db_lock);
	d->pins->is_asked = true;
	mutex_unlock(&d->db_lock);
	pins_moved(d);
	drive_wake(d);
}

int
drive_pin(struct drive *d, uint64_t ino, uint64_t *ret_by) NO_TSA
{
	int r = drive_begin_internal(d);

	*ret_by = 0;
	if (r == 0)
		r = drive_end(d, pin_locked(d, ino, ret_by));
	/* There may be room now for what there was none. */
	if (r == 0 || r == -EEXIST)
		asked(d);
	return r;
}

static int
unpin_locked(struct drive *d, uint64_t ino, uint64_t *ret_by)
    REQUIRES(d->db_lock)
{
	struct inode i;
	int r;

	r = inode_load(d, ino, &i);
	if (r == 0)
		r = pin_find(d, ino, ret_by);
	if (r < 0)
		return r;
	if (r == 0 || *ret_by != ino)
		return -ENOENT;
	r = pin_row_del(d, ino);
	return r < 0 ? r : pin_above(d, ino, ret_by);
}

int
drive_unpin(struct drive *d, uint64_t ino, uint64_t *ret_by) NO_TSA
{
	int r = drive_begin_internal(d);

	*ret_by = 0;
	if (r < 0)
		return r;
	r = drive_end(d, unpin_locked(d, ino, ret_by));
	if (r >= 0) {
		/* A folder above may have a pin of its own, which stays. */
		if (r == 0)
			*ret_by = 0;
		asked(d);
		r = 0;
	}
	return r;
}
