/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_STATUS_H
#define STORE_STATUS_H

#include <stdbool.h>
#include <stdint.h>

/* status - what stores behind HTTP share. */

/* The result for a status that is not 2xx, as DESIGN.md has it. */
int status_result(int status, bool is_write);

/*
 * A refusal of the credentials is remembered: the server is left alone for a
 * while, longer each time, because some lock an account that is tried too
 * often.  The caller locks.
 */
struct status_refusal {
	int64_t until_ms, wait_ms;
};
void status_refused(struct status_refusal *f);
bool status_is_refused(const struct status_refusal *f);

#endif
