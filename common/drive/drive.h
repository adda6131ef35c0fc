/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef DRIVE_DRIVE_H
#define DRIVE_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "vault/op.h"
#include "vault/types.h"

struct err;

/*
 * drive - the local drive: a POSIX file system in SQLite and one block file,
 * everything sealed.  It knows no network: what must go to the store waits in
 * the outbox for whoever drains it, and a block that is not here is asked of
 * the fetcher that was set.
 *
 * Every call may be made from any thread.  A call that changes something has
 * committed when it returns (a killed process loses nothing); drive_fsync
 * also survives a power cut.  No call touches the network but
 * drive_read (and what must read to answer: copy_range, a partial write does
 * not), through the fetcher.
 *
 * Results: 0 (or a count) or a negative errno as the system call of the same
 * name gives it; -EIO where stored bytes do not verify.
 */
struct drive;
struct drive_file;		/* an open file */
struct drive_dir;		/* an open folder: a listing position */

#define DRIVE_ROOT_INO 1

/* Who asks.  Groups are needed for setgid and ownership rules. */
struct drive_cred {
	uid_t uid;
	gid_t gid;
	mode_t umask;
	bool is_privileged;	/* CAP_FOWNER, CAP_CHOWN, CAP_FSETID alike */
	uint32_t ngroups;
	const gid_t *groups;	/* supplementary */
};

struct drive_attr {
	uint64_t ino;
	uint32_t mode;		/* type and permissions */
	uint32_t nlink;
	uint32_t uid, gid;	/* local ids */
	uint64_t size;		/* bytes */
	uint64_t blocks;	/* of 512 bytes */
	dev_t rdev;		/* of a device: its numbers */
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns;	/* since 1970 */
};

struct drive_conf {
	const char *state_dir;	/* drive.db, blocks.dat and .sum, lock */
	const struct vault_id *drive, *realm;
	const uint8_t *local_key;	/* 32 bytes; seals what is kept here */
	uint32_t dev_index;	/* first 4 bytes of new ids, with dev below */
	struct vault_id dev;	/* this device, stamps its ops */
	uid_t owner_uid;	/* identity 0 is this local user */
	gid_t owner_gid;
	bool is_multi_user;	/* map other ids too (allow_other) */
	uint64_t cache_max;	/* clean blocks kept, bytes; 0: 10 GiB */
	uint64_t stage_max;	/* staged data allowed, bytes; 0: no limit */
	uint64_t free_floor;	/* leave this much of the disk free, bytes */
	uint64_t memory_max;	/* opened blocks in memory, bytes; 0: 32 MiB */
};

/*
 * Open (and create) the drive's local state.  Reconciles what a crash left.
 * -EBUSY: another process has it open (the message names its pid);
 * -EBADMSG: the state was written under another key;
 * -EPROTO: written by a newer version.
 */
int drive_open(const struct drive_conf *c, struct drive **ret, struct err *e);
/* Commit, flush to disk and close; open files must have been closed. */
void drive_close(struct drive *d);

/* ---- names ------------------------------------------------------------- */

int drive_lookup(struct drive *d, uint64_t parent, const char *name,
    struct drive_attr *ret);
/* The folder that a folder lies in, of the root itself; -ENOENT: it is
 * deleted. */
int drive_parent(struct drive *d, uint64_t ino, struct drive_attr *ret);
int drive_getattr(struct drive *d, uint64_t ino, struct drive_attr *ret);

enum drive_set {
	DRIVE_SET_MODE = 1 << 0,
	DRIVE_SET_UID = 1 << 1,
	DRIVE_SET_GID = 1 << 2,
	DRIVE_SET_SIZE = 1 << 3,
	DRIVE_SET_ATIME = 1 << 4,
	DRIVE_SET_MTIME = 1 << 5,
	DRIVE_SET_CTIME = 1 << 6,
	DRIVE_SET_KILLPRIV = 1 << 7,	/* clear setuid/setgid as write does */
};
/* Has the file setgid and no group execution?  From such a one the kernel takes
 * nothing away when somebody of another group writes to it: that is to be done
 * with DRIVE_SET_KILLPRIV.  Cheap where there is none. */
