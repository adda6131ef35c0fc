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
 */
#define DESKTOP_NONE 4	/* its exit status: there is no bus to talk on */

#endif
