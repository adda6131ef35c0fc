/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/stores.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fs/conf.h"
#include "fs/opts.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/probed.h"
#include "store/mirror.h"
#include "store/store.h"
#include "sync/mirror_log.h"
#include "util/err.h"
#include "util/file.h"
#include "util/tr.h"
#include "vault/vault.h"

/* Transient failures inside one call are tried again this often; the sync
 * engine has its own patience on top.  Where another member can be asked,
 * less. */
#define MIRROR_RETRIES 1

_Static_assert(STORES_MAX == MIRROR_MEMBERS_MAX, "each is a member");

void
stores_name(const char *drive, unsigned n, char out[STORES_NAME_MAX])
{
	if (n == STORES_NEW)
		(void)snprintf(out, STORES_NAME_MAX, "%s.stores/new", drive);
	else if (n == 1)
		(void)snprintf(out, STORES_NAME_MAX, "%s", drive);
	else
		(void)snprintf(out, STORES_NAME_MAX, "%s.stores/%u", drive, n);
}

size_t
stores_numbers(const char *drive, unsigned out[STORES_MAX])
{
	char name[STORES_NAME_MAX], path[PATH_MAX];
	size_t count = 0;
	unsigned n;

	for (n = 1; n <= STORES_MAX; n++) {
		stores_name(drive, n, name);
		if (place_path(PLACE_CONF, name, path, NULL) == 0 &&
		    access(path, F_OK) == 0)
			out[count++] = n;
	}
	return count;
}

bool
stores_names(const char *drive, const char *url)
{
	unsigned numbers[STORES_MAX];
	size_t i, count = stores_numbers(drive, numbers);
	struct err e = { "" };
	bool r = count == 0;
	struct opts o;

	for (i = 0; !r && i < count; i++) {
		opts_init(&o);
		r = stores_load(drive, numbers[i], &o, &e) < 0 || !o.store ||
		    strcmp(o.store, url) == 0;
		opts_done(&o);
	}
	return r;
}

int
stores_load(const char *drive, unsigned n, struct opts *o, struct err *e)
{
	char name[STORES_NAME_MAX];

	stores_name(drive, n, name);
	return conf_load(name, o, e);
}

int
stores_save_password(const char *drive, unsigned n,
    const struct secret *cred, struct err *e)
{
	char name[STORES_NAME_MAX], path[PATH_MAX], dir[PATH_MAX];
	int r;

	stores_name(drive, n, name);
	r = place_path(PLACE_CRED, name, path, e);
	if (r < 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	r = file_mkdirs(dir);
	if (r == 0 && cred && cred->p)
		r = file_write(path, cred->p, cred->len, 0600);
	else if (r == 0 && unlink(path) < 0)
		r = errno == ENOENT ? 0 : -errno;
	else if (r == 0)
		r = file_sync_parent(path);
	return r < 0 ? err_set(e, r, "'%s': %s", path, strerror(-r)) : 0;
}

int
stores_save(const char *drive, unsigned n, const struct opts *o,
    const struct secret *cred, struct err *e)
{
	char name[STORES_NAME_MAX];
	int r;

	stores_name(drive, n, name);
	r = stores_save_password(drive, n, cred, e);
	return r < 0 ? r : conf_save(name, o, e);
}

int
stores_delete(const char *drive, unsigned n, struct err *e)
{
	static const enum place files[] = { PLACE_CONF, PLACE_CRED };
	char name[STORES_NAME_MAX], path[PATH_MAX];
	size_t i;
	int r;

	stores_name(drive, n, name);
	for (i = 0; i < 2; i++) {
		r = place_path(files[i], name, path, e);
		if (r < 0)
			return r;
		if (unlink(path) < 0 && errno != ENOENT)
			return err_set(e, -errno, "'%s': %s", path,
			    strerror(errno));
	}
	return file_sync_parent(path);
}

bool
stores_wants_password(const char *url)
{
	static const char *const kinds[] = { "webdav:", "webdavs:", "s3:",
	    "swift:", "nextcloud:" };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strncmp(url, kinds[i], strlen(kinds[i])) == 0)
			return true;
	}
	return false;
}

int
stores_password(const char *drive, unsigned n, const struct opts *o,
    const atomic_bool *stop, struct secret *ret, struct err *e)
{
	static const atomic_bool never;
	char name[STORES_NAME_MAX], path[PATH_MAX];
	int r;

	stores_name(drive, n, name);
	if (o->password_command)
		return pass_read_command(o->password_command, PASS_COMMAND_MS,
		    stop ? stop : &never, ret, e);
	r = place_path(PLACE_CRED, name, path, e);
	if (r < 0 || access(path, F_OK) < 0)
		return r;
	return pass_read_file(path, ret, e);
}

