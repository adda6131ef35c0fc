/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * POSIX ACLs in the form that the kernel uses for extended attributes:
 * version u32, then entries of tag u16, permissions u16, id u32.  Stored ones
 * name identities of the drive instead of local ids.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drive/tree_priv.h"
#include "util/buf.h"

#define ACL_VERSION 2
#define ACL_HEAD 4
#define ACL_ENTRY 8
#define ACL_LEN_MAX (ACL_HEAD + ACL_ENTRIES_MAX * ACL_ENTRY)
#define ID_NONE UINT32_MAX

enum {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
};

static uint32_t
acl_count(size_t len)
{
	return (uint32_t)((len - ACL_HEAD) / ACL_ENTRY);
}

/* Entries come sorted by tag; the three basic ones are there once; named ones
 * need a mask.  Stored named ones are sorted by id too, each there once. */
static int
acl_check(const uint8_t *p, size_t len, bool is_stored)
{
	unsigned last = 0, tag, seen = 0;
	uint32_t id, last_id = 0, k;
	const uint8_t *e;

	if (len < ACL_HEAD || len > ACL_LEN_MAX ||
	    (len - ACL_HEAD) % ACL_ENTRY != 0 || get_le32(p) != ACL_VERSION)
		return -EINVAL;
	for (k = 0; k < acl_count(len); k++) {
		e = p + ACL_HEAD + k * ACL_ENTRY;
		tag = get_le16(e);
		id = get_le32(e + 4);
		if (get_le16(e + 2) & ~7u)
			return -EINVAL;
		switch (tag) {
		case TAG_USER:
		case TAG_GROUP:
			if (id == ID_NONE || tag < last ||
			    (is_stored && tag == last && id <= last_id))
				return -EINVAL;
			break;
		case TAG_USER_OBJ:
		case TAG_GROUP_OBJ:
		case TAG_MASK:
		case TAG_OTHER:
			if (tag <= last)
				return -EINVAL;
			break;
		default:
			return -EINVAL;
		}
		seen |= tag;
		last = tag;
		last_id = id;
	}
	if ((seen & (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER)) !=
	    (TAG_USER_OBJ | TAG_GROUP_OBJ | TAG_OTHER))
		return -EINVAL;
	if ((seen & (TAG_USER | TAG_GROUP)) && !(seen & TAG_MASK))
		return -EINVAL;
	return 0;
}

struct acl_sort {
	unsigned tag;
	uint32_t id;
	uint8_t raw[ACL_ENTRY];
};

static int
acl_cmp(const void *a, const void *b)
{
	const struct acl_sort *x = a, *y = b;

	if (x->tag != y->tag)
		return x->tag < y->tag ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return 0;
}

/* Turn ids over and bring named entries into order.  Also where only
 * one user gets in: what is shown as theirs would be written back so. */
