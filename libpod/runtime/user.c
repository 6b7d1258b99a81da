// SPDX-License-Identifier: Apache-2.0
/*
 * "user[:group]" by the container's own /etc/passwd and /etc/group. Both files are the image's:
 * opened inside its root, regular, capped, and read without trust in their form.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/runtime/internal.h"

#define FILE_MAX ((size_t)8 << 20)
/* 4294967295 means "no id" to the kernel. */
#define ID_MAX (UINT32_MAX - 1)
#define GROUPS_MAX 65536

static int refuse(struct cmk_err *err, const char *what, const char *text)
{
	return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -EINVAL, "%s '%s'", what, text);
}

/* The file's text, or "" where there is none; a link or a FIFO is no reason to wait
 * (CVE-2024-9676). */
int user_read_file(int root_fd, const char *path, char **ret, struct cmk_err *err)
{
	cleanup_close int fd = root_open(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP) {
		*ret = xstrdup("");
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, fd < 0 ? fd : -errno,
				    "open '/%s' of the image: %s", path, errno_text(-fd));
	if (!S_ISREG(st.st_mode)) {
		*ret = xstrdup("");
		return 0;
	}
	r = file_read_fd(fd, FILE_MAX, ret, NULL, err);
	return r < 0 ? cmk_err_wrap(err, r, "'/%s' of the image", path) : 0;
}

/* Field N of LINE ("a:b:c", up to the newline). */
static bool field(const char *line, unsigned int n, const char **ret, size_t *ret_len)
{
	while (n > 0) {
		line += strcspn(line, ":\n");
		if (*line != ':')
			return false;
		line++;
		n--;
	}
	*ret = line;
	*ret_len = strcspn(line, ":\n");
	return true;
}

static bool field_is(const char *line, unsigned int n, const char *text)
{
	const char *p;
	size_t len;

	return field(line, n, &p, &len) && strlen(text) == len && memcmp(p, text, len) == 0;
}

static bool field_id(const char *line, unsigned int n, uint32_t *ret)
{
	const char *p;
	uint64_t v;
	size_t len;

	if (!field(line, n, &p, &len) || parse_u64_n(p, len, ID_MAX, &v) < 0)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* The line whose name is TEXT, else the one whose id (field 2) is ID (where HAS_ID). */
static const char *find_line(const char *file, const char *text, bool has_id, uint32_t id)
{
	const char *by_id = NULL;

	for (const char *l = file; *l; l = next_line(l)) {
		uint32_t v;

		if (field_is(l, 0, text))
			return l;
		if (has_id && !by_id && field_id(l, 2, &v) && v == id)
			by_id = l;
	}
	return by_id;
}

bool user_file_has(const char *file, const char *name, bool has_id, uint32_t id)
{
	return find_line(file, name, has_id, id) != NULL;
}

char *user_name_of(const char *file, uint32_t id)
{
	for (const char *l = file; *l; l = next_line(l)) {
		uint32_t v;

		if (field_id(l, 2, &v) && v == id && *l != ':')
			return xstrndup(l, strcspn(l, ":\n"));
	}
	return NULL;
}

static int lookup_group(const char *groups, const char *text, uint32_t *ret, struct cmk_err *err)
{
	const char *line;
	uint32_t id = 0;
	bool number = parse_u32(text, ID_MAX, &id) == 0;

	if (!*text)
		return refuse(err, "bad group", text);
	line = find_line(groups, text, false, 0);
	if (line && field_id(line, 2, ret))
		return 0;
	if (!number) {
		/* Digits that are no id: out of range. Else a name that the image lacks. */
		if (strspn(text, "0123456789-+") == strlen(text))
			return refuse(err, "group id out of range:", text);
		return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -ENOENT,
				    "unable to find group %s: no matching entries in group file",
				    text);
	}
	*ret = id;
	return 0;
}

static void add_group(struct spec_user *u, uint32_t gid)
{
	for (size_t i = 0; i < u->n_additional_gids; i++)
		if (u->additional_gids[i] == gid)
			return;
	if (u->n_additional_gids >= GROUPS_MAX)
		return;
	u->additional_gids = xrealloc(u->additional_gids, u->n_additional_gids + 1,
				      sizeof(*u->additional_gids));
	u->additional_gids[u->n_additional_gids++] = gid;
}

