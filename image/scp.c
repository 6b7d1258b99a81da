// SPDX-License-Identifier: Apache-2.0
/*
 * Images between machines: docker's archive through ssh(1), written at one end by `save` and read
 * at the other by `load`, of cmk or, where that is not installed, of podman.
 */
#include <fcntl.h>
#include <signal.h>

#include "base/parse.h"
#include "base/process.h"
#include "image/image.h"

#define REMOTE "exec sh -c 'c=podman; command -v cmk >/dev/null 2>&1 && c=cmk; exec \"$c\" "

/* One end, "[[USER@]HOST[:PORT]::][IMAGE]". */
struct end {
	char *host, *port; /* NULL: this machine; NULL: the usual one */
	const char *image; /* "": none was given */
};

static void end_done(struct end *e)
{
	free(e->host);
	free(e->port);
}

/* No option of ssh, and nothing that a shell there would not take as it is. */
static bool is_plain_word(const char *s, const char *more)
{
	if (!*s || *s == '-')
		return false;
	for (; *s; s++)
		if (!(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
		    !(*s >= '0' && *s <= '9') && !strchr(more, *s))
			return false;
	return true;
}

static int split_port(struct end *e, const char *text, struct cmk_err *err)
{
	char *colon = strrchr(e->host, ':');
	uint64_t port = 0;

	if (colon) {
		*colon = '\0';
		if (parse_u64(colon + 1, 65535, &port) < 0 || port == 0)
			return cmk_err_set(err, -EINVAL, "'%.200s': '%.20s' is not a port", text,
					   colon + 1);
		e->port = xstrdup(colon + 1);
	}
	if (!is_plain_word(e->host, "@._-"))
		return cmk_err_set(err, -EINVAL, "'%.200s': '%.80s' is not [USER@]HOST[:PORT]",
				   text, e->host);
	return 0;
}

static int end_parse(const char *text, struct end *e, struct cmk_err *err)
{
	const char *sep = strstr(text, "::"), *host;
	int r;

	e->image = sep ? sep + 2 : text;
	if (*e->image && !is_plain_word(e->image, "._-/:@"))
		return cmk_err_set(err, -EINVAL, "'%.200s' is not the name of an image", e->image);
	if (!sep)
		return 0;
	e->host = xstrndup(text, (size_t)(sep - text));
	r = split_port(e, text, err);
	if (r < 0)
		return r;
	host = strrchr(e->host, '@');
	if (!streq(host ? host + 1 : e->host, "localhost") || e->port)
		return 0;
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "'%.200s': copying between users of this machine is not supported",
			   text);
	(void)cmk_err_hint(err,
			   "cmk save IMAGE | sudo -iu USER cmk load; localhost:22 goes by ssh");
	return -EOPNOTSUPP;
}

/* --- ssh --- */

static void cmk_noreturn exec_ssh(const struct end *e, const char *command, int in, int out)
{
	const char *argv[8] = { "ssh" };
	const int from[] = { in, out };
	static const int to[] = { STDIN_FILENO, STDOUT_FILENO };
	size_t n = 1;

	if (e->port) {
		argv[n++] = "-p";
		argv[n++] = e->port;
	}
	argv[n++] = "--";
	argv[n++] = e->host;
	argv[n++] = command;
	if (process_place_fds(from, to, ARRAY_LEN(to)) == 0) {
		process_close_others(NULL, 0);
		(void)execvp("ssh", (char **)(uintptr_t)argv);
	}
	_exit(errno == ENOENT ? 127 : 126);
}

static int start_ssh(const struct end *e, const char *command, int in, int out, pid_t *ret,
		     struct cmk_err *err)
{
	*ret = process_fork("ssh", 0, NULL, err);
	if (*ret == 0)
		exec_ssh(e, command, in, out);
	return MIN(*ret, 0);
}

/* R is how our own end of it went: of the two the cause is ssh's. */
static int end_ssh(const struct end *e, pid_t pid, int r, struct cmk_err *err)
{
	int status = process_reap(pid);
	int code = status < 0 ? 126 : process_exit_code(status);

	if (code == 0)
		return r;
	cmk_err_done(err);
	if (code == 127)
		return cmk_err_set(err, -ENOENT,
				   "ssh, or cmk and podman on '%s', are not installed", e->host);
	return cmk_err_set(err, -EIO, "'%s': ssh ended with exit code %d", e->host, code);
}

