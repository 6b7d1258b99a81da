// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "cmd/containers.h"
#include "cmd/quadlets.h"
#include "image/image.h"

/* Of what comes with quadlets. */
#define FILE_MAX (16 * 1024 * 1024)
#define FILES_MAX 256

struct quadlet_install_args {
	bool replace, reload;
};

static const struct cmk_option quadlet_install_options[] = {
	CMK_OPT_RELOAD_SYSTEMD(struct quadlet_install_args),
	CMK_OPT_FLAG('r', "replace", struct quadlet_install_args, replace,
		     "take the place of files that are there"),
	CMK_OPT_END(),
};

/* All that one command installs. */
struct install {
	const struct cmk_globals *g;
	bool replace, user;
	struct install_file {
		char *name, *text; /* owned */
		size_t len;
		bool is_new;
	} * files;
	size_t n;
	char *app; /* owned; the name of what they are together, or NULL */
	char *dir; /* owned */
	int dir_fd;
};

static void install_done(struct install *in)
{
	for (size_t i = 0; i < in->n; i++) {
		free(in->files[i].name);
		free(in->files[i].text);
	}
	free(in->files);
	free(in->app);
	free(in->dir);
	if (in->dir_fd >= 0)
		(void)close(in->dir_fd);
}

/* Takes TEXT. */
static int add_file(struct install *in, const char *name, char *text, size_t len,
		    struct cmk_err *err)
{
	cleanup_free char *mine = text;

	if (!quadlet_is_file_name(name))
		return cmk_err_set(err, -EINVAL, "'%.200s' cannot be the name of a file", name);
	if (in->n == FILES_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d files", FILES_MAX);
	for (size_t i = 0; i < in->n; i++)
		if (streq(in->files[i].name, name))
			return cmk_err_set(err, -EEXIST, "two files are called '%s'", name);
	in->files = xrealloc(in->files, in->n + 1, sizeof(*in->files));
	in->files[in->n++] = (struct install_file){
		.name = xstrdup(name),
		.text = steal_ptr(&mine),
		.len = len,
	};
	return 0;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* --- several quadlets in one file --------------------------------------------------------------
 */

/* "# FileName=NAME", in one of the lines; owned, NULL. */
static char *named_in(const char *text)
{
	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *rest = *p == '#' ? p + 1 + strspn(p + 1, " \t") : NULL;

		rest = rest ? str_after(rest, "FileName=") : NULL;
		if (rest)
			return xstrndup(rest, strcspn(rest, " \t\r\n"));
	}
	return NULL;
}

/* By the section that it has. */
static const char *suffix_in(const char *text)
{
	for (int i = 0; i < QUADLET_N_KINDS; i++) {
		cleanup_free char *section = xasprintf("[%s]", quadlet_kinds[i].section);

		for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
			if (str_after(p, section))
				return quadlet_kinds[i].suffix;
	}
	return NULL;
}

static int add_part(struct install *in, const char *path, const char *text, struct cmk_err *err)
{
	cleanup_free char *name = named_in(text), *whole = NULL;
	const char *suffix = suffix_in(text);

	if (text[strspn(text, " \t\r\n")] == '\0')
		return 0;
	if (!name)
		return cmk_err_set(err, -EINVAL,
				   "'%s': a part is missing required '# FileName=NAME'", path);
	if (!suffix)
		return cmk_err_set(err, -EINVAL,
				   "'%s': the part '%.80s' has no section of a quadlet", path,
				   name);
	whole = xasprintf("%s%s", name, str_has_suffix(name, suffix) ? "" : suffix);
	return add_file(in, whole, xstrdup(text), strlen(text), err);
}

/* TEXT is cut at its lines "---". */
static int add_parts(struct install *in, const char *path, const char *text, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf part = STRBUF_INIT;
	int r = 0;

	while (r == 0 && *text) {
		size_t n = strcspn(text, "\n"), len = n;

		while (len > 0 && strchr(" \t\r", text[len - 1]))
			len--;
		if (len == 3 && strncmp(text, "---", 3) == 0) {
			r = add_part(in, path, strbuf_str(&part), err);
			strbuf_reset(&part);
		} else {
			strbuf_add(&part, text, n);
			strbuf_addc(&part, '\n');
		}
		text += n + (text[n] == '\n');
	}
	return r < 0 ? r : add_part(in, path, strbuf_str(&part), err);
}

/* --- what is named -----------------------------------------------------------------------------
 */

static int add_text(struct install *in, const char *path, const char *name, char *text, size_t len,
		    struct cmk_err *err)
{
	int r;

