/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gio/gio.h>
#include <glib-unix.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * double notify|plain - stands in for a notification daemon on the session
 * bus, with or without markup.  What it is called with is printed, a line each.
 */

static const char xml[] =
    "<node>"
    "<interface name='org.freedesktop.Notifications'>"
    "<method name='GetCapabilities'><arg type='as' direction='out'/></method>"
    "<method name='Notify'><arg type='s' direction='in'/>"
    "<arg type='u' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='as' direction='in'/><arg type='a{sv}' direction='in'/>"
    "<arg type='i' direction='in'/><arg type='u' direction='out'/></method>"
    "<method name='CloseNotification'><arg type='u' direction='in'/></method>"
    "</interface>"
    "</node>";

static const char *role;
static GMainLoop *loop;
static guint32 last_id;

static void
notify(GVariant *args, GDBusMethodInvocation *call)
{
	const char *app, *icon, *summary, *body;
	GVariant *hints, *urgency;
	guint32 replaces, id;

	g_variant_get(args, "(&su&s&s&s@as@a{sv}i)", &app, &replaces, &icon,
	    &summary, &body, NULL, &hints, NULL);
	urgency = g_variant_lookup_value(hints, "urgency",
	    G_VARIANT_TYPE_BYTE);
	id = replaces ? replaces : ++last_id;
	(void)printf("notify id=%u replaces=%u urgency=%d summary=%s "
	    "body=%s\n", id, replaces, urgency ?
	    g_variant_get_byte(urgency) : -1, summary, body);
	if (urgency)
		g_variant_unref(urgency);
	g_variant_unref(hints);
	g_dbus_method_invocation_return_value(call, g_variant_new("(u)", id));
}

static void
on_call(GDBusConnection *bus, const char *sender, const char *path,
    const char *interface, const char *method, GVariant *args,
    GDBusMethodInvocation *call, gpointer arg)
{
	static const char *const rich[] = { "body", "body-markup", NULL };
	static const char *const plain[] = { "body", NULL };
	guint32 id;

	(void)bus;
	(void)sender;
	(void)path;
	(void)interface;
	(void)arg;
	if (strcmp(method, "GetCapabilities") == 0) {
		g_dbus_method_invocation_return_value(call, g_variant_new(
		    "(^as)", strcmp(role, "plain") == 0 ? plain : rich));
	} else if (strcmp(method, "Notify") == 0) {
		notify(args, call);
	} else {
		g_variant_get(args, "(u)", &id);
		(void)printf("close id=%u\n", id);
		g_dbus_method_invocation_return_value(call, NULL);
	}
	(void)fflush(stdout);
}

static void
on_name(GDBusConnection *bus, const char *name, gpointer arg)
{
	(void)bus;
	(void)arg;
	(void)printf("ready %s\n", name);
	(void)fflush(stdout);
}

static void
on_bus(GDBusConnection *bus, const char *name, gpointer arg)
{
	static const GDBusInterfaceVTable table = { on_call, NULL, NULL,
	    { NULL } };
	GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(xml, NULL);

	(void)name;
	(void)arg;
	if (g_dbus_connection_register_object(bus,
	    "/org/freedesktop/Notifications", node->interfaces[0], &table,
	    NULL, NULL, NULL) == 0)
		g_main_loop_quit(loop);
}

static void
on_lost(GDBusConnection *bus, const char *name, gpointer arg)
{
	(void)bus;
	(void)name;
	(void)arg;
	g_main_loop_quit(loop);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 64;
	role = argv[1];
	loop = g_main_loop_new(NULL, FALSE);
	g_bus_own_name(G_BUS_TYPE_SESSION, "org.freedesktop.Notifications",
	    G_BUS_NAME_OWNER_FLAGS_NONE, on_bus, on_name, on_lost, NULL, NULL);
	g_main_loop_run(loop);
	return 0;
}
