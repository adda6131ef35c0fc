/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_UNREAD_H
#define TESTS_UNREAD_H

#include "tests/lib/sync_rig.h"

/*
 * unread - a rig with files of which one is to be damaged; failures end the
 * test.
 */

/* A new one, not started, with "bad" and "good" of several blocks and
 * "small". */
void unread_begin(struct rig *r);
/* Until that is told; NULL: nothing any more. */
void unread_problem(struct rig *r, const char *want);
/* Whole again: "bad" goes up too, and nothing is told any more. */
void unread_all_goes(struct rig *r);

#endif
