/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_STORE_TAP_H
#define TESTS_STORE_TAP_H

#include "store/store.h"

/*
 * store_tap - a wrapper that a test holds on to: it sees what is put and got
 * before the store does, and can close the way.
 */
struct tap_see {
	/* NULL if not wanted.  in is what the tap wraps. */
	void (*put)(void *arg, struct store *in, const char *name,
	    const void *p, size_t len);
	void *arg;
	/* Of a part of an object. */
	void (*get)(void *arg, const char *name);
	/* Of a whole one, which fails so if it is not 0. */
	int (*whole)(void *arg, const char *name);
};

/* Takes over in. */
int store_tap_new(struct store *in, const struct tap_see *see,
    struct store **ret);
/* From now on every call fails with r; 0: none does. */
void store_tap_fail(struct store *s, int r);
/* Puts only. */
void store_tap_fail_puts(struct store *s, int r);
/* Only those of names with part in them (NULL: none), as out of reach; part
 * stays the caller's. */
void store_tap_fail_part(struct store *s, const char *part);
/* Those of the puts and gets of whole objects that are held go on; the next n
 * are held, until this is called again or the store is interrupted. */
void store_tap_hold(struct store *s, int n);

#endif
