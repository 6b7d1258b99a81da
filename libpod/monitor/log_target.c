// SPDX-License-Identifier: Apache-2.0
#include "libpod/monitor/log_target.h"

#include <fcntl.h>

#include "base/strbuf.h"

#define LOG_NAME "ctr.log"

static const char *tag_field(const char *name, size_t len, const struct container_config *cfg,
			     char short_id[static 13])
{
	const struct {
		const char *name, *value;
	} fields[] = {
		{ ".ID", short_id },
		{ ".Id", cfg->id },
		{ ".FullID", cfg->id },
		{ ".Name", cfg->name },
		{ ".Image", cfg->image_id },
		{ ".ImageID", cfg->image_id },
		{ ".ImageName", cfg->image_name },
	};

	(void)snprintf(short_id, 13, "%s", cfg->id);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
			return fields[i].value ? fields[i].value : "";
	return NULL;
}

int log_tag_expand(const char *tag, const struct container_config *cfg, char **ret,
		   struct cmk_err *err)
{
	struct strbuf sb = STRBUF_INIT;
	const char *open, *close, *value, *s = tag;
	char short_id[13];

	for (; (open = strstr(s, "{{")) != NULL; s = close + 2) {
		const char *name = open + 2 + strspn(open + 2, " -");

		close = strstr(name, "}}");
		value = close ? tag_field(name, strcspn(name, " -}"), cfg, short_id) : NULL;
		if (!value) {
			strbuf_done(&sb);
			(void)cmk_err_set(err, -EINVAL, "log option 'tag=%s': bad template", tag);
			(void)cmk_err_hint(err, "fields are .ID .FullID .Name .ImageID .ImageName");
			return -EINVAL;
		}
		strbuf_add(&sb, s, (size_t)(open - s));
		strbuf_adds(&sb, value);
	}
	strbuf_adds(&sb, s);
	*ret = strbuf_steal(&sb);
	return 0;
}

/* What podman's journal entries have. */
static int journal_fields(const struct container_config *cfg, char ***ret, struct cmk_err *err)
{
	cleanup_free char *tag = NULL;
	char **v = NULL;

	if (cfg->log_tag) {
		int r = log_tag_expand(cfg->log_tag, cfg, &tag, err);

		if (r < 0)
			return r;
	}
	strv_add_take(&v, xasprintf("SYSLOG_IDENTIFIER=%s", tag ? tag : cfg->name));
	strv_add_take(&v, xasprintf("CONTAINER_NAME=%s", cfg->name));
	strv_add_take(&v, xasprintf("CONTAINER_ID=%.12s", cfg->id));
	strv_add_take(&v, xasprintf("CONTAINER_ID_FULL=%s", cfg->id));
	if (tag)
		strv_add_take(&v, xasprintf("CONTAINER_TAG=%s", tag));
	if (cfg->image_name)
		strv_add_take(&v, xasprintf("IMAGE_NAME=%s", cfg->image_name));
	for (char **f = cfg->log_fields; f && *f; f++)
		strv_add(&v, *f);
	*ret = v;
	return 0;
}

/* The directory of an absolute path. */
static int open_parent(const char *path, const char **ret_name, struct cmk_err *err)
{
	const char *slash = strrchr(path, '/');
	cleanup_free char *dir = xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return cmk_err_errno(err, "log '%s': open '%s'", path, dir);
	*ret_name = slash + 1;
	return fd;
}

int container_log_open(const struct container_config *cfg, int dir_fd, struct ctr_log **ret,
		       struct cmk_err *err)
{
	cleanup_close int parent = -1;
	cleanup_strv char **fields = NULL;
	struct log_target t = {
		.driver = cfg->log_driver,
		.dirfd = dir_fd,
		.name = LOG_NAME,
		.max_size = cfg->log_max_size,
		.max_files = cfg->log_max_files,
	};
	int r;

	if (cfg->log_path) {
		parent = open_parent(cfg->log_path, &t.name, err);
		if (parent < 0)
			return parent;
		t.dirfd = parent;
	}
	if (cfg->log_driver && streq(cfg->log_driver, "journald")) {
		r = journal_fields(cfg, &fields, err);
		if (r < 0)
			return r;
		t.fields = (const char *const *)fields;
	}
	return ctr_log_open_target(&t, ret, err);
}

static bool has_file(const struct container_config *cfg)
{
	const struct log_driver_info *d = log_driver_find(cfg->log_driver ? cfg->log_driver
									  : "k8s-file");

	return d && d->has_file;
}

bool container_logs_to_journal(const struct container_config *cfg)
{
	return cfg->log_driver && streq(cfg->log_driver, "journald");
}

bool container_passes_stdio(const struct container_config *cfg)
{
	const struct log_driver_info *d = cfg->log_driver ? log_driver_find(cfg->log_driver) : NULL;

	return d && d->passes_stdio;
}

char *container_log_path(const struct container *c)
{
	if (!has_file(&c->cfg))
		return NULL;
	if (c->cfg.log_path)
		return xstrdup(c->cfg.log_path);
	return xasprintf("%s/containers/%s/" LOG_NAME, c->st->root, c->cfg.id);
}

int container_log_dir(const struct container *c, char **ret_name, struct cmk_err *err)
{
	const char *name = LOG_NAME, *driver = c->cfg.log_driver;
	int fd;

	if (!has_file(&c->cfg))
		return cmk_err_set(err, -EINVAL,
				   "this container is using the '%s' log driver, cannot read logs: "
				   "this container is not logging output",
				   driver);
	if (c->cfg.log_path) {
		fd = open_parent(c->cfg.log_path, &name, err);
	} else {
		fd = openat(c->st->containers_fd, c->cfg.id, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return cmk_err_errno(err, "open container '%s'", c->cfg.name);
	}
	if (fd >= 0)
		*ret_name = xstrdup(name);
	return fd;
}
