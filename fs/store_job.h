/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_STORE_JOB_H
#define FS_STORE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control_req;
struct drive;
struct err;
struct opts;
struct store;
struct sync;
struct vault_keys;

/*
 * store_job - what is done to the stores of a drive as a whole, by the daemon
 * of one that is mounted or by a command.  One at a time: they work on members
 * by their index.
 */
struct store_job {
	const char *name;		/* of the drive */
	const struct opts *opts;	/* likewise */
	struct store *store;		/* as stores_join makes it */
	struct drive *drive;
	const struct vault_keys *keys;
	struct sync *sync;		/* NULL: it is not mounted */
	void (*say)(void *arg, const char *text);
	/* what: one of these words; false: break off. */
#define STORE_JOB_LISTED "listed"
#define STORE_JOB_QUEUED "to copy"
#define STORE_JOB_UNREAD "to read"
	bool (*progress)(void *arg, const char *what, uint64_t objects);
	void *arg;
};

/* What a CONTROL_STORE_* asks for. */
int store_job_run(const struct store_job *j, const struct control_req *q,
    struct err *e);

/* ---- the parts ---- */

/* The store that stands under STORES_NEW becomes one of the drive, or, if it
 * is one, is filled again.  Broken off by progress in the end: -ECANCELED, and
 * the copying goes on. */
int store_job_add(const struct store_job *j, bool is_later, struct err *e);
/* Reads what the others hold first, or so many bytes of each (0: all).
 * is_lost: what only it has is given up. */
int store_job_remove(const struct store_job *j, unsigned number,
    bool is_lost, uint64_t budget, struct err *e);
int store_job_check(const struct store_job *j, struct err *e);
/* Until what is queued has gone.  -ENODATA: it has, but for what no store can
 * give that another lacks. */
int store_job_wait(const struct store_job *j, struct err *e);
/* The member that is this store; -ENOENT with a message. */
int store_job_member(const struct store_job *j, const char *url,
    size_t *ret, struct err *e);
void store_job_say(const struct store_job *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* N or URL to the number of a store of the drive; -ENOENT with a message. */
int store_number(const char *drive, const char *arg, unsigned *ret,
    struct err *e);

/* Names and sizes of everything on a store. */
struct names;
int names_list(const struct store_job *j, struct store *s,
    struct names **ret, struct err *e);
void names_free(struct names *n);
size_t names_count(const struct names *n);
/* Is it there with this size, or a greater one? */
bool names_has(const struct names *n, const char *name, uint64_t size);
/* Where the other listing knows of a greater size of a name, that counts. */
void names_raise(struct names *n, const struct names *by);
/* fn for each, until it returns other than 0. */
int names_each(const struct names *n, int (*fn)(void *arg, const char *name,
    uint64_t size), void *arg);

#endif
