/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a drive's settings say of where its stores may be, with the list of
 * providers that is installed (packaging/presets in the folder where the test
 * is run). */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The program's sources are not in the library. */
#include "fs/opts.c"
#include "fs/place.c"
#include "fs/presets.c"

#define OVH "auth.cloud.ovh.net/c?project_id=p"

static const struct {
	const char *rule, *list;
	const char *store, *country, *law, *provider;
	const char *why;		/* in the refusal; NULL: let in */
} cases[] = {
	{ "countries", "FR", "swift://u@" OVH "&region=BHS", "FR", NULL, NULL,
	    "is CA" },
	{ "countries", "FR", "swift://u@" OVH "&region=GRA", NULL, NULL, NULL,
	    NULL },
	{ "countries", "FR", "swift://u@" OVH "&region=GRA", "CA", NULL, NULL,
	    NULL },
	{ "countries", "FR", "swift://u@" OVH "&region=GRA&region=BHS", "FR",
	    NULL, NULL, "is CA" },
	{ "countries", "FR", "swift://u@" OVH, NULL, NULL, NULL,
	    "'--country'" },
	{ "countries", "FR", "s3://k@S3.BHS.io.cloud.ovh.net/b", "FR", NULL,
	    NULL, "is CA" },
	{ "countries", "FR", "s3://k@s3.bhs.perf.cloud.ovh.net/b", "FR", NULL,
	    NULL, "is CA" },
	{ "countries", "DE, FR", "s3://k@s3.gra.perf.cloud.ovh.net/b", NULL,
	    NULL, NULL, NULL },
	{ "countries", "FR", "s3://a@b@s3.bhs.io.cloud.ovh.net/b", "FR", NULL,
	    NULL, "is CA" },
	{ "countries", "FR", "nextcloud://u@cloud.example.org/f", NULL, NULL,
	    NULL, "'--country'" },
	{ "countries", "FR", "nextcloud://u@cloud.example.org/f", "fr", NULL,
	    NULL, NULL },
	{ "countries", "FR", "sftp://u@h.example.org/f", "US", NULL, NULL,
	    "is US" },
	{ "countries", "FR", "dir:/a/b", NULL, NULL, NULL, NULL },
	{ "countries", "FR", "webdav://u@localhost:80/b", NULL, NULL, NULL,
	    NULL },
	{ "countries", "FR", "webdav://u@127.evil.example/b", NULL, NULL,
	    NULL, "'--country'" },
	{ "laws", "FR", "s3://k@s3.bhs.io.cloud.ovh.net/b", NULL, NULL, NULL,
	    NULL },
	{ "laws", "FR", "s3://k@s3.gra.io.cloud.ovh.net/b", NULL, "US", NULL,
	    NULL },
	{ "laws", "DE", "s3://k@s3.de.io.cloud.ovh.net/b", "DE", "DE", NULL,
	    "is FR" },
	{ "laws", "FR", "nextcloud://u@cloud.example.org/f", "FR", NULL, NULL,
	    "'--law'" },
	{ "laws", "FR", "nextcloud://u@cloud.example.org/f", NULL, "FR", NULL,
	    NULL },
	{ "laws", "FR,DE", "sftp://u@h.example.org/f", NULL, "US", NULL,
	    "is US" },
	{ "providers", "leviia,ovhcloud", "s3://k@s3.leviia.com/b", NULL, NULL,
	    NULL, NULL },
	{ "providers", "leviia,ovhcloud", "swift://u@" OVH, NULL, NULL, NULL,
	    NULL },
	{ "providers", "leviia", "s3://k@oos.eu-west-2.outscale.com/b", NULL,
	    NULL, "leviia", "is outscale" },
	{ "providers", "leviia", "nextcloud://u@drive.example.org/f", NULL,
	    NULL, NULL, "'--provider'" },
	{ "providers", "leviia", "nextcloud://u@drive.example.org/f", NULL,
	    NULL, "leviia", NULL },
	{ "providers", "leviia", "sftp://u@h.example.org/f", NULL, NULL,
	    "myself", "is myself" },
};

static void
set(struct opts *o, const char *name, const char *value)
{
	struct err e = { "" };

	if (value)
		ck_assert_msg(opts_set(o, opts_find(name, OPT_CONF), value,
		    &e) == 0, "%s", e.msg);
}

START_TEST(a_store_is_let_in_by_the_rules_or_refused_with_a_reason)
{
	struct opts drive, store;
	struct err e = { "" };
	int r;

	opts_init(&drive);
	opts_init(&store);
	set(&drive, cases[_i].rule, cases[_i].list);
	set(&store, "store", cases[_i].store);
	set(&store, "country", cases[_i].country);
	set(&store, "law", cases[_i].law);
	set(&store, "provider", cases[_i].provider);
	r = presets_check(&drive, &store, &e);
	ck_assert_msg(r == (cases[_i].why ? -EPERM : 0), "%s, %s = %s: %s",
	    cases[_i].store, cases[_i].rule, cases[_i].list, e.msg);
	if (cases[_i].why)
		ck_assert_msg(strstr(e.msg, cases[_i].why), "%s: %s",
		    cases[_i].store, e.msg);
	opts_done(&drive);
	opts_done(&store);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("rules");
	TCase *t = tcase_create("rules");
	char dir[PATH_MAX], path[PATH_MAX + 32];
	SRunner *sr;
	int failed;

	if (!getcwd(dir, sizeof(dir)))
		return 1;
	(void)snprintf(path, sizeof(path), "%s/packaging/presets", dir);
	(void)setenv("COFFRE_PRESETS", path, 1);
	tcase_add_loop_test(t,
	    a_store_is_let_in_by_the_rules_or_refused_with_a_reason, 0,
	    (int)(sizeof(cases) / sizeof(*cases)));
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