bool drive_is_marked(struct drive *d, uint64_t ino);
/* Fields of in named by set are taken; *ret is the result. */
int drive_setattr(struct drive *d, const struct drive_cred *c, uint64_t ino,
    const struct drive_attr *in, unsigned set, struct drive_attr *ret);

/*
 * Make a node: mode says what (file, folder, FIFO, socket, device).  Applies
 * the parent's default ACL, the umask and setgid folders.  Who may make a
 * device is the caller's affair, -EINVAL: numbers that Linux has not; mknod
 * makes it with none.
 */
int drive_mkdev(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, dev_t rdev, struct drive_attr *ret);
int drive_mknod(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, struct drive_attr *ret);
int drive_symlink(struct drive *d, const struct drive_cred *c,
    uint64_t parent, const char *name, const char *target,
    struct drive_attr *ret);
/* The target with a NUL; at most size bytes with it. */
int drive_readlink(struct drive *d, uint64_t ino, char *out, size_t size);
int drive_link(struct drive *d, uint64_t ino, uint64_t parent,
    const char *name, struct drive_attr *ret);
int drive_unlink(struct drive *d, uint64_t parent, const char *name);
int drive_rmdir(struct drive *d, uint64_t parent, const char *name);
/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE */
int drive_rename(struct drive *d, uint64_t parent, const char *name,
    uint64_t newparent, const char *newname, unsigned flags);
/* Also RENAME_WHITEOUT: c owns what takes the old place. */
int drive_rename_as(struct drive *d, const struct drive_cred *c,
    uint64_t parent, const char *name, uint64_t newparent,
    const char *newname, unsigned flags);
/* The kernel has forgotten it: an unlinked inode that is not open goes. */
void drive_forget(struct drive *d, uint64_t ino);

/* ---- folders ------------------------------------------------------------ */

struct drive_dirent {
	uint64_t ino;
	uint64_t off;		/* of the next entry */
	uint32_t mode;		/* type bits */
	const char *name;	/* borrowed during the callback */
	size_t name_len;
	const struct drive_attr *attr;	/* NULL unless asked for */
};
int drive_opendir(struct drive *d, uint64_t ino, struct drive_dir **ret);
/*
 * Entries from off (0: the beginning; otherwise a value got before, also by
 * another drive_dir, also after changes): what is there all the time is given
 * exactly once.  "." and ".." come first.  The callback returns 0 to go on, 1
 * when its buffer is full (the entry was not taken).  -EIO at the end: a name
 * could not be read; all others were given.
 */
int drive_readdir(struct drive *d, struct drive_dir *dir, uint64_t off,
    bool with_attr, int (*fn)(void *arg, const struct drive_dirent *e),
    void *arg);
void drive_closedir(struct drive_dir *dir);

/* ---- xattrs ------------------------------------------------------------- */

/* user.*, trusted.* and security.* (who may have them is the kernel's affair,
 * but for the names of trusted.*), and the two POSIX ACLs
 * (system.posix_acl_access and _default, in the kernel's xattr form), which
 * are checked and keep the mode in step.
 * Others: -EOPNOTSUPP.  Sizes as the system calls: size 0 asks for it. */
ssize_t drive_getxattr(struct drive *d, uint64_t ino, const char *name,
    void *out, size_t size);
int drive_setxattr(struct drive *d, const struct drive_cred *c, uint64_t ino,
    const char *name, const void *value, size_t size, int flags);
ssize_t drive_listxattr(struct drive *d, uint64_t ino, bool with_trusted,
    char *out, size_t size);
int drive_removexattr(struct drive *d, const struct drive_cred *c,
    uint64_t ino, const char *name);

/* A small picture of a file, or whatever else the program keeps with it.  It
 * goes where the file goes, as an xattr that the calls above do not show. */
#define DRIVE_XATTR_PREVIEW "user.coffre.preview"
/* Its length, the bytes in *ret (malloc, caller frees); -ENODATA. */
ssize_t drive_preview_get(struct drive *d, uint64_t ino, uint8_t **ret);
/* Replace it, or with NULL take it away; no time of the file changes.
 * -ESTALE: the file's size or mtime is no longer that of `of`. */
int drive_preview_set(struct drive *d, uint64_t ino,
    const struct drive_attr *of, const void *value, size_t len);

/* ---- content ------------------------------------------------------------- */

