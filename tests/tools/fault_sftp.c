/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fault_sftp - stands before an SFTP server and spoils what passes.
 *
 *	fault_sftp serve FILE SERVER [ARGUMENT...]
 *	fault_sftp set FILE [OPTION...]
 *	fault_sftp hits FILE
 *
 * The first is what sshd runs as its subsystem, one a connection.  It takes
 * what to do from FILE, which the second writes and which all connections
 * look at before each request; without options they are honest.  The third
 * prints how many requests were spoiled since.
 *
 *	--op NAME[,NAME...]	only for these (see the table below)
 *	--code N		answer with this status
 *	--done			... after the server has done it
 *	--delay MS		hold the answer back for so long
 *	--drip MS		the answer byte by byte, each so long after the
 *				one before
 *	--hang			read, and never answer anything again
 *	--cut-up N		hang up after N bytes of the request
 *	--cut-down N		hang up after N bytes of the answer
 *	--extra N		add N to the length that the answer says
 *	--id N			add N to the id of the answer
 *	--endless		data without an end; of a folder: names
 *	--empty			no data; of a folder: no names
 *	--keep N		only the first N bytes of a write; all is
 *				claimed
 *	--text TEXT		text in front of the answer, as of a shell
 *	--sessions N		no more than N connections, for --op init
 *	--skip N		not for the first N requests that qualify
 *	--times N		only for the N requests after them
 *	--log FILE		append each request: its name and its path
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/sftp_msg.h"
#include "util/buf.h"

#define PACKET_CAP (SFTP_PACKET_MAX + 4)
#define WAITING 256		/* requests whose answers are to be spoiled */
#define PLACES 64		/* connections at once */
#define PLACES_AT 65536		/* where they are counted in FILE */

enum { INIT = 0, CREATE = 1, OPS = 16 };

/* "create" is an open to write; those without a number are extensions. */
static const struct {
	const char *name, *ext;
	int type;
} ops[OPS] = {
	{ "init", NULL, SFTP_INIT }, { "create", NULL, -1 },
	{ "open", NULL, SFTP_OPEN }, { "close", NULL, SFTP_CLOSE },
	{ "read", NULL, SFTP_READ }, { "write", NULL, SFTP_WRITE },
	{ "lstat", NULL, SFTP_LSTAT }, { "fstat", NULL, SFTP_FSTAT },
	{ "opendir", NULL, SFTP_OPENDIR }, { "readdir", NULL, SFTP_READDIR },
	{ "remove", NULL, SFTP_REMOVE }, { "mkdir", NULL, SFTP_MKDIR },
	{ "rename", NULL, SFTP_RENAME },
	{ "replace", "posix-rename@openssh.com", -1 },
	{ "fsync", "fsync@openssh.com", -1 },
	{ "statvfs", "statvfs@openssh.com", -1 },
};

/* What FILE holds. */
struct fault {
	bool is_on, is_done, is_hanging, is_endless, is_empty;
	unsigned ops;		/* 1 << op; 0: all */
	int code, delay_ms, drip_ms;
	long cut_up, cut_down, extra, id, keep, sessions, skip, times;
	long seen, hits;
	char text[64], log[256];
};

struct packet {
	uint8_t *b;
	size_t len;		/* in all */
};

static const struct fault honest = { .code = -1, .cut_up = -1,
    .cut_down = -1, .keep = -1, .sessions = -1, .times = -1 };
static int control = -1;
static struct waiting {
	bool is_used;
	uint32_t id;
	struct fault f;
} waiting[WAITING];

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- the control file ---- */

static void
fault_read(struct fault *f)
{
	if (pread(control, f, sizeof(*f), 0) != sizeof(*f))
		*f = honest;
}

/* Is it this request's turn?  Then *ret is what to do. */
static bool
is_faulty(unsigned op, struct fault *ret)
{
	bool is_hit = false;
	long nth;

	(void)flock(control, LOCK_EX);
	fault_read(ret);
	if (ret->is_on && (!ret->ops || (ret->ops & 1u << op))) {
		nth = ret->seen++;
		is_hit = nth >= ret->skip && (ret->times < 0 ||
		    nth < ret->skip + ret->times);
		ret->hits += is_hit;
		(void)!pwrite(control, ret, sizeof(*ret), 0);
	}
	(void)flock(control, LOCK_UN);
	return is_hit;
}