#define LOAD REMOTE "load -q'"

static char *save_command(const struct end *e)
{
	return xasprintf(REMOTE "save -q \"$1\"' cmk %s", e->image);
}

/* --- the three ways --- */

static int make_pipe(int *ret_in, int *ret_out, struct cmk_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	*ret_in = p[0];
	*ret_out = p[1];
	return 0;
}

static int send_image(struct storage *st, const struct end *from, const struct end *to, bool quiet,
		      struct cmk_err *err)
{
	cleanup_free char *id = NULL, *name = NULL, *other = NULL;
	cleanup_close int in = -1, out = -1, null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	char *names[] = { NULL, NULL };
	struct image_save_item item = { 0 };
	struct image_save_options o = { .quiet = quiet, .dir_fd = -1 };
	pid_t pid = -1;
	int r = image_resolve_local(st, from->image, &id, &name, err);

	if (r == 0 && *to->image)
		r = image_new_name(to->image, &other, err);
	if (r == 0)
		r = make_pipe(&in, &out, err);
	if (r == 0)
		r = start_ssh(to, LOAD, in, quiet ? null : STDOUT_FILENO, &pid, err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&in));
	names[0] = other ? other : name;
	item = (struct image_save_item){ .id = id, .names = names[0] ? names : NULL };
	o.fd = out;
	r = image_save(st, &item, 1, &o, err);
	(void)close(steal_fd(&out));
	return end_ssh(to, pid, r, err);
}

static int take_image(struct storage *st, const struct end *from, const struct end *to, bool quiet,
		      char ***ret_ids, char ***ret_names, struct cmk_err *err)
{
	cleanup_free char *command = save_command(from), *name = NULL;
	cleanup_close int in = -1, out = -1, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid = -1;
	int r = *to->image ? image_new_name(to->image, &name, err) : 0;

	if (r == 0)
		r = make_pipe(&in, &out, err);
	if (r == 0)
		r = start_ssh(from, command, null, out, &pid, err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&out));
	r = image_load(st, "the other machine's image", in,
		       &(struct image_load_options){ .quiet = quiet }, ret_ids, ret_names, err);
	(void)close(steal_fd(&in));
	r = end_ssh(from, pid, r, err);
	if (r == 0 && name)
		r = storage_name_set(st, name, (*ret_ids)[0], err);
	return r;
}

static int pass_image(const struct end *from, const struct end *to, bool quiet, struct cmk_err *err)
{
	cleanup_free char *command = save_command(from);
	cleanup_close int in = -1, out = -1, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t source = -1, target = -1;
	int r = make_pipe(&in, &out, err), q;

	if (r == 0)
		r = start_ssh(from, command, null, out, &source, err);
	if (r < 0)
		return r;
	(void)close(steal_fd(&out));
	q = start_ssh(to, LOAD, in, quiet ? null : STDOUT_FILENO, &target, err);
	(void)close(steal_fd(&in));
	r = q == 0 ? end_ssh(to, target, 0, err) : q;
	return end_ssh(from, source, r, err);
}

int image_scp(struct storage *st, const char *source, const char *dest, bool quiet, char ***ret_ids,
	      char ***ret_names, struct cmk_err *err)
{
	cleanup(end_done) struct end from = { 0 }, to = { .image = "" };
	int r = end_parse(source, &from, err);

	if (r == 0 && dest)
		r = end_parse(dest, &to, err);
	if (r == 0 && !*from.image)
		r = cmk_err_set(err, -EINVAL, "'%s' does not say which image", source);
	if (r == 0 && !from.host && !to.host)
		r = cmk_err_set(err, -EINVAL,
				"one of the two must be on another machine: USER@HOST::IMAGE, or "
				"USER@HOST:: as the destination");
	if (r == 0 && from.host && to.host && *to.image)
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "another name is not given between two other machines");
	if (r < 0)
		return r;
	/* An ssh that ends early is told by its exit code. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (!from.host)
		return send_image(st, &from, &to, quiet, err);
	if (!to.host)
		return take_image(st, &from, &to, quiet, ret_ids, ret_names, err);
	return pass_image(&from, &to, quiet, err);
}
