/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/client.h"
#include "fs/conf.h"
#include "fs/place.h"
#include "fs/places.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"

#define ENTRY_MAX 8192

static const struct cli_opt opts[] = {
	{ NULL, 0, NULL, NULL },
};

/* ---- the user's service manager ---- */

/* Is there one?  It listens where systemctl(1) would ask it. */
static bool
manager_is_there(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const char *dir = getenv("XDG_RUNTIME_DIR");
	bool is_there;
	int fd;

	if (!dir || snprintf(sa.sun_path, sizeof(sa.sun_path),
	    "%s/systemd/private", dir) >= (int)sizeof(sa.sun_path))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	is_there = fd >= 0 &&
	    connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
	if (fd >= 0)
		(void)close(fd);
	return is_there;
}

/* systemctl --user VERB coffre@NAME.service.  -ENOENT: it does not know the
 * unit, or is not there itself. */
static int
manager_ask(const char *verb, const char *name)
{
	char ctl[] = "systemctl", user[] = "--user", quiet[] = "--quiet";
	char noblock[] = "--no-block", unit[PLACE_NAME_MAX + 32], word[16];
	char *argv[] = { ctl, user, quiet, noblock, word, unit, NULL };
	int status = 0;
	pid_t pid;

	(void)snprintf(unit, sizeof(unit), "coffre@%s.service", name);
	(void)snprintf(word, sizeof(word), "%s", verb);
	if (posix_spawnp(&pid, ctl, NULL, NULL, argv, environ) != 0)
		return -ENOENT;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ENOENT;
}

/* ---- the desktop's own way ---- */

/* This program as a desktop entry may name it. */
static void
exec_name(char out[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	if (n > 0)
		out[n] = '\0';
	/* Quoting has rules of its own there: most paths need none. */
	if (n <= 0 || strpbrk(out, " \t\n\"'\\<>~|&;$*?#()`%"))
		(void)snprintf(out, PATH_MAX, "coffre");
}

static int
entry_write(const char *name, struct err *e)
{
	struct buf b = BUF_INIT(ENTRY_MAX);
	char path[PATH_MAX], dir[PATH_MAX], prog[PATH_MAX];
	int r;

	r = place_autostart(name, path, e);
	if (r < 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	exec_name(prog);
	(void)buf_printf(&b, "[Desktop Entry]\nType=Application\n"
	    "Name=Coffre drive %s\nName[fr]=Coffre %s\n"
	    "Exec=%s autostart run %s\nIcon=coffre\n"
	    "Terminal=false\nNoDisplay=true\n", name, name, prog, name);
	r = b.err;
	if (r == 0)
		r = file_mkdirs(dir);
	if (r == 0)
		r = file_write(path, b.data, b.len, 0600);
	buf_done(&b);
	return r < 0 ? err_set(e, r, "'%s': %s", path, strerror(-r)) : 0;
}

static int
entry_remove(const char *name, struct err *e)
{
	char path[PATH_MAX];
	int r;

	r = place_autostart(name, path, e);
	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(e, -errno, "'%s': %s", path, strerror(errno));
	return 0;
}

/* ---- the command ---- */

static int
enable(const char *name, struct err *e)
{
	int r;

	if (manager_is_there() && manager_ask("enable", name) == 0) {
		r = entry_remove(name, e);
		if (r == 0)
			cli_note("'%s' is mounted at login, by coffre@%s."
			    "service; now: 'coffre autostart run %s'", name,
			    name, name);
		return r;
	}
	r = entry_write(name, e);
	if (r == 0)
		cli_note("'%s' is mounted at login, by the desktop's "
		    "autostart; now: 'coffre autostart run %s'", name, name);
	return r;
}

static int
disable(const char *name, struct err *e)
{
	int r;

	if (manager_is_there())
		(void)manager_ask("disable", name);
	r = entry_remove(name, e);
	if (r == 0)
		cli_note("'%s' is no longer mounted at login; 'coffre "
		    "unmount %s' unmounts it now", name, name);
	return r;
}

/* Whoever starts the session does not wait, and what it starts would be
 * killed with it: so this only asks for the mount. */
static int
start(const char *name)
{
	int fd;

	fd = client_connect(name, NULL);
	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	if (manager_is_there() && manager_ask("start", name) == 0)
		return 0;
	return cmd_mount_login(name);
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	const char *what, *name;
	struct err e = { "" };
	struct opts o;
	struct cli c;
	int r;

	cli_init(&c, cmd, argc, argv, NULL);
	if (cli_next(&c) == CLI_STOP)
		return c.exit_code;
	what = c.args[0];
	name = c.args[1];
	if (!place_name_valid(name))
		return cli_usage(cmd, "'%.80s' cannot be a drive's name",
		    name);
	if (strcmp(what, "disable") == 0) {
		r = disable(name, &e);
		if (r < 0)
			return cli_fail(r, &e);
		places_follow(name, false);
		return 0;
	}
	if (strcmp(what, "enable") != 0 && strcmp(what, "run") != 0)
		return cli_usage(cmd, "'%.40s': enable, disable or run", what);
	opts_init(&o);
	r = conf_load(name, &o, &e);
	opts_done(&o);
	if (r == 0 && strcmp(what, "run") == 0)
		return start(name);
	if (r == 0)
		r = enable(name, &e);
	if (r < 0)
		return cli_fail(r, &e);
	places_follow(name, true);
	return 0;
}

const struct cmd cmd_autostart = {
	.name = "autostart",
	.args = N_("enable|disable|run NAME"),
	.summary = N_("mount a drive at login"),
	.about = N_("Have the drive mounted at login, or no longer: by the "
	    "user's service manager (coffre@NAME.service) where there is one, "
	    "otherwise by the desktop's autostart.  'run' is what the latter "
	    "runs: it asks the service manager for the mount, or without one "
	    "mounts in the background and starts it again after a crash."),
	.opts = opts,
	.args_min = 2,
	.args_max = 2,
	.run = run,
};
