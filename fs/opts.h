/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_OPTS_H
#define FS_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/tr.h"

struct err;

/*
 * opts - the settings of a drive, from one table: what may stand in its
 * configuration file, behind "mount -o" and as a long option of a command all
 * come from it, and so do the help texts.
 */

enum opt_type {
	OPT_BOOL = 1,		/* yes, no; alone: yes */
	OPT_UINT = 2,
	OPT_SIZE = 3,		/* bytes, with K, M, G, T */
	OPT_TEXT = 4,
	OPT_LEVEL = 5,		/* error, warn, info, debug */
	OPT_ALLOW = 6,		/* deny, allow, seed */
	OPT_SPARE = 7,		/* pause, use */
};

/* Where an option may stand. */
enum opt_where {
	OPT_CONF = 1 << 0,	/* NAME.conf: name = value */
	OPT_MOUNT = 1 << 1,	/* mount -o name=value */
	OPT_STORE = 1 << 2,	/* --name VALUE of init and recover */
};

/* Texts are owned and NULL where not set. */
struct opts {
	char *store;
	char *label;
	char *mountpoint;
	char *title, *icon;
	char *user;
	char *ca;
	char *pin;
	char *key;
	char *country, *law, *provider;	/* of this store */
	char *countries, *laws, *providers;
	char *passphrase_command;
	char *password_command;
	char *pinentry;
	char *log;
	bool insecure_http;
	bool allow_other;
	bool ro;
	uint64_t log_level;	/* enum log_level */
	uint64_t cache, stage, floor, memory, readahead;	/* bytes */
	uint64_t up, down;	/* bytes a second */
	uint64_t connections;
	uint64_t timeout, quiet, drain, attr_timeout;	/* seconds */
	uint64_t lock_after;	/* seconds; 0: never */
	uint64_t remember;	/* seconds; 0: not at all */
	uint64_t checkpoint;	/* segments */
	uint64_t copies;
	uint64_t thumbnails;	/* enum opt_thumbnails */
	uint64_t unasked;	/* bytes a minute */
	bool notify;
	bool lock_at_suspend;
	uint64_t metered;	/* enum opt_metered */
	uint64_t set;		/* bit n: opts_table[n] was set */
	char *kernel;		/* mount options passed on to the kernel */
	bool nosymfollow;	/* likewise; the FUSE library has no word */
	bool nodiratime;
};

struct opt {
	const char *name;
	enum opt_type type;
	unsigned where;		/* enum opt_where */
	size_t off;		/* of the field in struct opts */
	uint64_t def, min, max;	/* of numbers */
	const char *arg;	/* what the value is, for help; NULL: none */
	const char *help;	/* one line */
};

enum opt_thumbnails {
	THUMBNAILS_DENY = 0,
	THUMBNAILS_ALLOW = 1,
	THUMBNAILS_SEED = 2,
};

enum opt_metered {
	METERED_PAUSE = 0,
	METERED_USE = 1,
};

extern const struct opt opts_table[];
extern const size_t opts_count;

#define OPT_TEXT_MAX 4096	/* bytes of a text value */

/* Everything at its default. */
void opts_init(struct opts *o);
void opts_done(struct opts *o);
/* The option of that name which may stand there; NULL. */
const struct opt *opts_find(const char *name, unsigned where);
bool opts_is_set(const struct opts *o, const struct opt *t);
/* Set one.  value NULL: a switch that stands alone.  -EINVAL with a message
 * that names the option, -ERANGE likewise. */
int opts_set(struct opts *o, const struct opt *t, const char *value,
    struct err *e);
/* Back to its default. */
void opts_unset(struct opts *o, const struct opt *t);
/* A list as behind -o: name[=value],…; "\," is a comma in a value.  What
 * mount(8) adds for every file system is taken too. */
int opts_parse_list(struct opts *o, const char *list, struct err *e);
/* The value as the file has it; "" if it is a text that is not set. */
const char *opts_format(const struct opts *o, const struct opt *t,
    char out[static 32]);

#endif
