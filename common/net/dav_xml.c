/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/dav_xml.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <string.h>

#include "net/http_value.h"
#include "util/buf.h"

/* The elements that mean something, by their place in the tree. */
enum tag {
	TAG_OTHER = 0,
	TAG_MULTISTATUS,
	TAG_RESPONSE,
	TAG_HREF,
	TAG_STATUS,
	TAG_PROPSTAT,
	TAG_PROP,
	TAG_RESOURCETYPE,
	TAG_COLLECTION,
	TAG_LENGTH,
	TAG_FREE,
	TAG_USED,
	TAG_MODIFIED,
	TAG_LOCATION,
};

#define LOCATION "http://nextcloud.org/ns|trashbin-original-location"

struct parse {
	XML_Parser x;
	int (*fn)(void *arg, const struct dav_entry *en);
	void *arg;
	int r;				/* why the parser was stopped */
	bool is_multistatus;

	enum tag stack[DAV_XML_DEPTH_MAX];
	int depth;
	struct buf text;		/* of the innermost element */
	struct buf href;		/* of the response */
	bool has_href;
	int status;			/* of the response; 0: none given */

	struct dav_entry prop;		/* of the propstat being read */
	int prop_status;
	struct buf prop_location;
	struct dav_entry en;		/* of the response */
	struct buf location;
};

static void
stop(struct parse *p, int r)
{
	if (p->r == 0)
		p->r = r;
	(void)XML_StopParser(p->x, XML_FALSE);
}

/* Which element is it, inside this one?  Names carry their namespace, so
 * prefixes do not matter; strangers are skipped with all they hold. */
static enum tag
tag_of(enum tag in, const char *name)
{
	static const struct {
		enum tag in;
		const char *name;
		enum tag tag;
	} known[] = {
		{ TAG_OTHER, "multistatus", TAG_MULTISTATUS },
		{ TAG_MULTISTATUS, "response", TAG_RESPONSE },
		{ TAG_RESPONSE, "href", TAG_HREF },
		{ TAG_RESPONSE, "status", TAG_STATUS },
		{ TAG_RESPONSE, "propstat", TAG_PROPSTAT },
		{ TAG_PROPSTAT, "status", TAG_STATUS },
		{ TAG_PROPSTAT, "prop", TAG_PROP },
		{ TAG_PROP, "resourcetype", TAG_RESOURCETYPE },
		{ TAG_RESOURCETYPE, "collection", TAG_COLLECTION },
		{ TAG_PROP, "getcontentlength", TAG_LENGTH },
		{ TAG_PROP, "quota-available-bytes", TAG_FREE },
		{ TAG_PROP, "quota-used-bytes", TAG_USED },
		{ TAG_PROP, "getlastmodified", TAG_MODIFIED },
	};
	size_t i;

	if (in == TAG_PROP && strcmp(name, LOCATION) == 0)
		return TAG_LOCATION;
	if (strncmp(name, "DAV:|", 5) != 0)
		return TAG_OTHER;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].in == in && strcmp(known[i].name, name + 5) == 0)
			return known[i].tag;
	return TAG_OTHER;
}

static void XMLCALL
on_start(void *arg, const char *name, const char **attr)
{
	struct parse *p = arg;
	enum tag in, tag;

	(void)attr;
	if (p->r != 0)
		return;
	if (p->depth == DAV_XML_DEPTH_MAX) {
		stop(p, -EPROTO);
		return;
	}
	in = p->depth ? p->stack[p->depth - 1] : TAG_OTHER;
	/* The root is the one place where nothing encloses. */
	tag = p->depth && in == TAG_OTHER ? TAG_OTHER : tag_of(in, name);
	if (!p->depth) {
		p->is_multistatus = tag == TAG_MULTISTATUS;
		if (!p->is_multistatus) {
			stop(p, -EPROTO);
			return;
		}
	}
	p->stack[p->depth++] = tag;
	buf_reset(&p->text);
	if (tag == TAG_RESPONSE) {
		memset(&p->en, 0, sizeof(p->en));
		buf_reset(&p->href);
		buf_reset(&p->location);
		p->has_href = false;
		p->status = 0;
	} else if (tag == TAG_PROPSTAT) {
		memset(&p->prop, 0, sizeof(p->prop));
		buf_reset(&p->prop_location);
		p->prop_status = 0;
	} else if (tag == TAG_COLLECTION) {
		p->prop.is_collection = true;
	}
}

static void XMLCALL
on_text(void *arg, const char *s, int len)
{
	struct parse *p = arg;

	if (p->r != 0 || p->depth == 0 || len <= 0)
		return;
	if (p->stack[p->depth - 1] == TAG_OTHER)
		return;
	if (buf_put(&p->text, s, (size_t)len) < 0)
		stop(p, p->text.err == -EFBIG ? -EPROTO : p->text.err);
}

