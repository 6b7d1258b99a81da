// SPDX-License-Identifier: Apache-2.0
#include <sys/capability.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/top_words.h"

struct top_args {
	bool latest;
};

static const struct cmk_option top_options[] = {
	CMK_OPT_FLAG('l', "latest", struct top_args, latest, "of the newest container"),
	CMK_OPT_END(),
};

typedef void (*column_fn)(const struct container_process *p, struct strbuf *out);

static void col_args(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->args);
}

static void col_comm(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->comm);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "none", "full", or names without CAP_, sorted. */
static void add_caps(uint64_t mask, struct strbuf *out)
{
	cleanup_strv char **names = NULL;
	cleanup_free char *joined = NULL;
	int last = 0;

	while (last < 63 && CAP_IS_SUPPORTED(last + 1))
		last++;
	if (mask == 0 || mask == UINT64_MAX >> (63 - last)) {
		strbuf_adds(out, mask ? "full" : "none");
		return;
	}
	for (int i = 0; i <= last; i++) {
		char *name = mask >> i & 1 ? cap_to_name(i) : NULL;

		if (name) {
			const char *rest = str_after(name, "cap_");
			char *upper = xstrdup(rest ? rest : name);

			/* No toupper(3): in a Turkish locale it is not ASCII's. */
			for (char *c = upper; *c; c++)
				*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : *c;
			strv_add_take(&names, upper);
		}
		(void)cap_free(name);
	}
	if (names)
		qsort(names, strv_len(names), sizeof(*names), compare_names);
	joined = strv_join(names, ",");
	strbuf_adds(out, joined);
}

static void col_capamb(const struct container_process *p, struct strbuf *out)
{
	add_caps(p->caps[PROCESS_CAP_AMB], out);
}

static void col_capbnd(const struct container_process *p, struct strbuf *out)
{
	add_caps(p->caps[PROCESS_CAP_BND], out);
}

static void col_capeff(const struct container_process *p, struct strbuf *out)
{
	add_caps(p->caps[PROCESS_CAP_EFF], out);
}

static void col_capinh(const struct container_process *p, struct strbuf *out)
{
	add_caps(p->caps[PROCESS_CAP_INH], out);
}

static void col_capprm(const struct container_process *p, struct strbuf *out)
{
	add_caps(p->caps[PROCESS_CAP_PRM], out);
}

static void add_duration(int64_t ns, struct strbuf *out)
{
	char text[40];

	format_go_duration(ns, text);
	strbuf_adds(out, text);
}

static void col_etime(const struct container_process *p, struct strbuf *out)
{
	add_duration(p->elapsed_ns, out);
}

static void col_time(const struct container_process *p, struct strbuf *out)
{
	add_duration(p->cpu_ns, out);
}

static void col_stime(const struct container_process *p, struct strbuf *out)
{
	time_t t = time(NULL) - (time_t)(p->elapsed_ns / 1000000000);
	char date[64];
	struct tm tm;

	if (localtime_r(&t, &tm) && strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z %Z", &tm))
		strbuf_adds(out, date);
}

static void col_pcpu(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%.3f",
		    p->elapsed_ns > 0 ? 100.0 * (double)p->cpu_ns / (double)p->elapsed_ns : 0.0);
}

static void col_user(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->user);
}

static void col_uid(const struct container_process *p, struct strbuf *out)
{
	if (p->inside_euid == UINT32_MAX)
		strbuf_addc(out, '?');
	else
		strbuf_addf(out, "%u", p->inside_euid);
}

static void col_ruser(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->ruser);
}

static void col_group(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->group);
}

static void col_rgroup(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->rgroup);
}

static void col_groups(const struct container_process *p, struct strbuf *out)
{
	cleanup_free char *s = strv_join(p->group_names, ",");

	strbuf_adds(out, s);
}

static void col_huser(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%u", p->euid);
}

static void col_hgroup(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%u", p->egid);
}

static void col_hgroups(const struct container_process *p, struct strbuf *out)
{
	for (size_t i = 0; i < p->n_groups; i++)
		strbuf_addf(out, "%s%u", i ? "," : "", p->groups[i]);
}

static void col_hpid(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%d", (int)p->host_pid);
}

