// SPDX-License-Identifier: Apache-2.0
/* oci spec and features. */
#include <fcntl.h>

#include "base/file.h"
#include "cmd/oci.h"

struct spec_args {
	struct oci_globals g; /* first: the shared rows' offsets are of it */
	const char *bundle;
	bool for_rootless;
};

static const char exit_codes[] = "0 on success, 1 on failure.";

static const char *const runc_caps[] = { "CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE",
					 NULL };

static void set_list(char ***list, const char *const *words)
{
	*list = strv_free(*list);
	for (; *words; words++)
		strv_add(list, *words);
}

static void set_process(struct spec_process *p)
{
	static const char *const args[] = { "sh", NULL };
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
		NULL
	};

	p->terminal = true;
	p->no_new_privileges = true;
	p->cwd = xstrdup("/");
	set_list(&p->args, args);
	set_list(&p->env, env);
	set_list(&p->caps.bounding, runc_caps);
	set_list(&p->caps.effective, runc_caps);
	set_list(&p->caps.permitted, runc_caps);
	p->rlimits = xcalloc(1, sizeof(*p->rlimits));
	p->rlimits[0] = (struct spec_rlimit){ xstrdup("RLIMIT_NOFILE"), 1024, 1024 };
	p->n_rlimits = 1;
}

static void add_mapping(struct spec_id_mapping **list, size_t *n, uint32_t id)
{
	*list = xcalloc(1, sizeof(**list));
	**list = (struct spec_id_mapping){ 0, id, 1 };
	*n = 1;
}

