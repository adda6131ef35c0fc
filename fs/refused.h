/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_REFUSED_H
#define FS_REFUSED_H

#include <stdbool.h>
#include <stdint.h>

/*
 * refused - which files a maker of previews was refused just now.  Some file
 * managers then read the file themselves, by a thread that looks like one
 * that copies: only the refusal before tells the two apart.  Any thread may
 * call; nothing waits.
 */
struct refused;

#define REFUSED_MAX 256		/* files; the latest are known */
#define REFUSED_MS 2000		/* for so long */

int refused_new(struct refused **ret);
/* NULL is ignored. */
void refused_free(struct refused *x);
/* now: clock_mono_ms */
void refused_add(struct refused *x, uint64_t ino, int64_t now);
/* Was it refused within REFUSED_MS?  True once for each refusal. */
bool refused_take(struct refused *x, uint64_t ino, int64_t now);

#endif
