/* SPDX-License-Identifier: GPL-3.0-or-later */

/* glue_menu - what a click with the right button offers; a part of glue.h. */

#include "packaging/desktop/notify.h"

#define PATHS_MAX 500		/* of a command */

/* "/home/anna/Coffre/plan.odt: queued", a line each; NULL: none of the files
 * has a mark. */
static char *
status_text(GList *files)
{
	GString *s = g_string_new(NULL);
	const struct seen *seen;
	char *path, *words;
	GList *l;

	for (l = files; l; l = l->next) {
		seen = known(l->data);
		path = seen && seen->mark != MARK_NONE ? path_of(l->data) :
		    NULL;
		if (!path)
			continue;
		words = mark_words(seen->text);
		g_string_append_printf(s, "%s%s: %s", s->len ? "\n" : "",
		    path, words);
		g_free(words);
		g_free(path);
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

/* False: one of them is on no drive, or is a link, which may lead out of it. */
static gboolean
are_ours(GList *files)
{
	const struct seen *seen;
	gboolean is_good = TRUE;
	guint n = 0;
	char *path;

	for (; files && is_good; files = files->next) {
		path = path_of(files->data);
		seen = known(files->data);
		/* Of so many the first ones tell. */
		is_good = path && mark_is_on_drive(path) && (seen ?
		    !seen->is_link : n >= LOOKS_MAX);
		g_free(path);
		n++;
	}
	return is_good;
}

/* The next paths, behind the words of a command. */
static char **
command_of(GList **files, const char *words)
{
	GPtrArray *v = g_ptr_array_new();
	char **head = g_strsplit(words, " ", -1), **p, *path;
	guint n;

	for (p = head; *p; p++)
		g_ptr_array_add(v, *p);
	g_free(head);
	for (n = 0; *files && n < PATHS_MAX; n++) {
		path = path_of((*files)->data);
		if (path)
			g_ptr_array_add(v, path);
		*files = (*files)->next;
	}
	g_ptr_array_add(v, NULL);
	return (char **)g_ptr_array_free(v, FALSE);
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

/* A command for files that may be too many for one. */
struct portions {
	const char *words;
	GList *files, *left;
};

static void portion_next(struct portions *t);

static void
on_ended(GObject *proc, GAsyncResult *res, gpointer arg)
{
	GSubprocess *p = G_SUBPROCESS(proc);
	char *said = NULL, *line;

	(void)g_subprocess_communicate_utf8_finish(p, res, NULL, &said, NULL);
	line = last_line(said);
	/* Without a module there is nobody left to show it. */
	if (watched && !g_subprocess_get_successful(p))
		failure_show(*line ? line : _("There is no message of why."));
	g_free(line);
	g_free(said);
	portion_next(arg);
}

static GList *
files_copy(GList *files)
{
	return g_list_copy_deep(files, (GCopyFunc)(void (*)(void))g_object_ref,
	    NULL);
}

/* Nobody waits for it; what it cannot do is shown. */
static void
portion_next(struct portions *t)
{
	GSubprocess *p = NULL;
	GError *e = NULL;
	char **argv;

	if (!t->left) {
		g_list_free_full(t->files, g_object_unref);
		g_free(t);
		return;
	}
	argv = command_of(&t->left, t->words);
	p = g_subprocess_newv((const gchar *const *)argv,
	    G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
	    G_SUBPROCESS_FLAGS_STDERR_PIPE, &e);
	if (p)
		g_subprocess_communicate_utf8_async(p, NULL, NULL, on_ended,
		    t);
	else if (watched)
		failure_show(e->message);
	g_strfreev(argv);
	g_clear_error(&e);
	if (!p) {
		t->left = NULL;
		portion_next(t);
	}
	g_clear_object(&p);
}

static void
on_command(GObject *item, gpointer files)
{
	struct portions *t = g_new0(struct portions, 1);

	t->words = g_object_get_data(item, "coffre");
	t->files = t->left = files_copy(files);
	portion_next(t);
}

static GList *
item_add(GList *items, FM(MenuItem) *item, GList *files, void (*fn)(GObject *,
    gpointer))
{
	g_signal_connect_data(item, "activate", G_CALLBACK(fn),
	    files_copy(files), files_free, 0);
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
	const struct seen *seen;
	guint n = 0;
	GList *l;

	if (!are_ours(files))
		return items;
	for (l = files; l && n < LOOKS_MAX; l = l->next, n++) {
		seen = known(l->data);
		any = any || mark_has_pin(seen->text);
		all = all && mark_is_kept(seen->text);
	}
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

static void
on_seen(struct look *l)
{
	request_done((struct request *)l);
}

/* As they are now, if the driver says it at once. */
static void
look_at(GList *files)
{
	struct request *r;
	guint n = 0;

	for (; files && n < LOOKS_MAX && !look_is_stuck();
	    files = files->next, n++) {
		r = request_new(files->data, on_seen);
		if (!r)
			continue;
		r->look.is_urgent = TRUE;
		look_start(&r->look);
	}
	look_wait();
}

static GList *
get_file_items(FM(MenuProvider) *p, FM_WINDOW GList *files)
{
	FM(MenuItem) *item;
	GList *items;
	char *text;

	(void)p;
	FM_UNUSED
	look_at(files);
	items = commands(NULL, files);
	text = status_text(files);
	if (!text)
		return items;
	g_free(text);
	item = fm_(menu_item_new)("Coffre::copy_status", _("Copy Status"),
	    _("Put on the clipboard whether these files are on the store"),
	    NULL);
	return item_add(items, item, files, on_copy);
}
