/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/pass.h"
#include "util/err.h"
#include "util/text.h"
#include "util/tr.h"

/* The other screen of a terminal, which nobody can scroll back to. */
#define SCREEN_OTHER "\033[?1049h\033[2J\033[H"
#define SCREEN_BACK "\033[?1049l"

struct tty {
	struct ask ask;
	int fd;
};

/* On the other screen: for the handler of signals. */
static volatile int other_fd = -1;

static struct tty *
tty_of(struct ask *a)
{
	return (struct tty *)(void *)a;
}

static void
put(int fd, const char *s, size_t n)
{
	ssize_t got;

	for (; n > 0; s += got, n -= (size_t)got) {
		got = write(fd, s, n);
		if (got < 0 && errno == EINTR)
			got = 0;
		if (got < 0)
			return;	/* the read that follows finds out */
	}
}

static void
puts_tty(int fd, const char *s)
{
	put(fd, s, strlen(s));
}

void
ask_restore(void)
{
	if (other_fd >= 0)
		put(other_fd, SCREEN_BACK, sizeof(SCREEN_BACK) - 1);
	ask_windows_restore();
}

/* A line as the terminal edits it, without blanks at its ends. */
static int
tty_get(int fd, char out[static ASK_MAX])
{
	size_t n = 0, skip;
	ssize_t got;
	char c;

	for (;;) {
		got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -ECANCELED;
		if (c == '\n')
			break;
		if (n + 1 < ASK_MAX)
			out[n++] = c;
	}
	while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '\t'))
		n--;
	out[n] = '\0';
	skip = strspn(out, " \t");
	memmove(out, out + skip, n + 1 - skip);
	return 0;
}

static void
tty_tell(struct ask *a, const char *text)
{
	puts_tty(tty_of(a)->fd, text);
	puts_tty(tty_of(a)->fd, "\n");
}

static int
tty_line(struct ask *a, const char *what, const char *def,
    char out[static ASK_MAX])
{
	int fd = tty_of(a)->fd, r;

	puts_tty(fd, tr(what));
	if (*def) {
		puts_tty(fd, " [");
		puts_tty(fd, def);
		puts_tty(fd, "]");
	}
	puts_tty(fd, tr(": "));
	r = tty_get(fd, out);
	if (r == 0 && !*out)
		(void)snprintf(out, ASK_MAX, "%s", def);
	return r;
}

static int
tty_secret(struct ask *a, const char *what, struct secret *ret)
{
	int r = pass_ask(tty_of(a)->fd, what, ret);

	return r == -EINTR || r == -EIO ? -ECANCELED : r;
}

/* The word or its first letter, in English or in the user's language. */
static bool
is_answer(const char *s, const char *word, const char *said)
{
	if (s[0] && !s[1])
		return *s == *word || *s == *said;
	return strcmp(s, word) == 0 || strcmp(s, said) == 0;
}

static int
tty_yes(struct ask *a, const char *what, bool def)
{
	char answer[ASK_MAX];
	int r;

	for (;;) {
		r = tty_line(a, what, def ? _("yes") : _("no"), answer);
		if (r < 0)
			return r;
		if (is_answer(answer, "yes", _("yes")))
			return 1;
		if (is_answer(answer, "no", _("no")))
			return 0;
		tty_tell(a, _("Please answer 'yes' or 'no'."));
	}
}

static int
tty_choice(struct ask *a, const char *what, const char *const *of, size_t n)
{
	char text[ASK_MAX];
	uint64_t v;
	size_t i;
	int r;

	tty_tell(a, tr(what));
	for (i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text), "%4zu  %s", i + 1, of[i]);
		tty_tell(a, text);
	}
	for (;;) {
		r = tty_line(a, N_("Number"), "", text);
		if (r < 0)
			return r;
		if (cli_number(text, 1, n, &v) == 0)
			return (int)(v - 1);
		(void)snprintf(text, sizeof(text), _("Please give a number "
		    "from 1 to %zu."), n);
		tty_tell(a, text);
	}
}

static int
tty_show(struct ask *a, const char *text)
{
	const char *term = getenv("TERM");
	char answer[ASK_MAX];
	bool has_screens = term && *term && strcmp(term, "dumb") != 0;
	int fd = tty_of(a)->fd, r;

	if (has_screens) {
		other_fd = fd;
		puts_tty(fd, SCREEN_OTHER);
	}
	puts_tty(fd, text);
	puts_tty(fd, _("\nPress Enter when you have it: "));
	r = tty_get(fd, answer);
	ask_restore();
	other_fd = -1;
	return r;
}

/* Standard error has told it. */
static void
tty_end(struct ask *a, const char *why)
{
	(void)a;
	(void)why;
}

static void
tty_close(struct ask *a)
{
	(void)close(tty_of(a)->fd);
	free(a);
}

static const struct ask_ops tty_ops = {
	.tell = tty_tell,
	.line = tty_line,
	.secret = tty_secret,
	.yes = tty_yes,
	.choice = tty_choice,
	.show = tty_show,
	.busy = tty_tell,
	.end = tty_end,
	.close = tty_close,
};

int
ask_terminal(struct ask **ret, struct err *e)
{
	struct tty *t;
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_set(e, -ENOTTY, "there is no terminal to ask on: "
		    "'coffre init' makes a drive without asking");
	t = calloc(1, sizeof(*t));
	if (!t) {
		(void)close(fd);
		return err_set(e, -ENOMEM, "out of memory");
	}
	t->ask.ops = &tty_ops;
	t->fd = fd;
	*ret = &t->ask;
	return 0;
}

void
ask_close(struct ask *a)
{
	if (a)
		a->ops->close(a);
}

void
ask_tell(struct ask *a, const char *fmt, ...)
{
	char text[2 * ASK_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), tr(fmt), ap);
	va_end(ap);
	text_clean(text);
	a->ops->tell(a, text);
}

void
ask_busy(struct ask *a, const char *fmt, ...)
{
	char text[2 * ASK_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), tr(fmt), ap);
	va_end(ap);
	text_clean(text);
	a->ops->busy(a, text);
}
