/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: rename and its flags, links, symlinks, long and odd names, folders
 * and their errors. */
#include <dirent.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "tests/fs/posix.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static ino_t
ino_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_ino : 0;
}

static nlink_t
links_of(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 ? st.st_nlink : 0;
}

static int
rename_replaces_a_file(void)
{
	struct stat st;
	int fd;

	OK(posix_puts("a", "aa") == 0 && posix_puts("b", "bbb") == 0);
	fd = open("b", O_RDWR);
	OK(fd >= 0);
	OK(rename("a", "b") == 0);
	OK(!posix_exists("a") && posix_says("b", "aa"));
	/* The old one lives on for whoever has it open. */
	OK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3);
	OK(pwrite(fd, "B", 1, 0) == 1);
	OK(close(fd) == 0);
	OK(posix_says("b", "aa"));
	FAILS(rename("none", "b"), ENOENT);
	return 0;
}

static int
rename_keeps_to_the_rules_of_folders(void)
{
	OK(mkdir("d", 0755) == 0 && mkdir("e", 0755) == 0);
	OK(posix_puts("f", "f") == 0 && posix_puts("e/x", "x") == 0);
	FAILS(rename("d", "e"), ENOTEMPTY);
	FAILS(rename("f", "d"), EISDIR);
	FAILS(rename("d", "f"), ENOTDIR);
	FAILS(rename("e", "e/under"), EINVAL);
	OK(rename("e", "d") == 0);
	OK(posix_says("d/x", "x") && !posix_exists("e"));
	OK(mkdir("d/deep", 0755) == 0 && mkdir("other", 0755) == 0);
	FAILS(rename("d", "d/deep/er"), EINVAL);
	OK(rename("d/deep", "other/deep") == 0);
	OK(links_of("d") <= 2 && posix_exists("other/deep"));
	OK(chdir("other/deep") == 0 && posix_exists("../../d/x"));
	OK(chdir("../..") == 0);
	return 0;
}

static int
rename_of_two_names_of_one_file_does_nothing(void)
{
	OK(posix_puts("a", "x") == 0 && link("a", "b") == 0);
	OK(rename("a", "b") == 0);
	OK(posix_exists("a") && posix_exists("b") && links_of("a") == 2);
	return 0;
}

static int
rename_noreplace_and_exchange(void)
{
	OK(posix_puts("a", "aa") == 0 && posix_puts("b", "bb") == 0);
	FAILS(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE),
	    EEXIST);
	OK(posix_says("a", "aa") && posix_says("b", "bb"));
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE) == 0);
	OK(posix_says("c", "aa") && !posix_exists("a"));
	OK(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE) == 0);
	OK(posix_says("b", "aa") && posix_says("c", "bb"));
	FAILS(renameat2(AT_FDCWD, "b", AT_FDCWD, "z", RENAME_EXCHANGE),
	    ENOENT);

	/* A file and a folder change places, across folders too. */
	OK(mkdir("d", 0755) == 0 && posix_puts("d/in", "in") == 0);
	OK(mkdir("p", 0755) == 0 && posix_puts("p/q", "q") == 0);
	OK(renameat2(AT_FDCWD, "d", AT_FDCWD, "p/q", RENAME_EXCHANGE) == 0);
	OK(posix_says("d", "q") && posix_says("p/q/in", "in"));
	FAILS(renameat2(AT_FDCWD, "p", AT_FDCWD, "p/q", RENAME_EXCHANGE),
	    EINVAL);
	return 0;
}

