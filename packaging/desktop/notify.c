/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "packaging/desktop/notify.h"

#include <string.h>

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define CALL_MS (10 * 1000)
#define APP_ID "org.coffre.Coffre"

struct notify {
	GDBusConnection *bus;	/* NULL: not yet */
	void (*on_idle)(void *arg);
	void *arg;
	GHashTable *ids;	/* kind: number of what is shown */
	GCancellable *end;
	unsigned under_way;
	GList *showing;		/* of these, those that are to show something */
	GList *waiting;		/* calls for which nobody was there */
};

struct call {
	struct notify *n;
	char *kind, *summary, *body;
	int urgency;
	guint watch;		/* for somebody to show it; 0: none */
	bool is_over;		/* there is no more to show */
};

/* Where the session's bus is, if it is there: GLib would start another one,
 * which nobody else is on.  Caller frees. */
static char *
bus_address(void)
{
	const char *env = g_getenv("DBUS_SESSION_BUS_ADDRESS");
	char *path, *r = NULL;

	if (env && *env && !g_str_has_prefix(env, "autolaunch:"))
		return g_strdup(env);
	path = g_build_filename(g_get_user_runtime_dir(), "bus", NULL);
	if (g_file_test(path, G_FILE_TEST_EXISTS))
		r = g_strdup_printf("unix:path=%s", path);
	g_free(path);
	return r;
}

bool
notify_has_bus(void)
{
	char *s = bus_address();

	g_free(s);
	return s != NULL;
}

static void
call_free(struct call *c)
{
	g_free(c->kind);
	g_free(c->summary);
	g_free(c->body);
	g_free(c);
}

static void
call_done(struct call *c)
{
	struct notify *n = c->n;

	n->showing = g_list_remove(n->showing, c);
	call_free(c);
	if (--n->under_way == 0 && !g_cancellable_is_cancelled(n->end))
		n->on_idle(n->arg);
}

/* ---- for who is not there yet -------------------------------------------- */

static void
wait_end(struct call *c)
{
	g_bus_unwatch_name(c->watch);
	c->watch = 0;
	c->n->waiting = g_list_remove(c->n->waiting, c);
}

/* Of that kind, or (NULL) all of them. */
static void
wait_drop(struct notify *n, const char *kind)
{
	GList *l = n->waiting, *next;

	for (; l; l = next) {
		struct call *c = l->data;

		next = l->next;
		if (kind && strcmp(c->kind, kind) != 0)
			continue;
		wait_end(c);
		call_free(c);
	}
}

struct notify *
notify_new(void (*on_idle)(void *arg), void *arg)
{
	struct notify *n = g_new0(struct notify, 1);

	n->on_idle = on_idle;
	n->arg = arg;
	n->ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	n->end = g_cancellable_new();
	return n;
}

void
notify_free(struct notify *n)
{
	wait_drop(n, NULL);
	/* Answers still to come find their calls cancelled, and n there. */
	g_cancellable_cancel(n->end);
	while (n->under_way > 0)
		g_main_context_iteration(NULL, TRUE);
	g_object_unref(n->end);
	g_hash_table_unref(n->ids);
	if (n->bus)
		(void)g_dbus_connection_flush_sync(n->bus, NULL, NULL);
	g_clear_object(&n->bus);
	g_free(n);
}

bool
notify_is_busy(const struct notify *n)
{
	return n->under_way > 0;
}

bool
notify_is_waiting(const struct notify *n)
{
	return n->waiting != NULL;
}

static void
start(struct notify *n, const char *method, GVariant *args,
    const char *answer, GAsyncReadyCallback then, struct call *c)
{
	g_dbus_connection_call(n->bus, NAME, PATH, NAME, method, args,
	    answer ? G_VARIANT_TYPE(answer) : NULL, G_DBUS_CALL_FLAGS_NONE,
	    CALL_MS, n->end, then, c);
}

static GVariant *
answer_of(GObject *bus, GAsyncResult *res)
{
	/* No daemon, or one that fails: there is nobody to tell. */
	return g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), res,
	    NULL);
}

static void
on_closed(GObject *bus, GAsyncResult *res, gpointer arg)
{
	GVariant *v = answer_of(bus, res);

	if (v)
		g_variant_unref(v);
	call_done(arg);
}

static void
shown_close(struct call *c, guint32 id)
{
	start(c->n, "CloseNotification", g_variant_new("(u)", id), NULL,
	    on_closed, c);
}

static void
on_shown(GObject *bus, GAsyncResult *res, gpointer arg)
{
	GVariant *v = answer_of(bus, res);
	struct call *c = arg;
	guint32 id;

	if (v) {
		g_variant_get(v, "(u)", &id);
		g_variant_unref(v);
		if (c->is_over) {
			shown_close(c, id);
			return;
		}
		g_hash_table_insert(c->n->ids, g_strdup(c->kind),
		    GUINT_TO_POINTER(id));
	}
	call_done(c);
}

/* Whether what it shows may have markup is the daemon's own matter. */
static bool
has_markup(GVariant *v)
{
	const char **caps;
	bool r;

	g_variant_get(v, "(^a&s)", &caps);
	r = g_strv_contains(caps, "body-markup");
	g_free(caps);
	return r;
}

