/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "store/store.h"

static int
text_take(char **ret, const char *s)
{
	if (!s)
		return 0;
	*ret = strdup(s);
	return *ret ? 0 : -ENOMEM;
}

static int
secret_take(char **ret, const char *s)
{
	size_t n;

	if (!s)
		return 0;
	n = strlen(s) + 1;
	*ret = crypto_secret_alloc(n);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, s, n);
	return 0;
}

/* A file that is not there is one state of it. */
static void
file_look(struct who_file *f, const char *path)
{
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->size = st.st_size;
	f->mtime = st.st_mtim;
}

int
who_take(struct who *w, const struct store_conf *c)
{
	int r;

	memset(w, 0, sizeof(*w));
	w->is_insecure_http = c->is_insecure_http;
	file_look(&w->ca, c->ca_file);
	file_look(&w->key, c->key_file);
	r = text_take(&w->user, c->user);
	if (r == 0)
		r = secret_take(&w->password, c->password);
	if (r == 0)
		r = text_take(&w->ca_file, c->ca_file);
	if (r == 0)
		r = text_take(&w->pin, c->pin);
	if (r == 0)
		r = text_take(&w->key_file, c->key_file);
	if (r < 0)
		who_done(w);
	return r;
}

void
who_done(struct who *w)
{
	free(w->user);
	crypto_secret_free(w->password);
	free(w->ca_file);
	free(w->pin);
	free(w->key_file);
	memset(w, 0, sizeof(*w));
}

void
who_give(const struct who *w, struct store_conf *c)
{
	c->user = w->user;
	c->password = w->password;
	c->ca_file = w->ca_file;
	c->pin = w->pin;
	c->key_file = w->key_file;
	c->is_insecure_http = w->is_insecure_http;
}

static bool
text_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : !a && !b;
}

static bool
file_same(const struct who_file *a, const struct who_file *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->mtime.tv_sec == b->mtime.tv_sec &&
	    a->mtime.tv_nsec == b->mtime.tv_nsec;
}

bool
who_same(const struct who *a, const struct who *b)
{
	return text_same(a->user, b->user) &&
	    text_same(a->password, b->password) &&
	    text_same(a->ca_file, b->ca_file) && text_same(a->pin, b->pin) &&
	    text_same(a->key_file, b->key_file) &&
	    file_same(&a->ca, &b->ca) && file_same(&a->key, &b->key) &&
	    a->is_insecure_http == b->is_insecure_http;
}

bool
who_has_secret(const struct who *w)
{
	return (w->password && w->password[0]) || w->key_file;
}
