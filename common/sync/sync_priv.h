/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SYNC_SYNC_PRIV_H
#define SYNC_SYNC_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "drive/sync.h"
#include "store/store.h"
#include "sync/sync.h"
#include "util/buf.h"
#include "util/thread.h"
#include "vault/vault.h"

/* sync_priv - what the files of the engine share.  See DESIGN.md. */

#define SYNC_UPLOADS_MAX 32
#define SYNC_DOWNLOADS_MAX 32
/* Sealed bytes taken for one pack: its index and padding need the rest. */
#define SYNC_BATCH_BYTES (VAULT_PACK_MAX - 512 * 1024)
/* Ops of one segment, encoded; headers and the frontier need the rest. */
#define SYNC_OPS_BYTES (VAULT_SEGMENT_MAX - 16 * 1024)
/* Objects got from the store are at most this large. */
#define SYNC_OBJECT_MAX (VAULT_PACK_MAX + VAULT_PACK_MAX / 4)
#define SYNC_SMALL_MAX (8u * 1024 * 1024)
/* A chain record or a grant, sealed. */
#define SYNC_RECORD_MAX (128u * 1024)
#define CHAIN_MAX 4096	/* records of a user chain, as the vault has it */
/* The largest of all, a checkpoint's root and its pages: 16 MiB of body and
 * the envelope. */
#define SYNC_ROOT_MAX (17u * 1024 * 1024)
#define SYNC_NUMBERS 64		/* numbers of packs reserved at a time */
#define SYNC_HEARTBEAT_NS (24LL * 3600 * 1000000000)
#define SYNC_SPACE_MS (600 * 1000)
#define SYNC_LIARS_MAX 16

/* The words under which the drive keeps what must survive. */
#define SYNC_KV_PACK_NEXT "pack_next"
#define SYNC_KV_PAGE_NEXT "page_next"
#define SYNC_KV_CKPT "ckpt"
#define SYNC_KV_LISTS "ckpt_lists"
#define SYNC_KV_DEVICES "devices"
#define SYNC_KV_REBUILD "rebuild"	/* 1 byte: '1' while it is under way */
#define SYNC_KV_ACCEPT "accept"
#define SYNC_KV_WHO "who"		/* see who_kept.c */
#define SYNC_KV_MEND "mend"	/* 1 byte: '1' while it is not done */

/* ---- devices.c: who else writes here ---- */

#define SYNC_DEVICES_MAX 4096

struct sync_found {
	struct vault_device *devices;
	size_t n;
	bool is_self_new;	/* the store does not tell of this device */
};

/* Learn of them from the store, as a device that is enrolled.  Caller frees
 * with sync_found_free(). */
int found_follow(struct store *s, const struct vault_keys *k,
    struct sync_found **ret, struct err *e);
/* By the publisher, when the store is known to be ours: once in a run keep
 * copies of what a recovery begins with, and put back what is gone. */
void who_tend(struct sync *s);

/* The names under the prefix of grants, whatever lies there. */
struct grant_names {
	char (*name)[VAULT_PATH_MAX];	/* to be freed */
	size_t n, cap;
};
int grant_names_get(struct store *s, const struct vault_tag *rtag,
    struct grant_names *ret);

int devices_save(struct drive *d, const struct sync_found *f);
/* Those kept, or this device alone.  *ret is done with devices_done(). */
int devices_load(struct drive *d, const struct vault_keys *k,
    struct sync_found *ret);
void devices_done(struct sync_found *f);
/* NULL if there is none. */
const struct vault_device *devices_by_tag(const struct sync_found *f,
    const struct vault_keys *k, const uint8_t dtag[static VAULT_TAG_LEN]);

/* ---- object.c: single objects ---- */

/* What a put is for: who may have written under its name before. */
enum object_kind {
	OBJECT_OWN,	/* the name is random: only we, an earlier try */
	OBJECT_CHAIN,	/* numbered: another content there is a finding */
	OBJECT_HEAD,	/* written over, whatever is there */
};

/*
 * Put once.  -EEXIST of the store is resolved by looking: the same bytes are
 * 0, a beginning of them (a put that was cut) is written again.  -EEXIST:
 * OBJECT_CHAIN, and something else is there.
 */
int object_put(struct store *st, const char *name, const void *p, size_t len,
    enum object_kind kind);
/*
 * Get, trying again where that may help: OBJECT_ONCE in the engine, which
 * has its own waits that a stop ends, OBJECT_PATIENT elsewhere (about three
 * seconds).
 */
#define OBJECT_ONCE 1
#define OBJECT_PATIENT 5
int object_get(struct store *st, const char *name, unsigned tries,
    struct buf *out);
