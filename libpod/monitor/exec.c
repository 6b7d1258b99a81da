// SPDX-License-Identifier: Apache-2.0
/* An exec session in the records and among the events. */
#include "libpod/monitor/internal.h"
#include "libpod/record/internal.h"

void mon_exec_begin(struct monitor *m)
{
	const struct container_config *cfg = &m->a->container->cfg;
	struct event e = event_of_container(cfg, "exec");

	if (!m->a->exec_session)
		return;
	/* Without it the session runs all the same, and is only not listed. */
	(void)exec_session_begin(m->st, cfg->id, m->a->exec_session, NULL);
	event_write(m->st, &e);
}

void mon_exec_end(struct monitor *m)
{
	const struct container_config *cfg = &m->a->container->cfg;
	struct event e = event_of_container(cfg, "exec_died");
	cleanup_strv char **attributes = NULL;
	cleanup_free char *id = NULL;

	if (!m->a->exec_session)
		return;
	exec_session_end(m->st, cfg->id, m->a->exec_session);
	attributes = strv_dup(e.attributes);
	id = xasprintf("execID=%s", m->a->exec_session);
	strv_env_set(&attributes, id);
	e.attributes = attributes;
	e.has_exit_code = true;
	e.exit_code = m->exit_code;
	event_write(m->st, &e);
}
