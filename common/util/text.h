/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef UTIL_TEXT_H
#define UTIL_TEXT_H

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

/* A size such as "512M", "1.5G" or "100" (bytes); powers of 1024.  -EINVAL,
 * or -ERANGE over 2^62. */
int size_parse(const char *s, uint64_t *ret);
/* "1.5 GiB"; out has room for 32 bytes.  Returns out. */
char *size_format(uint64_t bytes, char *out);

#endif
