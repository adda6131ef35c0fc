/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MISSED_H
#define FS_MISSED_H

struct parts;

/*
 * missed - a mount that did not come about where nobody looks, at login or
 * after a crash: a notification tells it, and why.  Whoever starts it again
 * and again has it told once.
 */

/* why: as of an err.  Waits for up to half a minute, if there is a bus: the
 * desktop may be coming up, too. */
void missed_tell(const struct parts *p, const char *why);
/* It is mounted. */
void missed_forget(const char *name);

#endif
