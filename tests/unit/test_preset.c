/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of providers, in the file that is installed: packaging/presets
 * (in the folder where the test is run). */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/preset.h"
#include "store/store.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"

static struct presets all;

static void
begin(void)
{
	struct buf b = BUF_INIT(PRESET_FILE_MAX);
	struct err e = { "" };

	ck_assert_int_eq(file_read("packaging/presets", &b), 0);
	ck_assert_msg(presets_parse(b.data, b.len, &all, &e) == 0, "%s",
	    e.msg);
	buf_done(&b);
}

static void
end(void)
{
	presets_done(&all);
}

static const char *
expand(const char *text)
{
	static char url[2048];
	struct buf b = BUF_INIT(2048);
	struct err e = { "" };

	ck_assert_msg(presets_expand(&all, text, &b, &e) == 1, "%s: %s", text,
	    e.msg);
	(void)snprintf(url, sizeof(url), "%s", buf_cstr(&b));
	buf_done(&b);
	return url;
}

/* The short form of a provider, filled in. */
static void
form(const struct preset *p, const char *region, char *out, size_t cap)
{
	char args[sizeof(p->args)], *arg, *save = NULL;
	size_t n;

	n = (size_t)snprintf(out, cap, "%s:%s%s", p->kind,
	    strstr(p->url, "{user}") ? "KEYID@" : "", p->id);
	(void)snprintf(args, sizeof(args), "%s", p->args);
	for (arg = strtok_r(args, " ", &save); arg;
	    arg = strtok_r(NULL, " ", &save))
		n += (size_t)snprintf(out + n, cap - n, "/%s",
		    strcmp(arg, "region") == 0 ? region :
		    strcmp(arg, "host") == 0 ? "h.example.org" : "some-word");
	(void)snprintf(out + n, cap - n, "/a/folder");
}

static void
opens(const char *url)
{
	struct store_conf conf = { .password = "word", .timeout_s = 1 };
	struct err e = { "" };
	struct store *s;

	ck_assert_msg(store_open(url, &conf, &s, &e) == 0, "%s: %s", url,
	    e.msg);
	store_close(s);
}

START_TEST(the_short_form_of_every_provider_opens)
{
	const struct preset_region *g;
	const struct preset *p;
	char text[512], url[2048];
	size_t i, k, seen = 0;

	for (i = 0; i < all.n; i++) {
		p = &all.p[i];
		if (strcmp(p->kind, "none") == 0)
			continue;
		for (k = 0; k < p->nregions || k == 0; k++) {
			form(p, p->nregions ? p->regions[k].id : "r", text,
			    sizeof(text));
			(void)snprintf(url, sizeof(url), "%s", expand(text));
			ck_assert_ptr_nonnull(strstr(url, "/a/folder"));
			ck_assert_ptr_null(strchr(url, '{'));
			opens(url);
			seen++;
			/* "any": it is whose it is. */
			if (strstr(p->url, "{host}")) {
				ck_assert_ptr_null(presets_by_url(&all, url,
				    &g));
				continue;
			}
			/* Its address tells whose it is, and where. */
			ck_assert_ptr_eq(presets_by_url(&all, url, &g), p);
			ck_assert_msg(g && strcmp(g->id, p->regions[k].id) ==
			    0, "%s: in no region", url);
		}
	}
	ck_assert_uint_gt(seen, 30);
}
END_TEST

static const struct {
	const char *text, *url;
} option[] = {
	{ "s3:K@cloud-temple/ns/b/x?sig=2", "s3://K@ns.s3.fr1.cloud-temple."
	    "com/b/x?region=fr1&sig=2" },
	{ "s3:K@leviia/b?region=x&list=1", "s3://K@s3.leviia.com/b?region=x"
	    "&list=1" },
	{ "s3:K@leviia/b?", "s3://K@s3.leviia.com/b" },
	{ "swift:u@ovhcloud/GRA/p/c?kind=app&project_id=q",
	    "swift://u@auth.cloud.ovh.net/c?region=GRA&project_id=p&kind=app"
	    "&project_id=q" },
	{ "swift:u@swift/h.example.org/p/c/f?region=a/b",
	    "swift://u@h.example.org/c/f?project=p&region=a/b" },
	{ "nextcloud:nextcloud/h.example.org/f?path=%2Fnc",
	    "nextcloud://h.example.org/f?path=%2Fnc" },
};

START_TEST(options_behind_a_short_form_come_after_those_of_the_provider)
{
	ck_assert_str_eq(expand(option[_i].text), option[_i].url);
	if (strncmp(option[_i].text, "nextcloud", 9) != 0)
		opens(option[_i].url);
}
END_TEST

