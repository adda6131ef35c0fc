/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Extended attributes as the system calls see them.
 */
#include "drive/drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "drive/perm.h"
#include "drive/tree_priv.h"
#include "util/clock.h"

#define LIST_MAX (64u * 1024)	/* what the kernel lets through, bytes */

/* Root's: the kernel lets nobody else have them, but for their names. */
#define TRUSTED "trusted."
/* The same, but for reading; the kernel also takes "security.capability" away
 * when the file is written or given away. */
#define SECURITY "security."

/* ---- names -------------------------------------------------------------- */

static bool
is_trusted(const char *name)
{
	return strncmp(name, TRUSTED, sizeof(TRUSTED) - 1) == 0;
}

static bool
is_security(const char *name)
{
	return strncmp(name, SECURITY, sizeof(SECURITY) - 1) == 0;
}

/* A prefix and nothing behind it. */
static bool
is_nameless(const char *name)
{
	return strcmp(name, "user.") == 0 || strcmp(name, TRUSTED) == 0 ||
	    strcmp(name, SECURITY) == 0;
}

/* May this inode have it?  -EOPNOTSUPP, -EPERM, -EINVAL. */
static int
xattr_allowed(const struct inode *i, const char *name)
{
	if (is_nameless(name))
		return -EINVAL;
	if (strncmp(name, "user.", 5) == 0)
		return i->kind == OP_KIND_FILE || i->kind == OP_KIND_DIR ? 0 :
		    -EPERM;
	if (is_trusted(name) || is_security(name))
		return 0;
	if (i->kind == OP_KIND_SYMLINK)
		return -EOPNOTSUPP;
	if (strcmp(name, XATTR_ACCESS) == 0)
		return 0;
	if (strcmp(name, XATTR_DEFAULT) == 0)
		return i->kind == OP_KIND_DIR ? 0 : -EACCES;
	return -EOPNOTSUPP;
}

static bool
xattr_is_hidden(const char *name)
{
	return strcmp(name, DRIVE_XATTR_PREVIEW) == 0;
}

bool
xattr_known(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || is_trusted(name) ||
	    is_security(name) || xattr_flag(name) != 0;
}

/* ---- reading ------------------------------------------------------------ */

ssize_t
drive_getxattr(struct drive *d, uint64_t ino, const char *name, void *out,
    size_t size)
{
	uint8_t *value = NULL;
	struct inode i;
	ssize_t n = -ENODATA;
	int r;

	if (!xattr_known(name))
		return -EOPNOTSUPP;
	if (is_nameless(name))
		return -EINVAL;
	if (strlen(name) > VAULT_XATTR_NAME_MAX)
		return -ERANGE;
	if (xattr_is_hidden(name))
		return -ENODATA;
	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0 && (i.flags & INODE_XATTR) && (xattr_flag(name) == 0 ||
	    (i.flags & xattr_flag(name))))
		n = xattr_load(d, ino, name, &value);
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return r;
	if (n >= 0 && xattr_flag(name)) {
		r = acl_from_store(d, value, (size_t)n);
		if (r < 0)
			n = r;
	}
	if (n >= 0 && size > 0) {
		if ((size_t)n > size)
			n = -ERANGE;
		else
			memcpy(out, value, (size_t)n);
	}
	free(value);
	return n;
}

struct list {
	char *out;
	size_t size, len;
	bool with_trusted;
};

static int
list_add(void *arg, const struct xattr *x)
{
	struct list *l = arg;

	if ((x->dirty & XATTR_REMOVED) || xattr_is_hidden(x->name) ||
	    (is_trusted(x->name) && !l->with_trusted))
		return 0;
	if (l->size > 0) {
		if (l->len + x->name_len + 1u > l->size)
			return -ERANGE;
		memcpy(l->out + l->len, x->name, x->name_len + 1u);
	}
	l->len += x->name_len + 1u;
	return 0;
}

