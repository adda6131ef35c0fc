/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_THUMBS_H
#define FS_THUMBS_H

#include <stdbool.h>
#include <stdint.h>

struct drive;
struct leftover;

/*
 * thumbs - previews of files whose content is not here.  A program that makes
 * previews is refused such content, and the file manager then remembers in
 * the user's thumbnail cache that there is none, for good.  A thread removes
 * that mark once all of the file is here.
 *
 * Where previews are seeded, one is made of each photo that is written and
 * kept with it; when a file manager lists a folder, those of files that are
 * not here are put into the cache.  They go when this ends.
 */
struct thumbs;

struct thumbs_conf {
	/* Both are borrowed until thumbs_stop. */
	struct drive *drive;
	const char *mountpoint;
	uint64_t floor;		/* leave that much of the disk free, bytes */
	bool is_seeding;
	bool is_readonly;	/* none are made */
	/* The owner stops it after thumbs_stop: it goes on with what
	 * thumbs_hold had no time for. */
	struct leftover **left;
};

/* -ENOENT: there is no home, or its cache is on the drive itself. */
int thumbs_start(const struct thumbs_conf *c, struct thumbs **ret);

/* What follows takes NULL for none, and never waits but where it says so. */

/* Content of the file was fetched. */
void thumbs_fetched(struct thumbs *t, uint64_t ino);
/* The file was written, or its mtime set. */
void thumbs_written(struct thumbs *t, uint64_t ino);
/* A folder is looked at by the user's own process or thread tid. */
void thumbs_listed(struct thumbs *t, uint64_t ino, int tid);
/* A program was refused the file: its preview is there when this returns, if
 * there is one. */
void thumbs_refused(struct thumbs *t, uint64_t ino);
/* Why no previews are made, for people; NULL: they are, or are not to be. */
const char *thumbs_problem(struct thumbs *t);
/*
 * Nothing runs or is put there until thumbs_go, and what was put there is
 * gone.  For whoever is about to let requests of the kernel wait: a program
 * that has one pending does not end before it is answered, and the cache may
 * lie on the drive by now.  Waits for some seconds at most, for less than one
 * in a hurry; what is not gone then a thread removes.
 */
void thumbs_hold(struct thumbs *t, bool is_hurried);
void thumbs_go(struct thumbs *t);
/* Requests are answered, or it is held. */
void thumbs_stop(struct thumbs *t);

#endif
