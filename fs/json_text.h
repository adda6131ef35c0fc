/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_JSON_TEXT_H
#define FS_JSON_TEXT_H

#include <jansson.h>

struct buf;

/*
 * json_text - text from elsewhere in JSON.  What is no UTF-8 (a path, the
 * words of a server) has question marks instead.
 */

json_t *json_text(const char *s);
/* Append each line of b, 1023 bytes of it at most. */
void json_text_lines(json_t *all, struct buf *b);

#endif
