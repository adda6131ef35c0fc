/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content: open files without a name, holes, truncation, appending, mmap,
 * direct I/O, copies inside the mount, and random I/O against a model. */
#include <sys/mman.h>

#include "tests/fs/posix.h"

#define KIB ((size_t)1024)
#define MIB (1024 * KIB)

static bool
is_zero(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static int
an_unlinked_file_lives_while_it_is_open(void)
{
	static char big[300 * 1024], got[300 * 1024];
	struct stat st;
	int fd, fd2;

	posix_fill(big, sizeof(big), 1);
	OK((fd = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	OK(write(fd, big, sizeof(big)) == (ssize_t)sizeof(big));
	OK((fd2 = open("f", O_RDONLY)) >= 0);
	OK(unlink("f") == 0 && !posix_exists("f"));
	OK(fstat(fd, &st) == 0 && st.st_nlink == 0);
	OK(pread(fd2, got, sizeof(got), 0) == (ssize_t)sizeof(got));
	OK(memcmp(got, big, sizeof(big)) == 0);
	OK(pwrite(fd, "after", 5, sizeof(big)) == 5);
	OK(ftruncate(fd, 10) == 0 && fchmod(fd, 0600) == 0);
	OK(fstat(fd2, &st) == 0 && st.st_size == 10);
	OK(fsync(fd) == 0 && close(fd) == 0);
	OK(pread(fd2, got, 20, 0) == 10 && memcmp(got, big, 10) == 0);
	OK(posix_puts("f", "another") == 0);
	OK(pread(fd2, got, 20, 0) == 10 && memcmp(got, big, 10) == 0);
	OK(close(fd2) == 0 && posix_says("f", "another"));
	return 0;
}

static int
a_file_without_a_name_gets_one(void)
{
	struct stat st;
	char path[64];
	int fd;

	fd = open(".", O_TMPFILE | O_RDWR, 0640);
	OK(fd >= 0);
	OK(write(fd, "tmp", 3) == 3);
	OK(fstat(fd, &st) == 0 && st.st_nlink == 0);
	OK((st.st_mode & 07777) == 0640);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
	OK(write(fd, "more", 4) == 4 && close(fd) == 0);
	OK(posix_says("named", "tmpmore"));
	OK(stat("named", &st) == 0 && st.st_nlink == 1);
	OK((fd = open(".", O_TMPFILE | O_RDWR, 0600)) >= 0);
	OK(write(fd, "gone", 4) == 4 && close(fd) == 0);
	return 0;
}

static int
holes_read_as_zeros_and_cost_nothing(void)
{
	static unsigned char got[2 * 1024 * 1024];
	off_t far = (off_t)1 << 40;
	struct stat st;
	int fd;

	OK((fd = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	OK(pwrite(fd, "head", 4, 0) == 4);
	OK(pwrite(fd, "tail", 4, far) == 4);
	OK(fstat(fd, &st) == 0 && st.st_size == far + 4);
	OK(st.st_blocks < 4096);
	OK(pread(fd, got, sizeof(got), far / 2) == (ssize_t)sizeof(got));
	OK(is_zero(got, sizeof(got)));
	OK(pread(fd, got, 10, far) == 4 && memcmp(got, "tail", 4) == 0);
	OK(lseek(fd, 0, SEEK_DATA) == 0);
	OK(lseek(fd, 8 * (off_t)MIB, SEEK_DATA) <= far);
	OK(lseek(fd, 8 * (off_t)MIB, SEEK_DATA) > 8 * (off_t)MIB);
	OK(lseek(fd, 0, SEEK_HOLE) > 0 &&
	    lseek(fd, 0, SEEK_HOLE) <= (off_t)MIB);
	OK(lseek(fd, 8 * (off_t)MIB, SEEK_HOLE) == 8 * (off_t)MIB);
	OK(lseek(fd, far, SEEK_HOLE) == far + 4);
	FAILS(lseek(fd, far + 4, SEEK_DATA), ENXIO);
	OK(close(fd) == 0);
	return 0;
}

static int
fallocate_grows_punches_and_zeroes(void)
{
	static unsigned char data[1024 * 1024], got[1024 * 1024];
	struct stat st;
	int fd;

	posix_fill(data, sizeof(data), 2);
	OK((fd = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	OK(fallocate(fd, 0, 0, 100) == 0);
	OK(fstat(fd, &st) == 0 && st.st_size == 100);
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)MIB) == 0);
	OK(fstat(fd, &st) == 0 && st.st_size == 100);
	OK(pwrite(fd, data, sizeof(data), 0) == (ssize_t)sizeof(data));
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100000,
	    500000) == 0);
	memset(data + 100000, 0, 500000);
	OK(pread(fd, got, sizeof(got), 0) == (ssize_t)sizeof(got));
	OK(memcmp(got, data, sizeof(data)) == 0);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 700001, 99999) == 0);
	memset(data + 700001, 0, 99999);
	OK(fsync(fd) == 0);
	OK(pread(fd, got, sizeof(got), 0) == (ssize_t)sizeof(got));
	OK(memcmp(got, data, sizeof(data)) == 0);
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE, (off_t)MIB - 10, 20) == 0);
	OK(fstat(fd, &st) == 0 && st.st_size == (off_t)MIB + 10);
	OK(close(fd) == 0);
	return 0;
}

