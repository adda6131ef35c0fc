# SPDX-License-Identifier: GPL-3.0-or-later
"""CPython's tests that touch files, in the current folder: a line each."""
import os
import sys
import tempfile
import unittest

MODULES = """bz2 dbm dbm_dumb fcntl file filecmp fileinput fileio genericpath
glob gzip io largefile linecache lzma mailbox mmap netrc os pathlib posix
posixpath shelve shutil stat tarfile tempfile unicode_file
unicode_file_functions univnewlines zipfile zipimport""".split()

here = os.getcwd()
os.environ["TMPDIR"] = here
tempfile.tempdir = here

from test import support            # noqa: E402  (after TMPDIR)
support.use_resources = ["largefile", "cpu", "subprocess"]


class Lines(unittest.TestResult):
    """One line a test on the real standard output, details on stderr."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.bad = False
        self.why = None

    def startTest(self, test):
        super().startTest(test)
        self.bad = False
        self.why = None

    def fail(self, test, err):
        self.bad = True
        print("===", test.id(), self._exc_info_to_string(err, test),
              file=sys.stderr, flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        self.fail(test, err)
        if not isinstance(test, unittest.TestCase):
            self.out.write("not ok %s\n" % test.id())

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.fail(test, err)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.fail(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.why = reason

    def stopTest(self, test):
        super().stopTest(test)
        what = "not ok" if self.bad else "skip" if self.why else "ok"
        self.out.write("%s %s\n" % (what, test.id()))
        self.out.flush()
        os.chdir(here)


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in MODULES:
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(
                "test.test_" + name)
        except unittest.SkipTest as e:
            print("===", name, "skipped:", e, file=sys.stderr)
            continue
        suite.run(Lines(out))


if __name__ == "__main__":
    main()
