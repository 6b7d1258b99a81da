// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-scope: has systemd make a transient scope (org.freedesktop.systemd1(5), systemd.scope(5)),
 * over D-Bus with sd-bus, so that cmk itself never maps libsystemd. Started by scope_start():
 *
 *   cmk-scope BUS SOCKET SLICE UNIT PID DELEGATE DESCRIPTION [PROPERTY...]
 *
 * or change one that is there, by scope_set_properties():
 *
 *   cmk-scope BUS SOCKET UNIT [PROPERTY...]
 *
 * BUS is the address of the manager's bus, SOCKET that of its own socket for where there is no bus
 * (over it systemd tells all that happens to anything, which takes it longer); either may be empty,
 * and so may SLICE. PID is the scope's first process; 0 is this program itself, which stays until
 * the other side of standard input is closed. DELEGATE is yes or no. A PROPERTY is
 * NAME=TYPE:VALUE, as property.h has it. Standard input is a SOCK_SEQPACKET socket: one message
 * when the scope is there, or changed ("ok"), or with the error, one line.
 *
 * It may: talk on the connection to systemd that it opened first. After that no file, no other
 * socket, no process, no capability.
 */
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <time.h>

#include "base/parse.h"
#include "base/sandbox.h"

#define SYSTEMD "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define ANSWER_TIMEOUT_US ((uint64_t)10 * 1000 * 1000)
#define CONTROL_FD STDIN_FILENO
#define BYTES_MAX 1024 /* of as many CPUs as the kernel knows */

struct scope {
	sd_bus *bus;
	const char *slice, *name, *description;
	uint32_t pid; /* 0: this program */
	bool delegate;
	char *const *properties;
	bool asked; /* its job is outstanding */
	bool there;
	bool subscribed;
	struct cmk_err *err;
};

/* The first one counts. */
#define failed(s, ...) ((s)->err->msg ? -EIO : cmk_err_set((s)->err, -EIO, __VA_ARGS__))

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

static int open_connection(struct scope *s, const char *bus, const char *own)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	int r = -ENOENT;

	if (*bus)
		r = try_connect(bus, true, &s->bus);
	if (r < 0 && *own)
		r = try_connect(own, false, &s->bus);
	if (r < 0)
		return failed(s, "connect to systemd at '%s': %s", *bus ? bus : own, strerror(-r));
	/* The process ids that we name are of our own pid namespace. */
	if (getsockopt(sd_bus_get_fd(s->bus), SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.pid <= 0)
		return failed(s, "systemd runs in another pid namespace");
	return 0;
}

/* --- the scope ---------------------------------------------------------------------------------
 */

/* Bytes in hexadecimal. */
static int put_bytes(sd_bus_message *m, const char *hex)
{
	uint8_t bytes[BYTES_MAX];
	size_t n = strlen(hex) / 2;

	if (n > sizeof(bytes) || strlen(hex) % 2)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int high = parse_hex_digit(hex[2 * i]), low = parse_hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high * 16 + low);
	}
	return sd_bus_message_append_array(m, 'y', bytes, n);
}

