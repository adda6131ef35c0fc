/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "fs/mountpoint.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/log.h"

#define PAUSE_MIN_MS 200
#define PAUSE_MAX_MS (60 * 1000)
#define WELL_MS (60 * 1000)	/* whoever lived so long has no bad record */

struct watched {
	const struct supervise *s;
	pid_t pid;
	sigset_t set, old;
	bool is_ended;		/* a signal has asked for the end */
};

static void
signals_hold(struct watched *w)
{
	(void)sigemptyset(&w->set);
	(void)sigaddset(&w->set, SIGTERM);
	(void)sigaddset(&w->set, SIGINT);
	(void)sigaddset(&w->set, SIGHUP);
	(void)sigaddset(&w->set, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &w->set, &w->old);
}

/* Start one.  *ret_fd ends, or gives a byte, when it is known whether it is
 * ready. */
static int
start(struct watched *w, int *ret_fd)
{
	int fd[2];

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	w->pid = fork();
	if (w->pid == 0) {
		(void)close(fd[0]);
		(void)sigprocmask(SIG_SETMASK, &w->old, NULL);
		exit(w->s->serve(w->s->arg, fd[1]));
	}
	(void)close(fd[1]);
	if (w->pid < 0) {
		(void)close(fd[0]);
		return -errno;
	}
	*ret_fd = fd[0];
	return 0;
}

/* Its status as waitpid(2) gives it. */
static int
wait_end(struct watched *w)
{
	siginfo_t si;
	int status;

	for (;;) {
		if (waitpid(w->pid, &status, WNOHANG) == w->pid)
			return status;
		if (sigwaitinfo(&w->set, &si) < 0 || si.si_signo == SIGCHLD)
			continue;
		w->is_ended = true;
		(void)kill(w->pid, si.si_signo);
	}
}

/* What systemd's unit says with RestartPreventExitStatus. */
static bool
is_final(const struct watched *w, int status)
{
	if (w->is_ended)
		return true;
	if (!WIFEXITED(status))
		return false;
	switch (WEXITSTATUS(status)) {
	case EX_OK:
	case EX_USAGE:
	case EX_NOINPUT:
	case EX_NOPERM:
	case EX_CONFIG:
		return true;
	default:
		return false;
	}
}

static void
clean(const char *name)
{
	struct err e = { "" };

	if (mountpoint_unmount_stale(name, &e) < 0)
		log_warn("%s", e.msg);
}

/* False: a signal wants the end. */
static bool
pause_ms(const struct watched *w, int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
	siginfo_t si;

	while (sigtimedwait(&w->set, &si, &t) >= 0) {
		if (si.si_signo != SIGCHLD)
			return false;
	}
	return true;
}

static int
exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

int
supervise_run(const struct supervise *s)
{
	struct watched w = { .s = s };
	int pause = PAUSE_MIN_MS, status, fd, r;
	bool is_first = true;
	int64_t since;
	char c;

	signals_hold(&w);
	for (;;) {
		since = clock_mono_ms();
		r = start(&w, &fd);
		if (r < 0) {
			log_error("cannot start: r=%d", r);
			return EX_OSERR;
		}
		if (is_first && read(fd, &c, 1) == 1) {
			s->let_go(s->arg);
			is_first = false;
		}
		status = wait_end(&w);
		(void)close(fd);
		/* What does not even come up is told to who waits. */
		if (is_first || is_final(&w, status))
			return exit_status(status);
		log_error("the mount has crashed (status %d): it is started "
		    "again", status);
		clean(s->name);
		pause = clock_mono_ms() - since > WELL_MS ? PAUSE_MIN_MS :
		    pause;
		if (!pause_ms(&w, pause))
			return 0;
		pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
	}
}
