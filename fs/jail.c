/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fs/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY_MAX (UINT64_C(1) << 30)
#define CPU_MAX 15		/* seconds */
#define FILE_SIZE_MAX (16u << 20)
#define FILES_MAX 128
#define LAST_FD 3
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

/* ---- files -------------------------------------------------------------- */

#define READ (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | \
    LANDLOCK_ACCESS_FS_READ_DIR)
/* All that the first version of Landlock knows, and what came later. */
#define ALL_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define REFER (UINT64_C(1) << 13)
#define TRUNCATE (UINT64_C(1) << 14)
#define IOCTL_DEV (UINT64_C(1) << 15)

static void
allow(int rules, const char *path)
{
	struct landlock_path_beneath_attr a = { .allowed_access = READ };

	a.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (a.parent_fd < 0)
		return;
	(void)syscall(SYS_landlock_add_rule, rules,
	    LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	(void)close(a.parent_fd);
}

static void
files_restrict(void)
{
	static const char *const seen[] = { "/usr", "/bin", "/sbin", "/lib",
	    "/lib32", "/lib64", "/libx32", "/etc", "/proc/self",
	    "/sys/devices/system/cpu", "/var/cache/fontconfig" };
	struct landlock_ruleset_attr a = { .handled_access_fs = ALL_1 };
	long version;
	int rules;
	size_t i;

	version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 1)
		return;
	if (version >= 2)
		a.handled_access_fs |= REFER;
	if (version >= 3)
		a.handled_access_fs |= TRUNCATE;
	if (version >= 5)
		a.handled_access_fs |= IOCTL_DEV;
	rules = (int)syscall(SYS_landlock_create_ruleset, &a,
	    sizeof(a.handled_access_fs), 0);
	if (rules < 0)
		return;
	for (i = 0; i < sizeof(seen) / sizeof(*seen); i++)
		allow(rules, seen[i]);
	(void)syscall(SYS_landlock_restrict_self, rules, 0);
	(void)close(rules);
}

/* ---- calls -------------------------------------------------------------- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#define FOREIGN 0x40000000u	/* calls of x32 */
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#define FOREIGN 0x40000000u
#endif

#ifdef ARCH
#define LOAD(f) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
    offsetof(struct seccomp_data, f))
#define GIVE(v) BPF_STMT(BPF_RET | BPF_K, v)
#define REFUSED (SECCOMP_RET_ERRNO | (13 & SECCOMP_RET_DATA)) /* EACCES */
#define NOT(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), \
    GIVE(REFUSED)

/* Programs of another architecture are not run. */
static void
calls_restrict(void)
{
	struct sock_filter f[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		GIVE(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FOREIGN, 0, 1),
		GIVE(REFUSED),
		NOT(socket), NOT(socketpair), NOT(io_uring_setup),
		NOT(keyctl), NOT(add_key), NOT(request_key),
		NOT(ptrace), NOT(process_vm_readv), NOT(process_vm_writev),
		NOT(kill), NOT(tkill), NOT(pidfd_open),
		NOT(pidfd_send_signal), NOT(unshare), NOT(setns), NOT(bpf),
		NOT(perf_event_open), NOT(userfaultfd),
		GIVE(SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof(f) / sizeof(*f), f };

	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p);
}
#else
static void
calls_restrict(void)
{
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

int
jail_run(char *const argv[])
{
	/* It ends with who started it; with it end those it starts. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
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
	/* Both of what follows may only be done by who cannot gain more. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return EXIT_CANNOT;
	files_restrict();
	calls_restrict();
	(void)execvp(argv[0], argv);
	return EXIT_CANNOT;
}
