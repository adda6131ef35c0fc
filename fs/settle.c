/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/settle.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "fs/ask.h"
#include "fs/cli.h"
#include "fs/keyring.h"
#include "fs/places.h"
#include "fs/setup.h"
#include "fs/slots.h"
#include "fs/window.h"
#include "util/err.h"
#include "util/tr.h"

/* ---- a command of ours --------------------------------------------------- */

/* Its standard error is err_fd; -1: ours. */
static int
run(char *const argv[], int err_fd)
{
	posix_spawn_file_actions_t fa;
	int status = 0, r;
	pid_t pid;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	r = err_fd < 0 ? 0 : posix_spawn_file_actions_adddup2(&fa, err_fd,
	    STDERR_FILENO);
	if (r == 0)
		r = posix_spawn(&pid, "/proc/self/exe", &fa, NULL, argv,
		    environ);
	(void)posix_spawn_file_actions_destroy(&fa);
	if (r > 0)
		return -r;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

/* What it is told: "coffre WORD [SUB] [OPT FD] NAME". */
struct told {
	const char *word, *sub, *opt, *name;
};

static int
run_with(const struct told *t, int fd, int err_fd)
{
	char self[] = "coffre", number[16];
	/* There is nobody else who starts it again after a crash. */
	const char *const all[] = { t->word, t->sub,
	    strcmp(t->word, "mount") == 0 ? "--supervise" : NULL,
	    fd < 0 ? NULL : t->opt, fd < 0 ? NULL : number, t->name };
	char *argv[sizeof(all) / sizeof(*all) + 2] = { self };
	size_t i, n = 1;
	int r;

	(void)snprintf(number, sizeof(number), "%d", fd);
	for (i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i])	/* posix_spawn changes nothing in it */
			argv[n++] = (char *)(uintptr_t)all[i];
	}
	r = run(argv, err_fd);
	return r < 0 ? cli_fail(r, NULL) : r;
}

/* The end of a pipe that has the passphrase in it; -1. */
static int
pass_pipe(const struct secret *pass)
{
	int fd[2];
	bool is_whole;

	if (pipe(fd) < 0)
		return -1;
	/* A pipe holds more than any passphrase. */
	is_whole = write(fd[1], pass->p, pass->len) == (ssize_t)pass->len;
	(void)close(fd[1]);
	if (is_whole)
		return fd[0];
	(void)close(fd[0]);
	return -1;
}

/* What was said last, without who says it. */
static void
said_take(int fd, char said[SETTLE_SAID_MAX])
{
	static const char who[] = "coffre: ";
	ssize_t n = pread(fd, said, SETTLE_SAID_MAX - 1, 0);
	char *line;

	said[n > 0 ? n : 0] = '\0';
	for (n = (ssize_t)strlen(said); n > 0 && said[n - 1] == '\n'; n--)
		said[n - 1] = '\0';
	line = strrchr(said, '\n');
	line = line ? line + 1 : said;
	if (strncmp(line, who, sizeof(who) - 1) == 0)
		line += sizeof(who) - 1;
	memmove(said, line, strlen(line) + 1);
}

static int
tell(const struct told *t, const struct secret *pass,
    char said[SETTLE_SAID_MAX])
{
	int fd = -1, err_fd = -1, code;

	if (said)
		said[0] = '\0';
	if (pass) {
		fd = pass_pipe(pass);
		if (fd < 0)
			return cli_fail(-EIO, NULL);
	}
	/* No pipe: a mount stays, and nobody would read on. */
	if (said)
		err_fd = memfd_create("coffre", MFD_CLOEXEC);
	code = run_with(t, fd, err_fd);
	if (fd >= 0)
		(void)close(fd);
	if (err_fd >= 0) {
		said_take(err_fd, said);
		(void)close(err_fd);
	}
	if (said && !*said && code != 0)
		(void)snprintf(said, SETTLE_SAID_MAX, "%s",
		    tr_libc(strerror(EIO)));
	return code;
}

int
settle_run(const char *word, const char *name, const struct secret *pass,
    char said[SETTLE_SAID_MAX])
{
	struct told t = { word, NULL, "--passphrase-fd", name };

	return tell(&t, pass, said);
}

int
settle_password(const char *name, const struct secret *pass,
    char said[SETTLE_SAID_MAX])
{
	struct told t = { "store", "password", "--password-fd", name };

	return tell(&t, pass, said);
}

/* ---- the questions ------------------------------------------------------- */

static void
keyring_use(struct ask *a, struct setup *s)
{
	char text[TR_MAX];
	struct err e = { "" };

	if (slots_to_keyring(&s->parts, &e) < 0)
		ask_tell(a, "That does not work: %s.  'coffre keyring enable "
		    "%s' tries again.", tr_text(e.msg, text), s->parts.name);
}

static void
login_use(struct ask *a, const char *name)
{
	char word[] = "autostart", what[] = "enable", *copy = strdup(name);
	char *argv[] = { word, what, copy, NULL };

	optind = 0;	/* getopt begins anew */
	if (!copy || cmd_autostart.run(&cmd_autostart, 3, argv) != 0)
		ask_tell(a, "It is not mounted at login: 'coffre autostart "
		    "enable %s' tries again.", name);
	free(copy);
}

/* Other file managers show it by themselves. */
static void
kde_show(struct ask *a, const char *name)
{
	char text[TR_MAX];
	struct err e = { "" };

	if (window_is_kde() && places_add(name, &e) < 0)
		ask_tell(a, "Dolphin does not show it: %s.  'coffre places "
		    "add %s' tries again.", tr_text(e.msg, text), name);
}

/* All of it at once, or one after the other.  Is it to be mounted now? */
static bool
all_ask(struct ask *a, struct setup *s)
{
	bool has_ring = keyring_is_there();
	int usual;

	usual = a->ops->yes(a, has_ring ? N_("As usual: have the keyring of "
	    "your session unlock it, mount it at login, and mount it now") :
	    N_("As usual: mount it at login, and mount it now"), true);
	if (usual < 0)
		return false;
	if (has_ring && (usual == 1 || a->ops->yes(a, N_("Have the keyring of "
	    "your session unlock it"), true) == 1))
		keyring_use(a, s);
	if (usual == 1 || a->ops->yes(a, N_("Mount it at login"), true) == 1)
		login_use(a, s->parts.name);
	kde_show(a, s->parts.name);
	return usual == 1 || a->ops->yes(a, N_("Mount it now"), true) == 1;
}

int
settle(struct ask *a, struct setup *s, bool is_gui)
{
	const char *name = s->parts.name, *dir = s->parts.opts.mountpoint;
	char said[SETTLE_SAID_MAX] = "";
	bool is_wanted = all_ask(a, s);
	int code = 0;

	if (is_wanted) {
		ask_busy(a, "Mounting it ...");
		code = settle_run("mount", name, &s->passphrase, is_gui ?
		    said : NULL);
	}
	if (*said && code != 0)
		ask_tell(a, "That does not work: %s.", said);
	if (is_wanted && code == 0)
		ask_tell(a, "It is in '%s'.  'coffre unmount %s' puts it "
		    "away.", dir, name);
	else
		ask_tell(a, "'coffre mount %s' shows it in '%s'.", name, dir);
	a->ops->end(a, NULL);
	if (is_gui && is_wanted && code == 0)
		(void)window_browse(dir);
	return code;
}
