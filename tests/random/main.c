/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ops.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHORT_ENOUGH 12		/* operations that show the self-test's lie */
#define SHOWN 60		/* operations printed at most */
#define ALL_KINDS 20000		/* a run of so many has seen every kind */
#define ALL_HOOKS 200000	/* ... and all that the hook does */

struct args {
	struct run run;
	const char *replay, *save;
	int seconds, shrink;
	bool is_self_test;
};

static int
usage(const char *me)
{
	fprintf(stderr, "usage: %s DIR [--seed N] [--workers N] [--ops N] "
	    "[--seconds N] [--whole]\n\t[--remount-every N] "
	    "[--hook PROGRAM] [--save FILE] [--shrink SECONDS]\n\t"
	    "[--replay FILE] [--self-test]\n", me);
	return 64;
}

static int
args_parse(int argc, char **argv, struct args *a)
{
	static const struct option opts[] = {
		{ "seed", 1, NULL, 's' }, { "workers", 1, NULL, 'w' },
		{ "ops", 1, NULL, 'n' }, { "seconds", 1, NULL, 't' },
		{ "remount-every", 1, NULL, 'r' }, { "hook", 1, NULL, 'h' },
		{ "save", 1, NULL, 'o' }, { "shrink", 1, NULL, 'k' },
		{ "replay", 1, NULL, 'p' }, { "self-test", 0, NULL, 'S' },
		{ "whole", 0, NULL, 'W' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) != -1) {
		switch (c) {
		case 's': a->run.seed = strtoull(optarg, NULL, 0); break;
		case 'w': a->run.workers = (unsigned)atoi(optarg); break;
		case 'n': a->run.ops = strtoull(optarg, NULL, 0); break;
		case 't': a->seconds = atoi(optarg); break;
		case 'r': a->run.remount_every = (unsigned)atoi(optarg); break;
		case 'h': a->run.hook = optarg; break;
		case 'o': a->save = optarg; break;
		case 'k': a->shrink = atoi(optarg); break;
		case 'p': a->replay = optarg; break;
		case 'S': a->is_self_test = true; break;
		case 'W': a->run.is_whole = true; break;
		default: return -1;
		}
	}
	if (optind + 1 != argc || a->run.workers < 1 ||
	    a->run.workers > RND_WORKERS_MAX)
		return -1;
	a->run.dir = argv[optind];
	return 0;
}

static void *
worker_main(void *arg)
{
	worker_run(arg);
	return NULL;
}

/* In a run of so many operations: is this one of the kinds that have been
 * done? */
static bool
is_wanted(const struct run *run, unsigned kind, uint64_t total)
{
	if (kind < OP_FREE)
		return total >= ALL_KINDS;
	if (kind == OP_REMOUNT)
		return run->hook && run->remount_every &&
		    total / run->workers >= 4 * run->remount_every;
	return run->hook && total >= ALL_HOOKS;
}

/* What was done, and how much of it was to succeed and did. */
static int
report_kinds(const struct run *run, const struct ctx *c, uint64_t *ret)
{
	uint64_t total = 0, n, good, done[OP_KINDS];
	unsigned k, i;
	int r = 0;

	for (k = 0; k < OP_KINDS; k++) {
		for (n = good = i = 0; i < run->workers; i++) {
			n += c[i].count[k];
			good += c[i].good[k];
		}
		printf("# %-10s %8" PRIu64 "  done %8" PRIu64 "\n",
		    op_names[k], n, good);
		total += n;
		done[k] = good;
	}
	*ret = total;
	for (k = 0; k < OP_KINDS; k++) {
		if (done[k] > 0 || !is_wanted(run, k, total))
			continue;
		printf("'%s' was never done\n", op_names[k]);
		r = -1;
	}
	if (run->is_whole && total < run->ops * run->workers) {
		printf("the time was too short for %" PRIu64 " operations\n",
		    run->ops * run->workers);
		r = -1;
	}
	return r;
}

/* A failure: who, what, and the shortest list that shows it. */
static void
report_failure(struct args *a, struct ctx *c)
{
	static char why[RND_WHY];
	struct list l = c->done;
	char part[PATH_MAX];
	size_t i;

	printf("worker %u of seed %" PRIu64 " fails at operation %zu:\n  ",
	    c->id, a->run.seed, l.n - 1);
	op_print(stdout, &l.v[l.n - 1]);
	printf("  %s\n", c->why);
	if (a->save && list_save(&l, a->save) == 0)
		printf("all of its operations are in %s\n", a->save);
	fflush(stdout);
	if (a->shrink <= 0)
		return;
	if (list_shrink(&a->run, &l, a->shrink, why) < 0) {
		printf("alone in a new folder it does not fail again\n");
		c->done = l;
		return;
	}
	printf("these %zu operations are enough:\n", l.n);
	for (i = l.n > SHOWN ? l.n - SHOWN : 0; i < l.n; i++) {
		printf("  ");
		op_print(stdout, &l.v[i]);
	}
	printf("  %s\n", why);
	snprintf(part, sizeof(part), "%s.short", a->save ? a->save : "");
	if (a->save && list_save(&l, part) == 0)
		printf("they are in %s\n", part);
	c->done = l;
}

