/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Attributes: times, modes, owners, who may what, xattrs, statfs. */
#include <dirent.h>
#include <grp.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <time.h>

#include "tests/fs/posix.h"

#define NOBODY 65534
#define OTHER_GID 12345

static bool
is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	    (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* More than a tick of any clock that stamps files. */
static void
tick(void)
{
	struct timespec t = { 0, 20 * 1000 * 1000 };

	nanosleep(&t, NULL);
}

/* Run fn as nobody in a child; its result. */
static int
as_nobody(int (*fn)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 ||
		    setuid(NOBODY) < 0)
			_exit(99);
		umask(022);
		exit(fn());
	}
	return posix_wait(pid);
}

static bool
is_same(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int
now_is_one_time(void)
{
	struct timespec t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	struct stat st;

	OK(posix_puts("f", "x") == 0);
	tick();
	OK(utimensat(AT_FDCWD, "f", NULL, 0) == 0 && stat("f", &st) == 0);
	OK(is_same(&st.st_atim, &st.st_mtim));
	OK(is_same(&st.st_ctim, &st.st_mtim));
	tick();
	OK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
	OK(is_same(&st.st_atim, &st.st_mtim));
	OK(is_same(&st.st_ctim, &st.st_mtim));
	return 0;
}

/* What cannot be kept is not another time: the nearest that can. */
static int
far_times_stay_far(void)
{
	static const int64_t secs[] = { 10413792000, 99999999999,
	    -10413792000, -99999999999 };
	struct timespec t[2] = { { 0, 0 }, { 0, 0 } };
	struct stat st;
	size_t i;

	if (posix_is_plain())
		return 0;	/* ext4 has other limits */
	OK(posix_puts("f", "x") == 0);
	for (i = 0; i < sizeof(secs) / sizeof(*secs); i++) {
		t[0].tv_sec = t[1].tv_sec = secs[i];
		OK(utimensat(AT_FDCWD, "f", t, 0) == 0);
		OK(stat("f", &st) == 0);
		OK(secs[i] > 0 ? st.st_mtim.tv_sec == INT64_MAX / 1000000000 :
		    st.st_mtim.tv_sec == INT64_MIN / 1000000000 - 1);
		OK(is_same(&st.st_atim, &st.st_mtim));
	}
	return 0;
}

static int
times_are_kept_to_the_nanosecond(void)
{
	static const int64_t secs[] = { 0, 1, -1, -86400, 1700000000,
	    4102444800, 7258118400 };
	struct timespec t[2];
	struct stat st;
	size_t i;

	OK(posix_puts("f", "x") == 0 && symlink("f", "l") == 0);
	OK(mkdir("d", 0755) == 0);
	for (i = 0; i < sizeof(secs) / sizeof(*secs); i++) {
		t[0].tv_sec = secs[i];
		t[0].tv_nsec = 123456789;
		t[1].tv_sec = secs[i] + 10;
		t[1].tv_nsec = 987654321;
		OK(utimensat(AT_FDCWD, "f", t, 0) == 0);
		OK(utimensat(AT_FDCWD, "d", t, 0) == 0);
		OK(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW) == 0);
		OK(stat("f", &st) == 0 && st.st_mtim.tv_sec == secs[i] + 10);
		OK(st.st_mtim.tv_nsec == 987654321);
		OK(st.st_atim.tv_sec == secs[i]);
		OK(st.st_atim.tv_nsec == 123456789);
		OK(stat("d", &st) == 0 && st.st_mtim.tv_nsec == 987654321);
		OK(lstat("l", &st) == 0 && st.st_mtim.tv_sec == secs[i] + 10);
	}
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	OK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
	OK(st.st_atim.tv_nsec == 123456789);
	OK(labs(st.st_mtim.tv_sec - time(NULL)) < 60);
	return 0;
}

