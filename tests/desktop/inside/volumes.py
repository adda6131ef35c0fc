#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mounts that GLib's file managers list: name, icon, place, can eject."""
import gi
gi.require_version("Gio", "2.0")
from gi.repository import Gio

for m in Gio.VolumeMonitor.get().get_mounts():
    if m.is_shadowed():
        continue
    print("%s\t%s\t%s\t%s" % (m.get_name(), m.get_icon().to_string(),
          m.get_root().get_path() or m.get_root().get_uri(),
          m.can_unmount()))