static int
hard_links_share_the_file(void)
{
	struct stat a, b;

	OK(mkdir("d", 0755) == 0);
	OK(posix_puts("a", "one") == 0 && link("a", "d/b") == 0);
	OK(stat("a", &a) == 0 && stat("d/b", &b) == 0);
	OK(a.st_ino == b.st_ino && a.st_nlink == 2 && b.st_nlink == 2);
	OK(posix_puts("d/b", "changed") == 0 && posix_says("a", "changed"));
	OK(chmod("d/b", 0600) == 0 && stat("a", &a) == 0);
	OK((a.st_mode & 07777) == 0600);
	OK(unlink("a") == 0 && links_of("d/b") == 1);
	OK(posix_says("d/b", "changed"));
	FAILS(link("d/b", "d/b"), EEXIST);
	FAILS(link("d", "e"), EPERM);
	FAILS(link("none", "e"), ENOENT);
	OK(symlink("b", "d/s") == 0 && link("d/s", "d/t") == 0);
	OK(lstat("d/t", &a) == 0 && S_ISLNK(a.st_mode) && a.st_nlink == 2);
	return 0;
}

static int
symlinks_hold_any_bytes_up_to_the_limit(void)
{
	char target[4096], got[4097];
	struct stat st;
	size_t n;
	char name[32];

	for (n = 1; n <= 4095; n = n < 64 ? n + 21 : n * 2) {
		posix_fill(target, n, n);
		for (size_t i = 0; i < n; i++)
			if (target[i] == 0)
				target[i] = '\n';
		target[n] = 0;
		snprintf(name, sizeof(name), "l%zu", n);
		OK(symlink(target, name) == 0);
		OK(readlink(name, got, sizeof(got)) == (ssize_t)n);
		OK(memcmp(got, target, n) == 0);
		OK(lstat(name, &st) == 0 && st.st_size == (off_t)n);
	}
	memset(target, 'x', 4095);
	target[4095] = 0;
	OK(symlink(target, "longest") == 0 || errno == ENAMETOOLONG);
	FAILS(symlink("", "empty"), ENOENT);
	FAILS(symlink("x", "longest"), EEXIST);
	OK(symlink("loop", "loop") == 0);
	FAILS(open("loop", O_RDONLY), ELOOP);
	OK(symlink("none", "dangling") == 0);
	FAILS(open("dangling", O_RDONLY), ENOENT);
	OK(posix_puts("dangling", "x") == 0 && posix_says("none", "x"));
	OK(readlink("dangling", got, 2) == 2);
	return 0;
}

static int
names_are_any_bytes_up_to_255(void)
{
	char name[257], other[300];
	struct dirent *e;
	int c, seen = 0;
	DIR *d;

	/* All bytes but NUL and the slash, in two names of 127. */
	for (c = 1; c < 128; c++)
		name[c - 1] = (char)(c == '/' ? 0x80 : c);
	name[127] = 0;
	OK(posix_puts(name, "low") == 0 && posix_says(name, "low"));
	for (c = 128; c < 256; c++)
		other[c - 128] = (char)c;
	other[128] = 0;
	OK(posix_puts(other, "high") == 0 && posix_says(other, "high"));
	OK((d = opendir(".")) != NULL);
	while ((e = readdir(d)) != NULL)
		seen += strcmp(e->d_name, name) == 0 ||
		    strcmp(e->d_name, other) == 0;
	closedir(d);
	OK(seen == 2);

	memset(name, 0xff, 255);
	name[255] = 0;
	OK(mkdir(name, 0755) == 0 && posix_exists(name));
	OK(rename(name, "short") == 0 && rename("short", name) == 0);
	name[255] = 'x';
	name[256] = 0;
	FAILS(open(name, O_CREAT | O_WRONLY, 0644), ENAMETOOLONG);
	FAILS(mkdir(name, 0755), ENAMETOOLONG);
	FAILS(symlink("x", name), ENAMETOOLONG);
	FAILS(link(other, name), ENAMETOOLONG);
	FAILS(rename(other, name), ENAMETOOLONG);
	return 0;
}

static int
names_are_compared_as_bytes(void)
{
	/* e with acute, composed and decomposed; and capitals. */
	OK(posix_puts("\xc3\xa9", "nfc") == 0);
	OK(posix_puts("e\xcc\x81", "nfd") == 0);
	OK(posix_puts("File", "1") == 0 && posix_puts("file", "2") == 0);
	OK(posix_says("\xc3\xa9", "nfc") && posix_says("e\xcc\x81", "nfd"));
	OK(posix_says("File", "1") && posix_says("file", "2"));
	OK(posix_puts(" ", "space") == 0 && posix_puts("...", "dots") == 0);
	OK(posix_puts("a\nb", "newline") == 0);
	OK(posix_puts("con", "c") == 0 && posix_puts("a:b*c?", "w") == 0);
	OK(posix_puts("trailing. ", "t") == 0 && posix_says("...", "dots"));
	return 0;
}

