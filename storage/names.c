// SPDX-License-Identifier: Apache-2.0
/*
 * A name is a symbolic link names/REFERENCE -> ../images/ID: read with one readlink, replaced with
 * one rename, and shown by `ls -l`.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "storage/extra.h"
#include "storage/image_record.h"
#include "storage/internal.h"

#define TARGET_PREFIX "../images/"
#define FORMER_MAX 65536

char *name_to_file(const char *name)
{
	char *file;

	if (!*name || name[0] == '.' || strchr(name, '%') || strlen(name) > NAME_MAX)
		return NULL;
	file = xstrdup(name);
	for (char *p = file; *p; p++)
		if (*p == '/')
			*p = '%';
	return file;
}

char *name_from_file(const char *file)
{
	char *name = xstrdup(file);

	for (char *p = name; *p; p++)
		if (*p == '%')
			*p = '/';
	return name;
}

int name_read_link(int dir, const char *file, const char *prefix, struct digest *ret)
{
	char buf[NAME_TARGET_MAX + DIGEST_HEX_LEN + 2];
	ssize_t n = readlinkat(dir, file, buf, sizeof(buf) - 1);
	const char *hex;

	if (n < 0)
		return -ENOENT;
	buf[n] = '\0';
	hex = str_after(buf, prefix);
	return hex && digest_parse_hex(hex, ret) == 0 ? 0 : -ENOENT;
}

static int read_target(struct storage *st, const char *file, struct digest *ret)
{
	return name_read_link(st->names_fd, file, TARGET_PREFIX, ret);
}

/* In whichever store. */
static bool image_exists(struct storage *st, const char *id)
{
	return faccessat(st->images_fd, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
	       storage_extra_find(st, "images", id);
}

/* The same in an additional store. */
static int read_target_extra(struct storage *st, const char *file, struct digest *ret)
{
	for (char *const *root = storage_extra(st); root && *root; root++) {
		cleanup_free char *path = xasprintf("%s/names/%s", *root, file);

		if (name_read_link(AT_FDCWD, path, TARGET_PREFIX, ret) == 0 &&
		    image_exists(st, ret->hex))
			return 0;
	}
	return -ENOENT;
}

int storage_name_lookup(struct storage *st, const char *name, char **ret_id)
{
	cleanup_free char *file = name_to_file(name);
	struct digest id;

	/* A name whose image is gone (a removal cut short) is no name. */
	if (!file || ((read_target(st, file, &id) < 0 || !image_exists(st, id.hex)) &&
		      read_target_extra(st, file, &id) < 0))
		return -ENOENT;
	*ret_id = xstrdup(id.hex);
	return 0;
}

/* Of what a kill leaves half-made in tmp/ the next command takes care. */
static int replace_link(struct storage *st, const char *target, const char *file,
			struct cmk_err *err)
{
	cleanup_close int dir = -1;
	char tmp[32];
	int r = storage_tmp_make(st, tmp, &dir, err);

	if (r < 0)
		return r;
	if (symlinkat(target, dir, "link") < 0 || renameat(dir, "link", st->names_fd, file) < 0)
		r = cmk_err_errno(err, "replace a link");
	storage_tmp_remove(st, tmp);
	return r;
}

/* --- names that an image had --- */

static char **read_former(struct storage *st, const char *id)
{
	cleanup_free char *path = xasprintf("%s/" FORMER_NAMES, id), *text = NULL;
	cleanup_strv char **lines = NULL;
	char **names = NULL;

	if (file_read_at(st->images_fd, path, FORMER_MAX, &text, NULL, NULL) < 0)
		return NULL;
	lines = strv_split(text, '\n');
	for (char **l = lines; l && *l; l++)
		if (**l && !strv_has(names, *l))
			strv_add(&names, *l);
	return names;
}

/* Made below tmp/, where what a killed process leaves is swept; an image's directory stays. */
static int write_former(struct storage *st, int dir, const struct strbuf *text)
{
	cleanup_close int fd = -1;
	char tmp[32];
	int r = storage_tmp_make(st, tmp, &fd, NULL);

	if (r < 0)
		return r;
	r = file_replace_at(fd, FORMER_NAMES, text->data, text->len, 0600, 0, NULL);
	if (r == 0 && renameat(fd, FORMER_NAMES, dir, FORMER_NAMES) < 0)
		r = -errno;
	storage_tmp_remove(st, tmp);
	return r;
}

/* Before NAME is taken from the image: where we are killed in between it has the name still, which
 * readers count once. Nothing depends on it, so that a failure is none of the caller's. */
static void note_former(struct storage *st, const char *id, const char *name)
{
	cleanup_close int dir = openat(st->images_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	cleanup_strv char **old = NULL;

	if (dir < 0 || file_lock(dir, true, false) < 0)
		return;
	old = read_former(st, id);
	strbuf_addf(&sb, "%s\n", name);
	for (char **n = old; n && *n; n++)
		if (!streq(*n, name) && sb.len + strlen(*n) < FORMER_MAX - 1)
			strbuf_addf(&sb, "%s\n", *n);
	if (write_former(st, dir, &sb) < 0)
		log_debug("image '%.12s': its former name '%s' is not noted", id, name);
}

char **storage_image_name_history(struct storage *st, const struct image_record *rec)
{
	cleanup_strv char **former = read_former(st, rec->id);
	char **all = strv_dup(rec->names);

	for (char **n = former; n && *n; n++)
		if (!strv_has(all, *n))
			strv_add(&all, *n);
	return all;
}

int storage_name_set(struct storage *st, const char *name, const char *id, struct cmk_err *err)
{
	cleanup_free char *file = name_to_file(name), *target = NULL;
	struct digest digest, old;
	bool had, is_set;

	if (!file)
		return cmk_err_set(err, -EINVAL, "name '%.300s': cannot be kept as a file name%s",
				   name, strlen(name) > NAME_MAX ? " (too long)" : "");
	if (digest_parse_hex(id, &digest) < 0)
		return cmk_err_set(err, -EINVAL, "image ID '%.80s' is not 64 hex digits", id);
	if (!image_exists(st, id))
		return cmk_err_set(err, -ENOENT, "image '%.12s' does not exist", id);
	target = xasprintf(TARGET_PREFIX "%s", id);
	had = read_target(st, file, &old) == 0;
	is_set = had && streq(old.hex, id);
	if (had && !is_set)
		note_former(st, old.hex, name);
	if (!is_set && symlinkat(target, st->names_fd, file) < 0) {
		int r = errno == EEXIST ? replace_link(st, target, file, err)
					: cmk_err_errno(err, "make a link");

		if (r < 0)
			return cmk_err_wrap(err, r, "name '%s'", name);
	}
	if (fsync(st->names_fd) < 0)
		return cmk_err_errno(err, "name '%s'", name);
	return 0;
}

int names_remove(struct storage *st, const char *name, bool note, struct cmk_err *err)
{
	cleanup_free char *file = name_to_file(name);
	struct digest id;

	if (note && file && read_target(st, file, &id) == 0)
		note_former(st, id.hex, name);
	/* Another pull may give the name again at once: only the call itself tells. */
	if (!file || unlinkat(st->names_fd, file, 0) < 0) {
		if (file && errno == ENOENT && read_target_extra(st, file, &id) == 0)
			return cmk_err_set(err, -EROFS,
					   "'%s' is a name in an additional image store, which is "
					   "only read",
					   name);
		if (!file || errno == ENOENT)
			return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
					    "%.300s: image not known", name);
		return cmk_err_errno(err, "remove the name '%s' from '%s/names'", name, st->root);
	}
	return fsync(st->names_fd) < 0 ? cmk_err_errno(err, "name '%s'", name) : 0;
}

int storage_name_remove(struct storage *st, const char *name, struct cmk_err *err)
{
	return names_remove(st, name, true, err);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct name_entry *)a)->name, ((const struct name_entry *)b)->name);
}

