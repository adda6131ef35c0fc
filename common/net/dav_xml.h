/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_DAV_XML_H
#define NET_DAV_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * dav_xml - the answer to a PROPFIND: a multistatus document (RFC 4918).
 *
 * Properties count only where their propstat says 2xx; servers list what
 * they do not have under 404.  A document type is refused (no entities of
 * anybody's making), depth and text are bounded.
 */

#define DAV_XML_DEPTH_MAX 32
#define DAV_XML_TEXT_MAX 8192

struct dav_entry {
	const char *href;	/* as sent; url_href_path() decodes it */
	size_t href_len;
	bool is_collection;
	bool has_size;
	uint64_t size;
	bool has_free, has_used;
	int64_t free_bytes, used_bytes;	/* may be negative: unknown */
	bool has_modified;
	int64_t modified_s;	/* since 1970 */
	const char *location;	/* in a Nextcloud's trash: where it was, below
				 * the account; NULL: not said */
};

/* Call fn with each response of the document (borrowed during the call);
 * a response whose own status is not 2xx is left out.  Stops when fn returns
 * other than 0 and returns that.  -EPROTO if it is not a multistatus. */
int dav_xml_parse(const void *p, size_t len,
    int (*fn)(void *arg, const struct dav_entry *en), void *arg);

#endif