static int
deep_paths_work(void)
{
	int i;

	for (i = 0; i < 300; i++) {
		OK(mkdir("a-folder-in-a-folder", 0755) == 0);
		OK(chdir("a-folder-in-a-folder") == 0);
	}
	OK(posix_puts("bottom", "here") == 0 && posix_says("bottom", "here"));
	for (i = 0; i < 300; i++)
		OK(chdir("..") == 0);
	OK(posix_exists("a-folder-in-a-folder"));
	return 0;
}

static int
folders_fail_as_they_should(void)
{
	struct stat st;

	OK(mkdir("d", 0755) == 0 && posix_puts("f", "x") == 0);
	OK(stat("d", &st) == 0 && st.st_nlink <= 2);
	FAILS(mkdir("d", 0755), EEXIST);
	FAILS(mkdir("f", 0755), EEXIST);
	FAILS(mkdir("none/x", 0755), ENOENT);
	FAILS(mkdir("f/x", 0755), ENOTDIR);
	FAILS(rmdir("f"), ENOTDIR);
	FAILS(rmdir("none"), ENOENT);
	FAILS(unlink("none"), ENOENT);
	FAILS(unlink("d"), EISDIR);
	FAILS(open("d", O_WRONLY), EISDIR);
	FAILS(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("f", O_CREAT | O_EXCL | O_WRONLY, 0644), EEXIST);
	OK(posix_puts("d/x", "x") == 0);
	FAILS(rmdir("d"), ENOTEMPTY);
	OK(unlink("d/x") == 0 && rmdir("d") == 0 && !posix_exists("d"));
	return 0;
}

static int
a_removed_folder_takes_nothing_more(void)
{
	OK(mkdir("d", 0755) == 0 && chdir("d") == 0);
	OK(rmdir("../d") == 0);
	FAILS(open("x", O_CREAT | O_WRONLY, 0644), ENOENT);
	FAILS(mkdir("x", 0755), ENOENT);
	return 0;
}

static int
an_inode_number_stays(void)
{
	ino_t i;

	OK(posix_puts("a", "x") == 0 && mkdir("d", 0755) == 0);
	i = ino_of("a");
	OK(i != 0 && rename("a", "d/b") == 0 && ino_of("d/b") == i);
	OK(posix_puts("d/b", "longer") == 0 && ino_of("d/b") == i);
	OK(chmod("d/b", 0600) == 0 && ino_of("d/b") == i);
	return 0;
}

