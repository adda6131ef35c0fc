/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/ask.h"
#include "fs/child.h"
#include "fs/cli.h"
#include "fs/pass.h"
#include "fs/window.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/tr.h"

/* ask_windows - questions in windows, one at a time. */

#define SAID_MAX 16384

struct windows {
	struct ask ask;
	const char *program;
	struct buf said;	/* since the last question */
	struct child beside;	/* the one that nobody needs to answer */
	bool has_beside;
};

/* The question on the screen and the window beside it: for the handler of
 * signals. */
static volatile pid_t shown[2];

void
ask_windows_restore(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		if (shown[i] > 0)
			(void)kill(shown[i], SIGTERM);
	}
}

static struct windows *
windows_of(struct ask *a)
{
	return (struct windows *)(void *)a;
}

/* ---- the window beside --------------------------------------------------- */

static void
beside_end(struct windows *w)
{
	if (!w->has_beside)
		return;
	w->has_beside = false;
	shown[1] = 0;
	child_kill(&w->beside);
}

static void
beside_open(struct windows *w, enum window_kind kind, const char *text)
{
	struct window win = { .kind = kind, .text = text };
	int r;

	beside_end(w);
	r = window_open(&w->beside, w->program, &win);
	w->has_beside = r == 0;
	if (r == 0)
		shown[1] = w->beside.pid;
	else
		log_warn("window: %s: r=%d", w->program, r);
}

static bool
beside_is_closed(struct windows *w)
{
	char c;

	return w->has_beside && child_read(&w->beside, &c, 1,
	    clock_mono_ms() + 1, -1) == 0;
}

/* ---- one question -------------------------------------------------------- */

/* Show it and wait; its answer without the line's end.  Returns what it ended
 * with, -EFBIG (the answer has no room), -EIO (no window came up). */
