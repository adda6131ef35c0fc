/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_MANAGER_H
#define FS_MANAGER_H

/*
 * manager - tells a service manager how the mount is, by systemd's protocol
 * (sd_notify(3)): a datagram of NAME=VALUE lines to the socket that
 * $NOTIFY_SOCKET names.  Where there is none, nothing is told.
 */

/* Take the socket's address from the environment: commands that are run do
 * not see it.  Before any thread exists. */
void manager_init(void);
/* Tell; a manager that does not listen is not waited for.  Any thread. */
void manager_tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
