/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/strength.c"

static unsigned
bits(const char *p)
{
	return strength_bits(p, strlen(p));
}

START_TEST(what_everybody_tries_is_weak)
{
	static const char *const weak[] = { "", "a", "password", "Passwort1",
	    "azerty123", "qwertyuiop", "1234567890", "aaaaaaaaaaaaaaaaaaaa",
	    "motdepasse", "abcdefghijkl", "coffrecoffre" };
	size_t i;

	for (i = 0; i < sizeof(weak) / sizeof(*weak); i++)
		ck_assert_msg(bits(weak[i]) < STRENGTH_FAIR, "'%s': %u",
		    weak[i], bits(weak[i]));
}
END_TEST

START_TEST(what_nobody_guesses_is_good)
{
	ck_assert_uint_ge(bits("k7$Rw2!pZ9mq"), STRENGTH_GOOD);
	ck_assert_uint_ge(bits("orage tambour velours cigale boussole"),
	    STRENGTH_GOOD);
}
END_TEST

START_TEST(longer_is_never_weaker)
{
	static const char text[] = "Un port 42, des voiliers & du sel";
	size_t n;

	for (n = 1; n < sizeof(text); n++)
		ck_assert_uint_le(strength_bits(text, n - 1),
		    strength_bits(text, n));
}
END_TEST

START_TEST(any_bytes_and_any_length_have_a_number)
{
	static char p[5000];
	size_t i;

	for (i = 0; i < sizeof(p); i++)
		p[i] = (char)(i * 37);
	ck_assert_uint_le(strength_bits(p, sizeof(p)), 256);
	ck_assert_uint_eq(strength_bits(p, 0), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("strength");
	TCase *t = tcase_create("strength");
	SRunner *r;
	int failed;

	tcase_add_test(t, what_everybody_tries_is_weak);
	tcase_add_test(t, what_nobody_guesses_is_good);
	tcase_add_test(t, longer_is_never_weaker);
	tcase_add_test(t, any_bytes_and_any_length_have_a_number);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
