/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/backend.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"
#include "util/text.h"
#include "util/thread.h"

/* store_probe - what a remote really does.  Half of the servers that were
 * tried ignore a condition without a word, so only an answer to a test
 * counts. */

/* By itself, so that a listing of it is short. */
#define PROBE_FOLDER "probe/"
#define PROBE_LEN 256
#define CUT_LEN 65536
#define CUT_LOOK_MS 1000
#define CUT_DEL_TRIES 4
#define CUT_DEL_MS 200

int
store_probe_name(char name[static 32])
{
	uint8_t rnd[10];
	char text[BASE32_LEN(sizeof(rnd)) + 1];

	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return -EIO;
	base32_encode(rnd, sizeof(rnd), text);
	(void)snprintf(name, 32, PROBE_FOLDER "%s", text);
	return 0;
}

int
store_same(struct store *s, const char *name, const void *p, size_t len)
{
	struct buf b = BUF_INIT(len);
	int r;

	r = store_get(s, name, &b);
	if (r == -EFBIG)
		r = -EEXIST;
	else if (r == -ENOENT)
		r = -EHOSTUNREACH;	/* refused, and gone: try again */
	else if (r == 0 && (b.len != len ||
	    (len && memcmp(b.data, p, len) != 0)))
		r = -EEXIST;
	buf_done(&b);
	return r;
}

int
store_probe_cut(struct store *s, int (*put)(struct store *s, const char *name,
    const void *p, size_t len, size_t cut_after), bool *ret_atomic)
{
	uint8_t old[CUT_LEN], new[CUT_LEN];
	char name[32];
	int r, ms, tries;

	r = store_probe_name(name);
	if (r < 0 || getrandom(old, sizeof(old), 0) != sizeof(old) ||
	    getrandom(new, sizeof(new), 0) != sizeof(new))
		return -EIO;
	r = put(s, name, old, sizeof(old), 0);
	if (r < 0)
		return r;
	/* It fails; how does not matter.  An interruption shows next. */
	(void)put(s, name, new, sizeof(new), CUT_LEN / 2);
	/* The server may be about to open what it writes to. */
	for (ms = 0;; ms = 2 * ms + 20) {
		thread_pause_ms(ms);
		r = store_same(s, name, old, sizeof(old));
		if (r != 0 || ms >= CUT_LOOK_MS / 2)
			break;
	}
	if (r == 0 || r == -EEXIST || r == -EHOSTUNREACH || r == -EPROTO)
		*ret_atomic = r == 0;
	else
		return r;
	for (tries = 0; tries < CUT_DEL_TRIES; tries++) {
		thread_pause_ms(tries * CUT_DEL_MS);
		r = s->ops->del(s, name);
		if (r != -EHOSTUNREACH)
			break;
	}
	/* Some keep a lock on what the upload was for, and lift it later: it
	 * is left there.  A store that is gone shows next. */
	return r == -ENOENT || r == -EHOSTUNREACH ? 0 : r;
}

/* The object must come back as it went. */
static int
probe_whole(struct store *s, const char *name, const uint8_t *p, size_t len,
    struct err *e)
{
	int r = store_same(s, name, p, len);

	if (r == -EHOSTUNREACH)
		return err_set(e, r, "the store does not give back what it "
		    "was given a moment ago");
	if (r == -EEXIST)
		return err_set(e, -EPROTO, "the store gives back other bytes "
		    "than it was given");
	return r;
}

/* A second put must be refused and change nothing. */
static int
probe_if_absent(struct store *s, const char *name, const uint8_t *p,
    const uint8_t *other, unsigned *caps)
{
	int r = store_put(s, name, other, PROBE_LEN, STORE_IF_ABSENT);

	if (r != -EEXIST)
		return r == -EOPNOTSUPP || r == -EPROTO ? 0 : r;
	r = store_same(s, name, p, PROBE_LEN);
	if (r == 0)
		*caps |= STORE_CAP_IF_ABSENT;
	return r == -EEXIST ? 0 : r;
}

