/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <stdlib.h>

/* The program's sources are not in the library. */
#include "fs/child.c"
#include "fs/png.c"
#include "fs/preview.c"
#include "fs/thumbnailer.c"

static struct buf png;

static void
begin(void)
{
	buf_init(&png, 1 << 20);
	ck_assert_int_eq(buf_put(&png, sign, SIGN_LEN), 0);
}

static void
end(void)
{
	buf_done(&png);
}

static void
chunk(const char *type, const void *p, size_t n)
{
	uint8_t b[4];
	size_t at;

	put_be32(b, (uint32_t)n);
	(void)buf_put(&png, b, 4);
	at = png.len;
	(void)buf_put(&png, type, 4);
	(void)buf_put(&png, p, n);
	put_be32(b, crc(0, png.data + at, n + 4));
	ck_assert_int_eq(buf_put(&png, b, 4), 0);
}

static void
head(uint32_t w, uint32_t h, uint8_t depth, uint8_t colour, uint8_t lace)
{
	uint8_t b[HEAD_LEN] = { 0 };

	end();
	begin();
	put_be32(b, w);
	put_be32(b + 4, h);
	b[8] = depth;
	b[9] = colour;
	b[12] = lace;
	chunk("IHDR", b, sizeof(b));
}

/* What makes a picture that is taken; it is not unpacked. */
static void
rest(void)
{
	chunk("IDAT", "data", 4);
	chunk("IEND", NULL, 0);
}

static int
judge(void)
{
	return png_check(png.data, png.len, 128);
}

START_TEST(checksums_are_those_of_png)
{
	ck_assert_uint_eq(crc(0, "IEND", 4), 0xae426082u);
	ck_assert_uint_eq(crc(0, "123456789", 9), 0xcbf43926u);
}
END_TEST

START_TEST(a_picture_is_taken)
{
	static const uint8_t good[][2] = { { 8, 0 }, { 1, 0 }, { 8, 2 },
	    { 8, 4 }, { 8, 6 } };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
		head(128, 1, good[i][0], good[i][1], 0);
		rest();
		ck_assert_int_eq(judge(), 0);
	}
	head(1, 128, 4, 3, 0);
	chunk("PLTE", "abcdef", 6);
	chunk("tRNS", "ab", 2);
	chunk("IDAT", "da", 2);
	rest();
	ck_assert_int_eq(judge(), 0);
}
END_TEST

static void
bad(void)
{
	struct buf b = BUF_INIT(1 << 20);

	rest();
	ck_assert_int_eq(judge(), -EBADMSG);
	ck_assert_int_eq(png_strip(png.data, png.len, 128, &b), -EBADMSG);
	buf_done(&b);
}

START_TEST(what_is_no_small_picture_is_refused)
{
	static const uint8_t ways[][2] = { { 16, 2 }, { 4, 2 }, { 3, 0 },
	    { 0, 0 }, { 8, 1 }, { 8, 5 }, { 8, 7 }, { 9, 0 } };
	size_t i;

	head(129, 1, 8, 0, 0);
	bad();
	head(1, 129, 8, 0, 0);
	bad();
	head(0, 1, 8, 0, 0);
	bad();
	head(1, 0, 8, 0, 0);
	bad();
	head(1, 1, 8, 0, 1);
	bad();
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		head(1, 1, ways[i][0], ways[i][1], 0);
		bad();
	}
	head(1, 1, 8, 3, 0);		/* without its palette */
	bad();
	head(1, 1, 8, 0, 0);
	chunk("PLTE", "abc", 3);	/* with one that is not wanted */
	bad();
	head(1, 1, 8, 3, 0);
	chunk("PLTE", "abcd", 4);
	bad();
	head(1, 1, 8, 4, 0);
	chunk("tRNS", "ab", 2);
	bad();
	head(1, 1, 8, 0, 0);
	chunk("IHDR", "0123456789012", 13);
	bad();
	head(1, 1, 8, 0, 0);
	chunk("acTL", "01234567", 8);
	bad();
	head(1, 1, 8, 0, 0);
	chunk("IEND", NULL, 0);		/* without data */
	ck_assert_int_eq(judge(), -EBADMSG);
}
END_TEST

