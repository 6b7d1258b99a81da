// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "base/apparmor.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/selinux.h"
#include "cmd/doctor.h"
#include "libpod/libpod.h"

#define PROC_FILE_MAX (1 << 20)

/* The text of a small file of /proc without its line end; NULL where it cannot be read. */
static char *read_line(const char *path)
{
	char *text = NULL;
	size_t len = 0;

	if (file_read_at(AT_FDCWD, path, PROC_FILE_MAX, &text, &len, NULL) < 0)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static bool line_is(const char *path, const char *value)
{
	cleanup_free char *line = read_line(path);

	return line && streq(line, value);
}

/* What a container's start does first; the child only tries. AppArmor lets the namespace be made,
 * and then takes the capabilities in it away. */
static int try_namespaces(void)
{
	pid_t pid = process_fork("cmk-doctor", PROCESS_DEATH_SIGNAL, NULL, NULL);
	int status;

	if (pid < 0)
		return (int)pid;
	if (pid == 0) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID) < 0)
			_exit(errno);
		if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			_exit(errno);
		_exit(0);
	}
	status = process_reap(pid);
	return status < 0 ? status : -process_exit_code(status);
}

void doctor_check_userns(struct doctor *d, struct finding *f)
{
	const char *mend = "allow user namespaces in the container or sandbox that this runs in";
	int r = try_namespaces();

	(void)d;
	if (r == 0) {
		finding_set(f, FINDING_OK, NULL, "can be made, with the rights in them");
		return;
	}
	if (line_is(APPARMOR_RESTRICTS, "1"))
		mend = APPARMOR_MEND;
	else if (line_is("/proc/sys/kernel/unprivileged_userns_clone", "0"))
		mend = "run: sudo sysctl -w kernel.unprivileged_userns_clone=1";
	else if (r == -ENOSPC)
		mend = "run: sudo sysctl -w user.max_user_namespaces=15000";
	finding_set(f, FINDING_FAIL, mend, "cannot be made: %s", errno_text(-r));
}

void doctor_check_limits(struct doctor *d, struct finding *f)
{
	static const char *const kinds[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };

	(void)d;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		cleanup_free char *path = xasprintf("/proc/sys/user/max_%s_namespaces", kinds[i]);
		cleanup_free char *line = read_line(path), *mend = NULL;
		uint64_t n = 0;

		if (!line || parse_u64(line, UINT64_MAX, &n) < 0 || n >= 64)
			continue;
		mend = xasprintf("run: sudo sysctl -w user.max_%s_namespaces=15000", kinds[i]);
		finding_set(f, n ? FINDING_WARN : FINDING_FAIL, mend,
			    "user.max_%s_namespaces is %llu", kinds[i], (unsigned long long)n);
		return;
	}
	finding_set(f, FINDING_OK, NULL, "user.max_*_namespaces are high enough");
}

void doctor_check_seccomp(struct doctor *d, struct finding *f)
{
	(void)d;
	if (access("/proc/sys/kernel/seccomp/actions_avail", F_OK) < 0)
		finding_set(f, FINDING_FAIL, "use a kernel with CONFIG_SECCOMP_FILTER",
			    "the kernel has no seccomp filters");
	else
		finding_set(f, FINDING_OK, NULL, "the kernel filters system calls");
}