static void col_pid(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%lld", (long long)p->pid);
}

static void col_ppid(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%lld", (long long)p->ppid);
}

static void col_pgid(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%lld", (long long)p->pgid);
}

static void col_label(const struct container_process *p, struct strbuf *out)
{
	strbuf_adds(out, p->label ? p->label : "?");
}

static void col_nice(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%lld", (long long)p->nice);
}

static void col_rss(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%llu", (unsigned long long)p->rss / 1024);
}

static void col_vsz(const struct container_process *p, struct strbuf *out)
{
	strbuf_addf(out, "%llu", (unsigned long long)p->vsz / 1024);
}

static void col_seccomp(const struct container_process *p, struct strbuf *out)
{
	static const char *const words[] = { "disabled", "strict", "filter" };

	strbuf_adds(out, p->seccomp >= 0 && p->seccomp < 3 ? words[p->seccomp] : "?");
}

static void col_state(const struct container_process *p, struct strbuf *out)
{
	strbuf_addc(out, p->state);
}

/* Device numbers: Documentation/admin-guide/devices.txt of the kernel. */
static void col_tty(const struct container_process *p, struct strbuf *out)
{
	unsigned int major_nr = major((dev_t)p->tty), minor_nr = minor((dev_t)p->tty);

	if (major_nr >= 136 && major_nr <= 143)
		strbuf_addf(out, "pts/%u", (major_nr - 136) * 256 + minor_nr);
	else if (major_nr == 4 && minor_nr >= 64)
		strbuf_addf(out, "ttyS%u", minor_nr - 64);
	else if (major_nr == 4)
		strbuf_addf(out, "tty%u", minor_nr);
	else
		strbuf_addc(out, '?');
}

/* Sorted by name: what the error shows. */
static const struct column {
	const char *name, *aix, *title;
	column_fn fn;
} columns[] = {
	{ "args", "%a", "COMMAND", col_args },
	{ "capamb", NULL, "AMBIENT CAPS", col_capamb },
	{ "capbnd", NULL, "BOUNDING CAPS", col_capbnd },
	{ "capeff", NULL, "EFFECTIVE CAPS", col_capeff },
	{ "capinh", NULL, "INHERITED CAPS", col_capinh },
	{ "capprm", NULL, "PERMITTED CAPS", col_capprm },
	{ "comm", "%c", "COMMAND", col_comm },
	{ "etime", "%t", "ELAPSED", col_etime },
	{ "group", "%G", "GROUP", col_group },
	{ "groups", NULL, "GROUPS", col_groups },
	{ "hgroup", NULL, "HGROUP", col_hgroup },
	{ "hgroups", NULL, "HGROUPS", col_hgroups },
	{ "hpid", NULL, "HPID", col_hpid },
	{ "huid", NULL, "HUID", col_huser },
	{ "huser", NULL, "HUSER", col_huser },
	{ "label", NULL, "LABEL", col_label },
	{ "nice", "%n", "NI", col_nice },
	{ "pcpu", "%C", "%CPU", col_pcpu },
	{ "pgid", "%r", "PGID", col_pgid },
	{ "pid", "%p", "PID", col_pid },
	{ "ppid", "%P", "PPID", col_ppid },
	{ "rgroup", "%g", "RGROUP", col_rgroup },
	{ "rss", NULL, "RSS", col_rss },
	{ "ruser", "%u", "RUSER", col_ruser },
	{ "seccomp", NULL, "SECCOMP", col_seccomp },
	{ "state", NULL, "STATE", col_state },
	{ "stime", NULL, "STIME", col_stime },
	{ "time", "%x", "TIME", col_time },
	{ "tty", "%y", "TTY", col_tty },
	{ "uid", NULL, "UID", col_uid },
	{ "user", "%U", "USER", col_user },
	{ "vsz", "%z", "VSZ", col_vsz },
};

#define COLUMNS_MAX 64
static const char *const usual[] = { "user,pid,ppid,pcpu,etime,tty,time,args", NULL };

static const struct column *find_column(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		if (streq(columns[i].name, name) || (columns[i].aix && streq(columns[i].aix, name)))
			return &columns[i];
	return NULL;
}

