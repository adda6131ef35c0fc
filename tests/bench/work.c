/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * work WHAT DIR [N] - do one kind of work on a file system from one thread
 * and print its rate as "name value": files or operations a second, or MB/s.
 *
 *	create	N files of 4 KiB: create, write, close
 *	stat	N files: stat each
 *	read	N files: open, read 4 KiB, close
 *	many	N files of 100 bytes, a thousand a folder
 *	rename	N files: rename each
 *	unlink	N files: unlink each
 *	seqwrite	one file of N MiB by 1 MiB, then fsync
 *	seqread	that file by 1 MiB
 *	randread	N reads of 4 KiB all over that file
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB (1 << 20)
#define SMALL 4096
#define TINY 100

static uint8_t buf[MIB];

static void
die(const char *what)
{
	fprintf(stderr, "work: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *
name_of(long i)
{
	static char name[32];

	snprintf(name, sizeof(name), "file%06ld", i);
	return name;
}

static double
do_create(long n)
{
	long i;
	int fd;

	for (i = 0; i < n; i++) {
		fd = open(name_of(i), O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			die("create");
		if (write(fd, buf, SMALL) != SMALL)
			die("write");
		if (close(fd) < 0)
			die("close");
	}
	return (double)n;
}

static double
do_stat(long n)
{
	struct stat st;
	long i;

	for (i = 0; i < n; i++)
		if (stat(name_of(i), &st) < 0 || st.st_size != SMALL)
			die("stat");
	return (double)n;
}

static double
do_read(long n)
{
	long i;
	int fd;

	for (i = 0; i < n; i++) {
		fd = open(name_of(i), O_RDONLY);
		if (fd < 0)
			die("open");
		if (read(fd, buf, SMALL) != SMALL)
			die("read");
		close(fd);
	}
	return (double)n;
}

static double
do_many(long n)
{
	char name[64];
	long i;
	int fd;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "dir%04ld", i / 1000);
		if (i % 1000 == 0 && mkdir(name, 0755) < 0)
			die("mkdir");
		snprintf(name, sizeof(name), "dir%04ld/file%03ld", i / 1000,
		    i % 1000);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
		if (fd < 0)
			die("create");
		if (write(fd, buf, TINY) != TINY || close(fd) < 0)
			die("write");
	}
	return (double)n;
}

static double
do_rename(long n)
{
	char to[40];
	long i;

	for (i = 0; i < n; i++) {
		snprintf(to, sizeof(to), "%s.r", name_of(i));
		if (rename(name_of(i), to) < 0)
			die("rename");
	}
	return (double)n;
}

static double
do_unlink(long n)
{
	char name[40];
	long i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s.r", name_of(i));
		if (unlink(name) < 0)
			die("unlink");
	}
	return (double)n;
}

static double
do_seqwrite(long n)
{
	long i;
	int fd;

	fd = open("big", O_CREAT | O_TRUNC | O_WRONLY, 0644);
	if (fd < 0)
		die("create");
	for (i = 0; i < n; i++) {
		/* No two blocks alike. */
		memcpy(buf, &i, sizeof(i));
		if (write(fd, buf, MIB) != MIB)
			die("write");
	}
	if (fsync(fd) < 0 || close(fd) < 0)
		die("fsync");
	return (double)n * MIB / 1e6;
}

static double
do_seqread(long n)
{
	long i;
	int fd;

	fd = open("big", O_RDONLY);
	if (fd < 0)
		die("open");
	for (i = 0; i < n; i++)
		if (read(fd, buf, MIB) != MIB)
			die("read");
	close(fd);
	return (double)n * MIB / 1e6;
}

static double
do_randread(long n)
{
	uint64_t x = 88172645463325252u;
	struct stat st;
	long i;
	int fd;

	fd = open("big", O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		die("open");
	for (i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (pread(fd, buf, SMALL, (off_t)(x % (uint64_t)(st.st_size /
		    SMALL)) * SMALL) != SMALL)
			die("pread");
	}
	close(fd);
	return (double)n;
}

static const struct {
	const char *name;
	double (*fn)(long n);
	long n;
} works[] = {
	{ "create", do_create, 10000 },
	{ "stat", do_stat, 10000 },
	{ "read", do_read, 10000 },
	{ "many", do_many, 100000 },
	{ "rename", do_rename, 10000 },
	{ "unlink", do_unlink, 10000 },
	{ "seqwrite", do_seqwrite, 1024 },
	{ "seqread", do_seqread, 1024 },
	{ "randread", do_randread, 5000 },
};

int
main(int argc, char **argv)
{
	uint64_t x = 1;
	double t, units;
	size_t i;

	if (argc < 3 || chdir(argv[2]) < 0) {
		fprintf(stderr, "usage: work WHAT DIR [N]\n");
		return 64;
	}
	/* Not compressible, not zero. */
	for (i = 0; i < sizeof(buf); i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		buf[i] = (uint8_t)(x >> 56);
	}
	for (i = 0; i < sizeof(works) / sizeof(*works); i++) {
		if (strcmp(argv[1], works[i].name) != 0)
			continue;
		t = now();
		units = works[i].fn(argc > 3 ? atol(argv[3]) : works[i].n);
		printf("%s %.1f\n", works[i].name, units / (now() - t));
		return 0;
	}
	fprintf(stderr, "work: no work '%s'\n", argv[1]);
	return 64;
}
