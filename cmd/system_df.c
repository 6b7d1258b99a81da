// SPDX-License-Identifier: Apache-2.0
#include "cmd/system_df.h"
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"

struct system_df_args {
	bool verbose;
	const char *format;
};

/* For completion. */
static const char df_fields[] =
	"Type|Total|Active|Size|Reclaimable|RawSize|RawReclaimable|TotalCount";

static const struct cmk_option system_df_options[] = {
	CMK_OPT_STRING(0, "format", struct system_df_args, format, "FORMAT",
		       "print as json or through a Go template", .fields = df_fields),
	CMK_OPT_FLAG('v', "verbose", struct system_df_args, verbose,
		     "list every image, container and volume"),
	CMK_OPT_END(),
};

struct usage {
	struct images_usage images;
	struct container **containers;
	struct container_size *of_container;
	uint64_t *in_images; /* of each container: what images have, too, since it was committed */
	size_t n_containers;
	struct volume_record *volumes;
	struct volume_usage *of_volume;
	size_t n_volumes;
	struct volume_users users;
	struct storage_artifact *artifacts;
	size_t n_artifacts;
	struct storage_blob *blobs;
	size_t n_blobs;
};

static void usage_done(struct usage *u)
{
	images_usage_done(&u->images);
	container_list_free(u->containers, u->n_containers);
	free(u->of_container);
	free(u->in_images);
	storage_volume_list_free(u->volumes, u->n_volumes);
	free(u->of_volume);
	volume_users_done(&u->users);
	storage_artifact_list_free(u->artifacts, u->n_artifacts);
	free(u->blobs);
}

static bool images_have(const struct images_usage *u, const char *diff_id, uint64_t *ret_size)
{
	for (size_t i = 0; i < u->n; i++)
		for (size_t k = 0; k < u->images[i].n_layers; k++)
			if (streq(u->images[i].layers[k].diff_id, diff_id)) {
				*ret_size = u->images[i].layers[k].size;
				return true;
			}
	return false;
}

static uint64_t shared_size(struct storage *st, const struct images_usage *u,
			    const struct container_config *cfg)
{
	uint64_t sum = 0, size = 0;

	for (size_t i = container_image_layers(cfg); i < cfg->n_layers; i++) {
		cleanup_free char *id = storage_layer_diff_id(st, cfg->layers[i].diff_id);

		sum += images_have(u, id, &size) ? size : 0;
	}
	return sum;
}

/* Artifacts for the SUMMARY alone. */
static int load(struct storage *st, struct usage *u, bool summary, struct cmk_err *err)
{
	int r = container_list(st, &u->containers, &u->n_containers, err);

	if (r == 0)
		r = images_usage_load(st, u->containers, u->n_containers, &u->images, err);
	if (r == 0)
		r = storage_volume_list(st, &u->volumes, &u->n_volumes, err);
	if (r == 0)
		r = volume_users_load(st, &u->users, err);
	if (r == 0 && summary)
		r = storage_artifact_list(st, &u->artifacts, &u->n_artifacts, err);
	if (r == 0)
		r = storage_blob_list(st, &u->blobs, &u->n_blobs, err);
	if (r < 0)
		return r;
	u->of_container = xcalloc(u->n_containers + 1, sizeof(*u->of_container));
	u->in_images = xcalloc(u->n_containers + 1, sizeof(*u->in_images));
	for (size_t i = 0; i < u->n_containers; i++)
		u->in_images[i] = shared_size(st, &u->images, &u->containers[i]->cfg);
	u->of_volume = xcalloc(u->n_volumes + 1, sizeof(*u->of_volume));
	for (size_t i = 0; i < u->n_volumes; i++)
		u->of_volume[i].name = u->volumes[i].name;
	r = container_sizes(st, (const struct container *const *)u->containers, u->n_containers,
			    u->of_container, err);
	return r < 0 ? r : storage_volume_usage(st, u->of_volume, u->n_volumes, err);
}

/* --- summary --- */

struct summary {
	const char *type;
	uint64_t total, active, size, reclaimable;
	uint64_t saved; /* what would be taken beside, were nothing shared */
};

