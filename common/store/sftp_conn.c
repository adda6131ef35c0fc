/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/sftp_priv.h"
#include "util/clock.h"

/* sftp_conn - one request and its answer. */

#define VERSION_WANTED 3
/* Bytes a second that a call moves in the long run, or it is late: see
 * net/http.c. */
#define RATE_MIN 128
/* So often in its timeout a wait looks whether anything moves. */
#define LOOKS 4

static int64_t
patience(const struct sftp_conn *c)
{
	return SFTP_PATIENCE * (int64_t)c->store->timeout_s * 1000;
}

void
sftp_begin(struct sftp_conn *c)
{
	c->in_used = 0;
	buf_reset(&c->in);
	c->spare_ms = patience(c);
}

int
sftp_break(struct sftp_conn *c, int r)
{
	c->is_broken = true;
	c->is_late = c->is_late || r == -ETIMEDOUT;
	return r;
}

static void
wait_begin(struct sftp_conn *c)
{
	c->checked_ms = c->progress_ms = clock_mono_ms();
}

/* Look at the line during a wait, in which n bytes of an answer came.  Any byte
 * is progress.  But only those of answers, and those of ours that got across,
 * buy time: who floods us with nothing must not. */
static void
wait_look(struct sftp_conn *c, int64_t n)
{
	int64_t now = clock_mono_ms();
	uint64_t came, across;

	sftp_link_count(c->link, &came, &across);
	if (came != c->came || across != c->across || n > 0)
		c->progress_ms = now;
	if (across > c->across)
		n += (int64_t)(across - c->across);
	c->came = came;
	c->across = across;
	c->spare_ms += n * 1000 / RATE_MIN - (now - c->checked_ms);
	c->checked_ms = now;
	if (c->spare_ms > patience(c))
		c->spare_ms = patience(c);
	if (c->spare_ms < 0)
		c->spare_ms = 0;
}

static bool
is_late(const struct sftp_conn *c)
{
	return c->spare_ms == 0 || c->checked_ms - c->progress_ms >=
	    (int64_t)c->store->timeout_s * 1000;
}

/* When to look again. */
static int64_t
look_ms(const struct sftp_conn *c)
{
	int64_t ms = (int64_t)c->store->timeout_s * 1000 / LOOKS;

	return c->checked_ms + (c->spare_ms < ms ? c->spare_ms : ms);
}

int
sftp_send(struct sftp_conn *c)
{
	size_t done = 0;
	int64_t n;

	if (c->out.err)
		return sftp_break(c, c->out.err);
	wait_begin(c);
	while (done < c->out.len) {
		n = sftp_link_send(c->link, c->out.data + done,
		    c->out.len - done, look_ms(c));
		wait_look(c, 0);
		if (n == -ETIMEDOUT && !is_late(c))
			continue;
		if (n < 0)
			return sftp_break(c, (int)n);
		done += (size_t)n;
	}
	buf_reset(&c->out);
	return 0;
}

/* Until there are len bytes that were not read yet. */
static int
fill(struct sftp_conn *c, size_t len)
{
	int64_t n;
	void *p;

	if (c->in_used > 0) {
		memmove(c->in.data, c->in.data + c->in_used,
		    c->in.len - c->in_used);
		c->in.len -= c->in_used;
		c->in_used = 0;
	}
	wait_begin(c);
	while (c->in.len < len) {
		p = buf_reserve(&c->in, len - c->in.len);
		if (!p)
			return sftp_break(c, c->in.err);
		n = sftp_link_recv(c->link, p, len - c->in.len, look_ms(c));
		wait_look(c, n > 0 ? n : 0);
		if (n == -ETIMEDOUT && !is_late(c))
			continue;
		if (n < 0)
			return sftp_break(c, (int)n);
		c->in.len += (size_t)n;
	}
	return 0;
}

int
sftp_recv(struct sftp_conn *c, struct sftp_msg *ret)
{
	uint32_t len;
	int r;

	r = fill(c, 4);
	if (r < 0)
		return r;
	len = sftp_be32(c->in.data);
	if (len == 0 || len > SFTP_PACKET_MAX)
		return sftp_break(c, -EPROTO);
	r = fill(c, 4 + (size_t)len);
	if (r < 0)
		return r;
	c->in_used = 4 + (size_t)len;
	r = sftp_msg_parse(c->in.data + 4, len, ret);
	/* What it stands before is lost: so is what was asked for, perhaps. */
	if (r == 0 && ret->type == SFTP_STATUS &&
	    (ret->code == SFTP_NO_CONNECTION ||
	    ret->code == SFTP_CONNECTION_LOST))
		r = -EHOSTUNREACH;
	return r < 0 ? sftp_break(c, r) : 0;
}

