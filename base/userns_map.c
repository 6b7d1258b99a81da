// SPDX-License-Identifier: Apache-2.0
/* Id maps: where they come from, and how a nested one is written. */
#include "base/userns.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/process.h"
#include "base/strbuf.h"

/* The kernel takes 340 lines in a map; two are left for our own id and for a split. */
#define RANGES_MAX 338
#define CACHE_NAME "subid-cache"
#define CACHE_MAX 65536

void id_map_done(struct id_map *m)
{
	free(m->range);
	*m = (struct id_map){ 0 };
}

void id_map_pair_done(struct id_map_pair *p)
{
	id_map_done(&p->uids);
	id_map_done(&p->gids);
}

void id_map_add(struct id_map *m, uint32_t inside, uint32_t outside, uint32_t count)
{
	m->range = xrealloc(m->range, m->n + 1, sizeof(*m->range));
	m->range[m->n++] = (struct id_range){ inside, outside, count };
}

void userns_config_done(struct userns_config *c)
{
	id_map_done(&c->uids);
	id_map_done(&c->gids);
}

uint32_t id_map_to_outside(const struct id_map *m, uint32_t inside)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct id_range *r = &m->range[i];

		if (inside >= r->inside && inside - r->inside < r->count)
			return r->outside + (inside - r->inside);
	}
	return UINT32_MAX;
}

uint32_t id_map_to_inside(const struct id_map *m, uint32_t outside)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct id_range *r = &m->range[i];

		if (outside >= r->outside && outside - r->outside < r->count)
			return r->inside + (outside - r->outside);
	}
	return UINT32_MAX;
}

static void identity_of(const struct id_map *from, struct id_map *to)
{
	for (size_t i = 0; i < from->n; i++)
		id_map_add(to, from->range[i].inside, from->range[i].inside, from->range[i].count);
}

int userns_identity(const struct userns_config *c, struct id_map *uids, struct id_map *gids)
{
	*uids = *gids = (struct id_map){ 0 };
	identity_of(&c->uids, uids);
	identity_of(&c->gids, gids);
	return 0;
}

/* --- text forms --- */

/* "a b c" with any white space between, up to the end of LINE. */
static int parse_numbers(const char *line, size_t len, uint64_t *v, size_t n)
{
	const char *end = line + len;

	for (size_t i = 0; i < n; i++) {
		const char *p;
		int r;

		while (line < end && *line == ' ')
			line++;
		for (p = line; p < end && *p != ' '; p++)
			;
		r = parse_u64_n(line, (size_t)(p - line), UINT32_MAX, &v[i]);
		if (r < 0)
			return r;
		line = p;
	}
	while (line < end && *line == ' ')
		line++;
	return line == end ? 0 : -EINVAL;
}

int id_map_parse(const char *text, struct id_map *ret)
{
	struct id_map m = { 0 };

	while (*text) {
		size_t len = strcspn(text, "\n");
		uint64_t v[3];

		if (parse_numbers(text, len, v, 3) < 0 || m.n >= RANGES_MAX) {
			id_map_done(&m);
			return -EINVAL;
		}
		id_map_add(&m, (uint32_t)v[0], (uint32_t)v[1], (uint32_t)v[2]);
		text += len + (text[len] == '\n');
	}
	*ret = m;
	return 0;
}

char *id_map_text(const struct id_map *m)
{
	struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < m->n; i++)
		strbuf_addf(&sb, "%u %u %u\n", m->range[i].inside, m->range[i].outside,
			    m->range[i].count);
	return strbuf_steal(&sb);
}

/* Own id as 0, the ranges above it, one after the other. Ranges that do not fit 32 bits are left
 * out. */
static void append_range(struct id_map *m, uint64_t start, uint64_t count)
{
	const struct id_range *last = &m->range[m->n - 1];
	uint64_t next = (uint64_t)last->inside + last->count;

	if (count == 0 || start + count > UINT32_MAX || next + count > UINT32_MAX ||
	    m->n >= RANGES_MAX)
		return;
	id_map_add(m, (uint32_t)next, (uint32_t)start, (uint32_t)count);
}

