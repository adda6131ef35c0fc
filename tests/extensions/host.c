/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A file manager of a few lines: loads an extension, shows it files, and says
 * what it did with them.
 *
 *	host EXTENSION.so FILE...
 *
 * prints "FILE: EMBLEM" (or "-") and "menu: LABEL" of all of them together.
 * "+" among the files means: wait until the file before it is to be looked at
 * again, and is not on its way.  "=LABEL": that item of the menu is chosen, and
 * then it runs until it is ended.  "~" before a file: what there is to show of
 * it is not waited for; then "beats: N" says that the main loop came round so
 * often, for which neither that nor the menu may have been waited for.
 */

#include <gio/gio.h>
#include <gmodule.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#define WAIT_SECONDS 60

/* ---- a file -------------------------------------------------------------- */

/* A plain object: "uri", "emblem" and "again", the loop that is ended when
 * the file is asked for anew, hang on it. */
typedef GObject File;
typedef GObjectClass FileClass;

static char *
file_get_uri(FM(FileInfo) *f)
{
	return g_strdup(g_object_get_data(G_OBJECT(f), "uri"));
}

static void
file_add_emblem(FM(FileInfo) *f, const char *name)
{
	const char *was = g_object_get_data(G_OBJECT(f), "emblem");

	g_object_set_data_full(G_OBJECT(f), "emblem", was ? g_strconcat(was,
	    ",", name, NULL) : g_strdup(name), g_free);
}

static void
file_invalidate(FM(FileInfo) *f)
{
	GMainLoop *loop = g_object_get_data(G_OBJECT(f), "again");

	if (loop)
		g_main_loop_quit(loop);
}

static void
file_iface_init(FM_FILE_IFACE *i)
{
	i->get_uri = file_get_uri;
	i->add_emblem = file_add_emblem;
	i->invalidate_extension_info = file_invalidate;
}

static GType file_get_type(void);
G_DEFINE_TYPE_WITH_CODE(File, file, G_TYPE_OBJECT,
    G_IMPLEMENT_INTERFACE(FM_TYPE(FILE_INFO), file_iface_init))

static void
file_init(File *f)
{
	(void)f;
}

static void
file_class_init(FileClass *c)
{
	(void)c;
}

/* ---- the extension ------------------------------------------------------- */

static GModule *module;

static gboolean
module_load(GTypeModule *m)
{
	(void)m;
	return TRUE;
}

typedef GTypeModule Ext;
typedef GTypeModuleClass ExtClass;
static GType ext_get_type(void);
G_DEFINE_TYPE(Ext, ext, G_TYPE_TYPE_MODULE)

static void
ext_init(Ext *e)
{
	(void)e;
}

static void
ext_class_init(ExtClass *c)
{
	c->load = module_load;
}

static void *
symbol(const char *name)
{
	void *p = NULL;

	if (!g_module_symbol(module, name, &p)) {
		(void)fprintf(stderr, "no %s: %s\n", name, g_module_error());
		return NULL;
	}
	return p;
}

#define QUOTE(x) #x
#define NAME(x) QUOTE(x)

static GObject *
provider_new(const char *path)
{
	void (*init)(GTypeModule *);
	void (*list)(const GType **, int *);
	const GType *types = NULL;
	GTypeModule *m;
	int n = 0;

	module = g_module_open(path, G_MODULE_BIND_LOCAL);
	if (!module) {
		(void)fprintf(stderr, "%s\n", g_module_error());
		return NULL;
	}
	*(void **)&init = symbol(NAME(fm_(module_initialize)));
	*(void **)&list = symbol(NAME(fm_(module_list_types)));
	if (!init || !list)
		return NULL;
	m = g_object_new(ext_get_type(), NULL);
	if (!g_type_module_use(m))
		return NULL;
	init(m);
	list(&types, &n);
	return n == 1 ? g_object_new(types[0], NULL) : NULL;
}

static void
on_done(gpointer p, gpointer handle, int result, gpointer file)
{
	GMainLoop *loop = g_object_get_data(file, "shown");

	(void)p;
	(void)handle;
	(void)result;
	if (loop)
		g_main_loop_quit(loop);
}

