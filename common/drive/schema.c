/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables, their version, and the check that the key is the one they were
 * written under.  See DESIGN.md for what each is.
 */
#include <errno.h>
#include <string.h>

#include "drive/block.h"
#include "drive/tree_priv.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/err.h"

#define SCHEMA_VERSION 2
#define CHECK_LEN (2 * VAULT_ID_LEN)

/* Since version 2. */
#define PIN_TABLE \
    "CREATE TABLE IF NOT EXISTS pin(ino INTEGER PRIMARY KEY, row BLOB);"

static const char tables[] =
    PIN_TABLE
    "CREATE TABLE IF NOT EXISTS meta("
	"k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS seen("
	"dev BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS inode(ino INTEGER PRIMARY KEY, row BLOB);"
    "CREATE TABLE IF NOT EXISTS dentry(dkey INTEGER, ntag BLOB, row BLOB,"
	"PRIMARY KEY(dkey, ntag)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS link(ino INTEGER, did INTEGER,"
	"dkey INTEGER, ntag BLOB, PRIMARY KEY(ino, did)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS symlink(ino INTEGER PRIMARY KEY, row BLOB);"
    "CREATE TABLE IF NOT EXISTS xattr(ino INTEGER, ntag BLOB,"
	"dirty INTEGER, row BLOB, PRIMARY KEY(ino, ntag)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS orphan(ino INTEGER PRIMARY KEY);"
    "CREATE TABLE IF NOT EXISTS inode_id("
	"id BLOB PRIMARY KEY, ino INTEGER) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS dentry_id(id BLOB PRIMARY KEY, did INTEGER,"
	"ino INTEGER, dkey INTEGER, ntag BLOB) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS outbox(num INTEGER PRIMARY KEY,"
	"flags INTEGER, infl INTEGER, since INTEGER, dkey INTEGER, ntag BLOB,"
	"id BLOB, ino INTEGER, after INTEGER, over BLOB);"
    "CREATE INDEX IF NOT EXISTS outbox_after ON outbox(after)"
	"WHERE after <> 0;"
    "CREATE TABLE IF NOT EXISTS segment(seq INTEGER PRIMARY KEY, hash BLOB,"
	"object BLOB, op_seq INTEGER, lamport INTEGER);";

/* The version is not sealed, so that any key finds it. */
static int
version_get(struct drive *d, int64_t *ret)
{
	struct stmt *s;
	int r;

	s = db_stmt(d->db, STMT_VERSION, "PRAGMA user_version");
	r = stmt_step(s);
	if (r < 0)
		return r;
	*ret = r == 1 ? stmt_get_i64(s, 0) : 0;
	stmt_reset(s);
	return 0;
}

static int
root_make(struct drive *d) REQUIRES(d->db_lock)
{
	struct inode i;

	memset(&i, 0, sizeof(i));
	i.ino = DRIVE_ROOT_INO;
	i.kind = OP_KIND_DIR;
	i.mode = 0700;
	i.nlink = 2;
	i.parent = DRIVE_ROOT_INO;
	i.atime_ns = i.mtime_ns = i.ctime_ns = i.btime_ns = clock_real_ns();
	return inode_add(d, &i);
}

static int
create(struct drive *d) REQUIRES(d->db_lock)
{
	uint8_t check[CHECK_LEN];
	int r;

	memcpy(check, d->drive_id.b, VAULT_ID_LEN);
	memcpy(check + VAULT_ID_LEN, d->realm_id.b, VAULT_ID_LEN);
	r = db_exec(d->db, tables);
	if (r == 0)
		r = db_exec(d->db, block_schema());
	if (r == 0)
		r = meta_put(d, "check", check, sizeof(check));
	d->next_num = d->num_reserved = DRIVE_ROOT_INO + 1;
	d->counted = UINT64_MAX;
	if (r == 0)
		r = root_make(d);
	/* Last: without it the rest is made anew. */
	if (r == 0)
		r = db_exec(d->db, "PRAGMA user_version = 2");
	return r;
}

/* From an earlier version.  The number comes last: without it all of this
 * is done again. */
static int
migrate(struct drive *d, int64_t version) REQUIRES(d->db_lock)
{
	int r = 0;

	if (version < 2)
		r = db_exec(d->db, PIN_TABLE);
	if (r == 0 && version < SCHEMA_VERSION)
		r = db_exec(d->db, "PRAGMA user_version = 2");
	return r;
}

static int
load_u64s(struct drive *d, const char *key, uint64_t *out, size_t n)
    REQUIRES(d->db_lock)
{
	struct buf b = BUF_INIT(256);
	struct rd rd;
	size_t k;
	int r;

	r = meta_get(d, key, &b);
	rd = rd_of(b.data, b.len);
	for (k = 0; k < n && r == 0; k++)
		out[k] = rd_u64(&rd);
	if (r == 0 && rd_end(&rd) < 0)
		r = -EIO;
	buf_done(&b);
	return r;
}

static int
check(struct drive *d, struct err *e) REQUIRES(d->db_lock)
{
	uint64_t nums = 0, counts[2] = { 0, 0 };
	struct buf b = BUF_INIT(256);
	int r;

	r = meta_get(d, "check", &b);
	if (r == 0 && (b.len != CHECK_LEN ||
	    memcmp(b.data, d->drive_id.b, VAULT_ID_LEN) != 0 ||
	    memcmp(b.data + VAULT_ID_LEN, d->realm_id.b, VAULT_ID_LEN) != 0))
		r = -EBADMSG;
	buf_done(&b);
	if (r == -EBADMSG)
		return err_set(e, r, "the state in '%s' was written under "
		    "another key or for another drive", d->conf.state_dir);
	if (r == 0)
		r = load_u64s(d, "nums", &nums, 1);
	if (r == -ENOENT) {
		/* Nothing has been made yet. */
		nums = DRIVE_ROOT_INO + 1;
		r = 0;
	}
	if (r < 0)
		return err_wrap(e, r, "unable to read the state in '%s'",
		    d->conf.state_dir);
	d->next_num = d->num_reserved = nums;
	/* Counters are kept at a clean close only. */
	d->counted = 0;
	if (load_u64s(d, "counts", counts, 2) == 0) {
		d->usage.inodes = counts[0];
		d->usage.file_bytes = counts[1];
		d->counted = UINT64_MAX;
		r = meta_del(d, "counts");
	}
	return r;
}

int
schema_open(struct drive *d, struct err *e) NO_TSA
{
	int64_t version;
	int r;

	mutex_lock(&d->db_lock);
	r = version_get(d, &version);
	mutex_unlock(&d->db_lock);
	if (r < 0)
		return err_wrap(e, r, "unable to read the state in '%s'",
		    d->conf.state_dir);
	if (version > SCHEMA_VERSION)
		return err_set(e, -EPROTO, "the state in '%s' was written by "
		    "a newer version of this program", d->conf.state_dir);
	r = drive_begin_internal(d);
	if (r < 0)
		return err_wrap(e, r, "unable to write the state in '%s'",
		    d->conf.state_dir);
	d->saved = d->usage;
	r = version == 0 ? create(d) : check(d, e);
	/* Under the right key only. */
	if (r == 0 && version > 0)
		r = migrate(d, version);
	r = drive_end(d, r);
	if (r < 0 && (!e || e->msg[0] == '\0'))
		return err_wrap(e, r, "unable to write the state in '%s'",
		    d->conf.state_dir);
	return r;
}
