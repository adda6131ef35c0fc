/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/child.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/thread.h"
#include "util/tr.h"

#define CTRL_C 3
#define COMMAND_LOOK_MS 100

/* How long a command may take. */
struct patience {
	const atomic_bool *stop;
	int64_t until_ms;
};

void
pass_done(struct secret *s)
{
	crypto_secret_free(s->p);
	s->p = NULL;
	s->len = 0;
}

/* Is there still time? */
static int
time_left(const struct patience *t)
{
	return *t->stop ? -ECANCELED : clock_mono_ms() >= t->until_ms ?
	    -ETIMEDOUT : 0;
}

static int
input_wait(int fd, const struct patience *t)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r = 0;

	while (r == 0 && poll(&p, 1, COMMAND_LOOK_MS) <= 0)
		r = time_left(t);
	return r;
}

/* Read up to the line's end.  Byte by byte, so that what comes after it is
 * left for the next reader of the descriptor.  t NULL: as long as it takes. */
static int
line_read(int fd, bool is_tty, const struct patience *t, struct secret *ret)
{
	char *p = crypto_secret_alloc(PASS_MAX + 1);
	size_t n = 0;
	ssize_t got;
	int r = 0;
	char c;

	if (!p)
		return -ENOMEM;
	for (;;) {
		r = t ? input_wait(fd, t) : 0;
		if (r < 0)
			break;
		got = read(fd, &c, 1);
		if (got < 0) {
			r = -errno;
			break;
		}
		if (got == 0 && n == 0 && is_tty) {
			r = -ECANCELED;	/* ^D */
			break;
		}
		if (got == 0 || c == '\n')
			break;
		if (is_tty && c == CTRL_C) {
			r = -EINTR;
			break;
		}
		if (n == PASS_MAX || c == '\0') {
			r = n == PASS_MAX ? -EFBIG : -EINVAL;
			break;
		}
		p[n++] = c;
	}
	crypto_wipe(&c, sizeof(c));
	if (r == 0 && n > 0 && p[n - 1] == '\r')
		n--;
	if (r < 0) {
		crypto_secret_free(p);
		return r;
	}
	p[n] = '\0';
	ret->p = p;
	ret->len = n;
	return 0;
}

bool
pass_has_terminal(void)
{
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty >= 0)
		(void)close(tty);
	return tty >= 0;
}

/* A shell with this command, its output our descriptor. */
static int
command_start(const char *command, struct child *c, int *ret_fd,
    struct err *e)
{
	char sh[] = "/bin/sh", opt[] = "-c", *copy = strdup(command);
	char *argv[] = { sh, opt, copy, NULL };
	posix_spawn_file_actions_t fa;
	int fd[2], r;

	if (!copy || posix_spawn_file_actions_init(&fa) != 0) {
		free(copy);
		return err_set(e, -ENOMEM, "out of memory");
	}
	r = pipe2(fd, O_CLOEXEC) < 0 ? -errno : 0;
	if (r == 0) {
		r = -posix_spawn_file_actions_adddup2(&fa, fd[1],
		    STDOUT_FILENO);
		if (r == 0)
			/* One that may ask there must stay in its
			 * foreground. */
			r = child_spawn(&c->pid, sh, &fa,
			    !pass_has_terminal(), argv, environ);
		(void)close(fd[1]);
		*ret_fd = fd[0];
		if (r < 0)
			(void)close(fd[0]);
	}
	(void)posix_spawn_file_actions_destroy(&fa);
	free(copy);
	return r < 0 ? err_set(e, r, "command '%.80s': %s", command,
	    strerror(-r)) : 0;
}

/* Until it ends; out of time, it is ended. */
static int
command_end(struct child *c, const struct patience *t, int r, int *ret_status)
{
	pid_t gone = 0;

	*ret_status = 0;
	while (t && r != -ETIMEDOUT && r != -ECANCELED) {
		gone = waitpid(c->pid, ret_status, WNOHANG);
		if (gone != 0)
			break;
		r = time_left(t);
		if (r == 0)
			thread_pause_ms(COMMAND_LOOK_MS / 5);
	}
	if (t && gone == 0) {
		/* Some shells wait for what they start. */
		(void)kill(-c->pid, SIGTERM);
		child_kill(c);
	}
	while (!t && waitpid(c->pid, ret_status, 0) < 0 && errno == EINTR)
		;
	return r;
}

static int
command_read(const char *command, const struct patience *t,
    struct secret *ret, struct err *e)
{
	struct child c = { .fd = -1 };
	int fd = -1, status, r;