/* A place among so many, kept as long as we live. */
static bool
place_take(long max)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_len = 1 };
	long i;

	for (i = 0; i < max; i++) {
		l.l_start = PLACES_AT + i;
		if (fcntl(control, F_SETLK, &l) == 0)
			return true;
	}
	return false;
}

/* ---- bytes ---- */

static void
put_be32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* Whoever is not there any more has ended the connection. */
static void
send_all(int fd, const void *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n <= 0)
			_exit(0);
		p = (const uint8_t *)p + n;
		len -= (size_t)n;
	}
}

static void
recv_all(int fd, uint8_t *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = read(fd, p, len);
		if (n <= 0)
			_exit(0);
		p += n;
		len -= (size_t)n;
	}
}

static void
packet_recv(int fd, struct packet *p)
{
	uint32_t len;

	recv_all(fd, p->b, 4);
	len = sftp_be32(p->b);
	if (len < 5 || len > SFTP_PACKET_MAX)
		_exit(1);
	recv_all(fd, p->b + 4, len);
	p->len = 4 + len;
}

static uint32_t
id_of(const struct packet *p)
{
	return sftp_be32(p->b + 5);
}

/* The string at this place, or one without bytes. */
static const char *
str_at(const struct packet *p, size_t at, size_t *ret_len)
{
	*ret_len = 0;
	if (at + 4 > p->len || sftp_be32(p->b + at) > p->len - at - 4)
		return "";
	*ret_len = sftp_be32(p->b + at);
	return (const char *)p->b + at + 4;
}

/* ---- requests ---- */

static unsigned
op_of(const struct packet *p)
{
	const char *ext;
	size_t len;
	unsigned i;

	ext = str_at(p, 9, &len);
	/* Its flags are behind the path. */
	if (p->b[4] == SFTP_OPEN && 13 + len + 4 <= p->len &&
	    (sftp_be32(p->b + 13 + len) & SFTP_O_WRITE))
		return CREATE;
	for (i = 0; i < OPS; i++) {
		if (ops[i].type == p->b[4])
			return i;
		if (p->b[4] == SFTP_EXTENDED && ops[i].ext &&
		    len == strlen(ops[i].ext) &&
		    memcmp(ext, ops[i].ext, len) == 0)
			return i;
	}
	return OPS;
}

static void
log_add(const struct fault *f, const struct packet *p, unsigned op)
{
	bool is_ext = op < OPS && ops[op].ext;
	char line[5000];
	const char *path;
	size_t len;
	int fd, n;

	if (!f->log[0] || op == OPS)
		return;
	path = str_at(p, 9, &len);
	if (is_ext)
		path = str_at(p, 13 + len, &len);
	/* A handle is no text. */
	if (op == INIT || memchr(path, '\0', len) || !memchr(path, '/', len))
		len = 0;
	n = snprintf(line, sizeof(line), "%s %.*s\n", ops[op].name,
	    (int)(len < 4096 ? len : 4096), path);
	fd = open(f->log, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, line, (size_t)n);
	(void)close(fd);
}

/* An answer of ours; of a status all that the draft wants. */
static void
answer(uint32_t id, enum sftp_type type, uint32_t value)
{
	struct buf b = BUF_INIT(SFTP_PACKET_MAX);
	size_t start = sftp_msg_begin(&b, type, id);

	sftp_msg_u32(&b, value);
	if (type == SFTP_STATUS) {
		sftp_msg_str(&b, "because", 7);
		sftp_msg_str(&b, "", 0);
	}
	for (; type == SFTP_NAME && value > 0; value--) {
		sftp_msg_str(&b, "Somebody else's", 15);
		sftp_msg_str(&b, "", 0);
		sftp_msg_u32(&b, 0);
	}
	sftp_msg_end(&b, start);
	send_all(1, b.data, b.len);
	buf_done(&b);
}

static void
endless_data(uint32_t id)
{
	uint8_t b[4096] = { 0 };

	put_be32(b, 0x7fffffff);
	b[4] = SFTP_DATA;
	put_be32(b + 5, id);
	put_be32(b + 9, 0x7ffffff0);
	for (;;)
		send_all(1, b, sizeof(b));
}