START_TEST(what_is_no_short_form_is_left_alone)
{
	static const char *const text[] = { "dir:/a?b", "mem:", "s3://k@h/b?x",
	    "/a:b", "" };
	struct buf b = BUF_INIT(100);
	struct err e = { "" };
	size_t i;

	for (i = 0; i < sizeof(text) / sizeof(*text); i++) {
		ck_assert_int_eq(presets_expand(&all, text[i], &b, &e), 0);
		ck_assert_uint_eq(b.len, 0);
	}
	ck_assert_int_eq(presets_expand(&all, "s3:k@ovhcloud/xyz/b", &b, &e),
	    -EINVAL);
	ck_assert_ptr_nonnull(strstr(e.msg, " gra "));
	ck_assert_int_eq(presets_expand(&all, "s3:k@ovhcloud/gra?b", &b, &e),
	    -EINVAL);
	ck_assert_int_eq(presets_expand(&all, "s3:k@nobody/b", &b, &e),
	    -EINVAL);
	buf_done(&b);
}
END_TEST

static const struct {
	const char *url, *id, *country;		/* NULL: unknown */
} where[] = {
	{ "s3://k@s3.gra.io.cloud.ovh.net/b", "ovhcloud", "FR" },
	{ "s3://k@S3.BHS.io.Cloud.OVH.net/b", "ovhcloud", "CA" },
	{ "s3://k@s3.bhs.io.cloud.ovh.net./b", "ovhcloud", "CA" },
	{ "s3://k@s3.bhs.io.cloud.ovh.net:443/b", "ovhcloud", "CA" },
	{ "s3://k@s3.bhs.perf.cloud.ovh.net/b", "ovhcloud", "CA" },
	{ "s3://k@s3.uk.cloud.ovh.net/b", "ovhcloud", "GB" },
	/* Who signs for another region is where the host is. */
	{ "s3://k@s3.bhs.io.cloud.ovh.net/b?region=gra", "ovhcloud", "CA" },
	/* The user's name ends at the last '@'. */
	{ "s3://a@s3.gra.io.cloud.ovh.net@s3.bhs.io.cloud.ovh.net/b",
	    "ovhcloud", "CA" },
	{ "s3://k@s3.new.io.cloud.ovh.net/b", "ovhcloud", NULL },
	{ "s3://k@s3.gra.io.cloud.ovh.net.example.org/b", NULL, NULL },
	{ "s3://k@xs3.leviia.com/b", NULL, NULL },
	{ "s3://k@s3.leviia.com/b?region=us", "leviia", "FR" },
	{ "s3://k@oos.us-east-2.outscale.com/b", "outscale", "US" },
	{ "s3://k@a-b.s3.fr1.cloud-temple.com/b", "cloud-temple", "FR" },
	{ "sftp://k@bucket-0a1b-fsbucket.services.clever-cloud.com/",
	    "clever-cloud", "FR" },
	{ "swift://k@auth.cloud.ovh.net/c?region=GRA", "ovhcloud", "FR" },
	{ "swift://k@auth.cloud.ovh.net/c?region=BHS", "ovhcloud", "CA" },
	{ "swift://k@auth.cloud.ovh.net/c?region=GRA&region=BHS",
	    "ovhcloud", "CA" },
	{ "swift://k@auth.cloud.ovh.net/c?project=p&r%65gion=B%48S",
	    "ovhcloud", "CA" },
	{ "swift://k@auth.cloud.ovh.net/c?project=p", "ovhcloud", NULL },
	{ "webdavs://u@cloud.example.org/x", NULL, NULL },
	{ "dir:/s3.gra.io.cloud.ovh.net", NULL, NULL },
	{ "mem:", NULL, NULL },
};

START_TEST(an_address_tells_whose_it_is_and_where)
{
	const struct preset_region *g;
	const struct preset *p = presets_by_url(&all, where[_i].url, &g);

	ck_assert_msg((p != NULL) == (where[_i].id != NULL), "%s",
	    where[_i].url);
	if (p)
		ck_assert_str_eq(p->id, where[_i].id);
	ck_assert_msg((g != NULL) == (where[_i].country != NULL), "%s",
	    where[_i].url);
	if (g)
		ck_assert_str_eq(g->country, where[_i].country);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("preset");
	TCase *t = tcase_create("preset");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, the_short_form_of_every_provider_opens);
	tcase_add_loop_test(t,
	    options_behind_a_short_form_come_after_those_of_the_provider, 0,
	    (int)(sizeof(option) / sizeof(*option)));
	tcase_add_test(t, what_is_no_short_form_is_left_alone);
	tcase_add_loop_test(t, an_address_tells_whose_it_is_and_where, 0,
	    (int)(sizeof(where) / sizeof(*where)));
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
