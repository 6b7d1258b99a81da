// SPDX-License-Identifier: Apache-2.0
#include "cmd/conf.h"

#include <assert.h>
#include <unistd.h>

#include "base/conffile.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "cmd/option.h"

#define USED(name_, type_, option_, ...)                                                 \
	{                                                                                \
		.name = (name_), .type = (type_), .use = CONF_USED, .option = (option_), \
		__VA_ARGS__                                                              \
	}
#define OTHER(name_, type_, use_, ...)                                       \
	{                                                                    \
		.name = (name_), .type = (type_), .use = (use_), __VA_ARGS__ \
	}

const struct conf_key cmk_conf_keys[] = {
	/* Its own table: no other program looks there. */
	USED("cmk.keep_blobs", CONF_STRING, "keep-blobs", .same = "||",
	     .text = "`always`, `never` or `room`, for whatever pulls"),

	USED("containers.annotations", CONF_LIST, "annotation",
	     .text = "those of the command line are added"),
	USED("containers.apparmor_profile", CONF_STRING, "security-opt",
	     .same = "||unconfined|container-default|containers-default|",
	     .text = "as `--security-opt apparmor=`; where the host has no AppArmor an error"),
	USED("containers.base_hosts_file", CONF_STRING, "hosts-file", .same = "||"),
	USED("containers.cgroup_conf", CONF_LIST, "cgroup-conf"),
	USED("containers.cgroupns", CONF_STRING, "cgroupns", .same = "||"),
	USED("containers.cgroups", CONF_STRING, "cgroups", .same = "||"),
	USED("containers.container_name_as_hostname", CONF_BOOL, NULL,
	     .text = "a container without `--hostname` has its name for one, without `_`"),
	USED("containers.default_capabilities", CONF_LIST, NULL,
	     .text = "what a container has unless `--cap-add` and `--cap-drop` change it"),
	USED("containers.default_sysctls", CONF_LIST, "sysctl",
	     .text = "passed over where the container has not the namespace that it is of"),
	USED("containers.default_ulimits", CONF_LIST, "ulimit"),
	USED("containers.devices", CONF_LIST, "device"),
	USED("containers.dns_options", CONF_LIST, "dns-option"),
	USED("containers.dns_searches", CONF_LIST, "dns-search"),
	USED("containers.dns_servers", CONF_LIST, "dns"),
	USED("containers.env", CONF_LIST, NULL, .text = "the image's and `--env` win over it"),
	USED("containers.env_host", CONF_BOOL, "env-host"),
	USED("containers.host_containers_internal_ip", CONF_STRING, NULL, .same = "||",
	     .text = "the address of host.containers.internal, or `none`"),
	USED("containers.http_proxy", CONF_BOOL, "http-proxy"),
	USED("containers.init", CONF_BOOL, "init"),
	OTHER("containers.init_path", CONF_STRING, CONF_WARNED,
	      .same = "||/usr/libexec/podman/catatonit|/usr/bin/catatonit|",
	      .text = "cmk has an init of its own"),
	OTHER("containers.interface_name", CONF_STRING, CONF_WARNED, .same = "||"),
	USED("containers.ipcns", CONF_STRING, "ipc", .same = "||"),
	OTHER("containers.keyring", CONF_BOOL, CONF_MOOT,
	      .text = "a container has the keyring of its user namespace"),
	USED("containers.label", CONF_BOOL, NULL,
	     .text = "false: where SELinux is on containers get no labels"),
	USED("containers.log_driver", CONF_STRING, "log-driver", .same = "||"),
	USED("containers.log_path", CONF_STRING, NULL, .same = "||",
	     .text = "a directory: a log that is a file is `ID/ctr.log` below it, and stays when "
		     "the container is removed"),
	USED("containers.log_size_max", CONF_NUMBER, "log-opt",
	     .text = "as `--log-opt max-size`, in bytes, for logs that are files"),
	USED("containers.log_tag", CONF_STRING, "log-opt", .same = "||",
	     .text = "as `--log-opt tag`, for the journal"),
	USED("containers.mounts", CONF_LIST, "mount",
	     .text = "those of the command line are added"),
	USED("containers.netns", CONF_STRING, "network",
	     .same = "||private|bridge|slirp4netns|pasta|"),
	USED("containers.no_hosts", CONF_BOOL, "no-hosts"),
	USED("containers.oom_score_adj", CONF_NUMBER, "oom-score-adj"),
	USED("containers.pidns", CONF_STRING, "pid", .same = "||"),
	USED("containers.pids_limit", CONF_NUMBER, "pids-limit"),
	OTHER("containers.prepare_volume_on_create", CONF_BOOL, CONF_WARNED, .same = "|false|"),
	USED("containers.privileged", CONF_BOOL, "privileged"),
	USED("containers.read_only", CONF_BOOL, "read-only"),
	OTHER("containers.rootless_networking", CONF_STRING, CONF_MOOT),
	USED("containers.seccomp_profile", CONF_STRING, "security-opt",
	     .same = "||/usr/share/containers/seccomp.json|/etc/containers/seccomp.json|",
	     .text = "as `--security-opt seccomp=`; the usual file's content is built in"),
	USED("containers.shm_size", CONF_STRING, "shm-size", .same = "||",
	     .text = "its units are powers of 1000"),
	USED("containers.tz", CONF_STRING, "tz", .same = "||"),
	USED("containers.umask", CONF_STRING, "umask", .same = "||"),
	USED("containers.userns", CONF_STRING, "userns", .same = "||private|"),
	OTHER("containers.userns_size", CONF_NUMBER, CONF_MOOT),
	USED("containers.utsns", CONF_STRING, "uts", .same = "||"),
	USED("containers.volumes", CONF_LIST, "volume"),

	USED("engine.add_compression", CONF_LIST, "add-compression"),
	USED("engine.cdi_spec_dirs", CONF_LIST, "cdi-spec-dir"),
	USED("engine.cgroup_manager", CONF_STRING, "cgroup-manager", .same = "||systemd|",
	     .text = "`systemd`, which is podman's default, is as good as nothing: it is taken "
		     "where it is there"),
	USED("engine.compression_format", CONF_STRING, "compression-format", .same = "||"),
	USED("engine.compression_level", CONF_NUMBER, "compression-level"),
	USED("engine.detach_keys", CONF_STRING, "detach-keys"),
	USED("engine.env", CONF_LIST, NULL,
	     .text = "variables of cmk itself, where the caller has not set them"),
	USED("engine.events_logger", CONF_STRING, "events-backend", .same = "||journald|",
	     .text = "where the journal is asked for, the default is taken"),
	USED("engine.hooks_dir", CONF_LIST, "hooks-dir"),
	OTHER("engine.no_pivot_root", CONF_BOOL, CONF_REFUSED, .same = "|false|"),
	OTHER("engine.image_default_transport", CONF_STRING, CONF_WARNED, .same = "||docker://|"),
	USED("engine.pull_policy", CONF_STRING, "pull", .same = "||"),
	OTHER("engine.remote", CONF_BOOL, CONF_WARNED, .same = "|false|"),
	USED("engine.retry", CONF_NUMBER, "retry"),
	USED("engine.retry_delay", CONF_STRING, "retry-delay", .same = "||"),
	USED("engine.runtime", CONF_STRING, "runtime", .same = "||"),
	USED("engine.runtimes", CONF_TABLE, NULL,
	     .text = "where the program of a `--runtime` is; the first path that exists"),
	USED("engine.stop_timeout", CONF_NUMBER, "stop-timeout"),
	{ 0 },
};

