/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>

#include "tests/lib/fix_vault.h"
#include "tests/lib/story.h"

static const struct vault_id top;
#define ID(c) fix_id(c)
#define A 0
#define B 1
#define C 2

/* ---- the table of rules, line by line ---- */

START_TEST(of_two_writes_the_greater_is_the_file_and_the_other_is_beside)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_act(&s, A, OP_PUT, ID('f'));
	story_meet(&s);
	story_act(&s, A, OP_PUT, ID('f'));
	story_act(&s, B, OP_PUT, ID('f'));
	story_shows(&s, "/x:f=B1 /x:f=A4! ");
	/* One more, by who has seen both, and there is one again. */
	story_meet(&s);
	story_act(&s, C, OP_PUT, ID('f'));
	story_shows(&s, "/x:f=C1 ");
	story_done(&s);
}
END_TEST

START_TEST(a_file_survives_a_delete_that_had_not_seen_its_change)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_make(&s, A, ID('g'), OP_KIND_FILE, top, "y");
	story_make(&s, A, ID('h'), OP_KIND_FILE, top, "z");
	story_meet(&s);
	story_act(&s, A, OP_DELETE, ID('f'));
	story_act(&s, A, OP_DELETE, ID('g'));
	story_act(&s, A, OP_DELETE, ID('h'));
	story_act(&s, B, OP_PUT, ID('f'));
	story_place(&s, B, ID('g'), top, "moved");
	story_shows(&s, "/moved:g /x:f=B1 ");
	story_done(&s);
}
END_TEST

START_TEST(of_two_renames_the_greater_wins)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_meet(&s);
	story_place(&s, B, ID('f'), top, "b");
	story_place(&s, A, ID('f'), top, "a");
	story_shows(&s, "/b:f ");
	story_done(&s);
}
END_TEST

START_TEST(of_two_nodes_with_one_name_the_lower_keeps_it)
{
	struct story s;

	story_init(&s);
	story_make(&s, B, ID('g'), OP_KIND_FILE, top, "x");
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_make(&s, C, ID('d'), OP_KIND_DIR, top, "x");
	story_shows(&s, "/x:f /x:g#1 /x:d#2 ");
	story_done(&s);
}
END_TEST

START_TEST(folders_of_one_name_are_one_all_the_way_down)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('a'), OP_KIND_DIR, top, "x");
	story_make(&s, A, ID('c'), OP_KIND_DIR, ID('a'), "y");
	story_make(&s, A, ID('e'), OP_KIND_FILE, ID('c'), "1");
	story_make(&s, B, ID('b'), OP_KIND_DIR, top, "x");
	story_make(&s, B, ID('d'), OP_KIND_DIR, ID('b'), "y");
	story_make(&s, B, ID('f'), OP_KIND_FILE, ID('d'), "2");
	story_make(&s, B, ID('g'), OP_KIND_FILE, ID('d'), "1");
	story_shows(&s, "/x:a ay:c c1:e c1:g#1 c2:f ");
	story_done(&s);
}
END_TEST

static int
alias_put(void *arg, const struct vault_id *alias,
    const struct vault_id *into)
{
	return buf_printf(arg, "%c>%c ", story_char(alias), story_char(into));
}

START_TEST(a_folder_that_is_shown_as_another_is_told)
{
	struct buf b = BUF_INIT(4096);
	struct merge_visitor v = { .entry = story_line, .alias = alias_put,
		.arg = &b };
	struct story s;
	struct merge *m;
	size_t i;

	story_init(&s);
	story_make(&s, A, ID('a'), OP_KIND_DIR, top, "x");
	story_make(&s, B, ID('b'), OP_KIND_DIR, top, "x");
	ck_assert_int_eq(merge_new(&m), 0);
	for (i = 0; i < s.n; i++)
		story_feed(m, &s, &s.acts[i]);
	ck_assert_int_eq(merge_view(m, &v), 0);
	ck_assert_str_eq(buf_cstr(&b), "/x:a b>a ");
	merge_free(m);
	buf_done(&b);
	story_done(&s);
}
END_TEST

START_TEST(a_folder_stays_with_the_child_its_remover_had_not_seen)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('d'), OP_KIND_DIR, top, "d");
	story_make(&s, A, ID('e'), OP_KIND_DIR, ID('d'), "e");
	story_meet(&s);
	story_act(&s, A, OP_DELETE, ID('e'));
	story_act(&s, A, OP_DELETE, ID('d'));
	story_make(&s, B, ID('f'), OP_KIND_FILE, ID('e'), "f");
	story_shows(&s, "/d:d de:e ef:f ");
	story_meet(&s);
	story_act(&s, B, OP_DELETE, ID('f'));
	story_shows(&s, "");
	story_done(&s);
}
END_TEST

