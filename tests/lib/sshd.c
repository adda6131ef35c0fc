/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/sshd.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int
sh(const char *fmt, ...)
{
	char cmd[PATH_MAX + 2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

/* The first line of what a command prints; "" for none. */
static void
line_of(const char *cmd, char *ret, size_t cap)
{
	FILE *f = popen(cmd, "r");

	if (!f || !fgets(ret, (int)cap, f))
		ret[0] = '\0';
	if (f)
		(void)pclose(f);
}

/* What the server's script said of this. */
static void
value(const struct sshd *d, const char *name, char *ret, size_t cap)
{
	char cmd[256];

	(void)snprintf(cmd, sizeof(cmd), "bash -c '. %s/env; printf %%s "
	    "\"$%s\"'", d->home, name);
	line_of(cmd, ret, cap);
}

/* The program of the same build. */
static int
tool_path(char *ret, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", ret, cap - 40);

	if (n <= 0)
		return -1;
	ret[n] = '\0';
	*strrchr(ret, '/') = '\0';
	*strrchr(ret, '/') = '\0';
	(void)strcat(ret, "/tools/fault_sftp");
	return access(ret, X_OK);
}

unsigned
sshd_log_count(const struct sshd *d, const char *text)
{
	char cmd[256], line[32];

	(void)snprintf(cmd, sizeof(cmd), "grep -c '%s' %s/srv/run/log", text,
	    d->home);
	line_of(cmd, line, sizeof(line));
	return (unsigned)atoi(line);
}

int
sshd_start(struct sshd *d, const char *options)
{
	char tool[PATH_MAX] = "";
	int r;

	if (d->has_faults && tool_path(tool, sizeof(tool)) < 0)
		return -1;
	r = sh("%s/sshd.sh start %s/srv %s --set '%s' %s %s >%s/env 2>%s/err",
	    d->servers, d->home, options, d->set, *tool ? "--faults" : "",
	    tool, d->home, d->home);
	if (r != 0)
		return r;
	value(d, "URL", d->url, sizeof(d->url));
	value(d, "PIN", d->pin, sizeof(d->pin));
	value(d, "KEY", d->key, sizeof(d->key));
	value(d, "HOSTS", d->hosts, sizeof(d->hosts));
	value(d, "PASS", d->pass, sizeof(d->pass));
	(void)snprintf(d->port, sizeof(d->port), "%s",
	    strrchr(d->url, ':') + 1);
	d->port[strcspn(d->port, "/")] = '\0';
	return 0;
}

void
sshd_stop(struct sshd *d)
{
	ck_assert_int_eq(sh("%s/sshd.sh stop %s/srv --keep", d->servers,
	    d->home), 0);
}

void
sshd_again(struct sshd *d, const char *options)
{
	char all[128];

	(void)snprintf(all, sizeof(all), "--port %s %s", d->port, options);
	sshd_stop(d);
	ck_assert_int_eq(sshd_start(d, all), 0);
}

void
sshd_fault(struct sshd *d, const char *options)
{
	ck_assert_int_eq(sh("%s/srv/fault_sftp set %s/srv/faults %s", d->home,
	    d->home, options), 0);
}

unsigned
sshd_hits(const struct sshd *d)
{
	char cmd[256], line[32];

	(void)snprintf(cmd, sizeof(cmd), "%s/srv/fault_sftp hits "
	    "%s/srv/faults", d->home, d->home);
	line_of(cmd, line, sizeof(line));
	return (unsigned)atoi(line);
}

void
sshd_begin(struct sshd *d)
{
	const char *at = getenv("STORE_TEST_SERVERS");
	int r;

	if (realpath(at ? at : "tests/servers", d->servers) == NULL) {
		puts("SKIP: not run from the top folder");
		exit(77);
	}
	(void)strcpy(d->home, "/tmp/test-sftp.XXXXXX");
	if (!mkdtemp(d->home))
		exit(1);
	(void)sh("chmod 755 %s", d->home);
	r = sshd_start(d, "");
	if (r != 0) {
		(void)sh("cat %s/env %s/err", d->home, d->home);
		sshd_end(d);
		exit(WIFEXITED(r) && WEXITSTATUS(r) == 77 ? 77 : 1);
	}
}

void
sshd_end(struct sshd *d)
{
	(void)sh("%s/sshd.sh stop %s/srv; rm -rf %s", d->servers, d->home,
	    d->home);
}
