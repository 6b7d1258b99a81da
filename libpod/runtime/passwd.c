// SPDX-License-Identifier: Apache-2.0
/*
 * Lines of /etc/passwd and /etc/group for a user whom the image does not know, as podman adds them:
 * programs that look up their own name fail without. A writable root file system of our own gets
 * them in its file (its upper layer: the image stays as it is); where the root is read-only or the
 * user's own directory (--rootfs) a copy is mounted over the file. A file that the image lacks is
 * not made, and one that the user has mounted is left alone.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "libpod/runtime/internal.h"

#define ID_MAX (UINT32_MAX - 1)

/* Replaces the variables of podman's --passwd-entry and --group-entry. */
static void expand(const char *text, const char *const (*vars)[2], size_t n, struct strbuf *out)
{
	while (*text) {
		const char *rest = NULL;

		for (size_t i = 0; *text == '$' && !rest && i < n; i++) {
			rest = str_after(text + 1, vars[i][0]);
			if (rest)
				strbuf_adds(out, vars[i][1]);
		}
		if (!rest)
			strbuf_addc(out, *text);
		text = rest ? rest : text + 1;
	}
	if (out->len && strbuf_str(out)[out->len - 1] != '\n')
		strbuf_addc(out, '\n');
}

/* Adds the line ENTRY makes, for NAME: of a user or group that --user calls by a name, only where
 * the line is one of that name. */
static void add_named(const char *entry, const char *name, const char *file,
		      const char *const (*vars)[2], size_t n, struct strbuf *out)
{
	cleanup_strbuf struct strbuf line = STRBUF_INIT;

	if (!entry || user_file_has(file, name, false, 0))
		return;
	expand(entry, vars, n, &line);
	if (strncmp(strbuf_str(&line), name, strlen(name)) == 0 &&
	    strbuf_str(&line)[strlen(name)] == ':')
		strbuf_add(out, strbuf_str(&line), line.len);
}

/* --- what is missing ---------------------------------------------------------------------------
 */

struct given {
	char *user, *group; /* as typed; group may be NULL */
	uint32_t uid, gid;
	bool uid_is_number, gid_is_number;
};

static void given_done(struct given *g)
{
	free(g->user);
	free(g->group);
}

static void given_parse(const struct runtime_job *job, struct given *g)
{
	const char *text = job->user_text ? job->user_text : "", *colon = strchr(text, ':');

	*g = (struct given){ .user = xstrndup(text, strcspn(text, ":")),
			     .group = colon ? xstrdup(colon + 1) : NULL };
	g->uid_is_number = parse_u32(g->user, ID_MAX, &g->uid) == 0;
	g->gid_is_number = g->group && parse_u32(g->group, ID_MAX, &g->gid) == 0;
}

static void missing_users(const struct runtime_job *job, const struct given *g, const char *passwd,
			  struct strbuf *out)
{
	const struct spec *s = job->spec;
	const char *home = job->process->cwd ? job->process->cwd : "/";
	char uid[16], gid[16];
	const char *const vars[][2] = { { "USERNAME", uid },
					{ "UID", uid },
					{ "GID", gid },
					{ "NAME", "container user" },
					{ "HOME", home } };
	const char *const named[][2] = { { "USERNAME", g->user },
					 { "NAME", "container user" },
					 { "HOME", home } };
	bool found = !g->uid_is_number || user_file_has(passwd, g->user, true, g->uid);

	for (char **line = s->passwd_lines; line && *line; line++) {
		cleanup_strv char **parts = strv_split(*line, ':');
		uint32_t id = 0;

		if (strv_len(parts) < 4 || parse_u32(parts[2], ID_MAX, &id) < 0 ||
		    user_file_has(passwd, parts[0], true, id))
			continue;
		strbuf_addf(out, "%s\n", *line);
		found = found || id == g->uid;
	}
	if (!g->uid_is_number)
		add_named(s->passwd_entry, g->user, passwd, named, ARRAY_LEN(named), out);
	if (found)
		return;
	(void)snprintf(uid, sizeof(uid), "%u", g->uid);
	(void)snprintf(gid, sizeof(gid), "%u", g->gid_is_number ? g->gid : 0);
	expand(s->passwd_entry ? s->passwd_entry : "$USERNAME:*:$UID:$GID:$NAME:$HOME:/bin/sh",
	       vars, ARRAY_LEN(vars), out);
}

