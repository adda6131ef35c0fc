/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * torture MODE [-n EVERY] [-k FROM] [-m MOST] [-s SEED] [-j JOBS] - see
 * torture.h.
 *
 * stop	killed at the k-th durable step
 * cut	the power goes at the k-th call of the disk
 * disk	the k-th call of the disk fails: before, after, in part
 * alloc	the k-th allocation fails
 * store	the k-th call of the store fails
 *
 * For every k from FROM in steps of EVERY, until the story comes to its end
 * by itself.  With -k and -m 1 one point alone is looked at.
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/torture/torture.h"

#define LIMIT_S 120		/* a process that takes longer hangs */
#define JOBS_MAX 8
#define PLACES_MAX 512

struct mode {
	const char *name, *what;
	unsigned kinds;
	enum point_how how;
	int err;
	unsigned visits;
};

static const struct mode modes[] = {
	{ "stop", "killed", POINT_STEP | POINT_DISK, HOW_STOP, 0, 0 },
	{ "cut", "power cut", POINT_DISK, HOW_CUT, 0, 0 },
	{ "disk", "EIO", POINT_DISK, HOW_FAIL, EIO, 0 },
	{ "disk", "ENOSPC", POINT_DISK, HOW_FAIL, ENOSPC, 0 },
	{ "disk", "EIO afterwards", POINT_DISK, HOW_FAIL_AFTER, EIO, 0 },
	{ "disk", "half", POINT_DISK, HOW_SHORT, 0, 0 },
	{ "disk", "EIO in reading", POINT_OPEN, HOW_FAIL, EIO, 0 },
	{ "alloc", "own", POINT_ALLOC, HOW_FAIL, ENOMEM, 3 },
	{ "alloc", "libraries'", POINT_LIBALLOC, HOW_FAIL, ENOMEM, 0 },
	{ "store", "unreachable", POINT_STORE, HOW_FAIL, EHOSTUNREACH, 0 },
	{ "store", "no answer", POINT_STORE, HOW_FAIL_AFTER, ETIMEDOUT, 0 },
	{ "store", "nonsense", POINT_STORE, HOW_FAIL, EPROTO, 0 },
	{ "store", "full", POINT_STORE, HOW_FAIL, ENOSPC, 0 },
	{ "store", "refused", POINT_STORE, HOW_FAIL, EACCES, 0 },
	{ "store", "EIO", POINT_STORE, HOW_FAIL, EIO, 0 },
};

static struct {
	uint64_t every, from, most, seed;
	unsigned jobs;
	const char *only;	/* a what */
} opt = { .every = 1, .from = 1, .most = UINT64_MAX, .seed = 1, .jobs = 2 };

/* ---- one round ----------------------------------------------------------- */

static int
on_entry(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return remove(path);
}

static void
shared_new(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		abort();
}

/* Run fn in a process; "" or how it ended. */
static void
apart(int (*fn)(void), char ret[static 64])
{
	int st;
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		(void)alarm(LIMIT_S);
		exit(fn());
	}
	while (waitpid(pid, &st, 0) < 0 && errno == EINTR)
		;
	ret[0] = '\0';
	if (WIFSIGNALED(st) && WTERMSIG(st) == SIGALRM)
		(void)snprintf(ret, 64, "it hangs");
	else if (WIFSIGNALED(st))
		(void)snprintf(ret, 64, "signal %d", WTERMSIG(st));
	else if (WEXITSTATUS(st) != 0)
		(void)snprintf(ret, 64, "exit status %d", WEXITSTATUS(st));
}

static int
play(void)
{
	return story_play();
}

static int
look(void)
{
	char path[96];

	if (plan.how == HOW_CUT && shared->has_fired) {
		(void)snprintf(path, sizeof(path), "%s/boot", plan.dir);
		disk_boot(path);
		(void)snprintf(path, sizeof(path), "%s/cut", plan.dir);
	} else {
		(void)snprintf(path, sizeof(path), "%s/state", plan.dir);
	}
	shared->is_armed = false;
	return story_look(path);
}

static void
boot_write(void)
{
	char path[96];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/boot", plan.dir);
	f = fopen(path, "w");
	if (!f || fputs("00000000-0000-4000-8000-000000000000\n", f) < 0 ||
	    fclose(f) != 0)
		abort();
}

/* One line of report to out: '=' good, '.' the story ended by itself, '!'
 * bad; then k, points passed, the place and what is wrong. */
static void
round_run(uint64_t k, int out)
{
	char how[64] = "", line[512];
	bool is_killed, is_good;
	int n;

	shared_new();
	plan.k = k;
	(void)snprintf(plan.dir, sizeof(plan.dir), "%s/torture-XXXXXX",
	    getenv("TMPDIR") && strlen(getenv("TMPDIR")) < 40 ?
	    getenv("TMPDIR") : "/tmp");
	if (!mkdtemp(plan.dir))
		abort();
	boot_write();
	story_prepare();
	apart(play, how);
	is_killed = strcmp(how, "signal 9") == 0 && shared->has_fired &&
	    (plan.how == HOW_STOP || plan.how == HOW_CUT);
	is_good = is_killed || !how[0];
	if (is_good) {
		apart(look, how);
		is_good = !how[0];
	}
	n = snprintf(line, sizeof(line), "%c %llu %llu %s\t%s %s\n",
	    !is_good ? '!' : shared->has_fired ? '=' : '.',
	    (unsigned long long)k, (unsigned long long)shared->count,
	    shared->where, how, shared->problem);
	if (n >= (int)sizeof(line))
		line[(n = sizeof(line) - 1) - 1] = '\n';
	if (getenv("TORTURE_KEEP") && !is_good)
		fprintf(stderr, "kept: %s\n", plan.dir);
	else
		(void)nftw(plan.dir, on_entry, 16, FTW_DEPTH | FTW_PHYS);
	if (write(out, line, (size_t)n) != n)
		abort();
}

