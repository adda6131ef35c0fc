/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the requests of the caller are answered.  They are known by the id of
 * its thread, which comes from the kernel.  None that could change anything is
 * ever passed on.
 */
#include "fs/live_priv.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "drive/drive.h"
#include "fs/virtual.h"
#include "util/log.h"

/* What is taken away stands for a file of this number meanwhile; no inode of
 * a drive has it. */
#define GONE_INO (VIRTUAL_INO + 3)

bool
live_is_own(const struct live *l, uint32_t pid)
{
	return l && pid != 0 &&
	    atomic_load_explicit(&l->tid, memory_order_relaxed) == pid;
}

static void
answer(const struct live *l, const struct fuse_in_header *h, int r,
    const void *p, size_t len)
{
	struct fuse_out_header out = { .error = r, .unique = h->unique };
	struct iovec v[2] = {
		{ &out, sizeof(out) },
		{ (void *)(uintptr_t)p, len },
	};

	out.len = (uint32_t)(sizeof(out) + len);
	if (writev(l->fd, v, len ? 2 : 1) < 0 && errno != ENOENT)
		log_debug("reply: r=%d", -errno);
}

static bool
is_wanted(struct live *l, enum live_what what, uint64_t ino,
    const char *name)
{
	bool r;

	mutex_lock(&l->lock);
	r = l->what == what && l->ino == ino &&
	    (!name || strcmp(l->name, name) == 0);
	if (r && what == LIVE_PROVE)
		l->is_proved = true;
	mutex_unlock(&l->lock);
	return r;
}

/* The text that begins at `at` in the request, if it ends there. */
static char *
text_at(char *req, size_t len, size_t at)
{
	return at < len && memchr(req + at, '\0', len - at) ? req + at : NULL;
}

/* A file for the moment, which is the caller's, so that the kernel lets it
 * take it away. */
static void
answer_gone(const struct live *l, const struct fuse_in_header *h)
{
	struct fuse_entry_out e;

	memset(&e, 0, sizeof(e));
	e.nodeid = e.attr.ino = GONE_INO;
	e.generation = 1;
	e.attr.mode = S_IFREG | 0600;
	e.attr.nlink = 1;
	e.attr.uid = h->uid;
	e.attr.gid = h->gid;
	answer(l, h, 0, &e, sizeof(e));
}

static bool
take_lookup(struct live *l, const struct fuse_in_header *h, const char *name)
{
	if (!name)
		return false;
	if (is_wanted(l, LIVE_VANISH, h->nodeid, name)) {
		answer_gone(l, h);
		return true;
	}
	/* Not there yet: it is about to be made. */
	if (!is_wanted(l, LIVE_APPEAR, h->nodeid, name) &&
	    !is_wanted(l, LIVE_PROVE, h->nodeid, name))
		return false;
	answer(l, h, -ENOENT, NULL, 0);
	return true;
}

/* To make what is there is to look it up: the answers are alike. */
static bool
take_make(struct live *l, char *req, size_t len, size_t at)
{
	struct fuse_in_header h;
	char *name = text_at(req, len, sizeof(h) + at);

	memcpy(&h, req, sizeof(h));
	if (!name || !is_wanted(l, LIVE_APPEAR, h.nodeid, name)) {
		answer(l, &h, -EACCES, NULL, 0);
		return true;
	}
	h.opcode = FUSE_LOOKUP;
	memcpy(req, &h, sizeof(h));
	memmove(req + sizeof(h), name, strlen(name) + 1);
	return false;
}

/* And to set times that nobody wants set, to look at them. */
static bool
take_setattr(struct live *l, char *req, size_t len)
{
	struct fuse_getattr_in in;
	struct fuse_in_header h;

	memcpy(&h, req, sizeof(h));
	if (len < sizeof(h) + sizeof(in) ||
	    !is_wanted(l, LIVE_TOUCH, h.nodeid, NULL)) {
		answer(l, &h, -EACCES, NULL, 0);
		return true;
	}
	memset(&in, 0, sizeof(in));
	h.opcode = FUSE_GETATTR;
	memcpy(req, &h, sizeof(h));
	memcpy(req + sizeof(h), &in, sizeof(in));
	return false;
}

static bool
take_own(struct live *l, const struct fuse_in_header *h, char *req,
    size_t len)
{
	const char *name = text_at(req, len, sizeof(*h));

	switch (h->opcode) {
	case FUSE_LOOKUP:
		return take_lookup(l, h, name);
	case FUSE_MKNOD:
		return take_make(l, req, len, sizeof(struct fuse_mknod_in));
	case FUSE_MKDIR:
		return take_make(l, req, len, sizeof(struct fuse_mkdir_in));
	case FUSE_SYMLINK:
		return take_make(l, req, len, 0);
	case FUSE_SETATTR:
		return take_setattr(l, req, len);
	case FUSE_UNLINK:
		answer(l, h, name && is_wanted(l, LIVE_VANISH, h->nodeid,
		    name) ? 0 : -EACCES, NULL, 0);
		return true;
	case FUSE_GETATTR:
	case FUSE_GETXATTR:
	case FUSE_STATFS:
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return false;
	default:
		answer(l, h, -EACCES, NULL, 0);
		return true;
	}
}

bool
live_take(struct live *l, void *req, size_t len)
{
	struct fuse_in_header h;

	if (!l || len < sizeof(h))
		return false;
	memcpy(&h, req, sizeof(h));
	if (h.nodeid == GONE_INO) {
		/* Whoever saw it looks again. */
		if (h.opcode != FUSE_FORGET && h.opcode != FUSE_INTERRUPT)
			answer(l, &h, -ESTALE, NULL, 0);
		return h.opcode != FUSE_INTERRUPT;
	}
	return live_is_own(l, h.pid) && take_own(l, &h, req, len);
}