/* A write of less than was asked for. */
static void
shorten(struct packet *p, long keep)
{
	size_t len, at;

	(void)str_at(p, 9, &len);
	at = 13 + len + 8;
	(void)str_at(p, at, &len);
	if (p->b[4] != SFTP_WRITE || (size_t)keep >= len)
		return;
	put_be32(p->b + at, (uint32_t)keep);
	p->len = at + 4 + (size_t)keep;
	put_be32(p->b, (uint32_t)(p->len - 4));
}

static void
wait_add(uint32_t id, const struct fault *f)
{
	unsigned i;

	for (i = 0; i < WAITING; i++) {
		if (waiting[i].is_used)
			continue;
		waiting[i].is_used = true;
		waiting[i].id = id;
		waiting[i].f = *f;
		return;
	}
	_exit(1);
}

static void
pass_request(struct packet *p, int server)
{
	bool is_dir = p->b[4] == SFTP_READDIR;
	unsigned op = op_of(p);
	struct fault f;
	bool faulty;

	faulty = is_faulty(op, &f);
	log_add(&f, p, op);
	if (!faulty) {
		send_all(server, p->b, p->len);
		return;
	}
	/* For as long as there is somebody who waits. */
	while (f.is_hanging)
		recv_all(0, p->b, 1);
	if (f.sessions >= 0 && place_take(f.sessions)) {
		send_all(server, p->b, p->len);
	} else if (f.sessions >= 0) {
		_exit(1);
	} else if (f.is_empty || (f.is_endless && is_dir)) {
		answer(id_of(p), is_dir ? SFTP_NAME : SFTP_DATA,
		    f.is_endless ? 1000 : 0);
	} else if (f.is_endless) {
		endless_data(id_of(p));
	} else if (f.cut_up >= 0) {
		send_all(server, p->b, (size_t)f.cut_up < p->len ?
		    (size_t)f.cut_up : p->len);
		_exit(0);
	} else if (f.code >= 0 && !f.is_done) {
		answer(id_of(p), SFTP_STATUS, (uint32_t)f.code);
	} else {
		wait_add(op == INIT ? 0 : id_of(p), &f);
		if (f.keep >= 0)
			shorten(p, f.keep);
		send_all(server, p->b, p->len);
	}
}

/* ---- answers ---- */

static void
sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

static void
pass_answer(struct packet *p)
{
	uint32_t id = p->b[4] == SFTP_VERSION ? 0 : id_of(p);
	const struct fault *f;
	unsigned i;

	for (i = 0; i < WAITING; i++)
		if (waiting[i].is_used && waiting[i].id == id)
			break;
	if (i == WAITING) {
		send_all(1, p->b, p->len);
		return;
	}
	waiting[i].is_used = false;
	f = &waiting[i].f;
	sleep_ms(f->delay_ms);
	if (f->code >= 0) {
		answer(id, SFTP_STATUS, (uint32_t)f->code);
		return;
	}
	put_be32(p->b, (uint32_t)((long)p->len - 4 + f->extra));
	put_be32(p->b + 5, sftp_be32(p->b + 5) + (uint32_t)f->id);
	send_all(1, f->text, strlen(f->text));
	if (f->cut_down >= 0) {
		send_all(1, p->b, (size_t)f->cut_down < p->len ?
		    (size_t)f->cut_down : p->len);
		_exit(0);
	}
	for (i = 0; f->drip_ms > 0 && i < p->len; i++) {
		send_all(1, p->b + i, 1);
		sleep_ms(f->drip_ms);
	}
	if (f->drip_ms == 0)
		send_all(1, p->b, p->len);
}

/* Start the server; what is written to *to reaches it. */
static void
server_start(char **argv, int *ret_to, int *ret_from)
{
	int up[2], down[2];

	if (pipe2(up, O_CLOEXEC) < 0 || pipe2(down, O_CLOEXEC) < 0)
		die("fault_sftp");
	switch (fork()) {
	case -1:
		die("fault_sftp");
		break;
	case 0:
		(void)dup2(up[0], 0);
		(void)dup2(down[1], 1);
		(void)execv(argv[0], argv);
		_exit(127);
	default:
		break;
	}
	(void)close(up[0]);
	(void)close(down[1]);
	*ret_to = up[1];
	*ret_from = down[0];
}

