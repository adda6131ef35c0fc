/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_XML_H
#define NET_XML_H

#include <stddef.h>

/*
 * xml - documents that are records: each value is the text of an element.
 *
 * A document type is refused (no entities of anybody's making); depth, names
 * and text are bounded.  Namespaces are not looked at.
 */

#define XML_DEPTH_MAX 16
#define XML_PATH_MAX 256
#define XML_TEXT_MAX 8192

/* Call fn at the end of each element: path is "/Root/Inner/Name", text what
 * stands directly before its end.  Stops when fn returns other than 0 and
 * returns that.  -EPROTO if it is no such document. */
int xml_walk(const void *p, size_t len,
    int (*fn)(void *arg, const char *path, const char *text), void *arg);

#endif
