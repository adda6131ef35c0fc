/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PACKAGING_DESKTOP_LOGIN_H
#define PACKAGING_DESKTOP_LOGIN_H

#include <gio/gio.h>

/*
 * login - logind says when the machine is about to sleep or to be shut down,
 * and waits as long as we hold a lock (5 s at most, as it is set).
 */
struct login;

/* On the system's bus, until the program ends.  say is called with a word of
 * fs/desktop_words.h. */
struct login *login_new(GDBusConnection *bus, void (*say)(const char *word));
/* The mount is ready for "sleep" or "shutdown". */
void login_ready(struct login *l, const char *what);

#endif
