// SPDX-License-Identifier: Apache-2.0
/* What another runtime is given: the container's specification without the words that only cmk
 * knows. */
#include "base/file.h"
#include "base/strbuf.h"
#include "libpod/runtime/other_internal.h"

#define INIT_INSIDE "/dev/cmk-init"

bool other_mounts_itself(const struct spec *s, const struct spec_mount *m)
{
	/* The host's are bound, which takes the rights of the parent namespace. */
	bool own = (streq_null(m->type, "proc") && !spec_makes_namespace(s, "pid")) ||
		   (streq_null(m->type, "mqueue") && !spec_makes_namespace(s, "ipc"));

	for (char **o = m->options; o && *o; o++)
		own |= str_after(*o, "x-cmk.") || streq(*o, "tmpcopyup");
	return own || streq_null(m->type, "bind") || streq_null(m->type, "overlay") ||
	       streq_null(m->type, "x-cmk.secret") || strv_has(m->options, "bind") ||
	       strv_has(m->options, "rbind");
}

/* --- mounts ------------------------------------------------------------------------------------
 */

static void add_bind(struct spec *s, const char *destination, char *source, char **options)
{
	s->mounts = xrealloc(s->mounts, s->n_mounts + 1, sizeof(*s->mounts));
	strv_add(&options, "rbind");
	s->mounts[s->n_mounts++] = (struct spec_mount){
		.destination = xstrdup(destination),
		.type = xstrdup("bind"),
		.source = source,
		.options = options,
	};
}

static char **propagation_of(char *const *options)
{
	char **v = NULL;

	for (; options && *options; options++)
		if (str_has_suffix(*options, "private") || str_has_suffix(*options, "shared") ||
		    str_has_suffix(*options, "slave"))
			strv_add(&v, *options);
	return v;
}

/* What x-cmk.into names is always below the destination: only we look what is there. Takes SOURCE.
 */
static void add_made(struct spec *s, const struct spec_mount *m, char *source)
{
	cleanup_free char *inside = NULL;

	for (char **o = m->options; o && *o; o++) {
		const char *name = str_after(*o, "x-cmk.into=");

		if (name)
			inside = xasprintf("%s/%s", m->destination, name);
	}
	add_bind(s, inside ? inside : m->destination, source, propagation_of(m->options));
}

/* S->mounts is owned then. */
static void put_mounts(struct spec *s, const struct runtime_job *job, const char *place)
{
	const struct spec *from = job->spec;

	s->mounts = NULL;
	s->n_mounts = 0;
	for (size_t i = 0; i < from->n_mounts; i++) {
		const struct spec_mount *m = &from->mounts[i];
		cleanup_free char *options = strv_join(m->options, ",");

		if (!other_mounts_itself(from, m))
			spec_add_mount(s, m->destination, m->type, m->source, options);
		else if (job->made[i] >= 0)
			add_made(s, m, xasprintf("%s/" OTHER_MOUNT "%zu", place, i));
	}
	if (from->init)
		add_bind(s, INIT_INSIDE, xasprintf("%s/" OTHER_INIT, place), NULL);
}

static void mounts_done(struct spec *s)
{
	for (size_t i = 0; i < s->n_mounts; i++) {
		free(s->mounts[i].destination);
		free(s->mounts[i].type);
		free(s->mounts[i].source);
		(void)strv_free(s->mounts[i].options);
	}
	free(s->mounts);
}

/* --- ids ---------------------------------------------------------------------------------------
 */

/* M (or, where that is empty, all that the parent namespace has) as the kernel takes it there;
 * owned. */
static int put_map(const struct spec_id_mapping *m, size_t n, const struct id_map *all,
		   const struct id_map *parent, struct spec_id_mapping **ret, size_t *ret_n)
{
	struct id_map given = { 0 }, split = { 0 };
	int r;

	for (size_t i = 0; i < n; i++)
		id_map_add(&given, m[i].container_id, m[i].host_id, m[i].size);
	r = id_map_split(n ? &given : all, parent, &split);
	id_map_done(&given);
	if (r < 0)
		return r;
	*ret = xcalloc(split.n + 1, sizeof(**ret));
	*ret_n = split.n;
	for (size_t i = 0; i < split.n; i++)
		(*ret)[i] = (struct spec_id_mapping){ .container_id = split.range[i].inside,
						      .host_id = split.range[i].outside,
						      .size = split.range[i].count };
	id_map_done(&split);
	return 0;
}

