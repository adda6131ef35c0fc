/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packs as rows of blocks name them: by a small number instead of their id.
 */
#include <errno.h>
#include <string.h>

#include "drive/block.h"
#include "util/buf.h"

enum {
	S_PACK_ADD = STMT_PACK,
	S_PACK_ID,
	S_PACK_GET,
};

static void
pack_bytes(const struct pack_id *p, uint8_t out[static 28])
{
	memcpy(out, p->dtag.b, VAULT_TAG_LEN);
	put_le64(out + 12, p->n);
	put_le64(out + 20, p->rand);
}

int
pack_number(struct drive *d, const struct pack_id *p, int64_t *ret)
{
	struct stmt *s;
	uint8_t id[28];
	int r;

	pack_bytes(p, id);
	s = db_stmt(d->db, S_PACK_ID, "SELECT pid FROM pack WHERE id=?");
	stmt_blob(s, 1, id, sizeof(id));
	r = stmt_step(s);
	if (r == 1) {
		*ret = stmt_get_i64(s, 0);
		stmt_reset(s);
		return 0;
	}
	if (r < 0)
		return r;
	s = db_stmt(d->db, S_PACK_ADD,
	    "INSERT INTO pack(id) VALUES(?) RETURNING pid");
	stmt_blob(s, 1, id, sizeof(id));
	r = stmt_step(s);
	if (r != 1)
		return r < 0 ? r : -EIO;
	*ret = stmt_get_i64(s, 0);
	/* RETURNING gives its row first and is done at the next step. */
	return stmt_run(s);
}

int
pack_of_number(struct drive *d, int64_t pid, struct pack_id *ret)
{
	struct stmt *s;
	const uint8_t *p;
	size_t len;
	int r;

	s = db_stmt(d->db, S_PACK_GET, "SELECT id FROM pack WHERE pid=?");
	stmt_i64(s, 1, pid);
	r = stmt_step(s);
	if (r != 1)
		return r < 0 ? r : -EIO;
	p = stmt_get_blob(s, 0, &len);
	if (len != 28) {
		stmt_reset(s);
		return -EIO;
	}
	memcpy(ret->dtag.b, p, VAULT_TAG_LEN);
	ret->n = get_le64(p + 12);
	ret->rand = get_le64(p + 20);
	stmt_reset(s);
	return 0;
}
