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
#include "packaging/desktop/notify.h"

#define WATCHED_MAX 100000	/* some MB of memory */
#define LOOKS_MAX 500		/* at once: each is a call of the driver */
#define AGAIN_SECONDS 3

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

static gboolean
has_changed(struct watched *w)
{
	char text[MARK_TEXT_MAX];
	char *uri = fm_(file_info_get_uri)((gpointer)w->file);
	gboolean has = mark_of_uri(uri, text) != w->was;

	g_free(uri);
	return has;
}

static gboolean
on_timer(gpointer arg)
{
	guint n = MIN(row.length, LOOKS_MAX);
	GList *changed = NULL, *l;
	struct watched *w;

	(void)arg;
	for (; n > 0; n--) {
		w = row.head->data;
		if (has_changed(w)) {
			changed = g_list_prepend(changed,
			    g_object_ref(w->file));
			unwatch(w);
		} else {
			g_queue_unlink(&row, &w->link);
			g_queue_push_tail_link(&row, &w->link);
		}
	}
	/* Each of them is asked for anew, and then watched again if need
	 * be. */
	for (l = changed; l; l = l->next)
		fm_(file_info_invalidate_extension_info)(l->data);
	g_list_free_full(changed, g_object_unref);
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
	if (emblem)
		fm_(file_info_add_emblem)(file, emblem);
	if (mark_is_conflict(uri))
		fm_(file_info_add_emblem)(file, MARK_CONFLICT);
	g_free(uri);
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
	char *uri, *path, *words;
	GList *l;

	for (l = files; l; l = l->next) {
		uri = fm_(file_info_get_uri)(l->data);
		path = uri ? g_filename_from_uri(uri, NULL, NULL) : NULL;
		if (path && mark_of_path(path, text) != MARK_NONE) {
			words = mark_words(text);
			g_string_append_printf(s, "%s%s: %s", s->len ? "\n" :
			    "", path, words);
			g_free(words);
		}
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

/* What a command could not do.  Made when it is first needed. */
static struct notify *notices;

static void
on_notices_idle(void *arg)
{
	(void)arg;
}

static void
failure_show(const char *what)
{
	if (!notices)
		notices = notify_new(on_notices_idle, NULL);
	notify_show(notices, "command", 1, _("That did not work"), what);
}

/* The last line, without who says it. */
static char *
last_line(const char *said)
{
	char *all = g_strchomp(g_strdup(said ? said : ""));
	const char *line = strrchr(all, '\n');
	char *r;

	line = line ? line + 1 : all;
	if (g_str_has_prefix(line, "coffre: "))
		line += strlen("coffre: ");
	r = g_strdup(line);
	g_free(all);
	return r;
}

static void
on_ended(GObject *proc, GAsyncResult *res, gpointer arg)
{
	GSubprocess *p = G_SUBPROCESS(proc);
	char *said = NULL, *line;

	(void)arg;
	(void)g_subprocess_communicate_utf8_finish(p, res, NULL, &said, NULL);
	line = last_line(said);
	/* Without a module there is nobody left to show it. */
	if (watched && !g_subprocess_get_successful(p))
		failure_show(*line ? line : _("There is no message of why."));
	g_free(line);
	g_free(said);
}

/* Nobody waits for it; what it cannot do is shown. */
static void
on_command(GObject *item, gpointer files)
{
	const char *words = g_object_get_data(item, "coffre");
	char **argv = command_of(files, words);
	GError *e = NULL;
	GSubprocess *p;

	if (!argv)
		return;
	p = g_subprocess_newv((const gchar *const *)argv,
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
	    G_SUBPROCESS_FLAGS_STDERR_PIPE, &e);
	if (p)
		g_subprocess_communicate_utf8_async(p, NULL, NULL, on_ended,
		    NULL);
	else
		failure_show(e->message);
	g_clear_object(&p);
	g_clear_error(&e);
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
