/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "util/err.h"
#include "util/text.h"

#define HELP_WIDTH 79
#define HELP_COLUMN 28	/* where the help of an option begins */

static bool
is_own(const struct cmd *cmd, const char *name)
{
	const struct cli_opt *o;

	for (o = cmd->opts; o->name; o++) {
		if (strcmp(o->name, name) == 0)
			return true;
	}
	return false;
}

static void
add_long(struct cli *c, size_t *n, const char *name, int has_arg, int key)
{
	if (*n + 1 >= CLI_OPTS_MAX)
		abort();
	c->longs[*n].name = name;
	c->longs[*n].has_arg = has_arg;
	c->longs[*n].flag = NULL;
	c->longs[*n].val = key;
	(*n)++;
}

/* Settings are written with '_', long options with '-'. */
static const char *const dashed_names[][2] = {
	{ "password_command", "password-command" },
	{ "passphrase_command", "passphrase-command" },
	{ "insecure_http", "insecure-http" },
};

static const char *
long_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(dashed_names) / sizeof(*dashed_names); i++) {
		if (strcmp(dashed_names[i][0], name) == 0)
			return dashed_names[i][1];
	}
	return name;
}

void
cli_init(struct cli *c, const struct cmd *cmd, int argc, char **argv,
    struct opts *o)
{
	const struct cli_opt *p;
	size_t n = 0, s = 0, i;

	memset(c, 0, sizeof(*c));
	c->cmd = cmd;
	c->argc = argc;
	c->argv = argv;
	c->opts = o;
	c->shorts[s++] = ':';	/* we write the messages */
	for (p = cmd->opts; p->name; p++) {
		int has = !p->arg ? no_argument : *p->arg == '[' ?
		    optional_argument : required_argument;

		add_long(c, &n, p->name, has, p->key);
		if (p->key < 256) {
			c->shorts[s++] = (char)p->key;
			if (has != no_argument)
				c->shorts[s++] = ':';
		}
	}
	for (i = 0; o && i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if (!(t->where & cmd->where & OPT_STORE) ||
		    is_own(cmd, long_name(t->name)))
			continue;
		add_long(c, &n, long_name(t->name), t->type == OPT_BOOL ?
		    no_argument : required_argument, KEY_TABLE + (int)i);
	}
	add_long(c, &n, "help", no_argument, 'h');
	c->shorts[s++] = 'h';
	optind = 0;	/* start anew, also after another table */
}

/* Text broken between words, from column `indent` on; col: where it begins. */
static void
help_wrap(const char *s, int indent, int col)
{
	char word[HELP_WIDTH + 1];
	bool is_first = true;
	size_t n;
	int w;

	for (; *s; s += n + strspn(s + n, " ")) {
		n = strcspn(s, " ");
		(void)snprintf(word, sizeof(word), "%.*s", (int)n, s);
		w = (int)tr_width(word);
		if (!is_first && col + 1 + w > HELP_WIDTH) {
			(void)printf("\n%*s", indent, "");
			col = indent;
			is_first = true;
		}
		(void)printf("%s%.*s", is_first ? "" : " ", (int)n, s);
		col += w + !is_first;
		is_first = false;
	}
	(void)putchar('\n');
}

static void
help_line(const char *left, const char *help)
{
	int w = (int)tr_width(left);

	(void)printf("%s", left);
	if (w > HELP_COLUMN - 2)
		(void)printf("\n%*s", HELP_COLUMN, "");
	else
		(void)printf("%*s", HELP_COLUMN - w, "");
	help_wrap(tr(help), HELP_COLUMN, HELP_COLUMN);
}

static void
help_own(const struct cli_opt *p)
{
	bool is_maybe = p->arg && *p->arg == '[';
	const char *arg = p->arg ? tr(p->arg) : "";
	char left[96];

	if (p->key < 256)
		(void)snprintf(left, sizeof(left), "  -%c, --%s%s%s", p->key,
		    p->name, p->arg ? " " : "", arg);
	else
		(void)snprintf(left, sizeof(left), "      --%s%s%s", p->name,
		    p->arg && !is_maybe ? " " : "", arg);
	help_line(left, p->help);
}

