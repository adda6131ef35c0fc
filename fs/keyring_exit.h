/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_KEYRING_EXIT_H
#define FS_KEYRING_EXIT_H

/*
 * What coffre-keyring ends with; 0: done.  It is a program of its own, so that
 * what the desktop's libraries do is done elsewhere than in a mount.
 *
 *	coffre-keyring store NAME ID	the key (hexadecimal, a line) is read
 *	coffre-keyring get ID		it is printed; may have the user asked
 *	coffre-keyring peek ID		nobody is asked
 *	coffre-keyring wait ID		nobody is asked: it waits, until its
 *					input ends
 *	coffre-keyring clear ID
 *	coffre-keyring look		is there a keyring?
 */
enum keyring_exit {
	KEYRING_FAILED = 1,	/* it has said why */
	KEYRING_NO_KEY = 2,
	KEYRING_LOCKED = 3,
	KEYRING_NONE = 4,	/* no bus, or no keyring on it */
	KEYRING_USAGE = 64,
};

#endif
