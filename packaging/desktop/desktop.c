/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gio/gio.h>
#include <glib-unix.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/desktop_words.h"
#include "packaging/desktop/notify.h"

/*
 * coffre-desktop - stands between a mount and the buses of the desktop.  Run
 * by coffre, which see in fs/desktop.h; the words are in fs/desktop_words.h.
 * It knows no file and no key.
 */

#define LINE_MAX_BYTES 4096
#define LAST_MS 1500	/* for what is on its way when the mount has ended */

struct desktop {
	GMainLoop *loop;
	GDBusConnection *session;	/* NULL: none */
	struct notify *notify;
	GString *in;			/* read, and no line yet */
	bool is_ending;
};

static void
do_line(struct desktop *d, char *line)
{
	char **f = g_strsplit(line, "\t", 6);
	guint n = g_strv_length(f);

	if (n == 5 && strcmp(f[0], "notify") == 0)
		notify_show(d->notify, f[1], atoi(f[2]), f[3], f[4]);
	else if (n == 2 && strcmp(f[0], "gone") == 0)
		notify_gone(d->notify, f[1]);
	else
		g_printerr("coffre-desktop: unknown words\n");
	g_strfreev(f);
}

static gboolean
on_late(gpointer arg)
{
	struct desktop *d = arg;

	g_main_loop_quit(d->loop);
	return G_SOURCE_REMOVE;
}

/* Nothing is on its way any more. */
static void
on_idle(void *arg)
{
	struct desktop *d = arg;

	if (d->is_ending)
		g_main_loop_quit(d->loop);
}

static void
input_end(struct desktop *d)
{
	d->is_ending = true;
	if (!notify_is_busy(d->notify))
		g_main_loop_quit(d->loop);
	else
		g_timeout_add(LAST_MS, on_late, d);
}

static gboolean
on_input(gint fd, GIOCondition why, gpointer arg)
{
	struct desktop *d = arg;
	char buf[1024], *end;
	ssize_t n;

	(void)why;
	n = read(fd, buf, sizeof(buf));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return G_SOURCE_CONTINUE;
	if (n <= 0 || d->in->len > LINE_MAX_BYTES) {
		input_end(d);
		return G_SOURCE_REMOVE;
	}
	g_string_append_len(d->in, buf, n);
	while ((end = memchr(d->in->str, '\n', d->in->len))) {
		*end = '\0';
		do_line(d, d->in->str);
		g_string_erase(d->in, 0, end - d->in->str + 1);
	}
	return G_SOURCE_CONTINUE;
}

/* The session's bus, if it is there: GLib would start another one, which
 * nobody else is on. */
static GDBusConnection *
session_open(void)
{
	const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
	GDBusConnection *bus;
	char *own = NULL;

	if (!address || !*address || strncmp(address, "autolaunch:",
	    strlen("autolaunch:")) == 0) {
		char *path = g_build_filename(g_get_user_runtime_dir(), "bus",
		    NULL);

		own = g_strdup_printf("unix:path=%s", path);
		if (!g_file_test(path, G_FILE_TEST_EXISTS))
			g_clear_pointer(&own, g_free);
		g_free(path);
		address = own;
	}
	bus = !address ? NULL : g_dbus_connection_new_for_address_sync(address,
	    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
	    G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL, NULL, NULL);
	g_free(own);
	return bus;
}

static void
on_closed(GDBusConnection *bus, gboolean by_peer, GError *error, gpointer arg)
{
	struct desktop *d = arg;

	(void)bus;
	(void)by_peer;
	(void)error;
	/* Started again by the mount when there is something to say. */
	g_main_loop_quit(d->loop);
}

int
main(void)
{
	struct desktop d = { .is_ending = false };

	d.session = session_open();
	if (!d.session)
		return DESKTOP_NONE;
	d.loop = g_main_loop_new(NULL, FALSE);
	d.in = g_string_new(NULL);
	d.notify = notify_new(d.session, on_idle, &d);
	g_signal_connect(d.session, "closed", G_CALLBACK(on_closed), &d);
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input,
	    &d);
	g_main_loop_run(d.loop);
	notify_free(d.notify);
	(void)g_dbus_connection_flush_sync(d.session, NULL, NULL);
	g_object_unref(d.session);
	g_string_free(d.in, TRUE);
	g_main_loop_unref(d.loop);
	return 0;
}
