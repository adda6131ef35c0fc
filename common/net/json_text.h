/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef NET_JSON_TEXT_H
#define NET_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/*
 * json_text - a text of somebody else's made a tree.
 *
 * Two bytes of text may be a value, and a value takes a hundred in memory: so
 * they are counted before any of it is made.
 */

/* More than a catalogue of a thousand places or a listing of ten thousand
 * names has. */
#define JSON_VALUES_MAX 100000

/* 0; -EPROTO: it is none, or none that is meant for us; -ENOMEM. */
int json_text_load(const void *p, size_t len, json_t **ret);

#endif
