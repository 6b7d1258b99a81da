// SPDX-License-Identifier: Apache-2.0
/* The lists of images in archives and layouts: docker's manifest.json, OCI's index.json and
 * oci-layout; names with a transport. */
#include "image/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void choose_all(struct bundle *b, const struct bundle_kind *kind)
{
	b->files.shown = xstrdup("fuzz");
	b->kind = kind;
	for (size_t i = 0; i < b->n_images; i++) {
		const struct bundle_image *image = NULL;
		cleanup_strv char **names = NULL;

		if (b->images[i].names)
			(void)kind->choose(b, b->images[i].names[0], &image, &names, NULL);
	}
	bundle_done(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct platform want = { "linux", "amd64", NULL };
	struct bundle docker = { .files.fd = -1 }, oci = { .files.fd = -1 };
	const char *text = (const char *)data;
	struct transport_name name;

	(void)docker_manifest_parse(&docker, text, size, NULL);
	choose_all(&docker, &bundle_docker_archive);
	(void)oci_index_parse(&oci, text, size, &want, NULL);
	choose_all(&oci, &bundle_oci);
	(void)oci_layout_check(text, size, NULL);
	if (size < 4096) {
		cleanup_free char *s = xstrndup(text, size);

		if (image_has_transport(s) && transport_parse(s, &name, NULL) == 0)
			transport_name_done(&name);
	}
	return 0;
}
