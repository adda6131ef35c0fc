/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "drive/perm.h"

#include <sys/stat.h>

bool
perm_in_group(const struct drive_cred *c, gid_t gid)
{
	uint32_t k;

	if (c->gid == gid)
		return true;
	for (k = 0; k < c->ngroups; k++)
		if (c->groups[k] == gid)
			return true;
	return false;
}

void
perm_inherit(const struct drive_cred *c, uint32_t parent_mode,
    gid_t parent_gid, bool is_dir, gid_t *ret_gid, uint32_t *mode)
{
	if (!(parent_mode & S_ISGID)) {
		*ret_gid = c->gid;
		return;
	}
	*ret_gid = parent_gid;
	if (is_dir)
		*mode |= S_ISGID;
	else if ((*mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    !c->is_privileged && !perm_in_group(c, parent_gid))
		*mode &= ~(uint32_t)S_ISGID;
}

uint32_t
perm_chmod(const struct drive_cred *c, gid_t gid, uint32_t mode)
{
	if ((mode & S_ISGID) && !c->is_privileged && !perm_in_group(c, gid))
		mode &= ~(uint32_t)S_ISGID;
	return mode;
}

uint32_t
perm_chown(uint32_t mode, bool is_dir)
{
	if (is_dir)
		return mode;
	mode &= ~(uint32_t)S_ISUID;
	/* Without group execution the bit means mandatory locking. */
	if (mode & S_IXGRP)
		mode &= ~(uint32_t)S_ISGID;
	return mode;
}

bool
perm_is_marked(uint32_t mode)
{
	return (mode & (S_ISGID | S_IXGRP)) == S_ISGID;
}

uint32_t
perm_killpriv(const struct drive_cred *c, gid_t gid, uint32_t mode)
{
	mode &= ~(uint32_t)S_ISUID;
	if ((mode & S_ISGID) && ((mode & S_IXGRP) ||
	    (!c->is_privileged && !perm_in_group(c, gid))))
		mode &= ~(uint32_t)S_ISGID;
	return mode;
}
