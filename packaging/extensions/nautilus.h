/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <nautilus-extension.h>

/* Nautilus 43 and later, with GTK 4. */
#define FM(x) Nautilus##x
#define fm_(x) nautilus_##x
#define FM_TYPE(x) NAUTILUS_TYPE_##x
#define FM_IFACE(x) Nautilus##x##Interface
#define FM_COMPLETE NAUTILUS_OPERATION_COMPLETE
#define FM_LATER NAUTILUS_OPERATION_IN_PROGRESS
#define FM_WINDOW
#define FM_UNUSED
#define FM_MENU(p, files) nautilus_menu_provider_get_file_items(p, files)
#define FM_FILE_IFACE NautilusFileInfoInterface
