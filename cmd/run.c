// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include "base/log.h"
#include "cmd/containers.h"
#include "cmd/create_options.h"
#include "cmd/preserve_fds.h"
#include "libpod/cgroup/manager.h"

struct run_args {
	struct create_args create; /* first: the shared rows' offsets are of it */
	bool detach, sig_proxy;
	char **preserve_fd;
	uint32_t preserve_fds;
};

static const struct cmk_option run_options[] = {
	CMK_OPT_FLAG('d', "detach", struct run_args, detach, "run in the background, print the ID"),
	CMK_OPT_STRING(0, "detach-keys", struct run_args, create.o.detach_keys, "KEYS",
		       "keys that detach from a terminal, \"\" for none", .def = "ctrl-p,ctrl-q",
		       .conf = "engine.detach_keys"),
	CMK_OPT_OF(OPT_CSV, 0, "preserve-fd", struct run_args, preserve_fd, "FD",
		   "pass this descriptor of the caller on"),
	CMK_OPT_OF(OPT_UINT32, 0, "preserve-fds", struct run_args, preserve_fds, "N",
		   "pass N descriptors of the caller on, from 3"),
	CMK_OPT_FLAG(0, "sig-proxy", struct run_args, sig_proxy, "pass signals on to the container",
		     .def = "true"),
	CMK_OPT_USE(cmk_create_options),
	CMK_OPT_END(),
};

static int run_started(struct run_args *a, struct container *c, struct spec *spec,
		       struct rootfs_plan *rootfs, struct cmk_err *err)
{
	const struct container_options *o = &a->create.o;
	bool all = !strv_len(o->attach);
	struct cmk_attach attach = {
		.use_stdin = o->interactive && !a->detach && (all || strv_has(o->attach, "stdin")),
		.use_out = !a->detach,
		.tty = o->tty && !a->detach,
		.no_stdout = !all && !strv_has(o->attach, "stdout"),
		.no_stderr = !all && !strv_has(o->attach, "stderr"),
		.sig_proxy = a->sig_proxy,
		.detach_keys = o->detach_keys,
	};

	if (attach.tty && o->interactive && !isatty(STDIN_FILENO))
		log_warn("The input device is not a TTY. The --tty and --interactive flags might "
			 "not work properly");
	return cmk_start_attached(c, spec, rootfs, &attach, err);
}

/* In a unit whoever wrote that has thought of it. */
static void warn_logout(const struct container *c)
{
	const char *manager = c->delegation
				      ? cgroup_manager_choice(c->cfg.cgroup_manager, c->delegation)
				      : "none";

	if (!streq(manager, "systemd") || c->cfg.cgroups || getuid() == 0 ||
	    getenv("INVOCATION_ID") || boot_lingers() || !storage_warn_once(c->st, "linger"))
		return;
	log_warn("systemd ends this user's containers at the last logout: `loginctl enable-linger` "
		 "keeps them");
}

static int run_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		    struct cmk_err *err)
{
	cleanup_storage struct storage *st = NULL;
	cleanup_container struct container *c = NULL;
	struct rootfs_plan rootfs = { 0 };
	struct run_args *a = args;
	struct spec *spec = NULL;
	cleanup_free int *fds = NULL;
	uint32_t n_listen;
	size_t n_fds = 0;
	int r = cmk_listen_fds(&n_listen, err);

	if (r == 0)
		r = cmk_preserve_fds(MIN(a->preserve_fds, CMK_PRESERVE_FDS_MAX + 1) + n_listen,
				     a->preserve_fd, &fds, &n_fds, err);
	if (r < 0)
		return r;
	(void)argc;
	r = cmk_create_finish(&a->create, g, argv, err);
	if (r < 0)
		return r;
	a->create.o.detach = a->detach;
	a->create.o.start = true;
	r = cmk_check_detach_keys(a->create.o.detach_keys, err);
	if (r < 0)
		return r;
	r = storage_open(g->root, g->runroot, &st, err);
	if (r < 0)
		return r;
	r = container_create(st, &a->create.o, &c, &spec, &rootfs, err);
	if (r < 0)
		return r;
	c->preserve_fds = fds;
	c->n_preserve_fds = n_fds;
	c->n_listen_fds = n_listen;
	r = run_started(a, c, spec, &rootfs, err);
	if (r == 0 && a->detach)
		warn_logout(c);
	if (r >= 0 && !a->detach && container_left_image(c))
		log_warn("--rmi leaves '%s' here: image is in use by a container",
			 c->cfg.image_name);
	/* Nothing else is to be seen of it with --attach stdin. */
	if (r >= 0 &&
	    (a->detach || (a->create.o.attach && !strv_has(a->create.o.attach, "stdout") &&
			   !strv_has(a->create.o.attach, "stderr"))))
		(void)printf("%s\n", c->cfg.id);
	(void)spec_free(spec);
	rootfs_plan_done(&rootfs);
	return r;
}

static const char *const run_aliases[] = { "container run", NULL };

static const struct cmk_example run_examples[] = {
	{ "cmk run --rm -it alpine sh",
	  "Opens a shell in a new container, which is gone afterwards" },
	{ "cmk run -d --name web -p 8080:80 -v site:/usr/share/nginx/html nginx",
	  "Starts a server in the background, with a port of the host and a volume" },
	{ "cmk run --rm -v \"$PWD:/src\" -w /src --userns=keep-id gcc make",
	  "Builds what lies in this directory, as the user that you are" },
	{ "cmk run -d --restart=always --health-cmd 'curl -f localhost' nginx",
	  "Starts a server that is started again when it ends, and whose health is looked after" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_run = {
	.name = "run",
	.aliases = run_aliases,
	.summary = "Create a container and start it",
	.operands = "IMAGE [COMMAND [ARG...]]",
	.description =
		"Makes a container of the image, which is pulled first where it is absent, and "
		"runs "
		"the command in it, or the one that the image names. In the foreground its output "
		"and exit code are cmk's own.\n\n"
		"Sockets that systemd opens for it (socket activation, sd_listen_fds(3)) are "
		"handed "
		"on to the command as descriptors from 3 on, with LISTEN_FDS, LISTEN_PID and "
		"LISTEN_FDNAMES, in a container with any network or none; the monitor keeps them "
		"for restarts by the policy. Those of --preserve-fds come after them.",
	.exit_codes = "125 cmk failed; 126 the command cannot be executed, or the user or working "
		      "directory cannot be used; 127 the command does not exist; else the "
		      "command's own code, 128+N where signal N ended it",
	.options = run_options,
	.args_size = sizeof(struct run_args),
	.min_operands = 1,
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_IMAGES,
	.examples = run_examples,
	.exec = run_exec,
};