static void write_summary(struct json_writer *w, const struct summary *s)
{
	char size[32], reclaimable[32], saved[32], text[48];
	double percent = s->size ? (double)s->reclaimable / (double)s->size * 100 : 0;

	format_size_tight(s->size, 4, size);
	format_size_tight(s->reclaimable, 4, reclaimable);
	format_size_tight(s->saved, 4, saved);
	(void)snprintf(text, sizeof(text), "%s (%.0f%%)", reclaimable, percent);
	json_write_object(w, NULL);
	json_write_str(w, "Type", s->type);
	json_write_u64(w, "Total", s->total);
	json_write_u64(w, "Active", s->active);
	json_write_u64(w, "RawSize", s->size);
	json_write_u64(w, "RawReclaimable", s->reclaimable);
	/* docker's */
	json_write_u64(w, "TotalCount", s->total);
	json_write_str(w, "Size", size);
	json_write_str(w, "Reclaimable", text);
	/* ours */
	json_write_u64(w, "RawSaved", s->saved);
	json_write_str(w, "Saved", saved);
	json_write_end(w, '}');
}

static struct summary of_images(const struct usage *u)
{
	struct summary s = { .type = "Images",
			     .total = u->images.n,
			     .size = u->images.size,
			     .reclaimable = u->images.size - u->images.used,
			     .saved = u->images.files_saved };

	for (size_t i = 0; i < u->images.n; i++)
		s.active += u->images.of_image[i].containers > 0;
	return s;
}

/* They go with their layers. */
static struct summary of_maps(const struct usage *u)
{
	struct summary s = { .type = "Id Maps", .total = u->images.n_maps };

	for (size_t i = 0; i < u->images.n_maps; i++) {
		const struct storage_map *m = &u->images.maps[i];

		s.active += u->images.map_used[i];
		s.size += m->bytes;
		s.reclaimable += u->images.map_used[i] ? 0 : m->bytes;
		s.saved += m->saved;
	}
	return s;
}

static struct summary of_containers(const struct usage *u)
{
	struct summary s = { .type = "Containers", .total = u->n_containers };

	for (size_t i = 0; i < u->n_containers; i++) {
		bool active = container_is_active(u->containers[i]);
		uint64_t changed = u->of_container[i].changed;
		uint64_t own = changed - MIN(changed, u->in_images[i]);

		s.active += active;
		s.size += own;
		s.reclaimable += active ? 0 : own;
	}
	return s;
}

static struct summary of_volumes(const struct usage *u)
{
	struct summary s = { .type = "Local Volumes", .total = u->n_volumes };

	for (size_t i = 0; i < u->n_volumes; i++) {
		bool active = volume_users_of(&u->users, u->volumes[i].name, NULL) > 0;

		s.active += active;
		s.size += u->of_volume[i].bytes;
		s.reclaimable += active ? 0 : u->of_volume[i].bytes;
	}
	return s;
}

/* No container uses them. One by several names counts once. */
static struct summary of_artifacts(const struct usage *u)
{
	struct summary s = { .type = "Artifacts" };

	for (size_t i = 0; i < u->n_artifacts; i++) {
		cleanup_free char *created = NULL;
		uint64_t size = 0;
		size_t k = 0;

		while (!streq(u->artifacts[k].id.hex, u->artifacts[i].id.hex))
			k++;
		if (k < i || image_artifact_usage(&u->artifacts[i], &size, &created, NULL) < 0)
			continue;
		s.total++;
		s.size += size;
	}
	s.reclaimable = s.size;
	return s;
}

/* Nothing counts on one. */
static struct summary of_blobs(const struct usage *u)
{
	struct summary s = { .type = "Kept Blobs", .total = u->n_blobs };

	for (size_t i = 0; i < u->n_blobs; i++)
		s.size += u->blobs[i].size;
	s.reclaimable = s.size;
	return s;
}

static int print_summary(const struct usage *u, const char *format, struct cmk_err *err)
{
	const struct summary all[] = { of_images(u),	of_containers(u), of_volumes(u),
				       of_artifacts(u), of_blobs(u),	  of_maps(u) };
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	/* The last three are no lines of podman's: only where there are some. */
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (i < 3 || all[i].total > 0)
			write_summary(&w, &all[i]);
	if (!format_typed(format))
		format = "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
	return format_print_array(format, &w, NULL, false, err);
}

/* --- verbose --- */

/* "2 years" */
static void write_age(struct json_writer *w, const char *created)
{
	char ago[48], *end;

	format_ago(created, ago);
	end = strstr(ago, " ago");
	if (end)
		*end = '\0';
	json_write_str(w, "Created", ago);
}

