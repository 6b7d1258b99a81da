// SPDX-License-Identifier: Apache-2.0
/* Finds the files, reads them with their drop-ins, and names what they make. */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "libpod/unit/quadlet_internal.h"

#define DEPTH_MAX 16
#define DIRS_MAX 4096

/* The walk over all directories. */
struct walk {
	struct quadlet_set *set;
	const char *root;
	struct dir_id {
		dev_t dev;
		ino_t ino;
	} * seen;
	size_t n_seen;
	struct cmk_err *err; /* the first thing that went wrong */
	int failed;
};

int quadlet_kind_of(const char *name)
{
	for (int i = 0; i < QUADLET_N_KINDS; i++)
		if (str_has_suffix(name, quadlet_kinds[i].suffix) &&
		    strlen(name) > strlen(quadlet_kinds[i].suffix))
			return i;
	return -1;
}

static void unit_free(struct quadlet_unit *u)
{
	free(u->name);
	free(u->path);
	free(u->root);
	free(u->service);
	free(u->resource);
	free(u->service_text);
	unitfile_done(&u->file);
	cmk_err_done(&u->err);
	(void)strv_free(u->links);
	free(u);
}

void quadlet_set_done(struct quadlet_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		unit_free(set->units[i]);
	for (size_t i = 0; i < set->n_dropins; i++) {
		free(set->dropins[i].dir);
		free(set->dropins[i].name);
		free(set->dropins[i].path);
	}
	free(set->units);
	free(set->dropins);
	(void)strv_free(set->masked);
	*set = (struct quadlet_set){ .user = set->user, .cmk = set->cmk };
}

struct quadlet_unit *quadlet_find_file(const struct quadlet_set *set, const char *name)
{
	for (size_t i = 0; i < set->n; i++)
		if (streq(set->units[i]->name, name))
			return set->units[i];
	return NULL;
}

/* --- the walk ----------------------------------------------------------------------------------
 */

static void walk_failed(struct walk *w, int code, const char *path)
{
	if (w->failed == 0)
		w->failed = cmk_err_set(w->err, code, "read '%s': %s", path, errno_text(-code));
}

/* Whether it is the first time that it is come by: a link may lead back. */
static bool walk_once(struct walk *w, const struct stat *sb)
{
	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].dev == sb->st_dev && w->seen[i].ino == sb->st_ino)
			return false;
	w->seen = xrealloc(w->seen, w->n_seen + 1, sizeof(*w->seen));
	w->seen[w->n_seen++] = (struct dir_id){ sb->st_dev, sb->st_ino };
	return true;
}

static bool is_null_device(const struct stat *sb)
{
	return S_ISCHR(sb->st_mode) && sb->st_rdev == makedev(1, 3);
}

static struct quadlet_unit *new_unit(struct quadlet_set *set, const char *dir, const char *name,
				     int kind)
{
	struct quadlet_unit *u = xcalloc(1, sizeof(*u));

	if (set->n == set->room) {
		set->room = set->room ? 2 * set->room : 64;
		set->units = xrealloc(set->units, set->room, sizeof(struct quadlet_unit *));
	}
	u->name = xstrdup(name);
	u->path = xasprintf("%s/%s", dir, name);
	u->kind = (enum quadlet_kind)kind;
	set->units[set->n++] = u;
	return u;
}

static void add_unit(struct walk *w, const char *dir, const char *name, int kind, bool hidden)
{
	struct quadlet_set *set = w->set;

	if (quadlet_find_file(set, name) || strv_has(set->masked, name))
		return;
	if (hidden) {
		strv_add(&set->masked, name);
		return;
	}
	if (set->n >= QUADLET_FILES_MAX) {
		walk_failed(w, -E2BIG, dir);
		return;
	}
	new_unit(set, dir, name, kind)->root = xstrdup(w->root);
}

