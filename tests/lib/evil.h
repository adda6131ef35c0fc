/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_EVIL_H
#define TESTS_EVIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/*
 * evil - a store in memory that keeps everything it was ever given, writes
 * down every request, and lies as a test tells it to: older states of all or
 * of one object, other bytes, objects gone, swapped or doubled, listings that
 * are wrong, each client in a history of its own.
 *
 * Each client has a handle of its own (a struct store, closed with
 * store_close); the core lives until its last handle is closed.  Failures end
 * the test.
 */
struct evil;

struct store *evil_open(struct evil **ret);
struct store *evil_client(struct evil *e);

/* ---- states ---- */

/* The state after all that has been put so far. */
uint64_t evil_now(struct evil *e);
/* This client sees that state and, on top of it, what it puts from now on:
 * all others go on without it. */
void evil_rollback(struct store *client, uint64_t at);
/* `other` is shown what `client` is. */
void evil_share(struct store *client, struct store *other);
/* What is true and what all have put, again. */
void evil_truth(struct store *client);

/* ---- lies about one object, to everybody ---- */

void evil_serve(struct evil *e, const char *name, const void *p, size_t len);
void evil_flip(struct evil *e, const char *name, size_t bit);
void evil_cut(struct evil *e, const char *name, size_t len);
void evil_drop(struct evil *e, const char *name);
/* Under name stands what was put under other. */
void evil_swap(struct evil *e, const char *name, const char *other);
/* The version before the newest. */
void evil_older(struct evil *e, const char *name);
/* No lie about any object any more. */
void evil_honest(struct evil *e);

/* ---- lies about all of them ---- */

enum evil_lies {
	EVIL_LIST_EMPTY = 1 << 0,	/* there is nothing */
	EVIL_LIST_HALF = 1 << 1,	/* every second one */
	EVIL_LIST_SIZES = 1 << 2,	/* any size */
	EVIL_LIST_MORE = 1 << 3,	/* names nobody has put */
	EVIL_LIST_TWICE = 1 << 4,
	EVIL_IGNORE_ABSENT = 1 << 5,	/* put over what is there */
	EVIL_UNPROBED = 1 << 6,		/* what it can do must be asked */
	EVIL_LIST_REST = 1 << 7,	/* what EVIL_LIST_HALF leaves out */
};
void evil_lie(struct evil *e, unsigned lies);
/* Listings are of that state, all else is of now; 0: no more. */
void evil_list_old(struct evil *e, uint64_t at);

/* ---- what there is ---- */

/* The true bytes, malloc'd; NULL: there is none. */
uint8_t *evil_get(struct evil *e, const char *name, size_t *ret_len);
/* The i-th name that contains part, in order of names; NULL: no more.
 * Borrowed. */
const char *evil_name(struct evil *e, const char *part, size_t i);
size_t evil_count(struct evil *e, const char *part);
/* How often that name was written. */
size_t evil_versions(struct evil *e, const char *name);

/* ---- what was asked ---- */

struct evil_req {
	char what;		/* Put, Absent (put if), Get, Range, Delete,
				 * List, proBe: the capital letter */
	char name[160];
	uint64_t off;
	size_t len;
};
size_t evil_reqs(struct evil *e);
struct evil_req evil_req(struct evil *e, size_t i);
/* Requests of these kinds from the i-th on whose name contains part. */
size_t evil_asked(struct evil *e, size_t from, const char *what,
    const char *part);

#endif
