/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/cli.h"
#include "fs/manager.h"
#include "fs/missed.h"
#include "fs/mount.h"
#include "fs/mount_helper.h"
#include "fs/mount_log.h"
#include "fs/mountpoint.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/remember.h"
#include "fs/supervise.h"
#include "fs/unlock.h"
#include "util/err.h"
#include "util/log.h"
#include "util/text.h"

static const struct cli_opt opts[] = {
	{ "foreground", 'f', NULL, N_("stay in the foreground") },
	{ "locked", KEY_LOCKED, NULL,
	    N_("ask for nothing: 'coffre unlock' comes later") },
	{ "supervise", KEY_SUPERVISE, NULL,
	    N_("start it again after a crash, where no manager does") },
	{ "options", 'o', N_("OPT[=VALUE],..."),
	    N_("mount options, see below") },
	{ "passphrase-fd", KEY_PASSPHRASE_FD, N_("N"),
	    N_("read the passphrase from descriptor N") },
	{ "passphrase-command", KEY_PASSPHRASE_COMMAND, N_("CMD"),
	    N_("a command that prints the passphrase") },
	{ NULL, 0, NULL, NULL },
};

struct args {
	const char *name, *mountpoint;
	const char *from_dir;	/* where it was called; NULL: not known */
	const char *source;	/* as mount(8) knows it; NULL */
	const char *list;	/* -o, joined */
	struct pass_from from;
	struct parts *parts;		/* once they are open */
	bool is_foreground, is_supervised, is_locked;
	bool is_alone;		/* nobody looks: a login, or a crash before */
	bool is_late;		/* the command that prints the passphrase */
	bool is_kept;		/* something is remembered, by this mount */
	bool is_ready;
	int ready_fd;		/* -1: nobody waits */
	struct mount_log log;
};

static void
on_alone(void *arg)
{
	const struct args *a = arg;

	mount_log_turn(&a->log);
}

/* From now on nobody looks at this process. */
static void
let_go(int ready_fd)
{
	int fd = open("/dev/null", O_RDWR);

	(void)setsid();
	if (chdir("/") < 0)
		log_warn("chdir: r=%d", -errno);
	if (fd >= 0) {
		(void)dup2(fd, STDIN_FILENO);
		(void)dup2(fd, STDOUT_FILENO);
		(void)dup2(fd, STDERR_FILENO);
		if (fd > STDERR_FILENO)
			(void)close(fd);
	}
	if (write(ready_fd, "+", 1) < 0)
		log_warn("whoever started the mount has gone");
	(void)close(ready_fd);
}

static void
on_ready(void *arg, const char *mountpoint)
{
	struct args *a = arg;

	log_info("serving");
	a->is_ready = true;
	missed_forget(a->name);
	(void)mountpoint;
	/* Said in the log, which nobody looks at now. */
	if (a->ready_fd >= 0 && a->parts->closed.msg[0])
		cli_note("%s", a->parts->closed.msg);
	if (a->ready_fd >= 0)
		let_go(a->ready_fd);
	a->ready_fd = -1;
}

static void
say_left(const struct parts *p, const struct mount_left *l)
{
	char size[32];

	if (l->ops == 0 && l->bytes == 0)
		return;
	(void)size_format(l->bytes, size);
	log_warn("unmounted with %" PRIu64 " changes, %s still queued: they "
	    "are uploaded at the next mount", l->ops, size);
	if (isatty(STDERR_FILENO) && p->opts.log)
		cli_note_n(l->ops, "%" PRIu64 " change, %s still queued: "
		    "uploaded at the next mount", "%" PRIu64 " changes, %s "
		    "still queued: they are uploaded at the next mount",
		    l->ops, cli_size(l->bytes, size));
}

/*
 * What was used once is to go back to the system.  libc keeps a heap a
 * thread, as long as its highest live byte needs, and puts ever larger
 * buffers there: packs come and go, and a daemon would stay as big as it
 * ever was.  Two heaps, and large buffers apart, cost no measurable time.
 */
