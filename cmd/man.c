// SPDX-License-Identifier: Apache-2.0
/* `cmk __man --texts DIR --out DIR`: writes the man page of each command (man(7)) from the option
 * tables and the texts DIR/NAME.md. Used by the build. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "cmd/commands.h"
#include "cmd/conf.h"
#include "libpod/libpod.h"
#include "storage/storage.h"

#define TEXT_MAX 65536

struct man_args {
	const char *texts, *out;
};

static const struct cmk_option man_options[] = {
	CMK_OPT_STRING(0, "texts", struct man_args, texts, "DIR", "directory of the options' texts",
		       .complete = COMPLETE_DIRS),
	CMK_OPT_STRING(0, "out", struct man_args, out, "DIR", "where the pages are written",
		       .complete = COMPLETE_DIRS),
	CMK_OPT_END(),
};

/* Text as roff: `code` in bold, '-' a true hyphen-minus, no accidental request at a line's start.
 */
static void add_roff(struct strbuf *sb, const char *text)
{
	bool line_start = true, code = false;

	for (const char *p = text; *p; p++) {
		if (line_start && (*p == '.' || *p == '\''))
			strbuf_adds(sb, "\\&");
		line_start = *p == '\n';
		if (*p == '`') {
			code = !code;
			strbuf_adds(sb, code ? "\\fB" : "\\fR");
		} else if (*p == '-') {
			strbuf_adds(sb, "\\-");
		} else if (*p == '\\') {
			strbuf_adds(sb, "\\e");
		} else {
			strbuf_addc(sb, *p);
		}
	}
}

/* Paragraphs stand between empty lines. INDENTED: below a .TP. */
static void add_paragraphs(struct strbuf *sb, const char *text, bool indented)
{
	cleanup_free char *copy = xstrdup(text);
	char *p = copy, *end;

	for (bool first = true; *p; first = false, p = end) {
		while (*p == '\n')
			p++;
		if (!*p)
			return;
		end = strstr(p, "\n\n");
		if (end)
			*end++ = '\0';
		else
			end = p + strlen(p);
		if (!first)
			strbuf_adds(sb, indented ? ".IP\n" : ".PP\n");
		add_roff(sb, p);
		if (p[strlen(p) - 1] != '\n')
			strbuf_addc(sb, '\n');
	}
}

static void add_option_names(struct strbuf *sb, const struct cmk_option *o)
{
	strbuf_adds(sb, ".TP\n");
	if (o->letter)
		strbuf_addf(sb, "\\fB\\-%c\\fR, ", o->letter);
	strbuf_adds(sb, "\\fB");
	add_roff(sb, "--");
	add_roff(sb, o->name);
	if (o->alias) {
		strbuf_adds(sb, "\\fR, \\fB");
		add_roff(sb, "--");
		add_roff(sb, o->alias);
	}
	strbuf_adds(sb, "\\fR");
	if (o->arg) {
		bool optional = o->flags & OPT_VALUE_OPTIONAL;

		strbuf_adds(sb, optional ? "[=\\fI" : " \\fI");
		add_roff(sb, o->arg);
		strbuf_adds(sb, optional ? "\\fR]" : "\\fR");
	}
	strbuf_addc(sb, '\n');
}

static int add_option(struct strbuf *sb, const struct cmk_option *o, int texts_fd,
		      struct cmk_err *err)
{
	cleanup_free char *file = xasprintf("%s.md", o->name), *text = NULL;
	cleanup_free char *first = xasprintf("%c%s.", o->help[0] & ~0x20, o->help + 1);
	size_t len = 0;
	int r;

