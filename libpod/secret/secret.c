// SPDX-License-Identifier: Apache-2.0
#include "libpod/secret/secret.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#define SECRET_SCHEMA 1
#define SECRET_RECORD_MAX (1 << 20)
#define SECRET_NAME_MAX 253

#define SEC(member, kind, flags) JSON_FIELD(struct secret, member, #member, kind, flags)
static const struct json_field secret_fields[] = {
	SEC(schema, JSON_F_INT, JSON_REQUIRED),
	SEC(id, JSON_F_STR, JSON_REQUIRED),
	SEC(name, JSON_F_STR, JSON_REQUIRED),
	SEC(driver, JSON_F_STR, JSON_REQUIRED),
	SEC(created, JSON_F_STR, JSON_REQUIRED),
	SEC(updated, JSON_F_STR, JSON_REQUIRED),
	SEC(labels, JSON_F_MAP, JSON_OMIT_EMPTY),
	SEC(driver_opts, JSON_F_MAP, JSON_OMIT_EMPTY),
	SEC(extra, JSON_F_EXTRA, 0),
	JSON_FIELD_END,
};

void secret_done(struct secret *s)
{
	json_free_fields(secret_fields, s);
}

void secret_list_free(struct secret *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		secret_done(&list[i]);
	free(list);
}

/* What podman takes: no file name can be hidden, or lead elsewhere, by it. */
static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= SECRET_NAME_MAX && name[0] != '.' &&
	       name[strcspn(name, ",/=\001\177")] == '\0' && !strchr(name, '\n');
}

static bool id_valid(const char *id)
{
	return strlen(id) == SECRET_ID_LEN && id[strspn(id, "0123456789abcdef")] == '\0';
}

static int no_such(const char *name, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_NOT_FOUND, -ENOENT,
			    "no secret with name or id \"%s\": no such secret", name);
}

/* The directory, its parts, and the lock of who writes. */
static int open_locked(struct storage *st, struct cmk_err *err)
{
	cleanup_close int fd = open_dir_at(st->root_fd, "secrets", 0700, err);
	cleanup_close int names = -1, data = -1;
	int r;

	if (fd < 0)
		return fd;
	names = open_dir_at(fd, "names", 0700, err);
	if (names < 0)
		return names;
	data = open_dir_at(fd, "data", 0700, err);
	if (data < 0)
		return data;
	r = file_lock(fd, true, false);
	return r < 0 ? cmk_err_set(err, r, "lock '%s/secrets': %s", st->root, errno_text(-r))
		     : steal_fd(&fd);
}

static int load(struct storage *st, const char *name, struct secret *ret, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("secrets/names/%s", name);
	struct secret s = { 0 };
	int r = json_load_record(st->root_fd, path, SECRET_RECORD_MAX, secret_fields, &s, err);

	if (r == 0 && (s.schema < 1 || s.schema > SECRET_SCHEMA))
		r = cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				 "its record has schema %d, this cmk knows up to %d", s.schema,
				 SECRET_SCHEMA);
	else if (r == 0 && (!streq(s.name, name) || !id_valid(s.id)))
		r = cmk_err_set(err, -EBADMSG, "its record is damaged");
	if (r < 0) {
		secret_done(&s);
		return r == -ENOENT ? no_such(name, err)
				    : cmk_err_wrap(err, r, "secret '%s'", name);
	}
	*ret = s;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct secret *)a)->name, ((const struct secret *)b)->name);
}

/* *RET_BAD: some record could not be read. */
static int list_all(struct storage *st, struct secret **ret, size_t *ret_n, bool *ret_bad,
		    struct cmk_err *err)
{
	int fd = openat(st->root_fd, "secrets/names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct secret *list = xcalloc(1, sizeof(*list));
	struct dirent *de;
	size_t n = 0;

	if (!d && errno != ENOENT) {
		int r = cmk_err_errno(err, "read '%s/secrets'", st->root);

		cleanup_close_fn(&fd);
		free(list);
		return r;
	}
	while (d && (de = readdir(d))) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;
		struct secret s = { 0 };
		int r;

		if (!name_valid(de->d_name))
			continue;
		r = load(st, de->d_name, &s, &e);
		if (r == 0) {
			list = xrealloc(list, n + 2, sizeof(*list));
			list[n++] = s;
		} else if (r != -ENOENT) {
			*ret_bad = true;
			log_warn("%s: left out", cmk_err_msg(&e));
		}
	}
	qsort(list, n, sizeof(*list), by_name);
	*ret = list;
	*ret_n = n;
	return 0;
}

int secret_list(struct storage *st, struct secret **ret, size_t *ret_n, struct cmk_err *err)
{
	bool bad = false;

	return list_all(st, ret, ret_n, &bad, err);
}

int secret_find(struct storage *st, const char *name, struct secret *ret, struct cmk_err *err)
{
	struct secret *list = NULL, *found = NULL;
	size_t n = 0, matches = 0;
	int r;

	if (name_valid(name)) {
		cleanup_err struct cmk_err e = CMK_ERR_INIT;

		r = load(st, name, ret, &e);
		if (r != -ENOENT)
			return r < 0 ? cmk_err_move(err, &e) : 0;
	}
	r = secret_list(st, &list, &n, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n && *name; i++) {
		if (str_after(list[i].id, name)) {
			found = &list[i];
			matches++;
		}
	}
	if (matches == 1) {
		*ret = *found;
		*found = (struct secret){ 0 };
		r = 0;
	} else if (matches > 1) {
		r = cmk_err_set(err, -ENOTUNIQ,
				"more than one result for secret with prefix '%s': ambiguous",
				name);
	} else {
		r = no_such(name, err);
	}
	secret_list_free(list, n);
	return r;
}