static void
memory_setup(void)
{
	(void)mallopt(M_ARENA_MAX, 2);
	(void)mallopt(M_MMAP_THRESHOLD, 256 << 10);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

/* Who is there?  Without a terminal, what stays in the foreground was started
 * by a login and not by somebody who looks. */
static enum unlock_who
who_waits(const struct args *a)
{
	if (!pass_has_terminal() && (a->is_foreground || a->is_alone ||
	    unlock_who() != UNLOCK_ASK))
		return UNLOCK_LATER;
	return UNLOCK_ASK;
}

static bool
is_unseen(const struct args *a)
{
	return who_waits(a) == UNLOCK_LATER && (a->is_foreground ||
	    a->is_alone);
}

/* A mount that starts by itself comes up without its secret, too: locked. */
static int
unlock(struct args *a, struct parts *p, struct err *e)
{
	enum unlock_who who = who_waits(a);
	bool is_given = a->from.fd >= 0 || a->from.command;
	int r = 0;

	/* Started again after a crash. */
	if (!is_given && remember_open(p) == 0) {
		log_info("unlocked by what is remembered");
		return 0;
	}
	if (!a->is_locked)
		r = unlock_keys(p, &a->from, who, e);
	if (r == 0 && p->keys) {
		remember_keep(p);
		a->is_kept = true;
	}
	if (r < 0 && (r == -ENOENT || is_given || who != UNLOCK_LATER))
		return r;
	a->is_late = r == -ETIME;
	if (r == -ENOKEY)
		log_info("%s", e->msg);
	else if (r < 0)
		log_warn("%s", e->msg);
	if (!p->keys)
		cli_note("'%s' is mounted locked: 'coffre unlock %s' unlocks "
		    "it", p->name, p->name);
	e->msg[0] = '\0';
	return 0;
}

/* What it was called with is meant from there, also after a crash, when this
 * process has long left that folder. */
static int
path_absolute(const struct args *a, const char *path,
    char out[static PATH_MAX], struct err *e)
{
	bool is_relative = *path != '/' && a->from_dir;

	return snprintf(out, PATH_MAX, "%s%s%s", is_relative ? a->from_dir :
	    "", is_relative ? "/" : "", path) >= PATH_MAX ?
	    err_set(e, -ENAMETOOLONG, "'%.80s': %s", path,
	    strerror(ENAMETOOLONG)) : 0;
}

static int
opt_absolute(const struct args *a, struct opts *o, const char *name,
    struct err *e)
{
	const struct opt *t = opts_find(name, OPT_CONF);
	char num[32], path[PATH_MAX];
	int r;

	if (!opts_is_set(o, t))
		return 0;
	r = path_absolute(a, opts_format(o, t, num), path, e);
	return r < 0 ? r : opts_set(o, t, path, e);
}

static int
paths_absolute(const struct args *a, struct opts *o,
    char mountpoint[static PATH_MAX], struct err *e)
{
	int r = 0;

	if (a->mountpoint)
		r = path_absolute(a, a->mountpoint, mountpoint, e);
	if (r == 0)
		r = opt_absolute(a, o, "mountpoint", e);
	return r == 0 ? opt_absolute(a, o, "log", e) : r;
}

/* The mount itself, in the process that serves it. */
static int
serve(struct args *a)
{
	struct mount_left left = { 0, 0 };
	char mountpoint[PATH_MAX];
	struct mount_conf mc = { .mountpoint = a->mountpoint ? mountpoint :
	    NULL, .source = a->source, .is_foreground = a->is_foreground,
	    .alone = on_alone, .ready = on_ready, .arg = a };
	struct err e = { "" };
	bool has_log = false;
	struct parts p;
	int r;

	memory_setup();
	manager_init();
	parts_init(&p, a->name);
	r = crypto_init();
	if (r < 0)
		(void)err_set(&e, r, "the cryptographic library lacks what is "
		    "needed");
	if (r == 0)
		r = parts_load(&p, &e);
	if (r == 0 && a->list)
		r = opts_parse_list(&p.opts, a->list, &e);
	if (r == 0 && a->list)
		r = opts_parse_list(&p.given, a->list, &e);
	if (r == 0)
		r = paths_absolute(a, &p.opts, mountpoint, &e);
	if (r == 0)
		r = unlock(a, &p, &e);
	if (a->from.fd > STDERR_FILENO)
		(void)close(a->from.fd);	/* it held a secret */
	if (r == 0)
		r = mount_log_open(&a->log, &p, a->is_foreground, &e);
	if (r == 0) {
		has_log = !a->is_foreground || p.opts.log;
		mc.parts = a->parts = &p;
		mc.is_command_late = a->is_late;
		r = mount_run(&mc, &left, &e);
	}
	/* A mount that did not come about. */
	if (a->is_kept && !a->is_ready)
		remember_forget(p.name);
	if (r < 0 && has_log)
		log_error("%s", e.msg);
	if (r < 0 && (a->ready_fd >= 0 || a->is_foreground))
		(void)cli_fail(r, &e);
	else
		say_left(&p, &left);
	if (r < 0 && !a->is_ready && is_unseen(a))
		missed_tell(&p, *e.msg ? e.msg : strerror(-r));
	parts_done(&p);
	return cli_exit_code(r);
}

static int
on_serve(void *arg, int ready_fd)
{
	struct args *a = arg;

	(void)close(a->ready_fd);
	a->ready_fd = ready_fd;
	return serve(a);
}

static void
on_let_go(void *arg)
{
	struct args *a = arg;

	let_go(a->ready_fd);
	a->ready_fd = -1;
	a->is_alone = true;
	/* It was read to its end. */
	if (a->from.fd > STDERR_FILENO)
		(void)close(a->from.fd);
	a->from.fd = -1;
}

static int
serve_supervised(struct args *a)
{
	struct supervise s = { a->name, on_serve, on_let_go, a };

	return supervise_run(&s);
}

/* Start the serving process and wait until it serves or has failed. */
static int
serve_behind(struct args *a)
{
	int fd[2], status = 0;
	ssize_t n;
	pid_t pid;
	char c;

	if (pipe2(fd, O_CLOEXEC) < 0) {
		cli_note("pipe: %s", strerror(errno));
		return EX_OSERR;
	}
	pid = fork();
	if (pid < 0) {
		cli_note("fork: %s", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0) {
		(void)close(fd[0]);
		a->ready_fd = fd[1];
		exit(a->is_supervised ? serve_supervised(a) : serve(a));
	}
	(void)close(fd[1]);
	do
		n = read(fd[0], &c, 1);
	while (n < 0 && errno == EINTR);
	(void)close(fd[0]);
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return WEXITSTATUS(status);
	cli_note("the mount ended at once; its log may say why");
	return EX_SOFTWARE;
}

/* Several -o add up. */
static int
list_add(char **list, const char *more)
{
	char *s;

	if (asprintf(&s, "%s%s%s", *list ? *list : "", *list ? "," : "",
	    more) < 0)
		return -ENOMEM;
	free(*list);
	*list = s;
	return 0;
}

static int
start(const struct cmd *cmd, struct args *a)
{
	char from_dir[PATH_MAX];
	struct err e = { "" };
	struct opts scratch;
	int r = 0;

	/* A wrong option is said before a passphrase is asked for. */
	opts_init(&scratch);
	if (a->list)
		r = opts_parse_list(&scratch, a->list, &e);
	opts_done(&scratch);
	if (r < 0)
		return cli_usage(cmd, "%s", e.msg);
	a->from_dir = getcwd(from_dir, sizeof(from_dir));
	return a->is_foreground ? serve(a) : serve_behind(a);
}

int
cmd_mount_source(const char *source, const char *dir, const char *list)
{
	struct args a = { .from = { -1, NULL }, .ready_fd = -1,
	    .mountpoint = dir, .list = list, .source = source };
	size_t n = strlen(MOUNT_SOURCE);

	a.name = strncmp(source, MOUNT_SOURCE, n) == 0 ? source + n : source;
	if (!place_name_valid(a.name))
		return cli_usage(&cmd_mount, "'%s' is no name of a drive",
		    source);
	/* A user's, by a click: there is nobody else who starts it again. */
	a.is_supervised = geteuid() != 0;
	return start(&cmd_mount, &a);
}

int
cmd_mount_login(const char *name)
{
	struct args a = { .from = { -1, NULL }, .ready_fd = -1,
	    .name = name, .is_supervised = true, .is_alone = true };

	return start(&cmd_mount, &a);
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct args a = { .from = { -1, NULL }, .ready_fd = -1 };
	char *list = NULL;
	struct cli c;
	uint64_t n;
	int key, r;

	cli_init(&c, cmd, argc, argv, NULL);
	while ((key = cli_next(&c)) > 0) {
		if (key == 'f') {
			a.is_foreground = true;
		} else if (key == KEY_LOCKED) {
			a.is_locked = true;
		} else if (key == KEY_SUPERVISE) {
			a.is_supervised = true;
		} else if (key == KEY_PASSPHRASE_COMMAND) {
			a.from.command = optarg;
		} else if (key == 'o') {
			if (list_add(&list, optarg) < 0)
				return cli_fail(-ENOMEM, NULL);
		} else if (cli_number(optarg, 0, INT_MAX, &n) < 0) {
			return cli_usage(cmd, "'%s' is no descriptor",
			    optarg);
		} else {
			a.from.fd = (int)n;
		}
	}
	if (key == CLI_STOP) {
		free(list);
		return c.exit_code;
	}
	a.name = c.args[0];
	a.mountpoint = c.nargs > 1 ? c.args[1] : NULL;
	a.list = list;
	if (a.is_foreground && a.is_supervised)
		r = cli_usage(cmd, "--supervise is for a mount in the "
		    "background");
	else
		r = start(cmd, &a);
	free(list);
	return r;
}

const struct cmd cmd_mount = {
	.name = "mount",
	.args = N_("NAME [MOUNTPOINT]"),
	.summary = N_("mount a drive as a folder"),
	.about = N_("Mount the drive NAME on MOUNTPOINT (an empty folder, made "
	    "if missing; ~/Coffre unless the configuration names another) and "
	    "return when it can be used."),
	.opts = opts,
	.where = OPT_MOUNT,
	.args_min = 1,
	.args_max = 2,
	.run = run,
};
