/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FS_BIRTH_H
#define FS_BIRTH_H

#include <stddef.h>

struct err;
struct setup;
struct store;
struct vault_birth;

/* birth - a new drive comes to be; what the commands init and setup share. */

#define BIRTH_TEXT_MAX 1024

/* Is there no drive on the store yet?  -EEXIST: there is.  Whether that holds
 * is seen when one is made. */
int birth_is_free(struct store *store, struct err *e);
/* New keys, in memory only.  b is to be given to vault_birth_done. */
int birth_keys(struct setup *s, struct vault_birth *b, struct err *e);
/* Keys on this machine, then objects on the store.  After a failure there is
 * neither here. */
int birth_make(struct setup *s, const struct vault_birth *b, struct err *e);
/* Then the settings.  Whoever is stopped before has keys without: of no drive,
 * and the next one of that name replaces them, or of one that is made, and
 * 'recover' goes on with them as with those of an interrupted recovery. */
int birth_keep(struct setup *s, struct err *e);
/* The recovery key, with what one has to know to use it.  Returns its length;
 * the text is to be wiped. */
size_t birth_text(const struct setup *s, const struct vault_birth *b,
    char out[static BIRTH_TEXT_MAX]);
/* What a probe has found that must not be a surprise, line by line: what a
 * delete means there, and the like. */
void birth_notes(struct store *store,
    void (*say)(void *arg, const char *line), void *arg);

#endif