/* True: the answer comes later. */
static gboolean
ask(GObject *p, File *f)
{
	FM(OperationHandle) *handle = NULL;
	GClosure *done = g_cclosure_new(G_CALLBACK(on_done), f, NULL);
	int r;

	g_closure_set_marshal(done, g_cclosure_marshal_generic);
	g_object_set_data(f, "emblem", NULL);
	r = (int)fm_(info_provider_update_file_info)((FM(InfoProvider) *)p,
	    (FM(FileInfo) *)f, done, &handle);
	g_closure_unref(done);
	return r == (int)FM_LATER;
}

static void
update(GObject *p, File *f)
{
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	const char *emblem;

	g_object_set_data(f, "shown", loop);
	if (ask(p, f))
		g_main_loop_run(loop);
	g_object_set_data(f, "shown", NULL);
	g_main_loop_unref(loop);
	emblem = g_object_get_data(f, "emblem");
	(void)printf("%s: %s\n", (char *)g_object_get_data(f, "uri"),
	    emblem ? emblem : "-");
	(void)fflush(stdout);
}

static gboolean is_late;

static gboolean
on_late(gpointer loop)
{
	is_late = TRUE;
	g_main_loop_quit(loop);
	(void)printf("was not asked for again\n");
	return G_SOURCE_CONTINUE;	/* who waited takes it away */
}

/* On its way is not yet where it goes. */
static gboolean
is_under_way(File *f)
{
	return g_strcmp0(g_object_get_data(f, "emblem"),
	    "emblem-synchronizing") == 0;
}

static void
wait_again(GObject *p, File *f)
{
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);
	guint timer = g_timeout_add_seconds(WAIT_SECONDS, on_late, loop);

	g_object_set_data(f, "again", loop);
	do {
		g_main_loop_run(loop);
		update(p, f);
	} while (is_under_way(f) && !is_late);
	g_object_set_data(f, "again", NULL);
	(void)g_source_remove(timer);
	g_main_loop_unref(loop);
}

/* wanted: the item to choose; NULL: none. */
static void
menu(GObject *p, GList *files, const char *wanted)
{
	GList *items = FM_MENU((FM(MenuProvider) *)p, files), *l;
	char *label;

	for (l = items; l; l = l->next) {
		g_object_get(l->data, "label", &label, NULL);
		(void)printf("menu: %s\n", label);
		if (wanted && strcmp(label, wanted) == 0)
			g_signal_emit_by_name(l->data, "activate");
		g_free(label);
	}
	g_list_free_full(items, g_object_unref);
}

static int beats;

static gboolean
on_beat(gpointer loop)
{
	if (++beats < 20)
		return G_SOURCE_CONTINUE;
	g_main_loop_quit(loop);
	return G_SOURCE_REMOVE;
}

/* Two seconds of a window that is drawn. */
static void
beats_count(void)
{
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);

	(void)g_timeout_add(100, on_beat, loop);
	g_main_loop_run(loop);
	g_main_loop_unref(loop);
	(void)printf("beats: %d\n", beats);
}

int
main(int argc, char **argv)
{
	GObject *p = argc > 2 ? provider_new(argv[1]) : NULL;
	const char *wanted = NULL;
	gboolean is_beating = FALSE;
	GList *files = NULL;
	File *f = NULL;
	int i;

	if (!p)
		return 1;
	/* As GTK does. */
	(void)setlocale(LC_ALL, "");
	for (i = 2; i < argc; i++) {
		if (strcmp(argv[i], "+") == 0 && f) {
			wait_again(p, f);
			continue;
		}
		if (*argv[i] == '=') {
			wanted = argv[i] + 1;
			continue;
		}
		f = g_object_new(file_get_type(), NULL);
		g_object_set_data_full(f, "uri", g_filename_to_uri(argv[i] +
		    (*argv[i] == '~'), NULL, NULL), g_free);
		files = g_list_append(files, f);
		if (*argv[i] == '~') {
			(void)ask(p, f);
			is_beating = TRUE;
		} else {
			update(p, f);
		}
	}
	menu(p, files, wanted);
	if (is_beating)
		beats_count();
	if (wanted)
		g_main_loop_run(g_main_loop_new(NULL, FALSE));
	/* Files that go are forgotten by the extension, too. */
	g_list_free_full(files, g_object_unref);
	g_object_unref(p);
	return 0;
}
