/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/keyring.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "fs/child.h"
#include "fs/keyring_exit.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/text.h"

#define PROGRAM "coffre-keyring"
#define CANNOT_START 127	/* of the loader: libsecret is not there */

#define LOOK_MS (10 * 1000)	/* when nobody is asked */
#define ASK_MS (120 * 1000)

static int
start(struct child *c, const char *verb, const char *a, const char *b)
{
	char prog[PATH_MAX], v[16], one[128], two[128];
	char *argv[] = { prog, v, NULL, NULL, NULL };

	child_own_path(PROGRAM, prog);
	(void)snprintf(v, sizeof(v), "%s", verb);
	if (a) {
		(void)snprintf(one, sizeof(one), "%s", a);
		argv[2] = one;
	}
	if (b) {
		(void)snprintf(two, sizeof(two), "%s", b);
		argv[3] = two;
	}
	return child_start(c, argv);
}

static int
result_of(int status)
{
	switch (status) {
	case 0:
		return 0;
	case KEYRING_NO_KEY:
		return -ENOKEY;
	case KEYRING_LOCKED:
		return -EACCES;
	case KEYRING_NONE:
		return -EHOSTDOWN;
	case CANNOT_START:
		return -ENOENT;
	default:
		return -EIO;
	}
}

static int
explain(int r, struct err *e)
{
	switch (r) {
	case 0:
		return 0;
	case -ENOENT:
		return err_set(e, -EHOSTDOWN, "'%s', which speaks to the "
		    "keyring, is not installed or lacks libsecret", PROGRAM);
	case -ENOKEY:
		return err_set(e, r, "the keyring of the session has no key "
		    "for it");
	case -EACCES:
		return err_set(e, r, "the keyring of the session is locked");
	case -EHOSTDOWN:
		return err_set(e, r, "there is no keyring in this session");
	case -ETIMEDOUT:
		return err_set(e, r, "the keyring of the session does not "
		    "answer");
	default:
		return err_set(e, r, "the keyring of the session: %s",
		    strerror(-r));
	}
}

/* The line that it prints, as a key; -ENODATA: it prints none, and its status
 * says why. */
static int
key_read(const struct child *c, int64_t deadline, int stop_fd,
    uint8_t ret[static SLOT_KEY_LEN])
{
	char *text = crypto_secret_alloc(KEYRING_HEX + 2);
	size_t n = 0;
	ssize_t got = 1;
	int r;

	if (!text)
		return -ENOMEM;
	while (n < KEYRING_HEX + 1) {
		got = child_read(c, text + n, KEYRING_HEX + 1 - n, deadline,
		    stop_fd);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	r = n == 0 ? -ENODATA : -EPROTO;
	if (got < 0)
		r = (int)got;
	if (n == KEYRING_HEX + 1 && text[KEYRING_HEX] == '\n') {
		text[KEYRING_HEX] = '\0';
		r = hex_decode(text, ret, SLOT_KEY_LEN) < 0 ? -EPROTO : 0;
	}
	crypto_secret_free(text);
	return r;
}

/* Until it ends, with nothing to be read of it. */
static int
finish(struct child *c, int64_t deadline)
{
	char byte;
	ssize_t n;

	while ((n = child_read(c, &byte, 1, deadline, -1)) > 0)
		;
	if (n < 0) {
		child_kill(c);
		return (int)n;
	}
	return result_of(child_wait(c));
}

static int
key_ask(const char *verb, const uint8_t id[static SLOT_ID_LEN],
    int64_t deadline, int stop_fd, uint8_t ret[static SLOT_KEY_LEN])
{
	char hex[2 * SLOT_ID_LEN + 1];
	struct child c;
	int r, end;

	hex_encode(id, SLOT_ID_LEN, hex);
	r = start(&c, verb, hex, NULL);
	if (r < 0)
		return r;
	r = key_read(&c, deadline, stop_fd, ret);
	if (r < 0 && r != -ENODATA) {
		child_kill(&c);
		return r;
	}
	end = result_of(child_wait(&c));
	return r == 0 ? 0 : end < 0 ? end : -EPROTO;
}

bool
keyring_is_there(void)
{
	struct child c;

	if (start(&c, "look", NULL, NULL) < 0)
		return false;
	return finish(&c, clock_mono_ms() + LOOK_MS) == 0;
}

int
keyring_store(const char *name, const uint8_t id[static SLOT_ID_LEN],
    const uint8_t key[static SLOT_KEY_LEN], struct err *e)
{
	char hex[2 * SLOT_ID_LEN + 1], *text;
	struct child c;
	int r;

	hex_encode(id, SLOT_ID_LEN, hex);
	text = crypto_secret_alloc(KEYRING_HEX + 2);
	if (!text)
		return err_set(e, -ENOMEM, "out of memory");
	hex_encode(key, SLOT_KEY_LEN, text);
	text[KEYRING_HEX] = '\n';
	r = start(&c, "store", name, hex);
	if (r == 0) {
		/* If it has gone, its status says why. */
		(void)child_write(&c, text, KEYRING_HEX + 1);
		child_close_input(&c);
		r = finish(&c, clock_mono_ms() + ASK_MS);
	}
	crypto_secret_free(text);
	return explain(r, e);
}

int
keyring_get(const uint8_t id[static SLOT_ID_LEN], bool may_ask,
    uint8_t ret[static SLOT_KEY_LEN], struct err *e)
{
	return explain(key_ask(may_ask ? "get" : "peek", id, clock_mono_ms() +
	    (may_ask ? ASK_MS : LOOK_MS), -1, ret), e);
}

int
keyring_clear(const uint8_t id[static SLOT_ID_LEN], struct err *e)
{
	char hex[2 * SLOT_ID_LEN + 1];
	struct child c;
	int r;

	hex_encode(id, SLOT_ID_LEN, hex);
	r = start(&c, "clear", hex, NULL);
	if (r == 0)
		r = finish(&c, clock_mono_ms() + ASK_MS);
	return explain(r, e);
}

int
keyring_wait(const uint8_t id[static SLOT_ID_LEN], int stop_fd,
    uint8_t ret[static SLOT_KEY_LEN])
{
	return key_ask("wait", id, -1, stop_fd, ret);
}
