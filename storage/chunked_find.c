// SPDX-License-Identifier: Apache-2.0
/*
 * The store's files by their SHA-256. There is no index that could be wrong: what was kept of each
 * layer's tar stream (tar_split.h) names its files with their digests, and is read through once.
 * Only what is wanted is remembered.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "base/file.h"
#include "storage/chunked.h"
#include "storage/internal.h"
#include "storage/tar_split.h"

struct toc_search {
	int layers_fd; /* borrowed */
	struct toc *t;
	struct toc_entry **wanted; /* by digest */
	size_t n_wanted, n_missing;
	struct digest *layers;
	size_t n_layers;
	char **paths;
	size_t n_paths;
	int diff_fd; /* of the layer at hand */
};

static int compare_sums(const void *a, const void *b)
{
	const struct toc_entry *const *x = a, *const *y = b;

	return memcmp((*x)->sum, (*y)->sum, TOC_SUM_LEN);
}

static void list_wanted(struct toc_search *s)
{
	s->wanted = xcalloc(s->t->n + 1, sizeof(*s->wanted));
	for (size_t i = 0; i < s->t->n; i++)
		if (s->t->entries[i].n > 0)
			s->wanted[s->n_wanted++] = &s->t->entries[i];
	s->n_missing = s->n_wanted;
	qsort(s->wanted, s->n_wanted, sizeof(*s->wanted), compare_sums);
}

/* The first of those that want SUM; N_WANTED where nobody does. */
static size_t first_of(const struct toc_search *s, const uint8_t *sum)
{
	size_t low = 0, high = s->n_wanted;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (memcmp(s->wanted[mid]->sum, sum, TOC_SUM_LEN) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_wanted && memcmp(s->wanted[low]->sum, sum, TOC_SUM_LEN) == 0
		       ? low
		       : s->n_wanted;
}

static int open_in(int diff_fd, const char *path)
{
	return open_resolved(diff_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0,
			     RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static bool is_there(int diff_fd, const char *path, uint64_t size)
{
	cleanup_close int fd = open_in(diff_fd, path);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       (uint64_t)st.st_size == size;
}

static int on_file(void *arg, const char *path, uint64_t size, const uint8_t *sum,
		   cmk_unused struct cmk_err *err)
{
	struct toc_search *s = arg;
	size_t first = first_of(s, sum);
	char *copy;

	if (first == s->n_wanted || s->wanted[first]->path || s->wanted[first]->size != size ||
	    !is_there(s->diff_fd, path, size))
		return 0;
	copy = xstrdup(path);
	if ((s->n_paths & (s->n_paths - 1)) == 0)
		s->paths = xrealloc(s->paths, s->n_paths ? s->n_paths * 2 : 1, sizeof(*s->paths));
	s->paths[s->n_paths++] = copy;
	for (size_t i = first; i < s->n_wanted; i++) {
		struct toc_entry *e = s->wanted[i];

		if (memcmp(e->sum, sum, TOC_SUM_LEN) != 0 || e->size != size)
			break;
		e->path = copy;
		e->layer = s->n_layers;
		s->n_missing--;
	}
	return 0;
}

/* A layer that cannot be read has nothing for us. */
static void search_layer(struct toc_search *s, const char *name)
{
	cleanup_close int dir = openat(s->layers_fd, name,
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	cleanup_close int diff = dir < 0 ? -1
					 : openat(dir, "diff",
						  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct digest id;

	if (diff < 0 || digest_parse_hex(name, &id) < 0)
		return;
	s->diff_fd = diff;
	(void)tar_split_files(dir, on_file, s, NULL);
	if ((s->n_layers & (s->n_layers - 1)) == 0)
		s->layers = xrealloc(s->layers, s->n_layers ? s->n_layers * 2 : 1,
				     sizeof(*s->layers));
	s->layers[s->n_layers++] = id;
}

int toc_search(int layers_fd, struct toc *t, struct toc_search **ret, struct cmk_err *err)
{
	struct toc_search *s;
	cleanup_dir DIR *d = NULL;
	struct dirent *de;
	int r = dir_read(layers_fd, &d, err);

	if (r < 0)
		return r;
	s = xcalloc(1, sizeof(*s));
	s->layers_fd = layers_fd;
	s->t = t;
	list_wanted(s);
	while (s->n_missing > 0 && (de = readdir(d)))
		if (!is_dot(de->d_name))
			search_layer(s, de->d_name);
	*ret = s;
	return 0;
}

void toc_search_free(struct toc_search *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_paths; i++)
		free(s->paths[i]);
	free(s->paths);
	free(s->wanted);
	free(s->layers);
	free(s);
}

int toc_search_open(const struct toc_search *s, const struct toc_entry *e, struct cmk_err *err)
{
	cleanup_free char *diff = xasprintf("%s/diff", s->layers[e->layer].hex);
	cleanup_close int dir = openat(s->layers_fd, diff,
				       O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int fd = dir < 0 ? -errno : open_in(dir, e->path);

	return fd < 0 ? cmk_err_set(err, fd, "file '%s' of layer %.12s: %s", e->path,
				    s->layers[e->layer].hex, errno_text(-fd))
		      : fd;
}
