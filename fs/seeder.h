/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SEEDER_H
#define FS_SEEDER_H

#include <stdint.h>

struct drive;

/*
 * seeder - makes a small picture of each photo whose content is here, one
 * after the other and a while after it was written, and keeps it with the
 * file, on the store as well.  Any thread may call; but for seeder_hold and
 * seeder_stop nothing waits.
 */
struct seeder;

int seeder_start(struct drive *d, struct seeder **ret);
/* The content of the file, or its mtime, is another, or has come. */
void seeder_add(struct seeder *s, uint64_t ino);
/* Why it cannot make any, for people; NULL: it can, as far as is known. */
const char *seeder_problem(struct seeder *s);
/* What follows ignores NULL.  Hold: the program that runs is ended and nothing
 * is done until seeder_go; nothing is lost by it. */
void seeder_hold(struct seeder *s);
void seeder_go(struct seeder *s);
void seeder_stop(struct seeder *s);

#endif