/* What was read, beside the keys. */
static struct value {
	bool append;
	char *text, **list; /* owned */
} values[ARRAY_LEN(cmk_conf_keys)];

static const struct conf_key *find_key(const char *table, const char *key)
{
	for (const struct conf_key *k = cmk_conf_keys; k->name; k++) {
		const char *rest = str_after(k->name, table);

		if (rest && *rest == '.' && streq(rest + 1, key))
			return k;
	}
	return NULL;
}

static struct value *value_of(const char *name)
{
	const struct conf_key *k = cmk_conf_keys;

	while (k->name && !streq(k->name, name))
		k++;
	assert(k->name);
	return &values[k - cmk_conf_keys];
}

static void value_done(struct value *v)
{
	free(v->text);
	v->list = strv_free(v->list);
	*v = (struct value){ 0 };
}

void cmk_conf_done(void)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		value_done(&values[i]);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static int wrong(const struct toml *t, const char *what, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "line %d: '%s' is not %s", t->line, t->key ?: "element",
			   what);
}

/* Strings, and {append=true}, by which this array and later ones are added to what was there. */
static int read_list(const struct toml *t, struct value *v, struct cmk_err *err)
{
	cleanup_strv char **list = NULL;

	if (t->type != TOML_ARRAY)
		return wrong(t, "an array of strings", err);
	for (const struct toml *e = t->first; e; e = e->next) {
		int r;

		if (e->type == TOML_STRING) {
			strv_add(&list, e->text);
			continue;
		}
		if (e->type != TOML_TABLE)
			return wrong(t, "an array of strings", err);
		r = toml_get_bool(e, "append", &v->append, err);
		if (r < 0)
			return r;
	}
	if (!v->append)
		v->list = strv_free(v->list);
	for (char **s = list; s && *s; s++)
		strv_add(&v->list, *s);
	return 0;
}

