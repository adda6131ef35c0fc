/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

/*
 * hash - uthash, that says when memory has run out instead of ending the
 * process: look at HASH_IS_OUT(e) after each HASH_ADD of e.
 */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* e was not added: it is in no table. */
#define HASH_IS_OUT(e) ((e)->hh.tbl == NULL)

#endif