static int put_maps(struct spec *s, const struct runtime_job *job, struct cmk_err *err)
{
	const struct spec *from = job->spec;
	struct id_map uids = { 0 }, gids = { 0 };
	int r = userns_identity(job->userns, &uids, &gids);

	s->uid_mappings = s->gid_mappings = NULL;
	if (r == 0)
		r = put_map(from->uid_mappings, from->n_uid_mappings, &uids, &job->userns->uids,
			    &s->uid_mappings, &s->n_uid_mappings);
	if (r == 0)
		r = put_map(from->gid_mappings, from->n_gid_mappings, &gids, &job->userns->gids,
			    &s->gid_mappings, &s->n_gid_mappings);
	id_map_done(&uids);
	id_map_done(&gids);
	return r < 0 ? cmk_err_set(err, r, "map the container's ids: %s", errno_text(-r)) : 0;
}

/* --- the process -------------------------------------------------------------------------------
 */

/* All but ENV is borrowed. */
static void put_process(struct spec_process *p, const struct runtime_job *job,
			const struct identity *who)
{
	p->user = who->user;
	p->user.username = NULL;
	p->user.umask = job->process->user.umask;
	/* As our own does it: another user than root has none. */
	if (who->user.uid != 0)
		p->caps.effective = p->caps.permitted = p->caps.inheritable = p->caps.ambient =
			NULL;
	/* Set on ourselves already, as far as we may. */
	p->has_oom_score_adj = false;
	p->env = strv_dup(job->process->env);
	if (!strv_env_get(p->env, "HOME")) {
		cleanup_free char *home = xasprintf("HOME=%s", who->home);

		strv_env_set(&p->env, home);
	}
}

/* The capabilities are owned by HOLDER then. */
static int put_all_caps(struct spec_process *p, struct spec *holder, struct cmk_err *err)
{
	static char all[] = "ALL";
	char *const list[] = { all, NULL };
	int r = spec_apply_caps(holder, list, NULL, err);

	p->caps = holder->process.caps;
	return r;
}

int other_write_process(const struct runtime_job *job, const struct identity *who, int place_fd,
			struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	struct spec_process p = *job->process;
	struct spec *holder = spec_new();
	cleanup_free char *text = NULL;
	size_t len;
	int r = job->exec->privileged ? put_all_caps(&p, holder, err) : 0;

	put_process(&p, job, who);
	json_write_object(&w, NULL);
	json_write_fields(&w, spec_process_fields, &p);
	json_write_end(&w, '}');
	(void)strv_free(p.env);
	if (r == 0)
		r = json_writer_finish(&w, &text, &len, err);
	else
		json_writer_done(&w);
	(void)spec_free(holder);
	return r < 0 ? r : file_replace_at(place_fd, "process.json", text, len, 0600, 0, err);
}

/* --- the whole ---------------------------------------------------------------------------------
 */

static char *extra_of(const struct spec *s, const char *seccomp)
{
	cleanup_strbuf struct strbuf b = STRBUF_INIT;

	strbuf_adds(&b, s->linux_extra ?: "");
	if (spec_wants_propagation(s))
		strbuf_addf(&b, "%s\"rootfsPropagation\":\"rslave\"", b.len ? "," : "");
	if (seccomp)
		strbuf_addf(&b, "%s\"seccomp\":%s", b.len ? "," : "", seccomp);
	return xstrdup(strbuf_str(&b));
}

int other_write_config(const struct runtime_job *job, const struct identity *who, const char *place,
		       int place_fd, const char *seccomp, struct cmk_err *err)
{
	const char *group = job->create->cgroup_path;
	struct spec s = *job->spec;
	cleanup_free char *root = xasprintf("%s/" OTHER_ROOTFS, place), *extra = NULL,
			  *path = group ? xasprintf("/%s/runtime", group + (*group == '/')) : NULL;
	cleanup_strv char **args = NULL;
	int r = put_maps(&s, job, err);

	s.root_path = root;
	s.cgroups_path = path;
	/* They hold for the group around it. */
	s.resources = (struct spec_resources){ 0 };
	s.linux_extra = extra = extra_of(job->spec, seccomp);
	/* Of a namespace that is not its own they are an error there. */
	if (!spec_makes_namespace(&s, "uts"))
		s.hostname = s.domainname = NULL;
	/* These two are the monitor's. */
	s.hooks[HOOK_POSTSTART].n = s.hooks[HOOK_POSTSTOP].n = 0;
	put_mounts(&s, job, place);
	put_process(&s.process, job, who);
	if (s.init) {
		strv_add(&args, INIT_INSIDE);
		for (char **a = s.process.args; *a; a++)
			strv_add(&args, *a);
		s.process.args = args;
	}
	if (r == 0)
		r = spec_save_foreign(place_fd, &s, err);
	mounts_done(&s);
	(void)strv_free(s.process.env);
	free(s.uid_mappings);
	free(s.gid_mappings);
	return r;
}