	if (!str_has_suffix(name, ".quadlets"))
		return add_file(in, name, text, len, err);
	r = strlen(text) == len ? add_parts(in, path, text, err)
				: cmk_err_set(err, -EINVAL, "'%s': a byte of it is NUL", path);
	free(text);
	return r;
}

static int add_url(struct install *in, const char *url, struct cmk_err *err)
{
	cleanup_free char *path = xstrndup(url, strcspn(url, "?#")), *text = NULL;
	cleanup_storage struct storage *st = NULL;
	cleanup_close int fd = -1;
	size_t len = 0;
	int r = storage_open(in->g->root, in->g->runroot, &st, err);

	if (r == 0)
		r = image_download(st, url, true, &fd, err);
	if (r < 0)
		return r;
	r = lseek(fd, 0, SEEK_SET) < 0 ? cmk_err_errno(err, "read")
				       : file_read_fd(fd, FILE_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "%s", url);
	return add_text(in, url, last_part(path), steal_ptr(&text), len, err);
}

static int add_path(struct install *in, const char *path, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	if (image_is_url(path))
		return add_url(in, path, err);
	r = file_read_at(AT_FDCWD, path, FILE_MAX, &text, &len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "%s", path);
	return add_text(in, path, last_part(path), steal_ptr(&text), len, err);
}

/* A directory is an application, which has its name. */
static int add_directory(struct install *in, const char *path, struct cmk_err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_strv char **names = NULL;
	cleanup_free char *full = NULL;
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r;

	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", path);
	full = realpath(path, NULL);
	if (!full)
		return cmk_err_errno(err, "%s", path);
	r = dir_read(fd, &d, err);
	if (r < 0)
		return r;
	in->app = xstrdup(last_part(full));
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			strv_add_take(&names, xasprintf("%s/%s", full, e->d_name));
	if (!names)
		return cmk_err_set(err, -ENOENT, "there is no file in '%s'", path);
	strv_sort(names);
	for (char **name = names; r == 0 && *name; name++)
		r = add_path(in, *name, err);
	return r;
}

static int add_operands(struct install *in, char **argv, struct cmk_err *err)
{
	struct stat sb;
	int r = 0;

	if (!image_is_url(argv[0]) && stat(argv[0], &sb) == 0 && S_ISDIR(sb.st_mode))
		r = add_directory(in, *argv++, err);
	for (; r == 0 && *argv; argv++)
		r = add_path(in, *argv, err);
	if (r == 0 && !in->app && quadlet_kind_of(in->files[0].name) < 0)
		return cmk_err_set(err, -EINVAL,
				   "'%s' is no quadlet: .container, .volume and .image are",
				   in->files[0].name);
	return r;
}

/* --- checking and writing ----------------------------------------------------------------------
 */

/* Each is converted with all that is there and will be, before anything is written. */
static int check_files(struct install *in, struct cmk_err *err)
{
	cleanup_quadlets struct quadlet_set set = { 0 };
	int r = cmk_quadlets_load(&set, err);

	for (size_t i = 0; r == 0 && i < in->n; i++)
		if (quadlet_kind_of(in->files[i].name) >= 0)
			(void)quadlet_set_put(&set, in->dir, in->files[i].name, in->files[i].text,
					      in->files[i].len);
	for (size_t i = 0; r == 0 && i < in->n; i++) {
		struct quadlet_unit *u = quadlet_find_file(&set, in->files[i].name);

		if (!u || quadlet_convert(&set, u) == 0)
			continue;
		/* It may be installed later. */
		if (u->err.kind == CMK_ERR_NOT_FOUND)
			log_warn("%s", cmk_err_msg(&u->err));
		else
			r = cmk_err_move(err, &u->err);
	}
	return r;
}

/* Files that somebody else has put there are not taken for ours. */
static int check_there(struct install *in, struct cmk_err *err)
{
	for (size_t i = 0; i < in->n; i++) {
		struct stat sb;

		in->files[i].is_new = fstatat(in->dir_fd, in->files[i].name, &sb,
					      AT_SYMLINK_NOFOLLOW) < 0;
		if (in->files[i].is_new || in->replace)
			continue;
		(void)cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST, "'%s/%s' is there already",
				   in->dir, in->files[i].name);
		(void)cmk_err_hint(err, "use --replace");
		return -EEXIST;
	}
	return 0;
}

