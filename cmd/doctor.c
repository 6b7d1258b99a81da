// SPDX-License-Identifier: Apache-2.0
/* Checks what containers need of the host, one line each, and says how to mend what is missing. */
#include "cmd/doctor.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "cmd/commands.h"
#include "image/image.h"
#include "libpod/libpod.h"

#define EXIT_NOT_WELL 1

void finding_take(struct finding *f, enum finding_level level, const char *mend, char *text)
{
	free(f->text);
	free(f->mend);
	*f = (struct finding){ level, text, xstrdup_null(mend) };
}

static void finding_from_err(struct finding *f, enum finding_level level, struct cmk_err *err)
{
	finding_set(f, level, err->hint, "%s", cmk_err_msg(err));
}

static void check_ids(struct doctor *d, struct finding *f)
{
	const struct userns_config *c = NULL;
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	uint64_t n = 0;

	if (storage_userns(d->st, &c, &err) < 0) {
		finding_from_err(f, FINDING_FAIL, &err);
		return;
	}
	for (size_t i = 0; i < c->uids.n; i++)
		n += c->uids.range[i].count;
	d->mode = c->mode;
	if (c->mode == USERNS_SINGLE)
		finding_set(f, FINDING_WARN,
			    "run: sudo usermod --add-subuids 100000-165535 --add-subgids "
			    "100000-165535 $USER",
			    "no range for this user in /etc/subuid and /etc/subgid: one id alone, "
			    "images with files of other users do not work");
	else if (c->mode == USERNS_ONE_TO_ONE)
		finding_set(f, FINDING_OK, NULL, "root without ranges: ids are mapped one to one");
	else
		finding_set(f, FINDING_OK, NULL, "%llu ids", (unsigned long long)n);
}

static void check_map_helpers(struct doctor *d, struct finding *f)
{
	static const char *const names[] = { "newuidmap", "newgidmap" };

	if (d->mode != USERNS_SUBIDS || geteuid() == 0) {
		finding_set(f, FINDING_OK, NULL, "not needed");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;

		if (userns_check_helper(names[i], &err) < 0) {
			finding_from_err(f, FINDING_FAIL, &err);
			return;
		}
	}
	finding_set(f, FINDING_OK, NULL, "have the privilege to write id maps");
}

static bool has_controller(const struct cgroup_delegation *c, const char *name)
{
	return strv_has(c->controllers, name);
}

static void check_cgroups(struct doctor *d, struct finding *f)
{
	static const char mend[] =
		"run: sudo systemctl edit user@.service, add [Service] and Delegate=cpu cpuset io "
		"memory pids, and log in again; without systemd: give this user a group whose "
		"parent has these in cgroup.subtree_control";
	static const char *const wanted[] = { "cpu", "memory", "pids" };
	cleanup_strbuf struct strbuf missing = STRBUF_INIT;
	struct cgroup_delegation c = CGROUP_DELEGATION_INIT;

	(void)d;
	if (cgroup_manager_delegation(NULL, &c, NULL) < 0 || !c.path) {
		finding_set(f, FINDING_WARN, mend,
			    "%s: containers get no group, limits are refused",
			    c.why ? c.why : "nothing is delegated");
		cgroup_delegation_done(&c);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		if (!has_controller(&c, wanted[i]))
			strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", wanted[i]);
	if (missing.len)
		finding_set(f, FINDING_WARN, mend,
			    "'%s' is delegated without %s: these limits are refused", c.path,
			    missing.data);
	else
		finding_set(f, FINDING_OK, NULL, "'%s' is delegated with cpu, memory and pids",
			    c.path);
	cgroup_delegation_done(&c);
}

static void check_driver(struct doctor *d, struct finding *f)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct storage_driver driver = { 0 };

	if (storage_driver_get(d->st, &driver, &err) < 0) {
		finding_from_err(f, FINDING_FAIL, &err);
		return;
	}
	d->overlay = streq(driver.name, "overlay");
	if (d->overlay)
		finding_set(f, FINDING_OK, NULL, "overlay: %s", driver.why);
	else if (streq(driver.name, "vfs"))
		finding_set(f, FINDING_WARN,
			    "use Linux 5.13 or later, or install fuse-overlayfs; --root on a local "
			    "file system with extended attributes",
			    "vfs, which copies every file for each container: %s", driver.why);
	else
		finding_set(f, FINDING_WARN, "use Linux 5.13 or later",
			    "%s, which is slower than the kernel's overlay: %s", driver.name,
			    driver.why);
}

