/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of extended attributes: sealed, with their state towards the store.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"

#define TAG_SPACE (UINT64_C(1) << 63)	/* apart from names of entries */
#define ROW_HEAD 5

void
xattr_tag(struct drive *d, uint64_t ino, const char *name,
    uint8_t ret[static TAG_LEN])
{
	prf_eval(d->name_prf, ino | TAG_SPACE, name, strlen(name), ret);
}

/* Open a row into buf, which has room for len bytes. */
static int
xattr_decode(struct drive *d, uint64_t ino, const uint8_t *ntag,
    const void *row, size_t len, uint8_t *buf, struct xattr *ret)
{
	size_t n;

	if (len < AEAD_OVERHEAD + ROW_HEAD ||
	    row_open(d, "xatt", ino, ntag, row, len, buf) < 0)
		return -EIO;
	n = len - AEAD_OVERHEAD;
	ret->name_len = buf[0];
	ret->value_len = get_le32(buf + 1);
	if (n != ROW_HEAD + (size_t)ret->name_len + ret->value_len)
		return -EIO;
	memcpy(ret->ntag, ntag, TAG_LEN);
	memcpy(ret->name, buf + ROW_HEAD, ret->name_len);
	ret->name[ret->name_len] = '\0';
	ret->value = buf + ROW_HEAD + ret->name_len;
	return 0;
}

#define BUF_LEN (ROW_HEAD + VAULT_XATTR_NAME_MAX + VAULT_XATTR_MAX)

int
xattr_each(struct drive *d, uint64_t ino, unsigned mask,
    int (*fn)(void *arg, const struct xattr *x), void *arg)
{
	const void *tag, *row;
	size_t tag_len, len;
	struct xattr x;
	struct stmt *s;
	uint8_t *buf;
	int r;

	buf = malloc(BUF_LEN);
	if (!buf)
		return -ENOMEM;
	s = db_stmt(d->db, STMT_XATTR_LIST,
	    "SELECT ntag, dirty, row FROM xattr WHERE ino = ?1 ORDER BY ntag");
	stmt_i64(s, 1, (int64_t)ino);
	while ((r = stmt_step(s)) == 1) {
		x.dirty = (unsigned)stmt_get_i64(s, 1);
		if (mask && !(x.dirty & mask))
			continue;
		tag = stmt_get_blob(s, 0, &tag_len);
		row = stmt_get_blob(s, 2, &len);
		r = -EIO;
		if (tag_len == TAG_LEN && len <= BUF_LEN + AEAD_OVERHEAD)
			r = xattr_decode(d, ino, tag, row, len, buf, &x);
		if (r == 0)
			r = fn(arg, &x);
		if (r != 0)
			break;
	}
	stmt_reset(s);
	free(buf);
	return r;
}

/* The row of a name: 1, with what is dirty and the sealed row as columns of
 * *ret, which the caller resets. */
static int
xattr_find(struct drive *d, uint64_t ino, const uint8_t *ntag,
    struct stmt **ret) REQUIRES(d->db_lock)
{
	*ret = db_stmt(d->db, STMT_XATTR_GET,
	    "SELECT dirty, row FROM xattr WHERE ino = ?1 AND ntag = ?2");
	stmt_i64(*ret, 1, (int64_t)ino);
	stmt_blob(*ret, 2, ntag, TAG_LEN);
	return stmt_step(*ret);
}

ssize_t
xattr_load(struct drive *d, uint64_t ino, const char *name, uint8_t **ret)
{
	uint8_t ntag[TAG_LEN], *buf, *p;
	struct xattr x;
	struct stmt *s;
	const void *row;
	size_t len;
	int r;

	xattr_tag(d, ino, name, ntag);
	r = xattr_find(d, ino, ntag, &s);
	if (r <= 0)
		return r < 0 ? r : -ENODATA;
	if (stmt_get_i64(s, 0) & XATTR_REMOVED) {
		stmt_reset(s);
		return -ENODATA;
	}
	row = stmt_get_blob(s, 1, &len);
	buf = malloc(len + 1);
	p = NULL;
	r = buf ? xattr_decode(d, ino, ntag, row, len, buf, &x) : -ENOMEM;
	stmt_reset(s);
	if (r == 0) {
		p = malloc(x.value_len + 1u);
		if (p)
			memcpy(p, x.value, x.value_len);
		else
			r = -ENOMEM;
	}
	free(buf);
	if (r < 0)
		return r;
	*ret = p;
	return (ssize_t)x.value_len;
}

int
xattr_has(struct drive *d, uint64_t ino, const char *name)
{
	uint8_t ntag[TAG_LEN];
	struct stmt *s;
	int r;

	xattr_tag(d, ino, name, ntag);
	r = xattr_find(d, ino, ntag, &s);
	if (r > 0)
		r = !(stmt_get_i64(s, 0) & XATTR_REMOVED);
	stmt_reset(s);
	return r;
}

