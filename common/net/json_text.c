/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/json_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

/* At least as many as there are: each comes first in something, or behind a
 * comma. */
static size_t
values_count(const uint8_t *p, size_t len)
{
	bool is_text = false;
	size_t i, n = 1;

	for (i = 0; i < len; i++) {
		if (is_text && p[i] == '\\')
			i++;
		else if (p[i] == '"')
			is_text = !is_text;
		else if (!is_text)
			n += p[i] == '[' || p[i] == '{' || p[i] == ',';
	}
	return n;
}

int
json_text_load(const void *p, size_t len, json_t **ret)
{
	json_error_t e;

	if (values_count(p, len) > JSON_VALUES_MAX)
		return -EPROTO;
	*ret = json_loadb(p, len, JSON_REJECT_DUPLICATES, &e);
	if (*ret)
		return 0;
	return json_error_code(&e) == json_error_out_of_memory ? -ENOMEM :
	    -EPROTO;
}
