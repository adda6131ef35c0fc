/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_CONTROL_MSG_H
#define FS_CONTROL_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/*
 * control_msg - what travels on a mount's control socket: one JSON object per
 * line.  A request is {"cmd": NAME, …}; the answer is any number of lines
 * with "finding" or "progress", then one with "ok".  See fs/DESIGN.md.
 */

#define CONTROL_REQ_MAX 4096u		/* bytes of a request line */
#define CONTROL_ANSWER_MAX (64u * 1024)	/* bytes of an answer line */

enum control_cmd {
	CONTROL_STATUS = 1,
	CONTROL_SYNC,
	CONTROL_UNMOUNT,
	CONTROL_CACHE,
	CONTROL_FSCK,
	CONTROL_FINGERPRINT,
	CONTROL_VERSION,
	CONTROL_SCRUB,
	CONTROL_TRUST,
	CONTROL_UNLOCK,
	CONTROL_LOCK,
	CONTROL_STORE_ADD,
	CONTROL_STORE_REMOVE,
	CONTROL_STORE_CHECK,
	CONTROL_PIN,
	CONTROL_UNPIN,
	CONTROL_PINS,
	CONTROL_CACHE_FREE,
};

struct control_req {
	enum control_cmd cmd;
	bool is_wait;		/* sync, pin */
	int64_t timeout_ms;	/* with is_wait; 0: no limit */
	bool is_lazy;		/* unmount */
	bool has_keep;		/* cache */
	uint64_t keep;
	bool is_repair, is_remote;	/* fsck */
	uint64_t budget;	/* scrub; 0: all */
	bool is_accept;		/* trust */
	bool is_forced;		/* lock */
	unsigned bytes;		/* unlock: of the passphrase, which follows
				 * the line as it is */
	bool is_slot;		/* unlock: they are the key of a slot */
	bool is_later;		/* store-add */
	bool is_lost;		/* store-remove */
	unsigned number;	/* store-remove: which store */
	uint64_t ino;		/* pin, unpin, cache-free: of what */
};

/* Read one line (without its end).  -EINVAL with a message. */
int control_req_parse(const char *line, size_t len, struct control_req *ret,
    struct err *e);
/* The line to send, with its end; caller frees.  NULL if out of memory. */
char *control_req_format(const struct control_req *q);

#endif
