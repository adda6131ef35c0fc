/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/virtual.h"
#include "store/mirror.h"
#include "util/tr.h"

#define STATE_MAX 1024

static void
part_add(char *out, size_t cap, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
part_add(char *out, size_t cap, const char *fmt, ...)
{
	size_t n = strlen(out);
	va_list ap;

	if (n > 0 && n + 2 < cap) {
		memcpy(out + n, ", ", 3);
		n += 2;
	}
	va_start(ap, fmt);
	(void)vsnprintf(out + n, cap - n, fmt, ap);
	va_end(ap);
}

/* Of a drive on several stores: those that lack nothing have it, as do
 * perhaps others, which are named. */
static void
stored_text(struct store *s, char *out, size_t cap)
{
	size_t i, n = s ? store_mirror_count(s) : 0, whole = 0;
	struct mirror_state st[MIRROR_MEMBERS_MAX];

	for (i = 0; i < n; i++) {
		store_mirror_state(s, i, &st[i]);
		whole += st[i].queued == 0;
	}
	part_add(out, cap, "stored");
	if (n > 0 && whole == n)
		part_add(out, cap, "on %zu of %zu stores", n, n);
	else if (n > 0)
		part_add(out, cap, "on %zu of %zu stores for certain", whole,
		    n);
	for (i = 0; i < n; i++) {
		if (st[i].queued > 0)
			part_add(out, cap, "perhaps not yet on %.80s",
			    st[i].url);
	}
}

/* Of what is to stay here: how much of it is. */
static void
pinned_text(struct drive *d, uint64_t ino, char *out, size_t cap)
{
	struct drive_attr a;
	uint64_t missing;
	int r;

	r = drive_pin_state(d, ino, &missing);
	if (r <= 0)
		return;
	part_add(out, cap, "%s", r == 2 ? N_("pinned") :
	    N_("pinned with its folder"));
	if (missing > 0 && drive_getattr(d, ino, &a) == 0 && a.size > 0)
		part_add(out, cap, "%u%% here", missing >= a.size ? 0 :
		    (unsigned)((double)(a.size - missing) * 100 /
		    (double)a.size));
}

static ssize_t
state_get(fuse_req_t req, fuse_ino_t ino, char *out, size_t size)
{
	char text[STATE_MAX] = "";
	enum drive_state s;
	size_t n;
	int r;

	r = drive_file_state(drive_of(req), ino, &s);
	if (r < 0)
		return r;
	if (s == DRIVE_STORED)
		stored_text(ctx_of(req)->store, text, sizeof(text));
	else
		part_add(text, sizeof(text), "%s", s == DRIVE_QUEUED ?
		    N_("queued") : N_("local"));
	pinned_text(drive_of(req), ino, text, sizeof(text));
	n = strlen(text);
	if (size == 0)
		return (ssize_t)n;
	if (size < n)
		return -ERANGE;
	memcpy(out, text, n);
	return (ssize_t)n;
}

void
op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	char *p = size > 0 ? ops_buf(req) : NULL;
	ssize_t n;

	if (size > OPS_IO_MAX)
		size = OPS_IO_MAX;
	if (virtual_is(ino))
		n = -ENODATA;
	else if (size > 0 && !p)
		n = -ENOMEM;
	else if (strcmp(name, OPS_STATE_NAME) == 0)
		n = state_get(req, ino, p, size);
	else
		n = drive_getxattr(drive_of(req), ino, name, p, size);
	if (size == 0)
		reply_xattr_size(req, n);
	else
		reply_buf(req, n, p);
}

void
op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
    const char *value, size_t size, int flags)
{
	struct req_cred cred;
	int r;

	if (virtual_is(ino))
		r = virtual_make_real(ctx_of(req)->virtual, drive_of(req),
		    req_cred(req, false, &cred));
	else if (strcmp(name, OPS_STATE_NAME) == 0)
		r = -EPERM;
	else	/* an ACL may clear the setgid bit of who is not in the group */
		r = drive_setxattr(drive_of(req), req_cred(req,
		    strncmp(name, "system.", 7) == 0, &cred), ino, name,
		    value, size, flags);
	reply_err(req, r);
}

void
op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	char *p = size > 0 ? ops_buf(req) : NULL;
	ssize_t n = -ENOMEM;

	if (size > OPS_IO_MAX)
		size = OPS_IO_MAX;
	if (virtual_is(ino))
		n = 0;
	else if (size == 0 || p)
		n = drive_listxattr(drive_of(req), ino,
		    fuse_req_ctx(req)->uid == 0, p, size);
	if (size == 0)
		reply_xattr_size(req, n);
	else
		reply_buf(req, n, p);
}

void
op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct req_cred cred;
	int r;

	if (virtual_is(ino))
		r = -ENODATA;
	else if (strcmp(name, OPS_STATE_NAME) == 0)
		r = -EPERM;
	else
		r = drive_removexattr(drive_of(req), req_cred(req, false,
		    &cred), ino, name);
	reply_err(req, r);
}
