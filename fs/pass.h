/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PASS_H
#define FS_PASS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

/* pass - passphrases, passwords and recovery keys from the user: a prompt
 * without echo, a descriptor, a command.  Never from the command line. */

#define PASS_MAX 1024	/* bytes, without the line's end */
#define PASS_COMMAND_MS 60000	/* what a command may take */

struct secret {
	char *p;	/* with a NUL; NULL: none */
	size_t len;
};

struct pass_from {
	int fd;			/* -1: not from a descriptor */
	const char *command;	/* NULL: no command */
};

/*
 * From the descriptor, else the command's first line, else asked on the
 * terminal (twice, and compared, when it is a new one).  what is said to the
 * user: "passphrase of drive 'home'".  -EINVAL: empty, too long, the two
 * differ; -ENOTTY: there is no terminal to ask on.
 */
int pass_read(const struct pass_from *f, const char *what, bool is_new,
    struct secret *ret, struct err *e);
/* Could somebody be asked? */
bool pass_has_terminal(void);
/* The command's first line, for who serves others meanwhile: it is ended after
 * ms (-ETIMEDOUT), or soon when *stop is set (-ECANCELED). */
int pass_read_command(const char *command, int ms, const atomic_bool *stop,
    struct secret *ret, struct err *e);
/* Ask once on that terminal, without echo; may come out empty.  -EINTR:
 * ^C; -ECANCELED: ^D. */
int pass_ask(int tty, const char *what, struct secret *ret);
/* The first line of a file that only the user may read (-EPERM). */
int pass_read_file(const char *path, struct secret *ret, struct err *e);
/* The same of a file that a service manager keeps for us alone; it has its
 * own way with modes. */
int pass_read_credential(const char *path, struct secret *ret, struct err *e);
/* Wipe and free. */
void pass_done(struct secret *s);

#endif