ssize_t
drive_listxattr(struct drive *d, uint64_t ino, bool with_trusted, char *out,
    size_t size)
{
	struct list l = { .out = out, .size = size,
	    .with_trusted = with_trusted };
	struct inode i;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0 && (i.flags & INODE_XATTR))
		r = xattr_each(d, ino, 0, list_add, &l);
	mutex_unlock(&d->db_lock);
	return r < 0 ? r : (ssize_t)l.len;
}

/* ---- changing ----------------------------------------------------------- */

/* An access ACL is also the mode.  *value becomes NULL if that says it all.
 * Without privilege and membership, setgid goes. */
static int
acl_apply(struct drive *d, const struct drive_cred *c, struct inode *i,
    uint8_t **value, size_t len)
{
	uint32_t mode = i->mode;
	bool is_plain;
	int r;

	r = acl_mode(*value, len, &mode, &is_plain);
	if (r < 0)
		return r;
	i->mode = perm_chmod(c, owner_to_gid(d, i->gid), mode);
	if (is_plain) {
		free(*value);
		*value = NULL;
	}
	return 0;
}

static int
xattr_change(struct drive *d, struct inode *i, const char *name,
    const void *value, size_t len) REQUIRES(d->db_lock)
{
	bool is_secret;		/* nobody has been told of the inode */
	int r;

	i->ctime_ns = clock_real_ns();
	is_secret = (inode_marked(d, i->ino) & OUTBOX_CREATE) != 0;
	r = xattr_store(d, i, name, value, len, !value && is_secret ?
	    XATTR_CLEAN : XATTR_SET);
	if (r == 0)
		r = inode_save(d, i);
	if (r == 0)
		r = outbox_mark(d, i->ino, OUTBOX_XATTR | OUTBOX_ATTR);
	return r;
}

struct room {
	const char *name;		/* left out */
	size_t names, values;
};

static int
room_add(void *arg, const struct xattr *x)
{
	struct room *m = arg;

	if ((x->dirty & XATTR_REMOVED) || strcmp(x->name, m->name) == 0)
		return 0;
	if (!xattr_is_hidden(x->name))
		m->names += x->name_len + 1u;
	m->values += x->value_len;
	return 0;
}

/* Is there one, and does the flag agree?  Is there room for another name, and
 * for more bytes? */
static int
set_check(struct drive *d, const struct inode *i, const char *name,
    size_t size, int flags) REQUIRES(d->db_lock)
{
	struct room m = { .name = name };
	uint8_t *old = NULL;
	ssize_t n = -ENODATA;
	int r = 0;

	if (i->flags & INODE_XATTR)
		n = xattr_load(d, i->ino, name, &old);
	free(old);
	if (n < 0 && n != -ENODATA)
		return (int)n;
	if (n >= 0 && (flags & XATTR_CREATE))
		return -EEXIST;
	if (n < 0 && (flags & XATTR_REPLACE))
		return -ENODATA;
	if ((i->flags & INODE_XATTR) && (n < 0 || (size_t)n < size)) {
		r = xattr_each(d, i->ino, 0, room_add, &m);
		if (r == 0 && (m.names + strlen(name) + 1 > LIST_MAX ||
		    m.values + size > VAULT_XATTRS_MAX))
			r = -ENOSPC;
	}
	return r;
}

int
drive_setxattr(struct drive *d, const struct drive_cred *c, uint64_t ino,
    const char *name, const void *value, size_t size, int flags) NO_TSA
{
	bool is_acl = xattr_flag(name) != 0;
	uint8_t *acl = NULL;
	struct inode i;
	int r;

	if (!xattr_known(name))
		return -EOPNOTSUPP;
	if (strlen(name) > VAULT_XATTR_NAME_MAX)
		return -ERANGE;
	if (size > VAULT_XATTR_MAX)
		return -E2BIG;
	if (xattr_is_hidden(name))
		return -EPERM;
	if (is_acl) {
		r = acl_to_store(d, value, size, &acl, &size);
		if (r < 0)
			return r;
		value = acl;
	}
	r = drive_begin(d);
	if (r < 0) {
		free(acl);
		return r;
	}
	r = inode_load(d, ino, &i);
	if (r == 0)
		r = xattr_allowed(&i, name);
	if (r == 0)
		r = set_check(d, &i, name, size, flags);
	if (r == 0 && xattr_flag(name) == INODE_ACL) {
		r = acl_apply(d, c, &i, &acl, size);
		value = acl;
	}
	if (r == 0)
		r = xattr_change(d, &i, name, value || is_acl ? value : "",
		    size);
	r = drive_end(d, r);
	free(acl);
	return r;
}

