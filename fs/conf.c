/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/conf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/opts.h"
#include "fs/place.h"
#include "util/buf.h"
#include "util/err.h"
#include "util/file.h"

#define CONF_LINE_MAX (OPT_TEXT_MAX + 128)

/* Cut blanks off both ends, in place. */
static char *
trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n > 0 && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int
line_parse(char *line, unsigned no, struct opts *o, struct err *e)
{
	char *name = trim(line), *value;
	const struct opt *t;

	if (!*name || *name == '#')
		return 0;
	value = strchr(name, '=');
	if (value) {
		*value = '\0';
		value = trim(value + 1);
		name = trim(name);
	}
	t = opts_find(name, OPT_CONF);
	if (!t)
		return err_set(e, -EINVAL, "line %u: unknown setting '%.60s'",
		    no, name);
	if (opts_is_set(o, t))
		return err_set(e, -EINVAL, "line %u: '%s' is set twice", no,
		    name);
	if (opts_set(o, t, value, e) < 0)
		return err_wrap(e, -EINVAL, "line %u", no);
	return 0;
}

int
conf_parse(const void *p, size_t len, struct opts *o, struct err *e)
{
	const char *at = len ? p : "", *end = at + len, *nl;
	char line[CONF_LINE_MAX];
	unsigned no = 0;
	size_t n;
	int r = 0;

	if (len > CONF_MAX)
		return err_set(e, -EFBIG, "longer than %u bytes", CONF_MAX);
	while (at < end && r == 0) {
		no++;
		nl = memchr(at, '\n', (size_t)(end - at));
		n = (size_t)((nl ? nl : end) - at);
		if (n >= sizeof(line))
			return err_set(e, -EFBIG, "line %u: too long", no);
		if (memchr(at, '\0', n))
			return err_set(e, -EINVAL, "line %u: not text", no);
		memcpy(line, at, n);
		line[n] = '\0';
		r = line_parse(line, no, o, e);
		at = nl ? nl + 1 : end;
	}
	return r;
}

int
conf_format(const struct opts *o, struct buf *out)
{
	char num[32];
	size_t i;

	for (i = 0; i < opts_count; i++) {
		const struct opt *t = &opts_table[i];

		if (!opts_is_set(o, t) || !(t->where & OPT_CONF))
			continue;
		(void)buf_printf(out, "%s = %s\n", t->name,
		    opts_format(o, t, num));
	}
	return out->err;
}

int
conf_load(const char *name, struct opts *o, struct err *e)
{
	struct buf b = BUF_INIT(CONF_MAX);
	char path[PATH_MAX];
	struct stat st;
	int r;

	r = place_path(PLACE_CONF, name, path, e);
	if (r < 0)
		return r;
	if (stat(path, &st) < 0) {
		r = -errno;
		if (r == -ENOENT)
			return err_set(e, r, "no drive '%s' here: 'coffre "
			    "init' makes one, 'coffre recover' brings one "
			    "back", name);
		return err_wrap(e, r, "'%s'", path);
	}
	/* The file may name commands: whoever writes it runs them as us. */
	if ((st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(e, -EPERM, "'%s' may be written by others: "
		    "'chmod 600' it and see that it is yours", path);
	r = file_read(path, &b);
	if (r == 0)
		r = conf_parse(b.data, b.len, o, e);
	else
		(void)err_set(e, r, "%s", strerror(-r));
	buf_done(&b);
	return r < 0 ? err_wrap(e, r, "'%s'", path) : 0;
}

int
conf_save(const char *name, const struct opts *o, struct err *e)
{
	struct buf b = BUF_INIT(CONF_MAX);
	char path[PATH_MAX], dir[PATH_MAX];
	int r;

	r = place_path(PLACE_CONF, name, path, e);
	if (r < 0)
		return r;
	(void)snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	(void)buf_printf(&b, "# drive '%s'; see coffre.conf(5)\n", name);
	r = conf_format(o, &b);
	if (r == 0)
		r = file_mkdirs(dir);
	if (r == 0)
		r = file_write(path, b.data, b.len, 0600);
	buf_done(&b);
	return r < 0 ? err_wrap(e, r, "'%s'", path) : 0;
}
