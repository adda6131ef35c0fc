/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may do what: every call by every kind of user on every kind of mode and
 * ACL.  It says what happens, a line each, and knows nothing of what should:
 * cases/posix-perm.sh compares what is said on the mount with what is said on
 * the local disk.  Runs as root, in an empty folder that all can enter.
 */
#include <dirent.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "posix.h"

#define OWNER 1000
#define GROUP 2000
#define NAMED 1004
#define NAMED_GROUP 2005

struct who {
	const char *name;
	uid_t uid;
	gid_t gid;
	size_t n;
	gid_t groups[2];
};
static const struct who whos[] = {
	{ "root", 0, 0, 0, { 0 } },
	{ "owner", OWNER, 1000, 0, { 0 } },
	{ "owner-in", OWNER, GROUP, 1, { 1000 } },
	{ "group", 1001, GROUP, 0, { 0 } },
	{ "extra", 1002, 1002, 1, { GROUP } },
	{ "other", 1003, 1003, 0, { 0 } },
	{ "named", NAMED, 1003, 0, { 0 } },
	{ "ngroup", 1005, 1005, 2, { 7, NAMED_GROUP } },
	{ "both", 1006, GROUP, 1, { NAMED_GROUP } },
};
#define N(a) (sizeof(a) / sizeof(*(a)))

