/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "net/nc_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

/* What a Nextcloud says; nothing that is taken may be empty. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	char id[NC_TEXT_MAX];
	struct nc_grant g;
	struct nc_flow f;
	struct nc_caps c;

	if (nc_json_flow(p, len, &f) == 0 && (!f.token[0] || !f.login[0]))
		abort();
	if (nc_json_grant(p, len, &g) == 0 && (!g.user[0] || !g.password[0]))
		abort();
	if (nc_json_user(p, len, id) == 0 && !id[0])
		abort();
	(void)nc_json_caps(p, len, &c);
	return 0;
}
