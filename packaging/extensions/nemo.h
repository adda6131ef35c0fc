/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gtk/gtk.h>
#include <libnemo-extension/nemo-extension-types.h>
#include <libnemo-extension/nemo-file-info.h>
#include <libnemo-extension/nemo-info-provider.h>
#include <libnemo-extension/nemo-menu-provider.h>

#define FM(x) Nemo##x
#define fm_(x) nemo_##x
#define FM_TYPE(x) NEMO_TYPE_##x
#define FM_IFACE(x) Nemo##x##Iface
#define FM_COMPLETE NEMO_OPERATION_COMPLETE
#define FM_LATER NEMO_OPERATION_IN_PROGRESS
#define FM_WINDOW GtkWidget *window,
#define FM_UNUSED (void)window;
#define FM_MENU(p, files) \
	nemo_menu_provider_get_file_items(p, NULL, files)
#define FM_FILE_IFACE NemoFileInfoInterface