static int
xattr_delete(struct drive *d, uint64_t ino, const uint8_t *ntag)
    REQUIRES(d->db_lock)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_XATTR_DEL,
	    "DELETE FROM xattr WHERE ino = ?1 AND ntag = ?2");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_blob(s, 2, ntag, TAG_LEN);
	return stmt_run(s);
}

static int
xattr_write(struct drive *d, uint64_t ino, const uint8_t *ntag,
    const char *name, const void *value, size_t len, unsigned dirty)
    REQUIRES(d->db_lock)
{
	size_t name_len = strlen(name), n = ROW_HEAD + name_len + len;
	struct stmt *s;
	uint8_t *p, *box;
	int r;

	p = malloc(n);
	box = malloc(n + AEAD_OVERHEAD);
	if (!p || !box) {
		r = -ENOMEM;
		goto out;
	}
	p[0] = (uint8_t)name_len;
	put_le32(p + 1, (uint32_t)len);
	memcpy(p + ROW_HEAD, name, name_len);
	if (len)
		memcpy(p + ROW_HEAD + name_len, value, len);
	r = row_seal(d, "xatt", ino, ntag, p, n, box);
	if (r < 0)
		goto out;
	s = db_stmt(d->db, STMT_XATTR_PUT, "INSERT OR REPLACE INTO "
	    "xattr(ino, ntag, dirty, row) VALUES(?1, ?2, ?3, ?4)");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_blob(s, 2, ntag, TAG_LEN);
	stmt_i64(s, 3, dirty);
	stmt_blob(s, 4, box, n + AEAD_OVERHEAD);
	r = stmt_run(s);
out:
	free(p);
	free(box);
	return r;
}

uint8_t
xattr_flag(const char *name)
{
	if (strcmp(name, XATTR_ACCESS) == 0)
		return INODE_ACL;
	if (strcmp(name, XATTR_DEFAULT) == 0)
		return INODE_DEFAULT_ACL;
	return 0;
}

/* Flags of i are changed; the caller saves it. */
int
xattr_store(struct drive *d, struct inode *i, const char *name,
    const void *value, size_t len, unsigned dirty)
{
	uint8_t ntag[TAG_LEN];

	xattr_tag(d, i->ino, name, ntag);
	if (value) {
		i->flags |= INODE_XATTR | xattr_flag(name);
		return xattr_write(d, i->ino, ntag, name, value, len, dirty);
	}
	if (!(i->flags & INODE_XATTR) ||
	    (xattr_flag(name) && !(i->flags & xattr_flag(name))))
		return 0;
	i->flags &= (uint8_t)~xattr_flag(name);
	/* Others have to be told, unless they never knew the inode. */
	if (dirty == XATTR_CLEAN)
		return xattr_delete(d, i->ino, ntag);
	return xattr_write(d, i->ino, ntag, name, NULL, 0, XATTR_REMOVED);
}

static int
xattr_state(struct drive *d, uint64_t ino, const uint8_t *ntag, unsigned from,
    unsigned keep, unsigned add) REQUIRES(d->db_lock)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_XATTR_MARK, "UPDATE xattr SET "
	    "dirty = (dirty & ?3) | ?4 WHERE ino = ?1 AND ntag = ?2 AND "
	    "(dirty & ?5) <> 0");
	stmt_i64(s, 1, (int64_t)ino);
	stmt_blob(s, 2, ntag, TAG_LEN);
	stmt_i64(s, 3, keep);
	stmt_i64(s, 4, add);
	stmt_i64(s, 5, from);
	return stmt_run(s);
}

int
xattr_sent(struct drive *d, uint64_t ino, const uint8_t ntag[static TAG_LEN])
{
	return xattr_state(d, ino, ntag, XATTR_SET | XATTR_REMOVED, ~0u,
	    XATTR_INFLIGHT);
}

int
xattr_unsent(struct drive *d, uint64_t ino,
    const uint8_t ntag[static TAG_LEN])
{
	return xattr_state(d, ino, ntag, XATTR_INFLIGHT, ~(unsigned)
	    XATTR_INFLIGHT, 0);
}

int
xattr_sealed(struct drive *d, uint64_t ino,
    const uint8_t ntag[static TAG_LEN])
{
	struct stmt *s;
	unsigned dirty;
	int r;

	r = xattr_find(d, ino, ntag, &s);
	if (r <= 0)
		return r;
	dirty = (unsigned)stmt_get_i64(s, 0);
	stmt_reset(s);
	if (!(dirty & XATTR_INFLIGHT))
		return 0;	/* set anew meanwhile */
	if (dirty & XATTR_REMOVED)
		return xattr_delete(d, ino, ntag);
	return xattr_state(d, ino, ntag, XATTR_INFLIGHT, 0, XATTR_CLEAN);
}

int
xattr_reap(struct drive *d, uint64_t ino)
{
	struct stmt *s;

	s = db_stmt(d->db, STMT_XATTR_DEL_ALL,
	    "DELETE FROM xattr WHERE ino = ?1");
	stmt_i64(s, 1, (int64_t)ino);
	return stmt_run(s);
}
