/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "util/tr.h"

/*
 * tr_text - from a text back to the format that it was made from: a format
 * is cut into what stands in it and the directives between, and the text is
 * laid on it.  Of several that fit, the one of which most stands in the text
 * is it.  What the values are is not known better than that, so they are
 * text again in what comes out, and a text that fits nothing is left alone.
 */

#define PARTS_MAX 16
#define STEPS_MAX 500000	/* of laying texts on formats, for one text */
#define LETTERS_MIN 3	/* a format with less in it fits anything */
#define DEPTH_MAX 5	/* messages in messages */
#define MESSAGES_MAX 100	/* tries for one text: much of it is not ours */

/* What stands in a format, then a directive. */
struct part {
	const char *text;
	size_t len;
	char conv;		/* '\0': the end; '%': no value */
	unsigned at;		/* which value, from 0 */
	bool is_quoted;
};

struct format {
	struct part p[PARTS_MAX];
	size_t letters;
};

struct value {
	const char *p;
	size_t n;
	bool is_quoted;
};

struct values {
	struct value v[PARTS_MAX];
	unsigned *steps;	/* that are left */
};

/* ---- formats ------------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The end of the directive at s, which is behind its '%'.  *at is changed if
 * it names its value. */
static const char *
directive(const char *s, unsigned *at, char *conv)
{
	size_t n;

	for (n = 0; is_digit(s[n]); n++)
		;
	if (n == 1 && s[1] == '$' && *s > '0') {
		*at = (unsigned)(*s - '1');
		s += 2;
	}
	s += strspn(s, "-+ #0123456789.*hlzjt");
	*conv = *s;
	return *s ? s + 1 : s;
}

static bool
format_cut(const char *fmt, struct format *f)
{
	unsigned n = 0, next = 0;
	const char *s = fmt, *end;
	size_t i;

	for (f->letters = 0; n < PARTS_MAX; n++) {
		struct part *p = &f->p[n];

		end = strchrnul(s, '%');
		p->text = s;
		p->len = (size_t)(end - s);
		p->conv = '\0';
		for (i = 0; i < p->len; i++)
			f->letters += is_letter(s[i]);
		if (!*end)
			return true;
		p->is_quoted = p->len > 0 && end[-1] == '\'';
		p->at = next;
		s = directive(end + 1, &p->at, &p->conv);
		if (p->at >= PARTS_MAX || !p->conv)
			return false;
		if (p->conv != '%')
			next++;
	}
	return false;
}

static bool
lay(const struct part *p, const char *s, struct values *v)
{
	struct value *got;
	size_t n, max;

	if (*v->steps == 0 || strncmp(s, p->text, p->len) != 0)
		return false;
	--*v->steps;
	s += p->len;
	if (!p->conv)
		return !*s;
	if (p->conv == '%')
		return *s == '%' && lay(p + 1, s + 1, v);
	n = p->conv == 's' ? 0 : 1;
	max = p->conv == 's' ? strlen(s) : strspn(s, "-0123456789abcdefABCDEF");
	for (; n <= max; n++) {
		if (!lay(p + 1, s + n, v))
			continue;
		got = &v->v[p->at];
		got->p = s;
		got->n = n;
		got->is_quoted = p->is_quoted;
		return true;
	}
	return false;
}

/* ---- the text ------------------------------------------------------------ */

/* What was made of a text; is_full: too long, and nothing of it counts. */
struct out {
	char *p;
	size_t n;
	unsigned left, steps;	/* that may still be tried */
	bool is_full;
};

static void
put(struct out *o, const char *s, size_t n)
{
	o->is_full = o->is_full || n >= TR_MAX - o->n;
	if (o->is_full)
		return;
	memcpy(o->p + o->n, s, n);
	o->n += n;
	o->p[o->n] = '\0';
}

