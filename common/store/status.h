/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_STATUS_H
#define STORE_STATUS_H

#include <stdbool.h>

/* status - what stores behind HTTP share. */

/* The result for a status that is not 2xx, as DESIGN.md has it. */
int status_result(int status, bool is_write);

#endif
