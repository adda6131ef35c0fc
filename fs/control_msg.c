/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/control_msg.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/pass.h"
#include "fs/stores.h"
#include "util/err.h"

#define TIMEOUT_S_MAX (7 * 86400)

static const struct {
	const char *name;
	enum control_cmd cmd;
} names[] = {
	{ "status", CONTROL_STATUS },
	{ "sync", CONTROL_SYNC },
	{ "unmount", CONTROL_UNMOUNT },
	{ "cache", CONTROL_CACHE },
	{ "fsck", CONTROL_FSCK },
	{ "fingerprint", CONTROL_FINGERPRINT },
	{ "version", CONTROL_VERSION },
	{ "trust", CONTROL_TRUST },
	{ "scrub", CONTROL_SCRUB },
	{ "unlock", CONTROL_UNLOCK },
	{ "lock", CONTROL_LOCK },
	{ "store-add", CONTROL_STORE_ADD },
	{ "store-remove", CONTROL_STORE_REMOVE },
	{ "store-check", CONTROL_STORE_CHECK },
	{ "pin", CONTROL_PIN },
	{ "unpin", CONTROL_UNPIN },
	{ "pins", CONTROL_PINS },
	{ "cache-free", CONTROL_CACHE_FREE },
};

static bool
wants_ino(enum control_cmd cmd)
{
	return cmd == CONTROL_PIN || cmd == CONTROL_UNPIN ||
	    cmd == CONTROL_CACHE_FREE;
}

static int
cmd_parse(const json_t *v, enum control_cmd *ret, struct err *e)
{
	const char *s = json_string_value(v);
	size_t i;

	if (!s)
		return err_set(e, -EINVAL, "'cmd' is missing");
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i].name, s) == 0) {
			*ret = names[i].cmd;
			return 0;
		}
	}
	return err_set(e, -EINVAL, "unknown command '%.40s'", s);
}

static int
field_parse(const char *key, const json_t *v, struct control_req *q,
    struct err *e)
{
	static const struct { const char *name; size_t off; } flags[] = {
		{ "wait", offsetof(struct control_req, is_wait) },
		{ "lazy", offsetof(struct control_req, is_lazy) },
		{ "repair", offsetof(struct control_req, is_repair) },
		{ "remote", offsetof(struct control_req, is_remote) },
		{ "accept", offsetof(struct control_req, is_accept) },
		{ "force", offsetof(struct control_req, is_forced) },
		{ "later", offsetof(struct control_req, is_later) },
		{ "slot", offsetof(struct control_req, is_slot) },
		{ "lost", offsetof(struct control_req, is_lost) },
	};
	json_int_t n = json_integer_value(v);
	size_t i;

	for (i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		if (strcmp(flags[i].name, key) != 0)
			continue;
		if (!json_is_boolean(v))
			return err_set(e, -EINVAL, "'%s': true or false "
			    "expected", key);
		*((bool *)(void *)((char *)q + flags[i].off)) =
		    json_is_true(v);
		return 0;
	}
	if (strcmp(key, "cmd") == 0)
		return cmd_parse(v, &q->cmd, e);
	if (strcmp(key, "timeout") == 0) {
		if (!json_is_integer(v) || n < 0 || n > TIMEOUT_S_MAX)
			return err_set(e, -EINVAL, "'timeout': from 0 to %d "
			    "seconds", TIMEOUT_S_MAX);
		q->timeout_ms = (int64_t)n * 1000;
		return 0;
	}
	if (strcmp(key, "keep") == 0) {
		if (!json_is_integer(v) || n < 0)
			return err_set(e, -EINVAL, "'keep': bytes expected");
		q->has_keep = true;
		q->keep = (uint64_t)n;
		return 0;
	}
	if (strcmp(key, "budget") == 0) {
		if (!json_is_integer(v) || n < 0)
			return err_set(e, -EINVAL, "'budget': bytes "
			    "expected");
		q->budget = (uint64_t)n;
		return 0;
	}
	if (strcmp(key, "bytes") == 0) {
		if (!json_is_integer(v) || n < 1 || n > PASS_MAX)
			return err_set(e, -EINVAL, "'bytes': from 1 to %d",
			    PASS_MAX);
		q->bytes = (unsigned)n;
		return 0;
	}
	if (strcmp(key, "number") == 0) {
		if (!json_is_integer(v) || n < 1 || n > STORES_MAX)
			return err_set(e, -EINVAL, "'number': from 1 to %d",
			    STORES_MAX);
		q->number = (unsigned)n;
		return 0;
	}
	if (strcmp(key, "ino") == 0) {
		if (!json_is_integer(v) || n < 1)
			return err_set(e, -EINVAL, "'ino': the number of a "
			    "file or folder");
		q->ino = (uint64_t)n;
		return 0;
	}
	return err_set(e, -EINVAL, "unknown field '%.40s'", key);
}

