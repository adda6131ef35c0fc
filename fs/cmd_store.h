/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CMD_STORE_H
#define FS_CMD_STORE_H

#include "fs/cli.h"
#include "fs/control_msg.h"
#include "fs/parts.h"
#include "fs/pass.h"

/* cmd_store - what the commands of "coffre store" share. */

extern const struct cmd cmd_store_add, cmd_store_remove, cmd_store_list,
    cmd_store_check, cmd_store_password, cmd_store_probe,
    cmd_store_presets;

#define STORE_PASS_OPTS \
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"), \
	    N_("read the drive's passphrase from descriptor N") }
#define STORE_PASSWORD_OPT \
	{ "password-fd", KEY_PASSWORD_FD, N_("N"), \
	    N_("read the store's password from descriptor N") }

/* The words of one of them. */
struct store_words {
	struct opts opts;		/* of the store that is meant */
	struct pass_from passphrase_from, password_from;
	bool is_json, is_later, is_lost;
	uint64_t budget;
	char **args;
	int nargs;
};

/* false: return *ret_code.  Done with opts_done(&w->opts) in either case. */
bool store_words(struct store_words *w, const struct cmd *cmd, int argc,
    char **argv, int *ret_code);
/* The frame of those that end with what fn answers: 0, or -errno with a
 * message.  Returns the exit code. */
int store_command(const struct cmd *cmd, int argc, char **argv,
    int (*fn)(struct store_words *w, struct err *e));
/* Open the store of w->opts with its password (asked for if need be). */
int store_words_open(struct store_words *w, const struct opts *drive,
    struct secret *password, struct store **ret, struct err *e);
/* Is a drive there?  -ENOENT; with a message. */
int store_drive_check(struct store *s, struct err *e);
/* Run a job on the stores of a drive: in the daemon where it is mounted, here
 * where it is not. */
int store_run(const char *name, const struct store_words *w,
    const struct control_req *q, struct err *e);

#endif