/* ---- all rounds of a mode ------------------------------------------------ */

struct place {
	char name[128];
	unsigned n;
};

struct tally {
	const struct mode *m;
	uint64_t rounds, bad, points;
	bool is_over;
	struct place places[PLACES_MAX];
	unsigned nplaces;
};

static void
place_note(struct tally *t, const char *name)
{
	unsigned i;

	for (i = 0; i < t->nplaces; i++)
		if (strcmp(t->places[i].name, name) == 0)
			break;
	if (i == PLACES_MAX)
		return;
	if (i == t->nplaces) {
		(void)snprintf(t->places[i].name, sizeof(t->places[i].name),
		    "%s", name);
		t->nplaces++;
	}
	t->places[i].n++;
}

static void
line_note(struct tally *t, char *line)
{
	unsigned long long k, points;
	char *place, *tab;
	int at = 0;

	if (sscanf(line + 1, "%llu %llu %n", &k, &points, &at) < 2)
		return;
	place = line + 1 + at;
	tab = strchr(place, '\t');
	line[strcspn(line, "\n")] = '\0';
	if (tab)
		*tab = '\0';
	if (points > t->points)
		t->points = points;
	if (line[0] == '.')
		t->is_over = true;
	else
		place_note(t, place);
	t->rounds++;
	if (line[0] != '!')
		return;
	t->bad++;
	printf("  %s: -k %llu, at '%s':%s\n", t->m->what, k, place,
	    tab ? tab + 1 : "");
	/* It may have ended by itself and be bad all the same. */
	if (!place[0])
		t->is_over = true;
}

static void
tally_print(const struct tally *t)
{
	unsigned i;

	printf("%s %s (%s): %llu rounds, %llu bad, %llu points\n",
	    t->bad ? "not ok" : "ok", t->m->name, t->m->what,
	    (unsigned long long)t->rounds, (unsigned long long)t->bad,
	    (unsigned long long)t->points);
	if (getenv("TORTURE_VERBOSE"))
		for (i = 0; i < t->nplaces; i++)
			printf("    %6u %s\n", t->places[i].n,
			    t->places[i].name);
	(void)fflush(stdout);
}

static void
mode_run(const struct mode *m, uint64_t *ret_rounds, uint64_t *ret_bad)
{
	struct tally *t = xalloc(sizeof(*t));
	unsigned running = 0;
	uint64_t k = opt.from, started = 0;
	char line[1024];
	FILE *in;
	int fd[2];

	t->m = m;
	plan = (struct plan){ .kinds = m->kinds, .how = m->how,
	    .err = m->err, .visits = m->visits, .seed = opt.seed };
	if (pipe(fd) < 0 || !(in = fdopen(fd[0], "r")))
		abort();
	for (;;) {
		while (running < opt.jobs && !t->is_over &&
		    started < opt.most) {
			(void)fflush(NULL);
			if (fork() == 0) {
				round_run(k, fd[1]);
				_exit(0);
			}
			k += opt.every;
			started++;
			running++;
		}
		if (running == 0 || !fgets(line, sizeof(line), in))
			break;
		line_note(t, line);
		(void)wait(NULL);
		running--;
	}
	(void)close(fd[1]);
	(void)fclose(in);
	tally_print(t);
	*ret_rounds += t->rounds;
	*ret_bad += t->bad;
	free(t);
}

static int
usage(void)
{
	fprintf(stderr, "usage: torture stop|cut|disk|alloc|store [-n EVERY] "
	    "[-k FROM] [-m MOST] [-s SEED] [-j JOBS] [-o KIND]\n");
	return 64;
}

int
main(int argc, char **argv)
{
	uint64_t rounds = 0, bad = 0;
	size_t i;
	int c;

	while ((c = getopt(argc, argv, "n:k:m:s:j:o:")) != -1)
		switch (c) {
		case 'n': opt.every = strtoull(optarg, NULL, 10); break;
		case 'k': opt.from = strtoull(optarg, NULL, 10); break;
		case 'm': opt.most = strtoull(optarg, NULL, 10); break;
		case 's': opt.seed = strtoull(optarg, NULL, 10); break;
		case 'j': opt.jobs = (unsigned)atoi(optarg); break;
		case 'o': opt.only = optarg; break;
		default: return usage();
		}
	if (optind + 1 != argc || opt.every == 0 || opt.jobs == 0 ||
	    opt.jobs > JOBS_MAX)
		return usage();
	wrap_setup();
	story_new();
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, argv[optind]) == 0 &&
		    (!opt.only || strcmp(modes[i].what, opt.only) == 0))
			mode_run(&modes[i], &rounds, &bad);
	if (rounds == 0)
		return usage();
	printf("Checks: %llu, Failures: %llu, Errors: 0\n",
	    (unsigned long long)rounds, (unsigned long long)bad);
	return bad > 0;
}
