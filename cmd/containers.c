// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"

#define EXIT_CMK_FAILED 125
#define EXIT_KILLED 137

int cmk_check_detach_keys(const char *keys, struct cmk_err *err)
{
	uint8_t parsed[16];
	size_t n;

	return keys ? detach_keys_parse(keys, parsed, &n, err) : 0;
}

/* The monitor went away under a container that ran: what a command that comes later would do. */
static int monitor_lost(struct container *c, int r, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	int lock;

	if (r != -ECONNRESET && r != -EPIPE)
		return r;
	lock = container_lock(c, &e);
	if (lock >= 0)
		(void)close(lock);
	if (c->cfg.remove && container_remove(c, true, 0, &e) < 0)
		cmk_print_error(&e);
	(void)cmk_err_wrap(err, r, "container '%s' was killed: its monitor was lost", c->cfg.name);
	return EXIT_KILLED;
}

int cmk_start_attached(struct container *c, struct spec *spec, struct rootfs_plan *rootfs,
		       const struct cmk_attach *a, struct cmk_err *err)
{
	int tty_fd = a->tty && a->use_out && isatty(STDIN_FILENO) ? STDIN_FILENO : -1;
	cleanup_close int fd = -1;
	struct attach_args attach;
	bool detached = false;
	int r, code = 0;

	r = container_start(c, spec, rootfs, a->use_stdin, a->use_out, tty_fd, a->detach_keys, &fd,
			    err);
	if (r < 0)
		return r;
	attach = (struct attach_args){
		.fd = fd,
		.tty = a->tty,
		.use_stdin = a->use_stdin,
		.use_out = a->use_out,
		.sig_proxy = a->sig_proxy,
		.wait_only_started = !a->use_out && !a->use_stdin,
		.detach_keys = a->detach_keys,
	};
	r = monitor_attach(&attach, &code, &detached, err);
	if (r < 0)
		return monitor_lost(c, r, err);
	return detached || attach.wait_only_started ? 0 : code;
}

static int add_cidfile(const char *path, bool ignore, char ***names, struct cmk_err *err)
{
	cleanup_err struct cmk_err e = CMK_ERR_INIT;
	cleanup_free char *text = NULL;
	int r = file_read_at(AT_FDCWD, path, 4096, &text, NULL, &e);

	if (r == -ENOENT && ignore)
		return 0;
	if (r < 0) {
		(void)cmk_err_move(err, &e);
		return cmk_err_wrap(err, r, "container id file '%s'", path);
	}
	text[strcspn(text, "\r\n")] = '\0';
	strv_add(names, text);
	return 0;
}

static int add_all(struct storage *st, char ***names, struct cmk_err *err)
{
	struct container **list = NULL;
	size_t n = 0;
	int r = container_list(st, &list, &n, err);

	for (size_t i = 0; i < n; i++)
		strv_add(names, list[i]->cfg.id);
	container_list_free(list, n);
	return r;
}

int cmk_container_names(struct storage *st, bool all, char *const *cidfiles, bool ignore, int argc,
			char **argv, char ***ret, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	int r = 0;

	if (all && (argc > 0 || cidfiles))
		return cmk_err_set(err, -EINVAL, "'--all' and names exclude each other");
	for (int i = 0; i < argc; i++)
		strv_add(&names, argv[i]);
	for (char *const *f = cidfiles; r == 0 && f && *f; f++)
		r = add_cidfile(*f, ignore, &names, err);
	if (r == 0 && all)
		r = add_all(st, &names, err);
	if (r < 0)
		return r;
	if (!names && !all && !(cidfiles && ignore))
		return cmk_err_set(err, -EINVAL, "name at least one container");
	*ret = steal_ptr(&names);
	return 0;
}

int cmk_each_name(struct storage *st, char *const *names,
		  int (*fn)(struct storage *st, const char *name, void *arg, struct cmk_err *err),
		  void *arg, int (*failed)(const struct cmk_err *err))
{
	int code = 0;

	for (; names && *names; names++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		int r = fn(st, *names, arg, &err);

		if (r >= 0)
			continue;
		if (!err.msg)
			(void)cmk_err_set(&err, r, "'%s': %s", *names, strerror(-r));
		cmk_print_error(&err);
		r = failed ? failed(&err) : EXIT_CMK_FAILED;
		code = MAX(code, r);
	}
	return code;
}
