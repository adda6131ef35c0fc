/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/cloud.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "fs/ask.h"
#include "fs/cli.h"
#include "fs/opts.h"
#include "fs/pass.h"
#include "net/url.h"
#include "store/nextcloud.h"
#include "store/store.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

#define SCHEME "nextcloud://"
/* The server forgets it after that. */
#define WAIT_MS (20 * 60 * 1000)

static volatile sig_atomic_t is_broken_off;

static void
on_signal(int sig)
{
	(void)sig;
	is_broken_off = 1;
}

static void
on_login(void *arg, const char *login)
{
	struct ask *a = arg;

	if (a && a->ops->visit) {
		a->ops->visit(a, login);
		return;
	}
	cli_note("open this in a browser, log in there, and grant access:");
	cli_say("%s", login);
	(void)fflush(stdout);
	cli_progress("waiting for the browser...");
}

static bool
on_wait(void *arg)
{
	struct ask *a = arg;

	return is_broken_off || (a && a->ops->is_given_up &&
	    a->ops->is_given_up(a));
}

bool
cloud_is(const char *url)
{
	return strncmp(url, SCHEME, strlen(SCHEME)) == 0;
}

/* The id takes the place of whatever user the address had. */
static int
address_set(struct opts *o, const char *id, struct err *e)
{
	struct buf b = BUF_INIT(OPT_TEXT_MAX);
	const char *host = o->store + strlen(SCHEME), *at;
	int r;

	at = memchr(host, '@', strcspn(host, "/?"));
	if (at)
		host = at + 1;
	(void)buf_printf(&b, SCHEME);
	(void)url_encode(&b, id, false);
	(void)buf_printf(&b, "@%s", host);
	r = buf_cstr(&b) ? opts_set(o, opts_find("store", OPT_CONF),
	    buf_cstr(&b), e) : err_set(e, b.err, "the address is too long");
	buf_done(&b);
	return r;
}

static int
leave_take(struct opts *o, const struct nextcloud_leave *l,
    struct secret *ret, struct err *e)
{
	struct secret s;
	int r;

	r = address_set(o, l->id, e);
	if (r == 0)
		r = opts_set(o, opts_find("user", OPT_CONF), l->grant.user,
		    e);
	if (r < 0)
		return r;
	s.len = strlen(l->grant.password);
	s.p = crypto_secret_alloc(s.len + 1);
	if (!s.p)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(s.p, l->grant.password, s.len + 1);
	*ret = s;
	return 0;
}

int
cloud_login(struct opts *o, struct ask *ask, struct secret *ret,
    struct err *e)
{
	struct store_conf c = { .ca_file = o->ca, .pin = o->pin,
	    .is_insecure_http = o->insecure_http };
	struct sigaction a = { .sa_handler = on_signal }, old;
	struct nextcloud_leave l;
	int r;

	(void)sigaction(SIGINT, &a, &old);
	r = nextcloud_login(o->store, &c, on_login, on_wait, ask,
	    clock_mono_ms() + WAIT_MS, &l, e);
	(void)sigaction(SIGINT, &old, NULL);
	cli_progress_end();
	if (r < 0)
		return r;
	r = leave_take(o, &l, ret, e);
	explicit_bzero(&l, sizeof(l));
	return r;
}
