/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/window.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fs/child.h"
#include "fs/pinentry.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/text.h"

#define TITLE "Coffre"
#define WIDTH 72		/* columns of text in a window */
#define TEXT_MAX 32768
#define WORDS_MAX 384
#define SHOW_SIZE "760", "460"	/* pixels: a recovery key with its text */

static const char zenity[] = "zenity", kdialog[] = "kdialog";

/* How zenity is told to end: left alone, it ends alike when its window was
 * closed, when its button was pressed and when there is no display. */
#define ZENITY_NO 11
#define ZENITY_CLOSED 12

/* ---- which --------------------------------------------------------------- */

static bool
is_installed(const char *name)
{
	const char *p = getenv("PATH");
	char path[PATH_MAX];
	size_t n;

	for (; p && *p; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)n, p, name) <
		    (int)sizeof(path) && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

bool
window_is_kde(void)
{
	const char *p = getenv("XDG_CURRENT_DESKTOP");
	size_t n;

	for (; p && *p; p += n + (p[n] == ':')) {
		n = strcspn(p, ":");
		if (n == 3 && strncmp(p, "KDE", 3) == 0)
			return true;
	}
	return false;
}

int
window_program(const char **ret, struct err *e)
{
	const char *first = window_is_kde() ? kdialog : zenity;
	const char *other = window_is_kde() ? zenity : kdialog;

	if (!pinentry_has_display())
		return err_set(e, -ENOTTY, "there is no display for windows: "
		    "'coffre setup' asks on a terminal");
	*ret = is_installed(first) ? first : other;
	return is_installed(*ret) ? 0 : err_set(e, -ENOENT, "windows need "
	    "'zenity' or 'kdialog': install one of the two, or run 'coffre "
	    "setup' in a terminal");
}

/* ---- text ---------------------------------------------------------------- */

/* What a character is written as where it would mean something else. */
static const struct {
	char c;
	const char *as[WINDOW_FORMS];
} special[] = {
	{ '&', { NULL, NULL, "&amp;", "&amp;" } },
	{ '<', { NULL, NULL, "&lt;", "&lt;" } },
	{ '>', { NULL, NULL, "&gt;", "&gt;" } },
	{ '_', { NULL, "__", NULL, NULL } },
	{ '\\', { NULL, "\\\\", "\\\\", "&#92;" } },
	{ '\n', { NULL, NULL, NULL, "<br>" } },
};

static void
char_put(enum window_form form, char c, struct buf *out)
{
	size_t i;

	for (i = 0; i < sizeof(special) / sizeof(*special); i++) {
		if (special[i].c == c && special[i].as[form]) {
			(void)buf_printf(out, "%s", special[i].as[form]);
			return;
		}
	}
	(void)buf_put_u8(out, (uint8_t)c);
}

/* A word, or the blanks between two; its columns. */
static size_t
part_put(enum window_form form, const char *s, size_t len, struct buf *out)
{
	size_t at = 0, cols = 0, n;
	uint32_t c;

	for (; at < len; cols++) {
		n = utf8_get(s + at, &c);
		if (n == 0 || text_is_control(c))
			(void)buf_put_u8(out, '?');
		else if (n == 1)
			char_put(form, s[at], out);
		else
			(void)buf_put(out, s + at, n);
		at += n ? n : 1;
	}
	return cols;
}

static size_t
columns(const char *s, size_t len)
{
	struct buf none = BUF_INIT(0);

	return part_put(WINDOW_PLAIN, s, len, &none);
}

void
window_text(enum window_form form, size_t width, const char *s,
    struct buf *out)
{
	size_t blanks, n, col = 0;

	while (*s) {
		if (*s == '\n') {
			char_put(form, *s++, out);
			col = 0;
			continue;
		}
		blanks = strspn(s, " ");
		n = strcspn(s + blanks, " \n");
		if (width > 0 && col > 0 && n > 0 &&
		    col + blanks + columns(s + blanks, n) > width) {
			char_put(form, '\n', out);
			col = 0;
		} else {
			col += part_put(form, s, blanks, out);
		}
		s += blanks;
		col += part_put(form, s, n, out);
		s += n;
	}
}

/* ---- words --------------------------------------------------------------- */

struct words {
	char *v[WORDS_MAX + 1];
	size_t n;
	bool is_short;		/* not all are there */
};

