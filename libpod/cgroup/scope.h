/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transient scopes of systemd (systemd.scope(5)), which the helper program cmk-scope asks for: the
 * user's manager, or for root that of the system.
 */
#pragma once

#include <sys/types.h>

#include "base/err.h"

struct scope_manager {
	char *socket; /* its own socket, as an address of D-Bus; NULL where it is not there */
	char *bus;    /* the address of its bus, or NULL */
	char *socket_path;
	bool is_system;
};
void scope_manager_done(struct scope_manager *m);
/* Whether systemd has its socket where it belongs (or FOR_SURE: somebody asked for it, and its bus
 * will do). Only looks, and asks nobody. */
bool scope_manager_find(struct scope_manager *ret, bool for_sure);
/* The error for where it is not. */
int scope_manager_missing(struct cmk_err *err);
/* The group that is the manager's own, as /proc/PID/cgroup names it:
 * "/user.slice/…/user@1000.service" (owned). -ENOENT where nobody answers, or from another pid
 * namespace. */
int scope_manager_group(const struct scope_manager *m, char **ret);

struct scope_unit {
	const char *name, *description;
	const char *slice; /* NULL: "user.slice", of the system "machine.slice" */
	pid_t pid;	   /* its first process; 0: the holder */
	bool delegate;
	char *const *properties; /* further ones (property.h), or NULL */
};
/* The helper program: where the scope has no other process it keeps it alive until it is let go. */
struct scope_holder {
	pid_t pid;
	int fd;
};
#define SCOPE_HOLDER_INIT ((struct scope_holder){ .fd = -1 })
/* Waits (at most 10 s) until the scope is there. With a PID the holder is empty. */
int scope_start(const struct scope_manager *m, const struct scope_unit *unit,
		struct scope_holder *ret, struct cmk_err *err);
void scope_holder_release(struct scope_holder *h);
/* Changes properties (property.h) of the scope UNIT. systemd writes what they mean into its group,
 * and remembers it over a daemon-reload; a device that is not listed any more keeps its weight in
 * the kernel. Waits (at most 10 s) for its answer. */
int scope_set_properties(const struct scope_manager *m, const char *unit, char *const *properties,
			 struct cmk_err *err);

/* PATH as an address of D-Bus (owned). */
char *scope_address(const char *path);
