/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many at once: big folders, listings that change under the reader, locks
 * between processes, parallel work. */
#include <dirent.h>
#include <sys/file.h>

#include "tests/fs/posix.h"

#define MANY 20000
#define STABLE 3000
#define MOVING 2000
#define WORKERS 6

static const char *
numbered(const char *prefix, int i)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%d", prefix, i);
	return name;
}

static int
make_many(const char *prefix, int n)
{
	int fd, i;

	for (i = 0; i < n; i++) {
		fd = open(numbered(prefix, i), O_CREAT | O_EXCL | O_WRONLY,
		    0644);
		if (fd < 0 || close(fd) < 0)
			return -1;
	}
	return 0;
}

static int
a_folder_holds_twenty_thousand_entries(void)
{
	static bool seen[MANY];
	struct dirent *e;
	struct stat st;
	int i, n = 0;
	DIR *d;

	OK(make_many("f", MANY) == 0);
	OK((d = opendir(".")) != NULL);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		i = atoi(e->d_name + 1);
		OK(i >= 0 && i < MANY && !seen[i]);
		seen[i] = true;
		n++;
	}
	OK(n == MANY && closedir(d) == 0);
	for (i = 0; i < MANY; i += 7)
		OK(stat(numbered("f", i), &st) == 0);
	for (i = 0; i < MANY; i++)
		OK(unlink(numbered("f", i)) == 0);
	OK((d = opendir(".")) != NULL);
	n = 0;
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	OK(n == 0 && closedir(d) == 0);
	return 0;
}

static int
a_listing_can_delete_what_it_reads(void)
{
	struct dirent *e;
	int n = 0;
	DIR *d;

	OK(make_many("f", 5000) == 0);
	OK((d = opendir(".")) != NULL);
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			OK(unlink(e->d_name) == 0);
			n++;
		}
	OK(n == 5000 && closedir(d) == 0);
	return 0;
}

/* Create, rename and delete beside a reader until told to stop. */
static int
make_waves(void)
{
	int i, round;
	char to[64];

	for (round = 0; round < 3; round++) {
		if (make_many("moving", MOVING) < 0)
			return 1;
		for (i = 0; i < MOVING; i += 2) {
			snprintf(to, sizeof(to), "renamed%d", i);
			if (rename(numbered("moving", i), to) < 0)
				return 1;
		}
		for (i = 0; i < MOVING; i++)
			if (unlink(numbered(i % 2 ? "moving" : "renamed", i)))
				return 1;
	}
	return 0;
}

static int
list_once(void)
{
	static int seen[STABLE];
	struct dirent *e;
	DIR *d;
	int i;

	memset(seen, 0, sizeof(seen));
	OK((d = opendir(".")) != NULL);
	while ((e = readdir(d)) != NULL)
		if (strncmp(e->d_name, "stable", 6) == 0) {
			i = atoi(e->d_name + 6);
			OK(i >= 0 && i < STABLE);
			seen[i]++;
		}
	OK(closedir(d) == 0);
	for (i = 0; i < STABLE; i++)
		OK(seen[i] == 1);
	return 0;
}

static int
a_listing_gives_what_stays_exactly_once(void)
{
	int st, rounds = 0;
	pid_t pid;

	OK(make_many("stable", STABLE) == 0);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(make_waves());
	while (waitpid(pid, &st, WNOHANG) == 0) {
		OK(list_once() == 0);
		rounds++;
	}
	OK(WIFEXITED(st) && WEXITSTATUS(st) == 0 && rounds > 0);
	return list_once();
}

static int
a_listing_goes_back_to_a_place(void)
{
	struct dirent *e;
	char name[256];
	long at = 0;
	DIR *d;
	int i;

	OK(make_many("f", 500) == 0);
	OK((d = opendir(".")) != NULL);
	for (i = 0; i < 250; i++) {
		at = telldir(d);
		OK((e = readdir(d)) != NULL);
	}
	snprintf(name, sizeof(name), "%s", e->d_name);
	while (readdir(d))
		;
	seekdir(d, at);
	OK((e = readdir(d)) != NULL && strcmp(e->d_name, name) == 0);
	rewinddir(d);
	for (i = 0; readdir(d); i++)
		;
	OK(i == 502 && closedir(d) == 0);
	return 0;
}

