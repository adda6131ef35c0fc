/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_DESKTOP_H
#define FS_DESKTOP_H

#include <stdint.h>

struct parts;
struct stage;

/*
 * desktop - a mount and the session around it: what the user should hear of
 * is shown as a notification, and before the machine sleeps or is shut down the
 * mount is made ready, and when the network is back the store is tried at
 * once.  One thread and one program, coffre-desktop; nobody waits for either,
 * and where there is no bus nothing is done.
 */
struct desktop;

/* Before the drive comes up: what its sync says of the store is heard from
 * now on.  p and s are borrowed; s until desktop_stop. */
int desktop_new(struct parts *p, struct stage *s, struct desktop **ret);
/* Once the mount is ready and its terminal let go of: the program has the
 * same standard error. */
int desktop_start(struct desktop *d);
/* It was unlocked. */
void desktop_look(struct desktop *d);
/* The thread ends, the program stays.  NULL is ignored, as below. */
void desktop_stop(struct desktop *d);
/* All is over, and so many changes are left.  Waits a moment for what is on
 * its way to the user; no sync may be left that says anything. */
void desktop_free(struct desktop *d, uint64_t changes_left);

#endif