/* What all stores of a drive have from it. */
static void
drive_take(struct store_conf *c, const struct opts *drive, unsigned retries)
{
	memset(c, 0, sizeof(*c));
	c->connections = (unsigned)drive->connections;
	c->timeout_s = (unsigned)drive->timeout;
	c->up_bytes_s = drive->up;
	c->down_bytes_s = drive->down;
	c->retries = retries;
}

int
stores_open(const struct opts *drive, const struct opts *o,
    const char *password, unsigned retries, struct store **ret,
    struct err *e)
{
	struct store_conf c;

	drive_take(&c, drive, retries);
	c.user = o->user;
	c.password = password;
	c.ca_file = o->ca;
	c.pin = o->pin;
	c.key_file = o->key;
	c.is_insecure_http = o->insecure_http;
	return store_open(o->store, &c, ret, e);
}

int
stores_open_kept(const struct opts *drive, const struct opts *given,
    const char *name, const char *url, unsigned retries, bool may_wait,
    struct store **ret, struct err *e)
{
	struct store_source from;
	struct store_conf c;
	char record[PATH_MAX];
	int r;

	drive_take(&c, drive, retries);
	if (probed_path(name, url, record) == 0)
		c.record = record;
	r = stores_source(name, url, given, may_wait, &from, e);
	if (r < 0)
		return r;
	c.source = &from;
	r = store_open(url, &c, ret, e);
	if (r == 0 && e->msg[0])
		(void)err_wrap(e, 0, "store '%s'", store_url(*ret));
	return r;
}

int
stores_take(struct opts *drive, const struct opts *o, struct err *e)
{
	static const char *const names[] = { "store", "user", "ca", "pin",
	    "key", "country", "law", "provider", "password_command",
	    "insecure_http" };
	char num[32];
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < sizeof(names) / sizeof(*names); i++) {
		const struct opt *t = opts_find(names[i], OPT_CONF);

		if (opts_is_set(o, t))
			r = opts_set(drive, t, opts_format(o, t, num), e);
		else
			opts_unset(drive, t);
	}
	return r;
}

/* Until another one is in its place the password of the store that leaves is
 * kept under a number of none. */
static int
leaving_paths(const char *drive, char now[PATH_MAX], char kept[PATH_MAX],
    struct err *e)
{
	char name[STORES_NAME_MAX];
	int r;

	(void)snprintf(name, sizeof(name), "%s.stores/1", drive);
	r = place_path(PLACE_CRED, name, kept, e);
	return r < 0 ? r : place_path(PLACE_CRED, drive, now, e);
}

static int
password_move(const char *from, const char *to, struct err *e)
{
	int r = 0;

	if (rename(from, to) < 0)
		r = errno == ENOENT ? 0 : -errno;
	if (r == 0)
		r = file_sync_parent(from);
	if (r == 0)
		r = file_sync_parent(to);
	return r < 0 ? err_set(e, r, "'%s': %s", from, strerror(-r)) : 0;
}

static int
password_aside(const char *drive, struct err *e)
{
	char now[PATH_MAX], kept[PATH_MAX], dir[PATH_MAX];
	int r = leaving_paths(drive, now, kept, e);

	if (r < 0 || access(now, F_OK) < 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "%s", kept);
	*strrchr(dir, '/') = '\0';
	r = file_mkdirs(dir);
	return r < 0 ? err_set(e, r, "'%s': %s", dir, strerror(-r)) :
	    password_move(now, kept, e);
}

/* It did not leave: it has its own again, or a later one. */
static int
password_back(const char *drive, struct err *e)
{
	char now[PATH_MAX], kept[PATH_MAX];
	int r = leaving_paths(drive, now, kept, e);

	if (r < 0 || access(kept, F_OK) < 0)
		return r;
	if (access(now, F_OK) < 0)
		return password_move(kept, now, e);
	return unlink(kept) < 0 ? err_set(e, -errno, "'%s': %s", kept,
	    strerror(errno)) : 0;
}

/* Its settings are those of store 1, too: now the password.  It is moved, which
 * takes no room; what is in its place was put aside. */
static int
promote_end(const char *drive, unsigned n, struct err *e)
{
	char now[PATH_MAX], kept[PATH_MAX], theirs[PATH_MAX];
	char name[STORES_NAME_MAX];
	int r;

	stores_name(drive, n, name);
	r = leaving_paths(drive, now, kept, e);
	if (r == 0)
		r = place_path(PLACE_CRED, name, theirs, e);
	if (r == 0)
		r = password_move(theirs, now, e);
	if (r == 0 && unlink(kept) < 0 && errno != ENOENT)
		r = err_set(e, -errno, "'%s': %s", kept, strerror(errno));
	/* As long as it may come back there are two with this address. */
	if (r == 0)
		r = file_sync_parent(kept);
	return r < 0 ? r : stores_delete(drive, n, e);
}