static int put_texts(sd_bus_message *m, const char *text)
{
	int r = sd_bus_message_open_container(m, 'a', "s");

	while (r >= 0) {
		size_t len = strcspn(text, "\n");
		cleanup_free char *one = xstrndup(text, len);

		r = sd_bus_message_append(m, "s", one);
		if (!text[len])
			break;
		text += len + 1;
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

/* systemd wants a path of each device, and looks at its number alone. */
static int put_devices(sd_bus_message *m, const char *list)
{
	cleanup_strv char **devices = *list ? strv_split(list, ' ') : NULL;
	int r = sd_bus_message_open_container(m, 'a', "(st)");

	for (char **d = devices; r >= 0 && d && *d; d++) {
		size_t len = strcspn(*d, "=");
		cleanup_free char *path = xasprintf("/dev/block/%.*s", (int)len, *d);
		uint64_t weight = 0;

		r = (*d)[len] ? parse_u64(*d + len + 1, 10000, &weight) : -EINVAL;
		if (r >= 0)
			r = sd_bus_message_append(m, "(st)", path, weight);
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int put_value(sd_bus_message *m, const char *type, const char *value)
{
	uint64_t u = 0;
	int64_t s = 0;

	if (streq(type, "s"))
		return sd_bus_message_append(m, "s", value);
	if (streq(type, "as"))
		return put_texts(m, value);
	if (streq(type, "a(st)"))
		return put_devices(m, value);
	if (streq(type, "ay"))
		return put_bytes(m, value);
	if (streq(type, "b") && parse_u64(value, 1, &u) == 0)
		return sd_bus_message_append(m, "b", (int)u);
	if (streq(type, "t") && parse_u64(value, UINT64_MAX, &u) == 0)
		return sd_bus_message_append(m, "t", u);
	if (streq(type, "u") && parse_u64(value, UINT32_MAX, &u) == 0)
		return sd_bus_message_append(m, "u", (uint32_t)u);
	if (streq(type, "x") && parse_i64(value, INT64_MIN, INT64_MAX, &s) == 0)
		return sd_bus_message_append(m, "x", s);
	if (streq(type, "i") && parse_i64(value, INT32_MIN, INT32_MAX, &s) == 0)
		return sd_bus_message_append(m, "i", (int32_t)s);
	return -EINVAL;
}

/* NAME=TYPE:VALUE each. */
static int put_further(sd_bus_message *m, char *const *properties)
{
	int r = 0;

	for (; r >= 0 && properties && *properties; properties++) {
		const char *eq = strchr(*properties, '='), *colon = eq ? strchr(eq, ':') : NULL;
		cleanup_free char *name = NULL, *type = NULL;

		if (!colon)
			return -EINVAL;
		name = xstrndup(*properties, (size_t)(eq - *properties));
		type = xstrndup(eq + 1, (size_t)(colon - eq - 1));
		r = sd_bus_message_open_container(m, 'r', "sv");
		if (r >= 0)
			r = sd_bus_message_append(m, "s", name);
		if (r >= 0)
			r = sd_bus_message_open_container(m, 'v', type);
		if (r >= 0)
			r = put_value(m, type, colon + 1);
		if (r >= 0)
			r = sd_bus_message_close_container(m);
		if (r >= 0)
			r = sd_bus_message_close_container(m);
	}
	return r;
}

/* As podman's, and no limit on tasks by default: cmk's own options say it. */
static int put_properties(sd_bus_message *m, const struct scope *s)
{
	uint32_t pid = s->pid ? s->pid : (uint32_t)getpid();
	int r = sd_bus_message_open_container(m, 'a', "(sv)");

	if (r >= 0)
		r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Description", "s", s->description,
					  "PIDs", "au", 1, pid, "CollectMode", "s",
					  "inactive-or-failed", "DefaultDependencies", "b", 0);
	if (r >= 0 && *s->slice)
		r = sd_bus_message_append(m, "(sv)", "Slice", "s", s->slice);
	if (r >= 0 && s->delegate)
		r = sd_bus_message_append(m, "(sv)(sv)", "Delegate", "b", 1, "TasksMax", "t",
					  UINT64_MAX);
	if (r >= 0)
		r = put_further(m, s->properties);
	return r >= 0 ? sd_bus_message_close_container(m) : r;
}

static int on_answer(sd_bus_message *m, void *data, sd_bus_error *ret);

/* Returns once it is sent; what follows comes through on_answer() and on_signal(). */
static int ask(struct scope *s)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(s->bus, &m, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
					       "StartTransientUnit");

	if (r >= 0)
		r = sd_bus_message_append(m, "ss", s->name, "fail");
	if (r >= 0)
		r = put_properties(m, s);
	if (r >= 0)
		r = sd_bus_message_append(m, "a(sa(sv))", 0);
	if (r >= 0)
		r = sd_bus_call_async(s->bus, NULL, m, on_answer, s, ANSWER_TIMEOUT_US);
	(void)sd_bus_message_unref(m);
	if (r < 0)
		return failed(s, "ask systemd for '%s': %s", s->name, strerror(-r));
	s->asked = true;
	return 0;
}

static int on_subscribed(sd_bus_message *m, void *data, sd_bus_error *ret)
{
	struct scope *s = data;

	(void)m;
	(void)ret;
	/* It may have gone before we were told of such things. */
	return s->asked || s->there ? 0 : ask(s);
}

/* That of an earlier run is still being collected: "UnitRemoved" says when it is gone. */
static int await_removal(struct scope *s)
{
	int r;

	s->asked = false;
	if (s->subscribed)
		return 0;
	s->subscribed = true;
	r = sd_bus_call_method_async(s->bus, NULL, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
				     "Subscribe", on_subscribed, s, "");
	return r < 0 ? failed(s, "subscribe to systemd: %s", strerror(-r)) : 0;
}

static int on_answer(sd_bus_message *m, void *data, sd_bus_error *ret)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	struct scope *s = data;

	(void)ret;
	if (!e)
		return 0;
	if (sd_bus_error_has_name(e, SYSTEMD ".UnitExists"))
		return await_removal(s);
	return failed(s, "systemd makes no scope: %s", e->message ? e->message : e->name);
}

static int on_signal(sd_bus_message *m, void *data, sd_bus_error *ret)
{
	const char *name = "", *result = "";
	struct scope *s = data;
	uint32_t id;

	(void)ret;
	if (sd_bus_message_is_signal(m, SYSTEMD_MANAGER, "JobRemoved") > 0) {
		if (sd_bus_message_read(m, "uoss", &id, NULL, &name, &result) < 0 ||
		    !streq(name, s->name) || !s->asked)
			return 0;
		s->asked = false;
		s->there = streq(result, "done");
		return s->there ? 0 : failed(s, "systemd could not start '%s': %s", name, result);
	}
	if (sd_bus_message_is_signal(m, SYSTEMD_MANAGER, "UnitRemoved") > 0 &&
	    sd_bus_message_read(m, "so", &name, NULL) >= 0 && streq(name, s->name) && !s->asked &&
	    !s->there)
		return ask(s);
	return 0;
}

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int make(struct scope *s)
{
	uint64_t end = now_us() + ANSWER_TIMEOUT_US, now;
	int r = sd_bus_match_signal_async(s->bus, NULL, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, NULL,
					  on_signal, NULL, s);

	if (r < 0)
		return failed(s, "listen to systemd: %s", strerror(-r));
	r = ask(s);
	while (r >= 0 && !s->err->msg && !s->there) {
		now = now_us();
		r = sd_bus_process(s->bus, NULL);
		if (r == 0 && now < end)
			r = sd_bus_wait(s->bus, end - now);
		if (r < 0)
			return failed(s, "the connection to systemd is lost: %s", strerror(-r));
		if (now >= end)
			return failed(s, "systemd has not made '%s' within 10 s", s->name);
	}
	return s->err->msg ? -EIO : 0;
}

/* --- changes of it -----------------------------------------------------------------------------
 */

/* For as long as the scope is there: a transient unit has no other configuration. */
static int change_unit(struct scope *s)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(s->bus, &m, SYSTEMD, SYSTEMD_PATH, SYSTEMD_MANAGER,
					       "SetUnitProperties");

	if (r >= 0)
		r = sd_bus_message_append(m, "sb", s->name, 1);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sv)");
	if (r >= 0)
		r = put_further(m, s->properties);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	if (r >= 0)
		r = sd_bus_call(s->bus, m, ANSWER_TIMEOUT_US, &error, NULL);
	if (r < 0)
		r = failed(s, "change '%s': %s", s->name, error.message ?: strerror(-r));
	sd_bus_error_free(&error);
	(void)sd_bus_message_unref(m);
	return r < 0 ? r : 0;
}

