/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The program's sources are not in the library. */
#include "fs/gate.c"
#include "fs/ghost.c"
#include "fs/handle.c"
#include "fs/stage_request.c"

#define LOCKED_ERROR (-EACCES)

static struct stage s;
static struct handle *h;
static int answers[2];
static sem_t looked;

/* ---- what else takes part ------------------------------------------------ */

bool
live_is_own(const struct live *l, uint32_t pid)
{
	(void)l;
	(void)pid;
	return false;
}

bool
live_take(struct live *l, void *req, size_t len)
{
	(void)l;
	(void)req;
	(void)len;
	return false;
}

/* Asked on the way to the gate. */
bool
locked_is_own(const void *req, size_t len)
{
	(void)req;
	(void)len;
	(void)sem_post(&looked);
	return false;
}

void
locked_answer(const struct locked *l, const void *req, size_t len,
    bool is_own)
{
	struct fuse_out_header out = { sizeof(out), LOCKED_ERROR, 0 };

	(void)req;
	(void)len;
	(void)is_own;
	ck_assert(write(l->fd, &out, sizeof(out)) == sizeof(out));
}

/* ---- a request ----------------------------------------------------------- */

struct request {
	struct fuse_in_header h;
	union {
		uint64_t fh;
		struct fuse_setattr_in set;
		uint64_t copy[5];
	} body;
	enum loop_way way;
};

static struct request
request_of(uint32_t opcode)
{
	struct request q;

	memset(&q, 0, sizeof(q));
	q.h.opcode = opcode;
	q.h.len = sizeof(q.h) + sizeof(q.body);
	q.body.fh = (uintptr_t)h;
	return q;
}

static void
request_run(void *arg)
{
	struct request *q = arg;

	q->way = stage_request(&s, q, q->h.len);
}

/* What was answered; 1: nothing. */
static int
answered(void)
{
	struct fuse_out_header out;

	return read(answers[0], &out, sizeof(out)) == sizeof(out) ? out.error :
	    1;
}

static void
begin(void)
{
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(gate_new(&s.requests), 0);
	ck_assert_int_eq(handles_new(&s.ctx.handles), 0);
	ck_assert_int_eq(handle_virtual(s.ctx.handles, &h), 0);
	ck_assert_int_eq(pipe2(answers, O_NONBLOCK), 0);
	ck_assert_int_eq(sem_init(&looked, 0, 0), 0);
	s.note.fd = answers[1];
	gate_open(s.requests);
}

static void
end(void)
{
	/* Nobody is inside: it is held at once. */
	gate_open(s.requests);
	ck_assert_int_eq(gate_hold(s.requests, 0), 0);
	handles_free(s.ctx.handles);
	gate_free(s.requests);
	(void)close(answers[0]);
	(void)close(answers[1]);
	(void)sem_destroy(&looked);
}

/* The request has come to the gate when the drive is locked by force, and
 * then stays so or is unlocked. */
static enum loop_way
wait_through_lock(uint32_t opcode, bool is_unlocked)
{
	struct request q = request_of(opcode);
	pthread_t t;

	ck_assert_int_eq(gate_hold(s.requests, 0), 0);
	ck_assert_int_eq(thread_start(&t, "request", request_run, &q), 0);
	while (sem_wait(&looked) < 0)
		;
	handles_end(s.ctx.handles);
	if (is_unlocked)
		gate_open(s.requests);
	else
		gate_shut(s.requests);
	thread_join(t);
	return q.way;
}

/* ---- tests --------------------------------------------------------------- */

START_TEST(what_is_open_goes_to_the_drive)
{
	struct request q = request_of(FUSE_READ);

	begin();
	ck_assert_int_eq(stage_request(&s, &q, q.h.len), LOOP_ENTERED);
	stage_answered(&s);
	ck_assert_int_eq(answered(), 1);
	end();
}
END_TEST

START_TEST(a_read_that_waited_for_a_lock_finds_its_file_dead)
{
	begin();
	ck_assert_int_eq(wait_through_lock(FUSE_READ, _i), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), -EIO);
	ck_assert(handles_has_ghosts(s.ctx.handles));
	end();
}
END_TEST

START_TEST(a_release_that_waited_for_a_lock_ends_the_ghost)
{
	begin();
	ck_assert_int_eq(wait_through_lock(FUSE_RELEASE, _i), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), 0);
	ck_assert_int_eq(answered(), 1);
	ck_assert(!handles_has_ghosts(s.ctx.handles));
	end();
}
END_TEST

START_TEST(what_names_no_ghost_is_answered_as_locked)
{
	begin();
	ck_assert_int_eq(wait_through_lock(FUSE_LOOKUP, false), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), LOCKED_ERROR);
	ck_assert_int_eq(answered(), 1);
	end();
}
END_TEST

START_TEST(only_a_size_set_by_the_handle_is_of_a_ghost)
{
	struct request q = request_of(FUSE_SETATTR);

	begin();
	handles_end(s.ctx.handles);
	memset(&q.body, 0, sizeof(q.body));
	q.body.set.fh = (uintptr_t)h;
	ck_assert_int_eq(stage_request(&s, &q, q.h.len), LOOP_ENTERED);
	stage_answered(&s);
	q.body.set.valid = FATTR_SIZE | FATTR_FH;
	ck_assert_int_eq(stage_request(&s, &q, q.h.len), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), -EIO);
	end();
}
END_TEST

START_TEST(what_closing_came_to_is_told_by_each_flush)
{
	struct request q;

	begin();
	handles_end(s.ctx.handles);
	q = request_of(FUSE_FLUSH);
	ck_assert_int_eq(stage_request(&s, &q, q.h.len), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), 0);
	h->error = -ENOSPC;
	ck_assert_int_eq(stage_request(&s, &q, q.h.len), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), -ENOSPC);
	ck_assert_int_eq(stage_request(&s, &q, q.h.len), LOOP_ANSWERED);
	ck_assert_int_eq(answered(), -ENOSPC);
	end();
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ghost");
	TCase *c = tcase_create("ghost");
	SRunner *run;
	int n;

	tcase_add_test(c, what_is_open_goes_to_the_drive);
	tcase_add_loop_test(c,
	    a_read_that_waited_for_a_lock_finds_its_file_dead, 0, 2);
	tcase_add_loop_test(c,
	    a_release_that_waited_for_a_lock_ends_the_ghost, 0, 2);
	tcase_add_test(c, what_names_no_ghost_is_answered_as_locked);
	tcase_add_test(c, only_a_size_set_by_the_handle_is_of_a_ghost);
	tcase_add_test(c, what_closing_came_to_is_told_by_each_flush);
	suite_add_tcase(suite, c);
	run = srunner_create(suite);
	srunner_run_all(run, CK_ENV);
	n = srunner_ntests_failed(run);
	srunner_free(run);
	return n == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
