/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PACKAGING_DESKTOP_NETWORK_H
#define PACKAGING_DESKTOP_NETWORK_H

#include <gio/gio.h>

/*
 * network - NetworkManager says whether the line is paid by volume; what it
 * guesses counts.  On the system's bus, until the program ends.
 */
struct network;

/* say is called with a word of fs/desktop_words.h. */
struct network *network_new(GDBusConnection *bus,
    void (*say)(const char *word));

#endif