int
sftp_hello(struct sftp_conn *c)
{
	struct sftp_msg m;
	int r;

	sftp_msg_end(&c->out, sftp_msg_begin(&c->out, SFTP_INIT,
	    VERSION_WANTED));
	r = sftp_send(c);
	if (r == 0)
		r = sftp_recv(c, &m);
	if (r == 0 && (m.type != SFTP_VERSION || m.version < VERSION_WANTED))
		r = sftp_break(c, -EPROTO);
	if (r == 0)
		c->exts = m.exts;
	return r;
}

int
sftp_code_result(uint32_t code)
{
	switch (code) {
	case SFTP_OK:
		return 0;
	case SFTP_EOF:
		return -ENODATA;
	case SFTP_NO_SUCH_FILE:
		return -ENOENT;
	case SFTP_PERMISSION_DENIED:
		return -EACCES;
	case SFTP_OP_UNSUPPORTED:
		return -EOPNOTSUPP;
	case SFTP_FAILURE:
		return -EIO;	/* the one code for all the rest */
	default:
		return -EPROTO;
	}
}

/* Send what is in c->out, which has this id, and take the answer: of type
 * want, or a status. */
static int
exchange(struct sftp_conn *c, uint32_t id, enum sftp_type want,
    struct sftp_msg *ret)
{
	struct sftp_msg m;
	int r;

	r = sftp_send(c);
	if (r == 0)
		r = sftp_recv(c, &m);
	if (r < 0)
		return r;
	if (m.id != id || m.type == SFTP_VERSION)
		return sftp_break(c, -EPROTO);
	if (m.type == SFTP_STATUS) {
		r = sftp_code_result(m.code);
		if (r == 0 && want != SFTP_STATUS)
			return sftp_break(c, -EPROTO);
		return r;
	}
	if (m.type != want)
		return sftp_break(c, -EPROTO);
	*ret = m;
	return 0;
}

/* type, one string, and what more says. */
static int
ask(struct sftp_conn *c, enum sftp_type type, const void *p, size_t len,
    const uint32_t *more, size_t nmore, enum sftp_type want,
    struct sftp_msg *ret)
{
	uint32_t id = c->next_id++;
	size_t start, i;

	start = sftp_msg_begin(&c->out, type, id);
	sftp_msg_str(&c->out, p, len);
	for (i = 0; i < nmore; i++)
		sftp_msg_u32(&c->out, more[i]);
	sftp_msg_end(&c->out, start);
	return exchange(c, id, want, ret);
}

int
sftp_ask(struct sftp_conn *c, enum sftp_type type, const char *path,
    struct sftp_msg *ret)
{
	struct sftp_msg m;

	return ask(c, type, path, strlen(path), NULL, 0, SFTP_STATUS,
	    ret ? ret : &m);
}

int
sftp_mkdir(struct sftp_conn *c, const char *path)
{
	const uint32_t attrs[] = { 0x4, 0700 };		/* mode */
	struct sftp_msg m;

	return ask(c, SFTP_MKDIR, path, strlen(path), attrs, 2, SFTP_STATUS,
	    &m);
}

int
sftp_lstat(struct sftp_conn *c, const char *path, struct sftp_attrs *ret)
{
	struct sftp_msg m;
	int r;

	r = ask(c, SFTP_LSTAT, path, strlen(path), NULL, 0, SFTP_ATTRS, &m);
	if (r == 0)
		*ret = m.attrs;
	return r;
}

int
sftp_rename(struct sftp_conn *c, const char *from, const char *to)
{
	uint32_t id = c->next_id++;
	struct sftp_msg m;
	size_t start;

	start = sftp_msg_begin(&c->out, SFTP_RENAME, id);
	sftp_msg_str(&c->out, from, strlen(from));
	sftp_msg_str(&c->out, to, strlen(to));
	sftp_msg_end(&c->out, start);
	return exchange(c, id, SFTP_STATUS, &m);
}

