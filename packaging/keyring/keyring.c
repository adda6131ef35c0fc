/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <libsecret/secret.h>

#include <glib-unix.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "fs/keyring_exit.h"

/*
 * coffre-keyring - keys of drives in the keyring of the desktop (the Secret
 * Service: GNOME's keyring, KWallet, KeePassXC).  Run by coffre, which see in
 * fs/keyring.h; the words are in fs/keyring_exit.h.
 *
 * Some keyrings ask the user as soon as they are searched.  So where nobody is
 * to be asked, nothing is searched before the default collection is seen to be
 * unlocked.
 */

#define SERVICE "org.freedesktop.secrets"
#define PATH "/org/freedesktop/secrets"
#define CALL_MS (10 * 1000)
#define KEY_MAX 128
#define START_AFTER_S 15	/* what the login starts comes before that */
/* One that the login itself unlocks (by PAM, past the bus) tells nobody: it is
 * looked at every second, later now and then. */
#define LOOK_EVERY_S 1
#define LOOK_LATE_S 10
#define LOOKS_EARLY 60
#define SETTLE_MS 100		/* signals come in swarms */

static const SecretSchema schema = { "org.coffre.Drive", SECRET_SCHEMA_NONE, {
	{ "drive", SECRET_SCHEMA_ATTRIBUTE_STRING },
	{ "slot", SECRET_SCHEMA_ATTRIBUTE_STRING },
	{ NULL, SECRET_SCHEMA_ATTRIBUTE_STRING },
}, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL };

static int
fail(GError *error)
{
	bool is_none = g_error_matches(error, G_DBUS_ERROR,
	    G_DBUS_ERROR_SERVICE_UNKNOWN) || g_error_matches(error,
	    G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER);

	if (!is_none)
		(void)fprintf(stderr, "coffre-keyring: %s\n", error ?
		    error->message : "failed");
	g_clear_error(&error);
	return is_none ? KEYRING_NONE : KEYRING_FAILED;
}

/* Is there one?  GLib would start another where there is none, which nobody
 * else is on. */
static bool
bus_is_there(void)
{
	const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
	char *path;
	bool is_there;

	if (address && *address)
		return true;
	path = g_build_filename(g_get_user_runtime_dir(), "bus", NULL);
	is_there = g_file_test(path, G_FILE_TEST_EXISTS);
	g_free(path);
	return is_there;
}

/* The bus; it must not end this process before that has said anything. */
static GDBusConnection *
bus_open(void)
{
	GDBusConnection *bus;

	if (!bus_is_there())
		return NULL;
	bus = g_bus_get_sync(G_BUS_TYPE_SESSION, NULL, NULL);
	if (bus)
		g_dbus_connection_set_exit_on_close(bus, FALSE);
	return bus;
}

static GVariant *
call(GDBusConnection *bus, const char *to, const char *path,
    const char *interface, const char *method, GVariant *args,
    GDBusCallFlags flags)
{
	return g_dbus_connection_call_sync(bus, to, path, interface, method,
	    args, NULL, flags, CALL_MS, NULL, NULL);
}

static bool
has_owner(GDBusConnection *bus)
{
	gboolean is_there = FALSE;
	GVariant *v = call(bus, "org.freedesktop.DBus",
	    "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
	    g_variant_new("(s)", SERVICE), G_DBUS_CALL_FLAGS_NONE);

	if (v) {
		g_variant_get(v, "(b)", &is_there);
		g_variant_unref(v);
	}
	return is_there;
}

/* Have the bus start one, if it knows how to. */
static bool
service_start(GDBusConnection *bus)
{
	GVariant *v = call(bus, "org.freedesktop.DBus",
	    "/org/freedesktop/DBus", "org.freedesktop.DBus",
	    "StartServiceByName", g_variant_new("(su)", SERVICE, 0),
	    G_DBUS_CALL_FLAGS_NONE);

	if (!v)
		return has_owner(bus);
	g_variant_unref(v);
	return true;
}

/* The default collection's path; NULL: there is none.  g_free it. */
static char *
collection_default(GDBusConnection *bus)
{
	char *path = NULL;
	GVariant *v = call(bus, SERVICE, PATH,
	    "org.freedesktop.Secret.Service", "ReadAlias",
	    g_variant_new("(s)", "default"), G_DBUS_CALL_FLAGS_NO_AUTO_START);

	if (!v)
		return NULL;
	if (g_variant_is_of_type(v, G_VARIANT_TYPE("(o)")))
		g_variant_get(v, "(o)", &path);
	g_variant_unref(v);
	if (path && strcmp(path, "/") == 0) {
		g_free(path);
		path = NULL;
	}
	return path;
}