static bool
is_absent(const GError *e)
{
	static const int why[] = { G_DBUS_ERROR_SERVICE_UNKNOWN,
	    G_DBUS_ERROR_NAME_HAS_NO_OWNER, G_DBUS_ERROR_SPAWN_FAILED,
	    G_DBUS_ERROR_SPAWN_EXEC_FAILED, G_DBUS_ERROR_SPAWN_CHILD_EXITED };
	gsize i;

	for (i = 0; i < G_N_ELEMENTS(why); i++) {
		if (g_error_matches(e, G_DBUS_ERROR, why[i]))
			return true;
	}
	return false;
}

static void on_caps(GObject *bus, GAsyncResult *res, gpointer arg);

static void
on_owner(GDBusConnection *bus, const gchar *name, const gchar *owner,
    gpointer arg)
{
	struct call *c = arg;

	(void)bus;
	(void)name;
	(void)owner;
	wait_end(c);
	c->n->under_way++;
	c->n->showing = g_list_prepend(c->n->showing, c);
	start(c->n, "GetCapabilities", NULL, "(as)", on_caps, c);
}

/* Is it to wait? */
static bool
wait_begin(struct call *c, const GError *e)
{
	struct notify *n = c->n;

	if (c->is_over || !is_absent(e) || g_cancellable_is_cancelled(n->end))
		return false;
	wait_drop(n, c->kind);
	n->showing = g_list_remove(n->showing, c);
	n->waiting = g_list_prepend(n->waiting, c);
	c->watch = g_bus_watch_name_on_connection(n->bus, NAME,
	    G_BUS_NAME_WATCHER_FLAGS_NONE, on_owner, NULL, c, NULL);
	if (--n->under_way == 0)
		n->on_idle(n->arg);
	return true;
}

static void
on_caps(GObject *bus, GAsyncResult *res, gpointer arg)
{
	GError *e = NULL;
	GVariant *v = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus),
	    res, &e);
	struct call *c = arg;
	GVariantBuilder actions, hints;
	char *body;
	guint id;

	if (!v) {
		if (!wait_begin(c, e))
			call_done(c);
		g_clear_error(&e);
		return;
	}
	if (c->is_over) {
		g_variant_unref(v);
		call_done(c);
		return;
	}
	body = has_markup(v) ? g_markup_escape_text(c->body, -1) :
	    g_strdup(c->body);
	g_variant_unref(v);
	g_variant_builder_init(&actions, G_VARIANT_TYPE("as"));
	g_variant_builder_init(&hints, G_VARIANT_TYPE("a{sv}"));
	g_variant_builder_add(&hints, "{sv}", "urgency",
	    g_variant_new_byte((guchar)c->urgency));
	g_variant_builder_add(&hints, "{sv}", "desktop-entry",
	    g_variant_new_string(APP_ID));
	id = GPOINTER_TO_UINT(g_hash_table_lookup(c->n->ids, c->kind));
	start(c->n, "Notify", g_variant_new("(susssasa{sv}i)", "Coffre", id,
	    "coffre", c->summary, body, &actions, &hints, -1), "(u)",
	    on_shown, c);
	g_free(body);
}

static void
on_bus(GObject *source, GAsyncResult *res, gpointer arg)
{
	GDBusConnection *bus = g_dbus_connection_new_for_address_finish(res,
	    NULL);
	struct call *c = arg;

	(void)source;
	if (!bus) {
		call_done(c);
		return;
	}
	g_clear_object(&c->n->bus);
	c->n->bus = bus;
	start(c->n, "GetCapabilities", NULL, "(as)", on_caps, c);
}

void
notify_show(struct notify *n, const char *kind, int urgency,
    const char *summary, const char *body)
{
	struct call *c = g_new0(struct call, 1);
	char *address;

	c->n = n;
	c->kind = g_strdup(kind);
	/* What is no UTF-8 must not reach the bus, which would hang up. */
	c->summary = g_utf8_make_valid(summary, -1);
	c->body = g_utf8_make_valid(body, -1);
	c->urgency = CLAMP(urgency, 0, 2);
	n->under_way++;
	n->showing = g_list_prepend(n->showing, c);
	wait_drop(n, kind);
	if (n->bus && g_dbus_connection_is_closed(n->bus)) {
		wait_drop(n, NULL);
		g_clear_object(&n->bus);
		g_hash_table_remove_all(n->ids);
	}
	address = n->bus ? NULL : bus_address();
	if (address)
		g_dbus_connection_new_for_address(address,
		    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
		    G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION, NULL,
		    n->end, on_bus, c);
	else if (n->bus)
		start(n, "GetCapabilities", NULL, "(as)", on_caps, c);
	else
		call_done(c);
	g_free(address);
}

void
notify_gone(struct notify *n, const char *kind)
{
	guint id = GPOINTER_TO_UINT(g_hash_table_lookup(n->ids, kind));
	struct call *c;
	GList *l;

	wait_drop(n, kind);
	for (l = n->showing; l; l = l->next) {
		c = l->data;
		c->is_over = c->is_over || strcmp(c->kind, kind) == 0;
	}
	if (id == 0 || g_dbus_connection_is_closed(n->bus))
		return;
	g_hash_table_remove(n->ids, kind);
	c = g_new0(struct call, 1);
	c->n = n;
	n->under_way++;
	shown_close(c, id);
}
