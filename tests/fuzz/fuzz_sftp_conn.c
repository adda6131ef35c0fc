/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream that an SFTP server sends, in whatever pieces: frames, and the
 * answers to what a call asks one after the other. */
#include <stdlib.h>
#include <string.h>

/* The stream is ours. */
#define sftp_link_recv fuzz_recv
#define sftp_link_send fuzz_send
#include "store/sftp_conn.c"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const uint8_t *at;
static size_t left, piece;

int64_t
fuzz_send(struct sftp_link *l, const void *p, size_t len, int64_t deadline_ms)
{
	(void)l;
	(void)p;
	(void)deadline_ms;
	return (int64_t)len;
}

int64_t
fuzz_recv(struct sftp_link *l, void *p, size_t cap, int64_t deadline_ms)
{
	size_t n = left < cap ? left : cap;

	(void)l;
	(void)deadline_ms;
	if (n > piece)
		n = piece;
	if (n == 0)
		return -EHOSTUNREACH;
	memcpy(p, at, n);
	at += n;
	left -= n;
	return (int64_t)n;
}

/* Every byte of a folder's names is read. */
static void
names(struct sftp_msg *m)
{
	volatile char sum = 0;
	struct sftp_name n;
	size_t i;

	while (sftp_msg_next(m, &n) > 0)
		for (i = 0; i < n.len; i++)
			sum ^= n.name[i];
	(void)sum;
}

static void
folder(struct sftp_conn *c)
{
	struct sftp_handle h;
	struct sftp_msg m;

	if (sftp_opendir(c, "/a", &h) < 0)
		return;
	while (sftp_readdir(c, &h, &m) == 0)
		names(&m);
	(void)sftp_close(c, &h);
}

static void
file(struct sftp_conn *c)
{
	struct sftp_handle h;
	struct sftp_attrs a;
	uint8_t b[100];

	if (sftp_open(c, "/a/b", SFTP_O_CREAT, &h) < 0)
		return;
	(void)sftp_fstat(c, &h, &a);
	(void)sftp_read(c, &h, 0, b, sizeof(b));
	(void)sftp_fsync(c, &h);
	(void)sftp_close(c, &h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sftp s = { .timeout_s = 1 };
	struct sftp_conn c = { .store = &s, .break_fd = -1,
	    .out = BUF_INIT(SFTP_PACKET_MAX),
	    .in = BUF_INIT(SFTP_PACKET_MAX + 4) };
	struct store_space sp;
	struct sftp_attrs a;
	size_t before;

	if (n == 0)
		return 0;
	piece = p[0] % 64 + 1u;
	at = p + 1;
	left = n - 1;
	sftp_begin(&c);
	if (sftp_hello(&c) < 0)
		goto out;
	do {
		before = left;
		(void)sftp_lstat(&c, "/a", &a);
		(void)sftp_statvfs(&c, "/a", &sp);
		(void)sftp_rename(&c, "/a", "/b");
		folder(&c);
		file(&c);
	} while (!c.is_broken && left < before);
out:
	buf_done(&c.out);
	buf_done(&c.in);
	return 0;
}