static void
word(struct words *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
word(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int r = -1;

	va_start(ap, fmt);
	if (w->n < WORDS_MAX)
		r = vasprintf(&w->v[w->n], fmt, ap);
	va_end(ap);
	if (r >= 0)
		w->n++;
	else
		w->is_short = true;
	w->v[w->n] = NULL;
}

static void
words_done(struct words *w)
{
	while (w->n > 0)
		free(w->v[--w->n]);
}

/* One word that is text, behind what makes it an option. */
static void
text_word(struct words *w, const char *before, enum window_form form,
    size_t width, const char *s)
{
	struct buf b = BUF_INIT(TEXT_MAX);

	window_text(form, width, s, &b);
	if (form == WINDOW_HTML)
		word(w, "%s<qt>%s</qt>", before, b.len ? buf_cstr(&b) : "");
	else
		word(w, "%s%s", before, b.len ? buf_cstr(&b) : "");
	if (b.err < 0)
		w->is_short = true;
	buf_done(&b);
}

static void
choices(struct words *w, const struct window *win)
{
	size_t i;

	word(w, "--");
	for (i = 0; i < win->n; i++) {
		word(w, "%zu", i + 1);
		text_word(w, "", WINDOW_PLAIN, 0, win->of[i]);
	}
}

static void
zenity_words(struct words *w, const struct window *win, int fd)
{
	static const char *const kinds[] = { "--entry", "--entry",
	    "--question", "--list", "--text-info", "--info", "--error",
	    "--progress" };
	static const char *const size[] = { SHOW_SIZE };

	word(w, "%s", kinds[win->kind]);
	word(w, "--title=%s", TITLE);
	switch (win->kind) {
	case WINDOW_LINE:
	case WINDOW_SECRET:
		text_word(w, "--text=", WINDOW_MNEMONIC, WIDTH, win->text);
		if (win->def && *win->def)
			text_word(w, "--entry-text=", WINDOW_PLAIN, 0,
			    win->def);
		if (win->kind == WINDOW_SECRET)
			word(w, "--hide-text");
		return;
	case WINDOW_YES:
		if (win->is_no)
			word(w, "--default-cancel");
		/* FALLTHROUGH */
	case WINDOW_TELL:
	case WINDOW_FAIL:
		word(w, "--no-markup");
		word(w, "--no-wrap");
		text_word(w, "--text=", WINDOW_PLAIN, WIDTH, win->text);
		return;
	case WINDOW_CHOICE:
		word(w, "--width=%s", size[0]);
		word(w, "--height=%s", size[1]);
		word(w, "--column=#");
		word(w, "--column=%s", TITLE);
		word(w, "--hide-column=1");
		word(w, "--print-column=1");
		word(w, "--hide-header");
		text_word(w, "--text=", WINDOW_MARKUP, WIDTH, win->text);
		choices(w, win);
		return;
	case WINDOW_SHOW:
		word(w, "--width=%s", size[0]);
		word(w, "--height=%s", size[1]);
		word(w, "--font=monospace 11");
		word(w, "--filename=/proc/self/fd/%d", fd);
		return;
	case WINDOW_BUSY:
		word(w, "--pulsate");
		word(w, "--no-cancel");
		text_word(w, "--text=", WINDOW_MARKUP, WIDTH, win->text);
		return;
	}
}

static void
kdialog_words(struct words *w, const struct window *win, int fd)
{
	static const char *const kinds[] = { "--inputbox", "--password",
	    "--yesnocancel", "--menu", "--textbox", "--msgbox", "--error",
	    "--msgbox" };
	static const char *const size[] = { SHOW_SIZE };

	word(w, "--title");
	word(w, "%s", TITLE);
	word(w, "%s", kinds[win->kind]);
	if (win->kind == WINDOW_SHOW) {
		word(w, "/proc/self/fd/%d", fd);
		word(w, "%s", size[0]);
		word(w, "%s", size[1]);
		return;
	}
	/* One of its windows breaks lines itself. */
	text_word(w, "", WINDOW_HTML, win->kind == WINDOW_SECRET ? 0 : WIDTH,
	    win->text);
	if (win->kind == WINDOW_CHOICE) {
		choices(w, win);
	} else if (win->kind == WINDOW_LINE && win->def && *win->def) {
		word(w, "--");
		text_word(w, "", WINDOW_PLAIN, 0, win->def);
	}
}

/* ---- starting ------------------------------------------------------------ */

/* Does the user's locale say all that can be typed? */
static bool
is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool is = l != (locale_t)0 && strcmp(nl_langinfo_l(CODESET, l),
	    "UTF-8") == 0;

	if (l != (locale_t)0)
		freelocale(l);
	return is;
}

