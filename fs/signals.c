/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/signals.h"

#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void
on_nudge(int sig)
{
	(void)sig;	/* it only ends the read of a request */
}

int
signals_init(struct signals *s)
{
	struct sigaction sa;
	sigset_t set;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_nudge;
	if (sigaction(SIGUSR1, &sa, NULL) < 0)
		return -errno;
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGPIPE, &sa, NULL) < 0)
		return -errno;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &set, &s->old);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return s->fd < 0 ? -errno : 0;
}

int
signals_next(struct signals *s)
{
	struct signalfd_siginfo si;

	return read(s->fd, &si, sizeof(si)) > 0 ? (int)si.ssi_signo : 0;
}

void
signals_done(struct signals *s)
{
	/* What came late was meant for the mount that has just ended. */
	while (s->fd >= 0 && signals_next(s) != 0)
		;
	if (s->fd >= 0)
		(void)close(s->fd);
	(void)pthread_sigmask(SIG_SETMASK, &s->old, NULL);
}