static int
fifos_and_sockets_work(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	char c = 0;
	pid_t pid;
	int fd, s;

	OK(mkfifo("fifo", 0640) == 0);
	OK(stat("fifo", &st) == 0 && S_ISFIFO(st.st_mode));
	OK((st.st_mode & 07777) == 0640);
	pid = fork();
	if (pid == 0) {
		fd = open("fifo", O_WRONLY);
		_exit(write(fd, "!", 1) != 1);
	}
	OK((fd = open("fifo", O_RDONLY)) >= 0);
	OK(read(fd, &c, 1) == 1 && c == '!');
	OK(close(fd) == 0 && posix_wait(pid) == 0);

	memcpy(a.sun_path, "sock", 5);
	OK((s = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	OK(bind(s, (struct sockaddr *)&a, sizeof(a)) == 0);
	OK(listen(s, 1) == 0);
	OK(stat("sock", &st) == 0 && S_ISSOCK(st.st_mode));
	OK((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	OK(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
	close(fd);
	close(s);
	OK(unlink("sock") == 0 && unlink("fifo") == 0);
	return 0;
}

static int
device_nodes_keep_their_numbers(void)
{
	const dev_t last = makedev(4095, 1048575);
	struct stat st;

	if (geteuid() != 0) {
		FAILS(mknod("null", S_IFCHR | 0600, makedev(1, 3)), EPERM);
		return 0;
	}
	OK(mknod("null", S_IFCHR | 0640, makedev(1, 3)) == 0);
	OK(stat("null", &st) == 0 && S_ISCHR(st.st_mode));
	OK((st.st_mode & 07777) == 0640 && st.st_rdev == makedev(1, 3));
	OK(mknod("last", S_IFBLK | 0600, last) == 0);
	OK(link("last", "again") == 0 && rename("last", "other") == 0);
	OK(stat("again", &st) == 0 && S_ISBLK(st.st_mode));
	OK(st.st_rdev == last && st.st_nlink == 2 && st.st_size == 0);
	OK(chmod("null", 0600) == 0 && chown("null", 1, 2) == 0);
	OK(stat("null", &st) == 0 && st.st_rdev == makedev(1, 3));
	OK(st.st_uid == 1 && (st.st_mode & 07777) == 0600);
	FAILS(mknod("null", S_IFCHR | 0640, 0), EEXIST);
	OK(unlink("null") == 0 && unlink("again") == 0 &&
	    unlink("other") == 0);
	return 0;
}

/* What overlayfs asks of its upper layer. */
static int
a_rename_can_leave_a_whiteout(void)
{
	struct stat st, d;

	OK(posix_puts("f", "new") == 0 && posix_puts("g", "old") == 0);
	OK(mkdir("d", 0755) == 0 && posix_puts("d/x", "x") == 0);
	FAILS(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_WHITEOUT |
	    RENAME_EXCHANGE), EINVAL);
	FAILS(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_WHITEOUT |
	    RENAME_NOREPLACE), EEXIST);
	OK(renameat2(AT_FDCWD, "f", AT_FDCWD, "g", RENAME_WHITEOUT) == 0);
	OK(posix_says("g", "new"));
	OK(lstat("f", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0);
	OK((st.st_mode & 07777) == 0 && st.st_nlink == 1 && st.st_uid == 0);
	OK(renameat2(AT_FDCWD, "d", AT_FDCWD, "e", RENAME_WHITEOUT |
	    RENAME_NOREPLACE) == 0);
	OK(posix_says("e/x", "x") && lstat("d", &st) == 0);
	OK(S_ISCHR(st.st_mode) && st.st_rdev == 0);
	OK(stat(".", &d) == 0 && d.st_nlink == 3);
	OK(unlink("f") == 0 && unlink("d") == 0);
	OK(posix_puts("f", "again") == 0 && posix_says("f", "again"));
	/* One to stay, for who looks later. */
	OK(renameat2(AT_FDCWD, "f", AT_FDCWD, "h", RENAME_WHITEOUT) == 0);
	return 0;
}

static const struct posix_test tests[] = {
	POSIX_TEST(rename_replaces_a_file),
	POSIX_TEST(rename_keeps_to_the_rules_of_folders),
	POSIX_TEST(rename_of_two_names_of_one_file_does_nothing),
	POSIX_TEST(rename_noreplace_and_exchange),
	POSIX_TEST(a_rename_can_leave_a_whiteout),
	POSIX_TEST(hard_links_share_the_file),
	POSIX_TEST(symlinks_hold_any_bytes_up_to_the_limit),
	POSIX_TEST(names_are_any_bytes_up_to_255),
	POSIX_TEST(names_are_compared_as_bytes),
	POSIX_TEST(deep_paths_work),
	POSIX_TEST(folders_fail_as_they_should),
	POSIX_TEST(a_removed_folder_takes_nothing_more),
	POSIX_TEST(an_inode_number_stays),
	POSIX_TEST(fifos_and_sockets_work),
	POSIX_TEST(device_nodes_keep_their_numbers),
};

int
main(int argc, char **argv)
{
	return posix_main(argc, argv, tests,
	    sizeof(tests) / sizeof(*tests));
}
