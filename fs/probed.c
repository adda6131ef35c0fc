/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/probed.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "fs/cli.h"
#include "fs/json_text.h"
#include "fs/place.h"
#include "store/facts.h"
#include "store/store.h"
#include "util/buf.h"
#include "util/log.h"
#include "util/text.h"
#include "util/tr.h"

/* An address may hold a user's name: the file is called by its hash. */
#define HASH_LEN 10

int
probed_path(const char *drive, const char *url, char out[static PATH_MAX])
{
	char dir[PATH_MAX], name[2 * HASH_LEN + 1];
	uint8_t hash[SHA256_LEN];
	int r;

	r = place_path(PLACE_STATE, drive, dir, NULL);
	if (r < 0)
		return r;
	sha256(url, strlen(url), hash);
	hex_encode(hash, HASH_LEN, name);
	return snprintf(out, PATH_MAX, "%s/probed-%s", dir, name) < PATH_MAX ?
	    0 : -ENAMETOOLONG;
}

void
probed_save(const char *drive, const char *url, struct store *s)
{
	struct store_facts f;
	char path[PATH_MAX];
	int r;

	store_facts(s, &f);
	r = f.time_s ? probed_path(drive, url, path) : -ENOENT;
	if (r == 0)
		r = facts_write(path, &f);
	if (r < 0 && r != -ENOENT)
		log_warn("what is known of the store cannot be written down: "
		    "%s", strerror(-r));
}

int
probed_load(const char *drive, const char *url, struct store_facts *ret)
{
	char path[PATH_MAX];
	int r;

	r = probed_path(drive, url, path);
	if (r == 0)
		r = facts_read(path, ret);
	return r < 0 ? -ENOENT : 0;
}

void
probed_forget(const char *drive, const char *url)
{
	char path[PATH_MAX];

	if (probed_path(drive, url, path) == 0)
		(void)unlink(path);
}

/* ---- shown ---- */

static const char *
match_word(enum facts_match m)
{
	static const char *const words[] = {
		[FACTS_MATCH_UNKNOWN] = "unknown",
		[FACTS_MATCH_IGNORED] = "ignored",
		[FACTS_MATCH_REFUSED] = "refused",
		[FACTS_MATCH_HONOURED] = "honoured",
	};

	return words[m];
}

/* null: unknown; -1: not within the time that was waited. */
static json_t *
ms_json(int ms)
{
	return ms == FACTS_MS_UNKNOWN ? json_null() :
	    json_integer(ms == FACTS_MS_OVER ? -1 : ms);
}

static void
bytes_json(json_t *o, const char *key, uint64_t v)
{
	if (v <= INT64_MAX)
		(void)json_object_set_new(o, key,
		    json_integer((json_int_t)v));
}

static json_t *
lines_json(const struct store_facts *f)
{
	struct buf b = BUF_INIT(16 * 1024);
	json_t *all = json_array();

	facts_text(f, &b);
	json_text_lines(all, &b);
	buf_done(&b);
	return all;
}

json_t *
probed_json(const struct store_facts *f)
{
	json_t *o;

	if (!f->time_s)
		return NULL;
	o = json_pack("{s:I, s:b, s:b, s:b, s:b, s:s, s:s}",
	    "time", (json_int_t)f->time_s,
	    "if_absent", (f->caps & STORE_CAP_IF_ABSENT) != 0,
	    "range", (f->caps & STORE_CAP_RANGE) != 0,
	    "atomic", (f->caps & STORE_CAP_ATOMIC_PUT) != 0,
	    "quota", (f->caps & STORE_CAP_QUOTA) != 0,
	    "match_bare", match_word(f->bare),
	    "match_quoted", match_word(f->quoted));
	if (!o)
		return NULL;
	(void)json_object_set_new(o, "list_ms", ms_json(f->list_ms));
	(void)json_object_set_new(o, "overwrite_ms", ms_json(f->over_ms));
	if (f->has_clock)
		(void)json_object_set_new(o, "clock_s",
		    json_integer((json_int_t)f->clock_s));
	if (f->tls[0]) {
		(void)json_object_set_new(o, "tls", json_text(f->tls));
		(void)json_object_set_new(o, "cipher", json_text(f->cipher));
		(void)json_object_set_new(o, "issuer", json_text(f->issuer));
	}
	bytes_json(o, "total_bytes", f->space.total_bytes);
	bytes_json(o, "free_bytes", f->space.free_bytes);
	(void)json_object_set_new(o, "lines", lines_json(f));
	return o;
}

json_t *
probed_json_of(const char *drive, const char *url)
{
	struct store_facts f;

	return probed_load(drive, url, &f) == 0 ? probed_json(&f) : NULL;
}

const char *
probed_when(const json_t *o, char out[static PROBED_WHEN_MAX])
{
	time_t t = (time_t)json_integer_value(json_object_get(o, "time"));
	struct tm tm;

	if (!localtime_r(&t, &tm) ||
	    strftime(out, PROBED_WHEN_MAX, "%Y-%m-%d %H:%M", &tm) == 0)
		(void)snprintf(out, PROBED_WHEN_MAX, "?");
	return out;
}

void
probed_tell(struct store *s)
{
	struct buf b = BUF_INIT(32 * 1024);
	json_t *all = json_array();
	struct store_facts f;
	const json_t *line;
	char text[TR_MAX];
	size_t i;

	store_facts(s, &f);
	if (f.time_s)
		facts_text(&f, &b);
	store_notes(s, &b);
	json_text_lines(all, &b);
	json_array_foreach(all, i, line)
		cli_note("%s: %s", store_url(s),
		    tr_text(json_string_value(line), text));
	json_decref(all);
	buf_done(&b);
}

void
probed_print(const json_t *o, const char *lead)
{
	const json_t *line;
	char text[TR_MAX];
	size_t i;

	json_array_foreach(json_object_get(o, "lines"), i, line)
		(void)printf("%s%s\n", lead,
		    tr_text(json_string_value(line), text));
}
