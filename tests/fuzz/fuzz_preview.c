/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A picture that is kept with a file, as any device or program may have
 * written it, and what a program made of a photo: also with its checksums
 * set right, which chance does not do. */
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/png.c"
#include "fs/preview.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
mend(uint8_t *p, size_t n)
{
	size_t at = SIGN_LEN;
	uint32_t len;

	while (n >= AROUND && at <= n - AROUND) {
		len = get_be32(p + at);
		if (len > n - AROUND - at)
			return;
		put_be32(p + at + 8 + len, crc(0, p + at + 4, len + 4));
		at += AROUND + len;
	}
}

static void
label(const uint8_t *p, size_t n)
{
	static const struct png_text t[] = { { "Thumb::URI", "file:///a" },
	    { "Thumb::MTime", "1" } };
	struct buf a = BUF_INIT(1 << 25), b = BUF_INIT(1 << 25);

	if (png_label(p, n, t, 2, &a) < 0 || !png_says(a.data, a.len, &t[0]) ||
	    !png_says(a.data, a.len, &t[1]) ||
	    png_check(a.data, a.len, PREVIEW_SIDE) == 0)
		abort();
	if (png_strip(a.data, a.len, PREVIEW_SIDE, &b) < 0 || b.len != n ||
	    memcmp(b.data, p, n) != 0)
		abort();
	buf_done(&a);
	buf_done(&b);
}

static void
picture(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT(1 << 25);
	size_t len;

	(void)png_find(p, n, "Thumb::URI", &len);
	if (png_strip(p, n, PREVIEW_SIDE, &b) == 0) {
		if (png_check(b.data, b.len, PREVIEW_SIDE) < 0)
			abort();
		label(b.data, b.len);
	} else if (png_check(p, n, PREVIEW_SIDE) == 0) {
		abort();
	}
	buf_done(&b);
}

static void
record(const uint8_t *p, size_t n)
{
	struct buf b = BUF_INIT(PREVIEW_MAX);
	struct preview v;

	if (preview_read(p, n, &v) < 0)
		return;
	label(v.png, v.png_len);
	if (preview_write(&v, &b) < 0 || b.len != n ||
	    memcmp(b.data, p, n) != 0)
		abort();
	buf_done(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (!copy)
		abort();
	picture(p, n);
	record(p, n);
	if (n > 0)
		memcpy(copy, p, n);
	mend(copy, n);
	picture(copy, n);
	if (n > RECORD_HEAD) {
		memcpy(copy, p, n);
		mend(copy + RECORD_HEAD, n - RECORD_HEAD);
		record(copy, n);
	}
	free(copy);
	return 0;
}
