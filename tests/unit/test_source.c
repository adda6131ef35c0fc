/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The program's sources are not in the library. */
#include "fs/opts.c"

#include "fs/stores_source.c"

/* Store 1 leaves, and store 2 takes its place, while somebody reads who we are
 * to them. */

#define ONE "webdavs://one/x"
#define TWO "webdavs://two/x"

static bool is_promoted;	/* 1 is TWO, and there is no 2 */
static unsigned changes;	/* that are to come */
static unsigned reads;
static struct err e;

/* ---- the files ---- */

size_t
stores_numbers(const char *drive, unsigned out[STORES_MAX])
{
	(void)drive;
	out[0] = 1;
	out[1] = 2;
	return is_promoted ? 1 : 2;
}

int
stores_load(const char *drive, unsigned n, struct opts *o, struct err *err)
{
	(void)drive;
	if (n == 0 || n > 2 || (n == 2 && is_promoted))
		return err_set(err, -ENOENT, "not there");
	return opts_set(o, opts_find("store", OPT_CONF),
	    n == 1 && !is_promoted ? ONE : TWO, err);
}

int
stores_password(const char *drive, unsigned n, const struct opts *o,
    const atomic_bool *stop, struct secret *ret, struct err *err)
{
	(void)drive, (void)o, (void)stop;
	reads++;
	if (changes > 0) {
		changes--;
		is_promoted = !is_promoted;
	}
	if (n == 2 && is_promoted)
		return err_set(err, -ENOENT, "gone");
	ret->p = strdup(n == 1 && !is_promoted ? "first" : "second");
	ret->len = strlen(ret->p);
	return 0;
}

void
pass_done(struct secret *s)
{
	free(s->p);
	s->p = NULL;
	s->len = 0;
}

/* ---- */

static struct store_source source;

static int
get(const char *url, struct store_conf *c)
{
	ck_assert_int_eq(stores_source("d", url, NULL, true, &source, &e), 0);
	memset(c, 0, sizeof(*c));
	return source.get(source.arg, NULL, c, &e);
}

static void
begin(void)
{
	is_promoted = false;
	changes = reads = 0;
	e.msg[0] = '\0';
}

static void
end(void)
{
	source.drop(source.arg);
	source.free(source.arg);
}

START_TEST(each_has_its_own)
{
	struct store_conf c;

	is_promoted = _i == 2;
	ck_assert_int_eq(get(_i ? TWO : ONE, &c), 0);
	ck_assert_str_eq(c.password, _i ? "second" : "first");
	ck_assert_uint_eq(reads, 1);
}
END_TEST

START_TEST(the_one_that_stays_has_its_own_in_its_new_place)
{
	struct store_conf c;

	changes = 1;
	ck_assert_int_eq(get(TWO, &c), 0);
	ck_assert_str_eq(c.password, "second");
	ck_assert_str_eq(e.msg, "");
}
END_TEST

START_TEST(the_one_that_leaves_has_not_the_others)
{
	struct store_conf c;

	changes = 1;
	ck_assert_int_eq(get(ONE, &c), -ENOENT);
	ck_assert_ptr_null(c.password);
}
END_TEST

START_TEST(where_they_change_all_the_time_it_comes_to_an_end)
{
	struct store_conf c;

	changes = 100;
	ck_assert_int_eq(get(TWO, &c), -EAGAIN);
	ck_assert_ptr_null(c.password);
	ck_assert_uint_eq(reads, 3);
	ck_assert_str_ne(e.msg, "");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("source");
	TCase *t = tcase_create("promote");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_loop_test(t, each_has_its_own, 0, 3);
	tcase_add_test(t, the_one_that_stays_has_its_own_in_its_new_place);
	tcase_add_test(t, the_one_that_leaves_has_not_the_others);
	tcase_add_test(t, where_they_change_all_the_time_it_comes_to_an_end);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