static int
answer(struct windows *w, const struct window *win, char *out, size_t cap)
{
	struct child c;
	ssize_t got;
	size_t n = 0;
	int r, status;

	beside_end(w);
	r = window_open(&c, w->program, win);
	if (r < 0)
		return r;
	shown[0] = c.pid;
	child_close_input(&c);
	while (n < cap - 1 && (got = child_read(&c, out + n, cap - 1 - n, -1,
	    -1)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	shown[0] = 0;
	status = child_wait(&c);
	r = window_ended(w->program, status);
	if (r < 0)
		log_warn("window: %s ended with %d", w->program, status);
	if (r == WINDOW_OK && n == cap - 1)
		return -EFBIG;
	*strchrnul(out, '\n') = '\0';
	return r;
}

/* The same below what was told since the last question. */
static int
question(struct windows *w, struct window *win, char *out, size_t cap)
{
	const char *text;
	int r = -ENOMEM;

	if (w->said.len > 0 && *win->text)
		(void)buf_printf(&w->said, "\n");
	(void)buf_printf(&w->said, "%s", win->text);
	text = buf_cstr(&w->said);
	if (text) {
		win->text = text;
		r = answer(w, win, out, cap);
	}
	buf_done(&w->said);
	return r;
}

static int
given_up(int r)
{
	return r > 0 ? -ECANCELED : r;
}

/* ---- the kinds ----------------------------------------------------------- */

static void
windows_tell(struct ask *a, const char *text)
{
	(void)buf_printf(&windows_of(a)->said, "%s\n", text);
}

static int
windows_line(struct ask *a, const char *what, const char *def,
    char out[static ASK_MAX])
{
	struct window win = { .kind = WINDOW_LINE, .text = tr(what),
	    .def = def };
	size_t n, skip;
	int r;

	r = question(windows_of(a), &win, out, ASK_MAX);
	if (r != 0)
		return given_up(r);
	n = strlen(out);
	while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\t'))
		n--;
	out[n] = '\0';
	skip = strspn(out, " \t");
	memmove(out, out + skip, n + 1 - skip);
	if (!*out)
		(void)snprintf(out, ASK_MAX, "%s", def);
	return 0;
}

static int
windows_secret(struct ask *a, const char *what, struct secret *ret)
{
	struct window win = { .kind = WINDOW_SECRET, .text = tr(what) };
	char *p = crypto_secret_alloc(PASS_MAX + 2);
	int r;

	if (!p)
		return -ENOMEM;
	r = given_up(question(windows_of(a), &win, p, PASS_MAX + 2));
	if (r < 0) {
		crypto_secret_free(p);
		return r;
	}
	ret->p = p;
	ret->len = strlen(p);
	return 0;
}

static int
windows_yes(struct ask *a, const char *what, bool def)
{
	struct window win = { .kind = WINDOW_YES, .text = tr(what),
	    .is_no = !def };
	char none[64];
	int r;

	r = question(windows_of(a), &win, none, sizeof(none));
	if (r == WINDOW_CLOSED)
		return -ECANCELED;
	return r < 0 ? r : r == WINDOW_OK;
}

static int
windows_choice(struct ask *a, const char *what, const char *const *of,
    size_t n)
{
	struct window win = { .kind = WINDOW_CHOICE, .text = tr(what),
	    .of = of, .n = n };
	char number[64];
	uint64_t v;
	int r;

	do {
		win.text = tr(what);
		r = question(windows_of(a), &win, number, sizeof(number));
		if (r != 0)
			return given_up(r);
		/* Nothing may be chosen.  Some print it twice: "3|3". */
		number[strspn(number, "0123456789")] = '\0';
	} while (cli_number(number, 1, n, &v) < 0);
	return (int)(v - 1);
}

/* Some end alike when they are closed and when their button is pressed: what
 * is shown is asked back, and that can be given up. */
static int
windows_show(struct ask *a, const char *text)
{
	struct window win = { .kind = WINDOW_SHOW, .text = text };
	struct windows *w = windows_of(a);
	char none[64];
	int r;

	if (w->said.len > 0) {
		win.kind = WINDOW_TELL;
		win.text = "";
		r = question(w, &win, none, sizeof(none));
		if (r < 0)
			return r;
		win.kind = WINDOW_SHOW;
		win.text = text;
	}
	r = answer(w, &win, none, sizeof(none));
	return r == WINDOW_NO ? -ECANCELED : r < 0 ? r : 0;
}

static void
windows_busy(struct ask *a, const char *text)
{
	beside_open(windows_of(a), WINDOW_BUSY, text);
}

static void
windows_visit(struct ask *a, const char *url)
{
	char text[2 * ASK_MAX];

	(void)snprintf(text, sizeof(text), _("Log in and grant access in your "
	    "browser.  If it has not opened this page, open it there:\n\n"
	    "%s\n\nThis window goes by itself.  To give up, close it."), url);
	beside_open(windows_of(a), WINDOW_TELL, text);
	/* A server has said it. */
	if (strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) ==
	    0)
		(void)window_browse(url);
}

static bool
windows_is_given_up(struct ask *a)
{
	return beside_is_closed(windows_of(a));
}

static void
windows_end(struct ask *a, const char *why)
{
	struct window win = { .kind = why ? WINDOW_FAIL : WINDOW_TELL,
	    .text = why ? why : "" };
	struct windows *w = windows_of(a);
	char none[64];

	if (why)
		buf_done(&w->said);
	if (why || w->said.len > 0)
		(void)question(w, &win, none, sizeof(none));
}

static void
windows_close(struct ask *a)
{
	struct windows *w = windows_of(a);

	beside_end(w);
	buf_done(&w->said);
	free(w);
}

static const struct ask_ops windows_ops = {
	.tell = windows_tell,
	.line = windows_line,
	.secret = windows_secret,
	.yes = windows_yes,
	.choice = windows_choice,
	.show = windows_show,
	.busy = windows_busy,
	.visit = windows_visit,
	.is_given_up = windows_is_given_up,
	.end = windows_end,
	.close = windows_close,
};

int
ask_windows(struct ask **ret, struct err *e)
{
	struct windows *w;
	const char *program;
	int r;

	r = window_program(&program, e);
	if (r < 0)
		return r;
	w = calloc(1, sizeof(*w));
	if (!w)
		return err_set(e, -ENOMEM, "out of memory");
	w->ask.ops = &windows_ops;
	w->program = program;
	buf_init(&w->said, SAID_MAX);
	*ret = &w->ask;
	return 0;
}
