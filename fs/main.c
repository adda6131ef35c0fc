/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "fs/cli.h"
#include "fs/jail.h"
#include "fs/mount_helper.h"

static const struct cmd *const cmds[] = {
	&cmd_setup,
	&cmd_init, &cmd_mount, &cmd_unmount, &cmd_status, &cmd_sync,
	&cmd_store, &cmd_scrub,
	&cmd_pin, &cmd_unpin, &cmd_cache,
	&cmd_fsck, &cmd_recover, &cmd_fingerprint, &cmd_trust,
	&cmd_unlock, &cmd_lock, &cmd_keyring, &cmd_autostart, &cmd_places,
	&cmd_version,
};
#define NCMDS (sizeof(cmds) / sizeof(*cmds))

static int
help(void)
{
	size_t i;

	cli_out("Usage: coffre COMMAND [OPTION]... [ARGUMENT]...\n\n"
	    "Mount an untrusted remote store as a local folder: encrypted, "
	    "quick, there\nwithout the network.\n\n");
	for (i = 0; i < NCMDS; i++)
		(void)printf("  %-13s %s\n", cmds[i]->name,
		    tr(cmds[i]->summary));
	cli_out("\n'coffre COMMAND --help' says more, and so does "
	    "coffre(1).\n");
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

/* Output that is lost is no success.  A mount's may have gone long ago. */
static int
cmd_run(const struct cmd *c, int argc, char **argv)
{
	int code = c->run(c, argc, argv);

	if (code == 0 && c != &cmd_mount && (fflush(stdout) != 0 ||
	    ferror(stdout))) {
		cli_note("the output could not be written");
		code = EX_IOERR;
	}
	return code;
}

/* What this process holds is nobody else's: no core files, no debugger of
 * the same user, files for the user alone. */
static void
harden(void)
{
	static const struct rlimit none = { 0, 0 };

	(void)umask(077);
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc > 0 && jail_is(argv[0]))
		return jail_run(argv + 1);
	harden();
	tr_init(NULL);
	if (argc > 0 && mount_helper_is(argv[0]))
		return mount_helper_run(argc, argv);
	if (argc < 2) {
		(void)help();
		return EX_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0)
		return cmd_run(&cmd_version, 1, argv + 1);
	for (i = 0; i < NCMDS; i++) {
		if (strcmp(cmds[i]->name, argv[1]) == 0)
			return cmd_run(cmds[i], argc - 1, argv + 1);
	}
	/* mount(8) with type fuse.coffre: "coffre NAME /mountpoint -o …" */
	if (argc >= 3 && argv[2][0] == '/')
		return cmd_mount.run(&cmd_mount, argc, argv);
	return cli_usage(NULL, "unknown command '%s'", argv[1]);
}
