#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Stands in for zenity(1) or kdialog(1), by the name that it is called by, and
# answers as $WINDOWS/script says, one line a window that waits for an answer:
#
#	TEXT => ANSWER
#
# TEXT must be in what the window shows, with everything that has a meaning
# there undone.  ANSWER is typed or, of several, chosen.  Those that begin with
# '!' are done instead:
#	!ok !no			press that button
#	!cancel !close		press the button, close the window
#	!default		leave what is there
#	!group !wrong		the group of the recovery key that is asked
#				for; another one
#	!sh COMMAND		run that first, then as !ok
#	!wait			stay until it is ended
# What was shown is noted in $WINDOWS/shown, one line a window; what goes wrong
# here, or is to be seen of the words of any process, in $WINDOWS/bad.
import glob
import html
import os
import re
import subprocess
import sys
import time

HERE = os.environ["WINDOWS"]
NAME = os.path.basename(sys.argv[0])
KDE = {"--inputbox": "line", "--password": "secret", "--yesnocancel": "yes",
       "--menu": "choice", "--textbox": "show", "--msgbox": "tell",
       "--error": "fail"}
GNOME = {"--question": "yes", "--list": "choice", "--text-info": "show",
         "--info": "tell", "--error": "fail", "--progress": "busy"}


def read(name):
    try:
        with open(os.path.join(HERE, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def note(name, text):
    with open(os.path.join(HERE, name), "a", encoding="utf-8") as f:
        f.write(text.replace("\n", " ") + "\n")


def ended(key, code):
    return code if NAME == "kdialog" else int(os.environ[key])


def bad(text):
    note("bad", "%s: %s" % (NAME, text))
    sys.exit(99)


def parse_kdialog(args):
    i = next(i for i, a in enumerate(args) if a in KDE)
    kind, text, rest = KDE[args[i]], args[i + 1], args[i + 2:]
    if kind == "show":
        return kind, "", text, []
    m = re.fullmatch(r"<qt>(.*)</qt>", text, re.S)
    if not m or "\\" in text or "\n" in text:
        bad("no rich text: " + text)
    if rest and rest.pop(0) != "--":
        bad("words that may be options")
    return kind, html.unescape(m.group(1).replace("<br>", "\n")), \
        rest[0] if kind == "line" and rest else "", rest


def parse_zenity(args):
    opts = dict(a.split("=", 1) for a in args if re.match("--[a-z-]+=", a))
    text = opts.get("--text", "")
    rest = args[args.index("--") + 1:] if "--" in args else []
    if "--entry" in args:
        kind = "secret" if "--hide-text" in args else "line"
        text = text.replace("__", "\0")
        if "_" in text:
            bad("a key in: " + text)
        text = text.replace("\0", "_")
    else:
        kind = next(GNOME[a] for a in args if a in GNOME)
    if kind in ("choice", "busy"):
        text = html.unescape(text)
    elif kind in ("yes", "tell", "fail") and "--no-markup" not in args:
        bad("markup is not off")
    if kind in ("choice", "busy", "line", "secret"):
        text = text.replace("\\\\", "\\")
    file = opts.get("--filename", "")
    return kind, text, file if kind == "show" else \
        opts.get("--entry-text", ""), rest


def look_for_leaks():
    secrets = read("secrets").split("\n")
    secrets += re.findall(r"[0-9]+ ([a-z]{5})\b", read("key"))
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as f:
                words = f.read().decode("utf-8", "replace")
        except OSError:
            continue
        for s in secrets:
            if s and s in words and ("zenity" in words or
                                     "kdialog" in words or "coffre" in words):
                note("bad", "seen in the words of a process: " + s)


def answer(kind, text, default, rest, what):
    key = read("key")
    if what.startswith("!sh "):
        subprocess.run(what[4:], shell=True, check=True)
        what = "!ok"
    if what == "!wait":
        time.sleep(60)
    if what == "!cancel":
        sys.exit(ended("ZENITY_CANCEL", 2 if kind == "yes" else 1))
    if what == "!close":
        sys.exit(ended("ZENITY_ESC", 2 if kind == "yes" else 1))
    if what == "!no":
        sys.exit(ended("ZENITY_CANCEL", 1))
    if kind == "choice" and not what.startswith("!"):
        found = [n for n, item in zip(rest[::2], rest[1::2]) if what in item]
        if len(found) != 1:
            bad("'%s' is %d of %s" % (what, len(found), rest))
        what = found[0]
    elif what == "!default":
        what = default
    elif what in ("!group", "!wrong"):
        n = re.search(r"Group (\d+) of", text).group(1)
        what = re.findall(r"(?:^|\s)%s ([a-z]{5})\b" % n, key)[-1] \
            if what == "!group" else "wrong"
    if what != "!ok" or kind == "choice":
        print("" if what == "!ok" else what)
    sys.exit(ended("ZENITY_OK", 0))


def main():
    parse = parse_kdialog if NAME == "kdialog" else parse_zenity
    kind, text, default, rest = parse(sys.argv[1:])
    note("shown", "%s %s: %s" % (NAME, kind, text))
    if kind == "busy":
        sys.stdin.read()
        return
    if kind == "show":
        with open(default, encoding="utf-8") as f:
            with open(os.path.join(HERE, "key"), "w",
                      encoding="utf-8") as key:
                key.write(f.read())
        text = read("key")
    look_for_leaks()
    steps = read("script").split("\n")
    question, _, what = steps[0].partition(" => ")
    # Lines were broken for the window.
    fits = what and question in text.replace("\n", " ")
    # kdialog has no other window for what nobody needs to answer.
    if kind == "tell" and NAME == "kdialog" and not fits:
        time.sleep(60)
    if not fits:
        bad("'%s' was to come instead of '%s'" % (question, text))
    with open(os.path.join(HERE, "script"), "w", encoding="utf-8") as f:
        f.write("\n".join(steps[1:]))
    answer(kind, text, default, rest, what)


main()