/* The columns that WORDS name, with commas or without; 0 where they are not such names. */
static size_t parse_columns(const char *const *words, const struct column *ret[static COLUMNS_MAX])
{
	size_t n = 0;

	for (; *words; words++) {
		cleanup_strv char **names = strv_split(*words, ',');

		for (char **name = names; *name; name++) {
			const struct column *c = find_column(*name);

			if (!c || n == COLUMNS_MAX)
				return 0;
			ret[n++] = c;
		}
	}
	return n;
}

static int print_columns(struct container *c, const struct column *const *cols, size_t n,
			 struct cmk_err *err)
{
	cleanup_strbuf struct strbuf text = STRBUF_INIT, out = STRBUF_INIT;
	struct container_process *list = NULL;
	size_t n_list = 0;
	int r = container_processes(c, &list, &n_list, err);

	if (r < 0)
		return r;
	for (size_t j = 0; j < n; j++)
		strbuf_addf(&text, "%s%s", cols[j]->title, j + 1 < n ? "\t" : "\n");
	for (size_t i = 0; i < n_list; i++) {
		for (size_t j = 0; j < n; j++) {
			cols[j]->fn(&list[i], &text);
			strbuf_addc(&text, j + 1 < n ? '\t' : '\n');
		}
	}
	container_processes_free(list, n_list);
	format_align(strbuf_str(&text), &out);
	(void)fwrite(strbuf_str(&out), 1, out.len, stdout);
	return 0;
}

/* What ps gets: one word alone may be several. `-o "pid comm"` is a list for procps, but not for
 * busybox, which wants commas. */
static int ps_words(char *const *args, char ***ret, struct cmk_err *err)
{
	strv_add(ret, "ps");
	if (!args[1]) {
		if (strv_split_words(args[0], ret) < 0)
			return cmk_err_set(err, -EINVAL,
					   "parsing ps args '%.60s': a quote is not closed",
					   args[0]);
	} else {
		for (; *args; args++)
			strv_add(ret, *args);
	}
	for (char **w = *ret + 1; w[0] && w[1]; w++) {
		size_t n = strlen(w[0]);

		if (w[0][0] != '-' || w[0][n - 1] != 'o' || strchr(w[1], '='))
			continue;
		for (char *c = w[1]; (c = strchr(c, ' ')); c++)
			*c = ',';
	}
	return 0;
}

#define LINE_MAX_KEPT 65536

struct ps_filter_out {
	char *own; /* the command line of our own ps */
	struct strbuf line;
	bool printed;
};

static void print_line(struct ps_filter_out *f)
{
	size_t n = f->line.len;

	while (n > 0 && strchr(" \n", f->line.data[n - 1]))
		n--;
	if (n < strlen(f->own) ||
	    strncmp(f->line.data + n - strlen(f->own), f->own, strlen(f->own)) != 0) {
		(void)fwrite(f->line.data, 1, f->line.len, stdout);
		f->printed = true;
	}
	strbuf_reset(&f->line);
}

/* All lines but that of the ps that we have started ourselves; longer ones are shown in parts. */
static void take_output(const void *data, size_t len, void *arg)
{
	struct ps_filter_out *f = arg;

	for (const char *c = data; len > 0; c++, len--) {
		strbuf_addc(&f->line, *c);
		if (*c == '\n' || f->line.len >= LINE_MAX_KEPT)
			print_line(f);
	}
}

/* *RET_NOTHING (QUIET alone: its messages are left out): it is not there, or does not know ARGS. */
static int run_ps(struct container *c, char *const *args, bool quiet, bool *ret_nothing,
		  struct cmk_err *err)
{
	cleanup_strv char **command = NULL;
	struct exec_options o = { .no_session = true };
	struct ps_filter_out filter = { .line = STRBUF_INIT };
	struct attach_args attach = { .use_out = true,
				      .sig_proxy = true,
				      .take_stdout = take_output,
				      .arg = &filter,
				      .no_stderr = quiet };
	cleanup_close int fd = -1;
	bool detached = false;
	int code = 0, r = ps_words(args, &command, err);