START_TEST(of_two_moves_into_each_other_the_later_is_skipped)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('a'), OP_KIND_DIR, top, "a");
	story_make(&s, A, ID('b'), OP_KIND_DIR, top, "b");
	story_make(&s, A, ID('f'), OP_KIND_FILE, ID('b'), "f");
	story_meet(&s);
	story_place(&s, B, ID('b'), ID('a'), "b");
	story_place(&s, A, ID('a'), ID('b'), "a");
	story_shows(&s, "/b:b ba:a bf:f ");
	story_place(&s, C, ID('a'), ID('a'), "self");
	story_shows(&s, "/b:b ba:a bf:f ");
	story_done(&s);
}
END_TEST

START_TEST(a_folder_moves_and_is_written_into_at_once)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('d'), OP_KIND_DIR, top, "d");
	story_meet(&s);
	story_place(&s, A, ID('d'), top, "moved");
	story_make(&s, B, ID('f'), OP_KIND_FILE, ID('d'), "f");
	story_shows(&s, "/moved:d df:f ");
	story_done(&s);
}
END_TEST

START_TEST(a_delete_is_no_delete_of_what_comes_after_it)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_act(&s, A, OP_PUT, ID('f'));
	story_act(&s, A, OP_DELETE, ID('f'));
	story_shows(&s, "");
	story_place(&s, A, ID('f'), top, "back");
	/* The name is back; what was deleted with it is not. */
	story_shows(&s, "/back:f ");
	story_done(&s);
}
END_TEST

/* ---- hard links ---- */

START_TEST(a_hard_link_is_one_more_name_of_the_file)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_act(&s, A, OP_PUT, ID('f'));
	story_link(&s, A, ID('l'), ID('f'), top, "y");
	story_shows(&s, "/x:f=A3 /y:l=A3 ");
	story_act(&s, A, OP_DELETE, ID('f'));
	story_shows(&s, "/y:l=A3 ");
	story_act(&s, A, OP_DELETE, ID('l'));
	story_shows(&s, "");
	story_done(&s);
}
END_TEST

START_TEST(a_write_keeps_every_name_alive)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_link(&s, A, ID('l'), ID('f'), top, "y");
	story_meet(&s);
	story_act(&s, A, OP_DELETE, ID('f'));
	story_act(&s, A, OP_DELETE, ID('l'));
	story_act(&s, B, OP_PUT, ID('f'));
	story_shows(&s, "/x:f=B1 /y:l=B1 ");
	story_done(&s);
}
END_TEST

START_TEST(a_lost_version_is_beside_the_oldest_name_only)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('f'), OP_KIND_FILE, top, "x");
	story_link(&s, A, ID('l'), ID('f'), top, "a");
	story_meet(&s);
	story_act(&s, A, OP_PUT, ID('f'));
	story_act(&s, B, OP_PUT, ID('f'));
	story_shows(&s, "/a:l=B1 /x:f=B1 /x:f=A5! ");
	/* A delete of one name hides nothing that the other one shows. */
	story_meet(&s);
	story_act(&s, A, OP_DELETE, ID('f'));
	story_shows(&s, "/a:l=B1 /a:l=A5! ");
	story_done(&s);
}
END_TEST

START_TEST(a_link_to_a_folder_or_to_nothing_is_not_shown)
{
	struct story s;

	story_init(&s);
	story_make(&s, A, ID('d'), OP_KIND_DIR, top, "d");
	story_link(&s, A, ID('l'), ID('d'), top, "l");
	story_link(&s, A, ID('m'), ID('n'), top, "m");
	story_place(&s, A, ID('o'), top, "o");
	story_make(&s, A, ID('p'), OP_KIND_FILE, ID('q'), "nowhere");
	story_make(&s, A, ID('r'), OP_KIND_FILE, ID('p'), "in a file");
	story_shows(&s, "/d:d ");
	story_done(&s);
}
END_TEST

/* ---- names of what lost ---- */

/* Of op 7 of device 0xa1, of which ID below is made. */
#define LOST "kyvzhi7q"

