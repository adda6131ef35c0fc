/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/file.h"
#include "util/text.h"
#include "util/tr.h"

#define FILE_MAX 4096
#define HEAD "coffre-probe 1"
#define SAME_CLOCK_S 2		/* Date has whole seconds */

void
facts_init(struct store_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->list_ms = f->over_ms = FACTS_MS_UNKNOWN;
	f->space.total_bytes = f->space.free_bytes = UINT64_MAX;
}

/* ---- for people ---- */

enum line {
	LINE_IF_ABSENT, LINE_RANGE, LINE_ATOMIC, LINE_QUOTA, LINE_MATCH,
	LINE_LINK,
	LINE_STAYING,			/* those before should not change */
	LINE_LIST = LINE_STAYING, LINE_OVER, LINE_CLOCK,
	LINES
};

/* The capability behind a line. */
static const struct {
	unsigned cap;
	const char *yes, *no;
} said[] = {
	[LINE_IF_ABSENT] = { STORE_CAP_IF_ABSENT,
	    N_("refuses to write over what is there"),
	    N_("ignores conditions: it writes over what is there") },
	[LINE_RANGE] = { STORE_CAP_RANGE, N_("gives parts of objects"),
	    N_("gives whole objects only") },
	[LINE_ATOMIC] = { STORE_CAP_ATOMIC_PUT, N_("never shows half an "
	    "object"),
	    N_("may show half an object") },
	[LINE_QUOTA] = { STORE_CAP_QUOTA, N_("says how much room there is"),
	    N_("does not say how much room there is") },
};

static void
text_quota(const struct store_facts *f, struct buf *out)
{
	char a[32], b[32];

	if (f->space.free_bytes == UINT64_MAX)
		(void)buf_printf(out, "%s", said[LINE_QUOTA].yes);
	else if (f->space.total_bytes == UINT64_MAX)
		(void)buf_printf(out, "says how much room there is: %s free",
		    size_format(f->space.free_bytes, a));
	else
		(void)buf_printf(out, "says how much room there is: %s of %s "
		    "free", size_format(f->space.free_bytes, a),
		    size_format(f->space.total_bytes, b));
}

static void
text_match(const struct store_facts *f, struct buf *out)
{
	static const char *const how[] = { N_("not known"),
	    N_("ignored"), N_("refused, and so is the right one"),
	    N_("refused") };

	if (f->bare == FACTS_MATCH_UNKNOWN &&
	    f->quoted == FACTS_MATCH_UNKNOWN)
		return;
	(void)buf_printf(out, "%s: %s",
	    N_("an entity tag that is out of date"), how[f->quoted]);
	if (f->bare != f->quoted)
		(void)buf_printf(out, "; %s: %s", N_("without quotes"),
		    how[f->bare]);
}

static void
text_list(int ms, struct buf *out)
{
	if (ms == FACTS_MS_OVER)
		(void)buf_printf(out, "lists what is new not within %d s",
		    FACTS_WAIT_MS / 1000);
	else if (ms >= 0)
		(void)buf_printf(out, "lists what is new within %d ms", ms);
}

static void
text_over(int ms, struct buf *out)
{
	if (ms == FACTS_MS_OVER)
		(void)buf_printf(out, "shows what was written over anew not "
		    "within %d s", FACTS_WAIT_MS / 1000);
	else if (ms >= 0)
		(void)buf_printf(out, "shows what was written over anew "
		    "within %d ms", ms);
}

static void
text_clock(const struct store_facts *f, struct buf *out)
{
	int64_t off = f->clock_s;

	if (!f->has_clock)
		return;
	if (off >= -SAME_CLOCK_S && off <= SAME_CLOCK_S)
		(void)buf_printf(out, "its clock is right by ours");
	else if (off < 0)
		(void)buf_printf(out, "its clock is %" PRId64 " s behind ours",
		    -off);
	else
		(void)buf_printf(out, "its clock is %" PRId64 " s ahead of "
		    "ours", off);
}

static void
text_one(const struct store_facts *f, enum line i, struct buf *out)
{
	switch (i) {
	case LINE_QUOTA:
		if (f->caps & STORE_CAP_QUOTA) {
			text_quota(f, out);
			break;
		}
		/* fall through */
	case LINE_IF_ABSENT:
	case LINE_RANGE:
	case LINE_ATOMIC:
		(void)buf_printf(out, "%s", f->caps & said[i].cap ?
		    said[i].yes : said[i].no);
		break;
	case LINE_MATCH:
		text_match(f, out);
		break;
	case LINE_LINK:
		if (f->tls[0])
			(void)buf_printf(out, "%s, %s; certificate by %s",
			    f->tls, f->cipher, f->issuer);
		break;
	case LINE_LIST:
		text_list(f->list_ms, out);
		break;
	case LINE_OVER:
		text_over(f->over_ms, out);
		break;
	case LINE_CLOCK:
	case LINES:
	default:
		text_clock(f, out);
		break;
	}
}

void
facts_text(const struct store_facts *f, struct buf *out)
{
	size_t start;
	int i;

	for (i = 0; i < LINES; i++) {
		start = out->len;
		text_one(f, (enum line)i, out);
		if (out->len > start)
			(void)buf_put_u8(out, '\n');
	}
}

