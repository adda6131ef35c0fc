/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/opts.h"
#include "fs/pass.h"
#include "fs/stores.h"
#include "store/store.h"
#include "util/err.h"

/* stores_source - who we are to a store of a drive, read again from its files
 * whenever that is asked. */

/* Those of a store's settings that say who we are, and how it is known. */
static const char *const names[] = { "user", "ca", "pin", "key",
    "password_command", "insecure_http" };
#define NAMES (sizeof(names) / sizeof(*names))
#define TRIES 3

struct source {
	char *drive, *url;
	struct opts given;		/* of "mount -o" */
	struct opts o;			/* between get and drop */
	struct secret password;		/* likewise */
};

int
stores_who(struct opts *to, const struct opts *from, struct err *e)
{
	const struct opt *t;
	char num[32];
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < NAMES; i++) {
		t = opts_find(names[i], OPT_CONF);
		if (opts_is_set(from, t))
			r = opts_set(to, t, opts_format(from, t, num), e);
	}
	return r;
}

bool
stores_who_same(const struct opts *a, const struct opts *b)
{
	char one[32], two[32];
	const struct opt *t;
	size_t i;

	for (i = 0; i < NAMES; i++) {
		t = opts_find(names[i], OPT_CONF);
		if (opts_is_set(a, t) != opts_is_set(b, t) ||
		    strcmp(opts_format(a, t, one), opts_format(b, t,
		    two)) != 0)
			return false;
	}
	return true;
}

/* The settings of the store, wherever they stand now: its number changes when
 * another one leaves.  What is meant for another address is not for this. */
static int
settings_read(struct source *s, unsigned *ret_n, struct err *e)
{
	unsigned numbers[STORES_MAX + 1];
	size_t i, n = stores_numbers(s->drive, numbers);
	int r = -ENOENT;

	numbers[n++] = STORES_NEW;
	for (i = 0; i < n; i++) {
		struct err one = { "" };
		int r2;

		opts_done(&s->o);
		opts_init(&s->o);
		r2 = stores_load(s->drive, numbers[i], &s->o, &one);
		if (r2 == 0 && s->o.store && strcmp(s->o.store, s->url) == 0) {
			*ret_n = numbers[i];
			return 0;
		}
		if (r2 < 0 && r2 != -ENOENT) {
			r = r2;
			*e = one;
		}
	}
	return r == -ENOENT ? err_set(e, r, "drive '%s' has no settings for "
	    "'%s' any more", s->drive, s->url) : r;
}

/* With those of "mount -o", which are for the first store. */
static int
settings_given(struct source *s, unsigned *ret_n, struct err *e)
{
	int r = settings_read(s, ret_n, e);

	return r == 0 && *ret_n == 1 ? stores_who(&s->o, &s->given, e) : r;
}

static bool
has_command(struct source *s)
{
	struct err e = { "" };
	unsigned n;

	return settings_given(s, &n, &e) == 0 && s->o.password_command;
}

static bool
is_still(const struct source *s, unsigned n)
{
	struct err none = { "" };
	struct opts o;
	bool is;

	opts_init(&o);
	is = stores_load(s->drive, n, &o, &none) == 0 && o.store &&
	    strcmp(o.store, s->url) == 0;
	opts_done(&o);
	return is;
}

/* These are two files.  Where another store has got the number in between the
 * password is that one's: it is not for this server. */
static int
both_read(struct source *s, const atomic_bool *stop, struct err *e)
{
	unsigned i, n = 0;
	int r;

	for (i = 0; i < TRIES; i++) {
		e->msg[0] = '\0';
		r = settings_given(s, &n, e);
		if (r < 0)
			return r;
		r = stores_password(s->drive, n, &s->o, stop, &s->password,
		    e);
		if (is_still(s, n))
			return r;
		pass_done(&s->password);
	}
	return err_set(e, -EAGAIN, "the stores of the drive have changed "
	    "meanwhile");
}

static int
source_get(void *arg, const atomic_bool *stop, struct store_conf *c,
    struct err *e)
{
	struct source *s = arg;
	int r = both_read(s, stop, e);

	c->user = s->o.user;
	c->password = s->password.p;
	c->ca_file = s->o.ca;
	c->pin = s->o.pin;
	c->key_file = s->o.key;
	c->is_insecure_http = s->o.insecure_http;
	return r;
}

static void
source_drop(void *arg)
{
	struct source *s = arg;

	pass_done(&s->password);
}

static void
source_free(void *arg)
{
	struct source *s = arg;

	pass_done(&s->password);
	opts_done(&s->given);
	opts_done(&s->o);
	free(s->drive);
	free(s->url);
	free(s);
}

int
stores_source(const char *drive, const char *url, const struct opts *given,
    bool may_wait, struct store_source *ret, struct err *e)
{
	struct source *s = calloc(1, sizeof(*s));
	int r = 0;

	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	opts_init(&s->given);
	opts_init(&s->o);
	s->drive = strdup(drive);
	s->url = strdup(url);
	if (given)
		r = stores_who(&s->given, given, e);
	if (r == 0 && (!s->drive || !s->url))
		r = err_set(e, -ENOMEM, "out of memory");
	if (r < 0) {
		source_free(s);
		return r;
	}
	*ret = (struct store_source){ .get = source_get,
	    .drop = source_drop, .free = source_free, .arg = s,
	    .is_slow = !may_wait && has_command(s) };
	return 0;
}