int userns_ranges_parse(const char *text, struct id_map *uids, struct id_map *gids)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		uint64_t v[2];

		if (len == 3 && memcmp(text, "end", 3) == 0)
			return text[3] == '\n' && text[4] == '\0' ? 0 : -EBADMSG;
		if (len < 4 || (text[0] != 'u' && text[0] != 'g') || text[1] != ' ' ||
		    parse_numbers(text + 2, len - 2, v, 2) < 0 || text[len] != '\n')
			return -EBADMSG;
		append_range(text[0] == 'u' ? uids : gids, v[0], v[1]);
		text += len + 1;
	}
	return -EBADMSG;
}

/* --- the cache --- */

static uint64_t fnv1a(const char *s)
{
	uint64_t h = 0xcbf29ce484222325ULL;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ULL;
	return h;
}

static void key_add_file(struct strbuf *sb, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		strbuf_adds(sb, " -");
	else
		strbuf_addf(sb, " %llx:%llx:%lld.%09ld:%lld", (unsigned long long)st.st_dev,
			    (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
			    st.st_mtim.tv_nsec, (long long)st.st_size);
}

static char *cache_key(uid_t uid)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "cmk-subid 1 %u", uid);
	key_add_file(&sb, "/etc/subuid");
	key_add_file(&sb, "/etc/subgid");
	key_add_file(&sb, "/etc/nsswitch.conf");
	return strbuf_steal(&sb);
}

/* "KEY\nSUM\nRANGES". Returns the ranges' text, or NULL where the entry is absent, damaged or of
 * other files. */
static char *cache_load(int run_fd, const char *key)
{
	cleanup_free char *text = NULL;
	char sum[20];
	size_t n = strlen(key);

	if (file_read_at(run_fd, CACHE_NAME, CACHE_MAX, &text, NULL, NULL) < 0)
		return NULL;
	if (strncmp(text, key, n) != 0 || text[n] != '\n' || strlen(text) < n + 18)
		return NULL;
	(void)snprintf(sum, sizeof(sum), "%016llx\n", (unsigned long long)fnv1a(text + n + 18));
	if (strncmp(text + n + 1, sum, 17) != 0)
		return NULL;
	return xstrdup(text + n + 18);
}

static void cache_store(int run_fd, const char *key, const char *ranges)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	strbuf_addf(&sb, "%s\n%016llx\n%s", key, (unsigned long long)fnv1a(ranges), ranges);
	/* Without a cache the next command asks again: nothing to report. */
	(void)file_replace_at(run_fd, CACHE_NAME, sb.data, sb.len, 0600, 0, NULL);
}

void userns_cache_forget(int run_fd)
{
	(void)unlinkat(run_fd, CACHE_NAME, 0);
}

static void cmk_noreturn ask_child(const char *path, int out)
{
	char *argv[] = { (char *)"cmk-subid", NULL };

	(void)dup2(out, STDOUT_FILENO);
	process_close_others(NULL, 0);
	(void)execv(path, argv);
	_exit(errno == ENOENT ? 127 : 126);
}

static int ask_helper(char **ret, struct cmk_err *err)
{
	cleanup_free char *path = xasprintf("%s/cmk-subid", process_libexec_dir());
	cleanup_close int rd = -1, wr = -1;
	int p[2], status, r;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return cmk_err_errno(err, "make a pipe");
	rd = p[0];
	wr = p[1];
	pid = process_fork("cmk-subid", PROCESS_DEATH_SIGNAL, NULL, err);
	if (pid < 0)
		return pid;
	if (pid == 0)
		ask_child(path, wr);
	(void)close(steal_fd(&wr));
	r = file_read_fd(rd, CACHE_MAX / 2, ret, NULL, err);
	(void)close(steal_fd(&rd));
	status = process_reap(pid);
	if (r < 0)
		return cmk_err_wrap(err, r, "'%s'", path);
	if (status == 0)
		return 0;
	free(steal_ptr(ret));
	if (process_exit_code(status) == 127)
		return cmk_err_set(err, -ENOENT, "'%s': no such program", path);
	return cmk_err_set(err, -EIO, "'%s' failed with code %d", path, process_exit_code(status));
}

