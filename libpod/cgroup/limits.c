// SPDX-License-Identifier: Apache-2.0
/* Limits, in the words of the kernel's control files. */
#include <fcntl.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "libpod/cgroup/internal.h"

#define CPU_PERIOD_US 100000 /* the kernel's, where none is given */
#define IO_WEIGHT "io.weight"
#define BFQ_WEIGHT "io.bfq.weight"

static char *number(int64_t n)
{
	return xasprintf("%lld", (long long)n);
}

static char *memory_max(const struct spec_resources *res)
{
	return res->memory_limit > 0 ? number(res->memory_limit) : NULL;
}

/* memory.swap.max counts swap alone. Records of older versions have no number of both: as much
 * again. */
static char *swap_max(const struct spec_resources *res)
{
	/* Of memory without a limit nothing is taken off. */
	if (res->memory_limit < 0 && res->memory_swap > 0)
		return number(res->memory_swap);
	if (res->memory_limit <= 0)
		return NULL;
	if (res->memory_swap < 0)
		return xstrdup("max");
	return number(res->memory_swap ? MAX(res->memory_swap - res->memory_limit, 0)
				       : res->memory_limit);
}

static bool swap_was_asked_for(const struct spec_resources *res)
{
	return res->memory_swap > 0 && res->memory_swap - res->memory_limit != res->memory_limit;
}

static char *memory_low(const struct spec_resources *res)
{
	return res->memory_reservation > 0 ? number(res->memory_reservation) : NULL;
}

static char *cpu_max(const struct spec_resources *res)
{
	uint64_t period = res->cpu_period ? res->cpu_period : CPU_PERIOD_US;

	if (res->cpu_quota > 0)
		return xasprintf("%lld %llu", (long long)res->cpu_quota,
				 (unsigned long long)period);
	return res->cpu_period ? xasprintf("max %llu", (unsigned long long)period) : NULL;
}

/* 2..262144 to 1..10000, crun(1) "CPU controller". */
static char *cpu_weight(const struct spec_resources *res)
{
	uint64_t shares = MIN(MAX(res->cpu_shares, 2), 262144);

	return res->cpu_shares ? number((int64_t)(1 + (shares - 2) * 9999 / 262142)) : NULL;
}

static char *cpuset_cpus(const struct spec_resources *res)
{
	return xstrdup_null(res->cpuset_cpus);
}

static char *cpuset_mems(const struct spec_resources *res)
{
	return xstrdup_null(res->cpuset_mems);
}

static char *pids_max(const struct spec_resources *res)
{
	return res->pids_limit > 0 ? number(res->pids_limit) : NULL;
}

/* Each is one value in one file; LIFTED is what the file says where there is no limit. */
static const struct limit {
	const char *controller, *option, *file, *lifted;
	char *(*text)(const struct spec_resources *);
} limits[] = {
	{ "memory", "--memory", "memory.max", "max", memory_max },
	{ "memory", "--memory-swap", "memory.swap.max", "max", swap_max },
	{ "memory", "--memory-reservation", "memory.low", "0", memory_low },
	{ "cpu", "--cpus", "cpu.max", "max 100000", cpu_max },
	{ "cpu", "--cpu-shares", "cpu.weight", "100", cpu_weight },
	{ "cpuset", "--cpuset-cpus", "cpuset.cpus", "\n", cpuset_cpus },
	{ "cpuset", "--cpuset-mems", "cpuset.mems", "\n", cpuset_mems },
	{ "pids", "--pids-limit", "pids.max", "max", pids_max },
};

static const struct {
	const char *option, *key;
} rates[N_IO_RATES] = {
	[IO_READ_BPS] = { "--device-read-bps", "rbps" },
	[IO_WRITE_BPS] = { "--device-write-bps", "wbps" },
	[IO_READ_IOPS] = { "--device-read-iops", "riops" },
	[IO_WRITE_IOPS] = { "--device-write-iops", "wiops" },
};

/* cpu.max is of several options. */
static const char *option_of(const struct limit *l, const struct spec_resources *res)
{
	if (!streq(l->option, "--cpus"))
		return l->option;
	if (res->cpu_quota <= 0)
		return "--cpu-period";
	return res->cpu_period == CPU_PERIOD_US ? l->option : "--cpu-quota";
}