static int
run_all(struct args *a, struct ctx *c, const char *dir)
{
	pthread_t t[RND_WORKERS_MAX];
	char shared[300];
	unsigned i, n;
	int r = 0;

	snprintf(shared, sizeof(shared), "%s/shared", dir);
	if (mkdir(dir, 0755) < 0 || shared_make(shared) < 0) {
		perror(dir);
		return -1;
	}
	for (i = 0; i < a->run.workers; i++) {
		if (worker_init(&c[i], &a->run, i, dir) < 0) {
			perror(c[i].top);
			return -1;
		}
	}
	for (n = 0; n < a->run.workers; n++) {
		if (pthread_create(&t[n], NULL, worker_main, &c[n]) != 0)
			abort();
	}
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	for (i = 0; i < n; i++)
		r |= c[i].is_failed ? -1 : 0;
	if (r == 0 && shared_check(c, n) < 0) {
		printf("in the shared folder: %s\n", c->why);
		r = -2;
	}
	return r;
}

static int
run_main(struct args *a)
{
	struct ctx *c = calloc(a->run.workers, sizeof(*c));
	uint64_t total = 0;
	char dir[256];
	unsigned i;
	int r;

	if (!c)
		return 1;
	run_init(&a->run);
	snprintf(dir, sizeof(dir), "%.200s/run-%d", a->run.dir, getpid());
	if (a->seconds)
		a->run.end_ns = now_ns() + a->seconds * INT64_C(1000000000);
	printf("# seed %" PRIu64 ", %u workers\n", a->run.seed,
	    a->run.workers);
	fflush(stdout);
	r = run_all(a, c, dir);
	if (report_kinds(&a->run, c, &total) < 0 && r == 0)
		r = -2;
	for (i = 0; i < a->run.workers && r == -1; i++) {
		if (c[i].is_failed && c[i].done.n > 0)
			report_failure(a, &c[i]);
	}
	printf("%" PRIu64 " operations, %s\n", total,
	    r == 0 ? "no difference" : "FAILED");
	for (i = 0; i < a->run.workers; i++)
		worker_done(&c[i]);
	free(c);
	return r != 0;
}

static int
replay_main(struct args *a)
{
	struct list l = { NULL, 0, 0 };
	char why[RND_WHY];
	size_t at = 0;
	int r;

	if (list_load(&l, a->replay) < 0) {
		fprintf(stderr, "%s: cannot be read\n", a->replay);
		return 1;
	}
	r = list_replay(&a->run, &l, &at, why);
	printf("%zu operations: %s\n", l.n, r == 0 ? "no difference" : why);
	if (r == 1 && at < l.n)
		op_print(stdout, &l.v[at]);
	free(l.v);
	return r != 0;
}

/* One bit of what is read from a file with a hole punched is turned: that
 * has to be found and to come down to a few operations, and these have to
 * pass when nobody lies. */
static int
self_test(struct args *a)
{
	struct ctx *c = calloc(1, sizeof(*c));
	struct list l;
	char dir[256], why[RND_WHY];
	size_t at;
	int r = 1;

	if (!c)
		return 1;
	a->run.workers = 1;
	a->run.ops = 20000;
	a->run.is_lying = true;
	run_init(&a->run);
	snprintf(dir, sizeof(dir), "%.200s/self-%d", a->run.dir, getpid());
	if (run_all(a, c, dir) == 0) {
		printf("a lie was not found\n");
		goto out;
	}
	report_failure(a, c);
	l = c->done;
	if (l.n > SHORT_ENOUGH) {
		printf("%zu operations are too many\n", l.n);
		goto out;
	}
	a->run.is_lying = false;
	r = list_replay(&a->run, &l, &at, why);
	printf("without the lie: %s\n", r == 0 ? "no difference" : why);
out:
	worker_done(c);
	free(c);
	return r != 0;
}

int
main(int argc, char **argv)
{
	struct args a = {
		.run = { .seed = 1, .workers = 4, .ops = 10000 },
		.shrink = 120,
	};

	if (args_parse(argc, argv, &a) < 0)
		return usage(argv[0]);
	umask(022);
	if (a.replay)
		return replay_main(&a);
	return a.is_self_test ? self_test(&a) : run_main(&a);
}
