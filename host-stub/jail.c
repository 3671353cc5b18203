/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail: see jail.h. Its steps, in the order in which each has the rights for
 * the next: an ordinary user begins with a user namespace, which is what makes the
 * others possible; root ends with one, when it is no longer root.
 *
 * There is no PID namespace: it would take one more process for the life of each VM, which
 * SIGSTOP would not reach through. What it hides is out of reach otherwise: the
 * filter lets a thread signal its own process only, and there is no /proc.
 */
#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rules.h"
#include "util.h"

/*
 * A user of its own for each VM that root starts and names none for: of the range that nobody
 * gives out (systemd's "Users, Groups, UIDs and GIDs"), by the process id.
 */
#define OWN_USER	0x70000000u
#define NOBODY		65534u		/* where that one is not mapped: in a container */

#define DESCRIPTORS	1024u
#define THREADS		512u		/* with the kernel's for io_uring */

#define RESOLV_CONF	"/etc/resolv.conf"

/* What could not be had, for the one line. */
struct lack {
	char what[160];
	int error;		/* of the first */
};

static void lacks(struct lack *lack, const char *what, int error)
{
	size_t used = strlen(lack->what);

	snprintf(lack->what + used, sizeof(lack->what) - used, "%s%s", used ? ", " : "", what);
	if (!lack->error)
		lack->error = error;
}

/* ---- namespaces ---- */

static const struct {
	int flag;
	const char *name;
} namespaces[] = {
	{ CLONE_NEWNS, "mount namespace" },
	{ CLONE_NEWIPC, "IPC namespace" },
	{ CLONE_NEWUTS, "UTS namespace" },
	{ CLONE_NEWNET, "network namespace" },
};

/* Those in `flags`; the ones that are its own now. */
static int unshare_each(int flags, struct lack *lack)
{
	int own = 0;

	for (unsigned int i = 0; i < HS_COUNT(namespaces); i++) {
		if (!(flags & namespaces[i].flag))
			continue;
		if (unshare(namespaces[i].flag) < 0)
			lacks(lack, namespaces[i].name, errno);
		else
			own |= namespaces[i].flag;
	}
	return own;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* A user namespace in which there is nobody but the caller. */
static void own_user_namespace(struct lack *lack)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER) < 0) {
		lacks(lack, "user namespace", errno);
		return;
	}
	/* As without a map nobody is who they were, a failure costs nothing that is needed. */
	(void)write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	(void)write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	(void)write_file("/proc/self/gid_map", map);
}

/* ---- the root ---- */

/* In the new root, which is the working directory. */
static void put_resolv_conf(const char *text, size_t bytes)
{
	int fd;

	if (mkdir("etc", 0755) < 0)
		return;
	fd = open(&RESOLV_CONF[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	/* Without it no name is found, which the guest sees. */
	if (write(fd, text, bytes) < 0)
		(void)unlink(&RESOLV_CONF[1]);
	close(fd);
}

/* Makes the working directory, a file system of its own, the root. 0 or -errno. */
static int take_root(void)
{
	if (syscall(SYS_pivot_root, ".", ".") == 0)
		return umount2(".", MNT_DETACH) < 0 ? -errno : 0;
	if (errno != EINVAL)
		return -errno;
	/* The kernel's first root, of a system that lives in its initramfs, cannot be taken off. */
	return mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ? -errno : 0;
}

/* An empty, read-only root, or one with a copy of the file. 0 or -errno. */
static int empty_root(bool resolv_conf)
{
	static const char * const places[] = { "/tmp", "/proc", "/dev", "/mnt" };
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	char text[4096];
	ssize_t bytes = 0;
	unsigned int i;
	int ret, fd;

	if (resolv_conf) {
		fd = open(RESOLV_CONF, O_RDONLY | O_CLOEXEC);
		if (fd >= 0) {
			bytes = read(fd, text, sizeof(text));
			close(fd);
		}
	}
	/* What is mounted here is not to be seen elsewhere. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	for (i = 0, ret = -ENOENT; i < HS_COUNT(places) && ret; i++)
		ret = mount("none", places[i], "tmpfs", flags,
			    "size=16k,nr_inodes=8,mode=0755") < 0 || chdir(places[i]) < 0 ? -errno : 0;
	if (ret)
		return ret;
	if (bytes > 0)
		put_resolv_conf(text, (size_t)bytes);
	ret = take_root();
	if (ret < 0 || chdir("/") < 0)
		return ret < 0 ? ret : -errno;
	return mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) < 0 ? -errno : 0;
}

/* ---- the user ---- */

static bool become(uid_t uid, gid_t gid)
{
	return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 &&
	       setresuid(uid, uid, uid) == 0;
}

/* Root only. 0, or -errno if the user was asked for and cannot be had. */
static int another_user(const struct hs_config *config, pid_t stub, struct lack *lack)
{
	uid_t uid = config->uid ? config->uid : OWN_USER + (uid_t)stub;
	gid_t gid = config->gid ? config->gid : uid;
	int error;

	if (become(uid, gid))
		return 0;
	error = errno;
	if (config->uid || config->gid) {
		hs_error("jail: cannot become user %u, group %u: %s", uid, gid, strerror(error));
		return -error;
	}
	if (!become(NOBODY, NOBODY))
		lacks(lack, "a user that is not root", error);
	return 0;
}

/* ---- limits ---- */

static void lower(int resource, rlim_t to)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) < 0)
		return;
	if (limit.rlim_cur > to)
		limit.rlim_cur = to;
	/* What is there now stays the most there can be. */
	limit.rlim_max = limit.rlim_cur;
	(void)setrlimit(resource, &limit);
}

