/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A damaged database of the local drive.  The input is a list of changes, of
 * four bytes each, to one that was made at the start: where (in units of 7
 * bytes and an offset) and what.  It opens or it does not; what opens can be
 * read and checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz_drive.h"

#define DB_MAX (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

static const struct drive_cred cred = { .uid = 1000, .gid = 1000 };
static uint8_t *whole;
static size_t whole_len;
static char db_path[96];

static void
start(void)
{
	struct drive_file *f;
	struct drive_attr a;
	struct drive *d;
	char name[16];
	FILE *in;
	int i;

	fuzz_folder();
	if (fuzz_drive(&d) < 0)
		abort();
	for (i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		if (drive_create(d, &cred, DRIVE_ROOT_INO, name, 0644, O_RDWR,
		    &a, &f) < 0 || drive_write(f, name, 8, 0) != 8 ||
		    drive_file_close(f) < 0 || drive_setxattr(d, &cred, a.ino,
		    "user.a", name, 4, 0) < 0)
			abort();
	}
	drive_close(d);
	(void)snprintf(db_path, sizeof(db_path), "%s/drive.db", fuzz_dir);
	whole = malloc(DB_MAX);
	in = fopen(db_path, "rb");
	if (!whole || !in)
		abort();
	whole_len = fread(whole, 1, DB_MAX, in);
	(void)fclose(in);
}

static void
put_changed(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(whole_len);
	char side[112];
	size_t i, at;
	FILE *out;

	if (!copy)
		abort();
	memcpy(copy, whole, whole_len);
	for (i = 0; i + 4 <= len; i += 4) {
		at = ((size_t)p[i] << 8 | p[i + 1]) * 7 + p[i + 2] % 7;
		copy[at % whole_len] = p[i + 3];
	}
	(void)snprintf(side, sizeof(side), "%s-wal", db_path);
	(void)unlink(side);
	(void)snprintf(side, sizeof(side), "%s-shm", db_path);
	(void)unlink(side);
	(void)snprintf(side, sizeof(side), "%s-redo", db_path);
	(void)unlink(side);
	out = fopen(db_path, "wb");
	if (!out || fwrite(copy, 1, whole_len, out) != whole_len ||
	    fclose(out) != 0)
		abort();
	free(copy);
}

static int
on_entry(void *arg, const struct drive_dirent *e)
{
	struct drive *d = arg;
	char value[64];

	(void)drive_getxattr(d, e->ino, "user.a", value, sizeof(value));
	return 0;
}

static void
on_finding(void *arg, const char *finding)
{
	(void)arg;
	(void)finding;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct drive_dir *dir;
	struct drive *d;

	if (!whole)
		start();
	put_changed(p, len);
	if (fuzz_drive(&d) < 0)
		return 0;
	if (drive_opendir(d, DRIVE_ROOT_INO, &dir) == 0) {
		(void)drive_readdir(d, dir, 0, true, on_entry, d);
		drive_closedir(dir);
	}
	(void)drive_fsck(d, p && len && p[0] & 1, on_finding, NULL);
	drive_close(d);
	return 0;
}