int object_get_range(struct store *st, const char *name, uint64_t off,
    size_t len, unsigned tries, struct buf *out);
int object_get_segment(struct store *st, const struct vault_keys *k,
    const struct vault_id *dev, uint64_t seq, unsigned tries,
    struct buf *out);
int object_get_head(struct store *st, const struct vault_keys *k,
    const struct vault_device *dev, unsigned tries, struct vault_head *ret);
/* The genesis object is that of this drive: 0, -ENOENT (no drive), -EBADMSG
 * (another one), -EPROTO (it does not verify). */
int object_check_genesis(struct store *st, const struct vault_keys *k,
    unsigned tries);

/* What the drive keeps under key, len bytes (0: any number), if it can be done
 * without: -ENOENT also for what this machine's disk does not give. */
int value_get(struct drive *d, const char *key, size_t len, struct buf *out);

/* The newest checkpoint that this device wrote, as kept in the drive. */
struct ckpt_mark {
	uint64_t seq;		/* of the journal when it was written */
	uint64_t n, rand;
	uint8_t sha[VAULT_HASH_LEN];
};
int ckpt_mark_get(struct drive *d, struct ckpt_mark *ret);
int ckpt_mark_set(struct drive *d, const struct ckpt_mark *m);

/* ---- pack_list.c: packs under construction ---- */

#define PACK_NUMBERS_MAX 16

/* Packs filled one after the other, to be put together. */
struct pack_list {
	struct sync *s;
	/* Numbers got beforehand, for when the drive cannot be asked. */
	uint64_t numbers[PACK_NUMBERS_MAX];
	unsigned nnumbers;
	struct pack **packs;
	size_t n, cap;
	size_t bytes;
};

int pack_list_add(struct pack_list *l, const struct vault_id *inode,
    enum vault_block_class cls, uint64_t idx, const void *sealed, size_t len,
    struct block_ref *ret);
/* Get numbers, so that pack_list_add does not call the drive for as many
 * packs. */
int pack_list_reserve(struct pack_list *l);
/* Put all of them, trying until it is done: 0 or -ECANCELED (stop, alarm). */
int pack_list_put(struct pack_list *l);
/* Forget the packs; the list may be used again. */
void pack_list_done(struct pack_list *l);

/* ---- page_list.c: manifest pages ---- */

/* What was made of a list of blocks before, to be referenced again. */
struct page_cache;

/* Turn the blocks of o into pages, sealed and added to l.  cache may be
 * NULL. */
int page_list_make(struct pack_list *l, const struct vault_id *inode,
    const uint8_t key[static VAULT_KEY_LEN], struct op_put *o,
    struct page_cache *cache);
/* Get one page, verified and opened: a drive_pager. */
struct page_source {
	struct store *store;
	const struct vault_keys *keys;
};
int page_list_get(void *source, const struct vault_id *inode,
    const uint8_t key[static VAULT_KEY_LEN], const struct op_page *page,
    struct op_block **ret, size_t *ret_n);

/* What the drive keeps, into *c, which is made if it is NULL. */
int page_cache_load(struct drive *d, struct page_cache **c);
/* What was made until now is on the store. */
void page_cache_settle(struct page_cache *c);
/* Forget all but that; returns how much is left. */
size_t page_cache_trim(struct page_cache *c);
/* Keep what was asked for since the load, for the next time. */
int page_cache_save(struct drive *d, struct page_cache *c);
void page_cache_free(struct page_cache *c);

/* ---- engine.c ---- */

struct fetcher;
struct ckpt_known;

enum sync_alarm_kind {
	SYNC_ALARM_DRIVE = 1,	/* another drive */
	SYNC_ALARM_CLONE,	/* another copy of this device */
	SYNC_ALARM_ROLLBACK,	/* less than we have written */
};

struct sync {
	/* Constant while threads run. */
	struct drive *drive;
	struct store *store;
	const struct vault_keys *keys;
	int64_t quiet_ms, publish_ms;
	int64_t backoff_min_ms, backoff_max_ms, backoff_slow_ms;
	int64_t poll_ms;
	unsigned nup, ndown, ckpt_every;
	uint64_t readahead_max;
	void (*on_link)(void *arg);	/* see sync_conf; may be NULL */
	void *on_link_arg;
	struct page_source pages;
	struct fetcher *fetcher;
	pthread_t pump, publisher, pinner, up[SYNC_UPLOADS_MAX];
	bool has_pump, has_publisher, has_pinner;
	unsigned up_started;

	atomic_bool is_sparing;		/* wake all who wait when it changes */