/* Under the lock: records that were not renamed into place; no name begins with a dot. */
static void sweep_temporaries(int fd)
{
	int names = openat(fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = names < 0 ? NULL : fdopendir(names);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (str_after(de->d_name, ".tmp-"))
			(void)unlinkat(dirfd(d), de->d_name, 0);
}

/* Under the lock: values that no record names are what a killed command left. */
static void sweep(struct storage *st, int fd)
{
	int data = openat(fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = data < 0 ? NULL : fdopendir(data);
	struct secret *list = NULL;
	struct dirent *de;
	bool bad = false;
	size_t n = 0;

	sweep_temporaries(fd);
	if (!d || list_all(st, &list, &n, &bad, NULL) < 0)
		return;
	/* Whose value is whose cannot be told then: a newer cmk may have written the record. */
	while (!bad && (de = readdir(d))) {
		bool named = de->d_name[0] == '.' && !str_after(de->d_name, ".tmp");

		for (size_t i = 0; i < n && !named; i++)
			named = streq(list[i].id, de->d_name);
		if (!named)
			(void)unlinkat(dirfd(d), de->d_name, 0);
	}
	secret_list_free(list, n);
}

static void new_id(char id[static SECRET_ID_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t raw[SECRET_ID_LEN];

	while (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		;
	for (size_t i = 0; i < SECRET_ID_LEN; i++)
		id[i] = digits[raw[i] & 15];
	id[SECRET_ID_LEN] = '\0';
}

static int write_secret(struct storage *st, int fd, struct secret *s, const void *data, size_t len,
			struct cmk_err *err)
{
	cleanup_free char *value = xasprintf("data/%s", s->id);
	cleanup_close int data_fd = openat(fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int names_fd = openat(fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (data_fd < 0 || names_fd < 0)
		return cmk_err_errno(err, "open '%s/secrets'", st->root);
	r = file_replace_at(data_fd, s->id, data, len, 0600, FILE_DURABLE, err);
	if (r == 0)
		r = json_save_record(names_fd, s->name, secret_fields, s, FILE_DURABLE, err);
	if (r < 0)
		(void)unlinkat(fd, value, 0);
	return r;
}

int secret_create(struct storage *st, const struct secret *s, const void *data, size_t len,
		  bool replace, char **ret_id, struct cmk_err *err)
{
	cleanup_free char *now = time_now_rfc3339();
	cleanup(secret_done) struct secret old = { 0 };
	cleanup_close int fd = -1;
	char id[SECRET_ID_LEN + 1];
	struct secret new = *s; /* borrows */
	int r;

	if (!name_valid(s->name))
		return cmk_err_set(err, -EINVAL,
				   "secret name \"%s\" can not include '=', '/', ',', or the NULL "
				   "('\\0') and be between 1 and %d characters: invalid secret "
				   "name",
				   s->name, SECRET_NAME_MAX);
	if (len == 0 || len >= SECRET_MAX)
		return cmk_err_set(err, -EINVAL,
				   "secret data must be larger than 0 and less than %d bytes",
				   SECRET_MAX);
	fd = open_locked(st, err);
	if (fd < 0)
		return fd;
	sweep(st, fd);
	r = load(st, s->name, &old, NULL);
	if (r == 0 && !replace)
		return cmk_err_kind(err, CMK_ERR_EXISTS, -EEXIST, "%s: secret name in use",
				    s->name);
	new_id(id);
	new.schema = SECRET_SCHEMA;
	new.id = id;
	new.created = r == 0 ? old.created : now;
	new.updated = now;
	r = write_secret(st, fd, &new, data, len, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "make secret '%s'", s->name);
	sweep(st, fd);
	*ret_id = xstrdup(id);
	return 0;
}

int secret_hold(struct storage *st, const char *id, int dirfd, struct cmk_err *err)
{
	cleanup_free char *from = xasprintf("secrets/data/%s", id);
	cleanup_free char *value = NULL;
	size_t len = 0;
	int r;

	if (linkat(st->root_fd, from, dirfd, id, 0) == 0 || errno == EEXIST)
		return 0;
	r = errno == ENOENT ? -ENOENT
			    : file_read_at(st->root_fd, from, SECRET_MAX, &value, &len, err);
	if (r == 0)
		r = file_replace_at(dirfd, id, value, len, 0600, 0, err);
	if (value)
		explicit_bzero(value, len);
	if (r == -ENOENT)
		return no_such(id, err);
	return r < 0 ? cmk_err_wrap(err, r, "value of secret '%s'", id) : 0;
}

int secret_value(struct storage *st, const struct secret *s, char **ret, size_t *ret_len,
		 struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("secrets/data/%s", s->id);
	int r = file_read_at(st->root_fd, path, SECRET_MAX, ret, ret_len, err);

	if (r == -ENOENT)
		return no_such(s->name, err);
	return r < 0 ? cmk_err_wrap(err, r, "value of secret '%s'", s->name) : 0;
}

int secret_remove(struct storage *st, const struct secret *s, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("names/%s", s->name);
	cleanup(secret_done) struct secret now = { 0 };
	cleanup_close int fd = open_locked(st, err), names = -1;
	int r;

	if (fd < 0)
		return fd;
	/* Another of the same name may have taken its place. */
	r = load(st, s->name, &now, err);
	if (r < 0)
		return r;
	if (!streq(now.id, s->id))
		return no_such(s->id, err);
	if (unlinkat(fd, path, 0) < 0)
		return cmk_err_errno(err, "remove secret '%s'", s->name);
	names = openat(fd, "names", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (names >= 0)
		(void)fsync(names);
	sweep(st, fd);
	return 0;
}