/* own: no other process counts as this user's */
static void limits(bool own)
{
	lower(RLIMIT_CORE, 0);		/* the guest's memory would be in it */
	lower(RLIMIT_NOFILE, DESCRIPTORS);
	lower(RLIMIT_MSGQUEUE, 0);
	if (own)
		lower(RLIMIT_NPROC, THREADS);
}

/* ---- all of it ---- */

/*
 * 0; -errno, said, if the user cannot be had. `own`: the namespaces besides the user's; `stub`:
 * its process, whose user is that of all of its processes.
 */
static int jail_enter(const struct hs_config *config, int own, bool resolv_conf, pid_t stub,
		 struct lack *lack)
{
	bool root = !geteuid();
	int ret = 0;

	if (!root)
		own_user_namespace(lack);
	own = unshare_each(own, lack);
	if (own & CLONE_NEWNS) {
		ret = empty_root(resolv_conf);
		if (ret < 0)
			lacks(lack, "empty root", -ret);
	}
	limits(root && !config->uid);
	ret = 0;
	if (root) {
		ret = another_user(config, stub, lack);
		if (!ret)
			own_user_namespace(lack);
	}
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		lacks(lack, "memory that others cannot read", errno);
	return ret;
}

/* What is missing is said, once, by the stub. 0, or -errno: it must not be. */
static int judge(const struct hs_config *config, const struct lack *lack)
{
	if (!lack->error)
		return 0;
	if (config->jail == HS_JAIL_STRICT) {
		hs_error("--jail strict: no %s: %s", lack->what, strerror(lack->error));
		return -lack->error;
	}
	hs_note("jail: no %s: %s: not permitted to this user, or here (user.max_user_namespaces, kernel.unprivileged_userns_clone, a container)",
		lack->what, strerror(lack->error));
	return 0;
}

int hs_jail_enter(const struct hs_config *config)
{
	struct lack lack = { 0 };
	int ret = 0;

	if (config->jail == HS_JAIL_OFF)
		return 0;
	if (!HS_SANITIZED)
		ret = jail_enter(config, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET,
				 false, getpid(), &lack);
	else if (config->jail == HS_JAIL_STRICT)
		lacks(&lack, "jail in a build with a sanitizer", ENOTSUP);
	return ret < 0 ? ret : judge(config, &lack);
}

int hs_jail_enter_network(const struct hs_config *config)
{
	struct lack lack = { 0 };
	int ret;

	if (config->jail == HS_JAIL_OFF || HS_SANITIZED)
		return 0;
	ret = jail_enter(config, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS, true, getppid(), &lack);
	/* The stub will meet the same, and say it or refuse. */
	return ret;
}

int hs_jail_cgroup(const struct hs_config *config)
{
	char path[4096];
	int ret;

	if (!config->cgroup)
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", config->cgroup) >= sizeof(path))
		ret = -ENAMETOOLONG;
	else
		ret = write_file(path, "0");
	if (ret < 0)
		hs_error("--cgroup %s: %s: give the directory of a cgroup in which you may place processes",
			 config->cgroup, strerror(-ret));
	return ret;
}