/* What another user wrote reaches no terminal as it is. */
static bool is_plain(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f)
			return false;
	return true;
}

static bool has_name(const struct name_entry *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (streq(list[i].name, name))
			return true;
	return false;
}

/* EXTRA: they are those of an additional store. */
static void read_names(DIR *d, bool extra, struct name_entry **list, size_t *n)
{
	const size_t before = *n;
	struct dirent *de;

	while ((de = readdir(d))) {
		cleanup_free char *name = NULL;
		struct digest id;

		if (de->d_name[0] == '.' ||
		    name_read_link(dirfd(d), de->d_name, TARGET_PREFIX, &id) < 0)
			continue;
		name = name_from_file(de->d_name);
		if (extra && (!is_plain(name) || has_name(*list, before, name)))
			continue;
		*list = xrealloc(*list, *n + 1, sizeof(**list));
		(*list)[*n].name = steal_ptr(&name);
		(*list)[(*n)++].id = id;
	}
}

static int read_own_names(struct storage *st, struct name_entry **list, size_t *n,
			  struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	int r = dir_read(st->names_fd, &d, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "read '%s/names'", st->root);
	read_names(d, false, list, n);
	return 0;
}

static int list_names(struct storage *st, bool all, struct name_entry **ret, size_t *ret_n,
		      struct cmk_err *err)
{
	struct name_entry *list = NULL;
	size_t n = 0;
	int r = read_own_names(st, &list, &n, err);

	if (r < 0)
		return r;
	for (char *const *root = all ? storage_extra(st) : NULL; root && *root; root++) {
		cleanup_free char *path = xasprintf("%s/names", *root);
		cleanup_dir DIR *d = opendir(path);

		if (d)
			read_names(d, true, &list, &n);
	}
	if (n > 0)
		qsort(list, n, sizeof(*list), compare_names);
	*ret = list;
	*ret_n = n;
	return 0;
}

int names_list(struct storage *st, struct name_entry **ret, size_t *ret_n, struct cmk_err *err)
{
	return list_names(st, false, ret, ret_n, err);
}

int names_list_all(struct storage *st, struct name_entry **ret, size_t *ret_n, struct cmk_err *err)
{
	return list_names(st, true, ret, ret_n, err);
}

int names_list_dangling(struct storage *st, char ***ret, struct cmk_err *err)
{
	struct name_entry *list = NULL;
	size_t n = 0;
	int r = names_list(st, &list, &n, err);

	for (size_t i = 0; i < n; i++)
		if (!image_exists(st, list[i].id.hex))
			strv_add(ret, list[i].name);
	names_list_free(list, n);
	return r;
}

void names_list_free(struct name_entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].name);
	free(list);
}
