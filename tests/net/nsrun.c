// SPDX-License-Identifier: Apache-2.0
/*
 * nsrun [-p MAPPING]… [-4] [-L] [-P FILE] CMD…: runs CMD in a user and network namespace of its
 * own behind cmk-slirp, as a container would be, without the rest of cmk. Prints nothing of its
 * own; the exit code is CMD's. -4: no IPv6; -L: with the host's loopback; -P: the helper's pid.
 */
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/process.h"
#include "network/network.h"

static void cmk_noreturn fail(const char *what, const struct cmk_err *err)
{
	(void)fprintf(stderr, "Error: %s%s%s", what ? what : "", what ? ": " : "",
		      err ? cmk_err_msg(err) : strerror(errno));
	if (err && err->hint)
		(void)fprintf(stderr, " (%s)", err->hint);
	(void)fputc('\n', stderr);
	exit(err && err->kind == CMK_ERR_CANNOT_EXEC ? 126 : 125);
}

static void write_proc(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		fail(path, NULL);
}

static int send_fd(int sock, int fd)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} u = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
		       .cmsg_level = SOL_SOCKET,
		       .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = (char[]){ 'f' }, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)
	};

	memcpy(CMSG_DATA(&u.h), &fd, sizeof(fd));
	return sendmsg(sock, &m, 0) == 1 ? 0 : -errno;
}

static int receive_fd(int sock)
{
	union {
		struct cmsghdr h;
		char buf[CMSG_SPACE(sizeof(int))];
	} u;
	struct iovec iov = { .iov_base = (char[]){ 0 }, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof(u)
	};
	int fd;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&m))
		return -1;
	memcpy(&fd, CMSG_DATA(&u.h), sizeof(fd));
	return fd;
}

static void cmk_noreturn inside(int sock, char **argv)
{
	cleanup_free char *map = xasprintf("0 %u 1", (unsigned int)geteuid());
	cleanup_free char *gmap = xasprintf("0 %u 1", (unsigned int)getegid());
	struct cmk_err err = CMK_ERR_INIT;
	char c;
	int tap;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		fail("unshare", NULL);
	write_proc("/proc/self/setgroups", "deny");
	write_proc("/proc/self/uid_map", map);
	write_proc("/proc/self/gid_map", gmap);
	tap = network_tap_open(&err);
	if (tap < 0 || network_tap_configure(&err) < 0)
		fail(NULL, &err);
	if (send_fd(sock, tap) < 0 || read(sock, &c, 1) != 1)
		_exit(125);
	(void)execvp(argv[0], argv);
	fail(argv[0], NULL);
}

int main(int argc, char **argv)
{
	struct slirp_options o = { .ipv6 = true, .cgroup_fd = -1 };
	struct cmk_err err = CMK_ERR_INIT;
	struct port_mapping *ports = NULL;
	const char *pid_file = NULL;
	int c, sock[2], status;
	struct slirp s;
	pid_t pid;

	while ((c = getopt(argc, argv, "+p:4LP:")) != -1) {
		if (c == 'p' && port_mapping_parse(optarg, &ports, &o.n_ports, &err) < 0)
			fail(NULL, &err);
		if (c == '4')
			o.ipv6 = false;
		if (c == 'L')
			o.host_loopback = true;
		if (c == 'P')
			pid_file = optarg;
	}
	if (optind >= argc || network_ports_assign(ports, o.n_ports, &err) < 0)
		fail("nsrun", err.msg ? &err : NULL);
	o.ports = ports;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		fail("socketpair", NULL);
	pid = fork();
	if (pid == 0)
		inside(sock[1], argv + optind);
	(void)close(sock[1]);
	o.tap_fd = receive_fd(sock[0]);
	if (o.tap_fd < 0)
		return process_exit_code(process_reap(pid));
	if (network_slirp_start(&o, &s, &err) < 0)
		fail(NULL, &err);
	(void)close(o.tap_fd);
	if (pid_file) {
		cleanup_free char *text = xasprintf("%d\n", (int)s.pid);

		(void)file_replace_at(AT_FDCWD, pid_file, text, strlen(text), 0644, 0, NULL);
	}
	if (write(sock[0], "g", 1) != 1)
		fail("nsrun", NULL);
	status = process_reap(pid);
	if (waitpid(s.pid, &c, WNOHANG) == s.pid) {
		(void)fprintf(stderr, "cmk-slirp ended early: status %d\n", c);
		return 124;
	}
	network_slirp_stop(&s);
	port_mapping_list_free(ports, o.n_ports);
	return process_exit_code(status);
}
