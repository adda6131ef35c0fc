/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/tr.h"

#include <libintl.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef DATADIR
#define DATADIR "/usr/local/share"
#endif
#define DOMAIN "coffre"

static locale_t language;	/* 0: English */

/* A folder beside the program. */
static bool
beside(const char *tail, char out[static PATH_MAX])
{
	char exe[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	struct stat st;

	if (n <= 0)
		return false;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return snprintf(out, PATH_MAX, "%s/%s", exe, tail) < PATH_MAX &&
	    stat(out, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Of a tree where it was built, or moved as a whole; or where it belongs. */
static const char *
own_folder(char buf[static PATH_MAX])
{
	if (beside("locale", buf))
		return buf;
	if (beside("../share/coffre", buf) && beside("../share/locale", buf))
		return buf;
	return DATADIR "/locale";
}

void
tr_init(const char *dir)
{
	char own[PATH_MAX];
	locale_t was, is;
	bool has_one;

	is = newlocale(LC_MESSAGES_MASK | LC_CTYPE_MASK, "", (locale_t)0);
	if (!is)
		return;
	(void)bindtextdomain(DOMAIN, dir ? dir : own_folder(own));
	was = uselocale(is);
	/* The head of a catalogue is what it has for nothing. */
	has_one = *dgettext(DOMAIN, "") != '\0';
	(void)uselocale(was);
	if (has_one)
		language = is;
	else
		freelocale(is);
}

bool
tr_is_on(void)
{
	return language != (locale_t)0;
}

const char *
tr(const char *s)
{
	locale_t was;

	if (!tr_is_on() || !*s)
		return s;
	was = uselocale(language);
	s = dgettext(DOMAIN, s);
	(void)uselocale(was);
	return s;
}

const char *
tr_n(const char *one, const char *many, unsigned long n)
{
	const char *s;
	locale_t was;

	if (!tr_is_on())
		return n == 1 ? one : many;
	was = uselocale(language);
	s = dngettext(DOMAIN, one, many, n);
	(void)uselocale(was);
	return s;
}

const char *
tr_libc(const char *s)
{
	locale_t was;

	if (!tr_is_on() || !*s)
		return s;
	was = uselocale(language);
	s = dgettext("libc", s);
	(void)uselocale(was);
	return s;
}

size_t
tr_width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}
