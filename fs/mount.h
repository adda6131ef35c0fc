/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct parts;

/*
 * mount - a drive as a folder: the session with the kernel, its helpers, and
 * taking all of it down in reverse.
 */

struct mount_conf {
	struct parts *parts;	/* settings are there; borrowed.  Without keys
				 * the mount comes up locked */
	const char *mountpoint;	/* NULL: of the settings, or ~/Coffre */
	const char *source;	/* what the kernel shows as mounted; NULL */
	bool is_foreground;
	bool is_command_late;	/* what prints the passphrase takes long */
	/* Called once no other mount of the drive serves. */
	void (*alone)(void *arg);
	/* Called once when programs may use the drive. */
	void (*ready)(void *arg, const char *mountpoint);
	void *arg;
};

struct mount_left {
	uint64_t ops, bytes;	/* not on the store when it ended */
};

/*
 * Open the drive and its store, mount, serve until unmounted or told to end
 * by a signal, then upload for at most the time set by "drain".  Returns 0
 * after an orderly end.
 */
int mount_run(const struct mount_conf *c, struct mount_left *ret,
    struct err *e);

#endif
