/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "packaging/desktop/login.h"

#include <gio/gunixfdlist.h>

#include <libintl.h>
#include <string.h>
#include <unistd.h>

#define NAME "org.freedesktop.login1"
#define PATH "/org/freedesktop/login1"
#define MANAGER NAME ".Manager"
#define CALL_MS (10 * 1000)
#define N_(s) (s)

/* Taken one by one: without a session logind refuses both in one. */
enum { SLEEP, SHUTDOWN, LOCKS };

static const struct {
	const char *what, *signal, *on, *off, *why;
} kinds[LOCKS] = {
	{ "sleep", "PrepareForSleep", "sleep", "wake",
	    N_("Requests under way are ended") },
	{ "shutdown", "PrepareForShutdown", "shutdown", "stay",
	    N_("Changes are uploaded") },
};

struct login {
	void (*say)(const char *word);
	GDBusConnection *bus;	/* NULL: there is no logind */
	GCancellable *end;	/* of the calls on this bus */
	guint watch, signals;
	int fd[LOCKS];		/* -1: not held */
	gboolean is_near[LOCKS];	/* said, and not taken back */
};

static void
lock_drop(struct login *l, int k)
{
	if (l->fd[k] >= 0)
		(void)close(l->fd[k]);
	l->fd[k] = -1;
}

struct asked {
	struct login *l;
	int k;
};

static void
on_lock(GObject *bus, GAsyncResult *res, gpointer arg)
{
	struct asked *a = arg;
	GUnixFDList *fds = NULL;
	GError *error = NULL;
	GVariant *v = g_dbus_connection_call_with_unix_fd_list_finish(
	    G_DBUS_CONNECTION(bus), &fds, res, &error);
	gint32 i;

	/* Refused: we hear of it all the same, and are quick. */
	if (v && fds) {
		g_variant_get(v, "(h)", &i);
		lock_drop(a->l, a->k);
		a->l->fd[a->k] = g_unix_fd_list_get(fds, i, NULL);
		/* It was asked for before that began. */
		if (a->l->is_near[a->k])
			lock_drop(a->l, a->k);
	} else if (!g_error_matches(error, G_IO_ERROR,
	    G_IO_ERROR_CANCELLED)) {
		g_printerr("coffre-desktop: no lock for %s: %s\n",
		    kinds[a->k].what, error ? error->message : "no file");
	}
	g_clear_error(&error);
	g_clear_object(&fds);
	if (v)
		g_variant_unref(v);
	g_free(a);
}

static void
lock_take(struct login *l, int k)
{
	struct asked *a = g_new0(struct asked, 1);

	a->l = l;
	a->k = k;
	g_dbus_connection_call_with_unix_fd_list(l->bus, NAME, PATH, MANAGER,
	    "Inhibit", g_variant_new("(ssss)", kinds[k].what, "Coffre",
	    gettext(kinds[k].why), "delay"), G_VARIANT_TYPE("(h)"),
	    G_DBUS_CALL_FLAGS_NONE, CALL_MS, NULL, l->end, on_lock, a);
}

static void
on_signal(GDBusConnection *bus, const char *sender, const char *path,
    const char *interface, const char *signal, GVariant *args, gpointer arg)
{
	struct login *l = arg;
	gboolean is_near;
	int k;

	(void)bus;
	(void)sender;
	(void)path;
	(void)interface;
	if (!g_variant_is_of_type(args, G_VARIANT_TYPE("(b)")))
		return;
	g_variant_get(args, "(b)", &is_near);
	for (k = 0; k < LOCKS; k++) {
		if (strcmp(signal, kinds[k].signal) != 0 ||
		    is_near == l->is_near[k])
			continue;
		l->is_near[k] = is_near;
		l->say(is_near ? kinds[k].on : kinds[k].off);
		if (!is_near)
			lock_take(l, k);
	}
}

static void
on_appeared(GDBusConnection *bus, const char *name, const char *owner,
    gpointer arg)
{
	struct login *l = arg;
	int k;

	(void)name;
	l->bus = g_object_ref(bus);
	l->end = g_cancellable_new();
	/* Of that owner alone: others may send what they like. */
	l->signals = g_dbus_connection_signal_subscribe(bus, owner, MANAGER,
	    NULL, PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, l, NULL);
	for (k = 0; k < LOCKS; k++)
		lock_take(l, k);
}

static void
on_vanished(GDBusConnection *bus, const char *name, gpointer arg)
{
	struct login *l = arg;
	int k;

	(void)bus;
	(void)name;
	if (!l->bus)
		return;
	g_cancellable_cancel(l->end);
	g_clear_object(&l->end);
	g_dbus_connection_signal_unsubscribe(l->bus, l->signals);
	g_clear_object(&l->bus);
	for (k = 0; k < LOCKS; k++) {
		lock_drop(l, k);
		/* Nobody would say when it is over. */
		if (l->is_near[k])
			l->say(kinds[k].off);
		l->is_near[k] = FALSE;
	}
}

struct login *
login_new(GDBusConnection *bus, void (*say)(const char *word))
{
	struct login *l = g_new0(struct login, 1);

	l->say = say;
	l->fd[SLEEP] = l->fd[SHUTDOWN] = -1;
	l->watch = g_bus_watch_name_on_connection(bus, NAME,
	    G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, on_vanished, l, NULL);
	return l;
}

void
login_ready(struct login *l, const char *what)
{
	int k;

	for (k = 0; k < LOCKS; k++)
		if (strcmp(what, kinds[k].what) == 0 && l->is_near[k])
			lock_drop(l, k);
}
