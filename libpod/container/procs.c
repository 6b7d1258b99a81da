// SPDX-License-Identifier: Apache-2.0
#include "libpod/container/procs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "libpod/cgroup/cgroup.h"
#include "libpod/runtime/internal.h"

#define NS_PER_S 1000000000LL
#define PROC_FILE_MAX (1 << 20)
#define GROUP_DEPTH_MAX 32
#define MAP_LINES_MAX 340 /* user_namespaces(7) */

/* What one reading needs to know of the container. */
struct scan {
	pid_t init;
	unsigned int
		level; /* of its pid namespace: which of the NSpid numbers is the container's */
	struct id_map uids, gids; /* inside → as we see them */
	char *passwd, *groups;
	int64_t now_ns; /* since boot */
	struct container_process *list;
	size_t n;
};

static char *proc_file(pid_t pid, const char *name)
{
	char path[64], *text = NULL;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return file_read_at(AT_FDCWD, path, PROC_FILE_MAX, &text, NULL, NULL) < 0 ? NULL : text;
}

/* The rest of the line "KEY:\t…"; NULL. Not NUL-ended: up to the newline. */
static const char *status_field(const char *status, const char *key)
{
	size_t len = strlen(key);

	for (const char *l = status; l && *l; l = strchr(l, '\n'), l = l ? l + 1 : NULL) {
		if (strncmp(l, key, len) == 0 && l[len] == ':')
			return l + len + 1 + strspn(l + len + 1, "\t ");
	}
	return NULL;
}

/* Word N (from 0) of a field; NULL where there are fewer. */
static const char *field_word(const char *field, unsigned int n, size_t *ret_len)
{
	while (field && *field && *field != '\n') {
		*ret_len = strcspn(field, "\t \n");
		if (n == 0)
			return field;
		n--;
		field += *ret_len + strspn(field + *ret_len, "\t ");
	}
	return NULL;
}

static bool field_number(const char *field, unsigned int n, uint64_t *ret)
{
	size_t len = 0;
	const char *word = field_word(field, n, &len);

	return word && parse_u64_n(word, len, UINT64_MAX, ret) == 0;
}

static unsigned int count_numbers(const char *field)
{
	unsigned int n = 0;
	uint64_t v;

	while (field_number(field, n, &v))
		n++;
	return n;
}

static uint64_t hex_field(const char *status, const char *key)
{
	const char *p = status_field(status, key);
	uint64_t v = 0;

	for (; p && *p && *p != '\n'; p++) {
		int digit = *p >= '0' && *p <= '9'   ? *p - '0'
			    : *p >= 'a' && *p <= 'f' ? *p - 'a' + 10
						     : -1;
		if (digit < 0)
			return 0;
		v = v << 4 | (uint64_t)digit;
	}
	return v;
}

