/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_HELPER_H
#define FS_HELPER_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/child.h"
#include "fs/desktop_words.h"

/*
 * helper - coffre-desktop as a mount has it: started where there is a bus,
 * again now and then when it has ended, told and heard a line at a time.
 * Nothing here waits for it for more than a second.  One thread at a time.
 */
struct helper {
	struct child child;
	bool is_on;
	bool is_absent;		/* not installed */
	int64_t start_ms;	/* not before */
	char in[DESKTOP_LINE_MAX];	/* begun line */
	unsigned nin;
	bool is_long;		/* the line is, and is left out */
};

/* True if it runs; starts it if it may. */
bool helper_start(struct helper *h);
/* Milliseconds until it may be started; -1: it runs, or there is no bus. */
int64_t helper_wait(const struct helper *h);
bool helper_tell(struct helper *h, const char *line, int len);
/* There is something to read: each line of it is one call of fn.  False: it
 * has ended. */
bool helper_hear(struct helper *h, void (*fn)(void *arg, const char *line),
    void *arg);
/* It ends by itself when it has passed on what it was told; is ended if it has
 * not within so many milliseconds. */
void helper_finish(struct helper *h, int64_t ms);

#endif