static void write_size(struct json_writer *w, const char *key, uint64_t bytes)
{
	char text[32];

	format_size_tight(bytes, 4, text);
	json_write_str(w, key, text);
}

static void write_image(struct json_writer *w, const struct image_usage *u, const char *name)
{
	cleanup_free char *id = xstrndup(u->rec->id, 12), *repository = NULL, *tag = NULL;

	images_split_name(name, &repository, &tag);
	json_write_object(w, NULL);
	json_write_str(w, "Repository", repository);
	json_write_str(w, "Tag", tag);
	json_write_str(w, "ImageID", id);
	write_age(w, u->rec->created);
	write_size(w, "Size", u->shared + u->unique);
	write_size(w, "SharedSize", u->shared);
	write_size(w, "UniqueSize", u->unique);
	json_write_u64(w, "Containers", u->containers);
	json_write_end(w, '}');
}

static int print_images(const struct usage *u, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "ImageID", "IMAGE ID" },
						      { "SharedSize", "SHARED SIZE" },
						      { "UniqueSize", "UNIQUE SIZE" },
						      { NULL, NULL } };
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < u->images.n; i++) {
		char *const *name = u->images.images[i].names;

		if (!name || !*name)
			write_image(&w, &u->images.of_image[i], NULL);
		for (; name && *name; name++)
			write_image(&w, &u->images.of_image[i], *name);
	}
	return format_print_array("table {{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t"
				  "{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
				  &w, titles, false, err);
}

static void write_container(struct json_writer *w, const struct container *c, uint64_t size)
{
	cleanup_free char *id = xstrndup(c->cfg.id, 12);
	cleanup_free char *image = xstrndup(c->cfg.image_id ?: "", 12);
	cleanup_free char *command = c->cfg.command ? strv_join(c->cfg.command, " ") : NULL;
	uint64_t volumes = 0;

	for (size_t i = 0; i < c->cfg.n_mounts; i++)
		volumes += streq_null(c->cfg.mounts[i].type, "volume");
	/* Tabs would be taken for columns. */
	for (char *p = command; p && *p; p++)
		if (*p == '\t' || *p == '\n')
			*p = ' ';
	json_write_object(w, NULL);
	json_write_str(w, "ContainerID", id);
	json_write_str(w, "Image", image);
	json_write_str(w, "Command", command ?: "");
	json_write_u64(w, "LocalVolumes", volumes);
	write_size(w, "RWSize", size);
	write_age(w, c->cfg.created);
	json_write_str(w, "Status", container_state_name(c->state));
	json_write_str(w, "Names", c->cfg.name);
	json_write_end(w, '}');
}

static int print_containers(const struct usage *u, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "ContainerID", "CONTAINER ID" },
						      { "LocalVolumes", "LOCAL VOLUMES" },
						      { "RWSize", "SIZE" },
						      { NULL, NULL } };
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < u->n_containers; i++)
		write_container(&w, u->containers[i], u->of_container[i].changed);
	return format_print_array(
		"table {{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t"
		"{{.RWSize}}\t{{.Created}}\t{{.Status}}\t{{.Names}}",
		&w, titles, false, err);
}

static int print_volumes(const struct usage *u, struct cmk_err *err)
{
	static const struct format_title titles[] = { { "VolumeName", "VOLUME NAME" },
						      { NULL, NULL } };
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	for (size_t i = 0; i < u->n_volumes; i++) {
		json_write_object(&w, NULL);
		json_write_str(&w, "VolumeName", u->volumes[i].name);
		json_write_u64(&w, "Links", volume_users_of(&u->users, u->volumes[i].name, NULL));
		write_size(&w, "Size", u->of_volume[i].bytes);
		json_write_end(&w, '}');
	}
	return format_print_array("table {{.VolumeName}}\t{{.Links}}\t{{.Size}}", &w, titles, false,
				  err);
}

static uint64_t images_with(const struct images_usage *u, const char *blob)
{
	uint64_t n = 0;

	for (size_t i = 0; i < u->n; i++) {
		const struct image_record *rec = &u->images[i];
		size_t k = 0;

		while (k < rec->n_layers && !streq_null(rec->layers[k].blob, blob))
			k++;
		n += k < rec->n_layers;
	}
	return n;
}