/* --- controllers -------------------------------------------------------------------------------
 */

static void want(char ***wanted, const char *controller, size_t len, const char *option)
{
	cleanup_free char *name = xstrndup(controller, len);

	if (!strv_env_get(*wanted, name))
		strv_add_take(wanted, xasprintf("%s=%s", name, option));
}

/* "CONTROLLER=OPTION" for each that is needed, with the first option which needs it (owned). */
static char **wanted_controllers(const struct spec_resources *res)
{
	char **wanted = NULL;

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		cleanup_free char *text = limits[i].text(res);

		if (text)
			want(&wanted, limits[i].controller, strlen(limits[i].controller),
			     option_of(&limits[i], res));
	}
	if (res->blkio_weight)
		want(&wanted, "io", 2, "--blkio-weight");
	if (res->weights.n)
		want(&wanted, "io", 2, "--blkio-weight-device");
	for (size_t i = 0; i < N_IO_RATES; i++)
		if (res->rates[i].n)
			want(&wanted, "io", 2, rates[i].option);
	for (char **u = res->unified; u && *u; u++) {
		cleanup_free char *option = xasprintf("--cgroup-conf %.*s", (int)strcspn(*u, "="),
						      *u);

		if (!str_after(*u, "cgroup."))
			want(&wanted, *u, strcspn(*u, "."), option);
	}
	return wanted;
}

bool cgroup_has_limits(const struct spec_resources *res)
{
	cleanup_strv char **wanted = wanted_controllers(res);

	return wanted || res->unified;
}

/* "CONTROLLER=OPTION" taken apart: the controller (owned). */
static char *controller_of(const char *wanted, const char **ret_option)
{
	size_t len = strcspn(wanted, "=");

	*ret_option = wanted + len + 1;
	return xstrndup(wanted, len);
}

static int missing_controller(const char *controller, const char *option, const char *where,
			      struct cmk_err *err)
{
	(void)cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
			   "%s: cgroup controller '%s' is not delegated%s%s", option, controller,
			   where ? " in " : "",
			   where && !*where ? "/"
			   : where	    ? where
					    : "");
	(void)cmk_err_hint(
		err,
		"as root: mkdir -p /etc/systemd/system/user@.service.d && printf "
		"'[Service]\\nDelegate=cpu cpuset io memory pids\\n' "
		"> /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload; "
		"then log in again");
	return -EOPNOTSUPP;
}

/* The kernel takes any list, and gives a group whose CPUs are all others' those of its parent. */
static int check_cpuset(const struct cgroup_delegation *d, const char *option, const char *file,
			const char *list, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	struct spec_id_set asked, there;

	if (!list || file_read_at(d->fd, file, 65536, &text, NULL, NULL) < 0 ||
	    spec_id_set_parse(list, strlen(list), &asked) < 0 ||
	    spec_id_set_parse(text, strlen(text), &there) < 0 || spec_id_set_within(&asked, &there))
		return 0;
	return cmk_err_set(err, -EINVAL, "%s: '%s' is not available: there is %.*s here", option,
			   list, (int)strcspn(text, "\n"), text);
}

int cgroup_check_limits(const struct cgroup_delegation *d, const struct spec_resources *res,
			struct cmk_err *err)
{
	cleanup_strv char **wanted = wanted_controllers(res);
	int r;

	for (char **w = wanted; w && *w; w++) {
		const char *option;
		cleanup_free char *controller = controller_of(*w, &option);

		if (d->path && strv_has(d->controllers, controller))
			continue;
		if (d->path)
			return missing_controller(controller, option, d->path, err);
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "%s: cgroup controller '%s' is missing: %s", option, controller,
				    d->why ? d->why : "no cgroup v2");
	}
	r = check_cpuset(d, "--cpuset-cpus", "cpuset.cpus.effective", res->cpuset_cpus, err);
	if (r == 0)
		r = check_cpuset(d, "--cpuset-mems", "cpuset.mems.effective", res->cpuset_mems,
				 err);
	return r;
}

