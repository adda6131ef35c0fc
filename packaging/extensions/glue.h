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

#include "mark.h"

#define WATCHED_MAX 1000
#define AGAIN_SECONDS 3

/* ---- the emblem ---------------------------------------------------------- */

/* Files on the screen whose mark may change: file -> enum mark.  They are
 * not held; one that goes takes itself out. */
static GHashTable *watched;
static guint timer;

static void
on_gone(gpointer arg, GObject *file)
{
	(void)arg;
	(void)g_hash_table_remove(watched, file);
}

static gboolean
on_timer(gpointer arg)
{
	char text[MARK_TEXT_MAX];
	GHashTableIter it;
	gpointer file, was;
	GList *changed = NULL, *l;
	char *uri;

	(void)arg;
	g_hash_table_iter_init(&it, watched);
	while (g_hash_table_iter_next(&it, &file, &was)) {
		uri = fm_(file_info_get_uri)(file);
		if (mark_of_uri(uri, text) != GPOINTER_TO_UINT(was)) {
			changed = g_list_prepend(changed, g_object_ref(file));
			g_object_weak_unref(file, on_gone, NULL);
			g_hash_table_iter_remove(&it);
		}
		g_free(uri);
	}
	/* Each of them is asked for anew, and then watched again if need
	 * be. */
	for (l = changed; l; l = l->next)
		fm_(file_info_invalidate_extension_info)(l->data);
	g_list_free_full(changed, g_object_unref);
	if (g_hash_table_size(watched) > 0)
		return G_SOURCE_CONTINUE;
	timer = 0;
	return G_SOURCE_REMOVE;
}

static void
watch(GObject *file, enum mark m)
{
	gpointer p = GUINT_TO_POINTER((guint)m);

	if (g_hash_table_contains(watched, file)) {
		(void)g_hash_table_replace(watched, file, p);
		return;
	}
	if (g_hash_table_size(watched) >= WATCHED_MAX)
		return;
	g_object_weak_ref(file, on_gone, NULL);
	(void)g_hash_table_insert(watched, file, p);
	if (!timer)
		timer = g_timeout_add_seconds(AGAIN_SECONDS, on_timer, NULL);
}

static FM(OperationResult)
update_file_info(FM(InfoProvider) *p, FM(FileInfo) *file, GClosure *done,
    FM(OperationHandle) **handle)
{
	char text[MARK_TEXT_MAX];
	char *uri = fm_(file_info_get_uri)(file);
	enum mark m = mark_of_uri(uri, text);
	const char *emblem = mark_emblem(m);

	(void)p;
	(void)done;
	(void)handle;
	g_free(uri);
	if (emblem)
		fm_(file_info_add_emblem)(file, emblem);
	if (mark_is_passing(m))
		watch(G_OBJECT(file), m);
	return FM_COMPLETE;
}

/* ---- the menu ------------------------------------------------------------ */

/* "/home/anna/Coffre/plan.odt: queued", a line each; NULL: none of the files
 * has a mark. */
static char *
status_text(GList *files)
{
	GString *s = g_string_new(NULL);
	char text[MARK_TEXT_MAX];
	char *uri, *path;
	GList *l;

	for (l = files; l; l = l->next) {
		uri = fm_(file_info_get_uri)(l->data);
		path = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
		if (path && mark_of_path(path, text) != MARK_NONE)
			g_string_append_printf(s, "%s%s: %s", s->len ? "\n" :
			    "", path, text);
		g_free(path);
		g_free(uri);
	}
	if (s->len > 0)
		return g_string_free(s, FALSE);
	(void)g_string_free(s, TRUE);
	return NULL;
}

static void
on_copy(GObject *item, gpointer files)
{
	char *text = status_text(files);

	(void)item;
	if (text)
		fm_clipboard(text);
	g_free(text);
}

static void
files_free(gpointer files, GClosure *c)
{
	(void)c;
	g_list_free_full(files, g_object_unref);
}

/* Their paths, behind the words of a command; NULL: one of them is on no
 * drive, or is that of a link, which may lead out of it. */
