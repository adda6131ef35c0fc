/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gio/gio.h>
#include <glib-unix.h>

#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/desktop_words.h"
#include "packaging/desktop/login.h"
#include "packaging/desktop/network.h"
#include "packaging/desktop/notify.h"

/*
 * coffre-desktop - stands between a mount and the buses of the desktop.  Run
 * by coffre, which see in fs/desktop.h; the words are in fs/desktop_words.h.
 * It knows no file and no key.
 */

#define LINE_MAX_BYTES 4096
#define LAST_MS 1500	/* for what is on its way when the mount has ended */
/* ... where nobody was there yet to show it.  What starts us at login waits as
 * long: it must not take as long as a service manager gives it. */
#define PATIENT_MS (30 * 1000)

struct desktop {
	GMainLoop *loop;
	GDBusConnection *system;	/* NULL: none, and no login */
	struct login *login;
	struct network *network;
	struct notify *notify;
	GString *in;			/* read, and no line yet */
	bool is_ending, is_patient;
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
	else if (n == 2 && strcmp(f[0], "ready") == 0 && d->login)
		login_ready(d->login, f[1]);
	else if (n == 1 && strcmp(f[0], "patient") == 0)
		d->is_patient = true;
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

/* Is there something to wait for at the end? */
static bool
is_busy(const struct desktop *d)
{
	return notify_is_busy(d->notify) || (d->is_patient &&
	    notify_is_waiting(d->notify));
}

/* Nothing is on its way any more. */
static void
on_idle(void *arg)
{
	struct desktop *d = arg;

	if (d->is_ending && !is_busy(d))
		g_main_loop_quit(d->loop);
}

static void
input_end(struct desktop *d)
{
	d->is_ending = true;
	if (!is_busy(d))
		g_main_loop_quit(d->loop);
	else
		g_timeout_add(d->is_patient ? PATIENT_MS : LAST_MS, on_late,
		    d);
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

static void
on_closed(GDBusConnection *bus, gboolean by_peer, GError *error, gpointer arg)
{
	struct desktop *d = arg;

	(void)bus;
	(void)by_peer;
	(void)error;
	/* The mount starts us again. */
	g_main_loop_quit(d->loop);
}

/* The mount reads what is said, or has gone. */
static void
say(const char *word)
{
	(void)printf("%s\n", word);
	(void)fflush(stdout);
}

int
main(void)
{
	static struct desktop d;

	/* Also what is meant for the mount and sent to all of its group: we
	 * end when it has, and perhaps has something to say before. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)setlocale(LC_MESSAGES, "");
	(void)bindtextdomain("coffre", LOCALEDIR);
	(void)bind_textdomain_codeset("coffre", "UTF-8");
	(void)textdomain("coffre");
	d.system = g_bus_get_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);
	if (!d.system && !notify_has_bus())
		return DESKTOP_NONE;
	d.loop = g_main_loop_new(NULL, FALSE);
	d.in = g_string_new(NULL);
	d.notify = notify_new(on_idle, &d);
	if (d.system) {
		g_dbus_connection_set_exit_on_close(d.system, FALSE);
		g_signal_connect(d.system, "closed", G_CALLBACK(on_closed),
		    &d);
		d.login = login_new(d.system, say);
		d.network = network_new(d.system, say);
	}
	g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input,
	    &d);
	g_main_loop_run(d.loop);
	notify_free(d.notify);
	return 0;
}