/* Take over the good properties of a propstat. */
static void
propstat_end(struct parse *p)
{
	struct dav_entry *en = &p->en, *prop = &p->prop;

	if (p->prop_status < 200 || p->prop_status > 299)
		return;
	en->is_collection |= prop->is_collection;
	if (p->prop_location.len) {
		buf_reset(&p->location);
		if (buf_put(&p->location, p->prop_location.data,
		    p->prop_location.len) < 0)
			stop(p, p->location.err);
	}
	if (prop->has_size) {
		en->has_size = true;
		en->size = prop->size;
	}
	if (prop->has_free) {
		en->has_free = true;
		en->free_bytes = prop->free_bytes;
	}
	if (prop->has_used) {
		en->has_used = true;
		en->used_bytes = prop->used_bytes;
	}
	if (prop->has_modified) {
		en->has_modified = true;
		en->modified_s = prop->modified_s;
	}
}

static void
response_end(struct parse *p)
{
	int r;

	if (!p->has_href || (p->status &&
	    (p->status < 200 || p->status > 299)))
		return;
	p->en.href = buf_cstr(&p->href);
	p->en.href_len = p->href.len;
	p->en.location = p->location.len ? buf_cstr(&p->location) : NULL;
	if (!p->en.href || (p->location.len && !p->en.location)) {
		stop(p, -ENOMEM);
		return;
	}
	r = p->fn(p->arg, &p->en);
	if (r != 0)
		stop(p, r);
}

/* A value that is not what it should be is as good as absent. */
static void
text_end(struct parse *p, enum tag tag, enum tag in, const char *text)
{
	struct dav_entry *prop = &p->prop;
	int status;

	if (tag == TAG_HREF) {
		if (p->has_href)
			return;
		p->has_href = true;
		if (buf_put(&p->href, text, strlen(text)) < 0)
			stop(p, p->href.err);
	} else if (tag == TAG_STATUS) {
		if (http_status(text, &status) < 0)
			status = 599;
		if (in == TAG_PROPSTAT)
			p->prop_status = status;
		else
			p->status = status;
	} else if (tag == TAG_LENGTH) {
		prop->has_size = http_number(text, &prop->size) == 0;
	} else if (tag == TAG_FREE) {
		prop->has_free = http_quota(text, &prop->free_bytes) == 0;
	} else if (tag == TAG_USED) {
		prop->has_used = http_quota(text, &prop->used_bytes) == 0;
	} else if (tag == TAG_MODIFIED) {
		prop->has_modified = http_date(text, &prop->modified_s) == 0;
	} else if (tag == TAG_LOCATION) {
		buf_reset(&p->prop_location);
		if (buf_put(&p->prop_location, text, strlen(text)) < 0)
			stop(p, p->prop_location.err);
	}
}

static void XMLCALL
on_end(void *arg, const char *name)
{
	struct parse *p = arg;
	const char *text;
	enum tag tag, in;

	(void)name;
	if (p->r != 0 || p->depth == 0)
		return;
	tag = p->stack[--p->depth];
	in = p->depth ? p->stack[p->depth - 1] : TAG_OTHER;
	if (tag == TAG_PROPSTAT) {
		propstat_end(p);
	} else if (tag == TAG_RESPONSE) {
		response_end(p);
	} else if (tag != TAG_OTHER) {
		text = buf_cstr(&p->text);
		if (!text)
			stop(p, -ENOMEM);
		else
			text_end(p, tag, in, text);
	}
	buf_reset(&p->text);
}

static void XMLCALL
on_doctype(void *arg, const char *name, const char *sysid, const char *pubid,
    int has_subset)
{
	(void)name;
	(void)sysid;
	(void)pubid;
	(void)has_subset;
	stop(arg, -EPROTO);
}

int
dav_xml_parse(const void *data, size_t len,
    int (*fn)(void *arg, const struct dav_entry *en), void *arg)
{
	struct parse p;
	int r;

	if (len > INT_MAX)
		return -EPROTO;
	memset(&p, 0, sizeof(p));
	p.fn = fn;
	p.arg = arg;
	p.x = XML_ParserCreateNS(NULL, '|');
	if (!p.x)
		return -ENOMEM;
	buf_init(&p.text, DAV_XML_TEXT_MAX);
	buf_init(&p.href, DAV_XML_TEXT_MAX);
	buf_init(&p.location, DAV_XML_TEXT_MAX + 1);
	buf_init(&p.prop_location, DAV_XML_TEXT_MAX);
	XML_SetUserData(p.x, &p);
	XML_SetElementHandler(p.x, on_start, on_end);
	XML_SetCharacterDataHandler(p.x, on_text);
	XML_SetStartDoctypeDeclHandler(p.x, on_doctype);
	if (XML_Parse(p.x, data, (int)len, 1) != XML_STATUS_OK)
		r = p.r ? p.r : XML_GetErrorCode(p.x) == XML_ERROR_NO_MEMORY ?
		    -ENOMEM : -EPROTO;
	else
		r = p.r ? p.r : p.is_multistatus ? 0 : -EPROTO;
	XML_ParserFree(p.x);
	buf_done(&p.text);
	buf_done(&p.href);
	buf_done(&p.location);
	buf_done(&p.prop_location);
	return r;
}
