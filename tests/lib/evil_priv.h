/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_EVIL_PRIV_H
#define TESTS_EVIL_PRIV_H

#include "store/backend.h"
#include "tests/lib/evil.h"
#include "util/thread.h"

/* evil_priv - the core (evil.c) for what sets its lies (evil_lies.c).  All
 * under evil.lock. */

struct version {
	uint64_t at;
	unsigned client;
	bool is_gone;
	uint8_t *p;
	size_t len;
};

enum lie_kind { LIE_NONE, LIE_SERVE, LIE_FLIP, LIE_CUT, LIE_DROP, LIE_SWAP,
	LIE_OLDER };

struct object {
	char name[STORE_NAME_MAX + 1];
	struct version *v;
	size_t n;
	enum lie_kind lie;
	size_t lie_n;
	uint8_t *lie_p;
	char lie_name[STORE_NAME_MAX + 1];
};

struct evil {
	struct mutex lock;
	unsigned handles, next_client;
	uint64_t now;
	struct object **objs;		/* by name */
	size_t n;
	struct evil_req *reqs;
	size_t nreqs;
	unsigned lies;
	uint64_t list_at;		/* 0: listings are of now */
};

struct client {
	struct store base;
	struct evil *e;
	unsigned id;
	unsigned of;		/* whose puts it sees beside its own */
	bool is_back;
	uint64_t at, since;
};

struct object *evil_find(const struct evil *e, const char *name);
struct object *evil_make(struct evil *e, const char *name);
/* The newest version that c may see, leaving out `skip` of them. */
const struct version *evil_seen(const struct client *c,
    const struct object *o, size_t skip);

#endif