	r = command_start(command, &c, &fd, e);
	if (r < 0)
		return r;
	r = line_read(fd, false, t, ret);
	(void)close(fd);
	r = command_end(&c, t, r, &status);
	if (r == -ETIMEDOUT || r == -ECANCELED) {
		pass_done(ret);
		return err_set(e, r, "the command '%.80s' did not come to an "
		    "end in time", command);
	}
	/* A command that goes on writing after its first line is ended by
	 * SIGPIPE: it has said what we wanted. */
	if (r == 0 && status != 0 && !(WIFSIGNALED(status) &&
	    WTERMSIG(status) == SIGPIPE)) {
		pass_done(ret);
		return err_set(e, -EACCES, "the command '%.80s' failed "
		    "(status %d)", command, WIFEXITED(status) ?
		    WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
	return r < 0 ? err_wrap(e, r, "command '%.80s'", command) : 0;
}

/* Ask once on the terminal, its echo off; a signal leaves it as it was. */
static int
tty_ask(int tty, const char *what, bool again, struct secret *ret)
{
	char text[TR_MAX];
	struct termios old, off;
	sigset_t hold, was;
	int r;

	if (tcgetattr(tty, &old) < 0)
		return -ENOTTY;
	off = old;
	off.c_lflag &= ~(tcflag_t)ECHO;
	off.c_lflag |= ECHONL;
	(void)sigemptyset(&hold);
	(void)sigaddset(&hold, SIGINT);
	(void)sigaddset(&hold, SIGTERM);
	(void)sigaddset(&hold, SIGTSTP);
	(void)sigaddset(&hold, SIGQUIT);
	(void)sigaddset(&hold, SIGHUP);
	/* With signals held the line discipline would eat ^C: let it send us
	 * none while the echo is off, and take ^C as a byte. */
	off.c_lflag &= ~(tcflag_t)ISIG;
	off.c_cc[VEOL] = CTRL_C;
	(void)sigprocmask(SIG_BLOCK, &hold, &was);
	(void)tcsetattr(tty, TCSAFLUSH, &off);
	(void)dprintf(tty, again ? _("%s, again: ") : _("%s: "),
	    tr_text(what, text));
	r = line_read(tty, true, NULL, ret);
	(void)tcsetattr(tty, TCSAFLUSH, &old);
	(void)sigprocmask(SIG_SETMASK, &was, NULL);
	return r;
}

int
pass_ask(int tty, const char *what, struct secret *ret)
{
	return tty_ask(tty, what, false, ret);
}

static int
tty_read(const char *what, bool is_new, struct secret *ret, struct err *e)
{
	struct secret two = { NULL, 0 };
	int tty, r;

	tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0)
		return err_set(e, -ENOTTY, "there is no terminal to ask for "
		    "the %s on: use --passphrase-fd or "
		    "--passphrase-command (--password-… for a store)", what);
	r = tty_ask(tty, what, false, ret);
	if (r == 0 && is_new && ret->len > 0) {
		r = tty_ask(tty, what, true, &two);
		if (r == 0 && (two.len != ret->len ||
		    !crypto_equal(two.p, ret->p, two.len)))
			r = err_set(e, -EINVAL, "the two differ: try again");
	}
	(void)close(tty);
	pass_done(&two);
	if (r < 0)
		pass_done(ret);
	return r < 0 && r != -EINVAL ? err_set(e, r, "%s: %s", what,
	    strerror(-r)) : r;
}

int
pass_read(const struct pass_from *f, const char *what, bool is_new,
    struct secret *ret, struct err *e)
{
	struct secret s = { NULL, 0 };
	int r;

	if (f->fd >= 0) {
		r = line_read(f->fd, false, NULL, &s);
		if (r < 0)
			return err_set(e, r, "%s from descriptor %d: %s", what,
			    f->fd, strerror(-r));
	} else if (f->command) {
		r = command_read(f->command, NULL, &s, e);
	} else {
		r = tty_read(what, is_new, &s, e);
	}
	if (r < 0)
		return r;
	if (s.len == 0) {
		pass_done(&s);
		return err_set(e, -EINVAL, "the %s is empty", what);
	}
	*ret = s;
	return 0;
}

int
pass_read_command(const char *command, int ms, const atomic_bool *stop,
    struct secret *ret, struct err *e)
{
	struct patience t = { stop, clock_mono_ms() + ms };
	int r;

	r = command_read(command, &t, ret, e);
	if (r == 0 && ret->len == 0) {
		pass_done(ret);
		r = err_set(e, -EINVAL, "the command '%.80s' printed nothing",
		    command);
	}
	return r;
}

static int
file_line(const char *path, bool is_ours_to_keep, struct secret *ret,
    struct err *e)
{
	struct stat st;
	int fd, r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		r = -errno;
		return err_set(e, r, "'%s': %s", path, strerror(-r));
	}
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (is_ours_to_keep && (st.st_mode & 077))
		r = err_set(e, -EPERM, "'%s' may be read by others: "
		    "'chmod 600' it", path);
	else
		r = line_read(fd, false, NULL, ret);
	(void)close(fd);
	if (r < 0 && r != -EPERM)
		(void)err_set(e, r, "'%s': %s", path, strerror(-r));
	return r;
}

int
pass_read_file(const char *path, struct secret *ret, struct err *e)
{
	return file_line(path, true, ret, e);
}

int
pass_read_credential(const char *path, struct secret *ret, struct err *e)
{
	return file_line(path, false, ret, e);
}
