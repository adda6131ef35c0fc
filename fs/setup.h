/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_SETUP_H
#define FS_SETUP_H

#include <stdbool.h>

#include "fs/cli.h"
#include "fs/parts.h"
#include "fs/pass.h"

struct err;

/* setup - what init and recover share: options, the secrets to ask for, the
 * files that make a drive known on this machine. */

struct setup {
	struct parts parts;
	struct pass_from passphrase_from, password_from;
	struct secret passphrase, password;
	int recovery_fd;		/* recover; -1: not given */
	const char *recovery_file;	/* init: to write; recover: to read */
	bool has_url;
	bool is_resumed;		/* a recovery that was interrupted */
};

#define SETUP_OPTS \
	{ "store", KEY_STORE, N_("URL"), \
	    N_("where the drive's objects are kept") }, \
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"), \
	    N_("read the new passphrase from descriptor N") }, \
	{ "password-fd", KEY_PASSWORD_FD, N_("N"), \
	    N_("read the store's password from descriptor N") }

/* Nothing known yet. */
void setup_init(struct setup *s);
/* Read the words.  false: return *ret_code (help, or a usage error).  s is to
 * be given to setup_done in either case. */
bool setup_begin(struct setup *s, const struct cmd *cmd, int argc,
    char **argv, int *ret_code);
void setup_done(struct setup *s);
/* Refuse a name that is taken (-EEXIST) or bad; make paths absolute.  A name
 * that has keys and no configuration is one being recovered. */
int setup_check(struct setup *s, bool is_recovery, struct err *e);
/* Of that the name of a new drive alone. */
int setup_check_name(const struct setup *s, struct err *e);
/* Make the paths in a store's settings absolute. */
int setup_absolute(struct opts *o, struct err *e);
int setup_passphrase(struct setup *s, struct err *e);
/* Get the store's password if it wants one, and open it. */
int setup_store(struct setup *s, struct err *e);
/* Write password file and configuration, which comes last: a drive without one
 * is none yet on this machine. */
int setup_save(struct setup *s, struct err *e);
/* This device's label: of the settings, or the host's name. */
void setup_label(const struct opts *o, char out[static 64]);

#endif
