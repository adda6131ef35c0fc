/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/sync_look.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/err.h"

static void
on_drive_finding(void *arg, const char *finding)
{
	ck_abort_msg("%s: %s", (const char *)arg, finding);
}

void
rig_fsck(struct rig *r)
{
	static char what[] = "fsck";

	ck_assert_int_eq(drive_fsck(r->drive, false, on_drive_finding, what),
	    0);
}

void
rig_same_text(const char *a, const char *b)
{
	size_t i = 0, line = 0;

	for (i = 0; a[i] && a[i] == b[i]; i++)
		if (a[i] == '\n')
			line = i + 1;
	ck_assert_msg(a[i] == b[i], "\n%.*s\n%.*s",
	    (int)strcspn(a + line, "\n"), a + line,
	    (int)strcspn(b + line, "\n"), b + line);
}

void
rig_check_recovered(struct rig *r)
{
	struct rig other;
	char *here, *there;

	rig_recover(r, &other, 0);
	rig_start(&other);
	here = rig_dump(r);
	there = rig_dump(&other);
	rig_same_text(here, there);
	free(here);
	free(there);
	rig_fsck(&other);
	rig_done(&other);
}

static void
on_finding(void *arg, const char *finding)
{
	struct rig_said *s = arg;

	s->n++;
	(void)snprintf(s->last, sizeof(s->last), "%s", finding);
}

int
rig_check(struct rig *r, struct rig_said *s)
{
	struct err e = { .msg = "" };
	int ret;

	memset(s, 0, sizeof(*s));
	ret = sync_check(r->store, r->keys, r->drive, on_finding, NULL, s,
	    &e);
	ck_assert_msg(ret == s->n, "%d: %s", ret, e.msg);
	return ret;
}

void
rig_shell(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;
	int status;
	pid_t pid;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	pid = fork();
	if (pid == 0) {
		(void)execl("/bin/sh", "sh", "-c", cmd, (char *)NULL);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(status == 0, "%s: %d", cmd, status);
}
