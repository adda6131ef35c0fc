/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/tr.h"

/* The catalogues of the tree where this was built: in ../../locale. */
static void
french(void)
{
	char exe[PATH_MAX], dir[PATH_MAX + 16], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	ck_assert_int_gt(n, 0);
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	*slash = '\0';
	(void)snprintf(dir, sizeof(dir), "%s/../../locale", exe);
	ck_assert_int_eq(setenv("LC_ALL", "C.UTF-8", 1), 0);
	ck_assert_int_eq(setenv("LANGUAGE", "fr", 1), 0);
	tr_init(dir);
	ck_assert(tr_is_on());
}

static const char *
text(const char *s)
{
	static char out[TR_MAX];

	return tr_text(s, out);
}

/* A value for the directive that ends with c. */
static const char *
value_for(char c)
{
	return c == 's' ? "alpha" : c == 'X' ? "0A" : "7";
}

/* Fill fmt in. */
static void
sample(const char *fmt, char out[static TR_MAX])
{
	char *to = out;

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			*to++ = *fmt;
			continue;
		}
		fmt += 1 + strspn(fmt + 1, "0123456789.*hlzjt");
		if (*fmt == '%') {
			*to++ = '%';
			continue;
		}
		to = stpcpy(to, value_for(*fmt));
	}
	*to = '\0';
}

START_TEST(without_a_language_nothing_is_changed)
{
	ck_assert_int_eq(setenv("LC_ALL", "C", 1), 0);
	tr_init("/nonexistent");
	ck_assert(!tr_is_on());
	ck_assert_str_eq(tr("out of memory"), "out of memory");
	ck_assert_str_eq(text("out of memory"), "out of memory");
	ck_assert_str_eq(tr_n("one", "many", 1), "one");
	ck_assert_str_eq(tr_n("one", "many", 0), "many");
}
END_TEST

START_TEST(a_format_gives_its_values_back)
{
	char out[TR_MAX];

	ck_assert(tr_refill("'%s': %u of %u", "%3$u, %2$u, « %1$s »",
	    "'a b': 3 of 12", out));
	ck_assert_str_eq(out, "12, 3, « a b »");
	ck_assert(tr_refill("%u%% here", "ici %u%%", "80% here", out));
	ck_assert_str_eq(out, "ici 80%");
	/* What looks like a directive in a value is none. */
	ck_assert(tr_refill("no '%s'", "pas de %s", "no '%s%n%1$s'", out));
	ck_assert_str_eq(out, "pas de %s%n%1$s");
	ck_assert(!tr_refill("line %u", "ligne %u", "line x", out));
	ck_assert(!tr_refill("line %u", "ligne %u", "line 1:", out));
	ck_assert(!tr_refill("line %u", "ligne %u", "a line 1", out));
}
END_TEST

START_TEST(every_message_is_found_again)
{
	char said[TR_MAX], want[TR_MAX], out[TR_MAX];
	size_t i;

	french();
	ck_assert_uint_gt(tr_nformats, 300);
	for (i = 0; i < 2 * tr_nformats; i++) {
		const struct tr_format *t = &tr_formats[i / 2];
		const char *fmt = i % 2 ? t->many : t->one, *to;

		if (!fmt)
			continue;
		/* The number in a sample is 7. */
		to = t->many ? tr_n(t->one, t->many, 7) : tr(fmt);
		ck_assert_msg(to != t->one && to != t->many,
		    "not translated: %s", fmt);
		if (!strpbrk(fmt, "aeiou"))
			continue;	/* "%s: ": could be anything */
		sample(fmt, said);
		ck_assert_msg(tr_refill(fmt, fmt, said, out) &&
		    strcmp(out, said) == 0, "%s: %s", fmt, said);
		ck_assert_msg(tr_refill(fmt, to, said, want), "%s", fmt);
		ck_assert_msg(strcmp(tr_text(said, out), want) == 0,
		    "%s\n%s\n%s", said, want, out);
	}
}
END_TEST

START_TEST(messages_in_messages)
{
	french();
	ck_assert_str_eq(text("the store is full"), "le dépôt est plein");
	ck_assert_str_eq(text("cannot list 'dir:/x': out of memory"),
	    "impossible de lister « dir:/x » : mémoire insuffisante");
	ck_assert_str_eq(text("no access to the store (h.org refused the "
	    "user name or the password (PUT: status 401))"),
	    "pas d'accès au dépôt (h.org a refusé le nom d'utilisateur "
	    "ou le mot de passe (PUT: status 401))");
	ck_assert_str_eq(text("the store is full (h.org is in trouble or "
	    "busy); make room there or get more space; then run 'coffre "
	    "sync'"), "le dépôt est plein (h.org est en difficulté ou "
	    "surchargé) ; faites-y de la place ou agrandissez-le ; lancez "
	    "ensuite « coffre sync »");
	ck_assert_str_eq(text("'h.org' still lacks 1 object"),
	    "il manque encore à « h.org » 1 objet");
	ck_assert_str_eq(text("'h.org' still lacks 2 objects"),
	    "il manque encore à « h.org » 2 objets");
	/* Not as in English. */
	ck_assert_str_eq(text("dir:/x: 0 objects, the only store"),
	    "dir:/x : 0 objet, le seul dépôt");
	ck_assert_str_eq(text("mydrive: out of memory"),
	    "mydrive : mémoire insuffisante");
	/* A name that is a message, too. */
	ck_assert_str_eq(text("'out of memory' is no file"),
	    "« out of memory » n'est pas un fichier");
	ck_assert_str_eq(text("what nobody here has written"),
	    "what nobody here has written");
	ck_assert_str_eq(text(""), "");
}
END_TEST

/* Of a server that wants to keep us busy. */
START_TEST(any_text_comes_to_an_end)
{
	static char long_one[TR_MAX], out[TR_MAX];
	size_t i;

	french();
	for (i = 0; i + 1 < sizeof(long_one); i++)
		long_one[i] = ": (; '"[i % 6];
	(void)tr_text(long_one, out);
	for (i = 0; i + 2 < sizeof(long_one); i += 2)
		memcpy(long_one + i, ": ", 2);
	ck_assert_str_eq(tr_text(long_one, out), long_one);
	memset(long_one, 'x', sizeof(long_one) - 1);
	ck_assert_str_eq(tr_text(long_one, out), long_one);
}
END_TEST

START_TEST(columns_are_not_bytes)
{
	ck_assert_uint_eq(tr_width("depot"), 5);
	ck_assert_uint_eq(tr_width("dépôt"), 5);
	ck_assert_uint_eq(tr_width("« … »"), 5);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("tr");
	TCase *t = tcase_create("tr");
	SRunner *r;
	int failed;

	tcase_add_test(t, without_a_language_nothing_is_changed);
	tcase_add_test(t, a_format_gives_its_values_back);
	tcase_add_test(t, every_message_is_found_again);
	tcase_add_test(t, messages_in_messages);
	tcase_add_test(t, any_text_comes_to_an_end);
	tcase_add_test(t, columns_are_not_bytes);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
