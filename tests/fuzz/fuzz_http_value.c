/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "net/http_value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *s = malloc(len + 1);
	uint64_t first, last, total, v;
	int64_t ms, q, t;
	int status;

	if (!s)
		return 0;
	if (len)
		memcpy(s, data, len);
	s[len] = '\0';
	if (http_retry_after(s, 1700000000, &ms) == 0 &&
	    (ms < 0 || ms > 86400000))
		abort();
	/* Of a date, what is to be waited for is how far off it is. */
	if (http_number(s, &v) < 0 && http_date(s, &t) == 0 &&
	    (http_retry_after(s, t, &ms) < 0 || ms > 0))
		abort();
	if (http_content_range(s, &first, &last, &total) == 0 &&
	    (last < first || last >= total))
		abort();
	(void)http_number(s, &v);
	if (http_quota(s, &q) == 0 && q < 0 && !strchr(s, '-'))
		abort();
	if (http_status(s, &status) == 0 && (status < 100 || status > 599))
		abort();
	free(s);
	return 0;
}
