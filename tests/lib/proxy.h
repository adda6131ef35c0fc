/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef TESTS_LIB_PROXY_H
#define TESTS_LIB_PROXY_H

#include <sys/types.h>

/* Start the fault proxy (tests/tools/fault_proxy.c, in the same build;
 * FAULT_PROXY names another) with these options, separated by blanks.  Gives
 * its port on 127.0.0.1; a test that cannot have it fails. */
pid_t proxy_spawn(const char *options, unsigned *ret_port);

#endif
