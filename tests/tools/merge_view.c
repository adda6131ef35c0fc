/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "util/buf.h"
#include "vault/merge.h"

/*
 * merge_view - the merge rules on histories written as JSON.
 *
 * One object a line on standard input: "ops" is a list of {id, lamport, seen,
 * op, node, kind, parent, name}, ids and devices are any text.  Prints the
 * view of each line as a JSON array on one line.  A line that is no history
 * ends the run with EX_DATAERR.
 */

#define LINE_BYTES_MAX (256u * 1024 * 1024)
#define ROOT "root"

/* Texts in order; the number of one is its place, so that order stays. */
struct names {
	const char **s;
	size_t n, cap;
};

struct line_op {
	const char *op, *node, *kind, *parent, *name;
	size_t dev_len;
	char dev[256];
	uint64_t seq, lamport;
	json_t *seen;
};

struct history {
	struct line_op *ops;
	size_t nops;
	struct names devs, nodes;
	json_t *out;
};

static const char *fault;

static int
bad(const char *why)
{
	fault = why;
	return -1;
}

/* ---- texts as ids ------------------------------------------------------ */

static int
names_add(struct names *n, const char *s)
{
	const char **q;

	if (n->n == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 64;
		q = reallocarray(n->s, n->cap, sizeof(*q));
		if (!q)
			return bad("out of memory");
		n->s = q;
	}
	n->s[n->n++] = s;
	return 0;
}

static int
str_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
names_sort(struct names *n)
{
	size_t i, k = 0;

	if (!n->n)
		return;
	qsort(n->s, n->n, sizeof(*n->s), str_cmp);
	for (i = 0; i < n->n; i++)
		if (!k || strcmp(n->s[k - 1], n->s[i]) != 0)
			n->s[k++] = n->s[i];
	n->n = k;
}

/* Ids compare as the texts do: the place, counted from 1, big-endian. */
static void
names_id(const struct names *n, const char *s, struct vault_id *ret)
{
	const char **at = bsearch(&s, n->s, n->n, sizeof(*n->s), str_cmp);
	size_t i, k = (size_t)(at - n->s) + 1;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < 8; i++)
		ret->b[15 - i] = (uint8_t)(k >> 8 * i);
}

static const char *
names_text(const struct names *n, const struct vault_id *id)
{
	uint64_t k = 0;
	size_t i;

	for (i = 8; i < 16; i++)
		k = k << 8 | id->b[i];
	return n->s[k - 1];
}

static void
node_id(const struct history *h, const char *s, struct vault_id *ret)
{
	if (strcmp(s, ROOT) == 0)
		memset(ret, 0, sizeof(*ret));
	else
		names_id(&h->nodes, s, ret);
}

/* ---- reading ----------------------------------------------------------- */

static int
text(const json_t *o, const char *key, const char **ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_string(v) ||
	    strlen(json_string_value(v)) != json_string_length(v))
		return bad("a field is missing or is no text");
	*ret = json_string_value(v);
	return 0;
}

