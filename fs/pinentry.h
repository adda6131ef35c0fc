/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PINENTRY_H
#define FS_PINENTRY_H

#include <stdbool.h>

struct err;
struct secret;

/* pinentry - a passphrase from a window, by the program that GnuPG asks with
 * and every desktop has its own of. */

/* Is there a display that a window could be on? */
bool pinentry_has_display(void);
/* Ask for it.  program NULL: the one that is called pinentry.  -ECANCELED:
 * the window was closed; -ETIMEDOUT; -ENOENT: no such program. */
int pinentry_ask(const char *program, const char *what, struct secret *ret,
    struct err *e);

#endif