/* Open a regular file.  flags as open(2): O_TRUNC counts, O_APPEND does not
 * (the kernel gives offsets). */
int drive_file_open(struct drive *d, uint64_t ino, int flags,
    struct drive_file **ret);
/* mknod and open in one; O_EXCL is the kernel's affair. */
int drive_create(struct drive *d, const struct drive_cred *c, uint64_t parent,
    const char *name, mode_t mode, int flags, struct drive_attr *ret_attr,
    struct drive_file **ret);
/* A file without a name (O_TMPFILE); drive_link gives it one.  It goes with
 * its last handle otherwise, or with the process. */
int drive_tmpfile(struct drive *d, const struct drive_cred *c,
    uint64_t parent, mode_t mode, int flags, struct drive_attr *ret_attr,
    struct drive_file **ret);
/* Before the first read: fetch nothing but what is read through it. */
void drive_file_spare(struct drive_file *f);
uint64_t drive_file_ino(const struct drive_file *f);
/* Asked now and then while a call waits for the network: true ends the wait
 * with -EINTR. */
struct drive_wait {
	bool (*is_interrupted)(void *arg);
	void *arg;
	int64_t timeout_ms;	/* 0: 60 s */
	bool is_patient;	/* others go first; what fails is not tried
				 * again */
};
ssize_t drive_read(struct drive_file *f, void *out, size_t size,
    uint64_t off, const struct drive_wait *w);
/* -ENOSPC when the disk or the quota for staged data is full. */
ssize_t drive_write(struct drive_file *f, const void *p, size_t size,
    uint64_t off);
/* Commit what was written through any handle of this inode: called for
 * every close(2). */
int drive_flush(struct drive_file *f);
/* The same and on the disk. */
int drive_fsync(struct drive_file *f);
/* As drive_flush, of all that is open; an error is that of the last file that
 * had one. */
int drive_commit_all(struct drive *d);
int drive_fsyncdir(struct drive *d, uint64_t ino);
/* mode: fallocate(2) flags; KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE. */
int drive_fallocate(struct drive_file *f, int mode, uint64_t off,
    uint64_t len);
/* whence: SEEK_DATA or SEEK_HOLE; -ENXIO past the end. */
int64_t drive_lseek(struct drive_file *f, int64_t off, int whence);
/* Whole aligned blocks are shared, the rest is copied. */
ssize_t drive_copy_range(struct drive_file *from, uint64_t off_from,
    struct drive_file *to, uint64_t off_to, size_t len,
    const struct drive_wait *w);
/* Flush and forget the handle; it is gone whatever the result. */
int drive_file_close(struct drive_file *f);

/* ---- state --------------------------------------------------------------- */

enum drive_state {
	DRIVE_LOCAL = 0,	/* only here */
	DRIVE_QUEUED = 1,	/* content is on its way */
	DRIVE_STORED = 2,	/* on the store, published */
};
int drive_file_state(struct drive *d, uint64_t ino, enum drive_state *ret);

/*
 * It was read: its atime moves if that is not behind its other times by less
 * than a day (as with the mount option relatime).  It is kept in memory for
 * some seconds, never makes an upload, and waits for nothing but the lock;
 * that of an open file mostly not even for that.
 */
void drive_accessed(struct drive *d, uint64_t ino);
void drive_file_accessed(struct drive_file *f);

/* Bytes of [off, off + len) of a file that are on the store and not here, as
 * whole blocks; counting ends once there are `enough`.  Negative: errno. */
int64_t drive_missing(struct drive *d, uint64_t ino, uint64_t off,
    uint64_t len, uint64_t enough);

struct drive_usage {
	uint64_t inodes, file_bytes;
	uint64_t staged_bytes, staged_blocks;	/* not on the store yet */
	/* The cache, with pins.  What travels inside puts stays here, and does
	 * not count. */
	uint64_t clean_bytes;
	uint64_t outbox_ops;	/* changes not published, sealed ones too */
	uint64_t disk_free_bytes;
	int64_t oldest_unpublished_ns;		/* real time; 0: none */
	uint64_t lost_commits;		/* at the start: behind a damaged one */
};
/* Counters kept in memory: never waits. */
void drive_usage(struct drive *d, struct drive_usage *ret);
/* What a store said it holds, for statfs; 0, 0: unknown. */
void drive_set_remote_space(struct drive *d, uint64_t total, uint64_t free);
struct drive_statfs {
	uint64_t bsize, blocks, bfree, bavail, files, ffree;
};
void drive_statfs(struct drive *d, struct drive_statfs *ret);
/* Drop clean blocks until at most keep bytes remain of what is not pinned, and
 * what of them is open in memory; returns bytes freed on disk. */
