/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_FSCK_PRIV_H
#define DRIVE_FSCK_PRIV_H

#define HASH_FUNCTION HASH_FNV

#include "drive/tree_priv.h"
#include "util/hash.h"

/*
 * fsck_priv - between fsck.c (inodes and names), fsck_mend.c (what is done
 * about them) and fsck_refs.c (tables that refer to them).
 */

#define FINDINGS_MAX 10000	/* told of; the rest is only counted */

struct fnode {
	uint64_t ino;
	uint8_t kind, flags;
	bool is_unread;		/* its row does not verify: no more is known
				 * than its names, which stay */
	bool is_reached;	/* the root is above it */
	bool has_first;		/* its first name was seen */
	uint32_t nlink, names, subdirs;
	uint64_t parent;	/* in its row */
	uint64_t first_parent;	/* of its first name */
	struct vault_id id;
	uint64_t mark;		/* of the climb that came by */
	UT_hash_handle hh;
};

/* A name that has to go. */
struct fplace {
	struct place at;
	bool is_open;		/* the row can be opened */
	uint64_t folder;	/* that lists it; 0: none does */
};

/* To be told when all is committed. */
struct fchange {
	uint64_t ino;		/* the inode, or the folder of name */
	char *name;		/* NULL: the inode itself */
};

struct fsck {
	struct drive *d;
	bool repair;
	bool (*stop)(void *arg);	/* NULL: never */
	void *arg;
	char **say;		/* findings */
	size_t nsay, say_cap;
	int left;		/* not mended */
	struct fnode *nodes;
	struct fplace *bad;
	size_t nbad, bad_cap;
	struct fchange *change;
	size_t nchange, change_cap;
	uint64_t lost_dir;	/* 0: not made yet */
};

/* Note a finding; is_mended: it is being put right. */
void fsck_say(struct fsck *f, bool is_mended, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* To be looked at as it goes on: 0 or -ECANCELED. */
int fsck_goes_on(const struct fsck *f);
int fsck_add(struct fsck *f, const struct inode *i, bool is_unread);
struct fnode *fsck_node(struct fsck *f, uint64_t ino);
/* The path for people, or "inode N".  out has room for 512 bytes. */
const char *fsck_path(struct fsck *f, uint64_t ino, char *out);
/* Whoever remembers an inode, or a name in a folder (and the folder), is to
 * forget it. */
void fsck_changed(struct fsck *f, uint64_t ino, const char *name);
/* Tell of that, or not (what was done is undone), and free the list. */
void fsck_tell(struct fsck *f, bool is_done);
int fsck_drop(struct fsck *f);
int fsck_mend_inode(struct fsck *f, struct fnode *n);
/* Give an inode without a name one in /lost+found-DATE. */
int fsck_hang(struct fsck *f, struct fnode *n);
int fsck_refs(struct fsck *f);

#endif
