// SPDX-License-Identifier: Apache-2.0
#include "base/selinux.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/xattr.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/file.h"
#include "base/strbuf.h"

#define CONFIG "/etc/selinux/config"
#define PACKAGED "/usr/share/containers/selinux/contexts"
#define FILE_MAX_LEN (64 << 10)
#define DEPTH_MAX 512

bool selinux_enabled(void)
{
	cleanup_free char *current = NULL;
	struct statfs fs;
	size_t len;

	if (statfs(SELINUX_FS, &fs) < 0 || fs.f_type != SELINUX_MAGIC || fs.f_flags & ST_RDONLY)
		return false;
	/* Until a policy is loaded all are "kernel". */
	return file_read_at(AT_FDCWD, "/proc/self/attr/current", SELINUX_LABEL_MAX, &current, &len,
			    NULL) == 0 &&
	       !streq(current, "kernel");
}

/* --- contexts ----------------------------------------------------------------------------------
 */

void selinux_context_done(struct selinux_context *c)
{
	free(c->user);
	free(c->role);
	free(c->type);
	free(c->level);
	*c = (struct selinux_context){ 0 };
}

int selinux_context_parse(const char *text, struct selinux_context *ret, struct cmk_err *err)
{
	const char *parts[3], *p = text;
	size_t lens[3];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		parts[i] = p;
		lens[i] = strcspn(p, ":");
		p += lens[i];
		if (lens[i] == 0 || (i < 2 && *p != ':'))
			return cmk_err_set(err, -EINVAL, "'%.200s' is no SELinux context", text);
		p += *p == ':';
	}
	if (strlen(text) >= SELINUX_LABEL_MAX || text[strcspn(text, " \t\r\n")] ||
	    (!*p && p[-1] == ':'))
		return cmk_err_set(err, -EINVAL, "'%.200s' is no SELinux context", text);
	*ret = (struct selinux_context){ .user = xstrndup(parts[0], lens[0]),
					 .role = xstrndup(parts[1], lens[1]),
					 .type = xstrndup(parts[2], lens[2]),
					 .level = *p ? xstrdup(p) : NULL };
	return 0;
}

char *selinux_context_text(const struct selinux_context *c)
{
	return xasprintf("%s:%s:%s%s%s", c->user, c->role, c->type, c->level ? ":" : "",
			 c->level ?: "");
}

char *selinux_with_level(const char *label, const char *level)
{
	struct selinux_context c = { 0 };
	char *text;

	if (selinux_context_parse(label, &c, NULL) < 0)
		return NULL;
	if (c.level) {
		free(c.level);
		c.level = xstrdup(level);
	}
	text = selinux_context_text(&c);
	selinux_context_done(&c);
	return text;
}

int selinux_label_known(const char *label, struct cmk_err *err)
{
	cleanup_close int fd = open(SELINUX_FS "/context", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return cmk_err_errno(err, "'" SELINUX_FS "/context'");
	/* The kernel counts the NUL. */
	if (write(fd, label, strlen(label) + 1) >= 0)
		return 1;
	return errno == EINVAL ? 0 : cmk_err_errno(err, "ask SELinux for '%s'", label);
}

void selinux_hint(struct cmk_err *err, int code)
{
	if (code == -EINVAL)
		(void)cmk_err_hint(err, "the policy of this host does not know that label");
	else if (code == -EACCES)
		(void)cmk_err_hint(err, "the policy of this host forbids it: sudo ausearch -m avc");
}

/* --- the policy's word on containers -----------------------------------------------------------
 */

void selinux_containers_done(struct selinux_containers *c)
{
	free(c->process);
	free(c->file);
	free(c->init_process);
	*c = (struct selinux_containers){ 0 };
}

/* KEY = "VALUE", with or without the quotes: the value, owned, where LINE has this key. */
static char *value_of(const char *line, const char *key)
{
	size_t len;

	line += strspn(line, " \t");
	line = str_after(line, key);
	if (!line)
		return NULL;
	line += strspn(line, " \t");
	if (*line++ != '=')
		return NULL;
	line += strspn(line, " \t\"");
	len = strcspn(line, "\"\r");
	while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
		len--;
	return len ? xstrndup(line, len) : NULL;
}

void selinux_containers_parse(const char *text, struct selinux_containers *ret)
{
	cleanup_strv char **lines = strv_split(text, '\n');
	const struct {
		const char *key;
		char **to;
	} rows[] = { { "process", &ret->process },
		     { "file", &ret->file },
		     { "init_process", &ret->init_process } };

	for (char **l = lines; *l; l++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			char *value = value_of(*l, rows[i].key);

			if (!value)
				continue;
			/* The last one counts. */
			free(*rows[i].to);
			*rows[i].to = value;
		}
	}
}

