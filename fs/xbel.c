/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/xbel.h"

#include <errno.h>
#include <expat.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "net/url.h"
#include "util/buf.h"

#define NS "http://www.freedesktop.org/standards/desktop-bookmarks"
#define TEXT_MAX 8192u
#define DEPTH_MAX 64

const char xbel_empty[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!DOCTYPE xbel>\n<xbel xmlns:bookmark=\"" NS "\">\n</xbel>\n";

/* What is looked for inside of a bookmark. */
enum within { OTHER, TITLE, ID };

struct walk {
	XML_Parser x;
	const char *p;
	size_t len;
	const char *id;
	const char *element;	/* to be there; NULL: none is to be */
	const char *href, *title, *icon;	/* of that element */
	struct buf *out;
	size_t copied;		/* bytes of p that are in out */
	bool is_changed, has_it;
	int r;			/* why the parser was stopped */
	int depth;
	/* The bookmark we are in. */
	int at;			/* its depth; 0: in none */
	size_t begin;
	bool is_ours, is_same_href, is_same_title, is_same_icon;
	enum within within;
	struct buf text;
};

static void
stop(struct walk *w, int r)
{
	if (w->r == 0)
		w->r = r;
	(void)XML_StopParser(w->x, XML_FALSE);
}

static const char *
attr_of(const char **attr, const char *name)
{
	for (; attr[0]; attr += 2) {
		if (strcmp(attr[0], name) == 0)
			return attr[1];
	}
	return "";
}

/* ---- the bytes ----------------------------------------------------------- */

/* Of p, from what is copied until end. */
static void
copy(struct walk *w, size_t end)
{
	if (buf_put(w->out, w->p + w->copied, end - w->copied) < 0)
		stop(w, w->out->err);
	w->copied = end;
}

static void
put(struct walk *w, const char *s)
{
	if (buf_put(w->out, s, strlen(s)) < 0)
		stop(w, w->out->err);
	w->is_changed = true;
}

/* Without the line that it is alone on. */
static void
cut(struct walk *w, size_t begin, size_t end)
{
	size_t b = begin;

	while (b > w->copied && (w->p[b - 1] == ' ' || w->p[b - 1] == '\t'))
		b--;
	if (b > 0 && w->p[b - 1] == '\n' && end < w->len &&
	    w->p[end] == '\n') {
		begin = b;
		end++;
	}
	copy(w, begin);
	w->copied = end;
	w->is_changed = true;
}

/* It is before the end of all, which is at that offset: of an end tag, or
 * behind a tag that is begin and end in one. */
static void
append(struct walk *w, size_t end)
{
	bool is_tag = end + 1 < w->len && w->p[end] == '<' &&
	    w->p[end + 1] == '/';

	if (!is_tag && (end < 2 || memcmp(w->p + end - 2, "/>", 2) != 0)) {
		stop(w, -EBADMSG);
		return;
	}
	copy(w, is_tag ? end : end - 2);
	if (!is_tag)
		put(w, ">\n");
	else if (end > 0 && w->p[end - 1] != '\n')
		put(w, "\n");
	put(w, w->element);
	put(w, is_tag ? "\n" : "\n</xbel>");
	w->copied = end;
	w->has_it = true;
}

static void
bookmark_end(struct walk *w, size_t end)
{
	if (!w->is_ours)
		return;
	if (!w->element || w->has_it) {
		cut(w, w->begin, end);
		return;
	}
	w->has_it = true;
	if (w->is_same_href && w->is_same_title && w->is_same_icon)
		return;
	copy(w, w->begin);
	put(w, w->element + strspn(w->element, " "));
	w->copied = end;
}

/* ---- what expat tells ---------------------------------------------------- */

static void XMLCALL
on_start(void *arg, const char *name, const char **attr)
{
	struct walk *w = arg;

	if (w->r != 0)
		return;
	if (++w->depth > DEPTH_MAX ||
	    (w->depth == 1 && strcmp(name, "xbel") != 0)) {
		stop(w, -EBADMSG);
		return;
	}
	buf_reset(&w->text);
	w->within = OTHER;
	if (!w->at && strcmp(name, "bookmark") == 0) {
		w->at = w->depth;
		w->begin = (size_t)XML_GetCurrentByteIndex(w->x);
		w->is_ours = w->is_same_title = w->is_same_icon = false;
		w->is_same_href = w->href &&
		    strcmp(attr_of(attr, "href"), w->href) == 0;
	} else if (w->at && w->depth == w->at + 1 &&
	    strcmp(name, "title") == 0) {
		w->within = TITLE;
	} else if (w->at && w->depth == w->at + 3 && strcmp(name, "ID") == 0) {
		w->within = ID;
	} else if (w->at && w->icon && strcmp(name, "bookmark:icon") == 0) {
		w->is_same_icon = strcmp(attr_of(attr, "name"), w->icon) == 0;
	}
}

static void XMLCALL
on_text(void *arg, const char *s, int len)
{
	struct walk *w = arg;

	/* What is longer is not ours. */
	if (w->r == 0 && w->within != OTHER && len > 0 &&
	    buf_put(&w->text, s, (size_t)len) == -ENOMEM)
		stop(w, -ENOMEM);
}

static bool
is_text(struct walk *w, const char *s)
{
	return s && !w->text.err && w->text.len == strlen(s) &&
	    (w->text.len == 0 || memcmp(w->text.data, s, w->text.len) == 0);
}

static void XMLCALL
on_end(void *arg, const char *name)
{
	struct walk *w = arg;
	size_t at = (size_t)XML_GetCurrentByteIndex(w->x);

	(void)name;
	if (w->r != 0)
		return;
	if (w->within == TITLE)
		w->is_same_title = is_text(w, w->title);
	if (w->within == ID && is_text(w, w->id))
		w->is_ours = true;
	w->within = OTHER;
	if (w->at == w->depth) {
		w->at = 0;
		bookmark_end(w, at + (size_t)XML_GetCurrentByteCount(w->x));
	}
	if (--w->depth == 0 && w->element && !w->has_it)
		append(w, at);
}

/* Entities of anybody's making are in no such file. */
static void XMLCALL
on_entity(void *arg, const XML_Char *name, int is_parameter,
    const XML_Char *value, int len, const XML_Char *base,
    const XML_Char *sysid, const XML_Char *pubid, const XML_Char *notation)
{
	(void)name;
	(void)is_parameter;
	(void)value;
	(void)len;
	(void)base;
	(void)sysid;
	(void)pubid;
	(void)notation;
	stop(arg, -EBADMSG);
}

/* We write UTF-8 into it. */
static void XMLCALL
on_decl(void *arg, const XML_Char *version, const XML_Char *encoding,
    int is_standalone)
{
	(void)is_standalone;
	if (!version || (encoding && strcasecmp(encoding, "UTF-8") != 0))
		stop(arg, -EBADMSG);
}

static int
walk(struct walk *w, unsigned long *ret_line)
{
	int r = 0;

	*ret_line = 1;
	/* With a NUL it is no UTF-8 of a text. */
	if (w->len == 0 || w->len > XBEL_MAX || memchr(w->p, '\0', w->len))
		return -EBADMSG;
	w->x = XML_ParserCreate(NULL);
	if (!w->x)
		return -ENOMEM;
	buf_init(&w->text, TEXT_MAX);
	XML_SetUserData(w->x, w);
	XML_SetElementHandler(w->x, on_start, on_end);
	XML_SetCharacterDataHandler(w->x, on_text);
	XML_SetEntityDeclHandler(w->x, on_entity);
	XML_SetXmlDeclHandler(w->x, on_decl);
	if (XML_Parse(w->x, w->p, (int)w->len, 1) != XML_STATUS_OK)
		r = w->r ? w->r : XML_GetErrorCode(w->x) ==
		    XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG;
	*ret_line = XML_GetCurrentLineNumber(w->x);
	if (r == 0)
		copy(w, w->len);
	if (r == 0)
		r = w->out->err;
	XML_ParserFree(w->x);
	buf_done(&w->text);
	return r < 0 ? r : w->is_changed;
}

/* ---- ours ---------------------------------------------------------------- */

static void
put_escaped(struct buf *b, const char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || strchr("&<>\"'", *s))
			(void)buf_printf(b, "&#%d;", *s);
		else
			(void)buf_put(b, s, 1);
	}
}

