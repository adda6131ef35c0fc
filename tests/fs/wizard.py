# SPDX-License-Identifier: GPL-3.0-or-later
#
# Answer a program that asks on its terminal:
#
#	wizard.py OUTPUT PROGRAM [ARG]... <SCRIPT
#
# A line of the script is "QUESTION => ANSWER": wait until the text QUESTION
# has come, type ANSWER.  Answers that begin with '!' are done instead:
#	!INT, !TERM, !KILL, !HUP	send the signal to the program
#	!^C, !^D			type that key
#	!group			type the group of the recovery key that
#				the question names
#	!wrong			type a group that is not it
#	!sh COMMAND		run that meanwhile
#	!enter			type nothing but the end of the line
#	!wait			nothing
# All that the program wrote goes to OUTPUT; exits as the program does, 128 +
# N for signal N, 99 when a question did not come.
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

LIMIT = 30


def read_more(fd, until):
    left = until - time.monotonic()
    if left <= 0 or not select.select([fd], [], [], left)[0]:
        return None
    try:
        return os.read(fd, 4096).decode("utf-8", "replace")
    except OSError:     # the other end is closed
        return None


def answer(pid, fd, text, seen, whole):
    if text in ("!INT", "!TERM", "!KILL", "!HUP"):
        os.kill(pid, getattr(signal, "SIG" + text[1:]))
    elif text in ("!^C", "!^D"):
        # What is typed while the mode of the terminal is being changed would
        # be thrown away.
        time.sleep(0.3)
        os.write(fd, bytes([ord(text[2]) - 64]))
    elif text in ("!group", "!wrong"):
        n = re.search(r"Group (\d+) of", seen).group(1)
        key = re.findall(r"(?:^|\s)%s ([a-z]{5})\b" % n, whole)[-1]
        os.write(fd, (key if text == "!group" else "wrong").encode() + b"\n")
    elif text.startswith("!sh "):
        subprocess.run(text[4:], shell=True, check=True)
    elif text != "!wait":
        time.sleep(0.1)
        os.write(fd, (b"" if text == "!enter" else text.encode()) + b"\n")


def main():
    steps = [line.rstrip("\n").split(" => ", 1) for line in sys.stdin
             if " => " in line]
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    whole, fresh, code = "", "", None
    for question, text in steps:
        until = time.monotonic() + LIMIT
        while question not in fresh:
            more = read_more(fd, until)
            if more is None:
                code = 99
                break
            whole += more
            fresh += more
        if code:
            print("did not come: " + question)
            os.kill(pid, signal.SIGTERM)
            break
        at = fresh.index(question) + len(question)
        # The rest of that line, too: it may say more of the question.
        while ":" not in fresh[at:]:
            more = read_more(fd, time.monotonic() + 0.5)
            if more is None:
                break
            whole += more
            fresh += more
        answer(pid, fd, text, fresh, whole)
        fresh = fresh[at:]
    until = time.monotonic() + LIMIT
    while True:
        more = read_more(fd, until)
        if not more:
            break
        whole += more
    if code is None and time.monotonic() >= until:
        print("it asks more than was to be answered")
        os.kill(pid, signal.SIGKILL)
        code = 99
    with open(sys.argv[1], "w") as f:
        f.write(whole)
    status = os.waitpid(pid, 0)[1]
    if code is None:
        code = 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else \
            os.WEXITSTATUS(status)
    sys.exit(code)


main()