/* NAME's array takes the place of an earlier one. */
static int read_table(const struct toml *t, struct value *v, struct cmk_err *err)
{
	if (t->type != TOML_TABLE)
		return wrong(t, "a table", err);
	for (const struct toml *e = t->first; e; e = e->next) {
		cleanup_free char *start = xasprintf("%s=", e->key);
		char **to = v->list;
		bool ok = e->type == TOML_ARRAY;

		for (const struct toml *s = e->first; ok && s; s = s->next)
			ok = s->type == TOML_STRING;
		if (!ok)
			return wrong(e, "an array of strings", err);
		for (char **from = v->list; from && *from; from++) {
			if (str_after(*from, start))
				free(*from);
			else
				*to++ = *from;
		}
		if (to)
			*to = NULL;
		for (const struct toml *s = e->first; s; s = s->next)
			strv_add_take(&v->list, xasprintf("%s%s", start, s->text));
	}
	return 0;
}

static int read_value(const struct toml *t, const struct conf_key *k, struct cmk_err *err)
{
	static const struct {
		enum toml_type type;
		const char *what;
	} types[] = {
		[CONF_STRING] = { TOML_STRING, "a string" },
		[CONF_BOOL] = { TOML_BOOL, "true or false" },
		[CONF_NUMBER] = { TOML_INT, "a whole number" },
	};
	struct value *v = &values[k - cmk_conf_keys];

	if (k->type == CONF_LIST)
		return read_list(t, v, err);
	if (k->type == CONF_TABLE)
		return read_table(t, v, err);
	if (t->type != types[k->type].type)
		return wrong(t, types[k->type].what, err);
	free(v->text);
	if (t->type == TOML_STRING)
		v->text = xstrdup(t->text);
	else if (t->type == TOML_BOOL)
		v->text = xstrdup(t->boolean ? "true" : "false");
	else
		v->text = xasprintf("%lld", (long long)t->integer);
	return 0;
}

