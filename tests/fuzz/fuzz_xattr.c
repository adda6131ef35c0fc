/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Extended attributes as the kernel hands them on: the first byte says where
 * to and under which name, the rest is the value.  What is taken comes back,
 * and the drive is sound.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz_drive.h"

#define ROOM 70000

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static const struct drive_cred cred = { .uid = 1000, .gid = 1000 };
static struct drive *drive;
static uint64_t inos[2];

static void
start(void)
{
	struct drive_file *f;
	struct drive_attr a;

	fuzz_folder();
	if (fuzz_drive(&drive) < 0 || drive_mknod(drive, &cred,
	    DRIVE_ROOT_INO, "d", S_IFDIR | 0755, &a) < 0)
		abort();
	inos[0] = a.ino;
	if (drive_create(drive, &cred, DRIVE_ROOT_INO, "f", 0644, O_RDWR, &a,
	    &f) < 0 || drive_file_close(f) < 0)
		abort();
	inos[1] = a.ino;
}

static void
on_finding(void *arg, const char *finding)
{
	(void)arg;
	(void)fprintf(stderr, "%s\n", finding);
	abort();
}

/* A node under the folder gets what the folder says. */
static void
inherit(void)
{
	struct drive_attr a;

	if (drive_mknod(drive, &cred, inos[0], "n", S_IFDIR | 0770, &a) == 0)
		(void)drive_rmdir(drive, inos[0], "n");
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char *const names[] = { "system.posix_acl_access",
	    "system.posix_acl_default", "user.a", "security.capability" };
	static uint8_t back[ROOM];
	static unsigned runs;
	struct drive_attr in = { .mode = 0640 }, a;
	const char *name;
	uint64_t ino;
	ssize_t n;

	if (!drive)
		start();
	if (len == 0)
		return 0;
	ino = inos[p[0] & 1];
	name = names[p[0] >> 1 & 3];
	if (drive_setxattr(drive, &cred, ino, name, p + 1, len - 1, 0) == 0) {
		n = drive_getxattr(drive, ino, name, back, sizeof(back));
		/* An ACL that says no more than the mode is not kept. */
		if (n != -ENODATA && (n < 0 || (name[0] == 'u' &&
		    ((size_t)n != len - 1 ||
		    memcmp(back, p + 1, len - 1) != 0))))
			abort();
		in.mode = p[len - 1] << 1 & 0777;
		(void)drive_setattr(drive, &cred, ino, &in, DRIVE_SET_MODE,
		    &a);
		inherit();
		(void)drive_removexattr(drive, &cred, ino, name);
	}
	if (++runs % 512 == 0 && drive_fsck(drive, false, on_finding, NULL))
		abort();
	return 0;
}
