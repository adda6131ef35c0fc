/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_OPENING_H
#define FS_OPENING_H

struct ask;
struct err;

/* opening - Coffre in the menu of a desktop: where there are drives already,
 * one of them is opened there, or one more is made. */

/* 1: a new one is wanted, or there is none yet; 0: that was all; -ECANCELED. */
int opening_ask(struct ask *a, struct err *e);

#endif
