/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * coffre_remote - coffre, whose mounted drive takes changes as if they came
 * from another device.  They are read from the FIFO $COFFRE_REMOTE, one a
 * line, and answered "ok" or "r=N", a line each, in $COFFRE_REMOTE.out:
 *
 *	make FOLDER NAME		an empty file
 *	folder FOLDER NAME
 *	write PATH TEXT
 *	mode PATH OCTAL
 *	move PATH FOLDER NAME
 *	preview PATH TEXT		no picture at all
 *	delete PATH
 *	crowd FOLDER N			files 0 to N - 1, in one batch
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/tree_priv.h"
#include "util/clock.h"

#define WORDS_MAX 4

void __real_drive_set_notify(struct drive *d, const struct drive_notify *n);
void __wrap_drive_set_notify(struct drive *d, const struct drive_notify *n);

/* The drive comes and goes with the key. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct drive *drive;
static bool is_running;
static uint64_t lamport = UINT64_C(1) << 32;

static uint64_t
find(const char *path)
{
	uint64_t ino = DRIVE_ROOT_INO;
	struct drive_attr a;
	char copy[4096], *p, *save;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (p = strtok_r(copy, "/", &save); p;
	    p = strtok_r(NULL, "/", &save)) {
		if (drive_lookup(drive, ino, p, &a) < 0)
			return 0;
		ino = a.ino;
	}
	return ino;
}

static int
id_of(const char *path, struct vault_id *ret) NO_TSA
{
	uint64_t ino = find(path);
	struct inode i;
	int r;

	if (ino == 0)
		return -ENOENT;
	mutex_lock(&drive->db_lock);
	r = inode_load(drive, ino, &i);
	mutex_unlock(&drive->db_lock);
	if (r == 0)
		*ret = i.id;
	return r;
}

static int
place(struct op *o, const char *folder, const char *name)
{
	size_t len = strlen(name);

	if (len > VAULT_NAME_MAX)
		return -ENAMETOOLONG;
	o->type = OP_PLACE;
	memcpy(o->place.name, name, len);
	o->place.name_len = (uint8_t)len;
	return id_of(folder, &o->place.parent);
}

static int
birth(struct op o[static 2], const char *folder, const char *name,
    uint8_t kind)
{
	int64_t now = clock_real_ns();

	crypto_random(&o[0].node, sizeof(o[0].node));
	o[1].node = o[0].node;
	o[0].type = OP_CREATE;
	o[0].create.kind = kind;
	o[0].create.attr.mask = OP_ATTR_MODE | OP_ATTR_MTIME | OP_ATTR_CTIME;
	o[0].create.attr.mode = kind == OP_KIND_DIR ? 0755 : 0644;
	o[0].create.attr.mtime_ns = o[0].create.attr.ctime_ns = now;
	crypto_random(o[0].create.key, VAULT_KEY_LEN);
	return place(&o[1], folder, name);
}

static int
apply(struct op *o, size_t n)
{
	static const struct vault_id other = { .b = { 0xee } };
	size_t k;

	for (k = 0; k < n; k++)
		o[k].lamport = o[k].seq = ++lamport;
	return drive_apply(drive, &other, o, n);
}

static int
crowd(const char *folder, size_t n)
{
	struct op *o = calloc(2 * n, sizeof(*o));
	char name[32];
	size_t k;
	int r = o ? 0 : -ENOMEM;

	for (k = 0; k < n && r == 0; k++) {
		(void)snprintf(name, sizeof(name), "%zu", k);
		r = birth(o + 2 * k, folder, name, OP_KIND_FILE);
	}
	if (r == 0)
		r = apply(o, 2 * n);
	free(o);
	return r;
}

static int
change(struct op *o, char **w)
{
	o->put.mtime_ns = o->put.ctime_ns = clock_real_ns();
	if (strcmp(w[0], "write") == 0) {
		o->type = OP_PUT;
		o->put.is_inline = true;
		o->put.data = (uint8_t *)w[2];
		o->put.data_len = (uint32_t)strlen(w[2]);
		o->put.size = o->put.data_len;
	} else if (strcmp(w[0], "mode") == 0) {
		memset(&o->attr, 0, sizeof(o->attr));
		o->type = OP_ATTR;
		o->attr.mask = OP_ATTR_MODE | OP_ATTR_CTIME;
		o->attr.mode = (uint32_t)strtoul(w[2], NULL, 8);
		o->attr.ctime_ns = clock_real_ns();
	} else if (strcmp(w[0], "preview") == 0) {
		memset(&o->xattr, 0, sizeof(o->xattr));
		o->type = OP_XATTR;
		o->xattr.name_len = (uint8_t)strlen(DRIVE_XATTR_PREVIEW);
		memcpy(o->xattr.name, DRIVE_XATTR_PREVIEW,
		    o->xattr.name_len);
		o->xattr.value = (uint8_t *)w[2];
		o->xattr.value_len = (uint32_t)strlen(w[2]);
	} else if (strcmp(w[0], "move") == 0 && w[3]) {
		memset(&o->place, 0, sizeof(o->place));
		return place(o, w[2], w[3]);
	} else {
		return -EINVAL;
	}
	return 0;
}

static int
run(char **w)
{
	struct op o[2];
	int r = -EINVAL;

	memset(o, 0, sizeof(o));
	if (!w[1])
		return -EINVAL;
	if (strcmp(w[0], "delete") == 0) {
		o[0].type = OP_DELETE;
		r = id_of(w[1], &o[0].node);
		return r < 0 ? r : apply(o, 1);
	}
	if (!w[2])
		return -EINVAL;
	if (strcmp(w[0], "crowd") == 0)
		return crowd(w[1], strtoul(w[2], NULL, 10));
	if (strcmp(w[0], "make") == 0 || strcmp(w[0], "folder") == 0) {
		r = birth(o, w[1], w[2], w[0][0] == 'm' ? OP_KIND_FILE :
		    OP_KIND_DIR);
		return r < 0 ? r : apply(o, 2);
	}
	r = id_of(w[1], &o[0].node);
	if (r == 0)
		r = change(o, w);
	return r < 0 ? r : apply(o, 1);
}

static void
remote_run(void *arg)
{
	char line[8192], *w[WORDS_MAX + 1], *save, *p, out[4096];
	const char *path = arg;
	FILE *f, *g;
	int n, r;

	(void)snprintf(out, sizeof(out), "%s.out", path);
	f = fopen(path, "r+e");	/* both ways, so that it does not end */
	g = fopen(out, "ae");
	while (f && g && fgets(line, sizeof(line), f)) {
		memset(w, 0, sizeof(w));
		n = 0;
		for (p = strtok_r(line, " \n", &save); p && n < WORDS_MAX;
		    p = strtok_r(NULL, " \n", &save))
			w[n++] = p;
		pthread_mutex_lock(&lock);
		r = !drive ? -ENOKEY : n ? run(w) : -EINVAL;
		pthread_mutex_unlock(&lock);
		(void)(r ? fprintf(g, "r=%d\n", r) : fprintf(g, "ok\n"));
		(void)fflush(g);
	}
	if (f)
		(void)fclose(f);
	if (g)
		(void)fclose(g);
}

/* Where the drive comes to be of use, and ends to be. */
void
__wrap_drive_set_notify(struct drive *d, const struct drive_notify *n)
{
	char *path = getenv("COFFRE_REMOTE");
	pthread_t t;

	__real_drive_set_notify(d, n);
	pthread_mutex_lock(&lock);
	drive = n && n->entry ? d : NULL;
	if (drive && !is_running && path)
		is_running = thread_start(&t, "remote", remote_run, path) == 0;
	pthread_mutex_unlock(&lock);
}