static int enable_one(const struct cgroup_delegation *d, const char *controller, const char *option,
		      struct cmk_err *err)
{
	cleanup_free char *value = xasprintf("+%s", controller);
	int r = control_write(d->fd, "cgroup.subtree_control", value, err);

	if (r < 0)
		r = cmk_err_wrap(err, r, "%s: enable controller '%s' below '%s'", option,
				 controller, d->path);
	if (r == -EBUSY)
		(void)cmk_err_hint(err, "processes sit in that group itself: start cmk from a "
					"group below it, as systemd-run --user --scope does");
	return r;
}

int limits_enable(const struct cgroup_delegation *d, const struct spec_resources *res,
		  struct cmk_err *err)
{
	cleanup_strv char **wanted = wanted_controllers(res), **enabled = NULL;
	struct strbuf all = STRBUF_INIT;
	int r = 0;

	if (!wanted)
		return 0;
	for (char **w = wanted; *w; w++) {
		const char *option;
		cleanup_free char *controller = controller_of(*w, &option);

		strbuf_addf(&all, "%s+%s", w > wanted ? " " : "", controller);
	}
	/* Those that are enabled are so still. */
	r = control_write(d->fd, "cgroup.subtree_control", all.data, NULL);
	strbuf_done(&all);
	if (r == 0)
		return 0;
	/* One of them: say which. */
	enabled = control_words(d->fd, "cgroup.subtree_control");
	r = 0;
	for (char **w = wanted; *w && r == 0; w++) {
		const char *option;
		cleanup_free char *controller = controller_of(*w, &option);

		if (!strv_has(enabled, controller))
			r = enable_one(d, controller, option, err);
	}
	return r;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static const struct spec_resources none;

static int change_value(int fd, const struct limit *l, const struct spec_resources *before,
			const struct spec_resources *after, struct cmk_err *err)
{
	cleanup_free char *old = l->text(before), *new = l->text(after);
	int r;

	if (streq_null(old, new))
		return 0;
	r = control_write(fd, l->file, new ? new : l->lifted, err);
	if (r == -ENOENT && l->text == swap_max) {
		if (err)
			cmk_err_done(err);
		/* It is there where the kernel accounts swap. */
		if (!swap_was_asked_for(after))
			return 0;
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "%s: this kernel does not account swap (CONFIG_SWAP, "
				    "swapaccount=)",
				    l->option);
	}
	return r < 0 ? cmk_err_wrap(err, r, "%s", option_of(l, new ? after : before)) : 0;
}

static const struct spec_device_value *find_value(const struct spec_device_list *l,
						  const struct spec_device_value *dev)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].major == dev->major && l->list[i].minor == dev->minor)
			return &l->list[i];
	return NULL;
}

/* A file that is opened once and written line by line. */
struct control {
	int fd;
	const char *file, *option;
};