int
control_req_parse(const char *line, size_t len, struct control_req *ret,
    struct err *e)
{
	struct control_req q;
	json_error_t je;
	const char *key;
	json_t *o, *v;
	int r = 0;

	if (len > CONTROL_REQ_MAX)
		return err_set(e, -EINVAL, "request is too long");
	o = json_loadb(line, len, JSON_REJECT_DUPLICATES, &je);
	if (!o)
		return err_set(e, -EINVAL, "not JSON: %.100s", je.text);
	memset(&q, 0, sizeof(q));
	if (!json_is_object(o)) {
		r = err_set(e, -EINVAL, "not a JSON object");
		goto out;
	}
	json_object_foreach(o, key, v) {
		r = field_parse(key, v, &q, e);
		if (r < 0)
			goto out;
	}
	if (!q.cmd) {
		r = err_set(e, -EINVAL, "'cmd' is missing");
		goto out;
	}
	if ((q.cmd == CONTROL_UNLOCK) != (q.bytes > 0)) {
		r = err_set(e, -EINVAL, "'bytes' belongs to 'unlock'");
		goto out;
	}
	if (wants_ino(q.cmd) != (q.ino > 0)) {
		r = err_set(e, -EINVAL, "'ino' belongs to 'pin', 'unpin' and "
		    "'cache-free'");
		goto out;
	}
	*ret = q;
out:
	json_decref(o);
	return r;
}

char *
control_req_format(const struct control_req *q)
{
	const char *name = NULL;
	char *text, *line = NULL;
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (names[i].cmd == q->cmd)
			name = names[i].name;
	}
	json_object_set_new(o, "cmd", json_string(name));
	if (q->is_wait) {
		json_object_set_new(o, "wait", json_true());
		json_object_set_new(o, "timeout",
		    json_integer((q->timeout_ms + 999) / 1000));
	}
	if (q->is_lazy)
		json_object_set_new(o, "lazy", json_true());
	if (q->has_keep)
		json_object_set_new(o, "keep",
		    json_integer((json_int_t)q->keep));
	if (q->budget)
		json_object_set_new(o, "budget",
		    json_integer((json_int_t)q->budget));
	if (q->is_repair)
		json_object_set_new(o, "repair", json_true());
	if (q->is_remote)
		json_object_set_new(o, "remote", json_true());
	if (q->is_later)
		json_object_set_new(o, "later", json_true());
	if (q->is_lost)
		json_object_set_new(o, "lost", json_true());
	if (q->number)
		json_object_set_new(o, "number",
		    json_integer((json_int_t)q->number));
	if (q->is_accept)
		json_object_set_new(o, "accept", json_true());
	if (q->is_forced)
		json_object_set_new(o, "force", json_true());
	if (q->is_slot)
		json_object_set_new(o, "slot", json_true());
	if (q->ino)
		json_object_set_new(o, "ino",
		    json_integer((json_int_t)q->ino));
	if (q->bytes)
		json_object_set_new(o, "bytes",
		    json_integer((json_int_t)q->bytes));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}
