// SPDX-License-Identifier: Apache-2.0
/* Prints the files of completions/, which are compiled in. They know no command and no option but
 * ask `cmk __complete`, so that they are right for whatever version is installed. */
#include "cmd/commands.h"

static const char bash_script[] =
#include "cmd/completion_bash.inc"
	;
static const char zsh_script[] =
#include "cmd/completion_zsh.inc"
	;
static const char fish_script[] =
#include "cmd/completion_fish.inc"
	;

static int completion_exec(const struct cmk_globals *g, void *args, int argc, char **argv,
			   struct cmk_err *err)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = { { "bash", bash_script }, { "zsh", zsh_script }, { "fish", fish_script } };

	(void)g;
	(void)args;
	(void)argc;
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		if (streq(argv[0], scripts[i].shell)) {
			(void)fputs(scripts[i].script, stdout);
			return 0;
		}
	}
	return cmk_err_set(err, -EINVAL, "unknown shell '%s': not one of bash, zsh, fish", argv[0]);
}

static const struct cmk_example completion_examples[] = {
	{ "cmk completion bash > ~/.local/share/bash-completion/completions/cmk",
	  "Sets the completion up for bash" },
	{ "cmk completion fish > ~/.config/fish/completions/cmk.fish", "Sets it up for fish" },
	{ NULL, NULL },
};

const struct cmk_command cmk_cmd_completion = {
	.name = "completion",
	.summary = "Print the completion script of a shell",
	.operands = "bash|zsh|fish",
	.description = "The script goes where the shell looks for it; for the running bash: source "
		       "<(cmk completion bash).",
	.min_operands = 1,
	.max_operands = 1,
	.examples = completion_examples,
	.exec = completion_exec,
};
