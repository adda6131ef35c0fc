/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/paper.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "crypto/crypto.h"
#include "fs/ask.h"
#include "fs/birth.h"
#include "util/tr.h"

#define GROUPS_ASKED 3		/* of the recovery key, asked back */

/* Group number n of the key, from 1; its length. */
static size_t
group_at(const char *words, unsigned n, const char **ret)
{
	while (--n > 0)
		words += strcspn(words, "-") + 1;
	*ret = words;
	return strcspn(words, "-");
}

static unsigned
groups_count(const char *words)
{
	unsigned n = 1;

	for (; *words; words++)
		n += *words == '-';
	return n;
}

/* 1: it is known; 0: it is not. */
static int
recovery_check(struct ask *a, const char *words)
{
	unsigned n = groups_count(words), at = 0, i;
	char answer[ASK_MAX], what[64];
	const char *group;
	uint8_t any;
	size_t len;
	int r = 0;

	/* One out of each third, so that the order is right, too. */
	for (i = 0; i < GROUPS_ASKED && r == 0; i++) {
		crypto_random(&any, sizeof(any));
		at = i * n / GROUPS_ASKED + any % (n / GROUPS_ASKED) + 1;
		len = group_at(words, at, &group);
		(void)snprintf(what, sizeof(what), _("Group %u of the "
		    "recovery key"), at);
		r = a->ops->line(a, what, "", answer);
		if (r == 0 && (strlen(answer) != len ||
		    strncasecmp(answer, group, len) != 0))
			break;
	}
	crypto_wipe(answer, sizeof(answer));
	return r < 0 ? r : i == GROUPS_ASKED;
}

/* The text with the key's groups numbered, six on a line. */
static void
recovery_layout(const char *words, const char *rest, char *out, size_t cap)
{
	unsigned n = groups_count(words), i;
	const char *group;
	size_t at = 0, len;

	for (i = 1; i <= n && at < cap; i++) {
		len = group_at(words, i, &group);
		at += (size_t)snprintf(out + at, cap - at, "%2u %.*s%s", i,
		    (int)len, group, i % 6 && i < n ? "   " : "\n");
	}
	if (at < cap)
		(void)snprintf(out + at, cap - at, _("%s\n"
		    "Write it down and keep it away from this machine.  With "
		    "it and the store the\ndrive comes back on any machine; "
		    "without it and without this machine nobody can\n"
		    "bring it back.  It is not shown again.\n"), rest);
}

int
paper_ask(struct ask *a, const struct setup *s, const struct vault_birth *b)
{
	char text[BIRTH_TEXT_MAX], shown[2 * BIRTH_TEXT_MAX], *end;
	int r;

	(void)birth_text(s, b, text);
	end = strchr(text, '\n');
	*end = '\0';
	recovery_layout(text, end + 1, shown, sizeof(shown));
	do {
		r = a->ops->show(a, shown);
		if (r == 0)
			r = recovery_check(a, text);
		if (r == 0)
			ask_tell(a, "That is another one; here it is "
			    "once more.");
	} while (r == 0);
	crypto_wipe(text, sizeof(text));
	crypto_wipe(shown, sizeof(shown));
	return r < 0 ? r : 0;
}
