/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "net/dav_xml.h"
#include "net/url.h"
#include "util/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int
on_entry(void *arg, const struct dav_entry *en)
{
	struct buf b = BUF_INIT(DAV_XML_TEXT_MAX);

	(void)arg;
	if (en->href_len > DAV_XML_TEXT_MAX ||
	    strlen(en->href) != en->href_len)
		abort();
	if (en->location && strlen(en->location) > DAV_XML_TEXT_MAX)
		abort();
	(void)url_href_path(&b, en->href, en->href_len);
	buf_done(&b);
	return en->size == 4711 ? 1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	(void)dav_xml_parse(data, len, on_entry, NULL);
	return 0;
}
