/* SPDX-License-Identifier: Apache-2.0 */
/* Of `cmk info`: what is told of the host. */
#pragma once

#include "base/json.h"
#include "cmd/host.h"
#include "cmd/option.h"
#include "storage/storage.h"

/* os-release(5) as KEY=VALUE, owned; see strv_env_get(). */
char **info_os_release(void);
/* The member "host" of W's object. */
void info_write_host(struct json_writer *w, struct storage *st, const struct image_platform *host,
		     const struct cmk_globals *g);
/* docker's names, as next members of W's object; INFO is podman's object. */
void info_write_docker(struct json_writer *w, const struct json *info);
