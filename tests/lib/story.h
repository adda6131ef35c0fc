/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_STORY_H
#define TESTS_STORY_H

#include "util/buf.h"
#include "vault/merge.h"

/* story - histories of a few simulated devices, for tests of the merge
 * rules.  Whatever goes wrong fails the test. */

#define DEVS 5

/* One simulated device: what it made and what it has seen. */
struct machine {
	struct vault_id id;
	uint64_t seq, lamport;
	uint64_t seen[DEVS];	/* of each device, itself included */
};

/* An op and what its author had seen. */
struct act {
	struct merge_op op;
	unsigned dev;
	uint64_t seen[DEVS];
	char name[8];
};

struct story {
	struct machine dev[DEVS];
	struct act *acts;
	size_t n, cap;
};

void story_init(struct story *s);
void story_done(struct story *s);
/* Device dev does something: an op on node, numbered and dated. */
struct act *story_act(struct story *s, unsigned dev, uint16_t type,
    struct vault_id node);
void story_place(struct story *s, unsigned dev, struct vault_id node,
    struct vault_id parent, const char *name);
/* Create and place; link and place. */
void story_make(struct story *s, unsigned dev, struct vault_id node,
    uint8_t kind, struct vault_id parent, const char *name);
void story_link(struct story *s, unsigned dev, struct vault_id dentry,
    struct vault_id inode, struct vault_id parent, const char *name);
/* Device `to` gets all that `from` has; everybody gets everything. */
void story_pull(struct story *s, unsigned to, unsigned from);
void story_meet(struct story *s);
/* Add an act to a set. */
void story_feed(struct merge *m, const struct story *s, const struct act *a);
/* Appends an entry to the buffer arg: parent, name, ":" and dentry, "#rank"
 * and "=version" where there is one, "!" on losers.  Ids are their first
 * byte, the top folder is "/". */
int story_line(void *arg, const struct merge_entry *e);
char story_char(const struct vault_id *id);
/* The view of the whole story is that text. */
void story_shows(const struct story *s, const char *want);

#endif