static void check_helpers(struct doctor *d, struct finding *f)
{
	static const char *const names[] = { "cmk-registry", "cmk-seccomp", "cmk-sign",
					     "cmk-slirp",    "cmk-subid",   "cmk-unpack",
					     "cmk-verify" };
	const char *dir = process_libexec_dir();

	(void)d;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		cleanup_free char *path = xasprintf("%s/%s", dir, names[i]);

		if (access(path, X_OK) < 0) {
			finding_set(f, FINDING_FAIL, "install cmk again: make install", "'%s': %s",
				    path, errno_text(errno));
			return;
		}
	}
	finding_set(f, FINDING_OK, NULL, "in '%s'", dir);
}

static void check_registries(struct doctor *d, struct finding *f)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct image_ref ref = { 0 }, *list = NULL;
	size_t n = 0;

	(void)d;
	if (image_ref_parse("a-short-name", &ref, &err) < 0 ||
	    image_ref_candidates(&ref, &list, &n, &err) < 0)
		finding_from_err(f, FINDING_FAIL, &err);
	else
		finding_set(f, FINDING_OK, NULL, "short names are looked for at %s%s",
			    list[0].registry, n > 1 ? " and others" : "");
	for (size_t i = 0; i < n; i++)
		image_ref_done(&list[i]);
	free(list);
	image_ref_done(&ref);
}

static const struct check {
	const char *name;
	void (*run)(struct doctor *d, struct finding *f);
} checks[] = {
	{ "helper programs", check_helpers },
	{ "subordinate ids", check_ids },
	{ "newuidmap, newgidmap", check_map_helpers },
	{ "user namespaces", doctor_check_userns },
	{ "namespace limits", doctor_check_limits },
	{ "seccomp", doctor_check_seccomp },
	{ "SELinux", doctor_check_selinux },
	{ "data directory", doctor_check_data_dir },
	{ "storage driver", check_driver },
	{ "/dev/fuse", doctor_check_fuse },
	{ "cgroups", check_cgroups },
	{ "/dev/net/tun", doctor_check_tun },
	{ "ping", doctor_check_ping },
	{ "/proc", doctor_check_hidepid },
	{ "linger", doctor_check_linger },
	{ "registries", check_registries },
};

static int doctor_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		       struct cmk_err *err)
{
	static const char *const words[] = { "ok", "warn", "FAIL" };
	struct doctor d = { 0 };
	bool failed = false;
	int r;

	(void)args;
	(void)argc;
	(void)argv;
	r = storage_open(g->root, g->runroot, &d.st, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		struct finding f = { 0 };

		checks[i].run(&d, &f);
		printf("%-5s %-22s %s\n", words[f.level], checks[i].name, f.text ? f.text : "");
		if (f.mend && f.level != FINDING_OK)
			printf("%-28s -> %s\n", "", f.mend);
		failed |= f.level == FINDING_FAIL;
		free(f.text);
		free(f.mend);
	}
	storage_free(d.st);
	return failed ? EXIT_NOT_WELL : 0;
}

static const struct cmk_example doctor_examples[] = {
	{ "cmk doctor",
	  "Checks everything that rootless containers need, with a remedy for what is missing" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_doctor = {
	.name = "doctor",
	.summary = "Check the host and say how to mend what is missing",
	.description = "Prints one line per check: ok, warn (something will not work or be slow) "
		       "or FAIL (containers will not run), and below it what to do.",
	.exit_codes = "`0` where nothing failed, `1` where a check did, `125` where the data or "
		      "run directory cannot be opened.",
	.examples = doctor_examples,
	.exec = doctor_exec,
};
