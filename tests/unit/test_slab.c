/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "drive/slab.h"
#include "util/err.h"

START_TEST(a_frame_is_shared_as_often_as_files_are_copied)
{
	char dir[] = "/tmp/test_slab.XXXXXX", cmd[64];
	struct err e = { "" };
	uint32_t one, other;
	struct slab *s;
	unsigned k;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(slab_open(dir, 1, &s, &e), 0);
	ck_assert_int_eq(slab_alloc(s, &one), 0);
	for (k = 0; k < 65536; k++)
		slab_ref(s, one);
	slab_free(s, one);
	slab_settle_end(s, slab_settle_begin(s));
	ck_assert_int_eq(slab_alloc(s, &other), 0);
	ck_assert_uint_ne(other, one);
	slab_close(s);
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	ck_assert_int_eq(system(cmd), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("slab");
	TCase *t = tcase_create("all");
	SRunner *sr;
	int failed;

	tcase_add_test(t, a_frame_is_shared_as_often_as_files_are_copied);
	suite_add_tcase(s, t);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
