/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_ACCESS_H
#define STORE_ACCESS_H

#include <stdbool.h>
#include <sys/stat.h>

struct err;
struct store;
struct store_conf;

/* access - who we are to a store: what a store_conf says of that, kept. */

/* A file's state: when it differs, so may what is in it. */
struct who_file {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct who {
	char *user, *password;		/* NULL: none */
	char *ca_file, *pin, *key_file;
	struct who_file ca, key;
	bool is_insecure_http;
};

/* Copy it out of c; -ENOMEM.  The secret is locked in memory. */
int who_take(struct who *ret, const struct store_conf *c);
/* Wipe and free. */
void who_done(struct who *w);
/* Into c, which borrows it. */
void who_give(const struct who *w, struct store_conf *c);
bool who_same(const struct who *a, const struct who *b);
/* Is there a secret that we know ourselves?  An agent has others. */
bool who_has_secret(const struct who *w);

/*
 * A backend that is opened anew when who we are has changed (store_conf.source)
 * and is left alone when that was refused.  0 too where a source is given and
 * it cannot be opened now: e then says why, and so do calls, with -EACCES.
 * Takes over conf->source, also on error.
 */
int store_access_new(const char *address, const struct store_conf *conf,
    struct store **ret, struct err *e);

#endif
