/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "store/sftp_priv.h"

/*
 * sftp_data - the bytes of a file, with many requests under way at once: one
 * after the other each would wait for the line there and back.  Ids of one
 * transfer are consecutive, so an id tells its place; answers may come in any
 * order.
 */

static void
write_ask(struct sftp_conn *c, const struct sftp_handle *h, uint64_t off,
    const uint8_t *p, size_t len)
{
	size_t start = sftp_msg_begin(&c->out, SFTP_WRITE, c->next_id++);

	sftp_msg_str(&c->out, h->b, h->len);
	sftp_msg_u64(&c->out, off);
	sftp_msg_str(&c->out, p, len);
	sftp_msg_end(&c->out, start);
}

/* One answer; the first refusal is kept in *refused. */
static int
write_answer(struct sftp_conn *c, uint32_t first, int *refused)
{
	struct sftp_msg m;
	int r;

	r = sftp_recv(c, &m);
	if (r < 0)
		return r;
	if (m.type != SFTP_STATUS || m.id - first >= c->next_id - first)
		return sftp_break(c, -EPROTO);
	r = sftp_code_result(m.code);
	if (r < 0 && *refused == 0)
		*refused = r == -ENODATA ? -EPROTO : r;
	return 0;
}

int
sftp_write(struct sftp_conn *c, const struct sftp_handle *h, const void *p,
    size_t len)
{
	uint32_t first = c->next_id;
	int r = 0, refused = 0;
	unsigned ahead = 0;
	size_t off = 0, n;

	while (r == 0 && off < len && refused == 0) {
		n = len - off < SFTP_PART ? len - off : SFTP_PART;
		write_ask(c, h, off, (const uint8_t *)p + off, n);
		r = sftp_send(c);
		off += n;
		ahead++;
		if (r == 0 && ahead == SFTP_AHEAD) {
			r = write_answer(c, first, &refused);
			ahead--;
		}
	}
	for (; r == 0 && ahead > 0; ahead--)
		r = write_answer(c, first, &refused);
	return r < 0 ? r : refused;
}

/* A transfer out of a file, in slots: what of the file each asks for. */
struct reading {
	struct sftp_conn *c;
	const struct sftp_handle *h;
	uint64_t off;
	uint8_t *p;
	struct slot {
		uint32_t id;
		size_t at, len;		/* in p; len 0: free */
	} slots[SFTP_AHEAD];
	int refused;
};

static int
read_ask(struct reading *g, struct slot *s)
{
	struct sftp_conn *c = g->c;
	size_t start;

	s->id = c->next_id++;
	start = sftp_msg_begin(&c->out, SFTP_READ, s->id);
	sftp_msg_str(&c->out, g->h->b, g->h->len);
	sftp_msg_u64(&c->out, g->off + s->at);
	sftp_msg_u32(&c->out, (uint32_t)s->len);
	sftp_msg_end(&c->out, start);
	return sftp_send(c);
}

/* A short answer is no end: the rest is asked for again. */
static int
read_answer(struct reading *g)
{
	struct sftp_msg m;
	struct slot *s = g->slots;
	int r;

	r = sftp_recv(g->c, &m);
	if (r < 0)
		return r;
	while (s < g->slots + SFTP_AHEAD && (s->len == 0 || s->id != m.id))
		s++;
	if (s == g->slots + SFTP_AHEAD)
		return sftp_break(g->c, -EPROTO);
	if (m.type == SFTP_STATUS) {
		r = sftp_code_result(m.code);
		s->len = 0;
		if (g->refused == 0)
			g->refused = r == 0 ? -EPROTO : r == -ENODATA ?
			    -ERANGE : r;
		return 0;
	}
	if (m.type != SFTP_DATA || m.len == 0 || m.len > s->len)
		return sftp_break(g->c, -EPROTO);
	memcpy(g->p + s->at, m.data, m.len);
	s->at += m.len;
	s->len = g->refused == 0 ? s->len - m.len : 0;
	return s->len > 0 ? read_ask(g, s) : 0;
}

static unsigned
under_way(const struct reading *g)
{
	unsigned i, n = 0;

	for (i = 0; i < SFTP_AHEAD; i++)
		n += g->slots[i].len > 0;
	return n;
}

int
sftp_read(struct sftp_conn *c, const struct sftp_handle *h, uint64_t off,
    uint8_t *p, size_t len)
{
	struct reading g = { .c = c, .h = h, .off = off, .p = p };
	size_t at = 0;
	unsigned i;
	int r = 0;

	for (;;) {
		for (i = 0; r == 0 && i < SFTP_AHEAD && at < len &&
		    g.refused == 0; i++) {
			if (g.slots[i].len > 0)
				continue;
			g.slots[i].at = at;
			g.slots[i].len = len - at < SFTP_PART ? len - at :
			    SFTP_PART;
			at += g.slots[i].len;
			r = read_ask(&g, &g.slots[i]);
		}
		if (r < 0 || under_way(&g) == 0)
			break;
		r = read_answer(&g);
		if (r < 0)
			break;
	}
	return r < 0 ? r : g.refused;
}
