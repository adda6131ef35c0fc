/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <gtk/gtk.h>
#include <libcaja-extension/caja-extension-types.h>
#include <libcaja-extension/caja-file-info.h>
#include <libcaja-extension/caja-info-provider.h>
#include <libcaja-extension/caja-menu-provider.h>

#define FM(x) Caja##x
#define fm_(x) caja_##x
#define FM_TYPE(x) CAJA_TYPE_##x
#define FM_IFACE(x) Caja##x##Iface
#define FM_COMPLETE CAJA_OPERATION_COMPLETE
#define FM_LATER CAJA_OPERATION_IN_PROGRESS
#define FM_WINDOW GtkWidget *window,
#define FM_UNUSED (void)window;
#define FM_MENU(p, files) \
	caja_menu_provider_get_file_items(p, NULL, files)
#define FM_FILE_IFACE CajaFileInfoIface
