/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/notice.h"
#include "util/tr.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TITLE_MAX 200	/* bytes of a title that are shown */
#define WHY_MAX 600

struct words {
	const char *kind;
	int urgency;		/* of the desktop: 1 normal, 2 critical */
	const char *summary;	/* after the drive's title */
	const char *body;	/* %s: the store or the reason, if it is about
				 * one; then the drive's name, also twice */
};

static const struct words words[NOTICE_KINDS] = {
	[NOTICE_SIGN_IN] = { "sign-in", 1, N_("sign-in needed"),
	    N_("The store refuses access. Work goes on here, but nothing is "
	    "uploaded. If the password has changed, run: coffre store password "
	    "%s. Otherwise mend what is wrong, then run: coffre sync %s") },
	[NOTICE_FULL] = { "full", 1, N_("the store is full"),
	    N_("New files are kept on this computer only. Make room at the "
	    "store or get more space, then run: coffre sync %s") },
	[NOTICE_ALARM] = { "alarm", 2, N_("the store is not as it was left"),
	    N_("It shows an older or another state than was seen before. "
	    "Nothing was changed here, and the drive is read-only until you "
	    "decide. To see what is wrong, run: coffre trust %s") },
	[NOTICE_CONFLICT] = { "conflict", 1, N_("a name was given twice"),
	    N_("Another computer used a name that was taken here. Both files "
	    "are kept, one with '(conflict ' in its name. Search drive %s for "
	    "that, compare the two, and delete or rename one.") },
	[NOTICE_UNSENT] = { "unsent", 1, N_("not everything is uploaded"),
	    N_("What is left is safe on this computer and is uploaded when the "
	    "drive is mounted again. Before you remove the computer from the "
	    "network for good, run: coffre mount %s") },
	[NOTICE_FAULT] = { "fault", 1,
	    N_("the store gives answers that make no sense"),
	    N_("Work goes on here. If the network wants a login on a page of "
	    "its own first, log in there. What is wrong, and what to do, "
	    "tells: coffre status %s") },
	[NOTICE_STALLED] = { "stalled", 1,
	    N_("nothing has been uploaded for a day"),
	    N_("What was changed since is safe on this computer, and only "
	    "there. See that the network works and the store can be reached. "
	    "What is wrong tells: coffre status %s") },
	[NOTICE_LOCKED] = { "locked", 1, N_("it is locked"),
	    N_("Its files are there, but the key to them is not. To unlock "
	    "it, open Coffre in the menu of the desktop, or run: coffre "
	    "unlock %s") },
	[NOTICE_NOT_LOCKED] = { "not-locked", 2,
	    N_("it was not locked before the computer slept"),
	    N_("Something was at work on it that did not end in time. To lock "
	    "it now, run: coffre lock --force %s") },
	[NOTICE_NOT_MOUNTED] = { "not-mounted", 1, N_("it is not mounted"),
	    N_("The reason: %s. When that is mended, open Coffre in the menu "
	    "of the desktop, or run: coffre mount %s") },
	[NOTICE_STORE_SIGN_IN] = { "store-sign-in", 1,
	    N_("one of its stores refuses access"),
	    N_("The drive works, but nothing new comes to %s. If its "
	    "password has changed, run: coffre store password %s, with that "
	    "address. Otherwise mend what is wrong, then run: coffre sync "
	    "%s") },
	[NOTICE_STORE_FULL] = { "store-full", 1,
	    N_("one of its stores is full"),
	    N_("The drive works, but nothing new comes to %s. Make room there "
	    "or get more space, then run: coffre sync %s") },
	[NOTICE_STORE_AWAY] = { "store-away", 1,
	    N_("one of its stores has been away for a day"),
	    N_("The drive works, but nothing new comes to %s. See that it is "
	    "switched on and can be reached. Whether it is, and what it lacks, "
	    "tells: coffre status %s") },
};

