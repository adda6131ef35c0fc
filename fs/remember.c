/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/remember.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/parts.h"
#include "fs/place.h"
#include "fs/slots.h"
#include "util/err.h"
#include "util/log.h"
#include "util/text.h"

#define WHAT_MAX (PLACE_NAME_MAX + 2 * SLOT_ID_LEN + 16)

/* Of linux/key.h, which is not for programs: whoever has it, and this user,
 * may view, read, write, find and change it; nobody else. */
#define PERM 0x3f2f0000L

/* There is no wrapper in libc. */
static long
keyctl(int what, long a, long b, long c, long d)
{
	long r = syscall(SYS_keyctl, what, a, b, c, d);

	return r < 0 ? -errno : r;
}

static long
ptr(const void *p)
{
	return (long)(intptr_t)p;
}

static void
what_make(const char *name, const uint8_t id[static SLOT_ID_LEN],
    char out[static WHAT_MAX])
{
	char hex[2 * SLOT_ID_LEN + 1];

	hex_encode(id, SLOT_ID_LEN, hex);
	(void)snprintf(out, WHAT_MAX, "coffre:%s:%s", name, hex);
}

/* The number of the key that belongs to the slot; -ENOENT, -ENOKEY,
 * -EKEYEXPIRED and what the kernel says that has none. */
static long
find(const char *name)
{
	uint8_t id[SLOT_ID_LEN];
	char what[WHAT_MAX];
	int r;

	r = slots_id(name, SLOT_SESSION, id);
	if (r < 0)
		return r;
	what_make(name, id, what);
	return keyctl(KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, ptr("user"),
	    ptr(what), 0);
}

static int
key_add(const char *what, const uint8_t key[static SLOT_KEY_LEN],
    uint64_t seconds)
{
	long n, r;

	n = syscall(SYS_add_key, "user", what, key, (size_t)SLOT_KEY_LEN,
	    KEY_SPEC_USER_KEYRING);
	if (n < 0)
		return -errno;
	r = keyctl(KEYCTL_SETPERM, n, PERM, 0, 0);
	if (r >= 0)
		r = keyctl(KEYCTL_SET_TIMEOUT, n, (long)seconds, 0, 0);
	if (r < 0)
		(void)keyctl(KEYCTL_INVALIDATE, n, 0, 0, 0);
	return r < 0 ? (int)r : 0;
}

void
remember_keep(const struct parts *p)
{
	uint8_t id[SLOT_ID_LEN], *key;
	char what[WHAT_MAX];
	struct err e = { "" };
	int r;

	remember_forget(p->name);
	if (p->opts.remember == 0)
		return;
	key = crypto_secret_alloc(SLOT_KEY_LEN);
	if (!key)
		return;
	crypto_random(key, SLOT_KEY_LEN);
	crypto_random(id, sizeof(id));
	what_make(p->name, id, what);
	r = slots_make(p, SLOT_SESSION, key, id, &e);
	if (r < 0) {
		log_warn("nothing is remembered: %s", e.msg);
	} else {
		r = key_add(what, key, p->opts.remember);
		if (r < 0)
			log_warn("nothing is remembered: the kernel keeps no "
			    "key for us: %s%s", strerror(-r),
			    r == -EPERM || r == -ENOSYS ? " (in a container "
			    "that is usual)" : "");
	}
	crypto_secret_free(key);
	if (r < 0)
		(void)slots_remove(p->name, SLOT_SESSION, NULL);
}

int
remember_open(struct parts *p)
{
	struct err e = { "" };
	uint8_t *key;
	long n, got;
	int r;

	/* What is no longer wanted is no longer there. */
	if (p->opts.remember == 0)
		remember_forget(p->name);
	n = find(p->name);
	if (n < 0)
		return -ENOKEY;
	key = crypto_secret_alloc(SLOT_KEY_LEN);
	if (!key)
		return -ENOMEM;
	got = keyctl(KEYCTL_READ, n, ptr(key), SLOT_KEY_LEN, 0);
	r = got == SLOT_KEY_LEN ? slots_open(p, SLOT_SESSION, key, &e) :
	    -ENOKEY;
	crypto_secret_free(key);
	if (r < 0 && r != -ENOKEY)
		log_info("what was remembered does not open it: r=%d", r);
	return r < 0 ? -ENOKEY : 0;
}

void
remember_forget(const char *name)
{
	struct err e = { "" };
	long n = find(name);

	if (n >= 0 && keyctl(KEYCTL_INVALIDATE, n, 0, 0, 0) < 0)
		log_warn("the kernel keeps a key that is no longer wanted; it "
		    "opens nothing");
	if (slots_remove(name, SLOT_SESSION, &e) < 0)
		log_warn("%s", e.msg);
}