/* As it is compared: how much is free may change. */
static const char *
text_staying(const struct store_facts *f, enum line i, struct buf *b)
{
	struct store_facts one = *f;

	one.space.free_bytes = UINT64_MAX;
	buf_reset(b);
	text_one(&one, i, b);
	return buf_cstr(b);
}

void
facts_changes(const struct store_facts *before,
    const struct store_facts *now, struct buf *out)
{
	struct buf a = BUF_INIT(1024), b = BUF_INIT(1024);
	const char *was, *is;
	int i;

	for (i = 0; i < LINE_STAYING; i++) {
		was = text_staying(before, (enum line)i, &a);
		is = text_staying(now, (enum line)i, &b);
		/* What could not be found out is no change. */
		if (was && is && *was && *is && strcmp(was, is) != 0)
			(void)buf_printf(out, "%s (%s: %s)\n", is,
			    N_("before"), was);
	}
	buf_done(&a);
	buf_done(&b);
}

/* ---- the file ---- */

int
facts_write(const char *path, const struct store_facts *f)
{
	struct buf b = BUF_INIT(FILE_MAX);
	const char *slash = strrchr(path, '/');
	char *dir;
	int r;

	(void)buf_printf(&b, HEAD "\ntime %" PRId64 "\ncaps %u\nlist %d\n"
	    "over %d\nbare %d\nquoted %d\ntls %s\ncipher %s\nissuer %s\n"
	    "total %" PRIu64 "\nfree %" PRIu64 "\n", f->time_s, f->caps,
	    f->list_ms, f->over_ms, (int)f->bare, (int)f->quoted, f->tls,
	    f->cipher, f->issuer, f->space.total_bytes, f->space.free_bytes);
	if (f->has_clock)
		(void)buf_printf(&b, "clock %" PRId64 "\n", f->clock_s);
	dir = strndup(path, slash ? (size_t)(slash - path) : 0);
	r = dir ? b.err : -ENOMEM;
	if (r == 0 && *dir)
		r = file_mkdirs(dir);
	if (r == 0)
		r = file_write(path, b.data, b.len, 0600);
	free(dir);
	buf_done(&b);
	return r;
}

static enum facts_match
match_of(long long v)
{
	return v > 0 && v <= FACTS_MATCH_HONOURED ? (enum facts_match)v :
	    FACTS_MATCH_UNKNOWN;
}

static int
ms_of(long long v)
{
	return v >= 0 && v <= FACTS_WAIT_MS * 2 ? (int)v :
	    v == FACTS_MS_OVER ? FACTS_MS_OVER : FACTS_MS_UNKNOWN;
}

/* One line, at its blank cut in two. */
static void
line_take(struct store_facts *f, const char *key, const char *v)
{
	long long n = strtoll(v, NULL, 10);

	if (strcmp(key, "time") == 0)
		f->time_s = n;
	else if (strcmp(key, "caps") == 0)
		f->caps = (unsigned)n;
	else if (strcmp(key, "list") == 0)
		f->list_ms = ms_of(n);
	else if (strcmp(key, "over") == 0)
		f->over_ms = ms_of(n);
	else if (strcmp(key, "bare") == 0)
		f->bare = match_of(n);
	else if (strcmp(key, "quoted") == 0)
		f->quoted = match_of(n);
	else if (strcmp(key, "tls") == 0)
		(void)snprintf(f->tls, sizeof(f->tls), "%s", v);
	else if (strcmp(key, "cipher") == 0)
		(void)snprintf(f->cipher, sizeof(f->cipher), "%s", v);
	else if (strcmp(key, "issuer") == 0)
		(void)snprintf(f->issuer, sizeof(f->issuer), "%s", v);
	else if (strcmp(key, "total") == 0)
		f->space.total_bytes = strtoull(v, NULL, 10);
	else if (strcmp(key, "free") == 0)
		f->space.free_bytes = strtoull(v, NULL, 10);
	else if (strcmp(key, "clock") == 0) {
		/* One that has no negative is none. */
		f->has_clock = n > LLONG_MIN;
		f->clock_s = f->has_clock ? n : 0;
	}
}

int
facts_read(const char *path, struct store_facts *ret)
{
	struct buf b = BUF_INIT(FILE_MAX);
	char *text = NULL, *line, *blank, *save = NULL;
	int r;

	facts_init(ret);
	r = file_read(path, &b);
	if (r == 0) {
		text = buf_cstr(&b) ? strdup(buf_cstr(&b)) : NULL;
		r = text ? 0 : -ENOMEM;
	}
	line = text ? strtok_r(text, "\n", &save) : NULL;
	if (r == 0 && (!line || strcmp(line, HEAD) != 0))
		r = -EPROTO;
	while (r == 0 && (line = strtok_r(NULL, "\n", &save)) != NULL) {
		blank = strchr(line, ' ');
		if (blank) {
			*blank = '\0';
			line_take(ret, line, blank + 1);
		}
	}
	if (r == 0 && ret->time_s <= 0)
		r = -EPROTO;
	free(text);
	buf_done(&b);
	return r;
}