	/* That no text is missing is tests/lint/tables' matter; a build goes on without. */
	r = file_read_at(texts_fd, file, TEXT_MAX, &text, &len, NULL);
	if (r < 0 && r != -ENOENT)
		return cmk_err_set(err, r, "read text of option '--%s': %s", o->name,
				   errno_text(-r));
	add_option_names(sb, o);
	/* The help line is a clause in lower case; here it is a sentence. */
	if (o->help[0] >= 'a' && o->help[0] <= 'z')
		add_roff(sb, first);
	else
		add_roff(sb, o->help);
	strbuf_addc(sb, '\n');
	if (text) {
		strbuf_adds(sb, ".IP\n");
		add_paragraphs(sb, text, true);
	}
	if (o->words) {
		strbuf_adds(sb, ".IP\nOne of: ");
		add_roff(sb, o->words);
		strbuf_addc(sb, '\n');
	}
	if (o->def)
		strbuf_addf(sb, ".IP\nDefault: %s\n", o->def);
	if (o->env)
		strbuf_addf(sb, ".IP\nEnvironment: %s\n", o->env);
	if (o->conf) {
		strbuf_adds(sb, ".IP\ncontainers.conf: ");
		add_roff(sb, o->conf);
		strbuf_addc(sb, '\n');
	}
	return 0;
}