void
notice_add(struct notice *n, enum notice_kind kind, unsigned times)
{
	unsigned left = UINT_MAX - n->of[kind].waiting;

	n->of[kind].waiting += times < left ? times : left;
}

void
notice_drop(struct notice *n, enum notice_kind kind)
{
	n->of[kind].waiting = 0;
}

bool
notice_take(struct notice *n, int64_t now_ms, enum notice_kind *ret,
    unsigned *ret_times)
{
	unsigned i;

	for (i = 0; i < NOTICE_KINDS; i++) {
		if (n->of[i].waiting == 0 || now_ms < n->of[i].not_before_ms)
			continue;
		*ret = (enum notice_kind)i;
		*ret_times = n->of[i].waiting;
		n->of[i].waiting = 0;
		n->of[i].not_before_ms = now_ms + NOTICE_EVERY_MS;
		return true;
	}
	return false;
}

int64_t
notice_wait(const struct notice *n, int64_t now_ms)
{
	int64_t left, min = -1;
	unsigned i;

	for (i = 0; i < NOTICE_KINDS; i++) {
		if (n->of[i].waiting == 0)
			continue;
		left = n->of[i].not_before_ms - now_ms;
		if (left < 0)
			left = 0;
		if (min < 0 || left < min)
			min = left;
	}
	return min;
}

/* A field ends at a tab and a line at its end: neither is passed on. */
static void
clean(const char *s, char *out, size_t max)
{
	size_t i;

	for (i = 0; i < max && s[i]; i++)
		out[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? ' ' :
		    s[i];
	/* Not in the middle of a character. */
	while (s[i] && i > 0 && ((unsigned char)s[i] & 0xc0) == 0x80)
		i--;
	out[i] = '\0';
}

/* Put values where the text has "%s", in their order. */
static void
fill(char *out, size_t cap, const char *text, const char *const *values)
{
	const char *at;
	size_t n = 0;

	for (; n < cap && (at = strstr(text, "%s")) != NULL; text = at + 2)
		n += (size_t)snprintf(out + n, cap - n, "%.*s%s",
		    (int)(at - text), text, *values++);
	if (n < cap)
		(void)snprintf(out + n, cap - n, "%s", text);
}

int
notice_line(enum notice_kind kind, const struct notice_of *o,
    char out[static NOTICE_LINE_MAX])
{
	const struct words *w = &words[kind];
	char title[TITLE_MAX + 1], name[TITLE_MAX + 1], count[80] = "";
	char body[1200], what[WHY_MAX + 1] = "";
	/* A text has three at most. */
	const char *const values[] = { what, name, name, name };

	clean(o->title, title, TITLE_MAX);
	clean(o->name, name, TITLE_MAX);
	if (kind == NOTICE_NOT_MOUNTED)
		clean(o->why ? o->why : "", what, WHY_MAX);
	else if (o->store)
		clean(o->store, what, TITLE_MAX);
	if (kind == NOTICE_UNSENT && o->changes > 0)
		(void)snprintf(count, sizeof(count), tr_n("%" PRIu64
		    " change is left. ", "%" PRIu64 " changes are left. ",
		    o->changes), o->changes);
	else if (kind == NOTICE_CONFLICT && o->times > 1)
		(void)snprintf(count, sizeof(count), _("It happened %u "
		    "times. "), o->times);
	else if (o->times > 1)
		(void)snprintf(count, sizeof(count), _("%u times since the "
		    "last notice. "), o->times);
	fill(body, sizeof(body), tr(w->body), o->store || kind ==
	    NOTICE_NOT_MOUNTED ? values : values + 1);
	return snprintf(out, NOTICE_LINE_MAX, "notify\t%s\t%d\t%s%s%s\t%s%s\n",
	    w->kind, w->urgency, title, tr(": "), tr(w->summary), count, body);
}

int
notice_gone_line(enum notice_kind kind, char out[static NOTICE_LINE_MAX])
{
	return snprintf(out, NOTICE_LINE_MAX, "gone\t%s\n",
	    words[kind].kind);
}
