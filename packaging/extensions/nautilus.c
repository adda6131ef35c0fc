/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nautilus.h"

#include <gtk/gtk.h>

static void
fm_clipboard(const char *text)
{
	GdkDisplay *d = gdk_display_get_default();

	if (d)
		gdk_clipboard_set_text(gdk_display_get_clipboard(d), text);
}

#include "glue.h"