static int
acl_map(struct drive *d, uint8_t *p, size_t len, bool to_store)
{
	uint32_t n = acl_count(len), k, id;
	struct acl_sort *s;
	uint8_t *e;

	s = calloc(n ? n : 1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	for (k = 0; k < n; k++) {
		e = p + ACL_HEAD + k * ACL_ENTRY;
		id = get_le32(e + 4);
		s[k].tag = get_le16(e);
		if (s[k].tag == TAG_USER)
			id = to_store ? owner_from_uid(d, id) :
			    id ? id - 1 : d->conf.owner_uid;
		else if (s[k].tag == TAG_GROUP)
			id = to_store ? owner_from_gid(d, id) :
			    id ? id - 1 : d->conf.owner_gid;
		else
			id = ID_NONE;
		put_le32(e + 4, id);
		s[k].id = id;
		memcpy(s[k].raw, e, ACL_ENTRY);
	}
	qsort(s, n, sizeof(*s), acl_cmp);
	for (k = 0; k < n; k++)
		memcpy(p + ACL_HEAD + k * ACL_ENTRY, s[k].raw, ACL_ENTRY);
	free(s);
	return 0;
}

int
acl_to_store(struct drive *d, const void *value, size_t len, uint8_t **ret,
    size_t *ret_len)
{
	uint8_t *p;
	int r;

	r = acl_check(value, len, false);
	if (r < 0)
		return r;
	p = malloc(len);
	if (!p)
		return -ENOMEM;
	memcpy(p, value, len);
	r = acl_map(d, p, len, true);
	if (r == 0)
		r = acl_check(p, len, true);
	if (r < 0) {
		free(p);
		return r;
	}
	*ret = p;
	*ret_len = len;
	return 0;
}

int
acl_from_store(struct drive *d, uint8_t *value, size_t len)
{
	int r = acl_check(value, len, true);

	return r < 0 ? -EIO : acl_map(d, value, len, false);
}

int
acl_mode(const uint8_t *value, size_t len, uint32_t *mode,
    bool *ret_is_plain)
{
	uint32_t k, bits = *mode & ~0777u, perm;
	bool is_plain = true, has_mask = false;
	const uint8_t *e;
	int r = acl_check(value, len, true);

	if (r < 0)
		return r;
	for (k = 0; k < acl_count(len); k++) {
		e = value + ACL_HEAD + k * ACL_ENTRY;
		perm = get_le16(e + 2);
		switch (get_le16(e)) {
		case TAG_USER_OBJ:
			bits |= perm << 6;
			break;
		case TAG_GROUP_OBJ:
			bits |= perm << 3;
			break;
		case TAG_OTHER:
			bits |= perm;
			break;
		case TAG_MASK:
			bits = (bits & ~070u) | perm << 3;
			has_mask = true;
			break;
		default:
			is_plain = false;
			break;
		}
	}
	*mode = bits;
	*ret_is_plain = is_plain && !has_mask;
	return 0;
}

/* Set the entries that stand for the mode: the mask, if there is one, has the
 * group's place. */
static void
acl_set_mode(uint8_t *p, size_t len, uint32_t mode)
{
	uint32_t k, n = acl_count(len);
	bool has_mask = false;
	uint8_t *e;

	for (k = 0; k < n; k++)
		if (get_le16(p + ACL_HEAD + k * ACL_ENTRY) == TAG_MASK)
			has_mask = true;
	for (k = 0; k < n; k++) {
		e = p + ACL_HEAD + k * ACL_ENTRY;
		switch (get_le16(e)) {
		case TAG_USER_OBJ:
			put_le16(e + 2, mode >> 6 & 7);
			break;
		case TAG_GROUP_OBJ:
			if (!has_mask)
				put_le16(e + 2, mode >> 3 & 7);
			break;
		case TAG_MASK:
			put_le16(e + 2, mode >> 3 & 7);
			break;
		case TAG_OTHER:
			put_le16(e + 2, mode & 7);
			break;
		default:
			break;
		}
	}
}

/* The entries that stand for the mode keep only what mode has too; mode gets
 * what they then allow. */
static void
acl_mask_mode(uint8_t *p, size_t len, uint32_t *mode)
{
	uint32_t k, n = acl_count(len), bits = *mode & ~0777u;
	uint8_t *e, *group = NULL, *mask = NULL;

	for (k = 0; k < n; k++) {
		e = p + ACL_HEAD + k * ACL_ENTRY;
		switch (get_le16(e)) {
		case TAG_USER_OBJ:
			put_le16(e + 2, get_le16(e + 2) & (*mode >> 6 & 7));
			bits |= (uint32_t)get_le16(e + 2) << 6;
			break;
		case TAG_GROUP_OBJ:
			group = e;
			break;
		case TAG_MASK:
			mask = e;
			break;
		case TAG_OTHER:
			put_le16(e + 2, get_le16(e + 2) & (*mode & 7));
			bits |= get_le16(e + 2);
			break;
		default:
			break;
		}
	}
	e = mask ? mask : group;
	if (e) {
		put_le16(e + 2, get_le16(e + 2) & (*mode >> 3 & 7));
		bits |= (uint32_t)get_le16(e + 2) << 3;
	}
	*mode = bits;
}

int
acl_inherit(struct drive *d, const struct inode *p, struct inode *i,
    mode_t umask, unsigned *ret_flags)
{
	uint8_t *acl = NULL;
	bool is_plain;
	uint32_t mode = i->mode;
	ssize_t len = -ENODATA;
	int r = 0;

	if (i->kind == OP_KIND_SYMLINK)
		return 0;
	if (p->flags & INODE_DEFAULT_ACL)
		len = xattr_load(d, p->ino, XATTR_DEFAULT, &acl);
	if (len == -ENODATA) {
		i->mode &= ~((uint32_t)umask & 0777u);
		return 0;
	}
	if (len < 0)
		return (int)len;
	/* Before the entries are narrowed to the mode asked for. */
	if (i->kind == OP_KIND_DIR) {
		r = xattr_store(d, i, XATTR_DEFAULT, acl, (size_t)len,
		    XATTR_SET);
		*ret_flags |= OUTBOX_XATTR;
	}
	if (r == 0)
		r = acl_mode(acl, (size_t)len, &mode, &is_plain);
	if (r == 0) {
		acl_mask_mode(acl, (size_t)len, &i->mode);
		if (!is_plain) {
			r = xattr_store(d, i, XATTR_ACCESS, acl, (size_t)len,
			    XATTR_SET);
			*ret_flags |= OUTBOX_XATTR;
		}
	}
	free(acl);
	return r == -EINVAL ? -EIO : r;
}

int
acl_chmod(struct drive *d, struct inode *i)
{
	uint8_t *acl;
	ssize_t len;
	int r;

	if (!(i->flags & INODE_ACL))
		return 0;
	len = xattr_load(d, i->ino, XATTR_ACCESS, &acl);
	if (len < 0)
		return len == -ENODATA ? 0 : (int)len;
	r = acl_check(acl, (size_t)len, true);
	if (r == 0) {
		acl_set_mode(acl, (size_t)len, i->mode);
		r = xattr_store(d, i, XATTR_ACCESS, acl, (size_t)len,
		    XATTR_SET);
	}
	free(acl);
	return r < 0 ? (r == -EINVAL ? -EIO : r) : 1;
}
