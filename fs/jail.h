/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_JAIL_H
#define FS_JAIL_H

#include <stdbool.h>

/*
 * jail - this program, called by the name JAIL_NAME with the command of
 * another one, becomes that with little time and memory, at a low
 * priority, without the network, the keys of the kernel, other processes and
 * the user's files: it sees what is installed and what it is handed open as
 * descriptors 0 to 3, and changes nothing else.  What root starts is nobody.
 * It takes Landlock and seccomp: without them nothing is run.
 */

#define JAIL_NAME "coffre-jail"

bool jail_is(const char *argv0);
/* Has the kernel what it takes? */
bool jail_holds(void);
/* Returns only if the program cannot be run: the exit status. */
int jail_run(char *const argv[]);

#endif
