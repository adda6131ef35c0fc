/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_SYNC_LOOK_H
#define TESTS_SYNC_LOOK_H

#include "tests/lib/sync_rig.h"

/*
 * sync_look - what tests look at in a rig, and what they do behind its back;
 * failures end the test.
 */

/* No finding of fsck. */
void rig_fsck(struct rig *r);
/* Of texts that differ the first line that does is told, not all of them. */
void rig_same_text(const char *a, const char *b);
/* What another machine gets from the store is what this one has. */
void rig_check_recovered(struct rig *r);

struct rig_said {
	int n;			/* findings */
	char last[1024];	/* of them */
};
/* sync_check: the number of findings, which are in s. */
int rig_check(struct rig *r, struct rig_said *s);

/* A command of the shell. */
void rig_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