static void read_map(pid_t pid, const char *name, struct id_map *ret)
{
	cleanup_free char *text = proc_file(pid, name);
	const char *line = text;

	*ret = (struct id_map){ .range = xcalloc(MAP_LINES_MAX, sizeof(*ret->range)) };
	while (line && *line && ret->n < MAP_LINES_MAX) {
		const char *first = line + strspn(line, " ");
		uint64_t v[3];

		if (!field_number(first, 0, &v[0]) || !field_number(first, 1, &v[1]) ||
		    !field_number(first, 2, &v[2]))
			break;
		ret->range[ret->n++] = (struct id_range){ (uint32_t)v[0], (uint32_t)v[1],
							  (uint32_t)v[2] };
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
}

static char *name_or_number(const char *file, const struct id_map *map, uint32_t id)
{
	uint32_t inside = id_map_to_inside(map, id);
	char *name = inside == UINT32_MAX ? NULL : user_name_of(file, inside);

	if (name)
		return name;
	return inside == UINT32_MAX ? xstrdup("?") : xasprintf("%u", inside);
}

/* No terminal shall obey what a container calls its processes. */
static char *harmless(char *s)
{
	for (char *p = s; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return s;
}

/* The arguments, blanks between them; a kernel thread or a zombie has none. */
static char *read_args(pid_t pid, const char *comm)
{
	cleanup_free char *text = NULL;
	char path[64];
	size_t len = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (file_read_at(AT_FDCWD, path, PROC_FILE_MAX, &text, &len, NULL) < 0 || len == 0)
		return xasprintf("[%s]", comm);
	while (len > 0 && text[len - 1] == '\0')
		len--;
	for (size_t i = 0; i < len; i++)
		if (text[i] == '\0')
			text[i] = ' ';
	return harmless(steal_ptr(&text));
}

static char *read_label(pid_t pid)
{
	cleanup_free char *text = proc_file(pid, "attr/current");

	if (!text)
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	return *text ? harmless(steal_ptr(&text)) : NULL;
}

/* proc(5), /proc/pid/stat: what stands behind the name, which may hold blanks and parentheses. */
static bool read_stat(const struct scan *s, struct container_process *p)
{
	cleanup_free char *text = proc_file(p->host_pid, "stat");
	char *open = text ? strchr(text, '(') : NULL, *close = text ? strrchr(text, ')') : NULL;
	uint64_t utime = 0, stime = 0, start = 0, tty = 0, rss = 0;
	int64_t hz = sysconf(_SC_CLK_TCK);
	char number[8] = "";
	const char *nice;
	size_t len = 0;

	if (!open || !close || close < open || close[1] != ' ' || !close[2])
		return false;
	p->comm = harmless(xstrndup(open + 1, (size_t)(close - open - 1)));
	p->state = close[2];
	/* Field 3 is number 0 here. */
	if (!field_number(close + 2, 11, &utime) || !field_number(close + 2, 12, &stime) ||
	    !field_number(close + 2, 19, &start) || !field_number(close + 2, 20, &p->vsz) ||
	    !field_number(close + 2, 21, &rss))
		return false;
	(void)field_number(close + 2, 4, &tty);
	nice = field_word(close + 2, 16, &len);
	if (nice && len < sizeof(number)) {
		memcpy(number, nice, len);
		(void)parse_i64(number, -20, 19, &p->nice);
	}
	p->tty = (int)tty;
	p->rss = rss * (uint64_t)sysconf(_SC_PAGESIZE);
	p->cpu_ns = (int64_t)(utime + stime) * (NS_PER_S / hz);
	p->elapsed_ns = MAX(s->now_ns - (int64_t)start * (NS_PER_S / hz), 0);
	return true;
}

static void read_groups(const struct scan *s, const char *status, struct container_process *p)
{
	const char *field = status_field(status, "Groups");
	unsigned int n = count_numbers(field);

	p->groups = xcalloc(n + 1, sizeof(*p->groups));
	for (unsigned int i = 0; i < n; i++) {
		uint64_t v = 0;

		(void)field_number(field, i, &v);
		p->groups[p->n_groups++] = (uint32_t)v;
		strv_add_take(&p->group_names, name_or_number(s->groups, &s->gids, (uint32_t)v));
	}
}

static bool read_status(const struct scan *s, struct container_process *p)
{
	static const char *const caps[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };
	cleanup_free char *status = proc_file(p->host_pid, "status");
	const char *uids = status_field(status, "Uid"), *gids = status_field(status, "Gid");
	uint64_t v[4] = { 0 }, pid = 0, pgid = 0, ppid = 0, seccomp = 0;

	if (!status || !field_number(status_field(status, "NSpid"), s->level, &pid) ||
	    !field_number(uids, 0, &v[0]) || !field_number(uids, 1, &v[1]) ||
	    !field_number(gids, 0, &v[2]) || !field_number(gids, 1, &v[3]))
		return false;
	(void)field_number(status_field(status, "NSpgid"), s->level, &pgid);
	(void)field_number(status_field(status, "PPid"), 0, &ppid);
	(void)field_number(status_field(status, "Seccomp"), 0, &seccomp);
	p->pid = (int64_t)pid;
	p->pgid = (int64_t)pgid;
	p->ppid = (int64_t)ppid; /* the host's until all are known */
	p->uid = (uint32_t)v[0];
	p->euid = (uint32_t)v[1];
	p->gid = (uint32_t)v[2];
	p->egid = (uint32_t)v[3];
	p->seccomp = (int)seccomp;
	for (size_t i = 0; i < N_PROCESS_CAPS; i++)
		p->caps[i] = hex_field(status, caps[i]);
	read_groups(s, status, p);
	p->inside_euid = id_map_to_inside(&s->uids, p->euid);
	p->ruser = name_or_number(s->passwd, &s->uids, p->uid);
	p->user = name_or_number(s->passwd, &s->uids, p->euid);
	p->rgroup = name_or_number(s->groups, &s->gids, p->gid);
	p->group = name_or_number(s->groups, &s->gids, p->egid);
	return true;
}

static void process_done(struct container_process *p)
{
	free(p->groups);
	free(p->user);
	free(p->ruser);
	free(p->group);
	free(p->rgroup);
	strv_free(p->group_names);
	free(p->comm);
	free(p->args);
	free(p->label);
}

void container_processes_free(struct container_process *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		process_done(&list[i]);
	free(list);
}

static void add_process(struct scan *s, pid_t pid)
{
	struct container_process p = { .host_pid = pid };

	/* It may end at any moment. */
	if (!read_stat(s, &p) || !read_status(s, &p)) {
		process_done(&p);
		return;
	}
	p.args = read_args(pid, p.comm);
	p.label = read_label(pid);
	s->list = xrealloc(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n++] = p;
}

/* Everything in the group and below it: also what exec started, whose parent is the monitor. */
static void add_group(struct scan *s, int fd, int depth)
{
	cleanup_free char *text = NULL;
	cleanup_dir DIR *d = NULL;
	const struct dirent *e;
	int dup_fd;

	if (file_read_at(fd, "cgroup.procs", PROC_FILE_MAX, &text, NULL, NULL) == 0) {
		for (const char *l = text; *l;
		     l += strcspn(l, "\n") + (*strchrnul(l, '\n') == '\n')) {
			uint64_t pid;

			if (field_number(l, 0, &pid) && pid > 0)
				add_process(s, (pid_t)pid);
		}
	}
	dup_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = dup_fd < 0 ? NULL : fdopendir(dup_fd);
	while (d && depth < GROUP_DEPTH_MAX && (e = readdir(d))) {
		cleanup_close int sub = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub >= 0)
			add_group(s, sub, depth + 1);
	}
}

static ino_t pid_ns_of(pid_t pid)
{
	struct stat sb;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat(path, &sb) == 0 ? sb.st_ino : 0;
}

/* Without a group: those that share init's pid namespace; where that is the host's, init alone. */
static void add_namespace(struct scan *s)
{
	cleanup_dir DIR *d = opendir("/proc");
	ino_t want = pid_ns_of(s->init);
	const struct dirent *e;

	if (!want || want == pid_ns_of(getpid())) {
		add_process(s, s->init);
		return;
	}
	while (d && (e = readdir(d))) {
		uint64_t pid;

		if (field_number(e->d_name, 0, &pid) && pid_ns_of((pid_t)pid) == want)
			add_process(s, (pid_t)pid);
	}
}

static int compare_pids(const void *a, const void *b)
{
	const struct container_process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Parents as the container numbers them. */
static void number_parents(struct scan *s)
{
	for (size_t i = 0; i < s->n; i++) {
		int64_t host = s->list[i].ppid;

		s->list[i].ppid = 0;
		for (size_t j = 0; j < s->n; j++)
			if (s->list[j].host_pid == host)
				s->list[i].ppid = s->list[j].pid;
	}
	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), compare_pids);
}

