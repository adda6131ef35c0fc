/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * glue - the extension itself, once for each file manager.  Their interfaces
 * differ in the names and in two places more; whoever includes this has said
 *
 *	FM(X), fm_(x)	NautilusX, nautilus_x
 *	FM_TYPE(X)	NAUTILUS_TYPE_X
 *	FM_IFACE(X)	the struct of the interface X
 *	FM_WINDOW	a menu is asked for with the window before the files:
 *			"GtkWidget *window,"; else nothing
 *	fm_clipboard	puts a text on the clipboard
 */

#include <gio/gio.h>
#include <string.h>

#include "look.h"
#include "mark.h"

#define WATCHED_MAX 100000	/* some MB of memory */
#define LOOKS_MAX 500		/* at once: each is a call of the driver */
#define AGAIN_SECONDS 3

/* ---- what is known of a file --------------------------------------------- */

/* A look at a file, which is held meanwhile. */
struct request {
	struct look look;
	FM(FileInfo) *file;
	FM(InfoProvider) *provider;	/* of an update; else NULL */
	GClosure *closure;		/* NULL: nobody waits, or any longer */
};

#define KNOWN "coffre-seen"

/* As it was last seen; NULL: it was not yet. */
static const struct seen *
known(gpointer file)
{
	return g_object_get_data(G_OBJECT(file), KNOWN);
}

static void
seen_free(gpointer seen)
{
	g_free(((struct seen *)seen)->text);
	g_free(seen);
}

static void
request_done(struct request *r)
{
	struct seen *seen = g_new(struct seen, 1);

	*seen = r->look.seen;
	g_object_set_data_full(G_OBJECT(r->file), KNOWN, seen, seen_free);
	g_clear_object(&r->provider);
	g_clear_pointer(&r->closure, g_closure_unref);
	g_object_unref(r->file);
	g_free(r->look.path);
	g_free(r);
}

static char *
path_of(gpointer file)
{
	char *uri = fm_(file_info_get_uri)(file);
	char *path = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;

	g_free(uri);
	return path;
}

/* NULL: it is on no drive. */
static struct request *
request_new(gpointer file, void (*done)(struct look *l))
{
	char *path = path_of(file);
	struct request *r;

	if (!path || !mark_is_on_drive(path)) {
		g_free(path);
		return NULL;
	}
	r = g_new0(struct request, 1);
	r->look.path = path;
	r->look.done = done;
	r->file = g_object_ref(file);
	return r;
}

/* ---- the emblem ---------------------------------------------------------- */

/* Files on the screen whose mark may change, by file and in a row: a look
 * takes the first ones and puts them at its end.  They are not held; one that
 * goes takes itself out. */
struct watched {
	GObject *file;
	enum mark was;
	GList link;
};
static GHashTable *watched;
static GQueue row = G_QUEUE_INIT;
static guint timer;
static guint looks;		/* of the timer, under way */

static void
on_gone(gpointer arg, GObject *file)
{
	struct watched *w = g_hash_table_lookup(watched, file);

	(void)arg;
	if (!w)
		return;
	g_queue_unlink(&row, &w->link);
	(void)g_hash_table_remove(watched, file);
}

static void
unwatch(struct watched *w)
{
	g_object_weak_unref(w->file, on_gone, NULL);
	on_gone(NULL, w->file);
}

static void
on_looked(struct look *l)
{
	struct request *r = (struct request *)l;
	FM(FileInfo) *file = g_object_ref(r->file);
	struct watched *w = watched ? g_hash_table_lookup(watched, file) : NULL;
	gboolean has_changed = w && l->seen.mark != w->was;

	looks--;
	request_done(r);
	/* It is asked for anew, and then watched again if need be. */
	if (has_changed) {
		unwatch(w);
		fm_(file_info_invalidate_extension_info)(file);
	}
	g_object_unref(file);
}

static gboolean
on_timer(gpointer arg)
{
	/* Not more, while the driver does not answer. */
	guint n = looks > 0 ? 0 : MIN(row.length, LOOKS_MAX);
	struct request *r;
	struct watched *w;

	(void)arg;
	for (; n > 0; n--) {
		w = row.head->data;
		r = request_new(w->file, on_looked);
		g_queue_unlink(&row, &w->link);
		g_queue_push_tail_link(&row, &w->link);
		if (!r)
			continue;
		looks++;
		look_start(&r->look);
	}
	if (row.length > 0)
		return G_SOURCE_CONTINUE;
	timer = 0;
	return G_SOURCE_REMOVE;
}

