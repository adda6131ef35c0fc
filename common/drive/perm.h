/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_PERM_H
#define DRIVE_PERM_H

#include "drive/drive.h"

/*
 * perm - rules of ownership and mode that the kernel leaves to a file system.
 * Pure: local ids in, mode bits out.
 */

/* Is the caller in the group, by his own or a supplementary one? */
bool perm_in_group(const struct drive_cred *c, gid_t gid);

/* The group of a new node, and its mode with setgid as the folder wants it:
 * a setgid folder gives its group, and to folders the bit. */
void perm_inherit(const struct drive_cred *c, uint32_t parent_mode,
    gid_t parent_gid, bool is_dir, gid_t *ret_gid, uint32_t *mode);

/* The mode that chmod to mode leaves: one who is not in the group does not
 * set setgid. */
uint32_t perm_chmod(const struct drive_cred *c, gid_t gid, uint32_t mode);

/* The mode after the owner or group has changed: setuid goes, setgid goes
 * where it means execution. */
uint32_t perm_chown(uint32_t mode, bool is_dir);

/* Setgid without group execution: it means mandatory locking. */
bool perm_is_marked(uint32_t mode);

/* The mode after a write or truncation by c (Linux: setattr_should_drop_sgid,
 * from 6.2 on). */
uint32_t perm_killpriv(const struct drive_cred *c, gid_t gid, uint32_t mode);

#endif