static int
serve(const char *file, char **argv)
{
	struct packet p = { .b = malloc(PACKET_CAP) };
	struct pollfd fds[2] = { { .fd = 0, .events = POLLIN },
	    { .events = POLLIN } };
	int to;

	control = open(file, O_RDWR | O_CLOEXEC);
	if (!p.b || control < 0)
		die(file);
	(void)signal(SIGPIPE, SIG_IGN);
	server_start(argv, &to, &fds[1].fd);
	while (poll(fds, 2, -1) > 0) {
		if (fds[0].revents) {
			packet_recv(0, &p);
			pass_request(&p, to);
		}
		if (fds[1].revents) {
			packet_recv(fds[1].fd, &p);
			pass_answer(&p);
		}
	}
	return 0;
}

/* ---- what to do ---- */

static void
usage(void)
{
	fprintf(stderr, "usage: fault_sftp serve FILE SERVER [ARGUMENT...]\n"
	    "       fault_sftp set FILE [OPTION...]\n"
	    "       fault_sftp hits FILE\n");
	exit(64);
}

static unsigned
ops_of(char *names)
{
	unsigned set = 0, i;
	char *p;

	for (p = strtok(names, ","); p; p = strtok(NULL, ",")) {
		for (i = 0; i < OPS && strcmp(p, ops[i].name) != 0; i++)
			;
		if (i == OPS)
			usage();
		set |= 1u << i;
	}
	return set;
}

static void
options(int argc, char **argv, struct fault *f)
{
	static const struct option known[] = {
		{ "op", 1, NULL, 'o' }, { "code", 1, NULL, 'c' },
		{ "done", 0, NULL, 'D' }, { "delay", 1, NULL, 'd' },
		{ "drip", 1, NULL, 'r' },
		{ "hang", 0, NULL, 'g' }, { "cut-up", 1, NULL, 'u' },
		{ "cut-down", 1, NULL, 'w' }, { "extra", 1, NULL, 'x' },
		{ "id", 1, NULL, 'i' }, { "endless", 0, NULL, 'e' },
		{ "empty", 0, NULL, 'E' }, { "keep", 1, NULL, 'K' },
		{ "text", 1, NULL, 'T' }, { "sessions", 1, NULL, 's' },
		{ "skip", 1, NULL, 'k' }, { "times", 1, NULL, 't' },
		{ "log", 1, NULL, 'L' }, { NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		f->is_on = f->is_on || (c != 'L');
		switch (c) {
		case 'o': f->ops = ops_of(optarg); break;
		case 'c': f->code = atoi(optarg); break;
		case 'D': f->is_done = true; break;
		case 'd': f->delay_ms = atoi(optarg); break;
		case 'r': f->drip_ms = atoi(optarg); break;
		case 'g': f->is_hanging = true; break;
		case 'u': f->cut_up = atol(optarg); break;
		case 'w': f->cut_down = atol(optarg); break;
		case 'x': f->extra = atol(optarg); break;
		case 'i': f->id = atol(optarg); break;
		case 'e': f->is_endless = true; break;
		case 'E': f->is_empty = true; break;
		case 'K': f->keep = atol(optarg); break;
		case 'T': (void)snprintf(f->text, sizeof(f->text), "%s",
		    optarg); break;
		case 's': f->sessions = atol(optarg); break;
		case 'k': f->skip = atol(optarg); break;
		case 't': f->times = atol(optarg); break;
		case 'L': (void)snprintf(f->log, sizeof(f->log), "%s",
		    optarg); break;
		default: usage();
		}
	}
	if (optind != argc || f->sessions > PLACES)
		usage();
}

int
main(int argc, char **argv)
{
	struct fault f = honest;

	if (argc > 3 && strcmp(argv[1], "serve") == 0)
		return serve(argv[2], argv + 3);
	if (argc < 3)
		usage();
	control = open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (control < 0)
		die(argv[2]);
	if (strcmp(argv[1], "hits") == 0) {
		fault_read(&f);
		printf("%ld\n", f.hits);
		return 0;
	}
	if (strcmp(argv[1], "set") != 0)
		usage();
	options(argc - 2, argv + 2, &f);
	/* The server's account is another. */
	(void)fchmod(control, 0666);
	(void)flock(control, LOCK_EX);
	if (pwrite(control, &f, sizeof(f), 0) != sizeof(f))
		die(argv[2]);
	return 0;
}