	struct mutex lock;
	/* Everything below; broadcast by whoever changes it. */
	struct cond changed;
	bool is_stopping GUARDED_BY(lock);
	bool is_checked GUARDED_BY(lock);	/* trust: may upload */
	bool is_alarm GUARDED_BY(lock);
	enum sync_alarm_kind alarm GUARDED_BY(lock);	/* while is_alarm */
	bool is_put_bad GUARDED_BY(lock);	/* link is due to a put */
	unsigned force GUARDED_BY(lock);	/* waiting calls */
	uint64_t kicks GUARDED_BY(lock);	/* try again now */
	uint64_t work GUARDED_BY(lock);		/* something may be due */
	uint64_t fails GUARDED_BY(lock);	/* that need the user */
	int64_t retry_at_ms GUARDED_BY(lock);	/* 0: none planned */
	struct sync_status st GUARDED_BY(lock);
	char data_problem[256] GUARDED_BY(lock);
	/* What the publisher meets on this side. */
	char here_problem[256] GUARDED_BY(lock);
	const char *here_advice GUARDED_BY(lock);
	/* Publishing failed so on this side; tries before here_from do not
	 * count. */
	int here_r GUARDED_BY(lock);
	/* After a loss: one that stands alone.  Whoever waits waits for it. */
	bool is_ckpt_due GUARDED_BY(lock);
	bool is_mend_due GUARDED_BY(lock);	/* an earlier run left it */
	uint64_t here_from GUARDED_BY(lock);	/* of kicks */
	/* Stores of several that were found to lie; the first one's story. */
	char liars[SYNC_LIARS_MAX][256] GUARDED_BY(lock);
	unsigned nliars GUARDED_BY(lock);
	char liar_problem[256] GUARDED_BY(lock);

	bool is_unread_told GUARDED_BY(lock);	/* st says of such a file */
	/* Since when nothing but these was left, and this many changes. */
	int64_t stuck_ms GUARDED_BY(lock);
	uint64_t stuck_ops GUARDED_BY(lock);

	/* Numbers of packs: next to give, end of what is reserved. */
	uint64_t pack_next GUARDED_BY(lock), pack_limit GUARDED_BY(lock);
	bool is_reserving GUARDED_BY(lock);
	/* Packs that are not on the store yet: no op may refer to one. */
	struct pack_id *unsent GUARDED_BY(lock);
	size_t nunsent GUARDED_BY(lock), unsent_cap GUARDED_BY(lock);

	bool is_line;			/* constant */
	int64_t take_after_ms GUARDED_BY(lock);	/* the next small batch */
	struct {
		uint64_t seen;		/* changes, at_ms */
		int64_t at_ms;
		bool is_now, is_line_slow;
	} busy GUARDED_BY(lock);
	/* They have given way since; 0: they do not. */
	int64_t up_gave_ms GUARDED_BY(lock), pub_gave_ms GUARDED_BY(lock);
	bool has_pending GUARDED_BY(lock);	/* a sealed segment */
	bool is_head_dirty GUARDED_BY(lock);	/* to be put again */
	uint64_t ckpt_asked GUARDED_BY(lock), ckpt_done GUARDED_BY(lock);
	int ckpt_result GUARDED_BY(lock);

	/* The publisher's own. */
	int64_t head_ns;	/* heartbeat of the head on the store */
	int64_t put_at_ms;	/* of our last segment, not seen since; or 0 */
	int64_t space_at_ms;	/* when to ask for the capacity */
	bool is_space_unknown;	/* the store does not tell it */
	uint64_t ckpt_tried;	/* journal's seq at the last failed one */
	int64_t ckpt_at_ms;	/* none by itself before; 0: at once */
	int64_t ckpt_wait_ms;	/* how long that was */
	bool is_ckpt_bad;	/* the last one failed on this side */
	int ckpt_owed_r;	/* ... in this round, and it was owed; or 0 */
	struct ckpt_known *ckpt_kept;	/* of one broken off; or NULL */
	int64_t trust_at_ms;	/* when to look at our journal again */
	bool is_who_tended;
	bool is_probe_due;	/* the store did other than it had promised */
};

/* ---- wait.c ---- */

/* Have the status say which file cannot be read here, or no longer. */
void unread_tell(struct sync *s);

/* Between tries: false when there is to be none (stop, alarm). */
struct backoff {
	unsigned n;
};
bool sync_backoff(struct sync *s, int r, struct backoff *b);
/* The same through an alarm, which only who waits here can end. */
bool sync_backoff_alarm(struct sync *s, int r, struct backoff *b);
bool sync_stopping(struct sync *s);
/* How the store answered; is_put says which way the call went. */
void sync_note(struct sync *s, int r, bool is_put);
/* The store answers, and what it says is wrong. */
void sync_fault(struct sync *s, const char *problem, const char *advice);
/* Blocks that are lost or altered: told until a kick. */
void sync_note_data(struct sync *s, const char *problem);
/* What this machine does not give or take fails with r: told until there is
 * another or none (NULL). */
