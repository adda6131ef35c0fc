/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/pinentry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/assuan.h"
#include "fs/child.h"
#include "fs/pass.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/tr.h"

#define PROGRAM "pinentry"
#define ASK_S 300		/* it goes by itself then */
#define SPARE_MS (10 * 1000)	/* and is ended when it does not */
#define LINES_MAX 1000		/* of one answer */

struct talk {
	struct child c;
	int64_t deadline;
	char *buf;		/* what came and was not looked at */
	size_t have;
	char *pin;		/* data of the answer */
	size_t len;
};

bool
pinentry_has_display(void)
{
	const char *x = getenv("DISPLAY"), *w = getenv("WAYLAND_DISPLAY");

	return (x && *x) || (w && *w);
}

/* Cut the next line off; its length without the end. */
static int
line_get(struct talk *t, char line[static ASSUAN_LINE_MAX])
{
	char *nl;
	ssize_t n;
	size_t len;

	while (!(nl = memchr(t->buf, '\n', t->have))) {
		if (t->have == ASSUAN_LINE_MAX + 1)
			return -EPROTO;
		n = child_read(&t->c, t->buf + t->have, ASSUAN_LINE_MAX + 1 -
		    t->have, t->deadline, -1);
		if (n <= 0)
			return n < 0 ? (int)n : -EPIPE;
		t->have += (size_t)n;
	}
	len = (size_t)(nl - t->buf);
	memcpy(line, t->buf, len);
	t->have -= len + 1;
	memmove(t->buf, nl + 1, t->have);
	crypto_wipe(t->buf + t->have, len + 1);
	return (int)len;
}

static int
error_of(unsigned code)
{
	switch (code) {
	case ASSUAN_TIMEOUT:
		return -ETIMEDOUT;
	case ASSUAN_CANCELED:
	case ASSUAN_NOT_CONFIRMED:
	case ASSUAN_FULLY_CANCELED:
		return -ECANCELED;
	default:
		return -EIO;
	}
}

/* Lines up to the one that ends the answer; data is added to the pin. */
static int
answer(struct talk *t, char *line)
{
	struct assuan a;
	ssize_t got;
	int i, n, r;

	for (i = 0; i < LINES_MAX; i++) {
		n = line_get(t, line);
		if (n < 0)
			return n;
		r = assuan_parse(line, (size_t)n, &a);
		if (r < 0)
			return r;
		switch (a.kind) {
		case ASSUAN_OK:
			return 0;
		case ASSUAN_ERR:
			return error_of(a.code);
		case ASSUAN_DATA:
			got = assuan_decode(a.arg, a.len, t->pin + t->len,
			    PASS_MAX - t->len);
			if (got < 0)
				return (int)got;
			t->len += (size_t)got;
			break;
		case ASSUAN_INQUIRE:
			return -EPROTO;
		case ASSUAN_OTHER:
			break;
		}
	}
	return -EPROTO;
}

static int
say(struct talk *t, char *line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
say(struct talk *t, char *line, const char *fmt, ...)
{
	char text[ASSUAN_LINE_MAX + 2];
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	if (n < 0 || n > ASSUAN_LINE_MAX)
		return -EFBIG;
	text[n++] = '\n';
	r = child_write(&t->c, text, (size_t)n);
	return r < 0 ? r : answer(t, line);
}

/* What only some of them know, and none needs. */
static int
try_option(struct talk *t, char *line, const char *name, const char *value)
{
	char text[512];
	int r;

	if (!value || !*value || assuan_encode(value, text, sizeof(text)) < 0)
		return 0;
	r = say(t, line, "OPTION %s=%s", name, text);
	return r == -EIO ? 0 : r;
}

static const char *
locale_name(void)
{
	const char *s = getenv("LC_ALL");

	if (!s || !*s)
		s = getenv("LC_CTYPE");
	return s && *s ? s : getenv("LANG");
}

static int
talk(struct talk *t, char *line, const char *what)
{
	const char *tty = getenv("GPG_TTY");
	char text[768], prompt[128], said[TR_MAX], desc[TR_MAX];
	int r;

	(void)snprintf(desc, sizeof(desc), _("Coffre: the %s"),
	    tr_text(what, said));
	r = assuan_encode(desc, text, sizeof(text));
	if (r == 0)
		r = assuan_encode(_("Passphrase:"), prompt, sizeof(prompt));
	if (r == 0)
		r = answer(t, line);	/* it greets */
	if (r == 0)
		r = try_option(t, line, "ttyname", tty && *tty ? tty :
		    "/dev/tty");
	if (r == 0)
		r = try_option(t, line, "ttytype", getenv("TERM"));
	if (r == 0)
		r = try_option(t, line, "lc-ctype", locale_name());
	if (r == 0 && say(t, line, "SETTIMEOUT %d", ASK_S) == -EPIPE)
		r = -EPIPE;
	if (r == 0)
		r = say(t, line, "SETTITLE Coffre");
	if (r == 0)
		r = say(t, line, "SETDESC %s", text);
	if (r == 0)
		r = say(t, line, "SETPROMPT %s", prompt);
	t->len = 0;
	return r == 0 ? say(t, line, "GETPIN") : r;
}

static int
explain(int r, const char *program, struct err *e)
{
	switch (r) {
	case -ENOENT:
		return err_set(e, r, "'%.80s' is not installed, which would "
		    "ask for the passphrase", program);
	case -ECANCELED:
		return err_set(e, r, "no passphrase was given");
	case -ETIMEDOUT:
		return err_set(e, r, "no passphrase was given in time");
	case -EFBIG:
		return err_set(e, r, "the passphrase is longer than %d bytes",
		    PASS_MAX);
	case -EIO:
	case -EPIPE:
		return err_set(e, -EIO, "'%.80s' cannot ask for the "
		    "passphrase here", program);
	default:
		return err_set(e, r, "'%.80s': %s", program, strerror(-r));
	}
}

int
pinentry_ask(const char *program, const char *what, struct secret *ret,
    struct err *e)
{
	char prog[4096], *line, *argv[] = { prog, NULL };
	struct talk t = { .have = 0 };
	int r;

	(void)snprintf(prog, sizeof(prog), "%s", program ? program : PROGRAM);
	t.deadline = clock_mono_ms() + ASK_S * 1000 + SPARE_MS;
	t.buf = crypto_secret_alloc(ASSUAN_LINE_MAX + 1);
	t.pin = crypto_secret_alloc(PASS_MAX + 1);
	line = crypto_secret_alloc(ASSUAN_LINE_MAX);
	r = t.buf && t.pin && line ? child_start(&t.c, argv) : -ENOMEM;
	if (r == 0) {
		r = talk(&t, line, what);
		if (r == 0 && child_write(&t.c, "BYE\n", 4) == 0)
			child_close_input(&t.c);
		child_kill(&t.c);
	}
	crypto_secret_free(line);
	crypto_secret_free(t.buf);
	if (r == 0 && t.len == 0)
		r = err_set(e, -EINVAL, "the passphrase is empty");
	else if (r < 0)
		r = explain(r, prog, e);
	if (r < 0) {
		crypto_secret_free(t.pin);
		return r;
	}
	t.pin[t.len] = '\0';
	ret->p = t.pin;
	ret->len = t.len;
	return 0;
}
