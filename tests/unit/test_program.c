/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The program's sources are not in the library. */
#include "fs/program.c"

/* A process of that name, whose command has that word in it. */
static pid_t
child_of(const char *name, char *word)
{
	char sh[] = "sh", c[] = "-c", script[128];
	char *argv[] = { sh, c, script, sh, word, NULL };
	char got[PROGRAM_NAME_MAX + 1] = "";
	int in[2], i;
	pid_t pid;

	(void)snprintf(script, sizeof(script), "echo %s >/proc/$$/comm; "
	    "read x", name);
	/* It waits for what never comes. */
	ck_assert_int_eq(pipe(in), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(in[0], STDIN_FILENO);
		(void)execv("/bin/sh", argv);
		_exit(1);
	}
	for (i = 0; i < 1000 && strcmp(got, name) != 0; i++) {
		(void)usleep(10000);
		(void)name_read(pid, got);
	}
	ck_assert_str_eq(got, name);
	return pid;
}

static void
end_of(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

START_TEST(a_command_decides_of_the_user_s_own_only)
{
	char word[] = "/usr/lib/thumbnail.so", name[PROGRAM_NAME_MAX + 1];
	pid_t pid = child_of("kioworker", word);

	ck_assert_int_eq(program_of(pid, true, 0, name), PROGRAM_THUMBNAILER);
	ck_assert_str_eq(name, "kioworker");
	ck_assert_int_eq(program_of(pid, false, 0, name), PROGRAM_OTHER);
	end_of(pid);
}
END_TEST

START_TEST(a_name_that_is_enough_is_enough_of_others)
{
	char word[] = "x", name[PROGRAM_NAME_MAX + 1];
	pid_t pid = child_of("tumblerd", word);

	ck_assert_int_eq(program_of(pid, true, 0, name), PROGRAM_THUMBNAILER);
	ck_assert_int_eq(program_of(pid, false, 0, name),
	    PROGRAM_THUMBNAILER);
	end_of(pid);
	pid = child_of("nautilus", word);
	ck_assert_int_eq(program_of(pid, false, O_NOATIME, name),
	    PROGRAM_BROWSER);
	ck_assert_int_eq(program_of(pid, false, 0, name), PROGRAM_OTHER);
	ck_assert(program_lists(pid));
	end_of(pid);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("program");
	TCase *t = tcase_create("program");

	tcase_add_test(t, a_command_decides_of_the_user_s_own_only);
	tcase_add_test(t, a_name_that_is_enough_is_enough_of_others);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
