// SPDX-License-Identifier: Apache-2.0
/*
 * cmk-quadlet: the generator of systemd that makes units of Quadlet's files (systemd.generator(7)).
 * It is also in systemd's directories of generators, as cmk-user-generator and
 * cmk-system-generator. A program of its own, since every start of a manager runs it.
 *
 * What is wrong with a file goes to stderr, and to the kernel's log, where systemd has no other for
 * generators; the others are made, and the exit code is 1.
 */
#include <fcntl.h>
#include <getopt.h>

#include "base/text.h"
#include "libpod/unit/quadlet.h"

struct args {
	bool dry_run, user, verbose, no_kmsg, version;
	const char *out;
};

static const struct args *args;

/* One line. */
static void say(const char *text)
{
	cleanup_free char *line = xasprintf("cmk-quadlet[%d]: %s\n", (int)getpid(), text);
	cleanup_close int fd = -1;

	text_make_plain(line, "\n", ' ');
	(void)!write(STDERR_FILENO, line, strlen(line));
	if (args->dry_run || args->no_kmsg)
		return;
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd >= 0)
		(void)!write(fd, line, strlen(line));
}

static void usage(FILE *f)
{
	(void)fprintf(
		f, "cmk-quadlet [--user] [-v] [--no-kmsg-log] DIR [DIR DIR]\n"
		   "cmk-quadlet [--user] [-v] --dry-run\n\n"
		   "Makes units of systemd from Quadlet's files (cmk-systemd.unit(5)) in the first "
		   "DIR, or prints them.\n\n"
		   "  --dry-run, -dryrun  print the units\n"
		   "  --user, -user       for a user's manager, not for the system's\n"
		   "  --no-kmsg-log       write no error to the kernel's log\n"
		   "  -v                  say what is read\n"
		   "  --version           print the version\n");
}

/* 0, or an exit code above 0; -1: all is said. */
static int parse(int argc, char **argv, struct args *a)
{
	/* With one dash as well, as podman's takes them. */
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "dryrun", no_argument, NULL, 'n' },
		{ "user", no_argument, NULL, 'u' },
		{ "no-kmsg-log", no_argument, NULL, 'k' },
		{ "v", no_argument, NULL, 'v' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	int c;

	a->user = argc > 0 && strstr(name ? name : argv[0], "user");
	while ((c = getopt_long_only(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h') {
			usage(stdout);
			return -1;
		}
		if (c == '?') {
			usage(stderr);
			return 2;
		}
		a->dry_run |= c == 'n';
		a->user |= c == 'u';
		a->no_kmsg |= c == 'k';
		a->verbose |= c == 'v';
		a->version |= c == 'V';
	}
	a->out = argv[optind];
	if (argc - optind > 3 || (!a->out && !a->dry_run && !a->version)) {
		usage(stderr);
		return 2;
	}
	return 0;
}

static void print_units(const struct quadlet_set *set)
{
	const char *online = quadlet_online_text(set);

	for (size_t i = 0; i < set->n; i++)
		if (set->units[i]->service_text)
			(void)printf("---%s---\n%s\n", set->units[i]->service,
				     set->units[i]->service_text);
	if (online)
		(void)printf("---" QUADLET_ONLINE "---\n%s\n", online);
}

static int write_units(const struct quadlet_set *set, struct cmk_err *err)
{
	cleanup_close int fd = open(args->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return cmk_err_errno(err, "open '%s'", args->out);
	quadlet_write(set, fd);
	return 0;
}

/* How many things were wrong. */
static int tell_errors(const struct quadlet_set *set)
{
	int n = 0;

	for (size_t i = 0; i < set->n; i++) {
		if (!set->units[i]->err.msg)
			continue;
		say(cmk_err_msg(&set->units[i]->err));
		n++;
	}
	return n;
}

static int generate(struct quadlet_set *set, char *const *dirs)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT, out_err = CMK_ERR_INIT;
	int failed = 0;

	if (quadlet_set_load(set, dirs, &err) < 0) {
		say(cmk_err_msg(&err));
		failed = 1;
	}
	for (size_t i = 0; args->verbose && i < set->n; i++) {
		cleanup_free char *text = xasprintf("reading %s", set->units[i]->path);

		say(text);
	}
	(void)quadlet_convert_all(set);
	if (args->dry_run) {
		print_units(set);
	} else if (set->n && write_units(set, &out_err) < 0) {
		say(cmk_err_msg(&out_err));
		failed = 1;
	}
	return tell_errors(set) || failed;
}

int main(int argc, char **argv)
{
	cleanup_err struct cmk_err err = CMK_ERR_INIT;
	cleanup_strv char **dirs = NULL;
	struct quadlet_set set = { 0 };
	struct args a = { 0 };
	bool left;
	int r = parse(argc, argv, &a);

	args = &a;
	if (r != 0)
		return MAX(r, 0);
	if (a.version) {
		(void)printf("%s\n", PACKAGE_VERSION);
		return 0;
	}
	set.user = a.user;
	if (quadlet_dirs(a.user, &dirs, &left, &err) < 0) {
		say(cmk_err_msg(&err));
		return 1;
	}
	if (left && (a.verbose || a.dry_run))
		say("podman's own generator is installed: the files in containers/systemd are left "
		    "to it, those in cmk/systemd are read");
	r = generate(&set, dirs);
	quadlet_set_done(&set);
	return r;
}
