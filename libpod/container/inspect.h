/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the object that `inspect` prints: podman's names, types and order; docker's names
 * beside them where they differ. A key whose feature cmk does not have holds podman's zero value.
 */
#pragma once

#include "base/json.h"
#include "libpod/libpod.h"
#include "libpod/record/internal.h"

static inline const char *inspect_str(const char *s)
{
	return s ? s : "";
}

/* --- inspect_config.c --- */
void inspect_config(struct json_writer *w, const struct container *c, const struct spec *s);
void inspect_host_config(struct json_writer *w, const struct container *c, const struct spec *s);

/* --- inspect_mounts.c --- */
void inspect_mounts(struct json_writer *w, const struct container *c);
void inspect_env(struct json_writer *w, const struct container *c, const struct spec *s);
void inspect_secrets(struct json_writer *w, const struct container *c);
void inspect_devices(struct json_writer *w, const struct container *c);
void inspect_volumes_from(struct json_writer *w, const struct container *c);

/* --- inspect_network.c --- */
void inspect_network(struct json_writer *w, const struct container *c);
/* "80/tcp": [{"HostIp", "HostPort"}] for each published port; WITH_EXPOSED: the others that are
 * exposed are null. */
void inspect_ports(struct json_writer *w, const char *key, const struct container *c,
		   bool with_exposed);
