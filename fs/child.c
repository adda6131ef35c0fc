/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/thread.h"

#ifndef LIBDIR
#define LIBDIR "/usr/local/lib/coffre"
#endif
#define KILL_WAIT_MS 1000
#define KILL_LOOK_MS 20

void
child_own_path(const char *name, char out[static PATH_MAX])
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	exe[n > 0 ? n : 0] = '\0';
	slash = strrchr(exe, '/');
	if (slash) {
		*slash = '\0';
		if (snprintf(out, PATH_MAX, "%s/%s", exe, name) < PATH_MAX &&
		    access(out, X_OK) == 0)
			return;
	}
	(void)snprintf(out, PATH_MAX, "%s/%s", LIBDIR, name);
}

int
child_spawn(pid_t *ret, const char *path,
    const posix_spawn_file_actions_t *fa, bool is_group, char *const argv[],
    char *const env[])
{
	int group = is_group ? POSIX_SPAWN_SETPGROUP : 0;
	posix_spawnattr_t attr;
	sigset_t none, ours;
	int r;

	(void)sigemptyset(&none);
	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGPIPE);
	(void)sigaddset(&ours, SIGUSR1);
	if (posix_spawnattr_init(&attr) != 0)
		return -ENOMEM;
	(void)posix_spawnattr_setflags(&attr, (short)(group |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setsigdefault(&attr, &ours);
	r = posix_spawnp(ret, path, fa, &attr, argv, env);
	(void)posix_spawnattr_destroy(&attr);
	return -r;
}

/* With one socket as its input and output. */
static int
spawn(pid_t *ret, int fd, char *const argv[])
{
	posix_spawn_file_actions_t fa;
	int r;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -ENOMEM;
	r = -posix_spawn_file_actions_adddup2(&fa, fd, STDIN_FILENO);
	if (r == 0)
		r = -posix_spawn_file_actions_adddup2(&fa, fd, STDOUT_FILENO);
	if (r == 0)
		r = child_spawn(ret, argv[0], &fa, false, argv, environ);
	(void)posix_spawn_file_actions_destroy(&fa);
	return r;
}

int
child_start(struct child *c, char *const argv[])
{
	int fd[2], r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
	r = spawn(&c->pid, fd[1], argv);
	(void)close(fd[1]);
	if (r < 0) {
		(void)close(fd[0]);
		return r;
	}
	c->fd = fd[0];
	return 0;
}

int
child_write(const struct child *c, const void *p, size_t len)
{
	const char *at = p;
	ssize_t n;

	while (len > 0) {
		n = send(c->fd, at, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

void
child_close_input(const struct child *c)
{
	(void)shutdown(c->fd, SHUT_WR);
}

ssize_t
child_read(const struct child *c, void *p, size_t len, int64_t deadline_ms,
    int stop_fd)
{
	struct pollfd f[2] = {
		{ .fd = c->fd, .events = POLLIN },
		{ .fd = stop_fd, .events = POLLIN },
	};
	int64_t left = -1;
	ssize_t n;

	for (;;) {
		if (deadline_ms >= 0) {
			left = deadline_ms - clock_mono_ms();
			if (left <= 0)
				return -ETIMEDOUT;
		}
		if (poll(f, 2, (int)left) < 0 && errno != EINTR)
			return -errno;
		if (f[1].revents)
			return -ECANCELED;
		if (!f[0].revents)
			continue;
		n = recv(c->fd, p, len, 0);
		if (n < 0 && errno == ECONNRESET)
			return 0;	/* gone, with our words unread */
		if (n >= 0 || errno != EINTR)
			return n < 0 ? -errno : n;
	}
}

static int
status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 +
	    WTERMSIG(status);
}

int
child_wait(struct child *c)
{
	int status = 0;

	(void)close(c->fd);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status_of(status);
}

void
child_kill(struct child *c)
{
	int64_t end = clock_mono_ms() + KILL_WAIT_MS;
	int status;

	(void)close(c->fd);
	(void)kill(c->pid, SIGTERM);
	while (waitpid(c->pid, &status, WNOHANG) == 0) {
		if (clock_mono_ms() > end) {
			(void)kill(c->pid, SIGKILL);
			end += KILL_WAIT_MS;
		}
		thread_pause_ms(KILL_LOOK_MS);
	}
}