static int print_blobs(const struct usage *u, struct cmk_err *err)
{
	struct json_writer w = JSON_WRITER_INIT;
	char buf[72];

	json_write_array(&w, NULL);
	for (size_t i = 0; i < u->n_blobs; i++) {
		json_write_object(&w, NULL);
		json_write_str(&w, "Digest", digest_str(&u->blobs[i].digest, buf));
		write_size(&w, "Size", u->blobs[i].size);
		json_write_u64(&w, "Images", images_with(&u->images, buf));
		json_write_end(&w, '}');
	}
	return format_print_array("table {{.Digest}}\t{{.Size}}\t{{.Images}}", &w, NULL, false,
				  err);
}

static void write_shared(struct json_writer *w, const char *type, uint64_t total, uint64_t size,
			 uint64_t saved)
{
	json_write_object(w, NULL);
	json_write_str(w, "Type", type);
	json_write_u64(w, "Total", total);
	write_size(w, "Size", size);
	write_size(w, "Saved", saved);
	json_write_end(w, '}');
}

static int print_shared(const struct usage *u, struct cmk_err *err)
{
	const struct images_usage *i = &u->images;
	const struct summary maps = of_maps(u);
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	write_shared(&w, "Files of layers", i->n_files, i->files_size, i->files_saved);
	write_shared(&w, "Id maps", maps.total, maps.size, maps.saved);
	return format_print_array("table {{.Type}}\t{{.Total}}\t{{.Size}}\t{{.Saved}}", &w, NULL,
				  false, err);
}

static int print_verbose(const struct usage *u, struct cmk_err *err)
{
	const struct {
		const char *title;
		int (*print)(const struct usage *u, struct cmk_err *err);
		bool wanted;
	} parts[] = {
		{ "Images", print_images, true },
		{ "Containers", print_containers, true },
		{ "Local Volumes", print_volumes, true },
		{ "Kept Blobs", print_blobs, u->n_blobs > 0 },
		{ "Shared Data", print_shared, u->images.n_files + u->images.n_maps > 0 },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(parts); i++) {
		if (!parts[i].wanted)
			continue;
		(void)printf("%s%s space usage:\n\n", i ? "\n" : "", parts[i].title);
		r = parts[i].print(u, err);
	}
	return r;
}

static int system_df_exec(const struct cmk_globals *g, void *args, int argc cmk_unused,
			  char **argv cmk_unused, struct cmk_err *err)
{
	cleanup(usage_done) struct usage u = { 0 };
	const struct system_df_args *a = args;
	cleanup_storage struct storage *st = NULL;
	int r = 0;

	if (a->verbose && a->format)
		return cmk_err_set(err, -EINVAL, "cannot combine --format and --verbose flags");
	if (a->format)
		r = format_check(a->format, err);
	if (r == 0)
		r = storage_open(g->root, g->runroot, &st, err);
	if (r == 0)
		r = load(st, &u, !a->verbose, err);
	if (r < 0)
		return r;
	return a->verbose ? print_verbose(&u, err) : print_summary(&u, a->format, err);
}

static const struct cmk_example system_df_examples[] = {
	{ "cmk system df", "Shows what images, containers and volumes take" },
	{ "cmk system df -v", "Shows each of them" },
	{ "cmk system df --format '{{.Type}}: {{.Reclaimable}}'",
	  "Shows what `cmk system prune` could give back" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_system_df = {
	.name = "system df",
	.summary = "Show what is used of the disk",
	.description =
		"How many images, containers and volumes there are, how many of them are in use, "
		"how much they take and how much of that could be removed. A layer that several "
		"images share counts once, and so does a file that several layers share (it is one "
		"file on the disk, of several names); sizes of images are those of their layers' "
		"tar streams. Of a container counts what it has written itself. Artifacts are "
		"counted where there are any; where pulls have kept compressed layers (`cmk pull "
		"--keep-blobs`), these have a line of their own, and so have the owners of images' "
		"files for containers with an id map of their own (`--userns=keep-id`, "
		"`--uidmap`), by what they take on the disk. What is saved by sharing files and by "
		"not copying them for id maps is told by `-v`, and by the fields `.Saved` and "
		"`.RawSaved` of `--format`.",
	.examples = system_df_examples,
	.options = system_df_options,
	.args_size = sizeof(struct system_df_args),
	.exec = system_df_exec,
};
