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

#define HELP_WIDTH 79

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

/* A paragraph, broken between words. */
static void
help_wrap(const char *s)
{
	size_t col = 0, n;

	for (; *s; s += n + strspn(s + n, " ")) {
		n = strcspn(s, " ");
		if (col > 0 && col + 1 + n > HELP_WIDTH) {
			(void)putchar('\n');
			col = 0;
		}
		(void)printf("%s%.*s", col ? " " : "", (int)n, s);
		col += n + (col > 0);
	}
	(void)putchar('\n');
}

static void
help_line(const char *left, const char *help)
{
	if (strlen(left) > 26)
		(void)printf("%s\n%28s%s\n", left, "", help);
	else
		(void)printf("%-28s%s\n", left, help);
}

static void
help_print(const struct cmd *cmd)
{
	char left[96];
	const struct cli_opt *p;
	size_t i;

	(void)printf("Usage: coffre %s [OPTION]... %s\n\n", cmd->name,
	    cmd->args);
	help_wrap(cmd->about);
	(void)putchar('\n');
	for (p = cmd->opts; p->name; p++) {
		bool is_maybe = p->arg && *p->arg == '[';

		if (p->key < 256)
			(void)snprintf(left, sizeof(left), "  -%c, --%s%s%s",
			    p->key, p->name, p->arg ? " " : "",
			    p->arg ? p->arg : "");
		else
			(void)snprintf(left, sizeof(left), "      --%s%s%s",
			    p->name, p->arg && !is_maybe ? " " : "",
			    p->arg ? p->arg : "");
		help_line(left, p->help);
	}
	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if (!(t->where & cmd->where & OPT_STORE) ||
		    is_own(cmd, long_name(t->name)))
			continue;
		(void)snprintf(left, sizeof(left), "      --%s%s%s",
		    long_name(t->name), t->arg ? " " : "",
		    t->arg ? t->arg : "");
		help_line(left, t->help);
	}
	help_line("  -h, --help", "show this help");
	if (!(cmd->where & OPT_MOUNT))
		return;
	(void)printf("\nOptions of -o, separated by commas "
	    "(also lines of NAME.conf):\n");
	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if (!(t->where & OPT_MOUNT))
			continue;
		(void)snprintf(left, sizeof(left), "  %s%s%s", t->name,
		    t->arg ? "=" : "", t->arg ? t->arg : "");
		help_line(left, t->help);
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
		    "coffre %s %s", c->cmd->name, c->cmd->args));
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

int
cli_usage(const struct cmd *cmd, const char *fmt, ...)
{
	char msg[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	cli_note("%s", msg);
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
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

void
cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(stdout, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stdout);
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

void
cli_progress(const char *fmt, ...)
{
	va_list ap;

	if (!isatty(STDERR_FILENO))
		return;
	(void)fputs("\r\033[K", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fflush(stderr);
}

void
cli_progress_end(void)
{
	cli_progress("%s", "");
}
