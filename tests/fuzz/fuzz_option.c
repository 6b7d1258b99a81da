// SPDX-License-Identifier: Apache-2.0
/* Lines of the input are the words behind a command. */
#include "cmd/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct args {
	bool flag;
	const char *name, *opt;
	char **list, **csv;
	int64_t number, bytes, cpus;
	uint32_t small;
	int tri;
};
static const struct cmk_option rows[] = {
	CMK_OPT_FLAG('i', "interactive", struct args, flag, "a flag", .excludes = "name"),
	CMK_OPT_STRING('n', "name", struct args, name, "NAME", "a string", .words = "a|bc|d"),
	CMK_OPT_STRING('o', "opt", struct args, opt, "X", "optional", .flags = OPT_VALUE_OPTIONAL,
		       .value_if_alone = "alone", .alias = "option"),
	CMK_OPT_OF(OPT_STRV, 'e', "env", struct args, list, "K=V", "a list"),
	CMK_OPT_OF(OPT_CSV, 'c', "csv", struct args, csv, "A,B", "a list", .def = "x,y"),
	CMK_OPT_OF(OPT_INT, 0, "number", struct args, number, "N", "n", .min = -5, .max = 9),
	CMK_OPT_OF(OPT_UINT32, 's', "small", struct args, small, "N", "n"),
	CMK_OPT_OF(OPT_BYTES, 'm', "bytes", struct args, bytes, "SIZE", "n"),
	CMK_OPT_OF(OPT_NANO_CPUS, 'p', "cpus", struct args, cpus, "N", "n"),
	CMK_OPT_OF(OPT_TRISTATE, 't', "tri", struct args, tri, NULL, "t"),
	CMK_OPT_END(),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = xstrndup((const char *)data, size);
	cleanup_strv char **argv = strv_split(text, '\n');
	int argc = (int)strv_len(argv);

	for (int stop = 0; stop <= 1; stop++) {
		cleanup_err struct cmk_err err = CMK_ERR_INIT;
		struct args args = { 0 };
		const struct cmk_option_set set = { rows, &args, false };
		struct cmk_parse p = { 0 };
		int r = cmk_parse_options(&set, 1, stop, argc, argv, &p, &err);

		if ((r < 0) != (err.msg != NULL) || p.n_operands > argc)
			abort();
		if (r == 0 && (args.number < -5 || args.number > 9 || args.bytes < 0))
			abort();
		cmk_parse_done(&p);
		cmk_options_done(rows, &args);
	}
	return 0;
}