static bool lists_member(const char *line, const char *name, size_t len)
{
	const char *p, *end;
	size_t n;

	if (!field(line, 3, &p, &n))
		return false;
	for (end = p + n; p < end;) {
		size_t part = strcspn(p, ",:\n");

		if (part == len && memcmp(p, name, len) == 0)
			return true;
		p += part + 1;
	}
	return false;
}

/* The line that passwd.c adds for a user who is only a number: it makes no member. */
static bool is_own_number(const char *line, const char *name, size_t len, uint32_t gid,
			  uint32_t uid)
{
	const char *group;
	size_t n;

	return gid == uid && strspn(name, "0123456789") >= len && field(line, 0, &group, &n) &&
	       n == len && memcmp(group, name, n) == 0;
}

/* The groups of which the user of passwd line USER is a member. */
static void add_memberships(struct spec_user *u, const char *groups, const char *user)
{
	const char *name;
	size_t len;
	uint32_t gid;

	if (!field(user, 0, &name, &len) || len == 0)
		return;
	for (const char *l = groups; *l; l = next_line(l))
		if (lists_member(l, name, len) && field_id(l, 2, &gid) &&
		    !is_own_number(l, name, len, gid, u->uid))
			add_group(u, gid);
}

static int lookup_user(const char *passwd, const char *text, struct spec_user *u,
		       const char **ret_line, struct cmk_err *err)
{
	uint32_t id = 0;
	bool number = parse_u32(text, ID_MAX, &id) == 0;
	const char *line = find_line(passwd, text, number, id);

	*ret_line = NULL;
	if (line && field_id(line, 2, &u->uid) && field_id(line, 3, &u->gid)) {
		*ret_line = line;
		return 0;
	}
	if (number) {
		u->uid = id;
		u->gid = 0;
		return 0;
	}
	if (strspn(text, "0123456789-+") == strlen(text))
		return refuse(err, "user id out of range:", text);
	return cmk_err_kind(err, CMK_ERR_CANNOT_EXEC, -ENOENT,
			    "unable to find user %s: no matching entries in passwd file", text);
}

static char *home_of(const char *line)
{
	const char *p;
	size_t len;

	if (line && field(line, 5, &p, &len) && len > 0 && *p == '/')
		return xstrndup(p, len);
	return xstrdup("/");
}

static int lookup(const char *passwd, const char *groups, const char *user, const char *group,
		  char *const *group_add, struct spec_user *u, char **ret_home, struct cmk_err *err)
{
	const char *line;
	uint32_t gid;
	int r;

	r = lookup_user(passwd, user, u, &line, err);
	if (r == 0 && group)
		r = lookup_group(groups, group, &u->gid, err);
	if (r < 0)
		return r;
	/* A group that is named stands alone, as with others' tools. */
	if (!group && line)
		add_memberships(u, groups, line);
	for (; group_add && *group_add; group_add++) {
		r = lookup_group(groups, *group_add, &gid, err);
		if (r < 0)
			return r;
		add_group(u, gid);
	}
	*ret_home = home_of(line);
	return 0;
}

int user_lookup_text(const char *passwd, const char *groups, const char *text,
		     char *const *group_add, struct spec_user *ret, char **ret_home,
		     struct cmk_err *err)
{
	cleanup_free char *user = xstrdup(text && *text ? text : "0"), *home = NULL;
	char *group = strchr(user, ':');
	struct spec_user u = { .umask = ret->umask };
	int r;

	if (group)
		*group++ = '\0';
	if (!*user || (group && (!*group || strchr(group, ':'))))
		return refuse(err, "bad user", text);
	r = lookup(passwd, groups, user, group, group_add, &u, &home, err);
	if (r < 0) {
		free(u.additional_gids);
		return r;
	}
	ret->uid = u.uid;
	ret->gid = u.gid;
	free(ret->additional_gids);
	ret->additional_gids = u.additional_gids;
	ret->n_additional_gids = u.n_additional_gids;
	if (ret_home)
		*ret_home = steal_ptr(&home);
	return 0;
}

int runtime_user_lookup(int root_fd, const char *text, char *const *group_add,
			struct spec_user *ret, char **ret_home, struct cmk_err *err)
{
	cleanup_free char *passwd = NULL, *groups = NULL;
	int r;

	r = user_read_file(root_fd, "etc/passwd", &passwd, err);
	if (r == 0)
		r = user_read_file(root_fd, "etc/group", &groups, err);
	if (r < 0)
		return r;
	return user_lookup_text(passwd, groups, text, group_add, ret, ret_home, err);
}
