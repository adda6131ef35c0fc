/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "drive/drive.h"
#include "fs/cli.h"
#include "fs/parts.h"
#include "fs/pass.h"
#include "fs/place.h"
#include "fs/setup.h"
#include "store/store.h"
#include "sync/sync.h"
#include "fs/unlock.h"
#include "util/err.h"
#include "vault/vault.h"

static const struct cli_opt opts[] = {
	SETUP_OPTS,
	{ "recovery-fd", KEY_RECOVERY_FD, N_("N"),
	    N_("read the recovery key from descriptor N") },
	{ "recovery-file", KEY_RECOVERY_FILE, N_("FILE"),
	    N_("read the recovery key from FILE, as init wrote it") },
	{ NULL, 0, NULL, NULL },
};

static int
seed_read(const struct setup *s, uint8_t seed[static 32], struct err *e)
{
	struct pass_from f = { s->recovery_fd, NULL };
	struct secret words = { NULL, 0 };
	int r;

	if (s->recovery_file && s->recovery_fd < 0)
		r = pass_read_file(s->recovery_file, &words, e);
	else
		r = pass_read(&f, N_("recovery key"), false, &words, e);
	if (r < 0)
		return r;
	r = recovery_parse(words.p, seed);
	pass_done(&words);
	return r < 0 ? err_set(e, r, "that is no recovery key: see that no "
	    "word is missing or mistyped") : 0;
}

static void
progress(void *arg, const char *line)
{
	(void)arg;
	if (strncmp(line, "warning: ", 9) == 0)
		cli_note("%s", line);
	else
		cli_progress("%s", line);
}

/* The state folder as an interrupted rebuild left it: a new one begins with
 * nothing. */
static int
state_clear(const char *name, struct err *e)
{
	char dir[PATH_MAX];
	struct dirent *de;
	int r;
	DIR *d;

	r = place_path(PLACE_STATE, name, dir, e);
	if (r < 0)
		return r;
	d = opendir(dir);
	if (!d)
		return errno == ENOENT ? 0 : err_set(e, -errno, "'%s': %s",
		    dir, strerror(errno));
	while (r == 0 && (de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") != 0 &&
		    strcmp(de->d_name, "..") != 0 &&
		    unlinkat(dirfd(d), de->d_name, 0) < 0)
			r = err_set(e, -errno, "'%s/%s': %s", dir, de->d_name,
			    strerror(errno));
	}
	(void)closedir(d);
	return r;
}

/* Unless the interrupted recovery is still going on. */
static int
state_discard(struct parts *p, struct err *e)
{
	struct err why = { "" };
	char conf[PATH_MAX];
	int r;

	r = parts_open_drive(p, &why);
	if (r == -EBUSY)
		return err_set(e, r, "%s", why.msg);
	/* It may have ended well while the passphrase was asked for. */
	if (place_path(PLACE_CONF, p->name, conf, NULL) == 0 &&
	    access(conf, F_OK) == 0)
		return err_set(e, -EEXIST, "drive '%s' has been recovered "
		    "meanwhile: 'coffre mount %s'", p->name, p->name);
	/* Whatever else is wrong with it, it is to be thrown away. */
	if (r == 0)
		drive_close(p->drive);
	p->drive = NULL;
	return state_clear(p->name, e);
}

/* A new device of the drive, or the one that an interrupted recovery has
 * enrolled already. */
static int
enrol(struct setup *s, struct sync_found **ret, struct err *e)
{
	struct parts *p = &s->parts;
	uint8_t seed[32];
	char host[64];
	int r;

	if (s->is_resumed) {
		r = unlock_by_passphrase(p, &s->passphrase_from, e);
		return r < 0 ? r : state_discard(p, e);
	}
	r = seed_read(s, seed, e);
	if (r == 0)
		r = setup_passphrase(s, e);
	if (r < 0)
		goto out;
	setup_label(&p->opts, host);
	cli_progress("verifying the drive...");
	r = store_probe(p->store, e);
	if (r == 0)
		r = sync_recover(p->store, seed, host, &p->keys, ret, e);
	/* This machine is enrolled now: keep its keys before all else. */
	if (r == 0)
		r = parts_save_keys(p, &s->passphrase, e);
out:
	crypto_wipe(seed, sizeof(seed));
	return r;
}

/* The configuration comes last: a drive without one is being recovered. */
static int
recover(struct setup *s, struct err *e)
{
	struct sync_found *found = NULL;
	struct parts *p = &s->parts;
	int r, bad = 0;

	r = enrol(s, &found, e);
	if (r == 0)
		r = parts_open_drive(p, e);
	if (r == 0) {
		r = sync_rebuild(p->store, p->keys, found, p->drive, progress,
		    NULL, e);
		if (r > 0) {
			bad = r;
			r = 0;
		}
		if (r < 0)
			(void)err_wrap(e, r, "recovery stopped; the same "
			    "command goes on with it");
	}
	if (r == 0)
		r = setup_save(s, e);
	sync_found_free(found);
	return r < 0 ? r : bad;
}

static int
run(const struct cmd *cmd, int argc, char **argv)
{
	struct err e = { "" };
	struct setup s;
	int code, r;

	if (!setup_begin(&s, cmd, argc, argv, &code)) {
		setup_done(&s);
		return code;
	}
	r = setup_check(&s, true, &e);
	if (r == 0)
		r = setup_store(&s, &e);
	if (r == 0)
		r = recover(&s, &e);
	cli_progress_end();
	if (r > 0)
		cli_note("something on the store is missing or damaged, see "
		    "the warnings above; the rest was recovered");
	if (r >= 0)
		cli_note("next: 'coffre mount %s'", s.parts.name);
	setup_done(&s);
	return r < 0 ? cli_fail(r, &e) : r > 0 ? EX_DATAERR : 0;
}

const struct cmd cmd_recover = {
	.name = "recover",
	.args = N_("--store URL NAME"),
	.summary = N_("bring a drive back with its recovery key"),
	.about = N_("Bring the drive that is kept at URL to this machine, with "
	    "nothing but its recovery key, and call it NAME here.  Asks for "
	    "the key and for a new passphrase."),
	.opts = opts,
	.where = OPT_STORE,
	.args_min = 1,
	.args_max = 1,
	.run = run,
};
