/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "fs/mountpoint.h"
#include "fs/pass.h"
#include "util/err.h"
#include "util/tr.h"

static int
connect_in(const char *dir, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int dfd, fd, r = 0;

	dfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dfd < 0)
		return -errno;
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path),
	    "/proc/self/fd/%d/%s.sock", dfd, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		r = -errno;
	(void)close(dfd);
	if (r < 0 && fd >= 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

/* What is asked may be a passphrase: only by ourselves is it heard.  A folder
 * of somebody else's, of the user before su(1) for instance, may hold any
 * listener. */
static bool
is_ours(int fd)
{
	struct ucred u;
	socklen_t len = sizeof(u);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 &&
	    u.uid == geteuid();
}

int
client_connect(const char *name, struct err *e)
{
	char dir[PATH_MAX];
	unsigned i;
	int fd, r;

	for (i = 0; (r = place_socket_dir(name, i, dir)) != -ENOENT; i++) {
		if (r < 0)
			continue;
		fd = connect_in(dir, name);
		if (fd >= 0 && is_ours(fd))
			return fd;
		if (fd >= 0)
			(void)close(fd);
	}
	return err_set(e, -ENOTCONN, "drive '%s' is not mounted: "
	    "'coffre mount %s' mounts it", name, name);
}

static int
send_all(int fd, const char *s, size_t left)
{
	ssize_t n;

	while (left > 0) {
		n = send(fd, s, left, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s += n;
		left -= (size_t)n;
	}
	return 0;
}

/* The error of an answer that says "ok": false. */
static int
answer_error(const json_t *o, struct err *e)
{
	const char *msg = json_string_value(json_object_get(o, "error"));
	const char *problem = json_string_value(json_object_get(o, "problem"));
	const char *advice = json_string_value(json_object_get(o, "advice"));
	json_int_t no = json_integer_value(json_object_get(o, "errno"));

	return err_set(e, no > 0 && no < 4096 ? -(int)no : -EIO,
	    "%s%s%s%s%s", msg && *msg ? msg : N_("the mount gave no reason"),
	    problem && *problem ? ": " : "", problem ? problem : "",
	    advice && *advice ? "; " : "", advice ? advice : "");
}

static int
answers_read(FILE *f, void (*line)(void *arg, const json_t *o), void *arg,
    json_t **ret, struct err *e)
{
	char *buf = malloc(CONTROL_ANSWER_MAX + 1);
	json_t *o, *ok = NULL;
	int r = 0;

	if (!buf)
		return err_set(e, -ENOMEM, "out of memory");
	while (!ok && r == 0) {
		if (!fgets(buf, CONTROL_ANSWER_MAX + 1, f)) {
			r = err_set(e, -EIO, "the mount ended without an "
			    "answer: see its log");
			break;
		}
		o = json_loads(buf, 0, NULL);
		if (!o) {
			r = err_set(e, -EPROTO, "the mount's answer makes no "
			    "sense: is it another version?");
			break;
		}
		ok = json_object_get(o, "ok");
		if (!ok) {
			if (line)
				line(arg, o);
			json_decref(o);
			continue;
		}
		r = json_is_true(ok) ? 0 : answer_error(o, e);
		*ret = o;
	}
	free(buf);
	return r;
}

static int
ask(int fd, const struct control_req *q, const struct secret *secret,
    void (*line)(void *arg, const json_t *o), void *arg, json_t **ret,
    struct err *e)
{
	char *text = control_req_format(q);
	FILE *f;
	int r;

	*ret = NULL;
	f = fdopen(fd, "r");
	if (!text || !f) {
		r = err_set(e, -ENOMEM, "out of memory");
		if (!f)
			(void)close(fd);
		goto out;
	}
	r = send_all(fd, text, strlen(text));
	if (r == 0 && secret)
		r = send_all(fd, secret->p, secret->len);
	if (r < 0)
		(void)err_set(e, r, "the mount does not listen: %s",
		    strerror(-r));
	else
		r = answers_read(f, line, arg, ret, e);
out:
	if (f)
		(void)fclose(f);
	free(text);
	return r;
}

int
client_ask(int fd, const struct control_req *q,
    void (*line)(void *arg, const json_t *o), void *arg, json_t **ret,
    struct err *e)
{
	return ask(fd, q, NULL, line, arg, ret, e);
}

int
client_unlock(int fd, const struct secret *s, bool is_slot, struct err *e)
{
	struct control_req q = { .cmd = CONTROL_UNLOCK };
	json_t *o = NULL;
	int r;

	q.is_slot = is_slot;
	q.bytes = (unsigned)s->len;
	r = ask(fd, &q, s, NULL, NULL, &o, e);
	json_decref(o);
	return r;
}

int
client_call(const char *name, const struct control_req *q,
    void (*line)(void *arg, const json_t *o), void *arg, json_t **ret,
    struct err *e)
{
	int fd;

	*ret = NULL;
	fd = client_connect(name, e);
	return fd < 0 ? fd : client_ask(fd, q, line, arg, ret, e);
}

int
client_name(const char *arg, char out[static PLACE_NAME_MAX + 1],
    struct err *e)
{
	struct mounted m;

	if (!strchr(arg, '/') && place_name_valid(arg)) {
		(void)snprintf(out, PLACE_NAME_MAX + 1, "%s", arg);
		return 0;
	}
	if (mounted_by_path(arg, &m) < 0)
		return err_set(e, -ENOENT, "'%.200s' is no drive's name, and "
		    "no drive is mounted there", arg);
	(void)snprintf(out, PLACE_NAME_MAX + 1, "%s", m.name);
	return 0;
}

int
client_path(const char *arg, struct client_path *ret, struct err *e)
{
	struct mounted m;
	struct stat st;
	int r;

	if (stat(arg, &st) < 0) {
		r = -errno;
		return err_set(e, r, "'%.200s': %s", arg, strerror(-r));
	}
	/* Something else may be mounted on a folder of the drive. */
	if (mounted_by_path(arg, &m) < 0 ||
	    st.st_dev != makedev(m.major, m.minor))
		return err_set(e, -ENOENT, "'%.200s' is on no drive of "
		    "Coffre", arg);
	memset(ret, 0, sizeof(*ret));
	(void)snprintf(ret->name, sizeof(ret->name), "%s", m.name);
	ret->ino = st.st_ino;
	return 0;
}
