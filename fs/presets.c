/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/presets.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "fs/opts.h"
#include "fs/place.h"
#include "net/url.h"
#include "net/url_query.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"

#ifndef DATADIR
#define DATADIR "/usr/local/share"
#endif

/* Beside the program: of a tree where it was built, or moved as a whole. */
static int
beside(const char *tail, char out[static PATH_MAX])
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n <= 0)
		return -ENOENT;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return -ENOENT;
	*slash = '\0';
	n = snprintf(out, PATH_MAX, "%s/%s", exe, tail);
	return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Candidate number i, from 0; -ENOENT when there are no more. */
static int
candidate(unsigned i, char out[static PATH_MAX])
{
	const char *env = getenv("COFFRE_PRESETS");
	char base[PATH_MAX];

	switch (i) {
	case 0:
		if (!env || *env != '/')
			return -EAGAIN;
		return snprintf(out, PATH_MAX, "%s", env) < PATH_MAX ? 0 :
		    -EAGAIN;
	case 1:
		if (place_path(PLACE_CONF, "x", base, NULL) < 0)
			return -EAGAIN;
		*strrchr(base, '/') = '\0';
		return snprintf(out, PATH_MAX, "%s/presets", base) <
		    PATH_MAX ? 0 : -EAGAIN;
	case 2:
		(void)snprintf(out, PATH_MAX, "%s", DATADIR
		    "/coffre/presets");
		return 0;
	case 3:
		return beside("../share/coffre/presets", out) < 0 ? -EAGAIN :
		    0;
	case 4:
		return beside("../packaging/presets", out) < 0 ? -EAGAIN : 0;
	default:
		return -ENOENT;
	}
}

int
presets_load(struct presets *ret, struct err *e)
{
	struct buf b = BUF_INIT(PRESET_FILE_MAX);
	char path[PATH_MAX];
	unsigned i;
	int r;

	for (i = 0; (r = candidate(i, path)) != -ENOENT; i++) {
		if (r < 0 || access(path, R_OK) < 0)
			continue;
		r = file_read(path, &b);
		if (r < 0)
			(void)err_set(e, r, "%s", strerror(-r));
		else
			r = presets_parse(b.data, b.len, ret, e);
		buf_done(&b);
		return r < 0 ? err_wrap(e, r, "'%s'", path) : 0;
	}
	return err_set(e, -ENOENT, "the list of providers (presets) is not "
	    "installed");
}

int
presets_apply(struct opts *o, struct err *e)
{
	struct buf out = BUF_INIT(OPT_TEXT_MAX);
	const char *colon = strchr(o->store, ':');
	struct presets s;
	int r;

	if (!colon || colon[1] == '/' || strncmp(o->store, "dir:", 4) == 0)
		return 0;
	r = presets_load(&s, e);
	if (r < 0)
		return r;
	r = presets_expand(&s, o->store, &out, e);
	if (r > 0)
		r = opts_set(o, opts_find("store", OPT_CONF), buf_cstr(&out),
		    e);
	presets_done(&s);
	buf_done(&out);
	return r;
}

/* Is the word one of the list's, which has commas? */
static bool
is_listed(const char *list, const char *word)
{
	size_t n, len = strlen(word);

	for (; *list; list += n + strspn(list + n, ", ")) {
		n = strcspn(list, ", ");
		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
	}
	return false;
}

static bool
is_allowed(const char *list, const char *value)
{
	return !list || (value && *value && is_listed(list, value));
}

static int
country_check(const char *list, const char *value, struct err *e)
{
	if (is_allowed(list, value))
		return 0;
	if (!value || !*value)
		return err_set(e, -EPERM, "the country of this store is not "
		    "known, and the drive's rule is 'countries = %s': say it "
		    "with '--country'", list);
	return err_set(e, -EPERM, "the country of this store is %s, and the "
	    "drive's rule is 'countries = %s'", value, list);
}

static int
law_check(const char *list, const char *value, struct err *e)
{
	if (is_allowed(list, value))
		return 0;
	if (!value || !*value)
		return err_set(e, -EPERM, "the provider's law of this store "
		    "is not known, and the drive's rule is 'laws = %s': say "
		    "it with '--law'", list);
	return err_set(e, -EPERM, "the provider's law of this store is %s, "
	    "and the drive's rule is 'laws = %s'", value, list);
}

static int
provider_check(const char *list, const char *value, struct err *e)
{
	if (is_allowed(list, value))
		return 0;
	if (!value || !*value)
		return err_set(e, -EPERM, "the provider of this store is not "
		    "known, and the drive's rule is 'providers = %s': say it "
		    "with '--provider'", list);
	return err_set(e, -EPERM, "the provider of this store is %s, and the "
	    "drive's rule is 'providers = %s'", value, list);
}

static int
on_option(void *arg, const char *name, const char *value, struct err *e)
{
	(void)arg;
	(void)name;
	(void)value;
	(void)e;
	return 0;
}

/* Is it on this machine?  Addresses are read as stores read them. */
static bool
is_here(const char *url)
{
	char *base = NULL;
	struct url u;
	bool is;

	if (!strstr(url, "://"))
		return true;
	memset(&u, 0, sizeof(u));
	is = url_query(url, on_option, NULL, &base, NULL) == 0 &&
	    url_parse(base, &u, NULL) == 0 && url_is_loopback(u.host);
	url_done(&u);
	free(base);
	return is;
}

bool
presets_has_rules(const struct opts *drive)
{
	return drive->countries || drive->laws || drive->providers;
}

int
presets_check(const struct opts *drive, const struct opts *store,
    struct err *e)
{
	const struct preset_region *g = NULL;
	const struct preset *p;
	struct presets s;
	int r;

	if (!presets_has_rules(drive) || is_here(store->store))
		return 0;
	r = presets_load(&s, e);
	if (r < 0)
		return r;
	p = presets_by_url(&s, store->store, &g);
	/* What the address tells counts more than what somebody says. */
	r = country_check(drive->countries, g ? g->country : store->country,
	    e);
	if (r == 0)
		r = law_check(drive->laws, p && *p->law ? p->law :
		    store->law, e);
	if (r == 0)
		r = provider_check(drive->providers, p ? p->id :
		    store->provider, e);
	presets_done(&s);
	return r;
}
