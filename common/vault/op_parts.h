/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_OP_PARTS_H
#define VAULT_OP_PARTS_H

#include "vault/op.h"

struct buf;
struct rd;

/*
 * op_parts - pieces of an op that checkpoints hold as well.  Only for vault/.
 *
 * A _write appends to the buffer and leaves a failure in it; it takes what
 * its _check has found in order.  A _read makes the reader fail on whatever
 * is not in order.
 */

/* A file is at most this long: 2^43 blocks. */
#define OP_SIZE_MAX ((uint64_t)1 << 60)
#define OP_PARENTS_MAX 64
#define OP_CRITICAL 0x8000u	/* in the type: who does not know it stops */
#define OP_HEAD_LEN 6		/* type u16, length u32 */

bool op_attr_check(const struct op_attr *a);
void op_attr_write(struct buf *out, const struct op_attr *a);
void op_attr_read(struct rd *r, struct op_attr *ret);
size_t op_attr_size(const struct op_attr *a);

#define OP_STAMP_LEN (8 + VAULT_ID_LEN + 8)
void op_stamp_write(struct buf *out, const struct op_stamp *s);
void op_stamp_read(struct rd *r, struct op_stamp *ret);

/* Is it a kind, and can it have such a target? */
bool op_target_check(uint8_t kind, const uint8_t *target, size_t len);
bool op_xattr_check(const uint8_t *name, size_t name_len, size_t value_len);

bool op_put_check(const struct op_put *p);
/* -ENOMEM or the buffer's failure. */
int op_put_write(struct buf *out, const struct op_put *p);
/* -EPROTO, -ENOMEM.  Caller frees with op_put_done(). */
int op_put_read(struct rd *r, struct op_put *ret);
/* What op_put_write appends; 0 if out of memory. */
size_t op_put_size(const struct op_put *p);
void op_put_done(struct op_put *p);

/* Lists of blocks: a table of packs, then entries that point into it. */
bool op_blocks_check(const struct op_block *b, size_t n, uint64_t size);
int op_blocks_write(struct buf *out, const struct op_block *b, size_t n);
int op_blocks_read(struct rd *r, size_t max, struct op_block **ret,
    size_t *ret_n);
size_t op_blocks_size(const struct op_block *b, size_t n);
bool op_pages_check(const struct op_page *p, size_t n);
int op_pages_write(struct buf *out, const struct op_page *p, size_t n);
int op_pages_read(struct rd *r, size_t max, struct op_page **ret,
    size_t *ret_n);
size_t op_pages_size(const struct op_page *p, size_t n);

#endif