uint64_t drive_cache_trim(struct drive *d, uint64_t keep);
/* ---- pins: what is to stay on this machine ------------------------------- */

/* A file or folder, in sum. */
struct drive_held {
	uint64_t files, bytes;
	uint64_t here;		/* of these bytes: on this machine */
	uint64_t unsent;	/* of those: not on the store yet */
};
/*
 * Keep the file, or the folder and whatever is in it now and later, here: its
 * content is fetched in the background and eviction leaves it alone.  -EEXIST:
 * it is kept already by the pin of *ret_by (itself, or a folder above it);
 * -EINVAL: neither file nor folder.
 */
int drive_pin(struct drive *d, uint64_t ino, uint64_t *ret_by);
/* No longer.  -ENOENT: it has no pin; *ret_by is the folder above it that has
 * one, or 0. */
int drive_unpin(struct drive *d, uint64_t ino, uint64_t *ret_by);
/* Is it pinned, and how much of it is not here?  2: by itself, 1: by a folder
 * above it, 0 or an error. */
int drive_pin_state(struct drive *d, uint64_t ino, uint64_t *ret_missing);
/* Count; stopped(arg), asked now and then, ends it with -EINTR. */
int drive_measure(struct drive *d, uint64_t ino, bool (*stopped)(void *arg),
    void *arg, struct drive_held *ret);
/* Let go of what is on the store and here; ret->here: what stays, *pinned of
 * that because of a pin. */
int drive_let_go(struct drive *d, uint64_t ino, bool (*stopped)(void *arg),
    void *arg, struct drive_held *ret, uint64_t *ret_freed,
    uint64_t *ret_pinned);

struct drive_pins {
	uint64_t items;			/* pins */
	struct drive_held held;		/* by all of them, once each */
	uint64_t clean;			/* of that: in the cache */
	uint64_t lost;			/* bytes that the store does not give */
	bool is_counted;		/* the above is so, about */
	bool is_full;			/* there is no room for the rest */
	bool is_idle;			/* nothing is being fetched */
};
void drive_pins(struct drive *d, struct drive_pins *ret);
/* All pins, oldest first; held is 0 for those inside another. */
struct drive_pin_row {
	uint64_t ino;
	int64_t since_ns;
	bool is_inside;
	struct drive_held held;
};
int drive_pins_list(struct drive *d, struct drive_pin_row **ret,
    size_t *ret_n);
/* Bytes that a pin may still bring here. */
uint64_t drive_pin_room(struct drive *d);

/* Refuse every change with -EROFS (an alarm of the trust rules), or allow. */
void drive_set_readonly(struct drive *d, bool on);

/* Called (from any thread, no lock held by the drive) when the kernel's idea
 * of an inode or a name is out of date.  gone: the inode that had the name
 * and has none any more; 0: not so, or not known.
 * conflicts: so many entries that others made have got another name than
 * theirs, which is taken.  Each may be NULL. */
struct drive_notify {
	void (*inode)(void *arg, uint64_t ino);
	void (*entry)(void *arg, uint64_t parent, const char *name,
	    uint64_t gone);
	void (*conflicts)(void *arg, unsigned n);
	void *arg;
};
void drive_set_notify(struct drive *d, const struct drive_notify *n);

/* Check every invariant of tree and blocks; each finding is one call of say.
 * With repair, what can be mended is.  Returns the number of findings left,
 * or a negative errno. */
int drive_fsck(struct drive *d, bool repair,
    void (*say)(void *arg, const char *finding), void *arg);
/* The same until stop (with the same arg, a lock of the drive held) says so:
 * -ECANCELED, and what was under way is as it was. */
int drive_fsck_until(struct drive *d, bool repair, bool (*stop)(void *arg),
    void (*say)(void *arg, const char *finding), void *arg);

#endif