static int
probe_range(struct store *s, const char *name, const uint8_t *p,
    const uint8_t *other, unsigned *caps)
{
	struct buf b = BUF_INIT(PROBE_LEN);
	int r;

	r = store_get_range(s, name, 100, 50, &b);
	/* The put before may have gone through. */
	if (r == 0 && (memcmp(b.data, p + 100, 50) == 0 ||
	    memcmp(b.data, other + 100, 50) == 0))
		*caps |= STORE_CAP_RANGE;
	else if (r == -ERANGE || r == -EPROTO || r == -EOPNOTSUPP)
		r = 0;
	buf_done(&b);
	return r;
}

static int
on_listed(void *arg, const char *name, uint64_t size)
{
	(void)size;
	return strcmp(arg, name) == 0;
}

/* Until it is listed.  That a listing fails is no failure of a probe: little
 * depends on listings. */
static int
probe_list(struct store *s, const char *name, int *ret_ms)
{
	int64_t start = clock_mono_ms(), ms;
	int r, wait;

	for (wait = 0;; wait = 2 * wait + 20) {
		thread_pause_ms(wait);
		r = s->ops->list(s, PROBE_FOLDER, on_listed,
		    (void *)(uintptr_t)name);
		ms = clock_mono_ms() - start;
		if (r != 0 || ms + 2 * wait + 20 > FACTS_WAIT_MS)
			break;
	}
	*ret_ms = r < 0 ? FACTS_MS_UNKNOWN : r == 0 ? FACTS_MS_OVER : (int)ms;
	return r == -ECANCELED ? r : 0;
}

/* Until what is written over it is read. */
static int
probe_over(struct store *s, const char *name, int *ret_ms)
{
	uint8_t new[PROBE_LEN];
	int64_t start, ms;
	int r, wait;

	if (getrandom(new, sizeof(new), 0) != sizeof(new))
		return -EIO;
	r = s->ops->put(s, name, new, sizeof(new), 0);
	if (r < 0)
		return r;
	start = clock_mono_ms();
	for (wait = 0;; wait = 2 * wait + 20) {
		thread_pause_ms(wait);
		r = store_same(s, name, new, sizeof(new));
		ms = clock_mono_ms() - start;
		if (r == 0 || r == -ECANCELED ||
		    ms + 2 * wait + 20 > FACTS_WAIT_MS)
			break;
	}
	*ret_ms = r == 0 ? (int)ms : FACTS_MS_OVER;
	return r == -ECANCELED ? r : 0;
}

int
store_probe_why(struct store *s, int r, struct err *e)
{
	struct store_hint hint;

	memset(&hint, 0, sizeof(hint));
	s->ops->get_hint(s, &hint);
	return err_set(e, r, "%s", hint.msg[0] ? hint.msg : strerror(-r));
}

int
store_probe_run(struct store *s, unsigned *caps, struct err *e)
{
	uint8_t bytes[2 * PROBE_LEN], *other = bytes + PROBE_LEN;
	struct store_facts f;
	struct err why = { "" };
	char name[32];
	int r, r2;

	r = store_probe_name(name);
	if (r < 0 || getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return err_set(e, -EIO, "there are no random numbers");
	facts_init(&f);
	r = s->ops->put(s, name, bytes, PROBE_LEN, 0);
	if (r < 0)
		goto out;
	r = probe_whole(s, name, bytes, PROBE_LEN, &why);
	if (r == 0)
		r = probe_list(s, name, &f.list_ms);
	if (r == 0)
		r = probe_if_absent(s, name, bytes, other, caps);
	if (r == 0)
		r = probe_range(s, name, bytes, other, caps);
	if (r == 0)
		r = probe_over(s, name, &f.over_ms);
	if (r == 0 && s->ops->space(s, &f.space) == 0)
		*caps |= STORE_CAP_QUOTA;
	r2 = s->ops->del(s, name);
	if (r == 0 && r2 < 0) {
		r = r2;
		(void)err_set(&why, r, "the store does not let its objects "
		    "be deleted");
	}
out:
	if (r < 0 && !why.msg[0])
		(void)store_probe_why(s, r, &why);
	if (r < 0)
		return err_set(e, r, "%s", why.msg);
	mutex_lock(&s->busy_lock);
	s->facts = f;
	mutex_unlock(&s->busy_lock);
	return 0;
}
