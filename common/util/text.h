/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* text - bytes as text and back.  Any thread may call. */

/* Lower-case hexadecimal; out has room for 2 * len + 1. */
void hex_encode(const void *p, size_t len, char *out);
/* Exactly len bytes from 2 * len digits; -EINVAL if it is anything else. */
int hex_decode(const char *s, void *out, size_t len);

/* RFC 4648 base32 in lower case without padding; out has room for
 * BASE32_LEN(len) + 1.  Names on a store are made of it: every store keeps
 * these bytes as they are. */
#define BASE32_LEN(n) (((n) * 8 + 4) / 5)
void base32_encode(const void *p, size_t len, char *out);
/* Exactly len bytes; -EINVAL if it is anything else. */
int base32_decode(const char *s, void *out, size_t len);

/* RFC 4648 base64 with padding; out has room for BASE64_LEN(len) + 1. */
#define BASE64_LEN(n) (((n) + 2) / 3 * 4)
void base64_encode(const void *p, size_t len, char *out);

/* Bytes of the character of UTF-8 at s, which is *ret; 0: there is none. */
size_t utf8_get(const char *s, uint32_t *ret);
/* Does it do other than stand there: a control character, a line end too, or
 * one that turns the direction of what is around it? */
bool text_is_control(uint32_t c);
/* Before others' words are shown: '?' in place of those, but for tabs and line
 * ends, and of what is no UTF-8. */
void text_clean(char *s);

/* A size such as "512M", "1.5G" or "100" (bytes); powers of 1024.  -EINVAL,
 * or -ERANGE over 2^62. */
int size_parse(const char *s, uint64_t *ret);
/* "1.5 GiB"; out has room for 32 bytes.  Returns out. */
char *size_format(uint64_t bytes, char *out);

#endif
