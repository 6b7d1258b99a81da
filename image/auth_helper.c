// SPDX-License-Identifier: Apache-2.0
/* docker-credential-NAME VERB: what it is asked on stdin, what it answers on stdout. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/process.h"
#include "image/auth.h"

static void cmk_noreturn exec_helper(const char *program, const char *verb, int in, int out)
{
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)execlp(program, program, verb, (char *)NULL);
	_exit(127);
}

/* A file in memory, so that nobody waits for a program that does not read. */
static int input_file(const char *input, struct cmk_err *err)
{
	cleanup_close int fd = memfd_create("cmk-credentials", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "make a memory file");
	r = write_all(fd, input, strlen(input));
	if (r < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return cmk_err_set(err, -EIO, "write to a memory file");
	return steal_fd(&fd);
}

/* Its exit code, with what it wrote in *RET (owned). */
static int run_helper(const char *program, const char *verb, const char *input, char **ret,
		      size_t *ret_len, struct cmk_err *err)
{
	cleanup_close int in = input_file(input, err), out_r = -1, out_w = -1;
	int p[2], status, r;
	pid_t pid;

	if (in < 0)
		return in;
	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	out_r = p[0];
	out_w = p[1];
	pid = process_fork("credentials", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		exec_helper(program, verb, in, out_w);
	(void)close(steal_fd(&out_w));
	r = file_read_fd(out_r, AUTH_MAX, ret, ret_len, err);
	(void)close(steal_fd(&out_r));
	status = process_reap(pid);
	return r < 0 ? r : process_exit_code(status);
}

/* 0 with its answer (owned); 1 where it says no, with what it says. */
static int ask(const char *name, const char *verb, const char *input, char **ret, size_t *ret_len,
	       struct cmk_err *err)
{
	cleanup_free char *program = xasprintf("docker-credential-%s", name);
	int r;

	if (!*name || strchr(name, '/'))
		return cmk_err_set(err, -EINVAL, "bad credential helper '%s'", name);
	r = run_helper(program, verb, input, ret, ret_len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "%s", program);
	if (r == 127)
		return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOEXEC,
				    "credential helper '%s' not found in PATH", program);
	return r > 0;
}

/* What it said, as one line that may go to a terminal. */
static int said_no(const char *name, const char *verb, const char *said, struct cmk_err *err)
{
	cleanup_free char *line = xstrndup(said, MIN(strcspn(said, "\r\n"), (size_t)200));

	return cmk_err_set(err, -EIO, "docker-credential-%s %s: %s", name, verb,
			   *line ? line : "it failed");
}

static const char *server_name(const char *registry)
{
	return auth_is_docker_io(registry) ? "https://index.docker.io/v1/" : registry;
}

static void forget(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
}

int credential_helper_get(const char *name, const char *registry, struct credentials *ret,
			  struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	const char *user, *secret;
	size_t len = 0;
	int r;

	r = ask(name, "get", server_name(registry), &text, &len, err);
	if (r != 0)
		return MIN(r, 0); /* it knows nothing of this registry */
	r = json_parse(text, len, AUTH_MAX, &doc, err);
	forget(text, len);
	if (r < 0)
		return cmk_err_wrap(err, r, "docker-credential-%s", name);
	user = json_str(json_get(json_root(doc), "Username"));
	secret = json_str(json_get(json_root(doc), "Secret"));
	if (!user || !secret)
		return 0;
	ret->user = xstrdup(user);
	ret->password = xstrdup(secret);
	return 1;
}

int credential_helper_store(const char *name, const char *registry, const struct credentials *c,
			    struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	cleanup_free char *input = NULL, *answer = NULL;
	size_t len = 0, answer_len = 0;
	int r;

	json_write_object(&w, NULL);
	json_write_str(&w, "ServerURL", server_name(registry));
	json_write_str(&w, "Username", c->user);
	json_write_str(&w, "Secret", c->password);
	json_write_end(&w, '}');
	r = json_writer_finish(&w, &input, &len, err);
	if (r < 0)
		return r;
	r = ask(name, "store", input, &answer, &answer_len, err);
	forget(input, len);
	return r > 0 ? said_no(name, "store", answer, err) : r;
}

static int erase(const char *name, const char *server, struct cmk_err *err)
{
	cleanup_free char *answer = NULL;
	size_t len = 0;
	int r = ask(name, "erase", server, &answer, &len, err);

	if (r <= 0)
		return r;
	/* The one text that the programs have agreed on. */
	if (str_after(answer, "credentials not found in native keychain"))
		return cmk_err_set(err, -ENOENT, "docker-credential-%s knows nothing of '%s'", name,
				   server);
	return said_no(name, "erase", answer, err);
}

int credential_helper_erase(const char *name, const char *registry, struct cmk_err *err)
{
	return erase(name, server_name(registry), err);
}

int credential_helper_erase_all(const char *name, struct cmk_err *err)
{
	cleanup_json_doc struct json_doc *doc = NULL;
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	r = ask(name, "list", "", &text, &len, err);
	if (r > 0)
		return said_no(name, "list", text, err);
	if (r == 0)
		r = json_parse(text, len, AUTH_MAX, &doc, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "docker-credential-%s list", name);
	json_each (v, json_root(doc)) {
		r = v->key ? erase(name, v->key, err) : 0;
		if (r < 0 && r != -ENOENT)
			return r;
	}
	return 0;
}
