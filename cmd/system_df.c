// SPDX-License-Identifier: Apache-2.0
#include "cmd/containers.h"
#include "cmd/format.h"
#include "cmd/images_filter.h"

struct system_df_args {
	bool verbose;
	const char *format;
};

static const struct cmk_option system_df_options[] = {
	CMK_OPT_STRING(0, "format", struct system_df_args, format, "FORMAT",
		       "print as json or through a Go template"),
	CMK_OPT_FLAG('v', "verbose", struct system_df_args, verbose,
		     "list every image, container and volume"),
	CMK_OPT_END(),
};

/* A layer, of each image that has it. */
struct layer {
	const char *diff_id;
	uint64_t size;
	size_t image;
};

struct image_usage {
	const struct image_record *rec;
	uint64_t shared, unique; /* with other images, or its own */
	uint64_t containers;
};

struct usage {
	struct image_record *images;
	struct image_usage *of_image;
	size_t n_images;
	uint64_t images_size, images_used; /* of all layers, of those that containers stand on */
	struct container **containers;
	struct container_size *of_container;
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
	storage_image_list_free(u->images, u->n_images);
	free(u->of_image);
	container_list_free(u->containers, u->n_containers);
	free(u->of_container);
	storage_volume_list_free(u->volumes, u->n_volumes);
	free(u->of_volume);
	volume_users_done(&u->users);
	storage_artifact_list_free(u->artifacts, u->n_artifacts);
	free(u->blobs);
}

static int compare_layers(const void *a, const void *b)
{
	const struct layer *x = a, *y = b;
	int r = strcmp(x->diff_id, y->diff_id);

	return r ? r : (x->image > y->image) - (x->image < y->image);
}

/* The N entries of one layer: once for each of its images. */
static void add_layer(struct usage *u, const struct layer *l, size_t n)
{
	size_t n_images = 0;
	bool used = false;

	for (size_t i = 0; i < n; i++)
		n_images += i == 0 || l[i].image != l[i - 1].image;
	for (size_t i = 0; i < n; i++) {
		struct image_usage *image = &u->of_image[l[i].image];

		if (i > 0 && l[i].image == l[i - 1].image)
			continue;
		*(n_images > 1 ? &image->shared : &image->unique) += l->size;
		used |= image->containers > 0;
	}
	u->images_size += l->size;
	u->images_used += used ? l->size : 0;
}

static void count_layers(struct usage *u)
{
	cleanup_free struct layer *layers = NULL;
	size_t n = 0, k = 0;

	for (size_t i = 0; i < u->n_images; i++)
		n += u->images[i].n_layers;
	layers = xcalloc(n + 1, sizeof(*layers));
	for (size_t i = 0; i < u->n_images; i++)
		for (size_t j = 0; j < u->images[i].n_layers; j++) {
			const struct image_layer_ref *l = &u->images[i].layers[j];

			layers[k++] = (struct layer){ l->diff_id, l->size, i };
		}
	qsort(layers, n, sizeof(*layers), compare_layers);
	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && streq(layers[i].diff_id, layers[end].diff_id); end++)
			;
		add_layer(u, &layers[i], end - i);
	}
}

static void count_images(struct usage *u)
{
	u->of_image = xcalloc(u->n_images + 1, sizeof(*u->of_image));
	for (size_t i = 0; i < u->n_images; i++) {
		u->of_image[i].rec = &u->images[i];
		for (size_t k = 0; k < u->n_containers; k++)
			u->of_image[i].containers += container_uses_image(&u->containers[k]->cfg,
									  u->images[i].id);
	}
	count_layers(u);
}

/* Artifacts for the SUMMARY alone. */
static int load(struct storage *st, struct usage *u, bool summary, struct cmk_err *err)
{
	int r = storage_image_list(st, &u->images, &u->n_images, err);

	if (r == 0)
		r = container_list(st, &u->containers, &u->n_containers, err);
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
	count_images(u);
	u->of_container = xcalloc(u->n_containers + 1, sizeof(*u->of_container));
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
};

