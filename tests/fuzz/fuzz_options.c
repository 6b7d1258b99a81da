// SPDX-License-Identifier: Apache-2.0
/* The first byte says which of the small languages of option values the rest is read as. */
#include "libpod/option/optlimit.h"
#include "libpod/option/optparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_mount(int (*parse)(const char *, struct opt_mount *, struct cmk_err *),
		       const char *text)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	struct opt_mount m = { 0 };

	if (parse(text, &m, &err) < 0) {
		if (!err.msg || err.code >= 0)
			abort();
		return;
	}
	/* What is taken has a clean absolute place; a pattern may do without. */
	if (!m.destination && m.type && streq(m.type, "glob")) {
		opt_mount_done(&m);
		return;
	}
	if (!m.destination || m.destination[0] != '/' || strstr(m.destination, "//") ||
	    str_has_suffix(m.destination, "/..") || streq(m.destination, "/"))
		abort();
	opt_mount_done(&m);
}

/* TEXT for each of them. */
static void fuzz_limits(const char *text)
{
	char *list[] = { (char *)(uintptr_t)text, NULL };
	const struct opt_limits cases[] = {
		{ .has_memory = true, .memory = 1 << 30, .memory_swap = text },
		{ .cpu_period = text },
		{ .cpu_quota = text },
		{ .cpu_shares = text },
		{ .cpuset_cpus = text },
		{ .blkio_weight = text },
		{ .weights = list },
		{ .rates[IO_READ_BPS] = list },
		{ .cgroup_conf = list },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct spec_resources res = { 0 };

		if (opt_limits_put(&res, &cases[i], NULL) == 0 &&
		    ((res.cpu_period && res.cpu_period < 1000) || res.cpu_quota < 0 ||
		     (res.unified && memchr(res.unified[0], '/', strcspn(res.unified[0], "="))) ||
		     res.cpu_shares > 262144 || res.blkio_weight > 1000))
			abort();
		free(res.cpuset_cpus);
		strv_free(res.unified);
		free(res.weights.list);
		free(res.rates[IO_READ_BPS].list);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = NULL;
	cleanup_strv char **v = NULL;
	struct spec_rlimit limit;
	struct opt_secret secret;
	struct opt_device device;

	if (size == 0 || size > 65536)
		return 0;
	text = xstrndup((const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'e':
		(void)opt_env_file_parse((const char *)data + 1, size - 1, &v, NULL);
		break;
	case 'u':
		if (opt_ulimit_parse(text, &limit, NULL) == 0) {
			if (limit.soft > limit.hard)
				abort();
			free(limit.type);
		}
		break;
	case 'v':
		fuzz_mount(opt_volume_parse, text);
		break;
	case 'm':
		fuzz_mount(opt_mount_parse, text);
		break;
	case 't':
		fuzz_mount(opt_tmpfs_parse, text);
		break;
	case 's':
		if (opt_secret_parse(text, &secret, NULL) == 0) {
			if (!secret.name || !*secret.name || secret.mode > 07777)
				abort();
			opt_secret_done(&secret);
		}
		break;
	case 'd':
		if (opt_device_parse(text, &device, NULL) == 0) {
			if (device.destination[0] != '/' || !*device.permissions)
				abort();
			opt_device_done(&device);
		}
		break;
	case 'l':
		fuzz_limits(text);
		break;
	case 'p':
		(void)opt_expose_parse(text, &v, NULL);
		break;
	case 'n':
		(void)opt_entrypoint_parse(text, &v, NULL);
		break;
	case 'h':
		(void)opt_hostname_check(text, NULL);
		break;
	default:
		break;
	}
	return 0;
}
