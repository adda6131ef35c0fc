/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "net/swift_json.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
on_entry(void *arg, const struct swift_entry *en)
{
	(void)arg;
	if (!en->name[0] || !en->version)
		abort();
	return en->size == 4711 ? 1 : 0;
}

/* What we say must be read again, whatever a name is made of. */
static void
login_try(const uint8_t *data, size_t len)
{
	struct buf text = BUF_INIT(1u << 20), out = BUF_INIT(1u << 20);
	struct swift_login l = { .password = "p", .project = "x",
	    .domain_id = "default" };
	char msg[64];

	(void)buf_put(&text, data, len);
	l.user = buf_cstr(&text);
	if (l.user && swift_json_login(&l, &out) == 0 &&
	    swift_json_error(out.data, out.len, msg, sizeof(msg)) == 0)
		abort();
	buf_done(&text);
	buf_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct swift_token t;
	struct swift_info i;
	char msg[64];
	size_t n;

	if (swift_json_token(data, len, "R", "public", &t) == 0 &&
	    (strlen(t.storage) > URL_MAX || t.life_s < 0))
		abort();
	(void)swift_json_token(data, len, NULL, "public", &t);
	(void)swift_json_list(data, len, on_entry, NULL, &n);
	(void)swift_json_info(data, len, &i);
	if (swift_json_error(data, len, msg, sizeof(msg)) == 0 &&
	    !memchr(msg, 0, sizeof(msg)))
		abort();
	login_try(data, len);
	return 0;
}