static void
watch(GObject *file, enum mark m)
{
	struct watched *w = g_hash_table_lookup(watched, file);

	if (w) {
		w->was = m;
		return;
	}
	if (row.length >= WATCHED_MAX)
		return;
	w = g_new0(struct watched, 1);
	w->file = file;
	w->was = m;
	w->link.data = w;
	g_object_weak_ref(file, on_gone, NULL);
	(void)g_hash_table_insert(watched, file, w);
	g_queue_push_tail_link(&row, &w->link);
	if (!timer)
		timer = g_timeout_add_seconds(AGAIN_SECONDS, on_timer, NULL);
}

static void
emblems_add(FM(FileInfo) *file, enum mark m)
{
	const char *emblem = mark_emblem(m);
	char *uri = fm_(file_info_get_uri)(file);

	if (emblem)
		fm_(file_info_add_emblem)(file, emblem);
	if (mark_is_conflict(uri))
		fm_(file_info_add_emblem)(file, MARK_CONFLICT);
	g_free(uri);
	if (mark_is_passing(m))
		watch(G_OBJECT(file), m);
}

static void
on_updated(struct look *l)
{
	struct request *r = (struct request *)l;

	if (watched && r->closure) {
		emblems_add(r->file, l->seen.mark);
		fm_(info_provider_update_complete_invoke)(r->closure,
		    r->provider, (gpointer)r, FM_COMPLETE);
	}
	request_done(r);
}

static FM(OperationResult)
update_file_info(FM(InfoProvider) *p, FM(FileInfo) *file, GClosure *done,
    FM(OperationHandle) **handle)
{
	struct request *r = request_new(file, on_updated);

	if (!r)
		return FM_COMPLETE;
	r->provider = g_object_ref(p);
	r->closure = g_closure_ref(done);
	*handle = (gpointer)r;
	look_start(&r->look);
	return FM_LATER;
}

static void
cancel_update(FM(InfoProvider) *p, FM(OperationHandle) *handle)
{
	struct request *r = (gpointer)handle;

	(void)p;
	g_clear_pointer(&r->closure, g_closure_unref);
}

#include "glue_menu.h"

/* ---- the module ---------------------------------------------------------- */

typedef GObject CoffreProvider;
typedef GObjectClass CoffreProviderClass;

static void
info_init(FM_IFACE(InfoProvider) *i)
{
	i->update_file_info = update_file_info;
	i->cancel_update = cancel_update;
}

static void
menu_init(FM_IFACE(MenuProvider) *i)
{
	i->get_file_items = get_file_items;
}

static GType coffre_provider_get_type(void);
G_DEFINE_DYNAMIC_TYPE_EXTENDED(CoffreProvider, coffre_provider, G_TYPE_OBJECT,
    0,
    G_IMPLEMENT_INTERFACE_DYNAMIC(FM_TYPE(INFO_PROVIDER), info_init)
    G_IMPLEMENT_INTERFACE_DYNAMIC(FM_TYPE(MENU_PROVIDER), menu_init))

static void
coffre_provider_init(CoffreProvider *p)
{
	(void)p;
}

static void
coffre_provider_class_init(CoffreProviderClass *c)
{
	(void)c;
}

static void
coffre_provider_class_finalize(CoffreProviderClass *c)
{
	(void)c;
}

void
fm_(module_initialize)(GTypeModule *module)
{
	watched = g_hash_table_new_full(NULL, NULL, NULL, g_free);
	coffre_provider_register_type(module);
}

void
fm_(module_shutdown)(void)
{
	if (timer)
		(void)g_source_remove(timer);
	timer = 0;
	while (row.head)
		unwatch(row.head->data);
	g_hash_table_destroy(watched);
	watched = NULL;
	if (notices)
		notify_free(notices);
	notices = NULL;
}

void
fm_(module_list_types)(const GType **types, int *n)
{
	static GType list[1];

	list[0] = coffre_provider_get_type();
	*types = list;
	*n = 1;
}