static void
puts_out(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

static bool text_put(struct out *o, const char *s, size_t n, unsigned depth);

static void
refill(struct out *o, const struct format *to, const struct values *v,
    unsigned depth)
{
	const struct value *x;
	const struct part *p;

	for (p = to->p;; p++) {
		put(o, p->text, p->len);
		if (!p->conv)
			return;
		x = &v->v[p->at];
		if (p->conv == '%')
			put(o, "%", 1);
		/* A value may be a message: but not if it is quoted, or one
		 * word, which is a name. */
		else if (x->p && (depth > DEPTH_MAX || x->is_quoted ||
		    !memchr(x->p, ' ', x->n) ||
		    !text_put(o, x->p, x->n, depth)))
			put(o, x->p, x->n);
	}
}

bool
tr_refill(const char *fmt, const char *to, const char *s,
    char out[static TR_MAX])
{
	struct out o = { .p = out, .steps = STEPS_MAX };
	struct format f, t;
	struct values v;

	out[0] = '\0';
	memset(&v, 0, sizeof(v));
	v.steps = &o.steps;
	if (!format_cut(fmt, &f) || !format_cut(to, &t) || !lay(f.p, s, &v))
		return false;
	refill(&o, &t, &v, DEPTH_MAX + 1);
	return !o.is_full;
}

/* The first number of the text. */
static unsigned long
number(const struct format *f, const struct values *v)
{
	const struct part *p;

	for (p = f->p; p->conv && (p->conv == 's' || p->conv == '%'); p++)
		;
	return p->conv ? strtoul(v->v[p->at].p, NULL, 10) : 0;
}

/* "HOST is full": a name, and what is said of it. */
static bool
subject_put(struct out *o, const char *s)
{
	const char *p = strchr(s, ' '), *to;

	if (!p || p == s || p[-1] == ':' || p[-1] == ';')
		return false;
	to = tr(++p);
	if (to == p)
		return false;
	put(o, s, (size_t)(p - s));
	puts_out(o, to);
	return true;
}

/* One message, of the catalogue as it is or made from a format. */
static bool
message_put(struct out *o, const char *s, unsigned depth)
{
	const char *to, *best = NULL;
	struct values v, best_v;
	size_t i, n, letters = 0;
	struct format f;

	if (o->left == 0)
		return false;
	o->left--;
	to = tr(s);
	if (to != s) {
		puts_out(o, to);
		return true;
	}
	for (i = 0; i < 2 * tr_nformats; i++) {
		const struct tr_format *t = &tr_formats[i / 2];
		const char *fmt = i % 2 ? t->many : t->one;

		memset(&v, 0, sizeof(v));
		v.steps = &o->steps;
		if (!fmt || !format_cut(fmt, &f) || f.letters < LETTERS_MIN ||
		    f.letters <= letters || !lay(f.p, s, &v))
			continue;
		n = f.letters;
		to = t->many ? tr_n(t->one, t->many, number(&f, &v)) :
		    tr(fmt);
		if (to == t->one || to == t->many || !format_cut(to, &f))
			continue;
		best = to;
		best_v = v;
		letters = n;
	}
	if (!best)
		return subject_put(o, s);
	(void)format_cut(best, &f);
	refill(o, &f, &best_v, depth + 1);
	return true;
}

/* Between two messages. */
static const char *const joints[] = { N_(": "), N_("; "), " (" };
#define NJOINTS (sizeof(joints) / sizeof(*joints))
#define BRACKET 2

static void
any_put(struct out *o, const char *s, size_t n, unsigned depth)
{
	if (!text_put(o, s, n, depth))
		put(o, s, n);
}

/* " (TEXT)" and what follows. */
static void
brackets_put(struct out *o, const char *s, unsigned depth)
{
	const char *end = strrchr(s, ')');

	if (!end)
		end = s + strlen(s);
	puts_out(o, joints[BRACKET]);
	any_put(o, s, (size_t)(end - s), depth);
	if (*end)
		put(o, end++, 1);
	if (strncmp(end, joints[1], 2) == 0) {
		puts_out(o, tr(joints[1]));
		end += 2;
	}
	any_put(o, end, strlen(end), depth);
}

/* "MESSAGE: ANYTHING" */
static bool
head_put(struct out *o, char *s, unsigned depth)
{
	bool is_known;
	size_t i;
	char *p;

	for (p = s; *p && o->left; p++) {
		for (i = 0; i < NJOINTS && strncmp(p, joints[i], 2) != 0; i++)
			;
		if (i == NJOINTS)
			continue;
		*p = '\0';
		is_known = message_put(o, s, depth);
		*p = joints[i][0];
		if (!is_known)
			continue;
		if (i == BRACKET) {
			brackets_put(o, p + 2, depth + 1);
			return true;
		}
		puts_out(o, tr(joints[i]));
		any_put(o, p + 2, strlen(p + 2), depth + 1);
		return true;
	}
	return false;
}

/* "NAME: MESSAGE" */
static bool
tail_put(struct out *o, const char *s, unsigned depth)
{
	const char *p = s;
	size_t at = o->n;

	for (; (p = strstr(p, joints[0])) != NULL; p++) {
		put(o, s, (size_t)(p - s));
		puts_out(o, tr(joints[0]));
		if (text_put(o, p + 2, strlen(p + 2), depth + 1))
			return true;
		o->n = at;
	}
	return false;
}

static bool
text_put(struct out *o, const char *s, size_t n, unsigned depth)
{
	char text[TR_MAX];
	const char *to;

	if (n == 0 || n >= sizeof(text) || depth > DEPTH_MAX || !o->left)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	if (message_put(o, text, depth) || head_put(o, text, depth) ||
	    tail_put(o, text, depth))
		return true;
	to = tr_libc(text);
	if (to == text)
		return false;
	puts_out(o, to);
	return true;
}

const char *
tr_text(const char *s, char out[static TR_MAX])
{
	struct out o = { .p = out, .left = MESSAGES_MAX,
	    .steps = STEPS_MAX };

	out[0] = '\0';
	if (!tr_is_on() || !text_put(&o, s, strlen(s), 0) || o.is_full)
		return s;
	return out;
}