/* The beginning of an extended request. */
static size_t
extended(struct sftp_conn *c, const char *name, uint32_t *ret_id)
{
	size_t start;

	*ret_id = c->next_id++;
	start = sftp_msg_begin(&c->out, SFTP_EXTENDED, *ret_id);
	sftp_msg_str(&c->out, name, strlen(name));
	return start;
}

int
sftp_replace(struct sftp_conn *c, const char *from, const char *to)
{
	struct sftp_msg m;
	uint32_t id;
	size_t start = extended(c, "posix-rename@openssh.com", &id);

	sftp_msg_str(&c->out, from, strlen(from));
	sftp_msg_str(&c->out, to, strlen(to));
	sftp_msg_end(&c->out, start);
	return exchange(c, id, SFTP_STATUS, &m);
}

int
sftp_statvfs(struct sftp_conn *c, const char *path, struct store_space *ret)
{
	struct store_space sp;
	struct sftp_msg m;
	uint32_t id;
	size_t start;
	int r;

	if (!(c->exts & SFTP_EXT_STATVFS))
		return -EOPNOTSUPP;
	start = extended(c, "statvfs@openssh.com", &id);
	sftp_msg_str(&c->out, path, strlen(path));
	sftp_msg_end(&c->out, start);
	r = exchange(c, id, SFTP_EXTENDED_REPLY, &m);
	if (r == 0)
		r = sftp_msg_statvfs(&m, &sp.total_bytes, &sp.free_bytes);
	if (r == 0)
		*ret = sp;
	return r;
}

static int
handle_of(const struct sftp_msg *m, struct sftp_handle *ret)
{
	if (m->len)
		memcpy(ret->b, m->data, m->len);
	ret->len = m->len;
	return 0;
}

int
sftp_open(struct sftp_conn *c, const char *path, unsigned flags,
    struct sftp_handle *ret)
{
	/* Flags, then attributes: a new file is for its owner alone. */
	uint32_t more[] = { flags, 0x4, 0600 };
	struct sftp_msg m;
	int r;

	if (!(flags & SFTP_O_CREAT))
		more[1] = 0;
	r = ask(c, SFTP_OPEN, path, strlen(path), more,
	    flags & SFTP_O_CREAT ? 3 : 2, SFTP_HANDLE, &m);
	return r < 0 ? r : handle_of(&m, ret);
}

int
sftp_opendir(struct sftp_conn *c, const char *path, struct sftp_handle *ret)
{
	struct sftp_msg m;
	int r;

	r = ask(c, SFTP_OPENDIR, path, strlen(path), NULL, 0, SFTP_HANDLE,
	    &m);
	return r < 0 ? r : handle_of(&m, ret);
}

int
sftp_readdir(struct sftp_conn *c, const struct sftp_handle *h,
    struct sftp_msg *ret)
{
	return ask(c, SFTP_READDIR, h->b, h->len, NULL, 0, SFTP_NAME, ret);
}

int
sftp_fstat(struct sftp_conn *c, const struct sftp_handle *h,
    struct sftp_attrs *ret)
{
	struct sftp_msg m;
	int r;

	r = ask(c, SFTP_FSTAT, h->b, h->len, NULL, 0, SFTP_ATTRS, &m);
	if (r == 0)
		*ret = m.attrs;
	return r;
}

int
sftp_fsync(struct sftp_conn *c, const struct sftp_handle *h)
{
	struct sftp_msg m;
	uint32_t id;
	size_t start;
	int r;

	if (c->exts & SFTP_EXT_FSYNC) {
		start = extended(c, "fsync@openssh.com", &id);
		sftp_msg_str(&c->out, h->b, h->len);
		sftp_msg_end(&c->out, start);
		r = exchange(c, id, SFTP_STATUS, &m);
		if (r != -EOPNOTSUPP)
			return r;
	}
	/* It promises what it promises: sftp_notes says so. */
	mutex_lock(&c->store->lock);
	c->store->is_unflushed = true;
	mutex_unlock(&c->store->lock);
	return 0;
}

int
sftp_close(struct sftp_conn *c, const struct sftp_handle *h)
{
	struct sftp_msg m;

	return ask(c, SFTP_CLOSE, h->b, h->len, NULL, 0, SFTP_STATUS, &m);
}