char *selinux_policy_type(const char *config)
{
	cleanup_strv char **lines = strv_split(config, '\n');
	char *type = NULL;

	for (char **l = lines; *l; l++) {
		char *value = value_of(*l, "SELINUXTYPE");

		if (!value)
			continue;
		free(type);
		type = value;
	}
	return type && !strchr(type, '/') ? type : (free(type), xstrdup("targeted"));
}

int selinux_containers_read(struct selinux_containers *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL, *config = NULL, *type = NULL, *path = NULL;
	size_t len = 0;
	int r = file_read_at(AT_FDCWD, PACKAGED, FILE_MAX_LEN, &text, &len, NULL);

	if (r < 0) {
		(void)file_read_at(AT_FDCWD, CONFIG, FILE_MAX_LEN, &config, &len, NULL);
		type = selinux_policy_type(config ?: "");
		path = xasprintf("/etc/selinux/%s/contexts/lxc_contexts", type);
		r = file_read_at(AT_FDCWD, path, FILE_MAX_LEN, &text, &len, err);
	}
	if (r < 0)
		return cmk_err_wrap(err, r, "SELinux contexts of containers");
	selinux_containers_parse(text, ret);
	return 0;
}

/* --- files -------------------------------------------------------------------------------------
 */

/* PATH leads through /proc/self/fd; SELF: as a whole, else its last part, which may be a link, is
 * meant. 1 where it has LABEL or can have none, so that nothing is written that is there. */
static int is_labelled(const char *path, bool self, const char *label)
{
	char now[SELINUX_LABEL_MAX];
	size_t len = strlen(label);
	ssize_t n = (self ? getxattr : lgetxattr)(path, XATTR_NAME_SELINUX, now, sizeof(now));

	if (n < 0)
		return errno == EOPNOTSUPP;
	/* With or without the NUL. */
	return (size_t)n >= len && (size_t)n <= len + 1 && memcmp(now, label, len) == 0;
}

static int label_path(const char *path, bool self, const char *name, const char *label,
		      struct cmk_err *err)
{
	int r;

	if (is_labelled(path, self, label) ||
	    (self ? setxattr : lsetxattr)(path, XATTR_NAME_SELINUX, label, strlen(label) + 1, 0) ==
		    0 ||
	    errno == ENOENT || errno == EOPNOTSUPP)
		return 0;
	r = cmk_err_errno(err, "label '%s' as %s", name, label);
	if (r == -EPERM)
		(void)cmk_err_hint(err, "only the owner of a file may label it");
	else
		selinux_hint(err, r);
	return r;
}

int selinux_label_file(int dirfd, const char *name, const char *label, struct cmk_err *err)
{
	char dir[FD_PATH_MAX];
	cleanup_free char *path = xasprintf("%s/%s", fd_path(dirfd, dir), name);

	return label_path(path, false, name, label, err);
}

static int label_below(int dirfd, const char *label, unsigned int depth, struct cmk_err *err)
{
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	int r = depth < DEPTH_MAX
			? dir_read(dirfd, &d, err)
			: cmk_err_set(err, -ELOOP, "more than %d directories deep", DEPTH_MAX);

	if (r < 0)
		return r;
	while (r == 0 && (e = readdir(d))) {
		cleanup_close int sub = -1;

		if (streq(e->d_name, ".") || streq(e->d_name, ".."))
			continue;
		sub = openat(dirfd, e->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			r = label_below(sub, label, depth + 1, err);
		else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
			r = cmk_err_errno(err, "open");
		if (r < 0)
			return cmk_err_wrap(err, r, "'%s'", e->d_name);
		r = selinux_label_file(dirfd, e->d_name, label, err);
	}
	return r;
}

int selinux_label_tree(int fd, const char *label, struct cmk_err *err)
{
	cleanup_close int dir = -1;
	char path[FD_PATH_MAX];
	int r;

	if (is_labelled(fd_path(fd, path), true, label))
		return 0;
	dir = openat(fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 && errno != ENOTDIR)
		return cmk_err_errno(err, "open it");
	r = dir < 0 ? 0 : label_below(dir, label, 0, err);
	/* The link of /proc leads to what FD is, and to nothing else. */
	return r == 0 ? label_path(path, true, ".", label, err) : r;
}