static void missing_groups(const struct runtime_job *job, const struct given *g, const char *groups,
			   struct strbuf *out)
{
	const struct spec *s = job->spec;
	char gid[16];
	const char *const vars[][2] = { { "GROUPNAME", gid },
					{ "GID", gid },
					{ "USERLIST", g->user } };
	const char *const named[][2] = { { "GROUPNAME", g->group }, { "USERLIST", g->user } };

	/* As with podman, a number alone is that of the group as well. */
	const char *name = g->group ?: g->user;
	bool is_number = g->group ? g->gid_is_number : g->uid_is_number;
	uint32_t id = g->group ? g->gid : g->uid;

	if (g->group && !g->gid_is_number)
		add_named(s->group_entry, g->group, groups, named, ARRAY_LEN(named), out);
	if (!is_number || user_file_has(groups, name, true, id))
		return;
	(void)snprintf(gid, sizeof(gid), "%u", id);
	expand(s->group_entry ? s->group_entry : "$GROUPNAME:x:$GID:$USERLIST", vars,
	       ARRAY_LEN(vars), out);
}

/* --- where it goes -----------------------------------------------------------------------------
 */

static bool on_root_mount(int root_fd, int fd)
{
	struct statx a, b;

	return statx(root_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &a) == 0 &&
	       statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &b) == 0 && a.stx_mnt_id == b.stx_mnt_id;
}

static int append(int root_fd, const char *path, const char *add, size_t len, struct cmk_err *err)
{
	cleanup_close int fd = root_open(root_fd, path, O_WRONLY | O_APPEND | O_NONBLOCK);
	int r = fd < 0 ? fd : write_all(fd, add, len);

	return r < 0 ? cmk_err_set(err, r, "add to '/%s': %s", path, errno_text(-r)) : 0;
}

/* A file in memory with TEXT and ADD, as a detached mount. */
static int copy_mount(const char *text, size_t text_len, const char *add, size_t add_len)
{
	cleanup_close int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), mnt = -1, fd = -1;
	int r;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC,
		      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	fd = mnt < 0 ? -1 : openat(mnt, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	r = write_all(fd, text, text_len);
	if (r == 0)
		r = write_all(fd, add, add_len);
	if (r < 0)
		return r;
	r = open_tree(mnt, "file", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return r < 0 ? -errno : r;
}

static int add_lines(const struct runtime_job *job, int root_fd, const char *path, int fd,
		     const char *text, size_t text_len, struct strbuf *lines, struct cmk_err *err)
{
	const struct rootfs_plan *plan = job->create->rootfs;
	cleanup_strbuf struct strbuf add = STRBUF_INIT;
	cleanup_close int mnt = -1;
	int r;

	if (lines->len == 0 || !on_root_mount(root_fd, fd))
		return 0;
	if (text_len && text[text_len - 1] != '\n')
		strbuf_addc(&add, '\n');
	strbuf_add(&add, strbuf_str(lines), lines->len);
	if (!job->spec->root_readonly && !plan->read_only_bind)
		return append(root_fd, path, strbuf_str(&add), add.len, err);
	mnt = copy_mount(text, text_len, strbuf_str(&add), add.len);
	r = mnt < 0 ? mnt : mount_attach(mnt, fd);
	return r < 0 ? cmk_err_set(err, r, "mount a copy of '/%s': %s", path, errno_text(-r)) : 0;
}

typedef void (*missing_fn)(const struct runtime_job *job, const struct given *g, const char *text,
			   struct strbuf *out);

static int complete(const struct runtime_job *job, int root_fd, const char *path,
		    const struct given *g, missing_fn missing, struct cmk_err *err)
{
	cleanup_strbuf struct strbuf lines = STRBUF_INIT;
	cleanup_close int fd = root_open(root_fd, path, O_PATH);
	cleanup_free char *text = NULL;
	int r;

	if (fd < 0)
		return 0;
	r = user_read_file(root_fd, path, &text, err);
	if (r < 0)
		return r;
	missing(job, g, text, &lines);
	return add_lines(job, root_fd, path, fd, text, strlen(text), &lines, err);
}

int passwd_apply(const struct runtime_job *job, int root_fd, struct cmk_err *err)
{
	cleanup(given_done) struct given g = { 0 };
	int r;

	if (job->spec->no_passwd || (!job->user_text && !job->spec->passwd_lines))
		return 0;
	given_parse(job, &g);
	if (!g.uid_is_number && !g.gid_is_number && !job->spec->passwd_lines &&
	    !job->spec->passwd_entry && !job->spec->group_entry)
		return 0;
	r = complete(job, root_fd, "etc/passwd", &g, missing_users, err);
	return r < 0 ? r : complete(job, root_fd, "etc/group", &g, missing_groups, err);
}
