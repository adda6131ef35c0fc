/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * words STATE		prints a state as "Copy Status" would
 */
#include <glib.h>
#include <locale.h>
#include <stdio.h>

#include "mark.h"

int
main(int argc, char **argv)
{
	char *s;

	if (argc != 2)
		return 64;
	(void)setlocale(LC_ALL, "");
	s = mark_words(argv[1]);
	(void)puts(s);
	g_free(s);
	return 0;
}