/* As `runc spec --rootless`: the caller alone is mapped, so that nothing asks for more. */
static void make_rootless(struct spec *s)
{
	spec_remove_mount(s, s->n_mounts, "/sys");
	spec_remove_mount(s, s->n_mounts, "/sys/fs/cgroup");
	spec_remove_mount(s, s->n_mounts, "/dev/pts");
	spec_add_mount(s, "/dev/pts", "devpts", "devpts",
		       "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	spec_add_mount(s, "/sys", "none", "/sys", "rbind,nosuid,noexec,nodev,ro");
	add_mapping(&s->uid_mappings, &s->n_uid_mappings, geteuid());
	add_mapping(&s->gid_mappings, &s->n_gid_mappings, getegid());
}

static struct spec *default_spec(bool rootless)
{
	struct spec *s = spec_new();

	spec_set_defaults(s, rootless);
	free(s->oci_version);
	s->oci_version = xstrdup(BUNDLE_SPEC_VERSION);
	/* Ours, which the runtime-spec does not know. */
	free(steal_ptr(&s->seccomp_profile));
	s->hostname = xstrdup("cmk");
	s->root_path = xstrdup("rootfs");
	s->root_readonly = true;
	set_process(&s->process);
	if (rootless)
		make_rootless(s);
	else
		spec_set_namespace(s, "user", NULL);
	return s;
}

static int write_spec(const struct spec_args *a, struct cmk_err *err)
{
	cleanup_close int dir = open(a->bundle ? a->bundle : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct spec *s;
	int r;

	if (dir < 0)
		return cmk_err_errno(err, "--bundle '%s'", a->bundle ? a->bundle : ".");
	if (faccessat(dir, "config.json", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST, "config.json is there already");
	s = default_spec(a->for_rootless);
	r = spec_save_foreign(dir, s, err);
	(void)spec_free(s);
	return r;
}

static int spec_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		     struct cmk_err *err)
{
	struct spec_args *a = args;
	struct oci_settings set;
	int r;

	(void)argc;
	(void)argv;
	/* A flag here, and a word in front of the command: both are the caller's --rootless. */
	r = cmk_oci_begin(g, &a->g, &set, err);
	if (r == 0)
		r = write_spec(a, err);
	return cmk_oci_end(r, err);
}

/* Without --rootless WORD, which is a flag here. */
static const struct cmk_option spec_options[] = {
	CMK_OPT_STRING('b', "bundle", struct spec_args, bundle, "DIR",
		       "directory of the bundle (.)", .complete = COMPLETE_DIRS),
	CMK_OPT_FLAG(0, "rootless", struct spec_args, for_rootless,
		     "for a caller who is not root: its own id alone is mapped"),
	CMK_OPT_END(),
};

static const struct cmk_example spec_examples[] = {
	{ "cmk oci spec --rootless", "writes a config.json that its caller can run" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_spec = {
	.name = "oci spec",
	.summary = "Write a config.json to begin with",
	.description = "Writes a new `config.json` for a shell in the directory `rootfs`, as `runc "
		       "spec` does. An old one is not replaced.",
	.exit_codes = exit_codes,
	.examples = spec_examples,
	.options = spec_options,
	.args_size = sizeof(struct spec_args),
	.exec = spec_exec,
};

/* --- features ----------------------------------------------------------------------------------
 */

static void write_list(struct json_writer *w, const char *key, const char *words)
{
	cleanup_strv char **v = strv_split(words, ' ');

	json_write_strv(w, key, v);
}

static void write_enabled(struct json_writer *w, const char *key, bool enabled)
{
	json_write_object(w, key);
	json_write_bool(w, "enabled", enabled);
	json_write_end(w, '}');
}

static void write_capabilities(struct json_writer *w)
{
	cleanup_strv char **names = spec_caps_names();

	json_write_strv(w, "capabilities", names);
}

static void write_linux(struct json_writer *w)
{
	json_write_object(w, "linux");
	write_list(w, "namespaces", "cgroup ipc mount network pid time user uts");
	write_capabilities(w);
	json_write_object(w, "cgroup");
	json_write_bool(w, "v1", false);
	json_write_bool(w, "v2", true);
	json_write_bool(w, "systemd", true);
	json_write_bool(w, "systemdUser", true);
	json_write_bool(w, "rdma", false);
	json_write_end(w, '}');
	json_write_object(w, "seccomp");
	json_write_bool(w, "enabled", true);
	write_list(
		w, "actions",
		"SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL SCMP_ACT_KILL_PROCESS "
		"SCMP_ACT_KILL_THREAD SCMP_ACT_LOG SCMP_ACT_NOTIFY SCMP_ACT_TRACE SCMP_ACT_TRAP");
	write_list(w, "operators",
		   "SCMP_CMP_EQ SCMP_CMP_GE SCMP_CMP_GT SCMP_CMP_LE SCMP_CMP_LT "
		   "SCMP_CMP_MASKED_EQ SCMP_CMP_NE");
	json_write_end(w, '}');
	write_enabled(w, "apparmor", true);
	write_enabled(w, "selinux", true);
	write_enabled(w, "intelRdt", false);
	json_write_object(w, "mountExtensions");
	write_enabled(w, "idmap", true);
	json_write_end(w, '}');
	write_enabled(w, "netDevices", true);
	json_write_end(w, '}');
}

static int print_features(struct cmk_err *err)
{
	struct json_writer w = { .pretty = true };
	cleanup_free char *text = NULL;
	size_t len;
	int r;

	json_write_object(&w, NULL);
	json_write_str(&w, "ociVersionMin", BUNDLE_SPEC_OLDEST);
	json_write_str(&w, "ociVersionMax", BUNDLE_SPEC_VERSION);
	write_list(&w, "hooks",
		   "prestart createRuntime createContainer startContainer poststart poststop");
	write_list(
		&w, "mountOptions",
		"atime bind defaults dev diratime exec idmap noatime nodev nodiratime noexec "
		"norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime "
		"relatime rexec ridmap rnoatime rnodev rnodiratime rnoexec rnorelatime "
		"rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared "
		"rslave rstrictatime rsuid rsymfollow runbindable rw shared slave strictatime "
		"suid symfollow tmpcopyup unbindable");
	write_linux(&w);
	json_write_object(&w, "annotations");
	json_write_str(&w, "dev.cmk.version", PACKAGE_VERSION);
	json_write_end(&w, '}');
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &text, &len, err);
	if (r == 0)
		(void)fwrite(text, 1, len, stdout);
	return r;
}

static int features_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			 struct cmk_err *err)
{
	struct spec_args *a = args;
	struct oci_settings set;
	int r = cmk_oci_begin(g, &a->g, &set, err);

	(void)argc;
	(void)argv;
	if (r == 0)
		r = print_features(err);
	return cmk_oci_end(r, err);
}

static const struct cmk_option features_options[] = {
	CMK_OPT_USE(cmk_oci_globals),
	CMK_OPT_END(),
};

static const struct cmk_example features_examples[] = {
	{ "cmk oci features", "prints what the runtime can do as the runtime-spec has it" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_oci_features = {
	.name = "oci features",
	.summary = "Print what this runtime can do",
	.description = "Prints the features of this runtime as JSON (runtime-spec, features.md).",
	.exit_codes = exit_codes,
	.examples = features_examples,
	.options = features_options,
	.args_size = sizeof(struct spec_args),
	.exec = features_exec,
};