void sync_note_here(struct sync *s, const char *problem, int r);
/* One store of several, known as id, lies: told once, and until the end. */
void sync_blame(struct sync *s, const char *id, const char *problem);
/* Trust is broken: the drive becomes read-only until a check passes. */
void sync_alarm(struct sync *s, enum sync_alarm_kind kind,
    const char *problem, const char *advice);
void sync_alarm_off(struct sync *s);
/* Something may be due, or a result has come: wake everyone. */
void sync_wake(struct sync *s);
bool sync_forced(struct sync *s);
/* Put until done: 0, -EEXIST (OBJECT_CHAIN only), -ECANCELED. */
int sync_put(struct sync *s, const char *name, const void *p, size_t len,
    enum object_kind kind);
int sync_pack_number(struct sync *s, uint64_t *ret);
/* The invariant of order: none of these packs may be unsent. */
bool sync_is_unsent(struct sync *s, const struct pack_id *id);
int sync_unsent_add(struct sync *s, const struct pack_id *id);
void sync_unsent_del(struct sync *s, const struct pack_id *id);

/* Is the drive in such use that this is better left for a moment?  At most
 * for some seconds: *since_ms is the caller's, 0 at first. */
bool sync_gives_way(struct sync *s, int64_t *since_ms) REQUIRES(s->lock);
/* Is there a line to the store at all?  A folder waits for a disk, often
 * ours.  One that nothing is known of is slow: its first packs tell. */
void sync_line_init(struct sync *s) NO_TSA;	/* no thread runs yet */
/* A put of len bytes took so long: what the line is like. */
void sync_line_note(struct sync *s, size_t len, int64_t ms);

/* ---- threads ---- */

void upload_main(void *sync);
void publish_main(void *sync);
void pin_main(void *sync);
/* Is our journal on the store what we know it to be?  0, -EROFS (alarm), or
 * what the store answered. */
int trust_check(struct sync *s);
/*
 * Is it still this drive's store that just took what we put?  A disk that
 * was unplugged leaves an empty folder that takes anything.  0, or
 * -ECANCELED: what was put counts as not put.
 */
int trust_confirm(struct sync *s);
/* The end of our journal on the store, before it grows: has it gone back
 * since trust_check?  And after it: a put may be tried for hours.  Results as
 * there. */
int trust_before_put(struct sync *s);
int trust_after_put(struct sync *s);
/* Something else than the pending segment is under its name.  True: on one
 * store of several only, which it is now queued for: put it again. */
bool trust_put_again(struct sync *s, const char *name);
/* The same on all of them.  0: it does not verify, so it may be written over;
 * -EROFS (alarm), or what the store answered. */
int trust_put_over(struct sync *s);

/* ---- accept.c: a loss that the user has taken ---- */

enum accept_phase {
	ACCEPT_NONE = 0,
	ACCEPT_ALL = 1,		/* head and last segment may be missing */
	ACCEPT_LAST = 2,	/* there is a head again, and a checkpoint */
};
/* What was accepted, if the journal still ends where it did then. */
int accept_load(struct sync *s, const struct vault_seen *own,
    enum accept_phase *ret);
/* Was the loss of this segment accepted, as of the last one? */
bool accept_excuses(struct drive *d, const struct vault_seen *end);
/* A mending that failed, or was cut short? */
bool accept_mend_is_due(struct drive *d);
/* The checkpoint is there that makes up for the journal. */
int accept_settle(struct sync *s);

/* Write a checkpoint if one was asked for, or is due by the number of
 * segments; publisher thread only.  If changes come in between, or this side
 * fails, that is 0 and a later one will do: what is on the store already is
 * kept for it. */
int checkpoint_step(struct sync *s);
/* Rely on none of that any more. */
void checkpoint_forget(struct sync *s);
int publish_head(struct sync *s);

int fetcher_new(struct sync *s, struct fetcher **ret);
/* All of these, after what anybody else wants; tried once. */
int fetcher_get(struct fetcher *f, const struct fetch_want *want, size_t n);
/* What holds downloads back has changed. */
void fetcher_wake(struct fetcher *f);
/* Let every fetch end with -ECANCELED, now and from now on. */
void fetcher_stop(struct fetcher *f);
/* The same, wait for them, join, free. */
void fetcher_free(struct fetcher *f);

#endif
