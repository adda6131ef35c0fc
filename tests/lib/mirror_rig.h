/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_MIRROR_RIG_H
#define TESTS_MIRROR_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct store;

/*
 * A mirror whose members are the folders "a", "b" and "c" of a folder of its
 * own: one that is moved away is out of reach.  An object that ends in a dash
 * is not whole; a mark that begins with "other " is of another drive.
 * What goes wrong here fails the test.  One at a time.
 */

extern char mrig_dir[64];
extern struct store *mrig_store;
/* How long what was rejected is, from the next begin on; 0: as ever. */
extern int64_t mrig_reject_ms;

/* A command of the shell, in the folder. */
int mrig_sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
struct store *mrig_folder(const char *name);
/* With the object that marks a drive, on the first n; end closes all. */
void mrig_begin(unsigned n, unsigned copies);
void mrig_end(void);
/* The mirror alone. */
void mrig_open(unsigned n, unsigned copies);

void mrig_put(const char *name, const char *text);
/* Until no member lacks anything that another can give. */
void mrig_settle(void);
/* How many objects member i lacks. */
uint64_t mrig_queued(size_t i);
/* Does it lack so many that nobody can give, and nothing else? */
bool mrig_has_aside(size_t i, uint64_t aside);
/* Until it does. */
void mrig_wait_aside(size_t i, uint64_t aside);

#endif
