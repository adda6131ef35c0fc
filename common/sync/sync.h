/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include <stdbool.h>
#include <stdint.h>

struct drive;
struct err;
struct store;
struct vault_birth;
struct vault_keys;
struct sync_found;		/* devices that sync_recover came across */

/*
 * sync - carries a drive to its store and back: packs, then segment, then
 * head; reads with read-ahead; checkpoints; recovery.  It is the one layer
 * that logs what fails in the background, once per failure.
 */
struct sync;

struct sync_conf {
	struct drive *drive;		/* borrowed until sync_stop */
	struct store *store;		/* borrowed until sync_stop */
	const struct vault_keys *keys;	/* borrowed until sync_stop */
	int64_t quiet_ms;		/* after the last write; -1: 2000 */
	unsigned uploads;		/* packs at once; 0: 4 */
	unsigned downloads;		/* ranges at once; 0: 8 */
	unsigned checkpoint_segments;	/* a checkpoint every so many; 0: 64 */
	uint64_t readahead_max;		/* bytes; 0: 16 MiB */
	/* Waits between tries of what failed, at random up to a limit that
	 * doubles from min to max; slow: of what needs the user (no room, no
	 * permission).  For tests; 0: 1 s, 60 s, 60 s. */
	int64_t backoff_min_ms, backoff_max_ms, backoff_slow_ms;
	int64_t publish_ms;		/* between segments; 0: 1000 */
	int64_t poll_ms;		/* between looks at our own journal on
					 * the store; 0: 5 min */
	/* The link's state is another.  Called under a lock: it must not wait
	 * nor call back.  May be NULL. */
	void (*on_link)(void *arg);
	void *arg;
};

enum sync_link {
	SYNC_ONLINE = 0,
	SYNC_OFFLINE = 1,	/* the store is not reached; retrying */
	SYNC_REFUSED = 2,	/* credentials: needs the user */
	SYNC_FULL = 3,		/* the store is full: needs the user */
	SYNC_ALARM = 4,		/* a trust rule: read-only until decided */
	SYNC_FAULT = 5,		/* the store answers nonsense */
};

struct sync_status {
	enum sync_link link;
	char problem[256];	/* what is wrong; "": nothing */
	char advice[256];	/* what to do about it; "": nothing */
	int64_t last_ok_ns;	/* real time it last answered; 0: never */
	int64_t retry_in_ms;	/* until the next try; 0: none planned */
	bool is_sparing;	/* see sync_spare */
	uint64_t packs_up, bytes_up, bytes_down, segments;
	uint64_t published_seq;	/* of this device's journal */
	uint64_t checkpoint_seq;
};

/* Start the threads.  Works with the store out of reach. */
int sync_start(const struct sync_conf *c, struct sync **ret, struct err *e);
/* Stop: try to upload what is queued until deadline_ms (clock_mono_ms; 0: do
 * not try), end waits, join.  What is left stays in the drive.  Nobody may
 * read from the drive any more what is not in its cache. */
void sync_stop(struct sync *s, int64_t deadline_ms);
/* Everything written before this call is on the store and published, and so is
 * the checkpoint that makes up for an accepted loss; or deadline_ms has passed
 * (-ETIMEDOUT), or it needs the user (-EACCES, -ENOSPC, -EROFS), or what is
 * left cannot be read on this machine or not be published by it (-EIO).
 * progress may be NULL. */
int sync_wait(struct sync *s, int64_t deadline_ms,
    void (*progress)(void *arg, uint64_t bytes_left, uint64_t ops_left),
    void *arg);
/* The same in pieces: first what is in the memory of open files; how that went
 * is to be told when all the rest is up.  Then as long as it is -ETIMEDOUT. */
int sync_wait_begin(struct sync *s);
int sync_wait_on(struct sync *s, int64_t deadline_ms,
    void (*progress)(void *arg, uint64_t bytes_left, uint64_t ops_left),
    void *arg);
/* Try again at once (the network is back, the user asked). */
void sync_kick(struct sync *s);
/* Sparing: uploads, pins and what is read ahead wait; what somebody reads is
 * fetched, and what somebody waits for (sync_wait) is uploaded. */
void sync_spare(struct sync *s, bool on);
void sync_get_status(struct sync *s, struct sync_status *ret);
/* Write a checkpoint now (after a sync_wait). */
int sync_checkpoint(struct sync *s, struct err *e);

/*
 * The store has gone back in time (SYNC_ALARM), the newer state will not come
 * back, and the user goes on without it: the alarm ends, what is still here
 * of what the store has lost goes up again, and a new checkpoint makes up for
 * the journal.  Each file of which blocks are nowhere any more is one call of
 * say.  Returns the number of those; -EINVAL: there is no such alarm; or why
 * it could not be done.  When the alarm is over and the rest could not be
 * done, it may be called again for that.
 */
int sync_accept(struct sync *s,
    void (*say)(void *arg, const char *finding),
    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
    struct err *e);

/*
 * One store of several is given up, and with it perhaps what the others were
 * still to get: a loss that is accepted before it goes.  Afterwards what is
 * still here of it goes up again, as above; until that is done sync_accept
 * does it, too.  s: what is running; NULL: nothing is.  If the store does not
 * go after all it is taken back, but not when it said 1: an earlier loss is
 * not made good yet.
 */
int sync_lost_note(struct drive *d, const struct vault_keys *k,
    struct err *e);
int sync_lost_undo(struct drive *d, const struct vault_keys *k);
int sync_lost_mend(struct sync *s, struct store *st,
    const struct vault_keys *k, struct drive *d,
    void (*say)(void *arg, const char *finding), void *arg);

/* Put the objects of a new drive: grant, chain, genesis, each if absent.
 * -EEXIST: there is a drive already (the message says what to do). */
int sync_create(struct store *s, const struct vault_birth *b, struct err *e);

/*
 * Recovery on an empty machine: verify, find the devices, enrol this one.
 * Then sync_rebuild fills an empty drive from the newest checkpoint and the
 * journals.  progress gets a line for people now and then.
 *
 * -ENOENT: no drive on this store; -EKEYREJECTED: another recovery key.
 * Caller frees with vault_keys_free() and sync_found_free().
 */
int sync_recover(struct store *s, const uint8_t seed[static 32],
    const char *label, struct vault_keys **ret, struct sync_found **ret_found,
    struct err *e);
void sync_found_free(struct sync_found *f);
/* d must be new and empty.  found: from sync_recover; NULL: learn of the
 * devices again from the store (an earlier rebuild was interrupted: give a
 * new, empty drive and the keys from then).  Returns 0; 1 if something on the
 * store is missing or damaged (each told through progress, a line that starts
 * with "warning: ") and the rest was rebuilt; or a negative errno.  A drive
 * whose rebuild did not end is refused by sync_start. */
int sync_rebuild(struct store *s, const struct vault_keys *k,
    const struct sync_found *found, struct drive *d,
    void (*progress)(void *arg, const char *line), void *arg,
    struct err *e);

/* fsck --remote: every block that the tree needs is on the store with the
 * right hash; journals are whole.  Each finding is one call of say.  Returns
 * the number of findings, or a negative errno. */
int sync_check(struct store *s, const struct vault_keys *k, struct drive *d,
    void (*say)(void *arg, const char *finding),
    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg,
    struct err *e);

/* The frontier's fingerprint: equal on two devices means no fork between
 * them.  16 bytes for fingerprint_words(). */
int sync_fingerprint(struct drive *d, uint8_t ret[static 16]);

#endif