int cmk_conf_add(const char *text, size_t len, struct cmk_err *err)
{
	cleanup_toml struct toml *root = NULL;
	int r = toml_parse(text, len, &root, err);

	if (r < 0)
		return r;
	for (const struct toml *table = root->first; table; table = table->next) {
		if (table->type != TOML_TABLE)
			continue;
		for (const struct toml *t = table->first; t; t = t->next) {
			const struct conf_key *k = find_key(table->key, t->key);

			if (!k) {
				log_debug("containers.conf: [%s] %s is not known", table->key,
					  t->key);
				continue;
			}
			r = read_value(t, k, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int add_text(void *arg, const char *text, size_t len, struct cmk_err *err)
{
	(void)arg;
	return cmk_conf_add(text, len, err);
}

static int load_files(struct cmk_err *err)
{
	cleanup_free char *user = NULL;
	int r = conffile_read_env("CONTAINERS_CONF", add_text, NULL, err);

	if (r)
		return r;
	user = conffile_user_dir();
	r = conffile_read_in(CONFFILE_DIST_DIR, "containers.conf", add_text, NULL, err);
	if (r >= 0)
		r = conffile_read_in(CONFFILE_DIR, "containers.conf", add_text, NULL, err);
	if (r >= 0)
		r = conffile_read_all(CONFFILE_DIR, "containers.conf.d", add_text, NULL, err);
	if (r >= 0)
		r = conffile_read_in(user, "containers.conf", add_text, NULL, err);
	return r < 0 ? r : conffile_read_all(user, "containers.conf.d", add_text, NULL, err);
}

/* Every command that may pull asks this variable. */
static int set_keep_blobs(struct cmk_err *err)
{
	const char *word = cmk_conf_text("cmk.keep_blobs");

	if (!word)
		return 0;
	if (!cmk_option_is_word("always|never|room", word))
		return cmk_err_set(err, -EINVAL,
				   "containers.conf: [cmk] keep_blobs: '%.40s' is not always, "
				   "never or room",
				   word);
	return setenv("CMK_KEEP_BLOBS", word, 0) < 0
		       ? cmk_err_errno(err, "containers.conf: [cmk] keep_blobs")
		       : 0;
}

static int set_env(struct cmk_err *err)
{
	for (char *const *e = cmk_conf_list("engine.env"); e && *e; e++) {
		cleanup_free char *name = xstrndup(*e, strcspn(*e, "="));

		if (!*name || !(*e)[strlen(name)])
			return cmk_err_set(err, -EINVAL,
					   "containers.conf: [engine] env: '%s' is not NAME=VALUE",
					   *e);
		if (setenv(name, *e + strlen(name) + 1, 0) < 0)
			return cmk_err_errno(err, "containers.conf: [engine] env: '%s'", *e);
	}
	return 0;
}

int cmk_conf_load(char *const *modules, struct cmk_err *err)
{
	int r = load_files(err);

	for (char *const *m = modules; r >= 0 && m && *m; m++)
		r = conffile_read(*m, add_text, NULL, err);
	if (r >= 0)
		r = conffile_read_env("CONTAINERS_CONF_OVERRIDE", add_text, NULL, err);
	if (r >= 0)
		r = set_env(err);
	return r < 0 ? r : set_keep_blobs(err);
}

/* --- modules -----------------------------------------------------------------------------------
 */

#define MODULES_DIR "containers.conf.modules"

char **cmk_conf_module_dirs(void)
{
	cleanup_free char *user = geteuid() ? conffile_user_dir() : NULL;
	char **dirs = NULL;

	if (user)
		strv_add_take(&dirs, xasprintf("%s/" MODULES_DIR, user));
	strv_add(&dirs, CONFFILE_DIR "/" MODULES_DIR);
	strv_add(&dirs, CONFFILE_DIST_DIR "/" MODULES_DIR);
	return dirs;
}

static bool is_there(const char *path, const char *bullet, struct strbuf *why)
{
	if (access(path, F_OK) == 0)
		return true;
	strbuf_addf(why, "%sstat %s: %s", bullet, path, errno_text(errno));
	return false;
}

int cmk_conf_module_find(const char *name, char **ret, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf why = STRBUF_INIT;
	cleanup_strv char **dirs = NULL;

	if (*name == '/') {
		if (!is_there(name, "", &why))
			return cmk_err_set(err, -ENOENT, "could not resolve module \"%s\": %s",
					   name, strbuf_str(&why));
		*ret = xstrdup(name);
		return 0;
	}
	dirs = cmk_conf_module_dirs();
	for (char **d = dirs; *d; d++) {
		cleanup_free char *path = xasprintf("%s/%s", *d, name);

		if (is_there(path, "\n\t* ", &why)) {
			*ret = steal_ptr(&path);
			return 0;
		}
	}
	return cmk_err_set(err, -ENOENT, "could not resolve module \"%s\": %zu errors occurred:%s",
			   name, strv_len(dirs), strbuf_str(&why));
}

/* --- asking ------------------------------------------------------------------------------------
 */

const char *cmk_conf_text(const char *name)
{
	const struct value *v = value_of(name);

	return v->text && !conffile_word_in(cmk_conf_keys[v - values].same, v->text) ? v->text
										     : NULL;
}

char *const *cmk_conf_list(const char *name)
{
	return value_of(name)->list;
}

int cmk_conf_check(struct cmk_err *err)
{
	for (const struct conf_key *k = cmk_conf_keys; k->name; k++) {
		const char *key = strchr(k->name, '.') + 1, *text = values[k - cmk_conf_keys].text;
		int table = (int)(key - k->name) - 1;

		if (k->use < CONF_WARNED || !text || conffile_word_in(k->same, text))
			continue;
		if (k->use == CONF_REFUSED) {
			(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
					   "containers.conf: [%.*s] %s = '%s' is not supported",
					   table, k->name, key, text);
			(void)cmk_err_hint(err, "see cmk-containers.conf(5)");
			return -EOPNOTSUPP;
		}
		log_warn("containers.conf: [%.*s] %s = '%s' is not supported and has no effect",
			 table, k->name, key, text);
	}
	return 0;
}
