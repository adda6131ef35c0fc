/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_PLACE_H
#define FS_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

struct err;

/* place - where what is kept of a drive lies on this machine. */

#define PLACE_NAME_MAX 64	/* bytes of a drive's name on this machine */

enum place {
	PLACE_CONF = 0,		/* NAME.conf */
	PLACE_KEY = 1,		/* NAME.key: the keystore */
	PLACE_CRED = 2,		/* NAME.cred: the store's password */
	PLACE_STATE = 3,	/* the state folder */
	PLACE_LOG = 4,
	PLACE_SLOT = 5,		/* NAME.slot: the keys, for the keyring */
};

/* Letters, digits, '-', '_' and '.', beginning with a letter or digit. */
bool place_name_valid(const char *name);
/* The path; -ENAMETOOLONG, -ENOENT (no home).  Looks at nothing on disk. */
int place_path(enum place what, const char *name, char out[static PATH_MAX],
    struct err *e);
/* The folder of sockets number i, from 0, in the order to try: -EAGAIN where
 * this one is not to be had, -ENOENT when there are no more.  The server takes
 * the first that exists or can be made. */
int place_socket_dir(const char *name, unsigned i, char out[static PATH_MAX]);
/* Where files lie that are to go with the user's session; -ENOENT. */
int place_session_dir(char out[static PATH_MAX]);
/* The names of all configured drives, sorted; caller frees each and *ret. */
int place_drives(char ***ret, size_t *ret_n, struct err *e);
/* The desktop's autostart entry of a drive; -ENOENT (no home). */
int place_autostart(const char *name, char out[static PATH_MAX],
    struct err *e);
/* The bookmarks of KDE's file managers; -ENOENT (no home). */
int place_bookmarks(char out[static PATH_MAX], struct err *e);
/* A folder of the thumbnail cache; need not exist. */
int place_thumbnails(const char *tail, char out[static PATH_MAX]);
/* ~/Coffre */
int place_mountpoint(char out[static PATH_MAX], struct err *e);

#endif