static int add_options(struct strbuf *sb, const char *title, const struct cmk_option *rows,
		       int texts_fd, struct cmk_err *err)
{
	cleanup_free const struct cmk_option **flat = cmk_options_shown(rows);
	int r;

	if (flat[0])
		strbuf_addf(sb, ".SH %s\n", title);
	for (size_t i = 0; flat[i]; i++) {
		r = add_option(sb, flat[i], texts_fd, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void add_head(struct strbuf *sb, const char *page, char section, const char *summary)
{
	strbuf_adds(sb, ".\\\" SPDX\\-License\\-Identifier: Apache\\-2.0\n.TH ");
	for (const char *p = page; *p; p++)
		strbuf_addc(sb, *p >= 'a' && *p <= 'z' ? (char)(*p & ~0x20) : *p);
	strbuf_addf(sb, " %c \"\" \"cmk %s\" \"%s\"\n.SH NAME\n", section, PACKAGE_VERSION,
		    section == '1' ? "User Commands" : "File Formats");
	add_roff(sb, page);
	strbuf_adds(sb, " \\- ");
	add_roff(sb, summary);
	strbuf_addc(sb, '\n');
}

static void add_exit_codes(struct strbuf *sb, const char *own)
{
	strbuf_adds(sb, ".SH EXIT STATUS\n");
	add_paragraphs(sb,
		       own ? own
			   : "`0` on success; `125` where cmk itself failed, with one line on "
			     "stderr that says what failed, on what, why, and what to do.",
		       false);
}

static void add_examples(struct strbuf *sb, const struct cmk_example *examples)
{
	if (!examples)
		return;
	strbuf_adds(sb, ".SH EXAMPLES\n");
	for (const struct cmk_example *e = examples; e->line; e++) {
		strbuf_adds(sb, ".TP\n\\fB");
		add_roff(sb, e->line);
		strbuf_adds(sb, "\\fR\n");
		add_roff(sb, e->what);
		strbuf_adds(sb, ".\n");
	}
}

static int command_page(const struct cmk_command *cmd, const char *page, int texts_fd,
			struct strbuf *sb, struct cmk_err *err)
{
	cleanup_free char *sentence = xasprintf("%s.", cmd->summary);
	int r;

	add_head(sb, page, '1', cmd->summary);
	strbuf_adds(sb, ".SH SYNOPSIS\n\\fBcmk ");
	add_roff(sb, cmd->name);
	strbuf_addf(sb, "\\fR%s%s", cmd->options ? " [\\fIOPTIONS\\fR]" : "",
		    cmd->operands ? " " : "");
	add_roff(sb, cmd->operands ? cmd->operands : "");
	strbuf_addc(sb, '\n');
	for (const char *const *a = cmd->aliases; a && *a; a++) {
		strbuf_adds(sb, ".PP\nAlso: \\fBcmk ");
		add_roff(sb, *a);
		strbuf_adds(sb, "\\fR\n");
	}
	strbuf_adds(sb, ".SH DESCRIPTION\n");
	add_paragraphs(sb, sentence, false);
	if (cmd->description) {
		strbuf_adds(sb, ".PP\n");
		add_paragraphs(sb, cmd->description, false);
	}
	r = add_options(sb, "OPTIONS", cmd->options, texts_fd, err);
	if (r < 0)
		return r;
	add_examples(sb, cmd->examples);
	add_exit_codes(sb, cmd->exit_codes);
	strbuf_adds(sb, ".SH SEE ALSO\n\\fBcmk\\fR(1)\n");
	return 0;
}

static int main_page(int texts_fd, struct strbuf *sb, struct cmk_err *err)
{
	int r;

	add_head(sb, "cmk", '1', "run OCI containers as an ordinary user, with no daemon");
	strbuf_adds(sb, ".SH SYNOPSIS\n\\fBcmk\\fR [\\fIGLOBAL OPTIONS\\fR] \\fICOMMAND\\fR "
			"[\\fIOPTIONS\\fR]\n.SH COMMANDS\n");
	for (const struct cmk_command *const *c = cmk_commands; *c; c++) {
		if ((*c)->hidden)
			continue;
		strbuf_addf(sb, ".TP\n\\fBcmk %s\\fR\n", (*c)->name);
		add_roff(sb, (*c)->summary);
		strbuf_adds(sb, ".\n");
	}
	r = add_options(sb, "GLOBAL OPTIONS", cmk_global_options, texts_fd, err);
	if (r < 0)
		return r;
	add_exit_codes(sb, "Commands that run something in a container return its exit code, or "
			   "128+N where signal N ended it.\n\n"
			   "`125` where cmk itself failed, `126` where the command cannot be "
			   "executed, `127` where it does not exist.");
	return 0;
}

/* A key of a configuration file: NAME is "table.key"; USE and TEXT may be NULL. */
static void add_key(struct strbuf *sb, const char *name, const char *use, const char *text)
{
	strbuf_adds(sb, ".TP\n\\fB");
	add_roff(sb, strrchr(name, '.') + 1);
	strbuf_adds(sb, "\\fR\n");
	if (use)
		strbuf_addf(sb, "%s.\n", use);
	if (text) {
		cleanup_free char *line = xasprintf("%s.\n", text);

		if (*line >= 'a' && *line <= 'z')
			*line = (char)(*line & ~0x20);
		add_roff(sb, line);
	}
}

/* The head of a table where NAME is the first key of it: TABLE is what it was before. */
static const char *add_table(struct strbuf *sb, const char *name, const char *table)
{
	size_t n = (size_t)(strrchr(name, '.') - name);

	if (strncmp(name, table, n + 1) != 0 || strchr(table + n + 1, '.'))
		strbuf_addf(sb, ".SH [%.*s]\n", (int)n, name);
	return name;
}

/* What cmk makes of one key of containers.conf. */
static void add_conf_key(struct strbuf *sb, const struct conf_key *k)
{
	static const char *const uses[] = {
		[CONF_MOOT] = "No matter to cmk",
		[CONF_WARNED] = "Not supported: a warning",
		[CONF_REFUSED] = "Not supported: an error where a container is made",
	};
	cleanup_strbuf struct strbuf option = STRBUF_INIT;

	if (k->use == CONF_USED && k->option) {
		strbuf_adds(&option, "Default of \\fB");
		add_roff(&option, "--");
		add_roff(&option, k->option);
		strbuf_adds(&option, "\\fR");
	}
	add_key(sb, k->name, option.len > 0 ? strbuf_str(&option) : uses[k->use], k->text);
}

static void conf_page(struct strbuf *sb)
{
	const char *table = "";

	add_head(sb, "cmk-containers.conf", '5', "what cmk reads of containers.conf");
	strbuf_adds(sb, ".SH DESCRIPTION\n");
	add_paragraphs(
		sb,
		"cmk shares the file containers.conf(5) with Podman and its kin. It reads "
		"`/usr/share/containers/containers.conf`, `/etc/containers/containers.conf`, the "
		"`*.conf` files of `/etc/containers/containers.conf.d`, "
		"`~/.config/containers/containers.conf` and the `*.conf` files of "
		"`~/.config/containers/containers.conf.d`; a later file wins, key by key. "
		"`CONTAINERS_CONF` names a file to read instead of these, and "
		"`CONTAINERS_CONF_OVERRIDE` one to read after them; `cmk --module` names others "
		"that "
		"are read between these.\n\n"
		"An array replaces that of an earlier file. With `{append=true}` among its "
		"elements it, and those of later files, are added; `{append=false}` ends that.\n\n"
		"What the command line says wins. A list that is given there replaces the one of "
		"the file, unless something else is said below. A key that is in no table below "
		"has no effect, and `--log-level=debug` names it. A value of a wrong type is an "
		"error.",
		false);
	for (const struct conf_key *k = cmk_conf_keys; k->name; k++) {
		table = add_table(sb, k->name, table);
		add_conf_key(sb, k);
	}
	strbuf_adds(sb, ".SH SEE ALSO\n\\fBcmk\\fR(1), \\fBcontainers.conf\\fR(5)\n");
}

static void storage_page(struct strbuf *sb)
{
	static const char *const uses[] = {
		[STORAGE_KEY_PODMAN] = "Says where Podman's store is",
		[STORAGE_KEY_MOOT] = "No matter to cmk",
		[STORAGE_KEY_WARNED] = "Not supported: a warning",
	};
	const char *table = "";

	add_head(sb, "cmk-storage.conf", '5', "what cmk reads of storage.conf");
	strbuf_adds(sb, ".SH DESCRIPTION\n");
	add_paragraphs(
		sb,
		"Of containers-storage.conf(5) cmk reads the first file that is there: "
		"`$CONTAINERS_STORAGE_CONF`, `~/.config/containers/storage.conf`, "
		"`/etc/containers/storage.conf`, `/usr/share/containers/storage.conf`.\n\n"
		"cmk's own store is at `--root`; Podman's, of which the file says where it is, is "
		"only read, by `containers-storage:` (cmk-pull(1)). A key that is in no table "
		"below "
		"and in none of the drivers `aufs`, `btrfs`, `thinpool` and `zfs`, which are "
		"Podman's alone, has no effect, and `--log-level=debug` names it. Warnings come "
		"where a container is made. Keys of `[storage.options.overlay]` may stand in "
		"`[storage.options]`, too.",
		false);
	for (const struct storage_key *k = storage_keys; k->name; k++) {
		table = add_table(sb, k->name, table);
		add_key(sb, k->name, uses[k->use], k->text);
	}
	strbuf_adds(sb, ".SH SHARING A STORE\n");
	add_paragraphs(
		sb,
		"Other users read a store after its owner's `cmk unshare chmod -R a+rX DIR`, which "
		"is "
		"needed again for what comes into it later; a store that may not be read is told "
		"and not used. Where the kernel can (6.16, `cmk info` says "
		"`datadir+`), "
		"the reader's containers see the files with the owners that the image gives them, "
		"also with a map of ids of their own (`--userns=keep-id`, `--uidmap`): these are "
		"kept in the own store, without a copy of what is in files of more than 4 KiB; "
		"directories that the reader may not open are empty there. Elsewhere ids that the "
		"reader has not been given are shown as nobody's, and images are copied for a map "
		"of ids. Who keeps the store is trusted with "
		"what runs from it.\n\n"
		"The store may be on NFS or another network's file system: layers are only read. "
		"The own data directory must be on a file system of this machine, since the "
		"server gives no files to subordinate ids and an overlay's upper directory cannot "
		"be there.",
		false);
	strbuf_adds(sb, ".SH SEE ALSO\n\\fBcmk\\fR(1), \\fBcontainers-storage.conf\\fR(5)\n");
}

/* What becomes of one key of Quadlet's files. */
static void add_quadlet_key(struct strbuf *sb, const struct quadlet_key *k)
{
	static const char *const verbs[QUADLET_N_KINDS] = {
		[QUADLET_CONTAINER] = "cmk run",
		[QUADLET_VOLUME] = "cmk volume create",
		[QUADLET_IMAGE] = "cmk image pull",
	};
	static const char *const each[] = {
		[QUADLET_EACH] = ", for each",
		[QUADLET_WORDS] = ", for each word",
		[QUADLET_ARGS] = ", for each word",
		[QUADLET_REFUSED] = NULL,
	};
	cleanup_strbuf struct strbuf use = STRBUF_INIT;
	cleanup_free char *name = xasprintf(".%s=", k->name);

	if (k->how == QUADLET_REFUSED) {
		strbuf_adds(&use, "Refused");
	} else if (k->option) {
		strbuf_adds(&use, "\\fB");
		add_roff(&use, verbs[k->kind]);
		add_roff(&use, " --");
		add_roff(&use, k->option);
		if (k->prefix)
			strbuf_addc(&use, ' ');
		add_roff(&use, k->prefix ?: "");
		strbuf_addf(&use, "\\fR%s", each[k->how] ?: "");
	}
	add_key(sb, name, use.len ? strbuf_str(&use) : NULL, k->text);
	if (k->words) {
		strbuf_adds(sb, "One of: ");
		add_roff(sb, k->words);
		strbuf_adds(sb, ".\n");
	}
}

static void add_quadlet_keys(struct strbuf *sb)
{
	for (int kind = 0; kind <= QUADLET_N_KINDS; kind++) {
		bool last = kind == QUADLET_N_KINDS;

		if (!last && quadlet_kinds[kind].missing)
			continue;
		strbuf_addf(sb, ".SH \"[%s] IN %s\"\n",
			    last ? "Quadlet" : quadlet_kinds[kind].section,
			    last ? "ALL FILES" : quadlet_kinds[kind].suffix);
		for (const struct quadlet_key *k = quadlet_keys; k->name; k++)
			if ((int)k->kind == kind)
				add_quadlet_key(sb, k);
	}
}

static void quadlet_page(struct strbuf *sb)
{
	add_head(sb, "cmk-systemd.unit", '5', "files of Quadlet, from which systemd gets units");
	strbuf_adds(sb, ".SH SYNOPSIS\n\\fINAME\\fR.container, \\fINAME\\fR.volume, "
			"\\fINAME\\fR.image\n.SH DESCRIPTION\n");
	add_paragraphs(
		sb,
		"A file describes a container, a volume or an image, in the syntax of "
		"systemd.syntax(7) and as podman-systemd.unit(5) says. When systemd starts for the "
		"user, and at `systemctl --user daemon-reload`, the generator `cmk-user-generator` "
		"(for root `systemctl daemon-reload` and `cmk-system-generator`) "
		"makes a service of each: `NAME.service` of a container, `NAME-volume.service` and "
		"`NAME-image.service` of the others. What it makes, and what is wrong with a file, "
		"is shown by `LIBEXEC/cmk/cmk-quadlet --user --dry-run` with LIBEXEC such as "
		"/usr/local/libexec; `cmk quadlet ls` lists the files.\n\n"
		"A file with an unknown key, a wrong value, or something that cmk cannot do is "
		"refused with file, line and key, and the others are made. The files .network, "
		".pod, "
		".build and .kube are refused: what they need is not there yet. Keys that begin "
		"with X- are passed over. Sections other than the file's own and [Quadlet] are "
		"systemd's; they may not set `ExecStart`, `User`, `Group` or `DynamicUser`, and in "
		"a container `KillMode` other than "
		"`mixed` and `control-group` or `Type` other than `notify` and `oneshot`.\n\n"
		"In `After`, `Requires` and the other keys of [Unit] that name units, the name of "
		"a file stands for its service. Specifiers such as `%h` are systemd's in all "
		"values. A key whose value is empty forgets those before it. Quotes around a whole "
		"value are not of it.",
		false);
	strbuf_adds(sb, ".SH DIRECTORIES\n");
	add_paragraphs(
		sb,
		"`$QUADLET_UNIT_DIRS`, absolute paths with colons between them; else, where the "
		"first file of a name wins:\n\n"
		"`$XDG_RUNTIME_DIR/cmk/systemd`, `~/.config/cmk/systemd` (or in "
		"`$XDG_CONFIG_HOME`), `/etc/cmk/systemd/users/UID`, `/etc/cmk/systemd/users`, "
		"`/usr/share/cmk/systemd/users/UID`, `/usr/share/cmk/systemd/users`, and behind "
		"each the same with `containers` instead of `cmk`. Units of the system are made of "
		"`/run/cmk/systemd`, `/etc/cmk/systemd`, `/usr/share/cmk/systemd` and the same of "
		"`containers`, without their `users`. Where podman's own generator "
		"(`podman-user-generator`, `podman-system-generator`) is installed, "
		"`containers/systemd` is left to it, since both would make the same units.\n\n"
		"Directories in them are searched as well, but for names that begin with a dot. A "
		"link to /dev/null hides the files of its name in later directories.\n\n"
		"Drop-ins are the files *.conf in `NAME.container.d`, for `a-b.container` also in "
		"`a-.container.d`, and in `container.d`, below any of these directories. Of two "
		"with the same name the one in the first of these counts; they are read in the "
		"order of their names.",
		false);
	strbuf_adds(sb, ".SH TEMPLATES\n");
	add_paragraphs(sb,
		       "`NAME@.container` makes the template `NAME@.service`. A link "
		       "`NAME@INSTANCE.container` to it makes an instance, with drop-ins of its "
		       "own. There "
		       "are no templates of volumes and images.",
		       false);
	strbuf_adds(sb, ".SH [Install]\n");
	add_paragraphs(
		sb,
		"`WantedBy`, `RequiredBy`, `UpheldBy` and `Alias` count when the unit is made; "
		"such units are not enabled. Of a template `DefaultInstance` is what is started.",
		false);
	add_quadlet_keys(sb);
	strbuf_adds(sb, ".SH NETWORK\n");
	add_paragraphs(
		sb,
		"Units of containers and images, which may have to pull, are started when the "
		"network is there. The system's units wait for `network-online.target`; those of "
		"users for the unit `" QUADLET_ONLINE "`, which waits as long as the system is on "
		"its way to that target, 90 seconds at most; its name is podman's, and podman's is "
		"used where that is installed.",
		false);
	strbuf_adds(sb, ".SH SEE ALSO\n\\fBcmk\\fR(1), \\fBcmk\\-quadlet\\-install\\fR(1), "
			"\\fBsystemd.unit\\fR(5), \\fBsystemd.generator\\fR(7)\n");
}

static int write_page(int out_fd, const char *page, char section, struct strbuf *sb,
		      struct cmk_err *err)
{
	cleanup_free char *file = xasprintf("%s.%c", page, section);
	int r = file_replace_at(out_fd, file, sb->data, sb->len, 0644, 0, err);

	return r < 0 ? cmk_err_wrap(err, r, "write '%s'", file) : 0;
}

static int write_command_page(const struct cmk_command *cmd, int texts_fd, int out_fd,
			      struct cmk_err *err)
{
	cleanup_free char *page = xasprintf("cmk-%s", cmd->name);
	cleanup_strbuf struct strbuf sb = STRBUF_INIT;
	int r;

	for (char *p = page; *p; p++)
		if (*p == ' ')
			*p = '-';
	r = command_page(cmd, page, texts_fd, &sb, err);
	if (r < 0)
		return cmk_err_wrap(err, r, "page of '%s'", cmd->name);
	return write_page(out_fd, page, '1', &sb, err);
}

static int man_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
		    struct cmk_err *err)
{
	const struct man_args *a = args;
	cleanup_close int texts_fd = -1, out_fd = -1;
	cleanup_strbuf struct strbuf sb = STRBUF_INIT, conf = STRBUF_INIT, storage = STRBUF_INIT,
				     quadlet = STRBUF_INIT;
	int r;

	(void)g;
	(void)argc;
	(void)argv;
	texts_fd = open(a->texts ? a->texts : ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (texts_fd < 0)
		return cmk_err_errno(err, "open '%s'", a->texts);
	out_fd = open(a->out ? a->out : ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	if (out_fd < 0)
		return cmk_err_errno(err, "open '%s'", a->out);
	r = main_page(texts_fd, &sb, err);
	if (r == 0)
		r = write_page(out_fd, "cmk", '1', &sb, err);
	for (const struct cmk_command *const *c = cmk_commands; *c && r == 0; c++)
		if (!(*c)->hidden)
			r = write_command_page(*c, texts_fd, out_fd, err);
	if (r < 0)
		return r;
	conf_page(&conf);
	storage_page(&storage);
	r = write_page(out_fd, "cmk-containers.conf", '5', &conf, err);
	if (r == 0)
		r = write_page(out_fd, "cmk-storage.conf", '5', &storage, err);
	quadlet_page(&quadlet);
	return r < 0 ? r : write_page(out_fd, "cmk-systemd.unit", '5', &quadlet, err);
}

const struct cmk_command cmk_cmd_man = {
	.name = "__man",
	.summary = "Write the man pages",
	.options = man_options,
	.args_size = sizeof(struct man_args),
	.hidden = true,
	.exec = man_exec,
};