static int
truncate_cuts_and_grows_with_zeros(void)
{
	static unsigned char data[600 * 1024], got[600 * 1024];
	static const off_t cuts[] = { 600 * 1024 - 1, 131072 * 3, 131073,
	    131072, 131071, 4096, 1, 0 };
	size_t i, c;
	int fd;

	posix_fill(data, sizeof(data), 3);
	for (i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		c = (size_t)cuts[i];
		OK(posix_put("f", data, sizeof(data)) == 0);
		OK(truncate("f", cuts[i]) == 0);
		OK(posix_holds("f", data, c));
		OK(truncate("f", sizeof(data)) == 0);
		OK((fd = open("f", O_RDONLY)) >= 0);
		OK(read(fd, got, sizeof(got)) == (ssize_t)sizeof(got));
		OK(memcmp(got, data, c) == 0);
		OK(is_zero(got + c, sizeof(got) - c));
		OK(close(fd) == 0);
	}
	FAILS(truncate("f", -1), EINVAL);
	OK((fd = open("f", O_WRONLY | O_TRUNC)) >= 0 && close(fd) == 0);
	OK(posix_says("f", ""));
	return 0;
}

static int
what_is_cut_off_takes_no_room(void)
{
	static char data[1024 * 1024];
	struct stat st;
	int fd;

	posix_fill(data, sizeof(data), 4);
	OK(posix_put("f", data, sizeof(data)) == 0);
	OK(truncate("f", 300001) == 0 && stat("f", &st) == 0);
	OK(st.st_blocks >= 300001 / 512 && st.st_blocks <= 303104 / 512);
	OK(truncate("f", 1) == 0 && stat("f", &st) == 0);
	OK(st.st_blocks <= 8 && posix_holds("f", data, 1));
	OK(posix_put("g", data, sizeof(data)) == 0);
	OK((fd = open("g", O_RDWR)) >= 0);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 5000,
	    (off_t)MIB) == 0);
	OK(fsync(fd) == 0 && fstat(fd, &st) == 0 && st.st_blocks <= 16);
	OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
	    (off_t)MIB) == 0);
	OK(fsync(fd) == 0 && fstat(fd, &st) == 0 && st.st_blocks == 0);
	OK(st.st_size == (off_t)MIB);
	memset(data, 0, sizeof(data));
	OK(close(fd) == 0 && posix_holds("g", data, sizeof(data)));
	return 0;
}

