// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/sandbox.h"
#include "storage/driver.h"
#include "storage/internal.h"
#include "storage/pack.h"

bool storage_rootfs_has_upper(const struct rootfs_plan *plan)
{
	return !plan->read_only_bind && plan->driver && !streq(plan->driver, driver_vfs.name);
}

void storage_files_max(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

int storage_tree_confine(struct cmk_err *err)
{
	/* To write is not among what it needs, but for its own way back (userns_run()). */
	static const struct sandbox_policy policy = {
		.rights = SANDBOX_READ | SANDBOX_WRITE | SANDBOX_ANY_PATH,
		.keep_caps = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH,
	};

	storage_files_max();
	return sandbox_enter(&policy, err);
}

/* The upper directory itself stands in the layer where it is not what the image has as "/". */
bool rootfs_root_changed(const struct rootfs_plan *plan, int fd)
{
	struct stat image, now;

	if (rootfs_root_stat(plan, &image, NULL) < 0 || fstat(fd, &now) < 0)
		return true;
	return image.st_mode != now.st_mode || image.st_uid != now.st_uid ||
	       image.st_gid != now.st_gid;
}

struct pack_arg {
	const struct rootfs_plan *plan;
	const struct storage_pack_options *o;
	int out_fd;
	const bool *with_root; /* NULL: told by the layers below */
};

static int pack_in_userns(void *arg, struct cmk_err *err)
{
	const struct pack_arg *a = arg;
	cleanup(tree_dir_done) struct tree_dir root = { 0 };
	cleanup(pack_done) struct pack p;
	struct rootfs_plan top = *a->plan;
	bool with_root = true;
	int r;

	pack_init(&p, a->o, a->out_fd);
	(void)signal(SIGPIPE, SIG_IGN);
	if (a->o->marks && !a->o->changes)
		top.lower = NULL;
	r = tree_open(&top, &root, err);
	if (r < 0)
		return r;
	if (a->with_root)
		with_root = *a->with_root;
	else if (a->o->marks && !a->o->changes)
		with_root = rootfs_root_changed(a->plan, root.parts[0].fd);
	r = storage_tree_confine(err);
	if (r >= 0 && a->o->changes)
		return pack_changes(&p, &root, a->o->changes, err);
	return r < 0 ? r : pack_tree(&p, &root, with_root, err);
}

static int pack(struct storage *st, struct pack_arg *arg, struct cmk_err *err)
{
	const struct userns_config *config;
	int r = storage_userns(st, &config, err);

	return r < 0 ? r : userns_run(st->run_fd, config, false, pack_in_userns, arg, err);
}

int storage_rootfs_pack(struct storage *st, const struct rootfs_plan *plan,
			const struct storage_pack_options *o, int out_fd, struct cmk_err *err)
{
	struct pack_arg arg = { .plan = plan, .o = o, .out_fd = out_fd };
	int r = pack(st, &arg, err);

	return r < 0 ? cmk_err_wrap(err, r, "read the root file system") : 0;
}

int rootfs_pack_layer(struct storage *st, const char *diff, bool with_root, int out_fd,
		      struct cmk_err *err)
{
	const struct rootfs_plan plan = { .upper = (char *)(uintptr_t)diff };
	const struct storage_pack_options o = { .marks = true };
	struct pack_arg arg = { .plan = &plan, .o = &o, .out_fd = out_fd, .with_root = &with_root };

	return pack(st, &arg, err);
}
