/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_TREE_DUMP_H
#define TESTS_TREE_DUMP_H

struct buf;
struct drive;

/*
 * Append a line per name of the whole tree, sorted: path, kind, mode, owner,
 * links, size, mtime, symlink target, xattrs, hash of the content, and which
 * earlier path is the same inode.  Equal trees have equal dumps.  Contents
 * that are not in the cache are read through the fetcher.  0 or the first
 * error.
 */
int tree_dump(struct drive *d, struct buf *out);

#endif
