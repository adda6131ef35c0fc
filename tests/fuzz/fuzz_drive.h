/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_FUZZ_DRIVE_H
#define TESTS_FUZZ_DRIVE_H

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "util/err.h"

/* A drive in a temporary folder, for targets that need a whole one.  Header
 * only.  The folder goes when the program ends. */

static char fuzz_dir[64];
static struct vault_id fuzz_id;
static uint8_t fuzz_key[32];

static inline int
fuzz_gone(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static inline void
fuzz_end(void)
{
	(void)nftw(fuzz_dir, fuzz_gone, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
fuzz_folder(void)
{
	(void)snprintf(fuzz_dir, sizeof(fuzz_dir), "/tmp/coffre-fuzz-XXXXXX");
	if (crypto_init() < 0 || !mkdtemp(fuzz_dir))
		abort();
	(void)atexit(fuzz_end);
}

/* 0 and the drive, or why it cannot be opened. */
static inline int
fuzz_drive(struct drive **ret)
{
	struct drive_conf c = { .state_dir = fuzz_dir, .drive = &fuzz_id,
	    .realm = &fuzz_id, .local_key = fuzz_key, .owner_uid = 1000,
	    .owner_gid = 1000, .is_multi_user = true };
	struct err e = { "" };

	return drive_open(&c, ret, &e);
}

#endif
