/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/lib/mirror_rig.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "util/clock.h"
#include "util/err.h"

char mrig_dir[64];
struct store *mrig_store;
int64_t mrig_reject_ms;

int
mrig_sh(const char *fmt, ...)
{
	char cmd[512], all[700];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	(void)snprintf(all, sizeof(all), "cd %s && %s", mrig_dir, cmd);
	return system(all);
}

struct store *
mrig_folder(const char *name)
{
	struct err e = { "" };
	struct store *ret;
	char url[128];

	(void)snprintf(url, sizeof(url), "dir:%s/%s", mrig_dir, name);
	ck_assert_msg(store_open(url, NULL, &ret, &e) == 0, "%s", e.msg);
	return ret;
}

/* Here what was cut ends in a dash. */
static bool
is_whole(const void *p, size_t len)
{
	return len > 0 && ((const char *)p)[len - 1] != '-';
}

/* And the mark of this drive does not begin so. */
static bool
is_other(const void *own, const void *p, size_t len)
{
	(void)own;
	return len >= 6 && memcmp(p, "other ", 6) == 0;
}

void
mrig_open(unsigned n, unsigned copies)
{
	static const char *const name[] = { "a", "b", "c" };
	struct mirror_conf c = { .n = n, .copies = copies,
	    .marker = "drive", .is_whole = is_whole, .is_other = is_other,
	    .retry_min_ms = 20, .retry_max_ms = 100,
	    .reject_ms = mrig_reject_ms };
	struct err e = { "" };
	unsigned i;

	for (i = 0; i < n; i++) {
		c.members[i].id = name[i];
		c.members[i].store = mrig_folder(name[i]);
	}
	/* One alone lacks nothing that would have to be noted. */
	if (n > 1)
		ck_assert_msg(mirror_log_open(mrig_dir, &c.log, &e) == 0, "%s",
		    e.msg);
	ck_assert_int_eq(store_mirror_new(&c, &mrig_store), 0);
}

void
mrig_begin(unsigned n, unsigned copies)
{
	(void)strcpy(mrig_dir, "/tmp/test-mirror.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(mrig_dir));
	ck_assert_int_eq(mrig_sh("mkdir a b c"), 0);
	mrig_open(n, copies);
	ck_assert_int_eq(store_put(mrig_store, "drive", "it", 2,
	    STORE_IF_ABSENT), 0);
}

void
mrig_end(void)
{
	store_close(mrig_store);
	ck_assert_int_eq(mrig_sh("rm -rf %s", mrig_dir), 0);
}

void
mrig_put(const char *name, const char *text)
{
	int r = store_put(mrig_store, name, text, strlen(text), 0);

	ck_assert_msg(r == 0, "%s: %s", name, strerror(-r));
}

void
mrig_settle(void)
{
	ck_assert_int_eq(store_mirror_wait(mrig_store,
	    clock_mono_ms() + 60000, NULL, NULL), 0);
}

uint64_t
mrig_queued(size_t i)
{
	struct mirror_state st;

	store_mirror_state(mrig_store, i, &st);
	return st.queued;
}

bool
mrig_has_aside(size_t i, uint64_t aside)
{
	struct mirror_state st;

	store_mirror_state(mrig_store, i, &st);
	return st.aside == aside && st.queued == aside;
}

void
mrig_wait_aside(size_t i, uint64_t aside)
{
	int64_t until = clock_mono_ms() + 60000;

	while (!mrig_has_aside(i, aside)) {
		ck_assert_msg(clock_mono_ms() < until, "store %zu lacks %llu",
		    i, (unsigned long long)mrig_queued(i));
		(void)usleep(10000);
	}
}