static void
is_named(const char *name, const char *label, const char *want)
{
	struct op_stamp s = fix_stamp(0xa1, 5, 7);
	uint8_t out[VAULT_NAME_MAX], len;

	merge_conflict_name((const uint8_t *)name, strlen(name), label, &s,
	    out, &len);
	ck_assert_uint_eq(len, strlen(want));
	ck_assert_mem_eq(out, want, len);
	ck_assert(op_name_valid(out, len));
}

START_TEST(a_conflict_name_keeps_the_extension)
{
	is_named("report.txt", "anna", "report (conflict anna " LOST ").txt");
	is_named("Makefile", "anna", "Makefile (conflict anna " LOST ")");
	is_named(".profile", "anna", ".profile (conflict anna " LOST ")");
	is_named("a.", "anna", "a. (conflict anna " LOST ")");
	is_named("x.tar.gz", "", "x.tar (conflict " LOST ").gz");
	is_named("x", "a/b\n", "x (conflict a_b_ " LOST ")");
}
END_TEST

START_TEST(a_long_conflict_name_is_cut_between_characters)
{
	struct op_stamp s = fix_stamp(0xa1, 5, 7), other = s;
	uint8_t in[VAULT_NAME_MAX], out[VAULT_NAME_MAX], o2[VAULT_NAME_MAX];
	uint8_t len, l2;
	size_t i;

	for (i = 0; i < 250; i += 2)
		memcpy(in + i, "\xc3\xa4", 2);
	memcpy(in + 250, ".jpeg", 5);
	merge_conflict_name(in, 255, "m\xc3\xb6" "bel", &s, out, &len);
	ck_assert_uint_ge(len, VAULT_NAME_MAX - 1);
	ck_assert_mem_eq(out + len - 5, ".jpeg", 5);
	for (i = 0; out[i] == 0xc3; i += 2)
		ck_assert_uint_eq(out[i + 1], 0xa4);
	ck_assert_uint_eq(out[i], ' ');
	/* What is no UTF-8 is cut too. */
	memset(in, 0x80, sizeof(in));
	merge_conflict_name(in, 255, "x", &s, out, &len);
	ck_assert_uint_eq(len, VAULT_NAME_MAX);
	/* Another op, another name. */
	other.seq++;
	merge_conflict_name(in, 255, "x", &other, o2, &l2);
	ck_assert(len != l2 || memcmp(out, o2, len) != 0);
}
END_TEST

START_TEST(conflict_ids_depend_on_the_op_alone)
{
	struct op_stamp s = fix_stamp(0xa1, 5, 7);
	struct vault_id a, b;

	merge_conflict_id(&s, &a);
	s.lamport = 9;
	merge_conflict_id(&s, &b);
	ck_assert(vault_id_eq(&a, &b));
	s.seq = 8;
	merge_conflict_id(&s, &b);
	ck_assert(!vault_id_eq(&a, &b));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("merge");
	TCase *t = tcase_create("merge");
	SRunner *r;
	int failed;

	tcase_set_timeout(t, 240);
	tcase_add_test(t,
	    of_two_writes_the_greater_is_the_file_and_the_other_is_beside);
	tcase_add_test(t,
	    a_file_survives_a_delete_that_had_not_seen_its_change);
	tcase_add_test(t, of_two_renames_the_greater_wins);
	tcase_add_test(t, of_two_nodes_with_one_name_the_lower_keeps_it);
	tcase_add_test(t, folders_of_one_name_are_one_all_the_way_down);
	tcase_add_test(t, a_folder_that_is_shown_as_another_is_told);
	tcase_add_test(t,
	    a_folder_stays_with_the_child_its_remover_had_not_seen);
	tcase_add_test(t, of_two_moves_into_each_other_the_later_is_skipped);
	tcase_add_test(t, a_folder_moves_and_is_written_into_at_once);
	tcase_add_test(t, a_delete_is_no_delete_of_what_comes_after_it);
	tcase_add_test(t, a_hard_link_is_one_more_name_of_the_file);
	tcase_add_test(t, a_write_keeps_every_name_alive);
	tcase_add_test(t, a_lost_version_is_beside_the_oldest_name_only);
	tcase_add_test(t, a_link_to_a_folder_or_to_nothing_is_not_shown);
	tcase_add_test(t, a_conflict_name_keeps_the_extension);
	tcase_add_test(t, a_long_conflict_name_is_cut_between_characters);
	tcase_add_test(t, conflict_ids_depend_on_the_op_alone);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