static int
times_move_when_things_change(void)
{
	struct stat a, b, d1, d2;
	int fd;

	OK(mkdir("d", 0755) == 0 && posix_puts("d/f", "x") == 0);
	OK(stat("d/f", &a) == 0 && stat("d", &d1) == 0);
	tick();
	OK(chmod("d/f", 0600) == 0 && stat("d/f", &b) == 0);
	OK(is_before(&a.st_ctim, &b.st_ctim));
	OK(!is_before(&a.st_mtim, &b.st_mtim));
	tick();
	OK((fd = open("d/f", O_WRONLY)) >= 0 && write(fd, "yy", 2) == 2);
	OK(fstat(fd, &a) == 0 && a.st_size == 2);
	OK(close(fd) == 0 && stat("d/f", &a) == 0);
	OK(is_before(&b.st_mtim, &a.st_mtim));
	OK(is_before(&b.st_ctim, &a.st_ctim));
	OK(stat("d", &d2) == 0 && !is_before(&d1.st_mtim, &d2.st_mtim));
	tick();
	OK(link("d/f", "d/g") == 0 && stat("d", &d2) == 0);
	OK(is_before(&d1.st_mtim, &d2.st_mtim));
	OK(stat("d/f", &b) == 0 && is_before(&a.st_ctim, &b.st_ctim));
	tick();
	OK(rename("d/g", "h") == 0 && stat("d", &d1) == 0);
	OK(is_before(&d2.st_mtim, &d1.st_mtim));
	tick();
	OK(unlink("d/f") == 0 && stat("d", &d2) == 0);
	OK(is_before(&d1.st_mtim, &d2.st_mtim));
	tick();
	OK(stat("h", &a) == 0 && truncate("h", 1) == 0);
	OK(stat("h", &b) == 0 && is_before(&a.st_mtim, &b.st_mtim));
	return 0;
}

static int
a_time_set_while_open_stays_after_close(void)
{
	struct timespec t[2] = { { 1000, 1 }, { 2000, 2 } };
	struct stat st;
	int fd;

	/* As cp -p and tar do it. */
	OK((fd = open("f", O_CREAT | O_WRONLY, 0600)) >= 0);
	OK(write(fd, "data", 4) == 4);
	OK(futimens(fd, t) == 0 && fchmod(fd, 0444) == 0);
	OK(close(fd) == 0 && stat("f", &st) == 0);
	OK(st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 2);
	OK((st.st_mode & 07777) == 0444 && st.st_size == 4);
	return 0;
}

static int
modes_keep_all_their_bits(void)
{
	struct stat st;
	int fd;

	umask(027);
	OK((fd = open("f", O_CREAT | O_WRONLY, 0666)) >= 0);
	close(fd);
	OK(stat("f", &st) == 0 && (st.st_mode & 07777) == 0640);
	OK(mkdir("d", 0777) == 0);
	OK(stat("d", &st) == 0 && (st.st_mode & 07777) == 0750);
	umask(022);
	OK(chmod("f", 07755) == 0 && stat("f", &st) == 0);
	OK((st.st_mode & 07777) == 07755);
	OK(chmod("d", 03777) == 0 && stat("d", &st) == 0);
	OK((st.st_mode & 07777) == 03777);
	OK(chmod("f", 0) == 0 && stat("f", &st) == 0);
	OK((st.st_mode & 07777) == 0);
	/* Opened for writing though its mode forbids writing from now on. */
	OK((fd = open("w", O_CREAT | O_WRONLY, 0000)) >= 0);
	OK(write(fd, "x", 1) == 1 && close(fd) == 0);
	return 0;
}

static int
owners_are_kept(void)
{
	struct stat st;

	OK(posix_puts("f", "x") == 0 && symlink("f", "l") == 0);
	OK(chown("f", NOBODY, OTHER_GID) == 0 && stat("f", &st) == 0);
	OK(st.st_uid == NOBODY && st.st_gid == OTHER_GID);
	OK(lchown("l", 1, 2) == 0 && lstat("l", &st) == 0);
	OK(st.st_uid == 1 && st.st_gid == 2);
	OK(stat("f", &st) == 0 && st.st_uid == NOBODY);
	OK(chown("f", (uid_t)-1, 7) == 0 && stat("f", &st) == 0);
	OK(st.st_uid == NOBODY && st.st_gid == 7);
	return 0;
}

