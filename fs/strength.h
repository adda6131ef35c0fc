/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_STRENGTH_H
#define FS_STRENGTH_H

#include <stddef.h>

/*
 * strength - how hard a passphrase is to guess, roughly: what is typed by
 * people is letters that follow from the ones before, rows of keys, and
 * repetitions, and these count little.  A hint, no proof; a random word that
 * looks like language is better than said here.
 */

#define STRENGTH_FAIR 45	/* bits; below it is weak */
#define STRENGTH_GOOD 65

/* Bits; no more than 256. */
unsigned strength_bits(const char *p, size_t len);

#endif
