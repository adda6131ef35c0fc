/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef PACKAGING_DESKTOP_NOTIFY_H
#define PACKAGING_DESKTOP_NOTIFY_H

#include <gio/gio.h>

#include <stdbool.h>

/*
 * notify - notifications by org.freedesktop.Notifications.  One of a kind is
 * shown: a later one takes the place of the one before.  Nothing blocks.  Where
 * nobody shows notifications nothing is said; when somebody comes who does, as
 * a session comes up, what has waited is shown.
 */
struct notify;

/* Is there a bus of a session? */
bool notify_has_bus(void);
/* The bus is opened when there is something to show; on_idle is called when
 * the last call that was under way has its answer. */
struct notify *notify_new(void (*on_idle)(void *arg), void *arg);
void notify_free(struct notify *n);
/* Plain text; markup in it is shown as it stands. */
void notify_show(struct notify *n, const char *kind, int urgency,
    const char *summary, const char *body);
/* Take it away, or do not show it if that has not been done yet. */
void notify_gone(struct notify *n, const char *kind);
bool notify_is_busy(const struct notify *n);
/* Is there something that nobody was there to show? */
bool notify_is_waiting(const struct notify *n);

#endif