static int
nobody_is_kept_out(void)
{
	FAILS(open("secret", O_RDONLY), EACCES);
	FAILS(open("readable", O_WRONLY), EACCES);
	FAILS(open("closed/x", O_RDONLY), EACCES);
	FAILS(open("readable2/new", O_CREAT | O_WRONLY, 0644), EACCES);
	FAILS(unlink("readable"), EACCES);
	FAILS(chmod("readable", 0666), EPERM);
	FAILS(chown("readable", NOBODY, NOBODY), EPERM);
	FAILS(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
	FAILS(truncate("readable", 0), EACCES);
	FAILS(access("readable", W_OK), EACCES);
	FAILS(setxattr("readable", "user.x", "y", 1, 0), EACCES);
	OK(access("readable", R_OK) == 0 && posix_says("readable", "r"));
	OK(posix_puts("open/mine", "m") == 0);
	OK(posix_puts("writable", "w2") == 0);
	return 0;
}

static int
another_user_gets_what_the_modes_say(void)
{
	struct stat st;

	OK(posix_puts("secret", "s") == 0 && chmod("secret", 0600) == 0);
	OK(posix_puts("readable", "r") == 0);
	OK(mkdir("closed", 0700) == 0 && posix_puts("closed/x", "x") == 0);
	OK(mkdir("readable2", 0755) == 0);
	OK(mkdir("open", 0755) == 0 && chmod("open", 0777) == 0);
	OK(posix_puts("writable", "w") == 0 && chmod("writable", 0666) == 0);
	OK(as_nobody(nobody_is_kept_out) == 0);
	OK(stat("open/mine", &st) == 0);
	OK(st.st_uid == NOBODY && st.st_gid == NOBODY);
	return 0;
}

static int
nobody_and_the_sticky_folder(void)
{
	FAILS(unlink("tmp/roots"), EPERM);
	FAILS(rename("tmp/roots", "tmp/x"), EPERM);
	OK(posix_puts("tmp/mine", "m") == 0 && unlink("tmp/mine") == 0);
	return 0;
}

static int
a_sticky_folder_protects_others_files(void)
{
	OK(mkdir("tmp", 0755) == 0 && chmod("tmp", 01777) == 0);
	OK(posix_puts("tmp/roots", "x") == 0);
	OK(chmod("tmp/roots", 0666) == 0);
	OK(as_nobody(nobody_and_the_sticky_folder) == 0);
	OK(posix_says("tmp/roots", "x"));
	return 0;
}

static int
a_setgid_folder_hands_on_its_group(void)
{
	struct stat st;

	OK(mkdir("g", 0755) == 0 && chown("g", 0, OTHER_GID) == 0);
	OK(chmod("g", 02775) == 0);
	OK(posix_puts("g/f", "x") == 0 && mkdir("g/d", 0755) == 0);
	OK(symlink("f", "g/l") == 0);
	OK(stat("g/f", &st) == 0 && st.st_gid == OTHER_GID);
	OK(!(st.st_mode & S_ISGID));
	OK(stat("g/d", &st) == 0 && st.st_gid == OTHER_GID);
	OK(st.st_mode & S_ISGID);
	OK(lstat("g/l", &st) == 0 && st.st_gid == OTHER_GID);
	return 0;
}

static int
nobody_writes(void)
{
	int fd = open("suid", O_WRONLY);

	OK(fd >= 0 && write(fd, "y", 1) == 1 && close(fd) == 0);
	return 0;
}

static int
a_write_by_another_user_clears_setuid(void)
{
	struct stat st;

	OK(posix_puts("suid", "x") == 0 && chmod("suid", 06777) == 0);
	OK(stat("suid", &st) == 0 && (st.st_mode & 07777) == 06777);
	OK(as_nobody(nobody_writes) == 0);
	OK(stat("suid", &st) == 0);
	OK((st.st_mode & (S_ISUID | S_ISGID)) == 0);
	OK(posix_puts("own", "x") == 0 && chmod("own", 06755) == 0);
	OK(chown("own", 1, 1) == 0 && stat("own", &st) == 0);
	OK((st.st_mode & (S_ISUID | S_ISGID)) == 0);
	return 0;
}

static int
xattrs_work(void)
{
	char buf[4096], big[2000];

	OK(posix_puts("f", "x") == 0 && mkdir("d", 0755) == 0);
	OK(symlink("f", "l") == 0);
	OK(setxattr("f", "user.one", "1", 1, 0) == 0);
	OK(setxattr("f", "user.empty", "", 0, XATTR_CREATE) == 0);
	FAILS(setxattr("f", "user.one", "2", 1, XATTR_CREATE), EEXIST);
	FAILS(setxattr("f", "user.none", "2", 1, XATTR_REPLACE), ENODATA);
	OK(setxattr("f", "user.one", "22", 2, XATTR_REPLACE) == 0);
	OK(getxattr("f", "user.one", NULL, 0) == 2);
	OK(getxattr("f", "user.one", buf, 4) == 2);
	OK(memcmp(buf, "22", 2) == 0);
	FAILS(getxattr("f", "user.one", buf, 1), ERANGE);
	OK(getxattr("f", "user.empty", buf, 4) == 0);
	FAILS(getxattr("f", "user.none", buf, 4), ENODATA);
	posix_fill(big, sizeof(big), 5);
	OK(setxattr("d", "user.big", big, sizeof(big), 0) == 0);
	OK(getxattr("d", "user.big", buf, sizeof(buf)) == sizeof(big));
	OK(memcmp(buf, big, sizeof(big)) == 0);
	OK(listxattr("f", NULL, 0) >= 20);
	OK(listxattr("f", buf, sizeof(buf)) >= 20);
	FAILS(listxattr("f", buf, 3), ERANGE);
	OK(removexattr("f", "user.one") == 0);
	FAILS(removexattr("f", "user.one"), ENODATA);
	FAILS(getxattr("f", "user.one", buf, 4), ENODATA);
	FAILS(lsetxattr("l", "user.x", "1", 1, 0), EPERM);
	/* Nothing behind the dot. */
	FAILS(getxattr("f", "user.", buf, 4), EINVAL);
	FAILS(getxattr("f", "trusted.", buf, 4), EINVAL);
	FAILS(setxattr("f", "user.", "1", 1, 0), EINVAL);
	FAILS(removexattr("f", "trusted."), EINVAL);
	FAILS(getxattr("f", "security.", buf, 4), EINVAL);
	return 0;
}

/* cap_net_raw, as setcap(8) writes it. */
static const unsigned char cap[20] = { 1, 0, 0, 2, 0, 0x20 };

static bool
has_cap(const char *path)
{
	unsigned char got[32];

	return getxattr(path, "security.capability", got, sizeof(got)) ==
	    (ssize_t)sizeof(cap) && memcmp(got, cap, sizeof(cap)) == 0;
}

static int
put_cap(const char *path)
{
	return setxattr(path, "security.capability", cap, sizeof(cap), 0);
}

static int
no_right_to_security(void)
{
	FAILS(put_cap("f"), EPERM);
	FAILS(setxattr("f", "security.x", "1", 1, 0), EPERM);
	OK(getxattr("f", "security.x", NULL, 0) == 3);
	return 0;
}

static int
security_attributes_are_kept_and_capabilities_go(void)
{
	char list[256];
	int fd;

	OK(posix_puts("f", "x") == 0 && symlink("f", "l") == 0);
	FAILS(getxattr("f", "security.capability", list, 4), ENODATA);
	OK(setxattr("f", "security.x", "abc", 3, 0) == 0);
	OK(lsetxattr("l", "security.x", "d", 1, 0) == 0);
	OK(listxattr("f", list, sizeof(list)) == 11);
	OK(strcmp(list, "security.x") == 0);
	OK(chmod("f", 0666) == 0 && chmod(".", 0777) == 0);
	OK(as_nobody(no_right_to_security) == 0);
	/* What changes the file takes its capabilities. */
	OK(put_cap("f") == 0 && has_cap("f"));
	OK((fd = open("f", O_WRONLY)) >= 0 && has_cap("f"));
	OK(write(fd, "yy", 2) == 2 && !has_cap("f"));
	OK(put_cap("f") == 0 && has_cap("f"));
	OK(write(fd, "zz", 2) == 2 && !has_cap("f"));
	OK(close(fd) == 0 && put_cap("f") == 0 && has_cap("f"));
	OK(truncate("f", 1) == 0 && !has_cap("f"));
	OK(put_cap("f") == 0 && chown("f", 0, 0) == 0 && !has_cap("f"));
	OK(put_cap("f") == 0 && chmod("f", 0755) == 0 && has_cap("f"));
	OK(rename("f", "g") == 0 && has_cap("g"));
	OK(getxattr("g", "security.x", list, 4) == 3);
	OK(removexattr("g", "security.x") == 0 && has_cap("g"));
	return 0;
}

static int
statfs_makes_sense(void)
{
	struct statvfs s;

	OK(statvfs(".", &s) == 0);
	OK(s.f_namemax == 255 && s.f_bsize >= 512 && s.f_frsize >= 512);
	OK(s.f_blocks > 0 && s.f_bfree <= s.f_blocks);
	OK(s.f_bavail <= s.f_bfree);
	return 0;
}

/* Did both move?  Then *a is as it is now. */
static bool
both_moved(const char *path, struct stat *a)
{
	struct stat b;
	bool is_so = stat(path, &b) == 0 &&
	    is_before(&a->st_mtim, &b.st_mtim) &&
	    is_before(&a->st_ctim, &b.st_ctim);

	*a = b;
	tick();
	return is_so;
}

static int
fallocate_moves_times_also_where_it_does_nothing(void)
{
	static const int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct stat st;
	int fd;

	OK(posix_puts("f", "0123456789") == 0 && stat("f", &st) == 0);
	OK((fd = open("f", O_RDWR)) >= 0);
	tick();
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 5) == 0);
	OK(both_moved("f", &st));
	OK(fallocate(fd, 0, 0, 5) == 0 && both_moved("f", &st));
	OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 100) == 0);
	OK(both_moved("f", &st));
	OK(fallocate(fd, hole, 2, 3) == 0 && both_moved("f", &st));
	OK(fallocate(fd, hole, 100, 100) == 0 && both_moved("f", &st));
	OK(fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 100,
	    100) == 0 && both_moved("f", &st));
	OK(fallocate(fd, 0, 0, 20) == 0 && both_moved("f", &st));
	OK(st.st_size == 20 && close(fd) == 0);
	return 0;
}

