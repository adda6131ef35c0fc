# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program may do that the jail is around, see fs/jail.h.

In it:	jailed.py calls GROUP	each call is refused by number; see CALLS
	jailed.py args PID	so are those by arguments; PID is another's
	jailed.py file PATH	nothing of a file can be changed
	jailed.py nobody [user]	it may nothing; unless a user's, not even regain
Outside:
	jailed.py preview COFFRE <PHOTO >PNG
		as the daemon makes one
	jailed.py without landlock|seccomp COMMAND...
		run it as on a kernel that has not got that
What is not as it should be is printed."""
import ctypes
import errno
import os
import platform
import resource
import struct
import subprocess
import sys

# Numbers on x86_64 and aarch64.
CALLS = {
    "network": {"socket": (41, 198), "socketpair": (53, 199)},
    "signals": {
        "kill": (62, 129), "tkill": (200, 130),
        "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
        "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424)},
    "groups": {"setsid": (112, 157), "setpgid": (109, 154)},
    "processes": {
        "ptrace": (101, 117), "process_vm_readv": (310, 270),
        "process_vm_writev": (311, 271), "process_madvise": (440, 440),
        "pidfd_getfd": (438, 438), "kcmp": (312, 272),
        "migrate_pages": (256, 238), "move_pages": (279, 239),
        "setpriority": (141, 140), "ioprio_set": (251, 30),
        "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
        "sched_setattr": (314, 274), "sched_setaffinity": (203, 122)},
    "ipc": {
        "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
        "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
        "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193),
        "semtimedop": (220, 192), "semctl": (66, 191),
        "mq_open": (240, 180), "mq_unlink": (241, 181)},
    "files": {
        "truncate": (76, 45), "fchmod": (91, 52), "fchmodat": (268, 53),
        "fchown": (93, 55), "fchownat": (260, 54), "setxattr": (188, 5),
        "lsetxattr": (189, 6), "fsetxattr": (190, 7),
        "removexattr": (197, 14), "lremovexattr": (198, 15),
        "fremovexattr": (199, 16), "utimensat": (280, 88),
        "inotify_add_watch": (254, 27), "fanotify_init": (300, 262),
        "open_by_handle_at": (304, 265), "chmod": (90, None),
        "chown": (92, None), "lchown": (94, None), "utime": (132, None),
        "utimes": (235, None), "futimesat": (261, None)},
    "memory": {"memfd_create": (319, 279), "memfd_secret": (447, 447)},
    "kernel": {
        "keyctl": (250, 219), "add_key": (248, 217),
        "request_key": (249, 218), "io_uring_setup": (425, 425),
        "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
        "bpf": (321, 280), "perf_event_open": (298, 241),
        "userfaultfd": (323, 282), "syslog": (103, 116),
        "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40),
        "umount2": (166, 39), "pivot_root": (155, 41),
        "chroot": (161, 51), "open_tree": (428, 428),
        "move_mount": (429, 429), "fsopen": (430, 430),
        "fspick": (433, 433), "mount_setattr": (442, 442),
        "init_module": (175, 105), "finit_module": (313, 273),
        "delete_module": (176, 106), "kexec_load": (246, 104),
        "kexec_file_load": (320, 294)},
    # That are not there for it: fchmodat2, setxattrat, one of x32.
    "later": {"clone3": (435, 435), "fchmodat2": (452, 452),
              "setxattrat": (463, 463), "x32": (0x40000001, None)},
}
ARGS = {"clone": (56, 220), "tgkill": (234, 131), "prlimit64": (302, 261),
        "fcntl": (72, 25), "prctl": (157, 167), "gettid": (186, 178),
        "seccomp": (317, 277), "landlock_create_ruleset": (444, 444)}
SIDE = ["x86_64", "aarch64"].index(platform.machine())
LIBC = ctypes.CDLL(None, use_errno=True)
F_SETOWN, F_SETSIG, F_SETOWN_EX, F_GETFL = 8, 10, 15, 3
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
CLONE_PARENT, CLONE_NEWUSER, CLONE_NEWNET = 0x8000, 0x10000000, 0x40000000
SIGCHLD = 17


def call(number, *args):
    """What it gives, or -errno."""
    ctypes.set_errno(0)
    LIBC.syscall.restype = ctypes.c_long
    r = LIBC.syscall(ctypes.c_long(number),
                     *[ctypes.c_long(a) for a in args])
    return -ctypes.get_errno() if r == -1 else r


def calls(group):
    """Arguments that none of them takes: the error says who refuses."""
    wrong = 0
    want = -errno.ENOSYS if group == "later" else -errno.EACCES
    for name, numbers in CALLS[group].items():
        if numbers[SIDE] is None:
            continue
        r = call(numbers[SIDE], -1, 0, 0, 0, 0, 0)
        if r != want:
            print(name, r)
            wrong += 1
    return wrong


def args(other):
    me, no = os.getpid(), -errno.EACCES
    n = {k: v[SIDE] for k, v in ARGS.items()}
    wrong = 0
    for name, want, *a in (
            ("clone", no, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
            ("clone", no, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0),
            ("clone", no, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0),
            ("tgkill", no, other, other, 0),
            ("tgkill", 0, me, call(n["gettid"]), 0),
            ("prlimit64", no, other, resource.RLIMIT_NOFILE, 0, 0),
            ("prlimit64", no, me, resource.RLIMIT_NOFILE, 0, 0),
            ("prlimit64", 0, 0, resource.RLIMIT_NOFILE, 0, 0),
            ("fcntl", no, 0, F_SETOWN, other),
            ("fcntl", no, 0, F_SETOWN_EX, 0),
            ("fcntl", no, 0, F_SETSIG, 9),
            ("prctl", no, PR_SET_PDEATHSIG, 0)):
        r = call(n[name], *a)
        if r == 0 and name == "clone":
            os._exit(0)
        if r != want:
            print(name, *a, "gives", r)
            wrong += 1
    if call(n["fcntl"], 0, F_GETFL) < 0:
        print("fcntl")
        wrong += 1
    child = os.fork()
    if child == 0:
        os._exit(7)
    return wrong + (os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 7)


def file(path):
    wrong = 0
    for name, f in (
            ("chmod", lambda: os.chmod(path, 0o666)),
            ("chown", lambda: os.chown(path, -1, os.getgid())),
            ("utime", lambda: os.utime(path, (1, 1))),
            ("truncate", lambda: os.truncate(path, 0)),
            ("setxattr", lambda: os.setxattr(path, "user.a", b"b")),
            ("open", lambda: open(path, "ab")),
            ("read", lambda: open(path, "rb"))):
        try:
            f()
        except PermissionError:
            continue
        print(name)
        wrong += 1
    return wrong


def nobody(who=None):
    ids = os.getresuid() + os.getresgid()
    with open("/proc/self/status", encoding="ascii") as f:
        caps = [s.split() for s in f if s.startswith("Cap") and
                not (who == "user" and s.startswith("CapBnd"))]
    bad = [c for c in caps if int(c[1], 16)]
    if set(ids) != {65534} or os.getgroups() or bad or not caps:
        print(ids, os.getgroups(), bad)
        return 1
    return 0


def preview(coffre):
    fds = [os.memfd_create("in"), os.memfd_create("out")]
    os.write(fds[0], sys.stdin.buffer.read())

    def place():
        os.dup2(fds[0], 0)
        os.dup2(os.dup(fds[1]), 3)

    r = subprocess.run(
        ["coffre-jail", "gdk-pixbuf-thumbnailer", "-s", "128",
         "file:///proc/self/fd/0", "/proc/self/fd/3"],
        executable=coffre, preexec_fn=place, close_fds=False,
        check=False).returncode
    os.lseek(fds[1], 0, os.SEEK_SET)
    sys.stdout.buffer.write(os.read(fds[1], 1 << 20))
    return r


def without(what, *command):
    """As a filter says it: statements are code, jumps and an operand."""
    load, equal, give = 0x20, 0x15, 0x06

    def fail(e):
        return (give, 0, 0, 0x50000 | e)

    n = {k: v[SIDE] for k, v in ARGS.items()}
    f = [(load, 0, 0, 0)]
    if what == "landlock":
        f += [(equal, 0, 1, n["landlock_create_ruleset"]),
              fail(errno.EOPNOTSUPP)]
    else:
        f += [(equal, 0, 1, n["seccomp"]), fail(errno.ENOSYS),
              (equal, 0, 3, n["prctl"]), (load, 0, 0, 16),
              (equal, 0, 1, PR_SET_SECCOMP), fail(errno.EINVAL)]
    f.append((give, 0, 0, 0x7fff0000))
    raw = ctypes.create_string_buffer(
        b"".join(struct.pack("HBBI", *s) for s in f))
    prog = ctypes.create_string_buffer(
        struct.pack("HP", len(f), ctypes.addressof(raw)))
    if call(n["prctl"], PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 or \
            call(n["prctl"], PR_SET_SECCOMP, 2, ctypes.addressof(prog)) < 0:
        sys.exit("no filter")
    os.execvp(command[0], command)


def main(what, *a):
    if what == "args":
        return args(int(a[0]))
    return {"calls": calls, "file": file, "nobody": nobody,
            "preview": preview, "without": without}[what](*a)


sys.exit(1 if main(*sys.argv[1:]) else 0)
