/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/locked.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/virtual.h"
#include "util/log.h"
#include "util/tr.h"

#define ROOT FUSE_ROOT_ID
/* No inode of a drive has such numbers. */
#define NOTE (VIRTUAL_INO + 1)
#define INFO (VIRTUAL_INO + 2)
#define TEXT_MAX 1024
#define NS 1000000000
/* FUSE_STATX, newer than the header of some systems. */
#define OP_STATX 52

/* One request, cut into what it is made of. */
struct request {
	struct fuse_in_header h;
	const uint8_t *body;
	size_t len;		/* of body */
};

static bool
request_cut(const void *p, size_t len, struct request *q)
{
	if (len < sizeof(q->h))
		return false;
	memcpy(&q->h, p, sizeof(q->h));
	q->body = (const uint8_t *)p + sizeof(q->h);
	q->len = len - sizeof(q->h);
	return true;
}

/* The first n bytes of the body; what is missing is 0. */
static void
body_get(const struct request *q, void *out, size_t n)
{
	memset(out, 0, n);
	memcpy(out, q->body, q->len < n ? q->len : n);
}

/* ---- answers ------------------------------------------------------------ */

static void
answer(const struct locked *l, const struct request *q, int r,
    const void *p, size_t len)
{
	struct fuse_out_header out = { .error = r, .unique = q->h.unique };
	struct iovec v[2] = {
		{ &out, sizeof(out) },
		{ (void *)(uintptr_t)p, len },
	};

	out.len = (uint32_t)(sizeof(out) + len);
	if (writev(l->fd, v, len ? 2 : 1) < 0 && errno != ENOENT)
		log_debug("reply: r=%d", -errno);
}

static size_t
text_make(const struct locked *l, char out[static TEXT_MAX])
{
	return (size_t)snprintf(out, TEXT_MAX,
	    _("The drive '%s' is locked: its files are there, but the key to "
	    "them is not.\n\nTo unlock it, open Coffre in the menu of the "
	    "desktop, or type in a terminal:\n\n"
	    "    coffre unlock %s\n"), l->name, l->name);
}

/* The same as with the keys: file managers look once, when it is mounted. */
static void
info_attr(const struct locked *l, struct fuse_attr *a)
{
	struct drive_attr d;

	virtual_attr(l->info, &d);
	a->mode = d.mode;
	a->nlink = d.nlink;
	a->size = d.size;
	a->blocks = d.blocks;
	a->atime = a->mtime = a->ctime = (uint64_t)(d.mtime_ns / NS);
}

static void
attr_make(const struct locked *l, uint64_t ino, struct fuse_attr *a)
{
	char text[TEXT_MAX];

	memset(a, 0, sizeof(*a));
	a->ino = ino;
	a->uid = geteuid();
	a->gid = getegid();
	a->blksize = 4096;
	a->mode = ino == ROOT ? S_IFDIR | 0500 : S_IFREG | 0400;
	a->nlink = ino == ROOT ? 2 : 1;
	if (ino == NOTE)
		a->size = text_make(l, text);
	else if (ino == INFO)
		info_attr(l, a);
}

/* Nothing is to be remembered: all of it changes when the key comes. */
static void
do_lookup(const struct locked *l, const struct request *q)
{
	const char *name = (const char *)q->body;
	struct fuse_entry_out e;
	bool is_text = memchr(q->body, '\0', q->len) != NULL;

	memset(&e, 0, sizeof(e));
	if (q->h.nodeid != ROOT || !is_text) {
		answer(l, q, -EACCES, NULL, 0);
		return;
	}
	if (strcmp(name, LOCKED_NOTE) == 0)
		e.nodeid = NOTE;
	else if (strcmp(name, VIRTUAL_NAME) == 0)
		e.nodeid = INFO;
	if (e.nodeid == 0) {
		answer(l, q, -ENOENT, NULL, 0);
		return;
	}
	e.generation = 1;
	attr_make(l, e.nodeid, &e.attr);
	answer(l, q, 0, &e, sizeof(e));
}

static void
do_getattr(const struct locked *l, const struct request *q, bool is_own)
{
	struct fuse_attr_out o;

	memset(&o, 0, sizeof(o));
	attr_make(l, q->h.nodeid, &o.attr);
	/* For this moment: the kernel asks again each time. */
	if (is_own && q->h.nodeid == ROOT)
		o.attr.mode |= 0200;
	answer(l, q, 0, &o, sizeof(o));
}

static void
do_open(const struct locked *l, const struct request *q)
{
	struct fuse_open_in in;
	struct fuse_open_out o;

	body_get(q, &in, sizeof(in));
	memset(&o, 0, sizeof(o));
	if (q->h.opcode == FUSE_OPEN) {
		if ((in.flags & O_ACCMODE) != O_RDONLY) {
			answer(l, q, -EACCES, NULL, 0);
			return;
		}
		o.open_flags = FOPEN_DIRECT_IO;
	}
	answer(l, q, 0, &o, sizeof(o));
}

