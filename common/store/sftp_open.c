/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/url.h"
#include "store/sftp_priv.h"
#include "util/err.h"

/* sftp_open - a store out of an address and a configuration. */

/* The address without the user, for people. */
static int
url_text(const struct url *u, struct buf *out)
{
	bool is_v6 = strchr(u->host, ':') != NULL;

	(void)buf_printf(out, "sftp://%s%s%s", is_v6 ? "[" : "", u->host,
	    is_v6 ? "]" : "");
	if (u->port)
		(void)buf_printf(out, ":%u", u->port);
	(void)url_encode(out, u->path, true);
	return buf_cstr(out) ? 0 : -ENOMEM;
}

static char *
user_of(const struct url *u, const struct store_conf *conf)
{
	struct passwd pw, *found = NULL;
	char text[1024];

	if (conf->user)
		return strdup(conf->user);
	if (u->user)
		return strdup(u->user);
	(void)getpwuid_r(geteuid(), &pw, text, sizeof(text), &found);
	return strdup(found ? found->pw_name : "root");
}

/* "/~/x" is x in the folder that the server puts us into. */
static char *
root_of(const char *path)
{
	if (strcmp(path, "/~") == 0)
		return strdup(".");
	if (strncmp(path, "/~/", 3) == 0)
		return strdup(path + 3);
	return strdup(strcmp(path, "/") == 0 ? "" : path);
}

static int
copy(const char *from, char **ret)
{
	if (!from)
		return 0;
	*ret = strdup(from);
	return *ret ? 0 : -ENOMEM;
}

static int
fields_set(struct sftp *s, const struct url *u,
    const struct store_conf *conf)
{
	int r;

	s->port = u->port ? u->port : SFTP_PORT;
	s->timeout_s = conf->timeout_s ? conf->timeout_s : 30;
	s->conns_max = conf->connections ? conf->connections : 8;
	if (s->conns_max > SFTP_CONNECTIONS_MAX)
		s->conns_max = SFTP_CONNECTIONS_MAX;
	s->user = user_of(u, conf);
	s->root = root_of(u->path);
	if (!s->user || !s->root)
		return -ENOMEM;
	r = copy(u->host, &s->host);
	if (r == 0 && conf->password && conf->password[0])
		r = copy(conf->password, &s->password);
	if (r == 0)
		r = copy(conf->key_file, &s->key_file);
	if (r == 0)
		r = copy(conf->pin, &s->pin);
	if (r == 0)
		r = copy(conf->hosts_file, &s->hosts_file);
	return r;
}

static int
conf_check(const struct url *u, const struct store_conf *conf,
    struct err *e)
{
	if (conf->pin && sftp_pin_check(conf->pin) < 0)
		return err_set(e, -EINVAL, "the pin of an SSH host is "
		    "'SHA256:' and 43 signs, as 'ssh-keygen -l' shows it");
	if (conf->key_file && access(conf->key_file, R_OK) < 0)
		return err_set(e, -errno, "the key '%s': %s", conf->key_file,
		    strerror(errno));
	if (strlen(u->path) + STORE_NAME_MAX + 64 > SFTP_PATH_MAX)
		return err_set(e, -EINVAL, "the path is too long");
	return 0;
}

int
store_sftp_new(const struct url *u, const struct store_conf *conf,
    struct store **ret, struct err *e)
{
	struct buf text = BUF_INIT(3 * URL_MAX + 300);
	struct sftp *s;
	int r;

	r = conf_check(u, conf, e);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	r = url_text(u, &text);
	if (r == 0)
		r = store_init(&s->base, &sftp_ops, buf_cstr(&text));
	buf_done(&text);
	if (r < 0) {
		free(s);
		return err_set(e, r, "out of memory");
	}
	mutex_init(&s->lock, RANK_STORE);
	cond_init(&s->changed);
	mutex_lock(&s->lock);
	LIST_INIT(&s->conns);
	s->caps = STORE_CAP_RANGE | STORE_CAP_ATOMIC_PUT |
	    STORE_CAP_UNPROBED;
	mutex_unlock(&s->lock);
	r = fields_set(s, u, conf);
	if (r < 0) {
		s->base.ops->close(&s->base);
		return err_set(e, r, "out of memory");
	}
	*ret = &s->base;
	return 0;
}
