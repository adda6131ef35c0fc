/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef LOOK_H
#define LOOK_H

#include <glib.h>

#include "mark.h"

/*
 * look - a thread that asks the driver, since that may not answer for a while,
 * and a file manager must go on meanwhile.  For the main thread, which hears
 * what came of it from its main loop.
 */
struct look {
	char *path;
	gboolean is_urgent;	/* before the others, see look_wait */
	/* Frees it. */
	void (*done)(struct look *l);
	/* What was seen; the text is the caller's to take or to free. */
	struct seen seen;
};

void look_start(struct look *l);
/* The driver does not answer. */
gboolean look_is_stuck(void);
/* Those that are urgent are done when this returns, unless the driver does not
 * answer: that is waited for a moment, and not again until it does. */
void look_wait(void);

#endif
