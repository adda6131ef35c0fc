/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PROGRAM_H
#define FS_PROGRAM_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * program - which program it is that opens a file.  Some read what nobody
 * asked them to read: they make previews or an index of all files that they
 * come across, or look into each to show its type.
 */

#define PROGRAM_NAME_MAX 15	/* bytes that the kernel keeps of a name */

enum program_kind {
	PROGRAM_OTHER = 0,
	PROGRAM_THUMBNAILER = 1,	/* reads files whole, for a preview or
					 * an index */
	PROGRAM_BROWSER = 2,	/* looks into files, to show their type */
	PROGRAM_STAND_IN = 3,	/* copies files, but also makes the previews
				 * that a program of its own could not */
};

/* The kind of the thread tid, which opens a file with these flags, and its
 * name.  What cannot be known is PROGRAM_OTHER; so is what only its command
 * tells, unless is_own: the process is the user's own.  Others could let
 * whoever reads their command wait for ever. */
enum program_kind program_of(pid_t tid, bool is_own, int flags,
    char name[static PROGRAM_NAME_MAX + 1]);

/* Does the thread tid, of a process of the user's own, list folders for a
 * person to look at? */
bool program_lists(pid_t tid);

#endif
