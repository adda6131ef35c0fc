/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_GATE_H
#define FS_GATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * gate - who uses the drive of a mount, so that it can be taken away and given
 * back while the mount stays.  Open, everybody may enter, which costs two
 * atomic additions; shut, nobody; held, whoever comes waits until it is one of
 * the two.
 */
struct gate;

/* Shut. */
int gate_new(struct gate **ret);
void gate_free(struct gate *g);
/* True: the drive is there until gate_leave.  False: there is none. */
bool gate_enter(struct gate *g);
void gate_leave(struct gate *g);
void gate_open(struct gate *g);
/*
 * Hold an open gate and wait for those inside.  -EBUSY: they have not left by
 * deadline_ms (of clock_mono_ms); it is open again.  The holder then opens or
 * shuts it.
 */
int gate_hold(struct gate *g, int64_t deadline_ms);
void gate_shut(struct gate *g);

#endif