static void write_summary(struct json_writer *w, const struct summary *s)
{
	char size[32], reclaimable[32], text[48];
	double percent = s->size ? (double)s->reclaimable / (double)s->size * 100 : 0;

	format_size_tight(s->size, 4, size);
	format_size_tight(s->reclaimable, 4, reclaimable);
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
	json_write_end(w, '}');
}

static struct summary of_images(const struct usage *u)
{
	struct summary s = { .type = "Images",
			     .total = u->n_images,
			     .size = u->images_size,
			     .reclaimable = u->images_size - u->images_used };

	for (size_t i = 0; i < u->n_images; i++)
		s.active += u->of_image[i].containers > 0;
	return s;
}

static struct summary of_containers(const struct usage *u)
{
	struct summary s = { .type = "Containers", .total = u->n_containers };

	for (size_t i = 0; i < u->n_containers; i++) {
		bool active = container_is_active(u->containers[i]);

		s.active += active;
		s.size += u->of_container[i].changed;
		s.reclaimable += active ? 0 : u->of_container[i].changed;
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

static int print_items(struct json_writer *w, const char *format, const struct format_title *titles,
		       struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r;

	json_write_end(w, ']');
	r = json_writer_finish(w, &text, &len, err);
	return r < 0 ? r : format_print(format, text, len, titles, false, err);
}

static int print_summary(const struct usage *u, const char *format, struct cmk_err *err)
{
	const struct summary all[] = { of_images(u), of_containers(u), of_volumes(u),
				       of_artifacts(u), of_blobs(u) };
	struct json_writer w = JSON_WRITER_INIT;

	json_write_array(&w, NULL);
	/* The last two are no lines of podman's: only where there are some. */
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (i < 3 || all[i].total > 0)
			write_summary(&w, &all[i]);
	if (!format)
		format = "table {{.Type}}\t{{.Total}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}";
	return print_items(&w, format, NULL, err);
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
	for (size_t i = 0; i < u->n_images; i++) {
		char *const *name = u->images[i].names;

		if (!name || !*name)
			write_image(&w, &u->of_image[i], NULL);
		for (; name && *name; name++)
			write_image(&w, &u->of_image[i], *name);
	}
	return print_items(&w,
			   "table {{.Repository}}\t{{.Tag}}\t{{.ImageID}}\t{{.Created}}\t"
			   "{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}",
			   titles, err);
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
	return print_items(&w,
			   "table {{.ContainerID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t"
			   "{{.RWSize}}\t{{.Created}}\t{{.Status}}\t{{.Names}}",
			   titles, err);
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
	return print_items(&w, "table {{.VolumeName}}\t{{.Links}}\t{{.Size}}", titles, err);
}

static uint64_t images_with(const struct usage *u, const char *blob)
{
	uint64_t n = 0;

	for (size_t i = 0; i < u->n_images; i++) {
		size_t k = 0;

		while (k < u->images[i].n_layers && !streq_null(u->images[i].layers[k].blob, blob))
			k++;
		n += k < u->images[i].n_layers;
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
		json_write_u64(&w, "Images", images_with(u, buf));
		json_write_end(&w, '}');
	}
	return print_items(&w, "table {{.Digest}}\t{{.Size}}\t{{.Images}}", NULL, err);
}

static int print_verbose(const struct usage *u, struct cmk_err *err)
{
	int r;

	(void)printf("Images space usage:\n\n");
	r = print_images(u, err);
	if (r < 0)
		return r;
	(void)printf("\nContainers space usage:\n\n");
	r = print_containers(u, err);
	if (r < 0)
		return r;
	(void)printf("\nLocal Volumes space usage:\n\n");
	r = print_volumes(u, err);
	if (r < 0 || u->n_blobs == 0)
		return r;
	(void)printf("\nKept Blobs space usage:\n\n");
	return print_blobs(u, err);
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
		"images share counts once; sizes of images are those of their layers' tar "
		"streams. Of a container counts what it has written itself. Artifacts are counted "
		"where there are any; where pulls have kept compressed layers (`cmk pull "
		"--keep-blobs`), these have a line of their own.",
	.examples = system_df_examples,
	.options = system_df_options,
	.args_size = sizeof(struct system_df_args),
	.exec = system_df_exec,
};