	if (r < 0)
		return r;
	o.command = command;
	r = container_exec(c, &o, -1, &fd, NULL, err);
	if (r < 0)
		return r;
	attach.fd = fd;
	filter.own = strv_join(command, " ");
	r = monitor_attach(&attach, &code, &detached, err);
	if (filter.line.len)
		print_line(&filter);
	strbuf_done(&filter.line);
	free(filter.own);
	*ret_nothing = !filter.printed && (r < 0 ? err->kind == CMK_ERR_CMD_NOT_FOUND : code != 0);
	if (r < 0 && err->kind == CMK_ERR_CMD_NOT_FOUND)
		(void)cmk_err_hint(err, "not all of them are names of columns, and the image has "
					"no ps: see 'cmk top --help'");
	if (r < 0 || code == 0)
		return r;
	return cmk_err_set(err, -EINVAL, "executing ps(1) in the container: exit code %d", code);
}

/* What is no list of columns is for the container's own ps(1). Where that cannot do it, an image
 * without one or with busybox's, we can what docker's users ask for: there it is the host's. */
static int show_words(struct container *c, char *const *words, struct cmk_err *err)
{
	cleanup_strv char **own = top_words_columns(words);
	const struct column *cols[COLUMNS_MAX];
	size_t n = own ? parse_columns((const char *const *)own, cols) : 0;
	bool nothing = false;
	int r = run_ps(c, words, n > 0, &nothing, err);

	if (!n || !nothing)
		return r;
	cmk_err_done(err);
	return print_columns(c, cols, n, err);
}

static int top_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		    struct cmk_err *err)
{
	const struct top_args *a = args;
	const struct column *cols[COLUMNS_MAX];
	cleanup_container struct container *c = NULL;
	cleanup_storage struct storage *st = NULL;
	char **words = argv + (a->latest ? 0 : 1);
	size_t n;
	int r;

	if (argc == 0 && !a->latest)
		return cmk_err_set(err, -EINVAL,
				   "you must provide the name or id of a running container");
	r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = cmk_container_or_latest(st, a->latest, a->latest ? NULL : argv[0], &c, err);
	if (r < 0)
		return r;
	if (!container_is_up(c))
		return cmk_err_kind(err, CMK_ERR_STATE, -ESRCH,
				    "top can only be used on running containers: '%s' is %s",
				    c->cfg.name, container_state_name(c->state));
	n = parse_columns(*words ? (const char *const *)words : usual, cols);
	return n ? print_columns(c, cols, n, err) : show_words(c, words, err);
}

static const char *const top_aliases[] = { "container top", NULL };

static const struct cmk_example top_examples[] = {
	{ "cmk top web", "show the processes of web" },
	{ "cmk top web pid hpid user huser args",
	  "show their numbers and users in the container and on the host" },
	{ "cmk top -l -- -eo pid,args", "run the container's own ps on the newest container" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_top = {
	.name = "top",
	.aliases = top_aliases,
	.summary = "Show the processes of a container",
	.operands = "CONTAINER [COLUMN...|ARG...]",
	.description =
		"Users, groups and process ids are those of the container; those that begin with h "
		"are the host's. Columns, separated by blanks or commas: `args`, `capamb`, "
		"`capbnd`, `capeff`, `capinh`, `capprm`, `comm`, `etime`, `group`, `groups`, "
		"`hgroup`, `hgroups`, `hpid`, `huid`, `huser`, `label`, `nice`, `pcpu`, `pgid`, "
		"`pid`, `ppid`, `rgroup`, `rss`, `ruser`, `seccomp`, `state`, `stime`, `time`, "
		"`tty`, `uid`, `user`, `vsz`, or AIX's `%a` and friends (ps(1)).\n\n"
		"With other words, such as options, ps is run in the container with them "
		"and shows all but itself; one word "
		"alone is taken apart at blanks: `cmk top web 'ax -o args'`. Where the image has "
		"no ps, or one that does not know them, `-e`, `-ef`, `ax`, `aux` and lists as of "
		"`-eo pid,user,cmd` are shown without it.",
	.examples = top_examples,
	.options = top_options,
	.args_size = sizeof(struct top_args),
	.max_operands = -1,
	.stop_at_operand = true,
	.complete = COMPLETE_RUNNING,
	.exec = top_exec,
};