START_TEST(every_change_of_a_byte_is_seen)
{
	size_t i;

	head(2, 2, 8, 2, 0);
	rest();
	for (i = 0; i < png.len; i++) {
		png.data[i] ^= 1;
		ck_assert_int_eq(judge(), -EBADMSG);
		png.data[i] ^= 1;
		ck_assert_int_eq(png_check(png.data, i, 128), -EBADMSG);
	}
	ck_assert_int_eq(judge(), 0);
	ck_assert_int_eq(buf_put_u8(&png, 0), 0);
	ck_assert_int_eq(judge(), -EBADMSG);
}
END_TEST

START_TEST(what_tells_of_people_is_taken_out)
{
	struct buf b = BUF_INIT(1 << 20);

	head(2, 2, 8, 2, 0);
	chunk("tEXt", "Thumb::URI\0file:///x", 20);
	chunk("eXIf", "where", 5);
	chunk("IDAT", "data", 4);
	chunk("tIME", "1234567", 7);
	chunk("IEND", NULL, 0);
	ck_assert_int_eq(buf_put(&png, "behind", 6), 0);
	ck_assert_int_eq(judge(), -EBADMSG);
	ck_assert_int_eq(png_strip(png.data, png.len, 128, &b), 0);
	head(2, 2, 8, 2, 0);
	rest();
	ck_assert_uint_eq(b.len, png.len);
	ck_assert_int_eq(memcmp(b.data, png.data, b.len), 0);
	buf_done(&b);
}
END_TEST

START_TEST(texts_are_found_again)
{
	static const struct png_text t[] = { { "Thumb::URI", "file:///a%20b" },
	    { "Thumb::MTime", "-1" } }, other = { "Thumb::MTime", "-10" },
	    part = { "Thumb", "x" };
	struct buf b = BUF_INIT(1 << 20), c = BUF_INIT(1 << 20);
	size_t n;

	head(2, 2, 8, 2, 0);
	rest();
	ck_assert_int_eq(png_label(png.data, png.len, t, 2, &b), 0);
	ck_assert(png_says(b.data, b.len, &t[0]));
	ck_assert(png_says(b.data, b.len, &t[1]));
	ck_assert(!png_says(b.data, b.len, &other));
	ck_assert(!png_says(b.data, b.len, &part));
	ck_assert(!png_says(png.data, png.len, &t[0]));
	ck_assert(!png_says(b.data, 40, &t[0]));
	ck_assert(!png_says(b.data, 0, &t[0]));
	ck_assert_ptr_null(png_find((const uint8_t *)"text", 4, "t", &n));
	ck_assert_int_eq(png_strip(b.data, b.len, 128, &c), 0);
	ck_assert_uint_eq(c.len, png.len);
	buf_done(&b);
	buf_done(&c);
}
END_TEST

START_TEST(a_record_is_read_as_it_was_written)
{
	struct preview v = { .mtime_ns = -5, .size = 300000 }, w;
	struct drive_attr a = { .mtime_ns = -5, .size = 300000 };
	struct buf b = BUF_INIT(PREVIEW_MAX);
	size_t i;

	head(2, 2, 8, 2, 0);
	rest();
	v.png = png.data;
	v.png_len = png.len;
	ck_assert_int_eq(preview_write(&v, &b), 0);
	ck_assert_int_eq(preview_read(b.data, b.len, &w), 0);
	ck_assert(preview_is_of(&w, &a));
	ck_assert_uint_eq(w.png_len, png.len);
	ck_assert_int_eq(memcmp(w.png, png.data, png.len), 0);
	a.mtime_ns++;
	ck_assert(!preview_is_of(&w, &a));
	a.mtime_ns--;
	a.size++;
	ck_assert(!preview_is_of(&w, &a));
	for (i = 0; i < b.len; i++)
		ck_assert_int_eq(preview_read(b.data, i, &w), -EBADMSG);
	b.data[0]++;
	ck_assert_int_eq(preview_read(b.data, b.len, &w), -EBADMSG);
	buf_done(&b);
}
END_TEST