/* A row of the table of settings, written as an option. */
static void
help_row(const struct opt *t, const char *before, const char *name, char sep)
{
	char left[96], by[2] = { sep, '\0' };

	(void)snprintf(left, sizeof(left), "%s%s%s%s", before, name,
	    t->arg ? by : "", t->arg ? tr(t->arg) : "");
	help_line(left, t->help);
}

static void
help_print(const struct cmd *cmd)
{
	const struct cli_opt *p;
	size_t i;

	cli_out("Usage: coffre %s [OPTION]... %s\n\n", cmd->name,
	    tr(cmd->args));
	help_wrap(tr(cmd->about), 0, 0);
	(void)putchar('\n');
	for (p = cmd->opts; p->name; p++)
		help_own(p);
	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if ((t->where & cmd->where & OPT_STORE) &&
		    !is_own(cmd, long_name(t->name)))
			help_row(t, "      --", long_name(t->name), ' ');
	}
	help_line("  -h, --help", N_("show this help"));
	if (!(cmd->where & OPT_MOUNT))
		return;
	cli_out("\nOptions of -o, separated by commas "
	    "(also lines of NAME.conf):\n");
	for (i = 0; i < opts_count; i++) {
		if (opts_table[i].where & OPT_MOUNT)
			help_row(&opts_table[i], "  ", opts_table[i].name,
			    '=');
	}
}

static int
stop(struct cli *c, int code)
{
	c->exit_code = code;
	return CLI_STOP;
}

static int
take_args(struct cli *c)
{
	c->args = c->argv + optind;
	c->nargs = c->argc - optind;
	if (c->nargs < (int)c->cmd->args_min)
		return stop(c, cli_usage(c->cmd, "something is missing: "
		    "coffre %s %s", c->cmd->name, tr(c->cmd->args)));
	if (c->nargs > (int)c->cmd->args_max)
		return stop(c, cli_usage(c->cmd, "too many arguments: '%s'",
		    c->args[c->cmd->args_max]));
	return CLI_DONE;
}

int
cli_next(struct cli *c)
{
	struct err e = { "" };
	int key, r;

	for (;;) {
		key = getopt_long(c->argc, c->argv, c->shorts, c->longs, NULL);
		if (key == -1)
			return take_args(c);
		if (key == 'h') {
			help_print(c->cmd);
			return stop(c, fflush(stdout) == 0 ? 0 : EX_IOERR);
		}
		if (key == ':')
			return stop(c, cli_usage(c->cmd, "option '%s' needs a "
			    "value", c->argv[optind - 1]));
		if (key == '?')
			return stop(c, cli_usage(c->cmd, "unknown option "
			    "'%s'", c->argv[optind - 1]));
		if (key < KEY_TABLE)
			return key;
		r = opts_set(c->opts, &opts_table[key - KEY_TABLE], optarg,
		    &e);
		if (r < 0)
			return stop(c, cli_usage(c->cmd, "%s", e.msg));
	}
}

/* A store's words, or a file's name, are to do nothing to a terminal.  As
 * other programs get them they stay as they are. */
