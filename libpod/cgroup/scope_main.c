// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-scope: has systemd make transient scopes (org.freedesktop.systemd1(5), systemd.scope(5)), over
 * D-Bus with sd-bus, so that cmk itself never maps libsystemd. Started by scope_start():
 *
 *   cmk-scope SOCKET BUS SLICE UNIT PID DESCRIPTION [UNIT PID DESCRIPTION]
 *
 * SOCKET is the manager's own socket, BUS the address of its bus for where that does not answer;
 * either may be empty, and so may SLICE. A PID of 0 is this program itself, and its scope is
 * delegated (Delegate=yes): it keeps the scope alive until something else is in it. Standard input
 * is a SOCK_SEQPACKET socket: one message when all scopes are there ("ok") or with the error, one
 * line; this program ends when the other side is closed.
 *
 * It may: talk on the connection to systemd that it opened first. After that no file, no other
 * socket, no process, no capability.
 */
#include <stdarg.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "base/parse.h"
#include "base/sandbox.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define ANSWER_TIMEOUT_US ((uint64_t)10 * 1000 * 1000)

enum {
	CONTROL_FD = STDIN_FILENO,
	UNITS_MAX = 2,
};

struct scopes;
struct unit {
	struct scopes *all;
	const char *name, *description;
	uint32_t pid; /* 0: this program, delegated */
	bool asked;   /* its job is outstanding */
	bool there;
};

struct scopes {
	sd_bus *bus;
	const char *slice;
	struct unit unit[UNITS_MAX];
	size_t n;
	bool subscribed;
	char *error; /* owned; the first one */
};

static int failed(struct scopes *s, const char *fmt, ...) cmk_printf(2, 3);
static int failed(struct scopes *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!s->error && vasprintf(&s->error, fmt, ap) < 0)
		s->error = NULL;
	va_end(ap);
	return -EIO;
}

/* --- the connection ----------------------------------------------------------------------------
 */

static int try_connect(const char *address, bool is_bus, sd_bus **ret)
{
	sd_bus *bus = NULL;
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, address);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, is_bus);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r < 0) {
		(void)sd_bus_unref(bus);
		return r;
	}
	*ret = bus;
	return 0;
}

static int open_connection(struct scopes *s, const char *socket_path, const char *bus)
{
	cleanup_free char *address = xasprintf("unix:path=%s", socket_path);
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	int r = -ENOENT;

	if (*socket_path)
		r = try_connect(address, false, &s->bus);
	if (r < 0 && *bus)
		r = try_connect(bus, true, &s->bus);
	if (r < 0)
		return failed(s, "connect to systemd at '%s': %s", *bus ? bus : socket_path,
			      strerror(-r));
	/* The process ids that we name are of our own pid namespace. */
	if (getsockopt(sd_bus_get_fd(s->bus), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.pid <= 0)
		return failed(s, "systemd runs in another pid namespace");
	return 0;
}

/* --- scopes ------------------------------------------------------------------------------------
 */

/* Properties as podman's, and no limit on tasks by default: cmk's own options say it. */
static int put_properties(sd_bus_message *m, const struct scopes *s, const struct unit *u)
{
	uint32_t pid = u->pid ? u->pid : (uint32_t)getpid();
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s",
					  u->description, "PIDs", "au", 1, pid, "CollectMode", "s",
					  "inactive-or-failed", "DefaultDependencies", "b", 0);
	if (r >= 0 && *s->slice)
		r = sd_bus_message_append(m, "(sv)", "Slice", "s", s->slice);
	if (r >= 0 && !u->pid)
		r = sd_bus_message_append(m, "(sv)(sv)", "Delegate", "b", 1, "TasksMax", "t",
					  UINT64_MAX);
	return r >= 0 ? sd_bus_message_close_container(m) : r;
}

static int unit_answered(sd_bus_message *m, void *data, sd_bus_error *ret);

/* Returns once it is sent; what follows comes through unit_answered() and on_signal(). */
static int ask_for(struct scopes *s, struct unit *u)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(s->bus, &m, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
					       "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", u->name, "fail");
	if (r >= 0)
		r = put_properties(m, s, u);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call_async(s->bus, NULL, m, unit_answered, u, ANSWER_TIMEOUT_US);
	(void)sd_bus_message_unref(m);
	if (r < 0)
		return failed(s, "ask systemd for '%s': %s", u->name, strerror(-r));
	u->asked = true;
	return 0;
}

static struct unit *find_unit(struct scopes *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (streq(s->unit[i].name, name))
			return &s->unit[i];
	return NULL;
}

