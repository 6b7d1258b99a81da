// SPDX-License-Identifier: Apache-2.0
#include "cmd/create_options.h"

#define T struct create_args

const struct cmk_option cmk_create_mount_options[] = {
	CMK_OPT_OF(OPT_STRV, 0, "device", T, o.devices, "HOST[:CONTAINER][:PERMISSIONS]",
		   "give the container a device of the host: a path or a CDI name",
		   .complete = COMPLETE_FILES, .conf = "containers.devices",
		   .flags = OPT_CONF_ADDED),
	CMK_OPT_OF(OPT_CSV, 0, "gpus", T, o.gpus, "NAME",
		   "give the container a GPU of NVIDIA's by its CDI name, or 'all'"),
	CMK_OPT_STRING(0, "image-volume", T, o.image_volume, "MODE",
		       "what the image's volumes become", .def = "anonymous",
		       .words = "anonymous|bind|tmpfs|ignore", .complete = COMPLETE_WORDS),
	CMK_OPT_FLAG(0, "read-only-tmpfs", T, o.read_only_tmpfs,
		     "with --read-only: /run, /tmp, /var/tmp and /dev stay writable, in memory",
		     .def = "true"),
	CMK_OPT_OF(OPT_STRV, 0, "secret", T, o.secrets, "NAME[,OPTION...]",
		   "give the container a secret, as a file or a variable",
		   .complete = COMPLETE_SECRETS),
	CMK_OPT_OF(OPT_BYTES, 0, "shm-size", T, o.shm_size, "BYTES",
		   "size of /dev/shm; 0 for no limit", .def = "65536000",
		   .conf = "containers.shm_size"),
	CMK_OPT_OF(OPT_STRV, 0, "storage-opt", T, storage_opts, "size=BYTES",
		   "limit what the container may write; refused, see there"),
	CMK_OPT_STRING(0, "volume-driver", T, volume_driver, "DRIVER",
		       "driver of the volumes that -v makes", .words = "local",
		       .complete = COMPLETE_WORDS),
	CMK_OPT_OF(OPT_STRV, 0, "volumes-from", T, o.volumes_from, "CONTAINER[:OPTIONS]",
		   "mount what is mounted in another container", .complete = COMPLETE_CONTAINERS),
	CMK_OPT_END(),
};