static int put_line(int dirfd, struct control *c, char *line, struct cmk_err *err)
{
	cleanup_free char *text = line;
	int r;

	if (c->fd < 0)
		c->fd = openat(dirfd, c->file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (c->fd < 0)
		return cmk_err_errno(err, "%s: open '%s'", c->option, c->file);
	if (write(c->fd, text, strlen(text)) >= 0)
		return 0;
	r = cmk_err_errno(err, "%s: write '%s' to '%s'", c->option, text, c->file);
	if (r == -ENODEV)
		(void)cmk_err_hint(err, "the kernel limits whole disks, not their partitions");
	return r;
}

/* 10..1000 to 1..10000, crun(1) "blkio controller". */
static uint64_t io_weight(uint64_t weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

/* "8:0 NUMBER", and "8:0 default" for devices that were there before alone. */
static int change_device_weights(int dirfd, struct control *c,
				 const struct spec_device_list *before,
				 const struct spec_device_list *after, struct cmk_err *err)
{
	int r = 0;

	for (size_t i = 0; i < after->n && r == 0; i++) {
		const struct spec_device_value *v = &after->list[i], *old = find_value(before, v);
		uint64_t n = v->value;

		if (old && old->value == n)
			continue;
		if (streq(c->file, IO_WEIGHT))
			n = io_weight(n);
		r = put_line(dirfd, c,
			     xasprintf("%u:%u %llu", v->major, v->minor, (unsigned long long)n),
			     err);
	}
	for (size_t i = 0; i < before->n && r == 0; i++) {
		const struct spec_device_value *v = &before->list[i];

		if (!find_value(after, v))
			r = put_line(dirfd, c, xasprintf("%u:%u default", v->major, v->minor), err);
	}
	return r;
}

static bool io_weights_count(const struct spec_resources *before,
			     const struct spec_resources *after)
{
	return before->blkio_weight != after->blkio_weight || before->weights.n || after->weights.n;
}

/* bfq has the scale of the options, 1..1000; io.weight has one of its own. */
static int change_weights(int fd, const struct spec_resources *before,
			  const struct spec_resources *after, struct cmk_err *err)
{
	bool bfq = faccessat(fd, BFQ_WEIGHT, F_OK, 0) == 0;
	struct control c = { -1, bfq ? BFQ_WEIGHT : IO_WEIGHT, "--blkio-weight" };
	uint64_t weight = after->blkio_weight;
	int r = 0;

	if (!bfq && faccessat(fd, IO_WEIGHT, F_OK, 0) < 0)
		return cmk_err_kind(err, CMK_ERR_UNSUPPORTED, -EOPNOTSUPP,
				    "--blkio-weight: this kernel has neither " IO_WEIGHT
				    " (CONFIG_BLK_CGROUP_IOCOST) nor " BFQ_WEIGHT
				    " (the scheduler bfq): limit rates by --device-read-bps and "
				    "such");
	if (weight != before->blkio_weight) {
		if (weight && !bfq)
			weight = io_weight(weight);
		r = put_line(fd, &c,
			     xasprintf("default %llu", weight ? (unsigned long long)weight : 100),
			     err);
	}
	c.option = "--blkio-weight-device";
	if (r == 0)
		r = change_device_weights(fd, &c, &before->weights, &after->weights, err);
	if (c.fd >= 0)
		(void)close(c.fd);
	return r;
}

/* What changes for DEV, "8:0 rbps=NUMBER wbps=max" (owned), and the first option of it; NULL where
 * nothing does. */
static char *rates_line(const struct spec_device_value *dev, const struct spec_resources *before,
			const struct spec_resources *after, const char **ret_option)
{
	struct strbuf sb = STRBUF_INIT;

	*ret_option = NULL;
	strbuf_addf(&sb, "%u:%u", dev->major, dev->minor);
	for (size_t i = 0; i < N_IO_RATES; i++) {
		const struct spec_device_value *old = find_value(&before->rates[i], dev),
					       *new = find_value(&after->rates[i], dev);

		if (old ? new &&new->value == old->value : !new)
			continue;
		if (!*ret_option)
			*ret_option = rates[i].option;
		if (new)
			strbuf_addf(&sb, " %s=%llu", rates[i].key, (unsigned long long)new->value);
		else
			strbuf_addf(&sb, " %s=max", rates[i].key);
	}
	if (*ret_option)
		return strbuf_steal(&sb);
	strbuf_done(&sb);
	return NULL;
}

/* One line for each device, in the order of the options. */
static int change_rates(int fd, const struct spec_resources *before,
			const struct spec_resources *after, struct cmk_err *err)
{
	const struct spec_resources *both[] = { after, before };
	struct spec_device_list seen = { 0 };
	struct control c = { -1, "io.max", NULL };
	int r = 0;

	for (size_t i = 0; i < 2 * N_IO_RATES && r == 0; i++) {
		const struct spec_device_list *l = &both[i / N_IO_RATES]->rates[i % N_IO_RATES];

		for (size_t k = 0; k < l->n && r == 0; k++) {
			char *line;

			if (find_value(&seen, &l->list[k]))
				continue;
			seen.list = xrealloc(seen.list, seen.n + 1, sizeof(*seen.list));
			seen.list[seen.n++] = l->list[k];
			line = rates_line(&l->list[k], before, after, &c.option);
			if (line)
				r = put_line(fd, &c, line, err);
		}
	}
	if (c.fd >= 0)
		(void)close(c.fd);
	free(seen.list);
	return r;
}

static char *device_weights(const struct spec_device_list *l)
{
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;

	for (size_t i = 0; i < l->n; i++)
		strbuf_addf(&sb, "%s%u:%u=%llu", i > 0 ? " " : "", l->list[i].major,
			    l->list[i].minor, (unsigned long long)io_weight(l->list[i].value));
	return strbuf_steal(&sb);
}

/* 0: the default. */
static uint64_t wanted_cpu_weight(const struct spec_resources *res)
{
	cleanup_free char *text = cpu_weight(res);
	const char *given = strv_env_get(res->unified, "cpu.weight");
	uint64_t weight = 0;

	if ((given || text) && parse_u64(given ? given : text, 10000, &weight) < 0)
		weight = 0;
	return weight;
}

static void add_weight(char ***all, const char *name, uint64_t weight)
{
	if (weight)
		strv_add_take(all, xasprintf("%s=t:%llu", name, (unsigned long long)weight));
}

char **limits_weights(const struct spec_resources *res)
{
	char **all = NULL;

	add_weight(&all, "CPUWeight", wanted_cpu_weight(res));
	add_weight(&all, "IOWeight", res->blkio_weight ? io_weight(res->blkio_weight) : 0);
	if (res->weights.n > 0) {
		cleanup_free char *devices = device_weights(&res->weights);

		strv_add_take(&all, xasprintf("IODeviceWeight=a(st):%s", devices));
	}
	return all;
}

void limits_change_quota(int group_fd, const struct spec_resources *before,
			 const struct spec_resources *after)
{
	cleanup_free char *old = cpu_max(before), *new = cpu_max(after);

	if (new && !streq_null(old, new))
		(void)control_write(group_fd, "cpu.max", new, NULL);
}

int limits_change_weights(int group_fd, const struct spec_resources *before,
			  const struct spec_resources *after, struct cmk_err *err)
{
	uint64_t old = wanted_cpu_weight(before), new = wanted_cpu_weight(after);
	char text[24];
	int r = 0;

	(void)snprintf(text, sizeof(text), "%llu", new ? (unsigned long long)new : 100);
	if (new != old)
		r = control_write(group_fd, "cpu.weight", text, err);
	if (r == 0 && io_weights_count(before, after))
		r = change_weights(group_fd, before, after, err);
	return r;
}

/* Last, so that they win over what other options wrote. They are not lifted: what a file says by
 * itself is the kernel's to know. */
static int write_unified(int fd, char *const *before, char *const *after, struct cmk_err *err)
{
	for (char *const *u = after; u && *u; u++) {
		size_t len = strcspn(*u, "=");
		cleanup_free char *name = xstrndup(*u, len);
		int r;

		if (strv_has(before, *u))
			continue;
		r = control_write(fd, name, *u + len + 1, err);
		if (r < 0)
			return cmk_err_wrap(err, r, "--cgroup-conf '%s'", *u);
	}
	return 0;
}

int limits_change(int fd, const struct spec_resources *before, const struct spec_resources *after,
		  struct cmk_err *err)
{
	int r = 0;

	before = before ? before : &none;
	after = after ? after : &none;
	for (size_t i = 0; i < ARRAY_LEN(limits) && r == 0; i++)
		r = change_value(fd, &limits[i], before, after, err);
	if (r == 0 && io_weights_count(before, after))
		r = change_weights(fd, before, after, err);
	if (r == 0)
		r = change_rates(fd, before, after, err);
	return r < 0 ? r : write_unified(fd, before->unified, after->unified, err);
}

int cgroup_apply(int group_fd, const struct spec_resources *res, char *const *controllers,
		 struct cmk_err *err)
{
	cleanup_strv char **wanted = wanted_controllers(res);

	for (char **w = wanted; w && *w; w++) {
		const char *option;
		cleanup_free char *controller = controller_of(*w, &option);

		if (!strv_has(controllers, controller))
			return missing_controller(controller, option, NULL, err);
	}
	return limits_change(group_fd, NULL, res, err);
}
