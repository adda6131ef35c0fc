/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_DESKTOP_WORDS_H
#define FS_DESKTOP_WORDS_H

/*
 * What a mount and coffre-desktop say to each other: lines, fields parted by
 * tabs.  It is a program of its own, so that what the desktop's libraries do is
 * done elsewhere than in a mount; it ends when its input does.
 *
 * To it:
 *	notify KIND URGENCY SUMMARY BODY	show; plain text
 *	gone KIND				take that one away
 *	ready sleep|shutdown			go on with that
 *	patient					at its end, wait a while for who
 *						shows what was not shown yet
 * Of it:
 *	sleep		the machine is about to, and waits a moment for "ready"
 *	wake		it has slept, or does not sleep after all
 *	shutdown	likewise, with "ready"
 *	stay		it is not shut down after all
 *	metered		the line is paid by volume
 *	unmetered	no longer
 */
#define DESKTOP_NONE 4	/* its exit status: there is no bus to talk on */
#define DESKTOP_LINE_MAX 64	/* bytes of a line of it */

#endif
