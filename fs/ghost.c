/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/ghost.h"

#include <errno.h>
#include <linux/fuse.h>
#include <string.h>
#include <unistd.h>

#include "fs/handle.h"
#include "fs/stage.h"
#include "util/log.h"

static bool
is_ghost(struct stage *s, const struct fuse_in_header *h, const uint8_t *body,
    size_t len)
{
	bool is_last = h->opcode == FUSE_RELEASE ||
	    h->opcode == FUSE_RELEASEDIR;
	struct fuse_setattr_in set;
	uint64_t fh;

	switch (h->opcode) {
	case FUSE_SETATTR:
		/* ftruncate(2): the size would be another all the same. */
		if (len < sizeof(set))
			return false;
		memcpy(&set, body, sizeof(set));
		return set.valid & FATTR_FH &&
		    handles_is_ghost(s->ctx.handles, set.fh, false);
	case FUSE_COPY_FILE_RANGE:
		/* Two handles: the second lies behind two other numbers. */
		if (len >= 32) {
			memcpy(&fh, body + 24, sizeof(fh));
			if (handles_is_ghost(s->ctx.handles, fh, false))
				return true;
		}
		break;
	case FUSE_READ:
	case FUSE_WRITE:
	case FUSE_RELEASE:
	case FUSE_FLUSH:
	case FUSE_FSYNC:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_RELEASEDIR:
	case FUSE_FSYNCDIR:
	case FUSE_FALLOCATE:
	case FUSE_LSEEK:
		break;
	default:
		return false;
	}
	if (len < sizeof(fh))
		return false;
	memcpy(&fh, body, sizeof(fh));
	return handles_is_ghost(s->ctx.handles, fh, is_last);
}

static void
ghost_answer(const struct stage *s, const struct fuse_in_header *h,
    const uint8_t *body)
{
	struct fuse_out_header out = { .len = sizeof(out),
	    .unique = h->unique };
	uint64_t fh;

	switch (h->opcode) {
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		break;
	case FUSE_FLUSH:
		/* Closing it loses nothing: what was written before is kept,
		 * or it was not and is told here, and what was written since
		 * has failed. */
		memcpy(&fh, body, sizeof(fh));
		out.error = handles_ghost_error(s->ctx.handles, fh);
		break;
	default:
		out.error = -EIO;
	}
	if (write(s->note.fd, &out, sizeof(out)) < 0)
		log_debug("reply: r=%d", -errno);
}

bool
ghost_take(struct stage *s, const void *req, size_t len)
{
	struct fuse_in_header h;
	const uint8_t *body = (const uint8_t *)req + sizeof(h);

	if (!handles_has_ghosts(s->ctx.handles))
		return false;
	memcpy(&h, req, sizeof(h));
	if (!is_ghost(s, &h, body, len - sizeof(h)))
		return false;
	ghost_answer(s, &h, body);
	return true;
}
