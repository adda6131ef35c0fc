/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <glib-unix.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * double notify|plain	stands in for a notification daemon on the session's
 *			bus, with or without markup
 * double slow		like plain, but takes a second to show something
 * double login		for logind on the system's bus
 * double network	for NetworkManager, likewise; the line is metered (1)
 *
 * What it is called with is printed, a line each.  Lines that it reads make
 * logind's signals ("sleep 1", "sleep 0", "shutdown 1", "shutdown 0") or change
 * what is said of the line ("metered 2").
 */

static const char notify_xml[] =
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

static const char login_xml[] =
    "<node>"
    "<interface name='org.freedesktop.login1.Manager'>"
    "<method name='Inhibit'><arg type='s' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='s' direction='in'/>"
    "<arg type='s' direction='in'/><arg type='h' direction='out'/></method>"
    "<signal name='PrepareForSleep'><arg type='b'/></signal>"
    "<signal name='PrepareForShutdown'><arg type='b'/></signal>"
    "</interface>"
    "</node>";

static const char network_xml[] =
    "<node>"
    "<interface name='org.freedesktop.NetworkManager'>"
    "<property name='Metered' type='u' access='read'/>"
    "</interface>"
    "</node>";

static const struct role {
	const char *word, *xml, *name, *path;
	GBusType bus;
} roles[] = {
	{ "notify", notify_xml, "org.freedesktop.Notifications",
	    "/org/freedesktop/Notifications", G_BUS_TYPE_SESSION },
	{ "plain", notify_xml, "org.freedesktop.Notifications",
	    "/org/freedesktop/Notifications", G_BUS_TYPE_SESSION },
	{ "slow", notify_xml, "org.freedesktop.Notifications",
	    "/org/freedesktop/Notifications", G_BUS_TYPE_SESSION },
	{ "login", login_xml, "org.freedesktop.login1",
	    "/org/freedesktop/login1", G_BUS_TYPE_SYSTEM },
	{ "network", network_xml, "org.freedesktop.NetworkManager",
	    "/org/freedesktop/NetworkManager", G_BUS_TYPE_SYSTEM },
};

static const struct role *role;
static GDBusConnection *bus_on;
static GMainLoop *loop;
static guint32 last_id;
static guint32 metered = 1;

struct answer {
	GDBusMethodInvocation *call;
	guint32 id;
};

static gboolean
on_answer(gpointer arg)
{
	struct answer *a = arg;

	g_dbus_method_invocation_return_value(a->call, g_variant_new("(u)",
	    a->id));
	g_free(a);
	return G_SOURCE_REMOVE;
}

static void
notify(GVariant *args, GDBusMethodInvocation *call)
{
	const char *app, *icon, *summary, *body;
	GVariant *hints, *urgency;
	struct answer *a = g_new(struct answer, 1);
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
	a->call = call;
	a->id = id;
	g_timeout_add(strcmp(role->word, "slow") == 0 ? 1000 : 0, on_answer,
	    a);
}

/* A lock is over when the other end of its pipe is closed. */
static gboolean
on_released(gint fd, GIOCondition why, gpointer what)
{
	(void)why;
	(void)printf("released %s\n", (const char *)what);
	(void)fflush(stdout);
	(void)close(fd);
	g_free(what);
	return G_SOURCE_REMOVE;
}

static void
inhibit(GVariant *args, GDBusMethodInvocation *call)
{
	const char *what, *who, *why, *mode;
	GUnixFDList *fds;
	int fd[2];

	g_variant_get(args, "(&s&s&s&s)", &what, &who, &why, &mode);
	if (strchr(what, ':')) {
		g_dbus_method_invocation_return_dbus_error(call,
		    "org.freedesktop.DBus.Error.AccessDenied", "one by one");
		return;
	}
	if (pipe2(fd, O_CLOEXEC) < 0)
		abort();
	(void)printf("inhibit %s %s %s\n", what, who, mode);
	g_unix_fd_add(fd[0], G_IO_HUP, on_released, g_strdup(what));
	fds = g_unix_fd_list_new_from_array(&fd[1], 1);
	g_dbus_method_invocation_return_value_with_unix_fd_list(call,
	    g_variant_new("(h)", 0), fds);
	g_object_unref(fds);
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
	if (strcmp(method, "Inhibit") == 0) {
		inhibit(args, call);
	} else if (strcmp(method, "GetCapabilities") == 0) {
		g_dbus_method_invocation_return_value(call, g_variant_new(
		    "(^as)", strcmp(role->word, "notify") == 0 ? rich : plain));
	} else if (strcmp(method, "Notify") == 0) {
		notify(args, call);
	} else {
		g_variant_get(args, "(u)", &id);
		(void)printf("close id=%u\n", id);
		g_dbus_method_invocation_return_value(call, NULL);
	}
	(void)fflush(stdout);
}

static GVariant *
on_get(GDBusConnection *bus, const char *sender, const char *path,
    const char *interface, const char *name, GError **error, gpointer arg)
{
	(void)bus;
	(void)sender;
	(void)path;
	(void)interface;
	(void)name;
	(void)error;
	(void)arg;
	return g_variant_new_uint32(metered);
}

static void
metered_set(guint32 to)
{
	GVariantBuilder b;

	metered = to;
	g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
	g_variant_builder_add(&b, "{sv}", "Metered",
	    g_variant_new_uint32(metered));
	g_dbus_connection_emit_signal(bus_on, NULL, role->path,
	    "org.freedesktop.DBus.Properties", "PropertiesChanged",
	    g_variant_new("(sa{sv}as)", role->name, &b, NULL), NULL);
}

static gboolean
on_word(GIOChannel *in, GIOCondition why, gpointer arg)
{
	char *line = NULL;

	(void)why;
	(void)arg;
	if (g_io_channel_read_line(in, &line, NULL, NULL, NULL) !=
	    G_IO_STATUS_NORMAL)
		return G_SOURCE_REMOVE;
	if (g_str_has_prefix(line, "metered "))
		metered_set((guint32)strtoul(line + 8, NULL, 10));
	else
		g_dbus_connection_emit_signal(bus_on, NULL, role->path,
		    "org.freedesktop.login1.Manager",
		    g_str_has_prefix(line, "sleep") ? "PrepareForSleep" :
		    "PrepareForShutdown", g_variant_new("(b)",
		    strchr(line, '1') != NULL), NULL);
	g_free(line);
	return G_SOURCE_CONTINUE;
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
	static const GDBusInterfaceVTable table = { on_call, on_get, NULL,
	    { NULL } };
	GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(role->xml, NULL);

	(void)name;
	(void)arg;
	bus_on = bus;
	if (g_dbus_connection_register_object(bus, role->path,
	    node->interfaces[0], &table, NULL, NULL, NULL) == 0)
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
	size_t i;

	for (i = 0; argc == 2 && i < G_N_ELEMENTS(roles); i++)
		if (strcmp(argv[1], roles[i].word) == 0)
			role = &roles[i];
	if (!role)
		return 64;
	loop = g_main_loop_new(NULL, FALSE);
	g_bus_own_name(role->bus, role->name, G_BUS_NAME_OWNER_FLAGS_NONE,
	    on_bus, on_name, on_lost, NULL, NULL);
	g_io_add_watch(g_io_channel_unix_new(STDIN_FILENO), G_IO_IN, on_word,
	    NULL);
	g_main_loop_run(loop);
	return 0;
}
