// SPDX-License-Identifier: Apache-2.0
#include "image/shortname.h"

#include <fcntl.h>
#include <libgen.h>

#include "base/file.h"
#include "base/log.h"
#include "base/terminal.h"
#include "base/toml.h"
#include "image/registries.h"

static int configured_mode(enum short_name_mode *ret, struct cmk_err *err)
{
	struct registries_conf conf = { 0 };
	int r = registries_conf_load(&conf, err);

	if (r < 0)
		return r;
	*ret = conf.mode;
	registries_conf_done(&conf);
	return 0;
}

static void keep_only(struct image_ref *list, size_t *n, size_t which)
{
	struct image_ref kept = list[which];

	list[which] = (struct image_ref){ 0 };
	for (size_t i = 0; i < *n; i++)
		image_ref_done(&list[i]);
	list[0] = kept;
	*n = 1;
}

/* An image that is here says which one is meant. */
static bool known_here(struct storage *st, const char *text, struct image_ref *list, size_t *n)
{
	cleanup_free char *id = NULL, *name = NULL;

	if (image_find_local(st, text, &id, &name, NULL) < 0 || !name)
		return false;
	for (size_t i = 0; i < *n; i++) {
		cleanup_free char *full = image_ref_str(&list[i]);

		if (streq(full, name)) {
			keep_only(list, n, i);
			return true;
		}
	}
	return false;
}

static int ask(struct image_ref *list, size_t *n, struct cmk_err *err)
{
	cleanup_strv char **names = NULL;
	size_t which = 0;
	int r;

	for (size_t i = 0; i < *n; i++)
		strv_add_take(&names, image_ref_str(&list[i]));
	r = terminal_choose(STDIN_FILENO, STDOUT_FILENO, "Please select an image", names, *n,
			    &which, err);
	if (r == 0)
		keep_only(list, n, which);
	return r;
}

int shortname_choose(struct storage *st, const char *text, struct image_ref *list, size_t *n,
		     bool *ret_asked, struct cmk_err *err)
{
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	enum short_name_mode mode = SHORT_NAME_PERMISSIVE;
	int r;

	*ret_asked = false;
	if (*n < 2)
		return 0;
	r = configured_mode(&mode, err);
	if (r < 0 || mode == SHORT_NAME_DISABLED || (!terminal && mode == SHORT_NAME_PERMISSIVE))
		return r;
	if (known_here(st, text, list, n))
		return 0;
	if (!terminal) {
		(void)cmk_err_set(err, -EINVAL,
				  "short-name resolution enforced but cannot prompt without a TTY");
		return cmk_err_hint(err, "give the whole name, such as %s/%s", list[0].registry,
				    list[0].repository);
	}
	r = ask(list, n, err);
	*ret_asked = r == 0;
	return r;
}

/* --- what was chosen --- */

static void add_line(struct strbuf *sb, const char *name, const char *target)
{
	const char *parts[] = { name, target };

	strbuf_adds(sb, "  ");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		strbuf_addc(sb, '"');
		for (const char *p = parts[i]; *p; p++) {
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				strbuf_addf(sb, "\\u%04X", (unsigned char)*p);
			else
				strbuf_addf(sb, "%s%c", *p == '"' || *p == '\\' ? "\\" : "", *p);
		}
		strbuf_adds(sb, i == 0 ? "\" = " : "\"\n");
	}
}

int shortname_edit(const char *text, size_t len, const char *name, const char *target, char **ret,
		   struct cmk_err *err)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_toml struct toml *root = NULL;
	const struct toml *aliases;
	int r;

	r = toml_parse(text, len, &root, err);
	if (r < 0)
		return r;
	aliases = toml_get(root, "aliases");
	if (aliases && aliases->type != TOML_TABLE)
		return cmk_err_set(err, -EINVAL, "'aliases' is not a table");
	strbuf_adds(&sb, "[aliases]\n");
	for (const struct toml *t = aliases ? aliases->first : NULL; t; t = t->next)
		if (t->type == TOML_STRING && !streq(t->key, name))
			add_line(&sb, t->key, t->text);
	add_line(&sb, name, target);
	*ret = strbuf_steal(&sb);
	return 0;
}

/* The lock that podman takes as well: fcntl_locking(2) on a file beside it. Held until it is
 * closed. */
static int lock_beside(int dir, const char *name, struct cmk_err *err)
{
	cleanup_free char *lock = xasprintf("%s.lock", name);
	cleanup_close int fd = openat(dir, lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", lock);
	while (fcntl(fd, F_OFD_SETLKW, &whole) < 0)
		if (errno != EINTR)
			return cmk_err_errno(err, "lock '%s'", lock);
	return steal_fd(&fd);
}

static int write_alias(const char *path, const char *name, const char *target, struct cmk_err *err)
{
	cleanup_free char *copy = xstrdup(path), *text = NULL, *edited = NULL;
	const char *file = strrchr(path, '/') + 1, *parent = dirname(copy);
	cleanup_err struct cmk_err mine = CMK_ERR_INIT;
	cleanup_close int dir = -1, lock = -1;
	size_t len = 0;
	int r;

	r = mkdir_p_at(AT_FDCWD, parent, 0700, err);
	if (r < 0)
		return r;
	dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return cmk_err_errno(err, "open directory '%s'", parent);
	lock = lock_beside(dir, file, err);
	if (lock < 0)
		return lock;
	r = file_read_at(dir, file, TOML_SIZE_MAX, &text, &len, &mine);
	if (r < 0 && r != -ENOENT)
		return cmk_err_move(err, &mine);
	r = shortname_edit(text ? text : "", len, name, target, &edited, err);
	if (r == 0)
		r = file_replace_at(dir, file, edited, strlen(edited), 0600, FILE_DURABLE, err);
	return r;
}

void shortname_record(const char *repository, const struct image_ref *full)
{
	cleanup_free char *path = registries_alias_file();
	cleanup_free char *target = xasprintf("%s/%s", full->registry, full->repository);
	cleanup_err struct cmk_err err = CMK_ERR_INIT;

	if (path && write_alias(path, repository, target, &err) < 0)
		log_warn("the choice for '%s' is not kept: %s", repository, cmk_err_msg(&err));
}