static int
a_few_bytes_in_a_hole_take_little_room(void)
{
	static char data[128 * 1024];
	struct stat st;
	int fd;

	posix_fill(data, sizeof(data), 5);
	OK((fd = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	OK(ftruncate(fd, 10 * (off_t)MIB) == 0);
	OK(pwrite(fd, "x", 1, 0) == 1 && fstat(fd, &st) == 0);
	OK(st.st_blocks > 0 && st.st_blocks <= 8);
	OK(close(fd) == 0 && stat("f", &st) == 0);
	OK(st.st_blocks > 0 && st.st_blocks <= 8);
	/* Over what is there already. */
	OK((fd = open("f", O_RDWR)) >= 0);
	OK(pwrite(fd, data, sizeof(data), 0) == (ssize_t)sizeof(data));
	OK(close(fd) == 0 && (fd = open("f", O_RDWR)) >= 0);
	OK(pwrite(fd, "y", 1, 7) == 1 && fstat(fd, &st) == 0);
	OK(st.st_blocks >= 256 && st.st_blocks <= 264);
	OK(pwrite(fd, "z", 1, 5 * (off_t)MIB) == 1 && fsync(fd) == 0);
	OK(fstat(fd, &st) == 0);
	OK(st.st_blocks > 256 && st.st_blocks <= 272);
	OK(close(fd) == 0);
	return 0;
}

#define WRITERS 8
#define LINES 200

static int
append_lines(int who)
{
	char line[64];
	int fd, i;

	OK((fd = open("log", O_WRONLY | O_APPEND)) >= 0);
	for (i = 0; i < LINES; i++) {
		memset(line, 'a' + who, sizeof(line));
		line[sizeof(line) - 1] = '\n';
		OK(write(fd, line, sizeof(line)) == (ssize_t)sizeof(line));
	}
	OK(close(fd) == 0);
	return 0;
}

static int
appenders_do_not_overwrite_each_other(void)
{
	static char got[WRITERS * LINES * 64 + 1];
	pid_t pids[WRITERS];
	int count[WRITERS] = { 0 };
	int fd, i, k;

	OK(posix_puts("log", "") == 0);
	for (i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			exit(append_lines(i));
	}
	for (i = 0; i < WRITERS; i++)
		OK(posix_wait(pids[i]) == 0);
	OK((fd = open("log", O_RDONLY)) >= 0);
	OK(read(fd, got, sizeof(got)) == WRITERS * LINES * 64);
	close(fd);
	for (i = 0; i < WRITERS * LINES; i++) {
		k = got[i * 64] - 'a';
		OK(k >= 0 && k < WRITERS && got[i * 64 + 63] == '\n');
		OK(got[i * 64 + 62] == 'a' + k);
		count[k]++;
	}
	for (i = 0; i < WRITERS; i++)
		OK(count[i] == LINES);
	return 0;
}

static int
direct_io_works(void)
{
	unsigned char *p, *q;
	int fd;

	OK(posix_memalign((void **)&p, 4096, MIB) == 0);
	OK(posix_memalign((void **)&q, 4096, MIB) == 0);
	posix_fill(p, MIB, 4);
	OK((fd = open("f", O_CREAT | O_RDWR | O_DIRECT, 0644)) >= 0);
	OK(pwrite(fd, p, MIB, 0) == (ssize_t)MIB);
	OK(pwrite(fd, p + 4096, 4096, 8192) == 4096);
	memcpy(p + 8192, p + 4096, 4096);
	OK(pread(fd, q, MIB, 0) == (ssize_t)MIB && memcmp(p, q, MIB) == 0);
	OK(close(fd) == 0 && posix_holds("f", p, MIB));
	free(p);
	free(q);
	return 0;
}

static int
mmap_writes_reach_the_file(void)
{
	char *m, c[8];
	int fd;

	OK((fd = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	OK(ftruncate(fd, (off_t)MIB) == 0);
	m = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(m != MAP_FAILED);
	memcpy(m + 500000, "mapped", 6);
	OK(pread(fd, c, 6, 500000) == 6 && memcmp(c, "mapped", 6) == 0);
	OK(pwrite(fd, "write!", 6, 600000) == 6);
	OK(memcmp(m + 600000, "write!", 6) == 0);
	OK(msync(m, MIB, MS_SYNC) == 0);
	/* The mapping outlives the descriptor. */
	OK(close(fd) == 0);
	memcpy(m, "start", 5);
	OK(munmap(m, MIB) == 0);
	OK((fd = open("f", O_RDONLY)) >= 0);
	OK(pread(fd, c, 5, 0) == 5 && memcmp(c, "start", 5) == 0);
	OK(pread(fd, c, 6, 500000) == 6 && memcmp(c, "mapped", 6) == 0);
	m = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	OK(m != MAP_FAILED);
	m[0] = 'X';
	OK(munmap(m, MIB) == 0);
	OK(pread(fd, c, 5, 0) == 5 && memcmp(c, "start", 5) == 0);
	OK(close(fd) == 0);
	return 0;
}

static int
copy_file_range_copies(void)
{
	static unsigned char data[1024 * 1024];
	loff_t from = 0, to = 0;
	int in, out;
	size_t left = sizeof(data);
	ssize_t n;

	posix_fill(data, sizeof(data), 6);
	OK(posix_put("a", data, sizeof(data)) == 0);
	OK((in = open("a", O_RDWR)) >= 0);
	OK((out = open("b", O_CREAT | O_RDWR, 0644)) >= 0);
	while (left > 0) {
		n = copy_file_range(in, &from, out, &to, left, 0);
		OK(n > 0);
		left -= (size_t)n;
	}
	OK(copy_file_range(in, &from, out, &to, 10, 0) == 0);
	OK(posix_holds("b", data, sizeof(data)));
	/* The copy is a copy, whatever it shares. */
	OK(pwrite(in, "XXXX", 4, 200000) == 4);
	OK(posix_holds("b", data, sizeof(data)));
	/* Unaligned, inside one file. */
	from = 1000;
	to = 500001;
	OK(copy_file_range(out, &from, out, &to, 200000, 0) == 200000);
	memcpy(data + 500001, data + 1000, 200000);
	OK(posix_holds("b", data, sizeof(data)));
	from = 0;
	to = 100;
	FAILS(copy_file_range(out, &from, out, &to, 200, 0), EINVAL);
	OK(close(in) == 0 && close(out) == 0);
	return 0;
}

static int
two_handles_see_one_file(void)
{
	char c[4];
	int a, b;

	OK((a = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	OK((b = open("f", O_RDWR)) >= 0);
	OK(write(a, "abcd", 4) == 4);
	OK(pread(b, c, 4, 0) == 4 && memcmp(c, "abcd", 4) == 0);
	OK(pwrite(b, "X", 1, 1) == 1);
	OK(pread(a, c, 4, 0) == 4 && memcmp(c, "aXcd", 4) == 0);
	OK(ftruncate(b, 2) == 0 && pread(a, c, 4, 0) == 2);
	OK(close(a) == 0 && posix_says("f", "aX"));
	OK(pwrite(b, "Y", 1, 2) == 1 && close(b) == 0);
	OK(posix_says("f", "aXY"));
	return 0;
}

#define MODEL_MAX (3 * 1024 * 1024)

struct model {
	unsigned char *data, *tmp;
	size_t size;
	uint64_t x;
	int fd;
};

static size_t
pick(struct model *m, size_t below)
{
	m->x ^= m->x << 13;
	m->x ^= m->x >> 7;
	m->x ^= m->x << 17;
	return below ? (size_t)((m->x >> 16) % below) : 0;
}

static int
model_write(struct model *m)
{
	size_t off = pick(m, MODEL_MAX - 1);
	size_t n = 1 + pick(m, pick(m, 4) ? 5000 : 400000);

	if (off + n > MODEL_MAX)
		n = MODEL_MAX - off;
	posix_fill(m->tmp, n, m->x);
	OK(pwrite(m->fd, m->tmp, n, (off_t)off) == (ssize_t)n);
	if (off > m->size)
		memset(m->data + m->size, 0, off - m->size);
	memcpy(m->data + off, m->tmp, n);
	if (off + n > m->size)
		m->size = off + n;
	return 0;
}

static int
model_resize(struct model *m)
{
	size_t n = pick(m, MODEL_MAX);

	OK(ftruncate(m->fd, (off_t)n) == 0);
	if (n > m->size)
		memset(m->data + m->size, 0, n - m->size);
	m->size = n;
	return 0;
}

static int
model_punch(struct model *m)
{
	size_t off = pick(m, MODEL_MAX), n = 1 + pick(m, 500000);

	OK(fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	    (off_t)off, (off_t)n) == 0);
	if (off < m->size)
		memset(m->data + off, 0,
		    off + n > m->size ? m->size - off : n);
	return 0;
}

static int
model_map(struct model *m)
{
	size_t off, n;
	unsigned char *p;

	if (m->size == 0)
		return 0;
	off = pick(m, m->size);
	n = 1 + pick(m, m->size - off);
	if (n > 100000)
		n = 100000;
	p = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	OK(p != MAP_FAILED);
	OK(memcmp(p + off, m->data + off, n) == 0);
	posix_fill(p + off, n, m->x);
	memcpy(m->data + off, p + off, n);
	OK(munmap(p, m->size) == 0);
	return 0;
}

static int
model_copy(struct model *m)
{
	loff_t a, b;
	size_t n;
	ssize_t r;

	if (m->size < 2)
		return 0;
	n = 1 + pick(m, m->size / 2);
	a = (loff_t)pick(m, m->size / 2 - n + 1);
	b = (loff_t)(m->size / 2 + pick(m, MODEL_MAX - m->size / 2 - n));
	if (pick(m, 2)) {
		a &= ~131071;
		b = (b + 131071) & ~131071;
	}
	if ((size_t)a + n > (size_t)b || (size_t)b + n > MODEL_MAX)
		return 0;
	if ((size_t)b > m->size)
		memset(m->data + m->size, 0, (size_t)b - m->size);
	while (n > 0) {
		r = copy_file_range(m->fd, &a, m->fd, &b, n, 0);
		OK(r > 0);
		memcpy(m->data + b - r, m->data + a - r, (size_t)r);
		n -= (size_t)r;
	}
	if ((size_t)b > m->size)
		m->size = (size_t)b;
	return 0;
}

static int
model_check(struct model *m, size_t off, size_t n)
{
	struct stat st;

	OK(fstat(m->fd, &st) == 0 && (size_t)st.st_size == m->size);
	if (off >= m->size)
		n = 0;
	else if (off + n > m->size)
		n = m->size - off;
	OK(pread(m->fd, m->tmp, n, (off_t)off) == (ssize_t)n);
	OK(memcmp(m->tmp, m->data + off, n) == 0);
	return 0;
}

static int
model_reopen(struct model *m)
{
	if (pick(m, 2))
		OK(fsync(m->fd) == 0);
	OK(close(m->fd) == 0);
	OK((m->fd = open("f", O_RDWR)) >= 0);
	return model_check(m, 0, MODEL_MAX);
}

static int
random_io_gives_what_a_model_gives(void)
{
	static int (*const step[])(struct model *) = { model_write,
	    model_write, model_write, model_resize, model_punch, model_map,
	    model_copy };
	struct model m = { .x = 88172645463325252u };
	int i, r;

	m.data = calloc(1, MODEL_MAX);
	m.tmp = malloc(MODEL_MAX);
	OK(m.data && m.tmp);
	OK((m.fd = open("f", O_CREAT | O_RDWR, 0644)) >= 0);
	for (i = 0; i < 1500; i++) {
		r = step[pick(&m, sizeof(step) / sizeof(*step))](&m);
		if (r == 0)
			r = model_check(&m, pick(&m, MODEL_MAX), 200000);
		if (r == 0 && i % 40 == 39)
			r = model_reopen(&m);
		if (r != 0) {
			printf("  at step %d\n", i);
			return 1;
		}
	}
	OK(close(m.fd) == 0 && posix_holds("f", m.data, m.size));
	free(m.data);
	free(m.tmp);
	return 0;
}

#define MAPPERS 64
#define MAP_TURNS 100
#define MAP_SECONDS 120

/* A map is written to, and then something that must come after it. */
static int
map_and_set(int n)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	char name[16];
	unsigned char *p;
	int fd, i;

	alarm(MAP_SECONDS);
	snprintf(name, sizeof(name), "m%d", n);
	OK((fd = open(name, O_CREAT | O_RDWR, 0644)) >= 0);
	OK(ftruncate(fd, 4096) == 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	OK(p != MAP_FAILED);
	for (i = 0; i < MAP_TURNS; i++) {
		p[i] = (unsigned char)(i + 1);
		if (i % 3 == 0)
			OK(futimens(fd, t) == 0);
		else if (i % 3 == 1)
			OK(fchmod(fd, i % 2 ? 0600 : 0644) == 0);
		else
			OK(lseek(fd, 0, SEEK_DATA) == 0);
	}
	OK(munmap(p, 4096) == 0 && close(fd) == 0);
	return 0;
}

static int
many_with_maps_do_not_wait_for_each_other(void)
{
	pid_t pid[MAPPERS];
	int i, failed = 0;

	fflush(NULL);
	for (i = 0; i < MAPPERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			exit(map_and_set(i));
		OK(pid[i] > 0);
	}
	for (i = 0; i < MAPPERS; i++)
		failed += posix_wait(pid[i]) != 0;
	OK(failed == 0);
	return 0;
}

static const struct posix_test tests[] = {
	POSIX_TEST(an_unlinked_file_lives_while_it_is_open),
	POSIX_TEST(a_file_without_a_name_gets_one),
	POSIX_TEST(holes_read_as_zeros_and_cost_nothing),
	POSIX_TEST(fallocate_grows_punches_and_zeroes),
	POSIX_TEST(truncate_cuts_and_grows_with_zeros),
	POSIX_TEST(what_is_cut_off_takes_no_room),
	POSIX_TEST(a_few_bytes_in_a_hole_take_little_room),
	POSIX_TEST(appenders_do_not_overwrite_each_other),
	POSIX_TEST(direct_io_works),
	POSIX_TEST(mmap_writes_reach_the_file),
	POSIX_TEST(many_with_maps_do_not_wait_for_each_other),
	POSIX_TEST(copy_file_range_copies),
	POSIX_TEST(two_handles_see_one_file),
	POSIX_TEST(random_io_gives_what_a_model_gives),
};

int
main(int argc, char **argv)
{
	return posix_main(argc, argv, tests,
	    sizeof(tests) / sizeof(*tests));
}
