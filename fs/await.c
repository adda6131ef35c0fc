/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/await.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/keyring.h"
#include "fs/pass.h"
#include "fs/slots.h"
#include "util/err.h"
#include "util/log.h"
#include "util/thread.h"

/* What ends without a key (no bus yet, one that has gone) is tried again. */
#define AGAIN_MS (60 * 1000)

struct await {
	struct await_conf conf;
	uint8_t id[SLOT_ID_LEN];
	bool has_slot;
	atomic_bool is_ended;
	int stop_fd;
	pthread_t thread;
};

/* True: there is no more to wait for.  A command that has ended without a
 * passphrase of any use is not run again, nor is one where the keyring may
 * have the key. */
static bool
by_command(struct await *a)
{
	struct secret pass = { NULL, 0 };
	struct err e = { "" };
	bool is_read;
	int r;

	r = pass_read_command(a->conf.command, PASS_COMMAND_MS, &a->is_ended,
	    &pass, &e);
	is_read = r == 0;
	if (r == 0)
		r = a->is_ended ? -ECANCELED :
		    a->conf.by_passphrase(a->conf.arg, &pass, &e);
	pass_done(&pass);
	if (r == 0 || r == -ECANCELED)
		return true;
	log_warn("%s", e.msg);
	/* The right one may come when something else has the drive. */
	if (a->has_slot || r != (is_read ? -EBUSY : -ETIMEDOUT))
		a->conf.command = NULL;
	return !a->conf.command && !a->has_slot;
}

static bool
by_keyring(struct await *a)
{
	struct secret key = { crypto_secret_alloc(SLOT_KEY_LEN), SLOT_KEY_LEN };
	struct err e = { "" };
	int r;

	if (!key.p)
		return false;
	r = keyring_wait(a->id, a->stop_fd, (uint8_t *)key.p);
	if (r == 0) {
		r = a->conf.by_key(a->conf.arg, &key, &e);
		if (r < 0 && r != -ECANCELED)
			log_warn("the keyring does not unlock it: %s", e.msg);
	} else if (r != -ECANCELED) {
		log_info("keyring: r=%d", r);
	}
	pass_done(&key);
	return r == 0 || r == -ECANCELED || r == -EKEYREJECTED;
}

static void
await_run(void *arg)
{
	struct await *a = arg;
	struct pollfd p = { .fd = a->stop_fd, .events = POLLIN };

	while (a->conf.command ? !by_command(a) : !by_keyring(a)) {
		if (poll(&p, 1, AGAIN_MS) > 0)
			return;
	}
}

int
await_start(const struct await_conf *c, struct await **ret)
{
	struct await *a = calloc(1, sizeof(*a));
	int r;

	*ret = NULL;
	if (!a)
		return -ENOMEM;
	a->conf = *c;
	a->stop_fd = -1;
	a->has_slot = slots_id(c->name, SLOT_KEYRING, a->id) == 0;
	if (!a->has_slot && !c->command) {
		free(a);
		return 0;
	}
	a->stop_fd = eventfd(0, EFD_CLOEXEC);
	r = a->stop_fd < 0 ? -errno :
	    thread_start(&a->thread, "await", await_run, a);
	if (r < 0) {
		if (a->stop_fd >= 0)
			(void)close(a->stop_fd);
		free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void
await_end(struct await *a)
{
	uint64_t one = 1;

	if (!a)
		return;
	a->is_ended = true;
	if (write(a->stop_fd, &one, sizeof(one)) < 0)
		log_error("cannot end the wait for the secret: r=%d", -errno);
}

void
await_stop(struct await *a)
{
	if (!a)
		return;
	await_end(a);
	thread_join(a->thread);
	(void)close(a->stop_fd);
	free(a);
}
