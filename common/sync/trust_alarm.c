/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "sync/trust_priv.h"
#include "util/tr.h"

static const struct {
	const char *why, *what_to_do;
} texts[] = {
	[SYNC_ALARM_DRIVE] = {
	    N_("the store holds another drive than this one"),
	    N_("check the URL; bring this drive's folder back and run 'coffre "
	    "sync'") },
	[SYNC_ALARM_CLONE] = {
	    N_("another copy of this device has published (a state directory "
	    "that was copied or restored from a backup)"),
	    N_("stop the other copy; on this machine run 'coffre recover' with "
	    "a new state directory, it becomes a device of its own") },
	[SYNC_ALARM_ROLLBACK] = {
	    N_("the store shows less than this device has published (a server "
	    "restored from a backup, or a lost upload)"),
	    N_("bring the newer state of the store back, then run 'coffre "
	    "sync'; if it is lost for good, 'coffre trust --accept' goes on "
	    "without it; until then the drive is read-only") },
};

int
trust_alarm(struct sync *s, enum sync_alarm_kind kind)
{
	sync_alarm(s, kind, texts[kind].why, texts[kind].what_to_do);
	return -EROFS;
}

bool
trust_is_alarm(struct sync *s)
{
	bool r;

	mutex_lock(&s->lock);
	r = s->is_alarm;
	mutex_unlock(&s->lock);
	return r;
}
