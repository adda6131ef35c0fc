/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef STORE_SFTP_MSG_H
#define STORE_SFTP_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

/*
 * sftp_msg - packets of the SFTP protocol, version 3 (draft-ietf-secsh-
 * filexfer-02): bytes in, structs out.  Pure: what a server sends is read
 * here and nowhere else.  All integers of this protocol are big-endian.
 */

/* A packet without its length; what OpenSSH sends at most. */
#define SFTP_PACKET_MAX (256u * 1024 + 1024)
/* The part of a file in one request that every server takes. */
#define SFTP_PART 32768u
#define SFTP_HANDLE_MAX 256

enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_FSTAT = 8,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201,
};

enum sftp_code {
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_PERMISSION_DENIED = 3,
	SFTP_FAILURE = 4,
	SFTP_BAD_MESSAGE = 5,
	SFTP_NO_CONNECTION = 6,
	SFTP_CONNECTION_LOST = 7,
	SFTP_OP_UNSUPPORTED = 8,
};

enum sftp_open_flags {
	SFTP_O_READ = 1,
	SFTP_O_WRITE = 2,
	SFTP_O_CREAT = 8,
	SFTP_O_EXCL = 32,
};

/* What a server says it can beyond the draft. */
enum sftp_ext {
	SFTP_EXT_POSIX_RENAME = 1 << 0,	/* replaces at once */
	SFTP_EXT_FSYNC = 1 << 1,
	SFTP_EXT_STATVFS = 1 << 2,
};

struct sftp_attrs {
	bool has_size, has_mode, has_mtime;
	uint64_t size;
	uint32_t mode, mtime;
};

/* Pointers go into the packet. */
struct sftp_msg {
	enum sftp_type type;
	uint32_t id;			/* not of SFTP_VERSION */
	uint32_t code;			/* SFTP_STATUS */
	unsigned version, exts;		/* SFTP_VERSION */
	struct sftp_attrs attrs;	/* SFTP_ATTRS */
	const uint8_t *data;		/* SFTP_HANDLE, SFTP_DATA, SFTP_NAME,
					 * SFTP_EXTENDED_REPLY */
	size_t len;
	uint32_t names_left;		/* SFTP_NAME */
};

struct sftp_name {
	const char *name;		/* not ended by a NUL */
	size_t len;
	struct sftp_attrs attrs;
};

/* A packet without its length.  -EPROTO. */
int sftp_msg_parse(const void *p, size_t len, struct sftp_msg *ret);
/* The next name of an SFTP_NAME: 1; 0 at the end; -EPROTO. */
int sftp_msg_next(struct sftp_msg *m, struct sftp_name *ret);
/* Bytes in all and to be had, out of the answer to statvfs@openssh.com. */
int sftp_msg_statvfs(const struct sftp_msg *m, uint64_t *total,
    uint64_t *avail);

/* Append a request's beginning: room for the length, type and id.  Returns
 * where it starts; sftp_msg_end writes the length there. */
size_t sftp_msg_begin(struct buf *b, enum sftp_type type, uint32_t id);
void sftp_msg_u32(struct buf *b, uint32_t v);
void sftp_msg_u64(struct buf *b, uint64_t v);
void sftp_msg_str(struct buf *b, const void *p, size_t len);
void sftp_msg_end(struct buf *b, size_t start);
uint32_t sftp_be32(const uint8_t *p);

#endif