/* At no step is a password beside the address of another store: it would be
 * sent there. */
int
stores_promote(const char *drive, unsigned n, struct err *e)
{
	struct err other = { "" };
	struct opts first, o;
	bool is_begun = false;
	int r;

	opts_init(&first);
	opts_init(&o);
	r = conf_load(drive, &first, e);
	if (r == 0)
		r = stores_load(drive, n, &o, e);
	if (r == 0)
		r = stores_take(&first, &o, e);
	is_begun = r == 0;
	if (r == 0)
		r = password_aside(drive, e);
	if (r == 0)
		r = conf_save(drive, &first, e);
	if (r == 0)
		r = promote_end(drive, n, e);
	/* To one side or the other, by what the settings say now. */
	if (r < 0 && is_begun)
		(void)stores_promote_rest(drive, &other);
	opts_done(&o);
	opts_done(&first);
	return r;
}

int
stores_promote_rest(const char *drive, struct err *e)
{
	unsigned numbers[STORES_MAX];
	size_t i, count = stores_numbers(drive, numbers);
	struct opts first, o;
	int r = 0;

	opts_init(&first);
	if (count > 1)
		r = conf_load(drive, &first, e);
	for (i = 1; r == 0 && i < count; i++) {
		opts_init(&o);
		r = stores_load(drive, numbers[i], &o, e);
		if (r == 0 && o.store && first.store &&
		    strcmp(o.store, first.store) == 0)
			r = promote_end(drive, numbers[i], e);
		opts_done(&o);
	}
	if (r == 0)
		r = password_back(drive, e);
	opts_done(&first);
	return r;
}

int
stores_open_member(const struct opts *drive, const char *name,
    const char *url, struct store **ret, struct err *e)
{
	return stores_open_kept(drive, NULL, name, url, MIRROR_RETRIES, true,
	    ret, e);
}

/* Open store number n and make it a member; its id is its address. */
static int
member_open(const struct parts *p, unsigned n, struct opts *o,
    struct mirror_conf *c, struct err *why, struct err *e)
{
	struct err one = { "" };
	int r;

	r = stores_load(p->name, n, o, e);
	if (r == 0 && !o->store)
		r = err_set(e, -EINVAL, "store %u of drive '%s' has no "
		    "'store = URL'", n, p->name);
	if (r < 0)
		return r;
	r = stores_open_kept(&p->opts, NULL, p->name, o->store, MIRROR_RETRIES,
	    !p->is_mount, &c->members[c->n].store, &one);
	if (one.msg[0])
		*(r < 0 ? e : why) = one;
	if (r == 0)
		c->members[c->n++].id = o->store;
	return r;
}

static bool
is_other(const void *own, const void *p, size_t len)
{
	struct vault_genesis g;

	return vault_genesis_open(p, len, &g) == 0 &&
	    !vault_id_eq(&g.drive, own);
}

static int
join(struct parts *p, struct mirror_conf *c, struct err *e)
{
	char marker[VAULT_PATH_MAX], dir[PATH_MAX];
	size_t i;
	int r = 0;

	vault_name_genesis(marker);
	c->marker = marker;
	c->copies = (unsigned)p->opts.copies;
	c->is_whole = vault_object_is_whole;
	if (p->keys) {
		c->is_other = is_other;
		c->own = &p->keys->drive;
	}
	c->on_state = p->on_link;
	c->arg = p->on_link_arg;
	if (c->n > 1)
		r = place_path(PLACE_STATE, p->name, dir, e);
	if (r == 0 && c->n > 1)
		r = mirror_log_open(dir, &c->log, e);
	if (r < 0) {
		for (i = 1; i < c->n; i++)
			store_close(c->members[i].store);
		return r;
	}
	/* Takes over all of them, also when it fails. */
	p->store = NULL;
	r = store_mirror_new(c, &p->store);
	return r < 0 ? err_set(e, r, "the stores cannot be joined: %s",
	    strerror(-r)) : 0;
}

int
stores_join(struct parts *p, struct err *why, struct err *e)
{
	struct opts o[STORES_MAX];
	unsigned numbers[STORES_MAX];
	struct mirror_conf c;
	size_t count, i;
	int r = 0;

	count = stores_numbers(p->name, numbers);
	memset(&c, 0, sizeof(c));
	c.members[0].id = p->opts.store;
	c.members[0].store = p->store;
	c.n = 1;
	for (i = 0; i < count; i++)
		opts_init(&o[i]);
	for (i = 1; r == 0 && i < count; i++)
		r = member_open(p, numbers[i], &o[i], &c, why, e);
	if (r == 0) {
		r = join(p, &c, e);
	} else {
		for (i = 1; i < c.n; i++)
			store_close(c.members[i].store);
	}
	for (i = 0; i < count; i++)
		opts_done(&o[i]);
	return r;
}