static int
number(const json_t *v, uint64_t *ret)
{
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return bad("a number is missing or negative");
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

/* "DEVICE:SEQ" */
static int
read_id(const char *id, struct line_op *o)
{
	const char *colon = strrchr(id, ':');
	char *end;

	if (!colon || colon[1] < '0' || colon[1] > '9' || colon == id)
		return bad("an id is not DEVICE:SEQ");
	o->dev_len = (size_t)(colon - id);
	o->seq = strtoull(colon + 1, &end, 10);
	if (*end || !o->seq || o->dev_len >= sizeof(o->dev))
		return bad("an id is not DEVICE:SEQ");
	memcpy(o->dev, id, o->dev_len);
	return 0;
}

static int
read_op(const json_t *j, struct line_op *o)
{
	const char *id;

	if (text(j, "id", &id) < 0 || read_id(id, o) < 0 ||
	    text(j, "op", &o->op) < 0 || text(j, "node", &o->node) < 0 ||
	    number(json_object_get(j, "lamport"), &o->lamport) < 0)
		return -1;
	o->seen = json_object_get(j, "seen");
	if (!json_is_object(o->seen))
		return bad("an op without 'seen'");
	if (strcmp(o->node, ROOT) == 0)
		return bad("an op on the top folder");
	if (strcmp(o->op, "create") == 0) {
		if (text(j, "kind", &o->kind) < 0)
			return -1;
		if (strcmp(o->kind, "file") != 0 &&
		    strcmp(o->kind, "dir") != 0)
			return bad("a kind is neither file nor dir");
		return 0;
	}
	if (strcmp(o->op, "place") == 0) {
		if (text(j, "parent", &o->parent) < 0 ||
		    text(j, "name", &o->name) < 0)
			return -1;
		return strlen(o->name) <= VAULT_NAME_MAX ? 0 :
		    bad("a name is too long");
	}
	if (strcmp(o->op, "put") != 0 && strcmp(o->op, "delete") != 0)
		return bad("an unknown op");
	return 0;
}

static int
op_cmp(const void *a, const void *b)
{
	const struct line_op *x = a, *y = b;
	int c = strcmp(x->dev, y->dev);

	return c ? c : x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
read_history(const json_t *line, struct history *h)
{
	const json_t *ops = json_object_get(line, "ops");
	struct line_op *o;
	const char *dev;
	json_t *v;
	size_t i;

	if (!json_is_array(ops))
		return bad("a line without 'ops'");
	h->ops = calloc(json_array_size(ops) + 1, sizeof(*h->ops));
	if (!h->ops)
		return bad("out of memory");
	h->nops = json_array_size(ops);
	for (i = 0; i < h->nops; i++)
		if (read_op(json_array_get(ops, i), &h->ops[i]) < 0)
			return -1;
	/* A device's ops are added in its own order. */
	qsort(h->ops, h->nops, sizeof(*h->ops), op_cmp);
	for (i = 0; i < h->nops; i++) {
		o = &h->ops[i];
		if (names_add(&h->devs, o->dev) < 0 ||
		    names_add(&h->nodes, o->node) < 0 ||
		    (o->parent && names_add(&h->nodes, o->parent) < 0))
			return -1;
		json_object_foreach(o->seen, dev, v)
			if (names_add(&h->devs, dev) < 0)
				return -1;
	}
	names_sort(&h->devs);
	names_sort(&h->nodes);
	return 0;
}

static int
feed_op(const struct history *h, struct merge *m, const struct line_op *o)
{
	struct merge_seen seen[MERGE_DEVICES_MAX];
	struct merge_op mo = { .lamport = o->lamport, .seq = o->seq };
	struct vault_id dev;
	const char *key;
	size_t n = 0;
	json_t *v;

	json_object_foreach(o->seen, key, v) {
		if (n == MERGE_DEVICES_MAX)
			return bad("too many devices");
		names_id(&h->devs, key, &seen[n].dev);
		if (number(v, &seen[n++].seq) < 0)
			return -1;
	}
	names_id(&h->devs, o->dev, &dev);
	node_id(h, o->node, &mo.node);
	mo.type = OP_DELETE;
	if (o->kind) {
		mo.type = OP_CREATE;
		mo.kind = strcmp(o->kind, "dir") == 0 ? OP_KIND_DIR :
		    OP_KIND_FILE;
	} else if (o->parent) {
		mo.type = OP_PLACE;
		node_id(h, o->parent, &mo.other);
		mo.name = (const uint8_t *)o->name;
		mo.name_len = (uint8_t)strlen(o->name);
	} else if (strcmp(o->op, "put") == 0) {
		mo.type = OP_PUT;
	}
	if (merge_author(m, &dev, seen, n) < 0 || merge_add(m, &mo) < 0)
		return bad("an op cannot be added");
	return 0;
}

/* ---- writing ----------------------------------------------------------- */

static const char *
node_text(const struct history *h, const struct vault_id *id)
{
	return vault_id_is_root(id) ? ROOT : names_text(&h->nodes, id);
}

static int
entry(void *arg, const struct merge_entry *e)
{
	struct history *h = arg;
	char version[300];
	json_t *o;

	if (e->has_version)
		(void)snprintf(version, sizeof(version), "%s:%llu",
		    names_text(&h->devs, &e->version.dev),
		    (unsigned long long)e->version.seq);
	o = json_pack("{s:s, s:s%, s:I, s:s, s:s, s:s?, s:b}",
	    "parent", node_text(h, &e->parent),
	    "name", (const char *)e->name, (size_t)e->name_len,
	    "rank", (json_int_t)e->rank,
	    "node", node_text(h, &e->dentry),
	    "kind", e->kind == OP_KIND_DIR ? "dir" : "file",
	    "version", e->has_version ? version : NULL,
	    "loser", e->is_loser);
	if (!o || json_array_append_new(h->out, o) < 0)
		return bad("out of memory");
	return 0;
}

static int
field_cmp(const json_t *a, const json_t *b, const char *key)
{
	const char *x = json_string_value(json_object_get(a, key));
	const char *y = json_string_value(json_object_get(b, key));

	return strcmp(x ? x : "", y ? y : "");
}

static int
entry_cmp(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	json_int_t p, q;
	int c = field_cmp(x, y, "parent");

	if (!c)
		c = field_cmp(x, y, "name");
	p = json_integer_value(json_object_get(x, "rank"));
	q = json_integer_value(json_object_get(y, "rank"));
	if (!c)
		c = p < q ? -1 : p > q;
	if (!c)
		c = field_cmp(x, y, "node");
	if (!c)
		c = json_is_true(json_object_get(x, "loser")) -
		    json_is_true(json_object_get(y, "loser"));
	return c ? c : field_cmp(x, y, "version");
}

static int
print_sorted(const json_t *list)
{
	size_t i, n = json_array_size(list);
	json_t **e = calloc(n + 1, sizeof(*e));
	char *s;
	int r = -1;

	if (!e)
		return bad("out of memory");
	for (i = 0; i < n; i++)
		e[i] = json_array_get(list, i);
	qsort(e, n, sizeof(*e), entry_cmp);
	(void)putchar('[');
	for (i = 0; i < n; i++) {
		s = json_dumps(e[i], JSON_COMPACT | JSON_ENSURE_ASCII);
		if (!s)
			break;
		(void)printf("%s%s", i ? "," : "", s);
		free(s);
	}
	(void)puts("]");
	if (i < n)
		fault = "out of memory";
	else if (fflush(stdout) != 0)
		fault = "cannot write";
	else
		r = 0;
	free(e);
	return r;
}

static int
show(const json_t *line)
{
	struct history h = { .out = json_array() };
	const struct merge_visitor v = { .entry = entry, .arg = &h };
	struct merge *m = NULL;
	size_t i;
	int r = h.out ? read_history(line, &h) : bad("out of memory");

	if (r == 0 && merge_new(&m) < 0)
		r = bad("out of memory");
	for (i = 0; r == 0 && i < h.nops; i++)
		r = feed_op(&h, m, &h.ops[i]);
	if (r == 0 && merge_view(m, &v) < 0)
		r = bad("out of memory");
	if (r == 0)
		r = print_sorted(h.out);
	merge_free(m);
	free(h.ops);
	free(h.devs.s);
	free(h.nodes.s);
	json_decref(h.out);
	return r;
}

int
main(void)
{
	unsigned long n = 0;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	json_t *j;
	int r = 0;

	while (r == 0 && (len = getline(&line, &cap, stdin)) > 0) {
		n++;
		j = (size_t)len > LINE_BYTES_MAX ? NULL :
		    json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES,
		    NULL);
		r = json_is_object(j) ? show(j) : bad("not a JSON object");
		json_decref(j);
	}
	free(line);
	if (r == 0)
		return EX_OK;
	(void)fprintf(stderr, "merge_view: line %lu: %s\n", n, fault);
	return EX_DATAERR;
}
