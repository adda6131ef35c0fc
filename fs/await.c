/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/await.h"

#include <errno.h>
#include <poll.h>
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
	uint8_t id[SLOT_ID_LEN];
	int (*unlock)(void *arg, const struct secret *key, struct err *e);
	void *arg;
	int stop_fd;
	pthread_t thread;
};

/* True: there is no more to wait for. */
static bool
once(struct await *a)
{
	struct secret key = { crypto_secret_alloc(SLOT_KEY_LEN), SLOT_KEY_LEN };
	struct err e = { "" };
	int r;

	if (!key.p)
		return false;
	r = keyring_wait(a->id, a->stop_fd, (uint8_t *)key.p);
	if (r == 0) {
		r = a->unlock(a->arg, &key, &e);
		if (r < 0)
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

	while (!once(a)) {
		if (poll(&p, 1, AGAIN_MS) > 0)
			return;
	}
}

int
await_start(const char *name, int (*unlock)(void *arg,
    const struct secret *key, struct err *e), void *arg, struct await **ret)
{
	struct await *a = calloc(1, sizeof(*a));
	int r;

	*ret = NULL;
	if (!a)
		return -ENOMEM;
	a->unlock = unlock;
	a->arg = arg;
	a->stop_fd = -1;
	r = slots_id(name, SLOT_KEYRING, a->id);
	if (r < 0) {
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

	if (a && write(a->stop_fd, &one, sizeof(one)) < 0)
		log_error("cannot end the wait for the keyring: r=%d", -errno);
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
