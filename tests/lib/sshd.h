/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_SSHD_H
#define TESTS_LIB_SSHD_H

#include <limits.h>
#include <stdbool.h>

/*
 * sshd - an OpenSSH server for tests that need one: tests/servers/sshd.sh,
 * from the top folder (or where STORE_TEST_SERVERS says).
 */
struct sshd {
	char home[64];			/* the server's folder is in it: srv */
	char servers[PATH_MAX];
	char url[512], pin[80], key[128], hosts[128], port[16], pass[64];
	char set[128];			/* a line of the configuration */
	bool has_faults;		/* behind fault_sftp */
};

/* Run by a shell; the status of system(3). */
int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The number of lines that the server's log has with this text. */
unsigned sshd_log_count(const struct sshd *d, const char *text);
/* Make the folder and start it; ends the program where it cannot. */
void sshd_begin(struct sshd *d);
int sshd_start(struct sshd *d, const char *options);
/* At the same address, with the same account. */
void sshd_again(struct sshd *d, const char *options);
void sshd_stop(struct sshd *d);
/* From now on requests are spoiled so: options of fault_sftp. */
void sshd_fault(struct sshd *d, const char *options);
/* How many were. */
unsigned sshd_hits(const struct sshd *d);
void sshd_end(struct sshd *d);

#endif
