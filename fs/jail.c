/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY_MAX (UINT64_C(1) << 30)
#define CPU_MAX 15		/* seconds, of each process */
#define FILE_SIZE_MAX (16u << 20)
#define FILES_MAX 128
#define LAST_FD 3
#define NOBODY 65534u
#define EXIT_CANNOT 127

bool
jail_is(const char *argv0)
{
	return strcmp(argv0, JAIL_NAME) == 0;
}

static void
limit(__rlimit_resource_t what, rlim_t max)
{
	struct rlimit l = { max, max };

	(void)setrlimit(what, &l);	/* it may be lower already */
}

/* ---- who it is ---------------------------------------------------------- */

/* What root is and may is given up, for good; other users' rights as well. */
static bool
rights_drop(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };
	int cap;

	if (geteuid() == 0) {
		for (cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++) {
			if (prctl(PR_CAPBSET_READ, cap) > 0 &&
			    prctl(PR_CAPBSET_DROP, cap) < 0)
				return false;
		}
		if (setgroups(0, NULL) < 0 ||
		    setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) < 0)
			return false;
	}
	return syscall(SYS_capset, &h, none) == 0;
}

/* ---- files -------------------------------------------------------------- */

#define READ_FILE (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE)
#define READ (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* All that the first version of Landlock knows, and what came later. */
#define ALL_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define REFER (UINT64_C(1) << 13)
#define TRUNCATE (UINT64_C(1) << 14)
#define IOCTL_DEV (UINT64_C(1) << 15)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* As in Linux 6.12; earlier ones do not mind what is not set. */
struct rules {
	uint64_t files, network, scoped;
};

/* 0: there is none. */
static long
landlock_version(void)
{
	long v = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return v < 0 ? 0 : v;
}