/* One line, without its end.  The prefix is declared again, or it would hang
 * on what the file's first tag says. */
static int
element(const struct xbel_place *pl, const char *href, struct buf *b)
{
	(void)buf_printf(b, " <bookmark href=\"%s\"><title>", href);
	put_escaped(b, pl->title);
	(void)buf_printf(b, "</title><info><metadata "
	    "owner=\"http://freedesktop.org\"><bookmark:icon "
	    "xmlns:bookmark=\"" NS "\" name=\"");
	put_escaped(b, pl->icon);
	(void)buf_printf(b, "\"/></metadata><metadata "
	    "owner=\"http://www.kde.org\"><ID>%s</ID>"
	    "<isSystemItem>false</isSystemItem></metadata></info>"
	    "</bookmark>", pl->id);
	return buf_cstr(b) ? 0 : b->err;
}

int
xbel_add(const void *p, size_t len, const struct xbel_place *pl,
    struct buf *out, unsigned long *ret_line)
{
	struct buf href = BUF_INIT(TEXT_MAX * 4), el = BUF_INIT(TEXT_MAX * 8);
	struct buf none = BUF_INIT(2 * XBEL_MAX);
	struct walk w, again;
	unsigned long line;
	int r;

	memset(&w, 0, sizeof(w));
	r = buf_put(&href, "file://", 7);
	if (r == 0)
		r = url_encode(&href, pl->path, true);
	if (r == 0)
		r = buf_cstr(&href) ? element(pl, buf_cstr(&href), &el) :
		    href.err;
	if (r < 0)
		goto out;
	w.p = p;
	w.len = len;
	w.id = pl->id;
	w.element = buf_cstr(&el);
	w.href = buf_cstr(&href);
	w.title = pl->title;
	w.icon = pl->icon;
	w.out = out;
	again = w;
	r = walk(&w, ret_line);
	if (r != 1)
		goto out;
	/* What KDE could not read would cost the user all of them. */
	again.p = (const char *)out->data;
	again.len = out->len;
	again.out = &none;
	if (walk(&again, &line) != 0)
		r = -EINVAL;
out:
	buf_done(&none);
	buf_done(&el);
	buf_done(&href);
	return r;
}

int
xbel_remove(const void *p, size_t len, const char *id, struct buf *out,
    unsigned long *ret_line)
{
	struct walk w;

	memset(&w, 0, sizeof(w));
	w.p = p;
	w.len = len;
	w.id = id;
	w.out = out;
	return walk(&w, ret_line);
}
