// SPDX-License-Identifier: Apache-2.0
/* Artifacts from and to registries: blobs are files, whatever they hold. */
#include "base/log.h"
#include "image/artifact.h"
#include "image/connect.h"
#include "image/push.h"
#include "image/receive.h"

/* --- pull --- */

struct pull {
	struct storage *st;
	struct client *client;
	struct progress *progress;
	struct artifact_build build;
	struct fetched text;
	struct manifest m;
};

static void pull_done(struct pull *p)
{
	storage_artifact_cancel(&p->build);
	client_free(p->client);
	fetched_done(&p->text);
	manifest_done(&p->m);
}

static int fetch_manifest(struct pull *p, const struct image_ref *ref, const char *tag,
			  struct cmk_err *err)
{
	struct digest got;
	int r = client_fetch_text(p->client, PROTO_MANIFEST, ref->digest ?: tag, 0,
				  IMAGE_MANIFEST_MAX, &p->text, err);

	if (r < 0)
		return r;
	r = receive_check_digest(&p->text, ref->digest, &got, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "manifest");
	return manifest_parse_artifact(p->text.text, p->text.len, p->text.content_type, &p->m, err);
}

static int fetch_blob(struct pull *p, const struct descriptor *d, const char *what,
		      struct cmk_err *err)
{
	cleanup_close int fd = -1;
	struct digest got;
	uint64_t size = 0;
	char buf[72];
	int r = 0;

	progress_line(p->progress, "Copying %s %s", what, digest_str(&d->digest, buf));
	if (storage_artifact_reuse(&p->build, &d->digest, d->size))
		return 0;
	fd = storage_artifact_file(&p->build, err);
	if (fd < 0)
		return fd;
	/* For the registry 0 bytes would mean any number. */
	if (d->size > 0)
		r = client_fetch_blob(p->client, buf, d->size, fd, err);
	if (r == 0)
		r = storage_artifact_take(&p->build, fd, &got, &size, err);
	if (r == 0 && (!streq(got.hex, d->digest.hex) || size != d->size))
		r = cmk_err_set(err, -EBADMSG, "%s: wrong digest: expected %s of %llu bytes", what,
				buf, (unsigned long long)d->size);
	return r;
}

static int check_space(struct pull *p, struct cmk_err *err)
{
	uint64_t sum = p->m.config.size;

	for (size_t i = 0; i < p->m.n_items; i++)
		if (__builtin_add_overflow(sum, p->m.items[i].size, &sum))
			sum = UINT64_MAX;
	return storage_check_space(p->st, sum, err);
}

static int pull_from(struct pull *p, const struct image_pull_options *o,
		     const struct image_ref *ref, const struct registry_source *src,
		     const char *name, struct digest *ret, struct cmk_err *err)
{
	const struct artifact_before before = { .any = true };
	int r = registry_connect_pull(o, src, &p->client, err);

	if (r == 0)
		r = fetch_manifest(p, ref, src->tag, err);
	if (r == 0)
		r = check_space(p, err);
	if (r == 0)
		r = storage_artifact_begin(p->st, &p->build, err);
	if (r == 0)
		r = fetch_blob(p, &p->m.config, "config", err);
	for (size_t i = 0; r == 0 && i < p->m.n_items; i++)
		r = fetch_blob(p, &p->m.items[i], "blob", err);
	if (r < 0)
		return r;
	progress_line(p->progress, "Writing manifest to image destination");
	return storage_artifact_put(&p->build, name, p->text.text, p->text.len, &before, ret, err);
}

static int pull_ref(struct storage *st, const struct image_ref *ref,
		    const struct image_pull_options *o, struct digest *ret, struct cmk_err *err)
{
	cleanup_progress struct progress *progress = progress_new(o->quiet);
	cleanup_free char *name = image_ref_str(ref);
	struct registry_source *list = NULL;
	size_t n = 0;
	int r = registries_sources_of(ref, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		cleanup(pull_done) struct pull p = { .st = st,
						     .progress = progress,
						     .build = { .fd = -1 } };
		cleanup_err struct cmk_err mine = CMK_ERR_INIT;
		int q = pull_from(&p, o, ref, &list[i], name, ret, &mine);

		if (q == 0)
			break;
		/* A mirror that fails is no failure; the registry itself comes last. */
		if (i + 1 < n)
			log_debug("mirror %s: %s", list[i].registry, cmk_err_msg(&mine));
		else
			r = cmk_err_move(err, &mine);
	}
	registry_sources_free(list, n);
	return r < 0 ? cmk_err_wrap(err, r, "pull '%s'", name) : 0;
}

int image_artifact_pull(struct storage *st, const char *name, const struct image_pull_options *o,
			struct digest *ret, struct cmk_err *err)
{
	cleanup(image_ref_done) struct image_ref ref = { 0 };
	int r = image_authfile_check(o->authfile, err);

	if (r == 0)
		r = image_ref_parse_docker(name, &ref, err);
	return r < 0 ? r : pull_ref(st, &ref, o, ret, err);
}

/* --- push --- */

struct artifact_push {
	struct storage *st;
	const struct storage_artifact *a;
	struct push *push;
	struct image_ref to;
	struct manifest m;
};

static void artifact_push_done(struct artifact_push *p)
{
	push_end(p->push);
	image_ref_done(&p->to);
	manifest_done(&p->m);
}

static int push_blob(struct artifact_push *p, const struct descriptor *d, const char *what,
		     struct cmk_err *err)
{
	struct client *client = push_client(p->push);
	cleanup_close int fd = -1;
	struct digest got;
	char buf[72];
	int r;

	progress_line(push_progress(p->push), "Copying %s %s", what, digest_str(&d->digest, buf));
	r = client_has_blob(client, buf, err);
	if (r != 0)
		return MIN(r, 0);
	fd = storage_artifact_open(p->st, &p->a->id, &d->digest, err);
	if (fd < 0)
		return fd;
	r = digest_of_fd(fd, &got);
	if (r < 0)
		return cmk_err_set(err, r, "read %s: %s", buf, errno_text(-r));
	if (!streq(got.hex, d->digest.hex))
		return cmk_err_set(err, -EBADMSG, "the blob %s is damaged: its digest is sha256:%s",
				   buf, got.hex);
	return client_upload(client, buf, fd, d->size, err);
}

static int push_all(struct artifact_push *p, const struct image_push_options *o,
		    struct cmk_err *err)
{
	cleanup(pushed_done) struct pushed done = { 0 };
	int r = push_begin(p->st, &p->to, o, &p->push, err);

	for (size_t i = 0; r == 0 && i < p->m.n_items; i++)
		r = push_blob(p, &p->m.items[i], "blob", err);
	if (r == 0)
		r = push_blob(p, &p->m.config, "config", err);
	if (r < 0)
		return r;
	push_call(p->push, &p->to);
	return push_manifest(p->push, p->a->manifest, p->a->manifest_len, p->m.media_type, &done,
			     err);
}

int image_artifact_push(struct storage *st, const struct storage_artifact *a,
			const struct image_push_options *o, struct cmk_err *err)
{
	cleanup(artifact_push_done) struct artifact_push p = { .st = st, .a = a };
	int r = image_ref_parse_docker(a->name, &p.to, err);

	if (r == 0)
		r = manifest_parse_artifact(a->manifest, a->manifest_len, NULL, &p.m, err);
	if (r == 0)
		r = push_all(&p, o, err);
	return r < 0 ? cmk_err_wrap(err, r, "push '%s'", a->name) : 0;
}
