/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an SFTP server can do wrong, what the result is for it, what people
 * are told, and that nothing is lost by it.  tests/tools/fault_sftp.c stands
 * before the real server.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"
#include "tests/lib/sshd.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"

#define BIG 300000u

static struct sshd d = { .has_faults = true };
static struct store *s;
static uint8_t bytes[BIG];
static unsigned files;		/* that were open before */

static void
open_conf(const struct store_conf *c)
{
	struct err e = { "" };

	ck_assert_msg(store_open(d.url, c, &s, &e) == 0, "%s", e.msg);
}

/* Seconds: what is to answer has the time for it that a busy machine may take;
 * what is silent for ever is not waited for so long. */
#define PATIENT 20
#define IMPATIENT 2

static void
open_tries(unsigned retries, unsigned timeout_s)
{
	struct store_conf c = { .key_file = d.key, .pin = d.pin,
	    .timeout_s = timeout_s, .retries = retries };

	open_conf(&c);
}

static unsigned
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* With an object that was there before. */
static void
setup(void)
{
	size_t i;

	files = open_files();
	for (i = 0; i < BIG; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	sshd_fault(&d, "");
	open_tries(0, PATIENT);
	ck_assert_int_eq(store_put(s, "f/old", bytes, BIG, 0), 0);
	(void)store_delete(s, "f/new");
}

static void
teardown(void)
{
	store_close(s);
	ck_assert_uint_eq(open_files(), files);
	sshd_fault(&d, "");
}

static const char *
last_error(void)
{
	static struct store_stats st;

	store_get_stats(s, &st);
	return st.last_error;
}

static int
get_old(void)
{
	struct buf b = BUF_INIT(2 * BIG);
	int r;

	r = store_get(s, "f/old", &b);
	if (r == 0) {
		ck_assert_uint_eq(b.len, BIG);
		ck_assert_int_eq(memcmp(b.data, bytes, BIG), 0);
	} else {
		ck_assert_uint_eq(b.len, 0);
	}
	buf_done(&b);
	return r;
}

static int
put_new(unsigned flags)
{
	return store_put(s, "f/new", bytes, BIG, flags);
}

static int
put_over(void)
{
	return store_put(s, "f/old", bytes, BIG, 0);
}

static int
del_old(void)
{
	return store_delete(s, "f/old");
}

static int
on_name(void *arg, const char *name, uint64_t size)
{
	(void)name;
	(void)size;
	++*(unsigned *)arg;
	return 0;
}

static int
list_all(void)
{
	unsigned n = 0;
	int r = store_list(s, "f/", on_name, &n);

	ck_assert_msg(r != 0 || n > 0, "an empty listing is believed");
	return r;
}

enum call { GET, PUT, PUT_ABSENT, PUT_OVER, DEL, LIST };

static int
call(enum call what)
{
	switch (what) {
	case GET: return get_old();
	case PUT: return put_new(0);
	case PUT_ABSENT: return put_new(STORE_IF_ABSENT);
	case PUT_OVER: return put_over();
	case DEL: return del_old();
	case LIST: return list_all();
	default: return -EINVAL;
	}
}

/* What a fault makes of a call, and a word of what is said of it. */
static const struct {
	const char *fault;
	enum call call;
	int want;
	const char *word;
} faults[] = {
	/* Refused. */
	{ "--op open --code 3", GET, -EACCES, "rights" },
	{ "--op read --code 3", GET, -EACCES, "rights" },
	{ "--op create --code 3", PUT, -EACCES, "rights" },
	{ "--op write --code 3", PUT, -EACCES, "rights" },
	{ "--op replace --code 3", PUT_OVER, -EACCES, "rights" },
	{ "--op rename --code 3", PUT_ABSENT, -EACCES, "rights" },
	{ "--op remove --code 3", DEL, -EACCES, "rights" },
	{ "--op opendir --code 3", LIST, -EACCES, "rights" },
	{ "--op readdir --code 3", LIST, -EACCES, "rights" },
	{ "--op open,lstat --code 3", GET, -EACCES, "rights" },
	/* Full or broken: one code for all. */
	{ "--op create --code 4", PUT, -ENOSPC, "cannot write" },
	{ "--op write --code 4", PUT, -ENOSPC, "cannot write" },
	{ "--op write --code 4 --skip 7 --times 1", PUT, -ENOSPC,
	  "cannot write" },
	{ "--op fsync --code 4", PUT, -ENOSPC, "cannot write" },
	{ "--op close --code 4", PUT, -ENOSPC, "cannot write" },
	{ "--op replace --code 4", PUT_OVER, -ENOSPC, "cannot write" },
	{ "--op rename --code 4", PUT_ABSENT, -ENOSPC, "cannot write" },
	{ "--op write --keep 1000 --skip 9", PUT, -ENOSPC, "less than" },
	{ "--op write --keep 0 --skip 5", PUT, -ENOSPC, "less than" },
	/* Trouble that a read can wait for. */
	{ "--op open --code 4", GET, -EHOSTUNREACH, "does not say why" },
	{ "--op read --code 4", GET, -EHOSTUNREACH, "does not say why" },
	{ "--op fstat --code 4", GET, -EHOSTUNREACH, "does not say why" },
	{ "--op lstat --code 4", PUT_ABSENT, -EHOSTUNREACH,
	  "does not say why" },
	{ "--op opendir --code 4", LIST, -EHOSTUNREACH, "does not say why" },
	{ "--op readdir --code 4", LIST, -EHOSTUNREACH, "does not say why" },
	{ "--op remove --code 4", DEL, -ETIMEDOUT, "does not say why" },
	/* Not there. */
	{ "--op open --code 2", GET, -ENOENT, "" },
	{ "--op open,lstat --code 2", GET, -EHOSTUNREACH, "mounted" },
	{ "--op create --code 2", PUT, -EHOSTUNREACH, "" },
	{ "--op create,lstat --code 2", PUT, -EHOSTUNREACH, "mounted" },
	{ "--op replace --code 2", PUT_OVER, -EHOSTUNREACH, "" },
	{ "--op remove --code 2", DEL, -ENOENT, "" },
	/* Nonsense. */
	{ "--op open --code 5", GET, -EPROTO, "sense" },
	{ "--op create --code 5", PUT, -EPROTO, "sense" },
	{ "--op write --code 5", PUT, -EPROTO, "sense" },
	{ "--op replace --code 5", PUT_OVER, -EPROTO, "sense" },
	{ "--op readdir --code 5", LIST, -EPROTO, "sense" },
	{ "--op open --code 0", GET, -EPROTO, "sense" },
	{ "--op read --code 0", GET, -EPROTO, "sense" },
	{ "--op read --code 1", GET, -EPROTO, "sense" },
	{ "--op write --code 1", PUT, -EPROTO, "sense" },
	{ "--op open --code 77", GET, -EPROTO, "sense" },
	{ "--op open --code 8", GET, -EPROTO, "sense" },
	{ "--op write --code 8", PUT, -EPROTO, "sense" },
	{ "--op open --id 1", GET, -EPROTO, "sense" },
	{ "--op read --id 1000", GET, -EPROTO, "sense" },
	{ "--op write --id 1000", PUT, -EPROTO, "sense" },
	{ "--op read --endless", GET, -EPROTO, "sense" },
	{ "--op read --empty", GET, -EPROTO, "sense" },
	{ "--op readdir --endless", LIST, -EPROTO, "sense" },
	{ "--op readdir --empty", LIST, -EPROTO, "sense" },
	{ "--op open --extra -3", GET, -EPROTO, "sense" },
	{ "--op open --text Welcome", GET, -EPROTO, "sense" },
	/* The line breaks, or is silent. */
	{ "--op open --code 7", GET, -EHOSTUNREACH, "broke" },
	{ "--op read --code 6", GET, -EHOSTUNREACH, "broke" },
	{ "--op write --code 7", PUT, -EHOSTUNREACH, "broke" },
	{ "--op replace --code 7", PUT_OVER, -ETIMEDOUT, "broke" },
	{ "--op rename --code 7", PUT_ABSENT, -ETIMEDOUT, "broke" },
	{ "--op remove --code 7", DEL, -ETIMEDOUT, "broke" },
	{ "--op read --cut-down 500", GET, -EHOSTUNREACH, "broke" },
	{ "--op read --cut-down 0", GET, -EHOSTUNREACH, "broke" },
	{ "--op write --cut-up 500", PUT, -EHOSTUNREACH, "broke" },
	{ "--op replace --cut-up 10", PUT_OVER, -ETIMEDOUT, "broke" },
	{ "--op readdir --cut-down 20", LIST, -EHOSTUNREACH, "broke" },
	{ "--op open --hang", GET, -ETIMEDOUT, "no answer" },
	{ "--op read --hang", GET, -ETIMEDOUT, "no answer" },
	{ "--op read --extra 9 --skip 9", GET, -ETIMEDOUT, "no answer" },
	{ "--op write --hang", PUT, -EHOSTUNREACH, "no answer" },
	/* Always a byte before the deadline. */
	{ "--op open --drip 700", GET, -ETIMEDOUT, "no answer" },
	{ "--op read --drip 700", GET, -ETIMEDOUT, "no answer" },
	{ "--op write --drip 700", PUT, -EHOSTUNREACH, "no answer" },
	{ "--op readdir --drip 700", LIST, -ETIMEDOUT, "no answer" },
	{ "--op replace --hang", PUT_OVER, -ETIMEDOUT, "no answer" },
	{ "--op remove --hang", DEL, -ETIMEDOUT, "no answer" },
	/* What they may do. */
	{ "--op fsync --code 8", PUT, 0, "" },
	{ "--op replace --code 8", PUT_OVER, 0, "" },
	{ "--delay 50", GET, 0, "" },
};

/* The server has all of it or nothing. */
static void
is_whole(const char *name)
{
	ck_assert_msg(sh("f=%s/srv/data/f/%s; test ! -e $f || "
	    "test $(stat -c %%s $f) = %u", d.home, name, BIG) == 0,
	    "'%s' is not whole", name);
}

static void
again_for(const char *options, unsigned retries, unsigned timeout_s)
{
	store_close(s);
	sshd_fault(&d, options);
	open_tries(retries, timeout_s);
}

static void
again(const char *options, unsigned retries)
{
	again_for(options, retries, PATIENT);
}

START_TEST(each_fault_has_its_result_and_its_words)
{
	const char *fault = faults[_i].fault;
	bool is_silent = strcmp(faults[_i].word, "no answer") == 0;
	unsigned tries = 0;
	int64_t start;
	int r;

	if (is_silent) {
		/* Logging in is not what is to be too late. */
		for (r = 1; r != 0 && tries < 10; tries++) {
			again_for("", 0, IMPATIENT);
			r = get_old();
		}
		ck_assert_int_eq(r, 0);
	}
	sshd_fault(&d, fault);
	start = clock_mono_ms();
	r = call(faults[_i].call);
	ck_assert_msg(r == faults[_i].want, "'%s': %s (%s)", fault,
	    strerror(-r), last_error());
	ck_assert_msg(sshd_hits(&d) > 0, "'%s' was not met", fault);
	ck_assert_msg(strstr(last_error(), faults[_i].word), "'%s': '%s'",
	    fault, last_error());
	ck_assert_int_lt(clock_mono_ms() - start, 40000);
	is_whole("new");
	is_whole("old");
	if (is_silent)
		again("", 0);
	else
		sshd_fault(&d, "");
	/* Not done, or done and nobody heard of it. */
	r = call(faults[_i].call);
	if (faults[_i].call == DEL)
		ck_assert(r == 0 || r == -ENOENT);
	else
		ck_assert_msg(r == 0 || (r == -EEXIST &&
		    faults[_i].call == PUT_ABSENT), "'%s', then: %s (%s)",
		    fault, strerror(-r), last_error());
	ck_assert_int_eq(sh("test -z \"$(find %s/srv/data/f -name '.tmp-*' "
	    "-newer %s/srv/faults)\"", d.home, d.home), 0);
}
END_TEST

static bool
has_note(const char *text)
{
	struct buf b = BUF_INIT(4096);
	struct err e = { "" };
	bool has;

	ck_assert_msg(store_probe(s, &e) == 0, "%s", e.msg);
	store_notes(s, &b);
	has = b.len > 0 && strstr(buf_cstr(&b), text);
	buf_done(&b);
	return has;
}

START_TEST(a_host_that_does_not_flush_is_told_of)
{
	ck_assert(!has_note("fsync"));
	sshd_fault(&d, "--op fsync --code 8");
	ck_assert(has_note("no fsync@openssh.com"));
	sshd_fault(&d, "");
	ck_assert(!has_note("fsync"));
}
END_TEST

/* Done, and nobody heard of it: the next try finds its own work. */
START_TEST(a_lost_answer_is_no_failure_of_what_was_done)
{
	again("--op rename --cut-down 0 --times 1", 1);
	ck_assert_int_eq(put_new(STORE_IF_ABSENT), 0);
	ck_assert_uint_eq(sshd_hits(&d), 1);
	again("--op rename --code 7 --done --times 1", 1);
	ck_assert_int_eq(store_put(s, "f/lost", "x", 1, STORE_IF_ABSENT), 0);
	again("--op remove --cut-down 0 --times 1", 1);
	ck_assert_int_eq(store_delete(s, "f/new"), 0);
	ck_assert_int_eq(store_delete(s, "f/lost"), 0);
	again("--op replace --cut-down 3 --times 1", 1);
	ck_assert_int_eq(put_over(), 0);
	ck_assert_int_eq(get_old(), 0);
}
END_TEST

START_TEST(who_does_not_speak_sftp_is_told_from_who_is_silent)
{
	again("--op init --text Welcome-to-this-host", 0);
	ck_assert_int_eq(get_old(), -EPROTO);
	ck_assert_msg(strstr(last_error(), "greeting"), "%s", last_error());
	again_for("--op init --hang", 0, IMPATIENT);
	ck_assert_int_eq(get_old(), -EHOSTUNREACH);
	ck_assert_msg(strstr(last_error(), "no answer"), "%s", last_error());
	again("--op init --cut-down 2", 0);
	ck_assert_int_eq(get_old(), -EHOSTUNREACH);
	again("--op init --code 4", 0);
	ck_assert_int_eq(get_old(), -EPROTO);
}
END_TEST

/* Believed as it is: nothing is ever deleted for it. */
START_TEST(a_listing_that_is_cut_tells_no_more_than_it_has)
{
	unsigned n = 0;

	sshd_fault(&d, "--op readdir --code 1");
	ck_assert_int_eq(store_list(s, "f/", on_name, &n), 0);
	ck_assert_uint_eq(n, 0);
	sshd_fault(&d, "");
	ck_assert_int_eq(store_list(s, "f/", on_name, &n), 0);
	ck_assert_uint_ge(n, 1);
}
END_TEST

#define CALLERS 8
static int results[CALLERS];

static void
caller(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "f/c%zu", i);
	results[i] = store_put(s, name, bytes, BIG, 0);
}

