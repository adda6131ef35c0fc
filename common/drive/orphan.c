/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Inodes without a name, the numbers of new ones, and what symbolic links and
 * devices have besides.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/log.h"

#define RESERVE 4096		/* numbers made durable at a time */

static const uint8_t no_tag[TAG_LEN];

int
number_next(struct drive *d, uint64_t *ret)
{
	uint8_t v[8];
	int r;

	if (d->next_num >= d->num_reserved) {
		put_le64(v, d->next_num + RESERVE);
		r = meta_put(d, "nums", v, sizeof(v));
		if (r < 0)
			return r;
		d->num_reserved = d->next_num + RESERVE;
	}
	*ret = d->next_num++;
	return 0;
}

int
inode_orphan(struct drive *d, struct inode *i)
{
	struct stmt *s;
	int r;

	i->nlink = 0;
	i->parent = 0;
	i->flags |= INODE_ORPHAN;
	s = db_stmt(d->db, STMT_ORPHAN_PUT,
	    "INSERT OR REPLACE INTO orphan(ino) VALUES(?1)");
	stmt_i64(s, 1, (int64_t)i->ino);
	r = stmt_run(s);
	if (r < 0)
		return r;
	usage_add(&d->usage.orphans, 1);
	/* What was to travel inside a put is frozen anew. */
	version_orphan(d, i->ino);
	return inode_save(d, i);
}

int
orphan_del(struct drive *d, struct inode *i)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_ORPHAN_DEL,
	    "DELETE FROM orphan WHERE ino = ?1");
	stmt_i64(s, 1, (int64_t)i->ino);
	r = stmt_run(s);
	if (r < 0)
		return r;
	usage_add(&d->usage.orphans, -1);
	i->flags &= (uint8_t)~INODE_ORPHAN;
	return 0;
}

int
inode_id_drop(struct drive *d, const struct inode *i)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_INODE_ID_DEL,
	    "DELETE FROM inode_id WHERE id = ?1 AND ino = ?2");
	stmt_blob(s, 1, i->id.b, VAULT_ID_LEN);
	stmt_i64(s, 2, (int64_t)i->ino);
	return stmt_run(s);
}

int
inode_unorphan(struct drive *d, struct inode *i)
{
	if (!(i->flags & INODE_ORPHAN))
		return 0;
	forgotten_drop(d, i->ino);
	return orphan_del(d, i);
}

/* The next one after *ino: 1, or 0 if there is none. */
static int
orphan_next(struct drive *d, uint64_t *ino) REQUIRES(d->db_lock)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_ORPHAN_NEXT, "SELECT ino FROM orphan "
	    "WHERE ino > ?1 ORDER BY ino LIMIT 1");
	stmt_i64(s, 1, (int64_t)*ino);
	r = stmt_step(s);
	if (r == 1) {
		*ino = (uint64_t)stmt_get_i64(s, 0);
		stmt_reset(s);
	}
	return r;
}

int
orphans_reap(struct drive *d) NO_TSA
{
	uint64_t ino = 0;
	bool is_one;
	int r;

	do {
		r = drive_begin_internal(d);
		if (r < 0)
			return r;
		r = orphan_next(d, &ino);
		is_one = r == 1;
		if (is_one)
			r = inode_reap(d, ino);
		if (is_one && r == 1)
			ino--;		/* the next one is this one again */
		r = drive_end(d, r > 0 ? 0 : r);
		if (is_one && unread_is(r)) {
			log_error("drive: inode %llu was deleted and cannot "
			    "be read: r=%d", (unsigned long long)ino, r);
			r = 0;
		}
	} while (r == 0 && is_one);
	return r;
}

int
symlink_put(struct drive *d, uint64_t ino, const void *target, size_t len)
{
	uint8_t box[VAULT_SYMLINK_MAX + AEAD_OVERHEAD];
	struct stmt *s;
	int r;

	if (len > VAULT_SYMLINK_MAX)
		return -ENAMETOOLONG;
	r = row_seal(d, "syml", ino, no_tag, target, len, box);
	if (r < 0)
		return r;
	s = db_stmt(d->db, STMT_SYMLINK_PUT,
	    "INSERT OR REPLACE INTO symlink(ino, row) VALUES(?1, ?2)");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_blob(s, 2, box, len + AEAD_OVERHEAD);
	return stmt_run(s);
}

/* out has room for VAULT_SYMLINK_MAX + 1 bytes. */
int
symlink_get(struct drive *d, const struct inode *i, char *out)
{
	struct stmt *s;
	const void *row;
	size_t len;
	int r;

	s = db_stmt(d->db, STMT_SYMLINK_GET,
	    "SELECT row FROM symlink WHERE ino = ?1");
	stmt_i64(s, 1, (int64_t)i->ino);
	r = stmt_step(s);
	if (r <= 0)
		return r < 0 ? r : -EIO;
	row = stmt_get_blob(s, 0, &len);
	if (len != (size_t)i->target_len + AEAD_OVERHEAD ||
	    row_open(d, "syml", i->ino, no_tag, row, len, out) < 0)
		r = -EIO;
	stmt_reset(s);
	if (r < 0)
		return r;
	out[i->target_len] = '\0';
	return 0;
}

int
target_take(struct drive *d, struct inode *i, const uint8_t *p, size_t len)
{
	uint32_t maj, min;

	if (i->kind == OP_KIND_SYMLINK) {
		i->target_len = (uint16_t)len;
		return symlink_put(d, i->ino, p, len);
	}
	if (len == OP_DEVICE_LEN) {
		op_device_get(p, &maj, &min);
		i->rdev = (uint32_t)makedev(maj, min);
	}
	return 0;
}

int
target_give(struct drive *d, const struct inode *i, uint8_t **ret,
    uint16_t *ret_len)
{
	char target[VAULT_SYMLINK_MAX + 1];
	size_t len = 0;
	int r;

	if (i->kind == OP_KIND_SYMLINK) {
		r = symlink_get(d, i, target);
		if (r < 0)
			return r;
		len = i->target_len;
	} else if (i->kind == OP_KIND_CHAR || i->kind == OP_KIND_BLOCK) {
		op_device_put((uint8_t *)target, major(i->rdev),
		    minor(i->rdev));
		len = OP_DEVICE_LEN;
	}
	if (len == 0)
		return 0;
	*ret = malloc(len);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, target, len);
	*ret_len = (uint16_t)len;
	return 0;
}