static int
flock_fails(void)
{
	int fd = open("f", O_RDWR);

	FAILS(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	return 0;
}

static int
fcntl_fails(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = 10, .l_len = 10 };
	int fd = open("f", O_RDWR);

	errno = 0;
	OK(fcntl(fd, F_SETLK, &l) == -1);
	OK(errno == EAGAIN || errno == EACCES);
	OK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK);
	l.l_type = F_WRLCK;
	l.l_start = 30;
	OK(fcntl(fd, F_SETLK, &l) == 0);
	return 0;
}

static int
in_child(int (*fn)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		exit(fn());
	return posix_wait(pid);
}

static int
locks_hold_between_processes(void)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = 0, .l_len = 20 };
	int fd;

	OK(posix_puts("f", "some content") == 0);
	OK((fd = open("f", O_RDWR)) >= 0);
	OK(flock(fd, LOCK_EX) == 0 && in_child(flock_fails) == 0);
	OK(flock(fd, LOCK_UN) == 0 && in_child(flock_fails) != 0);
	OK(fcntl(fd, F_SETLK, &l) == 0 && in_child(fcntl_fails) == 0);
	l.l_type = F_UNLCK;
	OK(fcntl(fd, F_SETLK, &l) == 0 && in_child(fcntl_fails) != 0);
	l.l_type = F_WRLCK;
	OK(fcntl(fd, F_OFD_SETLK, &l) == 0 && in_child(fcntl_fails) == 0);
	OK(close(fd) == 0);
	return 0;
}

/* Save files as editors do, in a folder shared with the other workers. */
static int
save_files(int who)
{
	static char data[70000], name[64], tmp[80];
	int i, round;

	for (round = 0; round < 5; round++)
		for (i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "w%d-%d", who, i);
			snprintf(tmp, sizeof(tmp), ".%s.tmp", name);
			posix_fill(data, sizeof(data),
			    (uint64_t)(who * 1000 + i * 10 + round));
			OK(posix_put(tmp, data, sizeof(data)) == 0);
			OK(rename(tmp, name) == 0);
			OK(posix_holds(name, data, sizeof(data)));
		}
	return 0;
}

static int
workers_side_by_side_keep_their_files(void)
{
	static char data[70000], name[64];
	pid_t pids[WORKERS];
	int w, i;

	fflush(NULL);
	for (w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		if (pids[w] == 0)
			exit(save_files(w));
	}
	for (w = 0; w < WORKERS; w++)
		OK(posix_wait(pids[w]) == 0);
	for (w = 0; w < WORKERS; w++)
		for (i = 0; i < 40; i++) {
			snprintf(name, sizeof(name), "w%d-%d", w, i);
			posix_fill(data, sizeof(data),
			    (uint64_t)(w * 1000 + i * 10 + 4));
			OK(posix_holds(name, data, sizeof(data)));
		}
	return 0;
}

static int
fight_for_one_name(int who)
{
	char tmp[64];
	int i;

	snprintf(tmp, sizeof(tmp), "mine%d", who);
	for (i = 0; i < 300; i++) {
		OK(posix_puts(tmp, "whole content") == 0);
		OK(rename(tmp, "prize") == 0);
		OK(posix_says("prize", "whole content"));
	}
	return 0;
}

static int
a_replaced_file_is_never_seen_half(void)
{
	pid_t pids[WORKERS];
	int w;

	fflush(NULL);
	for (w = 0; w < WORKERS; w++) {
		pids[w] = fork();
		if (pids[w] == 0)
			exit(fight_for_one_name(w));
	}
	for (w = 0; w < WORKERS; w++)
		OK(posix_wait(pids[w]) == 0);
	OK(posix_says("prize", "whole content"));
	return 0;
}

static const struct posix_test tests[] = {
	POSIX_TEST(a_folder_holds_twenty_thousand_entries),
	POSIX_TEST(a_listing_can_delete_what_it_reads),
	POSIX_TEST(a_listing_gives_what_stays_exactly_once),
	POSIX_TEST(a_listing_goes_back_to_a_place),
	POSIX_TEST(locks_hold_between_processes),
	POSIX_TEST(workers_side_by_side_keep_their_files),
	POSIX_TEST(a_replaced_file_is_never_seen_half),
};

int
main(int argc, char **argv)
{
	return posix_main(argc, argv, tests,
	    sizeof(tests) / sizeof(*tests));
}