/* Would looking there have the user asked? */
static bool
is_locked(GDBusConnection *bus)
{
	char *path = collection_default(bus);
	GVariant *v = NULL, *value;
	bool is_locked = true;

	if (path)
		v = call(bus, SERVICE, path, "org.freedesktop.DBus.Properties",
		    "Get", g_variant_new("(ss)",
		    "org.freedesktop.Secret.Collection", "Locked"),
		    G_DBUS_CALL_FLAGS_NO_AUTO_START);
	if (v && g_variant_is_of_type(v, G_VARIANT_TYPE("(v)"))) {
		g_variant_get(v, "(v)", &value);
		is_locked = !g_variant_is_of_type(value,
		    G_VARIANT_TYPE_BOOLEAN) || g_variant_get_boolean(value);
		g_variant_unref(value);
	}
	if (v)
		g_variant_unref(v);
	g_free(path);
	return is_locked;
}

/* Have the user asked to unlock one thing. */
static bool
unlock(SecretService *service, GDBusProxy *what)
{
	GList *all = g_list_append(NULL, what), *done = NULL;
	int n = secret_service_unlock_sync(service, all, NULL, &done, NULL);

	g_list_free(all);
	g_list_free_full(done, g_object_unref);
	return n > 0;
}

static bool
default_unlock(SecretService *service)
{
	SecretCollection *c = secret_collection_for_alias_sync(service,
	    SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, NULL);
	bool is_done;

	if (!c)
		return false;
	is_done = unlock(service, G_DBUS_PROXY(c));
	g_object_unref(c);
	return is_done;
}

/* ---- one key ------------------------------------------------------------ */

static int
key_print(SecretItem *item)
{
	SecretValue *value;
	GError *error = NULL;
	const char *text;
	gsize len;
	int r = 0;

	if (!secret_item_load_secret_sync(item, NULL, &error))
		return fail(error);
	value = secret_item_get_secret(item);
	if (!value)
		return KEYRING_NO_KEY;
	text = secret_value_get(value, &len);
	if (len == 0 || len > KEY_MAX || memchr(text, '\n', len))
		r = KEYRING_NO_KEY;	/* not of our making */
	else if (fwrite(text, 1, len, stdout) != len ||
	    fputc('\n', stdout) == EOF || fflush(stdout) != 0)
		r = KEYRING_FAILED;
	secret_value_unref(value);
	return r;
}

/* Print the key; with may_ask the user is asked at most once. */
static int
get(GDBusConnection *bus, const char *id, bool may_ask)
{
	SecretService *service;
	GError *error = NULL;
	GHashTable *want;
	SecretItem *item;
	GList *found;
	int r;

	if (!may_ask && is_locked(bus))
		return KEYRING_LOCKED;
	service = secret_service_get_sync(SECRET_SERVICE_OPEN_SESSION, NULL,
	    &error);
	if (!service)
		return fail(error);
	if (may_ask && is_locked(bus)) {
		may_ask = false;
		if (!default_unlock(service)) {
			g_object_unref(service);
			return KEYRING_LOCKED;
		}
	}
	want = secret_attributes_build(&schema, "slot", id, NULL);
	found = secret_service_search_sync(service, &schema, want,
	    SECRET_SEARCH_NONE, NULL, &error);
	g_hash_table_unref(want);
	item = found ? found->data : NULL;
	if (error)
		r = fail(error);
	else if (!item)
		r = KEYRING_NO_KEY;
	else if (secret_item_get_locked(item) && (!may_ask ||
	    !unlock(service, G_DBUS_PROXY(item))))
		r = KEYRING_LOCKED;
	else
		r = key_print(item);
	g_list_free_full(found, g_object_unref);
	g_object_unref(service);
	return r;
}

static int
store(const char *name, const char *id)
{
	char key[KEY_MAX + 2], *label;
	GError *error = NULL;
	gboolean is_done;

	if (!fgets(key, sizeof(key), stdin))
		return KEYRING_FAILED;
	key[strcspn(key, "\n")] = '\0';
	label = g_strdup_printf("Coffre: %s", name);
	is_done = secret_password_store_sync(&schema,
	    SECRET_COLLECTION_DEFAULT, label, key, NULL, &error, "drive",
	    name, "slot", id, NULL);
	explicit_bzero(key, sizeof(key));
	g_free(label);
	if (is_done)
		return 0;
	/* Whoever closes the window wants no more of it. */
	if (!error || g_error_matches(error, SECRET_ERROR,
	    SECRET_ERROR_IS_LOCKED) || g_error_matches(error, G_IO_ERROR,
	    G_IO_ERROR_CANCELLED)) {
		g_clear_error(&error);
		return KEYRING_LOCKED;
	}
	return fail(error);
}

static int
clear(GDBusConnection *bus, const char *id)
{
	GError *error = NULL;
	bool was_locked = is_locked(bus);

	if (secret_password_clear_sync(&schema, NULL, &error, "slot", id,
	    NULL))
		return 0;
	if (error)
		return fail(error);
	return was_locked ? KEYRING_LOCKED : KEYRING_NO_KEY;
}

/* ---- until it comes ----------------------------------------------------- */

struct wait {
	GDBusConnection *bus;
	GMainLoop *loop;
	const char *id;
	bool is_planned;	/* a look, in a moment */
	unsigned looks;		/* by the timer */
	int result;
};