static void
do_read(const struct locked *l, const struct request *q)
{
	struct fuse_read_in in;
	const char *part;
	char text[TEXT_MAX];
	size_t len, n = 0;

	body_get(q, &in, sizeof(in));
	if (q->h.nodeid == INFO) {
		n = virtual_read(l->info, in.offset, in.size, &part);
		answer(l, q, 0, part, n);
		return;
	}
	len = text_make(l, text);
	if (in.offset < len)
		n = len - in.offset < in.size ? len - in.offset : in.size;
	answer(l, q, 0, n ? text + in.offset : NULL, n);
}

/* An entry of a listing, with room for attributes that are not given where
 * the kernel wants any.  Returns its bytes, 0 if there is no room. */
static size_t
entry_put(uint8_t *at, size_t room, bool is_plus, uint64_t off, uint64_t ino,
    const char *name, uint32_t type)
{
	size_t head = is_plus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
	size_t len = strlen(name), all = FUSE_DIRENT_ALIGN(head + len);
	struct fuse_dirent d;

	if (all > room)
		return 0;
	memset(at, 0, all);
	memset(&d, 0, sizeof(d));
	d.ino = ino;
	d.off = off;
	d.namelen = (uint32_t)len;
	d.type = type;
	memcpy(at + head - FUSE_NAME_OFFSET, &d, FUSE_NAME_OFFSET);
	memcpy(at + head, name, len);
	return all;
}

static void
do_readdir(const struct locked *l, const struct request *q)
{
	static const struct { const char *name; uint64_t ino; uint32_t type; }
	all[] = {
		{ ".", ROOT, DT_DIR },
		{ "..", ROOT, DT_DIR },
		{ LOCKED_NOTE, NOTE, DT_REG },
	};
	uint8_t buf[1024];
	struct fuse_read_in in;
	size_t at = 0, n, room;
	uint64_t i;

	body_get(q, &in, sizeof(in));
	room = in.size < sizeof(buf) ? in.size : sizeof(buf);
	for (i = in.offset; i < 3; i++) {
		n = entry_put(buf + at, room - at, q->h.opcode ==
		    FUSE_READDIRPLUS, i + 1, all[i].ino, all[i].name,
		    all[i].type);
		if (n == 0)
			break;
		at += n;
	}
	answer(l, q, 0, buf, at);
}

static void
do_statfs(const struct locked *l, const struct request *q)
{
	struct fuse_statfs_out o;

	memset(&o, 0, sizeof(o));
	o.st.bsize = o.st.frsize = 4096;
	o.st.namelen = 255;
	answer(l, q, 0, &o, sizeof(o));
}

/* ---- requests ----------------------------------------------------------- */

bool
locked_is_own(const void *req, size_t len)
{
	struct request q;
	uint64_t fh;

	if (!request_cut(req, len, &q))
		return false;
	if (q.h.nodeid == NOTE || q.h.nodeid == INFO)
		return true;
	switch (q.h.opcode) {
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNCDIR:
		/* The handle comes first in each of them; none of the drive's
		 * is 0. */
		body_get(&q, &fh, sizeof(fh));
		return fh == 0;
	default:
		return false;
	}
}

void
locked_answer(const struct locked *l, const void *req, size_t len,
    bool is_own)
{
	struct request q;
	bool is_file;

	if (!request_cut(req, len, &q))
		return;
	is_file = q.h.nodeid == NOTE || q.h.nodeid == INFO;
	switch (q.h.opcode) {
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;		/* nobody waits for an answer */
	case FUSE_LOOKUP:
		do_lookup(l, &q);
		return;
	case FUSE_STATFS:
		do_statfs(l, &q);
		return;
	case FUSE_FLUSH:
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		answer(l, &q, 0, NULL, 0);
		return;
	/* The kernel asks by FUSE_GETATTR then, and never so again. */
	case OP_STATX:
		answer(l, &q, -ENOSYS, NULL, 0);
		return;
	/* An error here would be that of whoever looks at the root. */
	case FUSE_GETXATTR:
	case FUSE_LISTXATTR:
		answer(l, &q, -ENODATA, NULL, 0);
		return;
	default:
		break;
	}
	if ((is_file || q.h.nodeid == ROOT) && q.h.opcode == FUSE_GETATTR)
		do_getattr(l, &q, is_own);
	else if ((q.h.nodeid == ROOT && q.h.opcode == FUSE_OPENDIR) ||
	    (is_file && q.h.opcode == FUSE_OPEN))
		do_open(l, &q);
	else if (is_file && q.h.opcode == FUSE_READ)
		do_read(l, &q);
	else if (q.h.nodeid == ROOT && (q.h.opcode == FUSE_READDIR ||
	    q.h.opcode == FUSE_READDIRPLUS))
		do_readdir(l, &q);
	else
		answer(l, &q, -EACCES, NULL, 0);
}
