/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/xml.h"

#include <errno.h>
#include <expat.h>
#include <limits.h>
#include <string.h>

#include "util/buf.h"

struct walk {
	XML_Parser x;
	int (*fn)(void *arg, const char *path, const char *text);
	void *arg;
	int r;				/* why the parser was stopped */
	int depth;
	size_t at;			/* length of path */
	char path[XML_PATH_MAX];
	struct buf text;		/* since the last tag */
};

static void
stop(struct walk *w, int r)
{
	if (w->r == 0)
		w->r = r;
	(void)XML_StopParser(w->x, XML_FALSE);
}

static void XMLCALL
on_start(void *arg, const char *name, const char **attr)
{
	struct walk *w = arg;
	const char *local = strrchr(name, '|');
	size_t n;

	(void)attr;
	if (w->r != 0)
		return;
	local = local ? local + 1 : name;
	n = strlen(local);
	if (w->depth == XML_DEPTH_MAX || w->at + n + 2 > sizeof(w->path)) {
		stop(w, -EPROTO);
		return;
	}
	w->depth++;
	w->path[w->at++] = '/';
	memcpy(w->path + w->at, local, n + 1);
	w->at += n;
	buf_reset(&w->text);
}

static void XMLCALL
on_text(void *arg, const char *s, int len)
{
	struct walk *w = arg;

	if (w->r != 0 || len <= 0)
		return;
	if (buf_put(&w->text, s, (size_t)len) < 0)
		stop(w, w->text.err == -EFBIG ? -EPROTO : w->text.err);
}

static void XMLCALL
on_end(void *arg, const char *name)
{
	struct walk *w = arg;
	const char *text;
	int r;

	(void)name;
	if (w->r != 0 || w->depth == 0)
		return;
	text = buf_cstr(&w->text);
	r = text ? w->fn(w->arg, w->path, text) : -ENOMEM;
	if (r != 0) {
		stop(w, r);
		return;
	}
	w->depth--;
	while (w->path[--w->at] != '/')
		;
	w->path[w->at] = '\0';
	buf_reset(&w->text);
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
xml_walk(const void *p, size_t len,
    int (*fn)(void *arg, const char *path, const char *text), void *arg)
{
	struct walk w;
	int r = 0;

	if (len == 0 || len > INT_MAX)
		return -EPROTO;
	memset(&w, 0, sizeof(w));
	w.fn = fn;
	w.arg = arg;
	w.x = XML_ParserCreateNS(NULL, '|');
	if (!w.x)
		return -ENOMEM;
	buf_init(&w.text, XML_TEXT_MAX);
	XML_SetUserData(w.x, &w);
	XML_SetElementHandler(w.x, on_start, on_end);
	XML_SetCharacterDataHandler(w.x, on_text);
	XML_SetStartDoctypeDeclHandler(w.x, on_doctype);
	if (XML_Parse(w.x, p, (int)len, 1) != XML_STATUS_OK)
		r = w.r ? w.r : XML_GetErrorCode(w.x) == XML_ERROR_NO_MEMORY ?
		    -ENOMEM : -EPROTO;
	XML_ParserFree(w.x);
	buf_done(&w.text);
	return r;
}