static void
look(struct wait *w)
{
	int r;

	/* What asks for nothing starts nothing either. */
	if (!has_owner(w->bus))
		return;
	r = get(w->bus, w->id, false);
	if (r == KEYRING_LOCKED || r == KEYRING_NO_KEY || r == KEYRING_NONE)
		return;
	w->result = r;
	g_main_loop_quit(w->loop);
}

static gboolean
on_moment(gpointer arg)
{
	struct wait *w = arg;

	w->is_planned = false;
	look(w);
	return G_SOURCE_REMOVE;
}

static void
plan(struct wait *w)
{
	if (!w->is_planned)
		(void)g_timeout_add(SETTLE_MS, on_moment, w);
	w->is_planned = true;
}

static void
on_signal(GDBusConnection *bus, const char *sender, const char *path,
    const char *interface, const char *name, GVariant *args, gpointer arg)
{
	(void)bus;
	(void)sender;
	(void)path;
	(void)interface;
	(void)name;
	(void)args;
	((struct wait *)arg)->looks = 0;
	plan(arg);
}

static gboolean
on_timer(gpointer arg)
{
	struct wait *w = arg;

	plan(w);
	(void)g_timeout_add_seconds(w->looks++ < LOOKS_EARLY ? LOOK_EVERY_S :
	    LOOK_LATE_S, on_timer, w);
	return G_SOURCE_REMOVE;
}

/* Nobody else has started it by now: where that is left to the bus, a keyring
 * that comes up locked can be unlocked by the first who asks. */
static gboolean
on_late(gpointer arg)
{
	struct wait *w = arg;

	if (!has_owner(w->bus))
		(void)service_start(w->bus);
	return G_SOURCE_REMOVE;
}

static void
end(struct wait *w, int result)
{
	w->result = result;
	g_main_loop_quit(w->loop);
}

static void
on_closed(GDBusConnection *bus, gboolean is_remote, GError *error,
    gpointer arg)
{
	(void)bus;
	(void)is_remote;
	(void)error;
	end(arg, KEYRING_NONE);
}

/* Whoever waits for us has gone. */
static gboolean
on_input(gint fd, GIOCondition what, gpointer arg)
{
	(void)fd;
	(void)what;
	end(arg, KEYRING_FAILED);
	return G_SOURCE_REMOVE;
}

static int
wait_for(GDBusConnection *bus, const char *id)
{
	struct wait w = { bus, NULL, id, false, 0, KEYRING_FAILED };

	w.loop = g_main_loop_new(NULL, FALSE);
	(void)g_signal_connect(bus, "closed", G_CALLBACK(on_closed), &w);
	/* Everything that the keyring tells, and that it comes. */
	(void)g_dbus_connection_signal_subscribe(bus, SERVICE, NULL, NULL,
	    NULL, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal, &w, NULL);
	(void)g_dbus_connection_signal_subscribe(bus, "org.freedesktop.DBus",
	    "org.freedesktop.DBus", "NameOwnerChanged", NULL, SERVICE,
	    G_DBUS_SIGNAL_FLAGS_NONE, on_signal, &w, NULL);
	(void)g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR,
	    on_input, &w);
	(void)g_timeout_add_seconds(START_AFTER_S, on_late, &w);
	(void)g_timeout_add_seconds(LOOK_EVERY_S, on_timer, &w);
	plan(&w);
	g_main_loop_run(w.loop);
	g_main_loop_unref(w.loop);
	return w.result;
}

static int
do_verb(GDBusConnection *bus, int argc, char **argv)
{
	const char *verb = argv[1];

	if (argc == 3 && strcmp(verb, "wait") == 0)
		return wait_for(bus, argv[2]);
	if (!has_owner(bus) && !service_start(bus))
		return KEYRING_NONE;
	if (argc == 2 && strcmp(verb, "look") == 0)
		return 0;
	if (argc == 4 && strcmp(verb, "store") == 0)
		return store(argv[2], argv[3]);
	if (argc == 3 && strcmp(verb, "get") == 0)
		return get(bus, argv[2], true);
	if (argc == 3 && strcmp(verb, "peek") == 0)
		return get(bus, argv[2], false);
	if (argc == 3 && strcmp(verb, "clear") == 0)
		return clear(bus, argv[2]);
	(void)fprintf(stderr, "coffre-keyring: it is run by coffre(1)\n");
	return KEYRING_USAGE;
}

int
main(int argc, char **argv)
{
	static const struct rlimit none = { 0, 0 };
	GDBusConnection *bus;

	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)setvbuf(stdin, NULL, _IONBF, 0);
	if (argc < 2) {
		(void)fprintf(stderr, "coffre-keyring: it is run by "
		    "coffre(1)\n");
		return KEYRING_USAGE;
	}
	bus = bus_open();
	if (!bus)
		return KEYRING_NONE;
	return do_verb(bus, argc, argv);
}