START_TEST(pictures_are_known_by_their_beginning)
{
	ck_assert_str_eq(picture_type((const uint8_t *)"\xff\xd8\xff\xe0", 4),
	    "image/jpeg");
	ck_assert_str_eq(picture_type((const uint8_t *)"RIFFxxxxWEBP", 12),
	    "image/webp");
	ck_assert_ptr_null(picture_type((const uint8_t *)"RIFFxxxxWEB", 11));
	ck_assert_ptr_null(picture_type((const uint8_t *)"\xff\xd8", 2));
	ck_assert_ptr_null(picture_type((const uint8_t *)"", 0));
}
END_TEST

START_TEST(a_program_is_told_what_to_do)
{
	static struct thumbnailer t;
	char s[4096];

	ck_assert_int_eq(thumbnailer_parse("/usr/bin/a -s %s %u %o", 128, &t),
	    0);
	ck_assert_str_eq(t.argv[0], JAIL_NAME);
	ck_assert_str_eq(t.argv[1], "/usr/bin/a");
	ck_assert_str_eq(t.argv[2], "-s");
	ck_assert_str_eq(t.argv[3], "128");
	ck_assert_str_eq(t.argv[4], "file:///proc/self/fd/0");
	ck_assert_str_eq(t.argv[5], "/proc/self/fd/3");
	ck_assert_ptr_null(t.argv[6]);
	ck_assert_int_eq(thumbnailer_parse("a \"b %% \\\"c\" --in=%i --o=%o",
	    9, &t), 0);
	ck_assert_str_eq(t.argv[2], "b % \"c");
	ck_assert_str_eq(t.argv[3], "--in=/proc/self/fd/0");
	ck_assert_int_eq(thumbnailer_parse("a %i", 9, &t), -EINVAL);
	ck_assert_int_eq(thumbnailer_parse("a %o", 9, &t), -EINVAL);
	ck_assert_int_eq(thumbnailer_parse("a %i %o %f", 9, &t), -EINVAL);
	ck_assert_int_eq(thumbnailer_parse("a %i \"%o", 9, &t), -EINVAL);
	ck_assert_int_eq(thumbnailer_parse("", 9, &t), -EINVAL);
	memset(s, 'x', sizeof(s));
	memcpy(s, "a %i %o ", 8);
	s[sizeof(s) - 1] = '\0';
	ck_assert_int_eq(thumbnailer_parse(s, 9, &t), -EINVAL);
	memset(s + 8, ' ', sizeof(s) - 9);
	for (size_t i = 8; i < sizeof(s) - 1; i += 2)
		s[i] = 'x';
	ck_assert_int_eq(thumbnailer_parse(s, 9, &t), -EINVAL);
	ck_assert(has_type("image/png;image/jpeg;", "image/jpeg"));
	ck_assert(has_type("image/jpeg", "image/jpeg"));
	ck_assert(!has_type("image/jpeg2000;ximage/jpeg;", "image/jpeg"));
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("preview");
	TCase *t = tcase_create("preview");

	tcase_add_checked_fixture(t, begin, end);
	tcase_add_test(t, checksums_are_those_of_png);
	tcase_add_test(t, a_picture_is_taken);
	tcase_add_test(t, what_is_no_small_picture_is_refused);
	tcase_add_test(t, every_change_of_a_byte_is_seen);
	tcase_add_test(t, what_tells_of_people_is_taken_out);
	tcase_add_test(t, texts_are_found_again);
	tcase_add_test(t, a_record_is_read_as_it_was_written);
	tcase_add_test(t, pictures_are_known_by_their_beginning);
	tcase_add_test(t, a_program_is_told_what_to_do);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