static void
all_call(void)
{
	pthread_t t[CALLERS];
	size_t i;

	for (i = 0; i < CALLERS; i++)
		ck_assert_int_eq(thread_start(&t[i], "caller", caller,
		    (void *)(uintptr_t)i), 0);
	for (i = 0; i < CALLERS; i++)
		thread_join(t[i]);
}

static void
all_are(int want)
{
	size_t i;

	for (i = 0; i < CALLERS; i++)
		ck_assert_msg(results[i] == want, "%zu: %s (%s)", i,
		    strerror(-results[i]), last_error());
}

START_TEST(a_server_that_lets_in_two_at_once_serves_eight)
{
	again("--op init --sessions 2", 0);
	all_call();
	all_are(0);
	ck_assert_uint_ge(sshd_hits(&d), 3);
	/* It is known now: no more are tried. */
	sshd_fault(&d, "--op init --sessions 2");
	all_call();
	all_are(0);
	ck_assert_uint_eq(sshd_hits(&d), 0);
}
END_TEST

START_TEST(a_server_that_takes_one_login_at_a_time_serves_eight)
{
	store_close(s);
	(void)strcpy(d.set, "MaxStartups 1:100:1");
	sshd_again(&d, "");
	open_tries(0, PATIENT);
	all_call();
	all_are(0);
	d.set[0] = '\0';
	sshd_again(&d, "");
}
END_TEST

