/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "util/thread.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "util/clock.h"

#define HELD_MAX 8

static _Thread_local int held[HELD_MAX];	/* ranks, in order taken */
static _Thread_local int nheld;

struct start {
	void (*fn)(void *);
	void *arg;
	char name[16];
};

void
mutex_init(struct mutex *m, enum mutex_rank rank)
{
	(void)pthread_mutex_init(&m->m, NULL);
	m->rank = rank;
	m->waits = 0;
}

void
mutex_done(struct mutex *m)
{
	(void)pthread_mutex_destroy(&m->m);
}

static void
rank_push(int rank)
{
	assert(nheld < HELD_MAX);
	assert(nheld == 0 || held[nheld - 1] < rank);
	held[nheld++] = rank;
}

static void
rank_pop(int rank)
{
	int i;

	for (i = nheld - 1; i >= 0 && held[i] != rank; i--)
		;
	assert(i >= 0);
	for (; i < nheld - 1; i++)
		held[i] = held[i + 1];
	nheld--;
}

void
mutex_lock(struct mutex *m) NO_TSA
{
	rank_push((int)m->rank);
	if (pthread_mutex_trylock(&m->m) == 0)
		return;
	__atomic_add_fetch(&m->waits, 1, __ATOMIC_RELAXED);
	if (pthread_mutex_lock(&m->m) != 0)
		abort();
}

unsigned
mutex_waits(struct mutex *m)
{
	return __atomic_load_n(&m->waits, __ATOMIC_RELAXED);
}

void
mutex_unlock(struct mutex *m) NO_TSA
{
	rank_pop((int)m->rank);
	if (pthread_mutex_unlock(&m->m) != 0)
		abort();
}

void
cond_init(struct cond *c)
{
	pthread_condattr_t a;

	(void)pthread_condattr_init(&a);
	(void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&c->c, &a);
	(void)pthread_condattr_destroy(&a);
}

void
cond_done(struct cond *c)
{
	(void)pthread_cond_destroy(&c->c);
}

void
cond_wait(struct cond *c, struct mutex *m)
{
	(void)pthread_cond_wait(&c->c, &m->m);
}

bool
cond_wait_until(struct cond *c, struct mutex *m, int64_t deadline_ms)
{
	struct timespec ts;

	ts.tv_sec = deadline_ms / 1000;
	ts.tv_nsec = (deadline_ms % 1000) * 1000000;
	return pthread_cond_timedwait(&c->c, &m->m, &ts) != ETIMEDOUT;
}

void
thread_pause_ms(int64_t ms)
{
	int64_t until = clock_mono_ms() + ms;
	struct mutex m;
	struct cond c;

	mutex_init(&m, RANK_UTIL);
	cond_init(&c);
	mutex_lock(&m);
	while (cond_wait_until(&c, &m, until))
		continue;
	mutex_unlock(&m);
	cond_done(&c);
	mutex_done(&m);
}

void
cond_signal(struct cond *c)
{
	(void)pthread_cond_signal(&c->c);
}

void
cond_broadcast(struct cond *c)
{
	(void)pthread_cond_broadcast(&c->c);
}

static void *
trampoline(void *p)
{
	struct start s = *(struct start *)p;

	free(p);
	(void)pthread_setname_np(pthread_self(), s.name);
	s.fn(s.arg);
	return NULL;
}

int
thread_start(pthread_t *ret, const char *name, void (*fn)(void *), void *arg)
{
	sigset_t all, old;
	struct start *s;
	int r;

	s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->arg = arg;
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret, NULL, trampoline, s);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		free(s);
	return -r;
}

void
thread_join(pthread_t t)
{
	(void)pthread_join(t, NULL);
}