static int read_own_map(const char *name, struct id_map *ret, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	int r = file_read_at(AT_FDCWD, name, CACHE_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	r = id_map_parse(text, ret);
	if (r < 0)
		return cmk_err_set(err, r, "'%s': not an id map", name);
	/* One to one: the ids as this namespace has them. */
	for (size_t i = 0; i < ret->n; i++)
		ret->range[i].outside = ret->range[i].inside;
	return 0;
}

static int load_one_to_one(struct userns_config *c, struct cmk_err *err)
{
	int r;

	id_map_done(&c->uids);
	id_map_done(&c->gids);
	c->mode = USERNS_ONE_TO_ONE;
	r = read_own_map("/proc/self/uid_map", &c->uids, err);
	if (r < 0)
		return r;
	return read_own_map("/proc/self/gid_map", &c->gids, err);
}

static void start_maps(struct userns_config *c)
{
	id_map_done(&c->uids);
	id_map_done(&c->gids);
	id_map_add(&c->uids, 0, c->uid, 1);
	id_map_add(&c->gids, 0, c->gid, 1);
}

static int load_ranges(int run_fd, struct userns_config *c, struct cmk_err *err)
{
	cleanup_free char *key = cache_key(c->uid), *ranges = cache_load(run_fd, key);
	int r;

	start_maps(c);
	if (ranges && userns_ranges_parse(ranges, &c->uids, &c->gids) == 0) {
		c->from_cache = true;
		return 0;
	}
	free(steal_ptr(&ranges));
	start_maps(c);
	r = ask_helper(&ranges, err);
	if (r < 0)
		return r;
	r = userns_ranges_parse(ranges, &c->uids, &c->gids);
	if (r < 0)
		return cmk_err_set(err, r, "cmk-subid: unexpected output");
	cache_store(run_fd, key, ranges);
	return 0;
}

int userns_config_load(int run_fd, struct userns_config *ret, struct cmk_err *err)
{
	struct userns_config c = { .uid = geteuid(), .gid = getegid() };
	int r;

	/* What /etc/subuid says of root means nothing here. */
	if (userns_is_parent(run_fd)) {
		r = load_one_to_one(&c, err);
		c.mode = USERNS_INSIDE;
		if (r < 0)
			userns_config_done(&c);
		else
			*ret = c;
		return r;
	}
	r = load_ranges(run_fd, &c, err);
	if (r < 0) {
		userns_config_done(&c);
		return cmk_err_wrap(err, r, "read subordinate ids");
	}
	c.mode = USERNS_SUBIDS;
	if (c.uids.n < 2 || c.gids.n < 2) {
		start_maps(&c);
		c.mode = USERNS_SINGLE;
		if (c.uid == 0)
			r = load_one_to_one(&c, err);
		if (r < 0) {
			userns_config_done(&c);
			return r;
		}
	}
	*ret = c;
	return 0;
}

/* --- nested maps --- */

static const struct id_range *range_of(const struct id_map *m, uint32_t inside)
{
	for (size_t i = 0; i < m->n; i++)
		if (inside >= m->range[i].inside && inside - m->range[i].inside < m->range[i].count)
			return &m->range[i];
	return NULL;
}

int id_map_split(const struct id_map *m, const struct id_map *parent, struct id_map *ret)
{
	struct id_map out = { 0 };

	for (size_t i = 0; i < m->n; i++) {
		struct id_range r = m->range[i];

		while (r.count > 0) {
			const struct id_range *p = range_of(parent, r.outside);
			uint32_t n;

			if (!p || out.n >= RANGES_MAX) {
				id_map_done(&out);
				return -EPERM;
			}
			n = MIN(r.count, p->count - (r.outside - p->inside));
			id_map_add(&out, r.inside, r.outside, n);
			r = (struct id_range){ r.inside + n, r.outside + n, r.count - n };
		}
	}
	*ret = out;
	return 0;
}

static int write_map(pid_t pid, const char *file, const struct id_map *m,
		     const struct id_map *parent, struct cmk_err *err)
{
	cleanup_close int fd = -1;
	cleanup_free char *text = NULL;
	struct id_map split = { 0 };
	char path[48];
	int r;

	r = id_map_split(m, parent, &split);
	if (r < 0)
		return cmk_err_set(err, r, "%s: the map asks for ids that your range lacks", file);
	text = id_map_text(&split);
	id_map_done(&split);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", path);
	r = write_all(fd, text, strlen(text));
	if (r < 0) {
		errno = -r;
		return cmk_err_errno(err, "write %s", file);
	}
	return 0;
}

int userns_write_nested(pid_t pid, const struct id_map *uids, const struct id_map *gids,
			const struct userns_config *parent, struct cmk_err *err)
{
	int r = write_map(pid, "uid_map", uids, &parent->uids, err);

	if (r < 0)
		return r;
	return write_map(pid, "gid_map", gids, &parent->gids, err);
}
