/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "net/s3_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
on_key(void *arg, const char *key, uint64_t size)
{
	(void)arg;
	if (!*key)
		abort();
	return size == 4711 ? 1 : 0;
}

static int
on_version(void *arg, const struct s3_version *v)
{
	(void)arg;
	if (!v->key[0] || !v->id[0] || strlen(v->key) >= S3_TOKEN_MAX)
		abort();
	return strcmp(v->id, "stop") == 0 ? 1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct s3_list_end le;
	static struct s3_versions_end ve;
	enum s3_versioning v;
	struct s3_lifecycle lc;
	struct s3_error e;
	struct s3_lock lock;

	(void)s3_xml_list(data, len, on_key, NULL, &le);
	(void)s3_xml_versions(data, len, on_version, NULL, &ve);
	if (s3_xml_error(data, len, &e) == 0 && (!e.code[0] ||
	    !memchr(e.message, 0, sizeof(e.message))))
		abort();
	(void)s3_xml_versioning(data, len, &v);
	(void)s3_xml_lock(data, len, &lock);
	(void)s3_xml_lifecycle(data, len, "drive/", &lc);
	return 0;
}
