/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nemo.h"

static void
fm_clipboard(const char *text)
{
	GdkDisplay *d = gdk_display_get_default();

	if (d)
		gtk_clipboard_set_text(gtk_clipboard_get_for_display(d,
		    GDK_SELECTION_CLIPBOARD), text, -1);
}

#include "glue.h"