static void
must(bool is_so, const char *what)
{
	if (is_so)
		return;
	printf("FAILED - %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
become(const struct who *w)
{
	must(setgroups(w->n, w->groups) == 0, "setgroups");
	must(setegid(w->gid) == 0, "setegid");
	must(seteuid(w->uid) == 0, "seteuid");
}

static void
become_root(void)
{
	must(seteuid(0) == 0 && setegid(0) == 0 && setgroups(0, NULL) == 0,
	    "become root");
}

/* ---- ACLs, as the kernel takes them ------------------------------------- */

struct entry {
	uint16_t tag, perm;
	uint32_t id;
};
struct acl {
	const char *name;
	size_t n;
	struct entry e[6];
};
#define U(p) { 0x01, p, UINT32_MAX }
#define NU(p) { 0x02, p, NAMED }
#define G(p) { 0x04, p, UINT32_MAX }
#define NG(p) { 0x08, p, NAMED_GROUP }
#define M(p) { 0x10, p, UINT32_MAX }
#define O(p) { 0x20, p, UINT32_MAX }
static const struct acl acls[] = {
	{ "none", 0, { { 0, 0, 0 } } },
	{ "named", 6, { U(6), NU(6), G(4), NG(2), M(7), O(0) } },
	{ "masked", 6, { U(7), NU(7), G(7), NG(7), M(4), O(4) } },
	{ "denied", 6, { U(0), NU(0), G(0), NG(0), M(7), O(7) } },
	{ "groups", 5, { U(6), G(2), NG(4), M(6), O(7) } },
	{ "short", 3, { U(6), G(6), O(2) } },
};

static int
acl_set(const char *path, const char *name, const struct acl *a)
{
	struct { uint32_t version; struct entry e[6]; } x = { .version = 2 };

	memcpy(x.e, a->e, sizeof(x.e));
	return setxattr(path, name, &x, 4 + a->n * sizeof(struct entry), 0);
}

/* ---- calls on a file ----------------------------------------------------- */

static int
opens(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	return fd < 0 ? -1 : close(fd);
}

static int c_read(const char *p) { return opens(p, O_RDONLY); }
static int c_write(const char *p) { return opens(p, O_WRONLY); }
static int c_both(const char *p) { return opens(p, O_RDWR); }
static int c_trunc(const char *p) { return opens(p, O_WRONLY | O_TRUNC); }
static int c_rtrunc(const char *p) { return opens(p, O_RDONLY | O_TRUNC); }
static int c_creat(const char *p) { return opens(p, O_RDWR | O_CREAT); }
static int c_noatime(const char *p) { return opens(p, O_NOATIME); }
static int c_access(const char *p)
{
	return faccessat(AT_FDCWD, p, R_OK | X_OK, AT_EACCESS);
}
static int c_accessw(const char *p)
{
	return faccessat(AT_FDCWD, p, W_OK, AT_EACCESS);
}
static int c_truncate(const char *p) { return truncate(p, 2); }
static int c_chmod(const char *p) { return chmod(p, 0644); }
static int c_chmods(const char *p) { return chmod(p, 06775); }
static int c_chmodt(const char *p) { return chmod(p, 01777); }
static int c_chown(const char *p) { return chown(p, 1001, (gid_t)-1); }
static int c_chownme(const char *p) { return chown(p, geteuid(), getegid()); }
static int c_chownsame(const char *p)
{
	return chown(p, OWNER, (gid_t)-1);
}
static int c_chownno(const char *p)
{
	return chown(p, (uid_t)-1, (gid_t)-1);
}
static int c_chgrp(const char *p) { return chown(p, (uid_t)-1, getegid()); }
static int c_chgrpx(const char *p) { return chown(p, (uid_t)-1, GROUP); }
static int c_chgrpbad(const char *p) { return chown(p, (uid_t)-1, 4444); }
static int c_touch(const char *p)
{
	return utimensat(AT_FDCWD, p, NULL, 0);
}
static int c_utimens(const char *p)
{
	struct timespec ts[2] = { { 1, 2 }, { 3, 4 } };

	return utimensat(AT_FDCWD, p, ts, 0);
}
static int c_utimehalf(const char *p)
{
	struct timespec ts[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };

	return utimensat(AT_FDCWD, p, ts, 0);
}
static int c_setxattr(const char *p)
{
	return setxattr(p, "user.new", "v", 1, 0);
}
static int c_getxattr(const char *p)
{
	char v[8];

	return getxattr(p, "user.old", v, sizeof(v)) < 0 ? -1 : 0;
}
static int c_rmxattr(const char *p) { return removexattr(p, "user.old"); }
static int c_setacl(const char *p)
{
	return acl_set(p, "system.posix_acl_access", &acls[1]);
}
static int c_shortacl(const char *p)
{
	return acl_set(p, "system.posix_acl_access", &acls[5]);
}
static int c_defacl(const char *p)
{
	return acl_set(p, "system.posix_acl_default", &acls[1]);
}
static int c_rmacl(const char *p)
{
	return removexattr(p, "system.posix_acl_access");
}
static int c_getacl(const char *p)
{
	char v[200];

	return getxattr(p, "system.posix_acl_access", v, sizeof(v)) < 0 ?
	    -1 : 0;
}
static int c_trusted(const char *p)
{
	char v[8];

	return getxattr(p, "trusted.x", v, sizeof(v)) < 0 ? -1 : 0;
}
static int c_link(const char *p) { return link(p, "open/link"); }
/* What is written by who may, to see what becomes of setuid. */
static int
writes(const char *path, int how)
{
	int fd = open(path, O_WRONLY), from = -1, r = -1;

	if (fd < 0)
		return -1;
	if (how == 0)
		r = pwrite(fd, "xy", 2, 1) == 2 ? 0 : -1;
	else if (how == 1)
		r = ftruncate(fd, 5);
	else if (how == 2)
		r = fallocate(fd, 0, 0, 4);
	else if (how == 3)
		r = pwrite(fd, "", 0, 0) == 0 ? 0 : -1;
	else if ((from = open("open/from", O_RDONLY)) >= 0)
		r = copy_file_range(from, NULL, fd, NULL, 3, 0) == 3 ? 0 : -1;
	if (from >= 0)
		close(from);
	close(fd);
	return r;
}
static int c_pwrite(const char *p) { return writes(p, 0); }
static int c_ftrunc(const char *p) { return writes(p, 1); }
static int c_falloc(const char *p) { return writes(p, 2); }
static int c_nothing(const char *p) { return writes(p, 3); }
static int c_copy(const char *p) { return writes(p, 4); }

struct call {
	const char *name;
	int (*fn)(const char *path);
};
#define C(n) { #n, c_##n }
static const struct call calls[] = {
	C(read), C(write), C(both), C(trunc), C(rtrunc), C(creat), C(noatime),
	C(access), C(accessw), C(truncate), C(chmod), C(chmods), C(chmodt),
	C(chown), C(chownme), C(chownsame), C(chownno), C(chgrp), C(chgrpx),
	C(chgrpbad), C(touch), C(utimens), C(utimehalf), C(setxattr),
	C(getxattr), C(rmxattr), C(setacl), C(shortacl), C(defacl), C(rmacl),
	C(getacl), C(trusted), C(link), C(pwrite), C(ftrunc), C(falloc),
	C(nothing), C(copy),
};

/* What there is now, ids and times left to the other programs. */
static void
say(const char *path, int r, int e)
{
	struct stat st;

	printf(" %s", r < 0 ? strerrorname_np(e) : "ok");
	if (lstat(path, &st) < 0)
		printf(" gone\n");
	else
		printf(" %o %u:%u size %lld links %lu acl %zd\n", st.st_mode,
		    st.st_uid, st.st_gid,
		    S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size,
		    (unsigned long)st.st_nlink, lgetxattr(path,
		    "system.posix_acl_access", NULL, 0));
}

/*
 * A file with setgid and no right to execute for its group, whose owner and
 * group are set to what they are: ext4 takes the bit away for that, and refuses
 * it to who is not the owner.  FUSE's part of the kernel asks us nothing.
 */
static bool
is_left_to_kernel(mode_t mode, const struct acl *a, const struct call *c)
{
	return (mode & S_ISGID) && (a->n || !(mode & S_IXGRP)) &&
	    c->fn == c_chownno;
}

static void
on_file(const struct who *w, mode_t mode, const struct acl *a,
    const struct call *c)
{
	int r, e;

	if (is_left_to_kernel(mode, a, c))
		return;
	must(posix_puts("open/f", "0123456789") == 0, "a file");
	must(setxattr("open/f", "user.old", "o", 1, 0) == 0, "an xattr");
	must(chown("open/f", OWNER, GROUP) == 0, "its owner");
	must(chmod("open/f", mode) == 0, "its mode");
	if (a->n)
		must(acl_set("open/f", "system.posix_acl_access", a) == 0,
		    "its ACL");
	become(w);
	r = c->fn("open/f");
	e = errno;
	become_root();
	printf("file %s %o %s %s:", w->name, mode, a->name, c->name);
	say("open/f", r, e);
	unlink("open/f");
	unlink("open/link");
}

static void
files(void)
{
	static const mode_t modes[] = { 0, 0400, 0200, 0100, 0600, 0640, 0060,
	    0004, 0006, 0604, 0070, 0777, 04755, 02755, 02745, 06777, 01666 };
	size_t w, m, a, c;

	must(mkdir("open", 0777) == 0 && chmod("open", 0777) == 0, "open");
	must(posix_puts("open/from", "abc") == 0, "what is copied");
	for (w = 0; w < N(whos); w++) {
		for (c = 0; c < N(calls); c++) {
			for (m = 0; m < N(modes); m++)
				on_file(&whos[w], modes[m], &acls[0],
				    &calls[c]);
			for (a = 1; a < N(acls); a++)
				on_file(&whos[w], a & 1 ? 0640 : 02666,
				    &acls[a], &calls[c]);
		}
	}
}

/* ---- calls in a folder --------------------------------------------------- */

static int d_creat(const char *d)
{
	int fd;

	(void)d;
	fd = open("dir/new", O_CREAT | O_EXCL | O_WRONLY, 06777);
	return fd < 0 ? -1 : close(fd);
}
static int d_mkdir(const char *d) { (void)d; return mkdir("dir/new", 0777); }
static int d_fifo(const char *d)
{
	(void)d;
	return mkfifo("dir/new", 0666);
}
static int d_device(const char *d)
{
	(void)d;
	/* Devices are not for the drive: only who may not is compared. */
	if (geteuid() == 0)
		return 0;
	return mknod("dir/new", S_IFCHR | 0666, makedev(1, 3));
}
static int d_symlink(const char *d)
{
	(void)d;
	return symlink("x", "dir/new");
}
static int d_link(const char *d) { (void)d; return link("away/x", "dir/new"); }
static int d_unlink(const char *d) { (void)d; return unlink("dir/old"); }
static int d_rmdir(const char *d) { (void)d; return rmdir("dir/sub"); }
static int d_rename(const char *d)
{
	(void)d;
	return rename("dir/old", "dir/new");
}
static int d_over(const char *d)
{
	(void)d;
	return rename("away/x", "dir/old");
}
static int d_out(const char *d)
{
	(void)d;
	return rename("dir/old", "away/y");
}
static int d_outdir(const char *d)
{
	(void)d;
	return rename("dir/sub", "away/sub");
}
static int d_swap(const char *d)
{
	(void)d;
	return renameat2(AT_FDCWD, "away/x", AT_FDCWD, "dir/old",
	    RENAME_EXCHANGE);
}
static int d_list(const char *d)
{
	DIR *p = opendir(d);

	return p ? closedir(p) : -1;
}
static int d_stat(const char *d)
{
	struct stat st;

	(void)d;
	return stat("dir/old", &st);
}
static int d_miss(const char *d)
{
	struct stat st;

	(void)d;
	return stat("dir/none", &st);
}
static int d_chdir(const char *d)
{
	int fd = open(d, O_PATH | O_DIRECTORY), r;

	r = fd < 0 ? -1 : faccessat(fd, ".", X_OK, AT_EACCESS);
	close(fd);
	return r;
}
static int d_tmpfile(const char *d)
{
	int fd = open(d, O_TMPFILE | O_RDWR, 0666), r;

	if (fd < 0)
		return -1;
	r = linkat(AT_FDCWD, ({
		static char p[40];

		snprintf(p, sizeof(p), "/proc/self/fd/%d", fd);
		p;
	}), AT_FDCWD, "dir/new", AT_SYMLINK_FOLLOW);
	close(fd);
	return r;
}
static int d_chmod(const char *d) { return chmod(d, 02775); }
static int d_defacl(const char *d)
{
	return acl_set(d, "system.posix_acl_default", &acls[1]);
}

#define D(n) { #n, d_##n }
static const struct call dcalls[] = {
	D(creat), D(mkdir), D(fifo), D(device), D(symlink), D(link),
	D(unlink), D(rmdir), D(rename), D(over), D(out), D(outdir), D(swap),
	D(list), D(stat), D(miss), D(chdir), D(tmpfile), D(chmod), D(defacl),
};

static void
clear(void)
{
	static const char *const names[] = { "dir/new", "dir/old", "dir/sub",
	    "away/x", "away/y", "away/sub", "dir", "away" };
	size_t i;

	for (i = 0; i < N(names); i++)
		(void)remove(names[i]);
}

static void
in_dir(const struct who *w, mode_t mode, uid_t entry_uid,
    const struct acl *def, const struct call *c)
{
	int r, e;

	must(mkdir("dir", 0755) == 0 && mkdir("away", 0755) == 0, "folders");
	must(posix_puts("dir/old", "o") == 0 && mkdir("dir/sub", 0755) == 0 &&
	    posix_puts("away/x", "x") == 0, "entries");
	must(chown("dir/old", entry_uid, 1003) == 0 &&
	    chown("dir/sub", entry_uid, 1003) == 0 &&
	    chown("away/x", w->uid, w->gid) == 0 &&
	    chmod("away", 0777) == 0, "owners");
	must(chown("dir", OWNER, GROUP) == 0 && chmod("dir", mode) == 0,
	    "the folder");
	if (def->n)
		must(acl_set("dir", "system.posix_acl_default", def) == 0,
		    "a default ACL");
	become(w);
	r = c->fn("dir");
	e = errno;
	become_root();
	printf("dir %s %o of %u %s %s:", w->name, mode, entry_uid, def->name,
	    c->name);
	say("dir/new", r, e);
	if (def->n && r == 0)
		printf("  hands on %zd and %zd\n", lgetxattr("dir/new",
		    "system.posix_acl_access", NULL, 0), lgetxattr("dir/new",
		    "system.posix_acl_default", NULL, 0));
	clear();
}

static void
dirs(void)
{
	static const mode_t modes[] = { 0755, 0775, 0777, 01777, 01775, 02775,
	    02777, 03777, 0700, 0300, 0500, 0111, 0 };
	static const uid_t owners[] = { OWNER, 1001, 1003 };
	size_t w, m, o, a, c;

	for (w = 0; w < N(whos); w++) {
		for (c = 0; c < N(dcalls); c++) {
			for (m = 0; m < N(modes); m++) {
				for (o = 0; o < (modes[m] & 01000 ? N(owners) :
				    1); o++)
					in_dir(&whos[w], modes[m], owners[o],
					    &acls[0], &dcalls[c]);
			}
			for (a = 1; a < N(acls); a++)
				in_dir(&whos[w], 02777, OWNER, &acls[a],
				    &dcalls[c]);
		}
	}
}

int
main(int argc, char **argv)
{
	const char *part = argc > 1 ? argv[1] : "all";

	umask(022);
	if (strcmp(part, "dirs") != 0)
		files();
	if (strcmp(part, "files") != 0)
		dirs();
	return 0;
}
