#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""office.py FILE TEXT: LibreOffice opens FILE, writes TEXT before what is in
it, saves it and closes it; meanwhile its lock is beside it, then no longer."""
import os
import subprocess
import sys
import time

import uno


def connect(pipe):
    local = uno.getComponentContext()
    find = local.ServiceManager.createInstanceWithContext(
        "com.sun.star.bridge.UnoUrlResolver", local)
    url = "uno:pipe,name=%s;urp;StarOffice.ComponentContext" % pipe
    for _ in range(600):
        try:
            return find.resolve(url)
        except Exception:
            time.sleep(0.1)
    sys.exit("LibreOffice does not answer")


path, words = os.path.abspath(sys.argv[1]), sys.argv[2]
lock = "%s/.~lock.%s#" % os.path.split(path)
pipe = "coffre%d" % os.getpid()
office = subprocess.Popen(["soffice", "--headless", "--norestore",
                           "--accept=pipe,name=%s;urp;" % pipe])
try:
    context = connect(pipe)
    desktop = context.ServiceManager.createInstanceWithContext(
        "com.sun.star.frame.Desktop", context)
    doc = desktop.loadComponentFromURL(uno.systemPathToFileUrl(path),
                                       "_blank", 0, ())
    if doc is None:
        sys.exit("it is not opened")
    if not os.path.exists(lock):
        sys.exit("there is no lock")
    doc.Text.insertString(doc.Text.Start, words, False)
    doc.store()
    doc.close(True)
    try:
        desktop.terminate()
    except Exception:
        pass                    # it is gone before it has answered
    office.wait(60)
    if os.path.exists(lock):
        sys.exit("the lock is left")
finally:
    office.kill()