START_TEST(a_refused_login_is_one_for_all_who_wait)
{
	struct store_conf c = { .pin = d.pin, .password = "not this" };
	unsigned before;

	if (geteuid() != 0)
		return;		/* no account can be made */
	store_close(s);
	sshd_again(&d, "--password");
	ck_assert(d.pass[0]);
	before = sshd_log_count(&d, "Failed password");
	open_conf(&c);
	all_call();
	all_are(-EACCES);
	ck_assert_uint_eq(sshd_log_count(&d, "Failed password") - before, 1);
	sshd_again(&d, "");
}
END_TEST

/* Nor does any of what is above: see teardown. */
START_TEST(connections_that_break_leave_nothing_open)
{
	unsigned i, n = open_files();

	sshd_fault(&d, "--op open --cut-down 0");
	for (i = 0; i < 10; i++)
		ck_assert_int_eq(get_old(), -EHOSTUNREACH);
	/* That of the store itself has gone. */
	ck_assert_uint_lt(open_files(), n);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sftp faults");
	TCase *t = tcase_create("answers");
	SRunner *sr;
	int failed;

	sshd_begin(&d);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, each_fault_has_its_result_and_its_words, 0,
	    (int)(sizeof(faults) / sizeof(faults[0])));
	tcase_add_test(t, a_host_that_does_not_flush_is_told_of);
	tcase_add_test(t, a_lost_answer_is_no_failure_of_what_was_done);
	tcase_add_test(t,
	    who_does_not_speak_sftp_is_told_from_who_is_silent);
	tcase_add_test(t, a_listing_that_is_cut_tells_no_more_than_it_has);
	tcase_add_test(t, a_server_that_lets_in_two_at_once_serves_eight);
	tcase_add_test(t,
	    a_server_that_takes_one_login_at_a_time_serves_eight);
	tcase_add_test(t, a_refused_login_is_one_for_all_who_wait);
	tcase_add_test(t, connections_that_break_leave_nothing_open);
	suite_add_tcase(suite, t);
	sr = srunner_create(suite);
	srunner_run_all(sr, CK_ENV);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	sshd_end(&d);
	return failed ? 1 : 0;
}
