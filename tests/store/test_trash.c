/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a delete leaves in the trash of a Nextcloud: nothing of ours, and all
 * that is somebody else's. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "util/buf.h"
#include "util/err.h"

static char dir[64], base[256], pass[64];
static struct store *s;

/* D is the server's folder. */
static void
run(const char *cmd)
{
	ck_assert_int_eq(setenv("D", dir, 1), 0);
	ck_assert_msg(system(cmd) == 0, "'%s' fails", cmd);
}

/* A line of what the server's script printed, without its quotes. */
static void
env_read(const char *name, char *ret, size_t cap)
{
	char cmd[256];
	FILE *f;

	(void)snprintf(cmd, sizeof(cmd), "bash -c '. %s/env; printf %%s "
	    "\"$%s\"'", dir, name);
	f = popen(cmd, "r");
	ck_assert_ptr_nonnull(f);
	cap = fread(ret, 1, cap - 1, f);
	ret[cap] = '\0';
	(void)pclose(f);
}

static struct store *
opened(const char *folder)
{
	struct store_conf conf = { .user = "alice@example.org",
	    .password = pass, .timeout_s = 10 };
	struct err e = { "" };
	struct store *ret;
	char url[512];
	int r;

	(void)snprintf(url, sizeof(url), "%s%s?tls=no", base, folder);
	r = store_open(url, &conf, &ret, &e);
	ck_assert_msg(r == 0, "%s", e.msg);
	return ret;
}

static void
begin(void)
{
	(void)strcpy(dir, "/tmp/test-trash.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	run("tests/servers/nextcloud.sh start $D >$D/env");
	env_read("URL", base, sizeof(base));
	ck_assert_ptr_nonnull(strchr(base, '?'));
	*strchr(base, '?') = '\0';
	env_read("PASS", pass, sizeof(pass));
	s = opened("my%20drive");
}

static void
end(void)
{
	store_close(s);
	run("tests/servers/nextcloud.sh stop $D && rm -rf $D");
}

static void
put(struct store *st, const char *name)
{
	ck_assert_int_eq(store_put(st, name, "x", 1, 0), 0);
}

static void
put_and_delete(struct store *st, const char *name)
{
	put(st, name);
	ck_assert_int_eq(store_delete(st, name), 0);
}

/* What lies in one of the server's folders; the last name goes to name. */
static int
lying(const char *where, char name[static 256])
{
	struct dirent *de;
	char path[128];
	int n = 0;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/data/%s", dir, where);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.')
			continue;
		n++;
		(void)snprintf(name, 256, "%s", de->d_name);
	}
	(void)closedir(d);
	return n;
}

static void
probe(void)
{
	struct err e = { "" };
	int r = store_probe(s, &e);

	ck_assert_msg(r == 0, "%s", e.msg);
}

static bool
notes_have(const char *text)
{
	struct buf b = BUF_INIT(4096);
	bool r;

	store_notes(s, &b);
	r = b.len && strstr(buf_cstr(&b), text);
	buf_done(&b);
	return r;
}

/* Asks how much room there is, for which the trash is emptied first. */
static void
ask(int want)
{
	struct store_space sp;

	ck_assert_int_eq(store_space(s, &sp), want);
}

START_TEST(a_probe_leaves_nothing)
{
	char name[256];

	probe();
	ck_assert_int_eq(lying("trash", name), 0);
	ck_assert_int_eq(lying("trash-versions", name), 0);
	ck_assert(notes_have("taken out of the trash"));
	ck_assert(!notes_have("erases nothing"));
}
END_TEST

START_TEST(only_what_we_deleted_is_purged)
{
	struct store *other = opened("my%20drive"), *root = opened("");
	char name[256];

	probe();
	/* Without a probe nothing is purged: that stands for the user. */
	put_and_delete(other, "h/theirs");
	put_and_delete(root, "h/one");		/* same name, elsewhere */
	put_and_delete(root, "one");
	put(root, "whole/h/one");
	run(". $D/env; curl -fsS -X DELETE -u \"alice-id:$PASS\" "
	    "${HTTP}remote.php/dav/files/alice-id/whole");
	ck_assert_int_eq(lying("trash", name), 4);
	put_and_delete(s, "h/one");
	put_and_delete(s, "h/two");
	ck_assert_int_eq(lying("trash", name), 6);
	ask(0);
	ck_assert_int_eq(lying("trash", name), 4);
	ask(0);
	ck_assert_int_eq(lying("trash", name), 4);
	/* Not even if it is there now. */
	put(s, "h/theirs");
	ask(0);
	ck_assert_int_eq(lying("trash", name), 4);
	ck_assert_int_eq(store_delete(s, "h/none"), -ENOENT);
	ask(0);
	ck_assert_int_eq(lying("trash", name), 4);
	store_close(other);
	store_close(root);
}
END_TEST

START_TEST(old_versions_go_with_it)
{
	char name[256];

	probe();
	put(s, "h/head");
	put(s, "h/head");
	put(s, "h/head");
	put(s, "h/head2");
	put(s, "h/head2");
	ck_assert_int_eq(lying("versions", name), 2);
	ck_assert_int_eq(store_delete(s, "h/head"), 0);
	ask(0);
	ck_assert_int_eq(lying("trash", name), 0);
	ck_assert_int_eq(lying("trash-versions", name), 0);
	ck_assert_int_eq(lying("versions", name), 1);
}
END_TEST

START_TEST(many_are_purged_unasked)
{
	char name[256], object[32];
	int i;

	probe();
	for (i = 0; i < 70; i++) {
		(void)snprintf(object, sizeof(object), "p/%d", i);
		put_and_delete(s, object);
	}
	ck_assert_int_le(lying("trash", name), 10);
	/* Twice the same name. */
	put_and_delete(s, "p/1");
	put_and_delete(s, "p/1");
	ask(0);
	ck_assert_int_eq(lying("trash", name), 0);
}
END_TEST

START_TEST(where_nobody_may_it_is_said)
{
	char name[256];

	run("touch $D/data/keep-trash");
	probe();
	ck_assert(notes_have("erases nothing"));
	ck_assert_int_gt(lying("trash", name), 0);
	put_and_delete(s, "h/one");
	ask(0);
	/* Allowed again, a probe finds that. */
	run("rm $D/data/keep-trash");
	probe();
	ck_assert(notes_have("taken out of the trash"));
}
END_TEST

START_TEST(what_could_not_be_asked_is_asked_again)
{
	char name[256];

	probe();
	put_and_delete(s, "h/one");
	store_interrupt(s, true);
	ask(-ECANCELED);
	store_interrupt(s, false);
	ck_assert_int_eq(lying("trash", name), 1);
	ask(0);
	ck_assert_int_eq(lying("trash", name), 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("trash");
	TCase *t = tcase_create("trash");
	SRunner *sr;
	int failed;

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, a_probe_leaves_nothing);
	tcase_add_test(t, only_what_we_deleted_is_purged);
	tcase_add_test(t, old_versions_go_with_it);
	tcase_add_test(t, many_are_purged_unasked);
	tcase_add_test(t, where_nobody_may_it_is_said);
	tcase_add_test(t, what_could_not_be_asked_is_asked_again);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? 1 : 0;
}