static void
vput(FILE *f, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
vput(FILE *f, const char *fmt, va_list ap)
{
	char *text;

	if (!isatty(fileno(f))) {
		(void)vfprintf(f, fmt, ap);
	} else if (vasprintf(&text, fmt, ap) >= 0) {
		text_clean(text);
		(void)fputs(text, f);
		free(text);
	}
}

static void
put(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(FILE *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vput(f, fmt, ap);
	va_end(ap);
}

/* In the reader's language. */
static void
vsay(FILE *f, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

static void
vsay(FILE *f, const char *fmt, va_list ap)
{
	char text[2 * TR_MAX], out[TR_MAX];

	if (tr(fmt) != fmt || !tr_is_on()) {
		vput(f, tr(fmt), ap);
		return;
	}
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	put(f, "%s", tr_text(text, out));
}

int
cli_usage(const struct cmd *cmd, const char *fmt, ...)
{
	va_list ap;

	cli_progress_end();
	(void)fputs("coffre: ", stderr);
	va_start(ap, fmt);
	vsay(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	cli_note("'coffre %s%s--help' says how it is used",
	    cmd ? cmd->name : "", cmd ? " " : "");
	return EX_USAGE;
}

int
cli_exit_code(int r)
{
	switch (-r) {
	case 0:
		return EX_OK;
	case EINVAL:
	case ERANGE:
		return EX_CONFIG;
	case ENOENT:
	case EEXIST:
	case ENOTDIR:
	case ENOTEMPTY:
	case ENOTTY:
		return EX_NOINPUT;
	case EKEYREJECTED:
	case ENOKEY:
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	case EBUSY:
	case EHOSTUNREACH:
	case ETIMEDOUT:
	case EINTR:
	case ECANCELED:
		return EX_TEMPFAIL;
	case EHOSTDOWN:
	case ENOTCONN:
	case ENODEV:
		return EX_UNAVAILABLE;
	case EPROTO:
		return EX_PROTOCOL;
	case EBADMSG:
		return EX_DATAERR;
	case ENOSPC:
	case EROFS:
		return EX_CANTCREAT;
	case ENOMEM:
		return EX_OSERR;
	default:
		return EX_IOERR;
	}
}

int
cli_fail(int r, const struct err *e)
{
	cli_note("%s", e && e->msg[0] ? e->msg : strerror(-r));
	return cli_exit_code(r);
}

void
cli_note(const char *fmt, ...)
{
	va_list ap;

	cli_progress_end();
	(void)fputs("coffre: ", stderr);
	va_start(ap, fmt);
	vsay(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

void
cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(stdout, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stdout);
}

void
cli_out(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsay(stdout, fmt, ap);
	va_end(ap);
}

void
cli_out_n(uint64_t n, const char *one, const char *many, ...)
{
	va_list ap;

	va_start(ap, many);
	vput(stdout, tr_n(one, many, n), ap);
	va_end(ap);
}

void
cli_say_n(uint64_t n, const char *one, const char *many, ...)
{
	va_list ap;

	va_start(ap, many);
	vput(stdout, tr_n(one, many, n), ap);
	va_end(ap);
	(void)fputc('\n', stdout);
}

void
cli_note_n(uint64_t n, const char *one, const char *many, ...)
{
	va_list ap;

	cli_progress_end();
	(void)fputs("coffre: ", stderr);
	va_start(ap, many);
	vput(stderr, tr_n(one, many, n), ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

int
cli_number(const char *s, uint64_t lo, uint64_t hi, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (*s < '0' || *s > '9')
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end || errno || v < lo || v > hi)
		return -EINVAL;
	*ret = v;
	return 0;
}

const char *
cli_size(uint64_t bytes, char out[static 32])
{
	static const char *const units[] = { N_("B"), N_("KiB"), N_("MiB"),
	    N_("GiB"), N_("TiB"), N_("PiB"), N_("EiB") };
	char *unit = strchr(size_format(bytes, out), ' ') + 1, *dot;
	size_t i;

	dot = strchr(out, '.');
	if (dot)
		*dot = _("0.5")[1];	/* how a fraction is written */
	for (i = 0; strcmp(units[i], unit) != 0; i++)
		;
	(void)snprintf(unit, 8, "%s", tr(units[i]));
	return out;
}

void
cli_progress(const char *fmt, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	(void)fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	vsay(stderr, fmt, ap);
	va_end(ap);
	(void)fflush(stderr);
}

void
cli_progress_end(void)
{
	cli_progress("%s", "");
}
