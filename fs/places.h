/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PLACES_H
#define FS_PLACES_H

#include <stdbool.h>

struct err;

/*
 * places - a drive in the bookmarks of KDE, by which Dolphin and KDE's dialogs
 * show it: they list only mounts of a few programs by themselves.
 *
 * 1: the bookmarks are changed, 0: they were as wanted, or a negative errno,
 * and they are as they were.
 */

int places_add(const char *name, struct err *e);
int places_remove(const char *name, struct err *e);
/* Tell the user of that result of the one or the other. */
void places_note(const char *name, bool is_wanted, int r,
    const struct err *e);
/* With what is done to the autostart, where such bookmarks are kept at all;
 * a failure is told and no more. */
void places_follow(const char *name, bool is_wanted);

#endif
