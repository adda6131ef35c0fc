#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a window shows, as an assistive program sees it.

look.py APP dump            every named element, one a line
look.py APP has NAME        is there one of that name?
look.py APP like TEXT       is there one with that in its name?
look.py APP where NAME      x y w h of the first that is shown
look.py APP press NAME      do its first action
look.py APP answers         does its main loop answer within two seconds?
"""
import sys
import gi
gi.require_version("Atspi", "2.0")
from gi.repository import Atspi


def walk(a, depth=0):
    if a is None or depth > 40:
        return
    yield a, depth
    try:
        n = min(a.get_child_count(), 400)
    except Exception:
        return
    for i in range(n):
        try:
            c = a.get_child_at_index(i)
        except Exception:
            continue
        yield from walk(c, depth + 1)


def apps(name):
    d = Atspi.get_desktop(0)
    for i in range(d.get_child_count()):
        a = d.get_child_at_index(i)
        try:
            if a and name.lower() in (a.get_name() or "").lower():
                yield a
        except Exception:
            continue


def text(a):
    """The name; of a cell or an entry the text."""
    try:
        return a.get_name() or ""
    except Exception:
        return ""


def box(a):
    try:
        e = a.get_extents(Atspi.CoordType.SCREEN)
        return e.x, e.y, e.width, e.height
    except Exception:
        return 0, 0, 0, 0


def shown(a):
    x, y, w, h = box(a)
    return w > 0 and h > 0 and x >= 0 and y >= 0


def main():
    app, what, name = sys.argv[1], sys.argv[2], " ".join(sys.argv[3:])
    Atspi.set_timeout(2000, 8000)
    found = list(apps(app))
    if not found:
        sys.exit("no program '%s' is seen" % app)
    if what == "answers":
        for a in found:
            a.clear_cache()
            a.get_child_at_index(0).get_extents(Atspi.CoordType.SCREEN)
        return
    for top in found:
        for a, depth in walk(top):
            t = text(a)
            if what == "dump":
                if t:
                    print("%s%s '%s' %s" % ("  " * depth,
                          a.get_role_name(), t, box(a)))
                continue
            if what == "like" and name in t:
                return
            if t != name:
                continue
            if what == "has":
                return
            if what == "where" and shown(a):
                print("%d %d %d %d" % box(a))
                return
            if what == "press" and a.get_n_actions() > 0:
                a.do_action(0)
                return
    if what != "dump":
        sys.exit("no '%s' in %s" % (name, app))


main()
