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
#define CKPT_NODE_MAX (16u * 1024 * 1024)
/* What a drive allows fits: names, attributes with 64 KiB of their names and
 * those of the program's own, and the list of the pages of a file.  As much as
 * that is left for what several machines bring together. */
_Static_assert(VAULT_LINKS_MAX * (2 * VAULT_ID_LEN + 1 + VAULT_NAME_MAX + 32) +
    VAULT_XATTRS_MAX + 4 * VAULT_XATTR_MAX + VAULT_PAGES_MAX * 78 <=
    CKPT_NODE_MAX - 2 * 1024 * 1024, "node");
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
