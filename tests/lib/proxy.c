/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/proxy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

pid_t
proxy_spawn(const char *options, unsigned *ret_port)
{
	char path[1024], text[1024], *argv[32], *p;
	const char *named = getenv("FAULT_PROXY");
	int argc = 0, out[2];
	pid_t pid;
	ssize_t n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 40);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	*strrchr(path, '/') = '\0';
	(void)strcat(path, "/tools/fault_proxy");
	if (named && *named)
		(void)snprintf(path, sizeof(path), "%s", named);
	ck_assert_msg(access(path, X_OK) == 0, "'%s' is not built", path);

	(void)snprintf(text, sizeof(text), "%s", options);
	argv[argc++] = path;
	for (p = strtok(text, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	argv[argc] = NULL;
	ck_assert_int_eq(pipe(out), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		(void)dup2(out[1], 1);
		(void)close(out[0]);
		(void)close(out[1]);
		(void)execv(path, argv);
		_exit(127);
	}
	(void)close(out[1]);
	n = read(out[0], text, sizeof(text) - 1);
	ck_assert_msg(n > 0, "'%s' does not start", path);
	text[n] = '\0';
	ck_assert_int_eq(sscanf(text, "PORT=%u", ret_port), 1);
	(void)close(out[0]);
	return pid;
}