static char **
command_of(GList *files, const char *words)
{
	GPtrArray *v = g_ptr_array_new();
	char **head = g_strsplit(words, " ", -1), **p;
	char *uri, *path;
	gboolean is_good = TRUE;
	GList *l;

	for (p = head; *p; p++)
		g_ptr_array_add(v, *p);
	g_free(head);
	for (l = files; l && is_good; l = l->next) {
		uri = fm_(file_info_get_uri)(l->data);
		path = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
		is_good = path && mark_is_on_drive(path) &&
		    !g_file_test(path, G_FILE_TEST_IS_SYMLINK);
		if (path)
			g_ptr_array_add(v, path);
		g_free(uri);
	}
	g_ptr_array_add(v, NULL);
	if (is_good)
		return (char **)g_ptr_array_free(v, FALSE);
	g_strfreev((char **)g_ptr_array_free(v, FALSE));
	return NULL;
}

/* Nobody waits for it; what it cannot do it says in the session's log. */
static void
on_command(GObject *item, gpointer files)
{
	const char *words = g_object_get_data(item, "coffre");
	char **argv = command_of(files, words);

	if (argv)
		(void)g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
		    G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL, NULL, NULL);
	g_strfreev(argv);
}

static GList *
item_add(GList *items, FM(MenuItem) *item, GList *files, void (*fn)(GObject *,
    gpointer))
{
	g_signal_connect_data(item, "activate", G_CALLBACK(fn),
	    g_list_copy_deep(files, (GCopyFunc)(void (*)(void))g_object_ref,
	    NULL), files_free, 0);
	return g_list_append(items, item);
}

/* words: a literal. */
static GList *
command_add(GList *items, GList *files, const char *name, const char *label,
    const char *tip, char *words)
{
	FM(MenuItem) *item = fm_(menu_item_new)(name, label, tip, NULL);

	g_object_set_data(G_OBJECT(item), "coffre", words);
	return item_add(items, item, files, on_command);
}

/* What is kept already is offered to be so no longer. */
static GList *
commands(GList *items, GList *files)
{
	static char pin[] = "coffre pin --", unpin[] = "coffre unpin --";
	static char let_go[] = "coffre cache free --";
	gboolean any = FALSE, all = TRUE;
	char text[MARK_TEXT_MAX];
	char **argv = command_of(files, "");
	char **p;

	if (!argv)
		return items;
	for (p = argv; *p; p++) {
		mark_text(*p, text);
		any = any || mark_has_pin(text);
		all = all && mark_is_kept(text);
	}
	g_strfreev(argv);
	if (!all)
		items = command_add(items, files, "Coffre::keep",
		    _("Keep on This Computer"), _("Fetch it, and keep it here "
		    "for when there is no network"), pin);
	/* What is kept with its folder cannot be let alone. */
	if (any)
		items = command_add(items, files, "Coffre::keep_not",
		    _("Do Not Keep on This Computer"), _("It makes room when "
		    "that is needed"), unpin);
	if (!all)
		items = command_add(items, files, "Coffre::free",
		    _("Free Up Space"), _("Let go of what is on the store; it "
		    "is fetched again when it is opened"), let_go);
	return items;
}

static GList *
get_file_items(FM(MenuProvider) *p, FM_WINDOW GList *files)
{
	FM(MenuItem) *item;
	GList *items = commands(NULL, files);
	char *text = status_text(files);

	(void)p;
	FM_UNUSED
	if (!text)
		return items;
	g_free(text);
	item = fm_(menu_item_new)("Coffre::copy_status", _("Copy Status"),
	    _("Put on the clipboard whether these files are on the store"),
	    NULL);
	return item_add(items, item, files, on_copy);
}

/* ---- the module ---------------------------------------------------------- */

typedef GObject CoffreProvider;
typedef GObjectClass CoffreProviderClass;

static void
info_init(FM_IFACE(InfoProvider) *i)
{
	i->update_file_info = update_file_info;
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
	watched = g_hash_table_new(NULL, NULL);
	coffre_provider_register_type(module);
}

void
fm_(module_shutdown)(void)
{
	GHashTableIter it;
	gpointer file;

	if (timer)
		(void)g_source_remove(timer);
	timer = 0;
	g_hash_table_iter_init(&it, watched);
	while (g_hash_table_iter_next(&it, &file, NULL))
		g_object_weak_unref(file, on_gone, NULL);
	g_hash_table_destroy(watched);
	watched = NULL;
}

void
fm_(module_list_types)(const GType **types, int *n)
{
	static GType list[1];

	list[0] = coffre_provider_get_type();
	*types = list;
	*n = 1;
}