static void read_names(struct scan *s)
{
	cleanup_close int root = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)s->init);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || user_read_file(root, "etc/passwd", &s->passwd, NULL) < 0)
		s->passwd = xstrdup("");
	if (root < 0 || user_read_file(root, "etc/group", &s->groups, NULL) < 0)
		s->groups = xstrdup("");
}

static void scan_done(struct scan *s)
{
	free(s->uids.range);
	free(s->gids.range);
	free(s->passwd);
	free(s->groups);
}

static int not_running(const struct container *c, struct cmk_err *err)
{
	return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH, "container '%s' is not running",
			    c->cfg.name);
}

int container_processes(struct container *c, struct container_process **ret, size_t *ret_n,
			struct cmk_err *err)
{
	const struct process_id id = { .pid = (pid_t)c->live.init_pid,
				       .start_time = c->live.init_start };
	cleanup(scan_done) struct scan s = { .init = id.pid };
	cleanup_close int pidfd = -1, group = -1;
	cleanup_free char *status = NULL;
	struct timespec ts;

	if (!container_is_up(c))
		return not_running(c, err);
	/* The pid stays its own while it is held; what is read of it was of this container. */
	pidfd = process_id_open(&id);
	status = pidfd < 0 ? NULL : proc_file(id.pid, "status");
	if (!status)
		return not_running(c, err);
	s.level = count_numbers(status_field(status, "NSpid"));
	s.level -= s.level > 0;
	(void)clock_gettime(CLOCK_BOOTTIME, &ts);
	s.now_ns = ts.tv_sec * NS_PER_S + ts.tv_nsec;
	read_map(id.pid, "uid_map", &s.uids);
	read_map(id.pid, "gid_map", &s.gids);
	read_names(&s);
	group = c->live.cgroup_path ? cgroup_open(c->live.cgroup_mount, c->live.cgroup_path) : -1;
	if (group >= 0)
		add_group(&s, group, 0);
	else
		add_namespace(&s);
	number_parents(&s);
	if (!process_id_alive(&id)) {
		container_processes_free(s.list, s.n);
		return not_running(c, err);
	}
	*ret = s.list;
	*ret_n = s.n;
	return 0;
}