/* The names of a directory, sorted; none where it is not there. */
static char **read_names(struct walk *w, const char *path, bool count, int *ret_fd)
{
	cleanup_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *d = NULL;
	struct dirent *e;
	char **names = NULL;
	struct stat sb;

	if (fd < 0 || fstat(fd, &sb) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			walk_failed(w, -errno, path);
		return NULL;
	}
	if (count && w->n_seen == DIRS_MAX)
		walk_failed(w, -E2BIG, path);
	if (count && (w->n_seen == DIRS_MAX || !walk_once(w, &sb)))
		return NULL;
	if (dir_read(fd, &d, NULL) < 0) {
		walk_failed(w, -errno, path);
		return NULL;
	}
	while ((e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			strv_add(&names, e->d_name);
	strv_sort(names);
	*ret_fd = steal_fd(&fd);
	return names;
}

static bool is_dropin_dir(const char *name)
{
	cleanup_free char *base = NULL;

	if (!str_has_suffix(name, ".d"))
		return false;
	base = xasprintf(".%.*s", (int)strlen(name) - 2, name);
	for (int i = 0; i < QUADLET_N_KINDS; i++)
		if (streq(base, quadlet_kinds[i].suffix))
			return true;
	return quadlet_kind_of(base + 1) >= 0;
}

static void add_dropin(struct walk *w, const char *dir, const char *path, const char *name,
		       bool hidden)
{
	struct quadlet_set *set = w->set;

	if (set->n_dropins >= QUADLET_FILES_MAX) {
		walk_failed(w, -E2BIG, path);
		return;
	}
	if (set->n_dropins == set->room_dropins) {
		set->room_dropins = set->room_dropins ? 2 * set->room_dropins : 16;
		set->dropins = xrealloc(set->dropins, set->room_dropins, sizeof(*set->dropins));
	}
	set->dropins[set->n_dropins++] = (struct quadlet_dropin){
		.dir = xstrdup(dir),
		.name = xstrdup(name),
		.path = hidden ? NULL : xasprintf("%s/%s", path, name),
	};
}

static void read_dropins(struct walk *w, const char *parent, const char *dir)
{
	cleanup_free char *path = xasprintf("%s/%s", parent, dir);
	cleanup_close int fd = -1;
	cleanup_strv char **names = read_names(w, path, false, &fd);
	struct stat sb;

	for (char **name = names; name && *name; name++)
		if (str_has_suffix(*name, ".conf") && fstatat(fd, *name, &sb, 0) == 0)
			add_dropin(w, dir, path, *name, is_null_device(&sb));
}

/* Of the system's directories: that of all users is none of the system's, and in it those of other
 * users are left out. */
static bool is_left_out(const struct walk *w, const char *name, unsigned int depth)
{
	if (depth > 0)
		return false;
	if (!w->set->user)
		return streq(name, "users") && str_has_suffix(w->root, "/systemd");
	return str_has_suffix(w->root, "/systemd/users") &&
	       name[strspn(name, "0123456789")] == '\0';
}

static void walk_dir(struct walk *w, const char *path, unsigned int depth)
{
	cleanup_close int fd = -1;
	cleanup_strv char **names = read_names(w, path, true, &fd);

	for (char **name = names; name && *name; name++) {
		int kind = quadlet_kind_of(*name);
		struct stat sb;

		if (fstatat(fd, *name, &sb, 0) < 0) {
			/* A link that leads nowhere is a file that cannot be read. */
			if (kind >= 0)
				add_unit(w, path, *name, kind, false);
		} else if (!S_ISDIR(sb.st_mode)) {
			if (kind >= 0)
				add_unit(w, path, *name, kind, is_null_device(&sb));
		} else if (is_dropin_dir(*name)) {
			read_dropins(w, path, *name);
		} else if (depth < DEPTH_MAX && !is_left_out(w, *name, depth)) {
			cleanup_free char *below = xasprintf("%s/%s", path, *name);

			walk_dir(w, below, depth + 1);
		}
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Where drop-ins of a unit may be, the nearest first: its own, its template's, those of its name
 * cut off behind a dash, and those of all of its kind. */
static char **dropin_dirs(const struct quadlet_unit *u)
{
	const char *suffix = quadlet_kinds[u->kind].suffix;
	cleanup_free char *base = NULL, *instance = NULL, *stem = NULL;
	char **dirs = NULL;

	strv_add_take(&dirs, xasprintf("%s.d", u->name));
	if (quadlet_template_parts(u->name, &base, &instance) && *instance)
		strv_add_take(&dirs, xasprintf("%s%s.d", base, suffix));
	stem = xstrndup(u->name, strlen(u->name) - strlen(suffix));
	stem[strcspn(stem, "@")] = '\0';
	for (size_t i = strlen(stem); i > 1; i--)
		if (stem[i - 1] == '-' && stem[i])
			strv_add_take(&dirs, xasprintf("%.*s%s.d", (int)i, stem, suffix));
	strv_add_take(&dirs, xasprintf("%s.d", suffix + 1));
	return dirs;
}

static int compare_dropins(const void *a, const void *b)
{
	return strcmp((*(const struct quadlet_dropin *const *)a)->name,
		      (*(const struct quadlet_dropin *const *)b)->name);
}

/* One of each name, sorted by it. */
static size_t choose_dropins(const struct quadlet_set *set, const struct quadlet_unit *u,
			     const struct quadlet_dropin **list)
{
	cleanup_strv char **dirs = dropin_dirs(u);
	size_t n = 0;

	for (char **dir = dirs; *dir; dir++) {
		for (size_t i = 0; i < set->n_dropins; i++) {
			const struct quadlet_dropin *d = &set->dropins[i];
			bool taken = !streq(d->dir, *dir);

			for (size_t k = 0; k < n && !taken; k++)
				taken = streq(list[k]->name, d->name);
			if (!taken)
				list[n++] = d;
		}
	}
	qsort(list, n, sizeof(*list), compare_dropins);
	return n;
}

/* The quotes around a whole value, as podman's; those of words are of each word. */
static void unquote(struct unitfile *u, struct unitfile_line *l)
{
	const char *v = l->value;
	size_t len = strlen(v);
	cleanup_free char *inner = NULL;

	if (len < 2 || (*v != '"' && *v != '\'') || v[len - 1] != *v || v[len - 2] == '\\')
		return;
	inner = xstrndup(v + 1, len - 2);
	/* Where one ends within, there are several. */
	for (const char *p = inner; (p = strchr(p, *v)); p++)
		if (p[1] == ' ')
			return;
	l->value = unitfile_keep(u, inner);
}

static bool is_whole(enum quadlet_how how)
{
	return how != QUADLET_WORDS && how != QUADLET_ARGS && how != QUADLET_LINE;
}

static void unquote_values(struct quadlet_unit *u)
{
	for (size_t i = 0; i < u->file.n; i++) {
		struct unitfile_line *l = &u->file.lines[i];

		if (!streq(l->section, quadlet_kinds[u->kind].section))
			continue;
		for (const struct quadlet_key *k = quadlet_keys; k->name; k++)
			if (k->kind == u->kind && streq(k->name, l->key) && is_whole(k->how))
				unquote(&u->file, l);
	}
}

/* TEXT (LEN bytes) instead of what is in the file; NULL: that. */
static int read_unit(const struct quadlet_set *set, struct quadlet_unit *u, const char *text,
		     size_t len)
{
	cleanup_free const struct quadlet_dropin **list = xcalloc(set->n_dropins + 1,
								  sizeof(*list));
	size_t n = set->n_dropins ? choose_dropins(set, u, list) : 0;
	int r = text ? unitfile_parse(&u->file, u->path, text, len, &u->err)
		     : unitfile_read(&u->file, u->path, &u->err);

	for (size_t i = 0; r == 0 && i < n; i++)
		if (list[i]->path)
			r = unitfile_read(&u->file, list[i]->path, &u->err);
	if (r < 0)
		return r;
	unquote_values(u);
	return quadlet_name_unit(u, &u->err);
}

/* Volumes and images are needed by others. */
static int compare_units(const void *a, const void *b)
{
	const struct quadlet_unit *x = *(struct quadlet_unit *const *)a,
				  *y = *(struct quadlet_unit *const *)b;
	bool last_x = x->kind == QUADLET_CONTAINER, last_y = y->kind == QUADLET_CONTAINER;

	return last_x != last_y ? last_x - last_y : strcmp(x->name, y->name);
}

/* No two files make one unit. */
static void check_services(struct quadlet_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		struct quadlet_unit *u = set->units[i];

		for (size_t k = 0; k < i && !u->err.msg; k++)
			if (u->service && set->units[k]->service && !set->units[k]->err.msg &&
			    streq(u->service, set->units[k]->service))
				(void)cmk_err_set(&u->err, -EEXIST,
						  "%s: the unit '%s' is that of '%s' already",
						  u->path, u->service, set->units[k]->path);
		if (u->service && streq(u->service, QUADLET_ONLINE))
			(void)cmk_err_set(&u->err, -EEXIST, "%s: the unit '%s' is cmk's own",
					  u->path, u->service);
	}
}

int quadlet_set_load(struct quadlet_set *set, char *const *dirs, struct cmk_err *err)
{
	struct walk w = { .set = set, .err = err };

	for (; dirs && *dirs; dirs++) {
		w.root = *dirs;
		walk_dir(&w, *dirs, 0);
	}
	free(w.seen);
	if (set->n)
		qsort(set->units, set->n, sizeof(struct quadlet_unit *), compare_units);
	for (size_t i = 0; i < set->n; i++)
		(void)read_unit(set, set->units[i], NULL, 0);
	check_services(set);
	return w.failed;
}

struct quadlet_unit *quadlet_set_put(struct quadlet_set *set, const char *dir, const char *name,
				     const char *text, size_t len)
{
	int kind = quadlet_kind_of(name);
	struct quadlet_unit *u;

	for (size_t i = 0; i < set->n; i++) {
		if (!streq(set->units[i]->name, name))
			continue;
		unit_free(set->units[i]);
		set->units[i] = set->units[--set->n];
		break;
	}
	u = new_unit(set, dir, name, kind);
	u->root = xstrdup(dir);
	(void)read_unit(set, u, text, len);
	check_services(set);
	return u;
}