static int subscribe_answered(sd_bus_message *m, void *data, sd_bus_error *ret)
{
	struct scopes *s = data;

	(void)m;
	(void)ret;
	/* It may have gone before we were told of such things. */
	for (size_t i = 0; i < s->n; i++)
		if (!s->unit[i].there && !s->unit[i].asked)
			(void)ask_for(s, &s->unit[i]);
	return 0;
}

/* The scope of the last run is still being collected: "UnitRemoved" says when it is gone. */
static int await_removal(struct scopes *s, struct unit *u)
{
	int r;

	u->asked = false;
	if (s->subscribed)
		return 0;
	s->subscribed = true;
	r = sd_bus_call_method_async(s->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
				     "Subscribe", subscribe_answered, s, "");
	return r < 0 ? failed(s, "subscribe to systemd: %s", strerror(-r)) : 0;
}

static int unit_answered(sd_bus_message *m, void *data, sd_bus_error *ret)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	struct unit *u = data;

	(void)ret;
	if (!e)
		return 0;
	if (sd_bus_error_has_name(e, SYSTEMD ".UnitExists"))
		return await_removal(u->all, u);
	return failed(u->all, "systemd makes no scope: %s", e->message ? e->message : e->name);
}

static int on_signal(sd_bus_message *m, void *data, sd_bus_error *ret)
{
	struct scopes *s = data;
	const char *name = NULL, *result = NULL;
	struct unit *u;

	(void)ret;
	if (sd_bus_message_is_signal(m, SYSTEMD_MANAGER, "JobRemoved") > 0) {
		uint32_t id;

		if (sd_bus_message_read(m, "uoss", &id, NULL, &name, &result) < 0)
			return 0;
		u = find_unit(s, name);
		if (!u || !u->asked)
			return 0;
		u->asked = false;
		u->there = streq(result, "done");
		if (!u->there)
			(void)failed(s, "systemd could not start '%s': %s", name, result);
	} else if (sd_bus_message_is_signal(m, SYSTEMD_MANAGER, "UnitRemoved") > 0) {
		if (sd_bus_message_read(m, "so", &name, NULL) < 0)
			return 0;
		u = find_unit(s, name);
		if (u && !u->there && !u->asked)
			(void)ask_for(s, u);
	}
	return 0;
}

static bool all_there(const struct scopes *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->unit[i].there)
			return false;
	return true;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int make_all(struct scopes *s)
{
	uint64_t end = now_us() + ANSWER_TIMEOUT_US;
	int r = sd_bus_match_signal_async(s->bus, NULL, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, NULL,
					  on_signal, NULL, s);

	if (r < 0)
		return failed(s, "listen to systemd: %s", strerror(-r));
	for (size_t i = 0; i < s->n && !s->error; i++)
		(void)ask_for(s, &s->unit[i]);
	while (!s->error && !all_there(s)) {
		uint64_t now = now_us();

		r = sd_bus_process(s->bus, NULL);
		if (r == 0 && now < end)
			r = sd_bus_wait(s->bus, end - now);
		if (r < 0)
			return failed(s, "the connection to systemd is lost: %s", strerror(-r));
		if (now >= end)
			return failed(s, "systemd has not made '%s' within 10 s", s->unit[0].name);
	}
	return s->error ? -EIO : 0;
}

static int read_units(struct scopes *s, int argc, char **argv)
{
	for (int i = 0; i + 2 < argc && s->n < UNITS_MAX; i += 3) {
		struct unit *u = &s->unit[s->n++];
		uint64_t pid = 0;

		if (parse_u64(argv[i + 1], INT32_MAX, &pid) < 0)
			return -EINVAL;
		*u = (struct unit){
			.all = s,
			.name = argv[i],
			.description = argv[i + 2],
			.pid = (uint32_t)pid,
		};
	}
	return s->n * 3 == (size_t)argc ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	static const struct sandbox_policy policy = { .rights = 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct scopes s = { 0 };
	const char *said;
	char end;
	int r;

	if (argc < 7 || read_units(&s, argc - 4, argv + 4) < 0) {
		(void)fprintf(stderr, "cmk-scope is started by cmk, not by hand\n");
		return 2;
	}
	s.slice = argv[3];
	r = open_connection(&s, argv[1], argv[2]);
	if (r == 0)
		r = sandbox_enter(&policy, &err);
	if (err.msg)
		(void)failed(&s, "%s", cmk_err_msg(&err));
	if (r == 0)
		r = make_all(&s);
	said = r == 0 ? "ok" : s.error ? s.error : "out of memory";
	if (write(CONTROL_FD, said, strlen(said)) < 0)
		return 1;
	while (r == 0 && read(CONTROL_FD, &end, 1) < 0 && errno == EINTR)
		;
	/* What is left is the kernel's to take away, sooner than ours. */
	_exit(r == 0 ? 0 : 1);
}
