/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/status.h"

#include <errno.h>

int
status_result(int status, bool is_write)
{
	switch (status) {
	case 401:
	case 403:
	case 407:
		return -EACCES;
	case 404:
	case 410:
		return -ENOENT;
	case 405:
	case 501:
		return -EOPNOTSUPP;
	case 412:	/* a read makes no condition */
		return is_write ? -EEXIST : -EPROTO;
	case 413:
	case 507:
		return -ENOSPC;
	case 416:
		return -ERANGE;
	case 408:
	case 423:
	case 425:
	case 429:
	case 503:
		return -EHOSTUNREACH;
	default:
		break;
	}
	/* Something broke behind the one that answers, before or after what
	 * we asked for was done. */
	if (status >= 500)
		return is_write ? -ETIMEDOUT : -EHOSTUNREACH;
	return -EPROTO;
}
