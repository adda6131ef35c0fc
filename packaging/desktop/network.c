/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "packaging/desktop/network.h"

#define NAME "org.freedesktop.NetworkManager"
#define PATH "/org/freedesktop/NetworkManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define CALL_MS (10 * 1000)

enum { METERED_YES = 1, METERED_GUESS_YES = 3 };

struct network {
	void (*say)(const char *word);
	GDBusConnection *bus;	/* NULL: there is none */
	GCancellable *end;	/* of the call on this bus */
	guint signals;
	gboolean is_metered;
};

static void
set(struct network *n, GVariant *v)
{
	gboolean is = FALSE;

	if (v && g_variant_is_of_type(v, G_VARIANT_TYPE_UINT32))
		is = g_variant_get_uint32(v) == METERED_YES ||
		    g_variant_get_uint32(v) == METERED_GUESS_YES;
	if (is == n->is_metered)
		return;
	n->is_metered = is;
	n->say(is ? "metered" : "unmetered");
}

static void
on_signal(GDBusConnection *bus, const char *sender, const char *path,
    const char *interface, const char *signal, GVariant *args, gpointer arg)
{
	GVariant *changed, *v;

	(void)bus;
	(void)sender;
	(void)path;
	(void)interface;
	(void)signal;
	if (!g_variant_is_of_type(args, G_VARIANT_TYPE("(sa{sv}as)")))
		return;
	changed = g_variant_get_child_value(args, 1);
	v = g_variant_lookup_value(changed, "Metered", NULL);
	if (v) {
		set(arg, v);
		g_variant_unref(v);
	}
	g_variant_unref(changed);
}

static void
on_first(GObject *bus, GAsyncResult *res, gpointer arg)
{
	GError *error = NULL;
	GVariant *inner, *v = g_dbus_connection_call_finish(
	    G_DBUS_CONNECTION(bus), res, &error);

	if (v) {
		g_variant_get(v, "(v)", &inner);
		set(arg, inner);
		g_variant_unref(inner);
		g_variant_unref(v);
	}
	g_clear_error(&error);
}

static void
on_appeared(GDBusConnection *bus, const char *name, const char *owner,
    gpointer arg)
{
	struct network *n = arg;

	(void)name;
	n->bus = g_object_ref(bus);
	n->end = g_cancellable_new();
	/* First, so that no change is missed. */
	n->signals = g_dbus_connection_signal_subscribe(bus, owner, PROPERTIES,
	    "PropertiesChanged", PATH, NAME, G_DBUS_SIGNAL_FLAGS_NONE,
	    on_signal, n, NULL);
	g_dbus_connection_call(bus, owner, PATH, PROPERTIES, "Get",
	    g_variant_new("(ss)", NAME, "Metered"), G_VARIANT_TYPE("(v)"),
	    G_DBUS_CALL_FLAGS_NO_AUTO_START, CALL_MS, n->end, on_first, n);
}

static void
on_vanished(GDBusConnection *bus, const char *name, gpointer arg)
{
	struct network *n = arg;

	(void)bus;
	(void)name;
	if (!n->bus)
		return;
	g_cancellable_cancel(n->end);
	g_clear_object(&n->end);
	g_dbus_connection_signal_unsubscribe(n->bus, n->signals);
	g_clear_object(&n->bus);
	set(n, NULL);
}

struct network *
network_new(GDBusConnection *bus, void (*say)(const char *word))
{
	struct network *n = g_new0(struct network, 1);

	n->say = say;
	(void)g_bus_watch_name_on_connection(bus, NAME,
	    G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, on_vanished, n, NULL);
	return n;
}
