/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef VAULT_CKPT_PARTS_H
#define VAULT_CKPT_PARTS_H

#include "vault/vault.h"

struct buf;
struct rd;

/* ckpt_parts - the pieces of checkpoint pages and roots.  Only for vault/. */

/* A page ends at this size of its sealed body, unless its only node is
 * larger: one node may have many names and attributes. */
#define CKPT_PAGE_MAX (256u * 1024)
#define CKPT_NODE_MAX (4u * 1024 * 1024)
/* Pages of a root: some 30 million inodes. */
#define CKPT_ROOT_MAX (16u * 1024 * 1024)

/* -EINVAL for a node that a reader would refuse, -ENOMEM, or the buffer's
 * failure. */
int ckpt_node_write(struct buf *out, const struct ckpt_node *n);
/* -EPROTO, -ENOMEM.  Caller frees with ckpt_node_done(). */
int ckpt_node_read(struct rd *r, struct ckpt_node *ret);

bool ckpt_xattrs_check(const struct ckpt_xattr *x, uint32_t n);
void ckpt_xattrs_write(struct buf *out, const struct ckpt_xattr *x,
    uint32_t n);
/* -EPROTO, -ENOMEM.  Caller frees with ckpt_xattrs_done(). */
int ckpt_xattrs_read(struct rd *r, struct ckpt_xattr **ret, uint32_t *ret_n);
void ckpt_xattrs_done(struct ckpt_xattr *x, uint32_t n);

#endif