/* A file in memory, which the program inherits. */
static int
memory_file(const void *p, size_t len)
{
	int fd = memfd_create("coffre", 0), r;

	if (fd < 0)
		return -errno;
	if (write(fd, p, len) == (ssize_t)len)
		return fd;
	r = errno ? -errno : -EIO;
	(void)close(fd);
	return r;
}

/* Where kdialog finds a tag in a line, that line is rich text for it. */
static void
show_text(const char *program, const char *s, struct buf *out)
{
	for (; *s; s++) {
		(void)buf_put_u8(out, (uint8_t)*s);
		if (program == kdialog && (*s == '<' ||
		    strncmp(s, "&lt;", 4) == 0))
			(void)buf_printf(out, "\u200b");	/* no width */
	}
}

static int
show_file(const char *program, const char *text)
{
	struct buf b = BUF_INIT(TEXT_MAX);
	int r;

	show_text(program, text, &b);
	r = b.err < 0 ? b.err : memory_file(b.data, b.len);
	buf_wipe(&b);
	return r;
}

int
window_open(struct child *c, const char *program, const struct window *win)
{
	struct words w = { .n = 0 };
	int fd = -1, r = 0;

	if (win->kind == WINDOW_SHOW) {
		fd = show_file(program, win->text);
		if (fd < 0)
			return fd;
	}
	word(&w, "env");
	word(&w, "ZENITY_OK=0");
	word(&w, "ZENITY_CANCEL=%d", ZENITY_NO);
	word(&w, "ZENITY_ESC=%d", ZENITY_CLOSED);
	if (!is_utf8())
		word(&w, "LC_ALL=C.UTF-8");
	word(&w, "%s", program);
	if (program == kdialog)
		kdialog_words(&w, win, fd);
	else
		zenity_words(&w, win, fd);
	if (w.is_short)
		r = -E2BIG;
	if (r == 0)
		r = child_start(c, w.v);
	words_done(&w);
	if (fd >= 0)
		(void)close(fd);
	return r;
}

int
window_ended(const char *program, int status)
{
	bool is_kdialog = program == kdialog;

	if (status == 0)
		return WINDOW_OK;
	if (status == (is_kdialog ? 1 : ZENITY_NO))
		return WINDOW_NO;
	if (status == (is_kdialog ? 2 : ZENITY_CLOSED))
		return WINDOW_CLOSED;
	return -EIO;
}

/* It is nobody's child: it goes on when this one has ended. */
int
window_browse(const char *what)
{
	char *copy = strdup(what), open[] = "xdg-open";
	char *argv[] = { open, copy, NULL };
	posix_spawnattr_t attr;
	pid_t pid;
	int r;

	if (!copy || posix_spawnattr_init(&attr) != 0) {
		free(copy);
		return -ENOMEM;
	}
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	r = posix_spawnp(&pid, argv[0], NULL, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	free(copy);
	return -r;
}

void
window_terminal(const char *const *words)
{
	static const char *const terminals[][2] = {
		{ "xdg-terminal-exec", NULL },
		{ "x-terminal-emulator", "-e" },
		{ "gnome-terminal", "--" },
		{ "konsole", "-e" },
		{ "xfce4-terminal", "-x" },
		{ "xterm", "-e" },
	};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	struct words w;
	size_t i, j;

	self[n > 0 ? n : 0] = '\0';
	for (i = 0; n > 0 && i < sizeof(terminals) / sizeof(*terminals); i++) {
		w.n = 0;
		w.is_short = false;
		word(&w, "%s", terminals[i][0]);
		if (terminals[i][1])
			word(&w, "%s", terminals[i][1]);
		word(&w, "%s", self);
		for (j = 0; words[j]; j++)
			word(&w, "%s", words[j]);
		if (!w.is_short)
			(void)execvp(w.v[0], w.v);
		words_done(&w);
	}
}
