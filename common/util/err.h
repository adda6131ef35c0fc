/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

/*
 * err - what results mean, the same everywhere.
 *
 * Every fallible function returns 0 (or a count) or a negative errno:
 *	-EBADMSG	a tag, signature or checksum did not verify
 *	-EPROTO		the remote talks nonsense, or an object does not parse
 *	-ETIMEDOUT	no answer in time: it may have happened
 *	-EHOSTUNREACH	it did not happen; worth trying again
 *	-EACCES		refused: credentials, or permissions
 *	-EFBIG		over a limit of ours
 *	-ENOSPC		no room, here or (from a store) there
 *	-ECANCELED	asked to stop
 * Set-up and configuration calls also fill a message for a person: what is
 * wrong and what to do about it.  The data path never formats text.
 */

struct err {
	char msg[512];
};

/*
 * Write a message into e (NULL is allowed) and return r, so that a failing
 * branch is one line.  Lower case, no full stop, subjects in single quotes.
 */
int err_set(struct err *e, int r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "text: " in front of the message, or of strerror(-r) if there is none. */
int err_wrap(struct err *e, int r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