void doctor_check_selinux(struct doctor *d, struct finding *f)
{
	static const char mend[] = "install the policy's rules for containers (package "
				   "container-selinux), or set label=false in [containers] of "
				   "containers.conf";
	cleanup(selinux_containers_done) struct selinux_containers policy = { 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct storage_driver driver = { 0 };

	if (!selinux_enabled())
		finding_set(f, FINDING_OK, NULL, "is off");
	else if (selinux_containers_read(&policy, &err) < 0)
		finding_set(f, FINDING_FAIL, mend, "is on, but: %s", cmk_err_msg(&err));
	else if (!policy.process || selinux_label_known(policy.process, NULL) != 1)
		finding_set(f, FINDING_FAIL, mend, "is on, but its policy does not know '%s'",
			    policy.process ?: "process");
	else if (storage_driver_get(d->st, &driver, NULL) == 0 &&
		 streq(driver.name, "fuse-overlayfs"))
		/* In a user namespace the kernel takes context= for no other file system than
		 * tmpfs, ramfs, devpts and overlay (selinux_set_mnt_opts() of
		 * security/selinux/hooks.c). */
		finding_set(f, FINDING_WARN,
			    "let containers use files of FUSE in its policy, or use the kernel's "
			    "overlay (Linux 5.13 or later) or vfs",
			    "is on, but with fuse-overlayfs containers' root file systems have the "
			    "policy's label of FUSE, and none of their own");
	else
		finding_set(f, FINDING_OK, NULL, "is on (%s): containers run as %s",
			    line_is(SELINUX_FS "/enforce", "1") ? "enforcing" : "permissive",
			    policy.process);
}

void doctor_check_data_dir(struct doctor *d, struct finding *f)
{
	static const char mend[] = "choose a local directory with --root or XDG_DATA_HOME";
	struct statvfs vfs;
	struct statfs fs;

	if (fstatfs(d->st->root_fd, &fs) < 0 || fstatvfs(d->st->root_fd, &vfs) < 0)
		finding_set(f, FINDING_FAIL, mend, "'%s': %s", d->st->root, errno_text(errno));
	else if (fs.f_type == NFS_SUPER_MAGIC || fs.f_type == SMB_SUPER_MAGIC)
		finding_set(f, FINDING_FAIL, mend,
			    "'%s' is on a network file system, which knows no subordinate ids",
			    d->st->root);
	else if (vfs.f_flag & (ST_NOEXEC | ST_RDONLY))
		finding_set(f, FINDING_FAIL, mend, "'%s' is mounted %s", d->st->root,
			    vfs.f_flag & ST_RDONLY ? "read-only" : "noexec");
	else
		finding_set(f, FINDING_OK, NULL, "'%s', %llu MB free", d->st->root,
			    (unsigned long long)vfs.f_bavail * vfs.f_frsize / 1000000);
}

static int try_device(const char *path)
{
	cleanup_close int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? -errno : 0;
}

void doctor_check_fuse(struct doctor *d, struct finding *f)
{
	int r = try_device("/dev/fuse");

	if (r == 0)
		finding_set(f, FINDING_OK, NULL, "can be opened");
	else
		finding_set(f, d->overlay ? FINDING_OK : FINDING_WARN,
			    "run: sudo modprobe fuse; sudo chmod 666 /dev/fuse", "%s%s",
			    errno_text(-r), d->overlay ? ", and is not needed" : "");
}

void doctor_check_tun(struct doctor *d, struct finding *f)
{
	int r = try_device("/dev/net/tun");

	(void)d;
	if (r == 0)
		finding_set(f, FINDING_OK, NULL, "can be opened");
	else
		finding_set(f, FINDING_FAIL, "run: sudo modprobe tun; sudo chmod 666 /dev/net/tun",
			    "%s: only --network none and host work", errno_text(-r));
}

void doctor_check_ping(struct doctor *d, struct finding *f)
{
	cleanup_free char *line = read_line("/proc/sys/net/ipv4/ping_group_range");
	cleanup_strv char **ends = line ? strv_split(line, '\t') : NULL;
	uint64_t low = 1, high = 0;

	(void)d;
	if (strv_len(ends) == 2 && parse_u64(ends[0], UINT32_MAX, &low) == 0 &&
	    parse_u64(ends[1], UINT32_MAX, &high) == 0 && getegid() >= low && getegid() <= high)
		finding_set(f, FINDING_OK, NULL, "this group may send echo requests");
	else
		finding_set(f, FINDING_WARN,
			    "run: sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'",
			    "containers cannot ping beyond the host");
}

void doctor_check_hidepid(struct doctor *d, struct finding *f)
{
	cleanup_free char *text = NULL;
	cleanup_strv char **lines = NULL;
	size_t len = 0;

	(void)d;
	if (file_read_at(AT_FDCWD, "/proc/self/mountinfo", PROC_FILE_MAX, &text, &len, NULL) == 0)
		lines = strv_split(text, '\n');
	for (char **l = lines; l && *l; l++) {
		if (strstr(*l, " /proc ") && strstr(*l, " - proc ") && strstr(*l, "hidepid=") &&
		    !strstr(*l, "hidepid=0") && !strstr(*l, "hidepid=off")) {
			finding_set(
				f, FINDING_WARN, "run: sudo mount -o remount,hidepid=0 /proc",
				"is mounted with hidepid, which refuses a /proc of their own to "
				"containers on some kernels");
			return;
		}
	}
	finding_set(f, FINDING_OK, NULL, "shows all processes");
}

void doctor_check_linger(struct doctor *d, struct finding *f)
{
	(void)d;
	if (access("/run/systemd/system", F_OK) < 0 || getuid() == 0)
		finding_set(f, FINDING_OK, NULL, "not needed: no user manager of systemd");
	else if (boot_lingers())
		finding_set(f, FINDING_OK, NULL, "on: containers go on after logout");
	else
		finding_set(f, FINDING_WARN, "run: loginctl enable-linger",
			    "off: systemd ends this user's containers at the last logout");
}