int
drive_removexattr(struct drive *d, const struct drive_cred *c, uint64_t ino,
    const char *name) NO_TSA
{
	uint8_t *old = NULL;
	struct inode i;
	ssize_t n;
	int r;

	(void)c;	/* the kernel has checked who may */
	if (!xattr_known(name))
		return -EOPNOTSUPP;
	if (strlen(name) > VAULT_XATTR_NAME_MAX)
		return -ERANGE;
	if (xattr_is_hidden(name))
		return -ENODATA;
	r = drive_begin(d);
	if (r < 0)
		return r;
	r = inode_load(d, ino, &i);
	if (r == 0)
		r = xattr_allowed(&i, name);
	if (r == 0) {
		n = xattr_load(d, ino, name, &old);
		free(old);
		/* The mode is an ACL too: taking away what goes beyond it
		 * always succeeds. */
		if (n == -ENODATA && xattr_flag(name))
			r = 0;
		else if (n < 0)
			r = (int)n;
		else
			r = xattr_change(d, &i, name, NULL, 0);
	}
	return drive_end(d, r);
}

/* ---- of the program's own ------------------------------------------------ */

ssize_t
drive_preview_get(struct drive *d, uint64_t ino, uint8_t **ret)
{
	struct inode i;
	ssize_t n = -ENODATA;
	int r;

	mutex_lock(&d->db_lock);
	r = inode_load(d, ino, &i);
	if (r == 0 && (i.flags & INODE_XATTR))
		n = xattr_load(d, ino, DRIVE_XATTR_PREVIEW, ret);
	mutex_unlock(&d->db_lock);
	return r < 0 ? r : n;
}

/* The caller saves i. */
static int
preview_store(struct drive *d, struct inode *i, const void *value, size_t len)
    REQUIRES(d->db_lock)
{
	/* Has nobody been told of the inode? */
	bool is_secret = (inode_marked(d, i->ino) & OUTBOX_CREATE) != 0;

	return xattr_store(d, i, DRIVE_XATTR_PREVIEW, value, len,
	    !value && is_secret ? XATTR_CLEAN : XATTR_SET);
}

int
content_changed(struct drive *d, struct inode *i)
{
	unsigned marks = OUTBOX_PUT;
	int r = 0;

	if (i->flags & INODE_XATTR)
		r = xattr_has(d, i->ino, DRIVE_XATTR_PREVIEW);
	if (r > 0) {
		/* What was painted over is not to be seen in it by others,
		 * also if nobody makes another here. */
		r = preview_store(d, i, NULL, 0);
		marks |= OUTBOX_XATTR;
	}
	return r < 0 ? r : outbox_mark(d, i->ino, marks);
}

int
drive_preview_set(struct drive *d, uint64_t ino, const struct drive_attr *of,
    const void *value, size_t len) NO_TSA
{
	struct drive_attr a;
	struct inode i;
	int r;

	if (len > VAULT_XATTR_MAX)
		return -E2BIG;
	r = drive_begin(d);
	if (r < 0)
		return r;
	r = inode_load(d, ino, &i);
	if (r == 0 && (i.kind != OP_KIND_FILE || i.nlink == 0))
		r = -ENOENT;
	if (r == 0) {
		inode_attr(d, &i, &a);
		if (a.size != of->size || a.mtime_ns != of->mtime_ns)
			r = -ESTALE;
	}
	if (r == 0)
		r = preview_store(d, &i, value, len);
	if (r == 0)
		r = inode_save(d, &i);
	if (r == 0)
		r = outbox_mark(d, ino, OUTBOX_XATTR);
	return drive_end(d, r);
}
