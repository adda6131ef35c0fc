/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CONF_H
#define FS_CONF_H

#include <stddef.h>

struct buf;
struct err;
struct opts;

/*
 * conf - a drive's configuration file: "name = value" lines, '#' comments.
 * See coffre.conf(5).
 */

#define CONF_MAX (64u * 1024)

/* Settings of a file's bytes into o.  -EINVAL with a message that names the
 * line. */
int conf_parse(const void *p, size_t len, struct opts *o, struct err *e);
/* Lines for everything that was set in o. */
int conf_format(const struct opts *o, struct buf *out);
/* Read NAME.conf.  -ENOENT: no such drive on this machine; -EPERM: others may
 * write the file (it names commands that are run). */
int conf_load(const char *name, struct opts *o, struct err *e);
/* Replace it. */
int conf_save(const char *name, const struct opts *o, struct err *e);

#endif
