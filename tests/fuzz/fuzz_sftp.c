/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stddef.h>
#include <stdint.h>

#include "store/sftp_msg.h"

/* What an SFTP server sends. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint64_t total, avail;
	struct sftp_name n;
	struct sftp_msg m;
	volatile char sum = 0;	/* every byte is read for it */
	size_t i;

	if (sftp_msg_parse(p, len, &m) < 0)
		return 0;
	for (i = 0; i < m.len; i++)
		sum ^= (char)m.data[i];
	(void)sftp_msg_statvfs(&m, &total, &avail);
	while (m.type == SFTP_NAME && sftp_msg_next(&m, &n) > 0) {
		for (i = 0; i < n.len; i++)
			sum ^= n.name[i];
	}
	(void)sum;
	return 0;
}
