/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/pass.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "util/err.h"
#include "util/tr.h"

#define CTRL_C 3

void
pass_done(struct secret *s)
{
	crypto_secret_free(s->p);
	s->p = NULL;
	s->len = 0;
}

/* Read up to the line's end.  Byte by byte, so that what comes after it is
 * left for the next reader of the descriptor. */
static int
line_read(int fd, bool is_tty, struct secret *ret)
{
	char *p = crypto_secret_alloc(PASS_MAX + 1);
	size_t n = 0;
	ssize_t got;
	int r = 0;
	char c;

	if (!p)
		return -ENOMEM;
	for (;;) {
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

static int
command_read(const char *command, struct secret *ret, struct err *e)
{
	int fd[2], status = 0, r;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_set(e, -errno, "pipe: %s", strerror(errno));
	pid = fork();
	r = pid < 0 ? -errno : 0;
	if (pid == 0) {
		(void)dup2(fd[1], STDOUT_FILENO);
		(void)execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	(void)close(fd[1]);
	if (pid < 0) {
		(void)close(fd[0]);
		return err_set(e, r, "fork: %s", strerror(-r));
	}
	r = line_read(fd[0], false, ret);
	(void)close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
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
	/* With signals held the line discipline would eat ^C: let it send us
	 * none while the echo is off, and take ^C as a byte. */
	off.c_lflag &= ~(tcflag_t)ISIG;
	off.c_cc[VEOL] = CTRL_C;
	(void)sigprocmask(SIG_BLOCK, &hold, &was);
	(void)tcsetattr(tty, TCSAFLUSH, &off);
	(void)dprintf(tty, again ? _("%s, again: ") : _("%s: "),
	    tr_text(what, text));
	r = line_read(tty, true, ret);
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
		r = line_read(f->fd, false, &s);
		if (r < 0)
			return err_set(e, r, "%s from descriptor %d: %s", what,
			    f->fd, strerror(-r));
	} else if (f->command) {
		r = command_read(f->command, &s, e);
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
		r = line_read(fd, false, ret);
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