static int write_lists(struct install *in, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;

	for (size_t i = in->app ? 0 : 1; i < in->n; i++)
		if (in->app || quadlet_kind_of(in->files[i].name) < 0)
			strv_add(&names, in->files[i].name);
	if (!names)
		return 0;
	return quadlet_list_write(in->dir_fd, in->app ? QUADLET_APP : QUADLET_ASSETS,
				  in->app ? in->app : in->files[0].name, names, err);
}

/* All, or none of those that were not there. */
static int write_files(struct install *in, struct cmk_err *err)
{
	int r = write_lists(in, err);
	size_t i;

	for (i = 0; r == 0 && i < in->n; i++) {
		const struct install_file *f = &in->files[i];

		r = file_replace_at(in->dir_fd, f->name, f->text, f->len, 0644,
				    FILE_DURABLE | (in->replace ? 0 : FILE_EXCL), err);
		if (r < 0)
			(void)cmk_err_wrap(err, r, "write '%s/%s'", in->dir, f->name);
	}
	for (size_t k = 0; r < 0 && k < i; k++)
		if (in->files[k].is_new)
			(void)unlinkat(in->dir_fd, in->files[k].name, 0);
	return r;
}

static int open_dir(struct install *in, struct cmk_err *err)
{
	cleanup_strv char **dirs = quadlet_install_dirs(in->user);
	int r;

	if (!dirs)
		return cmk_err_set(err, -ENOENT, "there is no home directory: set HOME");
	in->dir = xstrdup(dirs[0]);
	r = mkdir_p_at(AT_FDCWD, in->dir, 0755, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "make '%s'", in->dir);
	in->dir_fd = open(in->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return in->dir_fd < 0 ? cmk_err_errno(err, "open '%s'", in->dir) : 0;
}

static int quadlet_install_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
				char **argv, struct cmk_err *err)
{
	const struct quadlet_install_args *a = args;
	cleanup(install_done) struct install in = {
		.g = g,
		.replace = a->replace,
		.user = geteuid() != 0,
		.dir_fd = -1,
	};
	int r;

	r = add_operands(&in, argv, err);
	if (r == 0)
		r = open_dir(&in, err);
	if (r == 0)
		r = check_there(&in, err);
	if (r == 0)
		r = check_files(&in, err);
	if (r == 0)
		r = write_files(&in, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < in.n; i++)
		if (quadlet_kind_of(in.files[i].name) >= 0)
			(void)printf("%s/%s\n", in.dir, in.files[i].name);
	(void)fflush(stdout);
	if (a->reload)
		cmk_quadlets_reload(in.user);
	return 0;
}

static const struct cmk_example quadlet_install_examples[] = {
	{ "cmk quadlet install web.container", "Gives systemd a unit web.service" },
	{ "cmk quadlet install web.container site.conf",
	  "The same, with a file that stands beside it" },
	{ "cmk quadlet install --replace ./shop",
	  "Installs all that is in a directory, as the application shop" },
	{ "cmk quadlet install https://example.org/web.container", "Gets the file from a server" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_quadlet_install = {
	.name = "quadlet install",
	.summary = "Install quadlets",
	.operands = "PATH|URL [PATH|URL...]",
	.description =
		"Puts files from which systemd gets units, cmk-systemd.unit(5), where they are "
		"looked for: `~/.config/containers/systemd`, or `~/.config/cmk/systemd` where "
		"podman's own generator is installed. What stands behind the first file may be "
		"anything; a file that is no quadlet goes to the same directory, and is removed "
		"with the first one.\n\nA directory is an application of its name: all files in "
		"it are installed, and removed together. A file .quadlets holds "
		"several quadlets: lines `---` stand between them, and each has a comment `# "
		"FileName=NAME`; its kind follows from its section. They are quadlets of their "
		"own.\n\nThe name of a URL's file is "
		"the last part of its path. Files are converted first, and nothing is written "
		"where one of them is refused; a quadlet that needs another which is not there "
		"yet is a warning.",
	.examples = quadlet_install_examples,
	.options = quadlet_install_options,
	.args_size = sizeof(struct quadlet_install_args),
	.min_operands = 1,
	.max_operands = -1,
	.complete = COMPLETE_FILES,
	.exec = quadlet_install_exec,
};