/* ---------------------------------------------------------------------------------------------
 */

/* The arguments of a new scope. */
static bool take_arguments(struct scope *s, char **argv)
{
	uint64_t pid = 0;

	if (parse_u64(argv[5], INT32_MAX, &pid) < 0)
		return false;
	s->slice = argv[3];
	s->name = argv[4];
	s->pid = (uint32_t)pid;
	s->delegate = streq(argv[6], "yes");
	s->description = argv[7];
	return true;
}

int main(int argc, char **argv)
{
	static const struct sandbox_policy policy = { .rights = 0 };
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct scope s = { .err = &err };
	/* The word there of a new one is yes or no, which is no property. */
	bool change = argc < 7 || (!streq(argv[6], "yes") && !streq(argv[6], "no"));
	int n = change ? 4 : 8;
	const char *said;
	char end;
	int r;

	if (argc < n || (change ? !*argv[3] : !take_arguments(&s, argv))) {
		(void)fprintf(stderr, "cmk-scope is started by cmk, not by hand\n");
		return 2;
	}
	if (change)
		s.name = argv[3];
	s.properties = argv + n;
	r = open_connection(&s, argv[1], argv[2]);
	if (r == 0)
		r = sandbox_enter(&policy, &err);
	if (r == 0)
		r = change ? change_unit(&s) : make(&s);
	said = r == 0 ? "ok" : cmk_err_msg(&err);
	if (write(CONTROL_FD, said, strlen(said)) < 0)
		return 1;
	while (r == 0 && !change && s.pid == 0 && read(CONTROL_FD, &end, 1) < 0 && errno == EINTR)
		;
	/* What is left is the kernel's to take away, sooner than ours. */
	_exit(r == 0 ? 0 : 1);
}
