/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CLI_H
#define FS_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "fs/opts.h"
#include "util/tr.h"

struct err;

/*
 * cli - a command's words: options by getopt_long(3), help made from the same
 * tables, messages, and what results are as exit codes (sysexits.h).
 */

struct cli_opt {
	const char *name;	/* long */
	int key;		/* a letter: the short option too; else > 255 */
	const char *arg;	/* NULL: none; "[X]": may be left out */
	const char *help;
};

struct cmd {
	const char *name;
	const char *args;	/* "NAME [MOUNTPOINT]" */
	const char *summary;	/* one line */
	const char *about;	/* a paragraph for --help */
	const struct cli_opt *opts;	/* ends with a NULL name */
	unsigned where;		/* options of opts_table: OPT_STORE as long
				 * ones, OPT_MOUNT listed for -o */
	unsigned args_min, args_max;
	int (*run)(const struct cmd *c, int argc, char **argv);
};

extern const struct cmd cmd_setup, cmd_init, cmd_mount, cmd_unmount,
    cmd_status, cmd_store, cmd_scrub, cmd_sync, cmd_fsck, cmd_cache,
    cmd_recover, cmd_fingerprint, cmd_trust, cmd_autostart, cmd_unlock,
    cmd_lock, cmd_keyring, cmd_pin, cmd_unpin, cmd_places,
    cmd_version;
/* A command of "coffre cache". */
extern const struct cmd cmd_cache_free;
/* "coffre mount --supervise NAME" where a login wants it and nobody looks: it
 * comes up locked rather than ask.  The exit code. */
int cmd_mount_login(const char *name);

#define CLI_OPTS_MAX 64

struct cli {
	const struct cmd *cmd;
	int argc;
	char **argv;
	struct opts *opts;	/* where OPT_STORE options go; may be NULL */
	struct option longs[CLI_OPTS_MAX];
	char shorts[CLI_OPTS_MAX * 3];
	int exit_code;		/* when cli_next has returned CLI_STOP */
	char **args;		/* after CLI_DONE: what is no option */
	int nargs;
};

enum { CLI_DONE = 0, CLI_STOP = -1 };

void cli_init(struct cli *c, const struct cmd *cmd, int argc, char **argv,
    struct opts *o);
/* The key of the next option (its argument in optarg), CLI_DONE, or CLI_STOP:
 * return exit_code (help was printed, or a usage error). */
int cli_next(struct cli *c);
/* A usage error: message, and how to get help.  Returns EX_USAGE. */
int cli_usage(const struct cmd *cmd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "coffre: message" on standard error; returns the exit code for r. */
int cli_fail(int r, const struct err *e);
/* These speak the reader's language: fmt is looked up, and what fmt says
 * nothing of itself ("%s"), as a text.  cli_out: no line, but a part of one. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_out(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* One of two formats, as the language counts n. */
void cli_say_n(uint64_t n, const char *one, const char *many, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
void cli_out_n(uint64_t n, const char *one, const char *many, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
void cli_note_n(uint64_t n, const char *one, const char *many, ...)
    __attribute__((format(printf, 2, 4), format(printf, 3, 4)));
/* "coffre: …" without a failure. */
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_exit_code(int r);
/* size_format() for a person. */
const char *cli_size(uint64_t bytes, char out[static 32]);
/* A number from optarg between lo and hi; -EINVAL. */
int cli_number(const char *s, uint64_t lo, uint64_t hi, uint64_t *ret);

/* One line on a terminal that is written over; nothing where standard error
 * is none. */
void cli_progress(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
void cli_progress_end(void);

/* Options that commands share. */
enum {
	KEY_PASSPHRASE_FD = 300,
	KEY_PASSPHRASE_COMMAND,
	KEY_PASSWORD_FD,
	KEY_STORE,
	KEY_RECOVERY_FD,
	KEY_RECOVERY_FILE,
	KEY_JSON,
	KEY_WAIT,
	KEY_REPAIR,
	KEY_REMOTE,
	KEY_FREE,
	KEY_LIMIT,
	KEY_LAZY,
	KEY_STALE,
	KEY_LOCKED,
	KEY_FORCE,
	KEY_SUPERVISE,
	KEY_QUIET,
	KEY_ACCEPT,
	KEY_YES,
	KEY_LATER,
	KEY_LOST,
	KEY_BUDGET,
	KEY_ALL,
	KEY_GUI,
	KEY_TABLE,		/* from opts_table: index + KEY_TABLE */
};

#endif