static void
allow(int rules, const char *path)
{
	struct landlock_path_beneath_attr a = { .allowed_access = READ };
	struct stat st;

	a.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (a.parent_fd < 0)
		return;
	if (fstat(a.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		a.allowed_access = READ_FILE;
	(void)syscall(SYS_landlock_add_rule, rules,
	    LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	(void)close(a.parent_fd);
}

static bool
files_restrict(void)
{
	static const char *const seen[] = { "/usr", "/bin", "/sbin", "/lib",
	    "/lib32", "/lib64", "/libx32", "/etc/ld.so.cache",
	    "/etc/ld.so.preload", "/etc/fonts", "/proc/self",
	    "/sys/devices/system/cpu", "/var/cache/fontconfig" };
	struct rules a = { .files = ALL_1 };
	long version = landlock_version();
	int rules, r;
	size_t i;

	if (version >= 2)
		a.files |= REFER;
	if (version >= 3)
		a.files |= TRUNCATE;
	if (version >= 5)
		a.files |= IOCTL_DEV;
	if (version >= 6)
		a.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	rules = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0);
	if (rules < 0)
		return false;
	for (i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		allow(rules, seen[i]);
	r = (int)syscall(SYS_landlock_restrict_self, rules, 0);
	(void)close(rules);
	return r == 0;
}

/* ---- calls -------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef ARCH
/* Later ones are not there for it, nor are those of x32, which are above. */
#define LAST_CALL 450
#define NEW_NAMESPACE (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | \
    CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const uint32_t refused[] = {
	/* the network */
	SYS_socket, SYS_socketpair,
	/* other processes; what ends this one must get all that it starts */
	SYS_kill, SYS_tkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo,
	SYS_pidfd_open, SYS_pidfd_send_signal, SYS_pidfd_getfd,
	SYS_setsid, SYS_setpgid,
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_process_madvise, SYS_kcmp, SYS_migrate_pages, SYS_move_pages,
	SYS_setpriority, SYS_ioprio_set, SYS_sched_setparam,
	SYS_sched_setscheduler, SYS_sched_setattr, SYS_sched_setaffinity,
	SYS_shmget, SYS_shmat, SYS_shmctl,
	SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl,
	SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl,
	SYS_mq_open, SYS_mq_unlink,
	/* files as far as Landlock leaves them alone, the size in its first
	 * versions */
	SYS_truncate, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat,
	SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
	SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
	SYS_utimensat, SYS_inotify_add_watch, SYS_fanotify_init,
	SYS_open_by_handle_at,
#ifdef __x86_64__
	SYS_chmod, SYS_chown, SYS_lchown, SYS_utime, SYS_utimes,
	SYS_futimesat,
#endif
	/* memory that no limit counts */
	SYS_memfd_create, SYS_memfd_secret,
	/* the keys of the kernel, and its weak spots */
	SYS_keyctl, SYS_add_key, SYS_request_key,
	SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_syslog,
	SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root,
	SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fspick,
	SYS_mount_setattr,
	SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_kexec_file_load,
};

#define LOAD(f) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
    offsetof(struct seccomp_data, f))
/* If it is so, the next one is left out; or else the one after it is not. */
#define SKIP_IF(test, v) BPF_JUMP(BPF_JMP | (test) | BPF_K, v, 1, 0)
#define SKIP_UNLESS(test, v) BPF_JUMP(BPF_JMP | (test) | BPF_K, v, 0, 1)
#define GIVE(v) BPF_STMT(BPF_RET | BPF_K, v)
#define FAIL(e) GIVE(SECCOMP_RET_ERRNO | ((e) & SECCOMP_RET_DATA))
/* A call by one of its arguments, all of which are ints: the lower half. */
#define OF(call, n) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 4), \
    LOAD(args[n])
#define NOT_IF(call, n, test, v) OF(call, n), SKIP_UNLESS(test, v), \
    FAIL(EACCES), LOAD(nr)
#define ONLY_IF(call, n, test, v) OF(call, n), SKIP_IF(test, v), \
    FAIL(EACCES), LOAD(nr)
#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Programs of another architecture are not run. */
static bool
calls_restrict(void)
{
	const struct sock_filter head[] = {
		LOAD(arch),
		SKIP_IF(BPF_JEQ, ARCH),
		GIVE(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		SKIP_UNLESS(BPF_JGT, LAST_CALL),
		FAIL(ENOSYS),
	};
	const struct sock_filter tail[] = {
		/* Its flags cannot be seen; the C library does without. */
		SKIP_UNLESS(BPF_JEQ, SYS_clone3),
		FAIL(ENOSYS),
		NOT_IF(clone, 0, BPF_JSET, NEW_NAMESPACE | CLONE_PARENT),
		/* abort() is a signal to oneself. */
		ONLY_IF(tgkill, 0, BPF_JEQ, (uint32_t)getpid()),
		ONLY_IF(prlimit64, 0, BPF_JEQ, 0),
		NOT_IF(prctl, 0, BPF_JEQ, PR_SET_PDEATHSIG),
		NOT_IF(fcntl, 1, BPF_JEQ, F_SETOWN),
		NOT_IF(fcntl, 1, BPF_JEQ, F_SETOWN_EX),
		NOT_IF(fcntl, 1, BPF_JEQ, F_SETSIG),
		GIVE(SECCOMP_RET_ALLOW),
	};
	struct sock_filter f[COUNT(head) + 2 * COUNT(refused) + COUNT(tail)];
	struct sock_fprog p = { COUNT(f), f };
	size_t i, n = COUNT(head);

	memcpy(f, head, sizeof(head));
	for (i = 0; i < COUNT(refused); i++) {
		f[n++] = (struct sock_filter)SKIP_UNLESS(BPF_JEQ, refused[i]);
		f[n++] = (struct sock_filter)FAIL(EACCES);
	}
	memcpy(f + n, tail, sizeof(tail));
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0;
}

static bool
calls_can_be_restricted(void)
{
	uint32_t fail = SECCOMP_RET_ERRNO;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &fail) == 0;
}
#else
static bool
calls_restrict(void)
{
	return false;
}

static bool
calls_can_be_restricted(void)
{
	return false;
}
#endif

/* ---- all ---------------------------------------------------------------- */

static bool
environment_set(void)
{
	return clearenv() == 0 &&
	    setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1) == 0 &&
	    setenv("HOME", "/nonexistent", 1) == 0 &&
	    setenv("LC_ALL", "C.UTF-8", 1) == 0 &&
	    setenv("GIO_USE_VFS", "local", 1) == 0 &&
	    setenv("GSETTINGS_BACKEND", "memory", 1) == 0;
}

bool
jail_holds(void)
{
	return landlock_version() > 0 && calls_can_be_restricted();
}

int
jail_run(char *const argv[])
{
	/* It and all that it starts are one group, and stay in it: who started
	 * it ends them together. */
	(void)setsid();
	if (!argv[0] || chdir("/") < 0 || !environment_set() ||
	    close_range(LAST_FD + 1, ~0u, 0) < 0)
		return EXIT_CANNOT;
	/* Lower still, and on a busy machine it would never come to an end. */
	errno = 0;
	if (nice(10) < 0 && errno)
		return EXIT_CANNOT;
	limit(RLIMIT_AS, MEMORY_MAX);
	limit(RLIMIT_CPU, CPU_MAX);
	limit(RLIMIT_FSIZE, FILE_SIZE_MAX);
	limit(RLIMIT_NOFILE, FILES_MAX);
	limit(RLIMIT_CORE, 0);
	if (!rights_drop())
		return EXIT_CANNOT;
	/* It ends with who started it; those that it starts go by their own
	 * limits then.  Another user would not have it any more. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Both of what follows may only be done by who cannot gain more. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || !files_restrict() ||
	    !calls_restrict())
		return EXIT_CANNOT;
	(void)execvp(argv[0], argv);
	return EXIT_CANNOT;
}