/* Long ago, and written a little later. */
static int
age(const char *path)
{
	struct timespec t[2] = { { 1000, 0 }, { 2000, 0 } };

	return utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW);
}

/* Read it, not from the kernel's memory; its atime afterwards, or -1. */
static time_t
atime_read(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | flags);
	struct stat st;
	char c;
	bool is_ok;

	if (fd < 0)
		return -1;
	is_ok = posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
	    read(fd, &c, 1) == 1 && fstat(fd, &st) == 0;
	return close(fd) == 0 && is_ok ? st.st_atim.tv_sec : -1;
}

static int
reading_moves_atime_as_relatime_says(void)
{
	struct timespec t[2] = { { 3000, 5 }, { 0, UTIME_OMIT } };
	time_t now = time(NULL);
	struct stat a, st;
	char buf[8];
	DIR *dir;

	OK(posix_puts("f", "hello") == 0 && symlink("f", "l") == 0);
	OK(mkdir("d", 0755) == 0 && posix_puts("d/x", "x") == 0);
	OK(age("f") == 0 && age("l") == 0 && age("d") == 0);
	OK(stat("f", &a) == 0 && a.st_atim.tv_sec == 1000);
	OK(atime_read("f", O_NOATIME) == 1000);
	OK(atime_read("f", 0) >= now);
	/* Nothing else moves. */
	OK(stat("f", &st) == 0 && st.st_mtim.tv_sec == 2000);
	OK(!is_before(&a.st_ctim, &st.st_ctim));
	/* It is behind no other time now: it stays. */
	a = st;
	tick();
	OK(atime_read("f", 0) >= now && stat("f", &st) == 0);
	OK(!is_before(&a.st_atim, &st.st_atim));
	tick();
	OK(posix_puts("f", "other") == 0 && atime_read("f", 0) >= now);
	OK(stat("f", &st) == 0 && is_before(&a.st_atim, &st.st_atim));
	a = st;
	tick();
	OK(chmod("f", 0600) == 0 && atime_read("f", 0) >= now);
	OK(stat("f", &st) == 0 && is_before(&a.st_atim, &st.st_atim));
	/* What is set counts. */
	OK(utimensat(AT_FDCWD, "f", t, 0) == 0 && stat("f", &st) == 0);
	OK(st.st_atim.tv_sec == 3000 && st.st_atim.tv_nsec == 5);
	sleep(7);
	OK(stat("f", &st) == 0 && st.st_atim.tv_sec == 3000);
	/* Symbolic links and folders are read, too. */
	OK(readlink("l", buf, sizeof(buf)) == 1 && lstat("l", &st) == 0);
	OK(st.st_atim.tv_sec >= now && st.st_mtim.tv_sec == 2000);
	OK((dir = opendir("d")) && readdir(dir) && closedir(dir) == 0);
	OK(stat("d", &st) == 0 && st.st_atim.tv_sec >= now);
	OK(st.st_mtim.tv_sec == 2000);
	return 0;
}

static const struct posix_test tests[] = {
	POSIX_TEST(times_are_kept_to_the_nanosecond),
	POSIX_TEST(now_is_one_time),
	POSIX_TEST(far_times_stay_far),
	POSIX_TEST(times_move_when_things_change),
	POSIX_TEST(a_time_set_while_open_stays_after_close),
	POSIX_TEST(modes_keep_all_their_bits),
	POSIX_TEST(owners_are_kept),
	POSIX_TEST(another_user_gets_what_the_modes_say),
	POSIX_TEST(a_sticky_folder_protects_others_files),
	POSIX_TEST(a_setgid_folder_hands_on_its_group),
	POSIX_TEST(a_write_by_another_user_clears_setuid),
	POSIX_TEST(xattrs_work),
	POSIX_TEST(security_attributes_are_kept_and_capabilities_go),
	POSIX_TEST(fallocate_moves_times_also_where_it_does_nothing),
	POSIX_TEST(reading_moves_atime_as_relatime_says),
	POSIX_TEST(statfs_makes_sense),
};

int
main(int argc, char **argv)
{
	return posix_main(argc, argv, tests,
	    sizeof(tests) / sizeof(*tests));
}
