/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_MIRROR_EACH_H
#define STORE_MIRROR_EACH_H

#include <stdbool.h>
#include <stddef.h>

struct store;

/*
 * Each member that owes nothing but what nobody can give: those that are away,
 * as far as is known, or those that are not.  What a put was done with is on
 * every one of them, but for that; and no head there is old.
 * While fn runs its member stays one.  s is a mirror: see store_mirror_count.
 */
void store_mirror_each(struct store *s, bool is_away,
    void (*fn)(void *arg, size_t i, const char *id, struct store *member),
    void *arg);

#endif
