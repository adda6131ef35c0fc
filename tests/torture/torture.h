/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_TORTURE_H
#define TESTS_TORTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct drive;

/*
 * torture - one story (files change, go to a store, are fetched, the drive is
 * closed and opened) is played again and again in a process of its own, and
 * each time one point of it goes wrong: the k-th.  Another process then looks
 * at what is left.
 *
 * A point is a step that makes something durable, a call of the disk, an
 * allocation or a call of the store.  They are found by the linker (--wrap)
 * and by standing before libc: the library is built as always.
 */

/* ---- points -------------------------------------------------------------- */

enum point_kind {
	POINT_STEP = 1 << 0,	/* commit, flush, seal, put…: before, after */
	POINT_DISK = 1 << 1,	/* a call that changes a file */
	POINT_OPEN = 1 << 2,	/* opens or reads one */
	POINT_ALLOC = 1 << 3,	/* ours; a thread is one too */
	POINT_LIBALLOC = 1 << 4,	/* SQLite's and OpenSSL's */
	POINT_STORE = 1 << 5,
};

enum point_how {
	HOW_COUNT,		/* nothing goes wrong */
	HOW_STOP,		/* the process is killed */
	HOW_CUT,		/* the power goes: so is the disk's cache */
	HOW_FAIL,		/* the call fails and did nothing */
	HOW_FAIL_AFTER,		/* the call fails and did it */
	HOW_SHORT,		/* a write that takes half */
};

struct plan {
	unsigned kinds;
	enum point_how how;
	uint64_t k;
	int err;		/* errno of what fails */
	uint64_t seed;
	unsigned visits;	/* of one place that allocates; 0: all */
	char dir[64];		/* what lies below is looked at */
};

#define STEPS_MAX 160

enum outcome { DONE, SKIPPED, REWRITTEN };

/* What the story's process leaves to those who look. */
struct shared {
	_Atomic uint64_t count;
	_Atomic bool is_armed;
	_Atomic bool has_fired;
	char where[128];	/* the point */
	_Atomic uint32_t done;	/* steps that have returned */
	_Atomic uint32_t floor;	/* of them, flushed by fsync */
	uint8_t how[STEPS_MAX];	/* enum outcome */
	char problem[256];	/* of the story's process, if it found one */
};

extern struct plan plan;
extern struct shared *shared;

/* A point is passed; true: it is to fail.  May not return. */
bool point(enum point_kind kind, const char *what, const char *which);
/* It fails, and has been done. */
bool point_is_after(void);
/* Before the first use of any library. */
void wrap_setup(void);
/* Told by every write below plan.dir in the state directory (HOW_CUT). */
void cut_write(const char *base, uint64_t off, const void *p, size_t len);
void cut_size(const char *base, uint64_t size);
void cut_flush(const char *base);
void cut_unlink(const char *base);
void cut_create(const char *base);
/* What the disk makes of it goes to DIR/cut. */
void cut_make(void);
/* /proc/…/boot_id shows this file from now on. */
void disk_boot(const char *path);

/* ---- the model ----------------------------------------------------------- */

#define NAMES 8
#define FILE_MAX 290000

enum what { SAVE, WRITE, PATCH, CUT, RENAME, UNLINK, LINK, CHMOD, TAG,
	NWHAT };

struct step {
	enum what what;
	int a, b;		/* names */
	size_t off, len;
	uint64_t fill;
};

struct mfile {
	uint32_t serial;	/* who it is, over renames */
	int links;		/* 0: free */
	unsigned mode;
	uint32_t tag;		/* of an xattr; 0: none */
	size_t size;
	const uint8_t *data;	/* shared, never changed; NULL: none */
};

struct model {
	struct mfile files[NAMES];
	int names[NAMES];	/* index of the file + 1; 0: none */
	uint32_t serials;
};

uint64_t rand_next(uint64_t *x);
void rand_fill(uint8_t *p, size_t n, uint64_t seed);
struct mfile *model_file(struct model *m, int name);
/* The next step; it succeeds on a working file system. */
struct step model_next(uint64_t *x, struct model *m);
void model_apply(struct model *m, const struct step *s);
bool step_is_in_place(const struct step *s);
/* Everything that models hold. */
void model_forget(void);

/* ---- the story ----------------------------------------------------------- */

extern const char story_script[];

struct stage_set;		/* drive, store and engine of one process */

/* Play it; the process' exit status: 0 is good. */
int story_play(void);
/* Look at what is left in `state`; the same. */
int story_look(const char *state);
/* The drive on the store: made once, before anybody forks. */
void story_new(void);
/* A store and a state directory of its own for one round. */
void story_prepare(void);

/* How a drive must be: after some number of steps from lo to hi, where
 * content that was not flushed may be older. */
struct window {
	uint32_t lo, hi;
	bool is_cut;		/* the power went */
	struct model *m;	/* m[0] is after lo steps */
	struct step *step;	/* step[i] led to m[i] */
	bool *is_local;		/* … and was one */
};
/* NULL or what is wrong; static storage. */
const char *look_at(struct drive *d, const struct window *w);

void name_path(int name, bool *ret_is_sub, char out[static 8]);
/* malloc that no plan lets fail. */
void *xalloc(size_t n);

#endif
