// SPDX-License-Identifier: Apache-2.0
#include "libpod/unit/unitfile.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/text.h"

#define BLANKS " \t"

void unitfile_done(struct unitfile *u)
{
	for (size_t i = 0; i < u->n_texts; i++)
		free(u->texts[i]);
	free(u->texts);
	free(u->lines);
	*u = (struct unitfile){ 0 };
}

static char *take_text(struct unitfile *u, char *text)
{
	/* In steps of a power of two. */
	if ((u->n_texts & (u->n_texts + 1)) == 0)
		u->texts = xrealloc(u->texts, 2 * u->n_texts + 1, sizeof(*u->texts));
	u->texts[u->n_texts++] = text;
	return text;
}

const char *unitfile_keep(struct unitfile *u, const char *text)
{
	return take_text(u, xstrdup(text));
}

static void add_line(struct unitfile *u, const struct unitfile_line *line)
{
	if (u->n == u->room) {
		u->room = u->room ? 2 * u->room : 16;
		u->lines = xrealloc(u->lines, u->room, sizeof(*u->lines));
	}
	u->lines[u->n++] = *line;
}

void unitfile_add(struct unitfile *u, const char *section, const char *key, const char *value)
{
	const struct unitfile_line line = {
		.section = section,
		.key = key,
		.value = unitfile_keep(u, value),
	};

	add_line(u, &line);
}

/* --- reading -----------------------------------------------------------------------------------
 */

struct reader {
	struct unitfile *u;
	const char *file;
	const char *section; /* NULL: none has begun */
	char *at, *end;	     /* the text, which is edited in its place */
	unsigned int line;   /* of what is read */
};

static int wrong(const struct reader *rd, unsigned int line, const char *what, struct cmk_err *err)
{
	return cmk_err_set(err, -EINVAL, "%s:%u: %s", rd->file, line, what);
}

/* The next line of the file, without blanks before it; NULL at the end. */
static char *physical_line(struct reader *rd)
{
	char *start = rd->at, *nl;

	if (start == rd->end)
		return NULL;
	nl = memchr(start, '\n', (size_t)(rd->end - start));
	rd->at = nl ? nl + 1 : rd->end;
	if (nl) {
		*nl = '\0';
		if (nl > start && nl[-1] == '\r')
			nl[-1] = '\0';
	}
	rd->line++;
	return start + strspn(start, BLANKS);
}

/* An odd number of backslashes ends it. */
static bool is_continued(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && s[len - 1 - n] == '\\')
		n++;
	return n % 2;
}

static size_t len_without_blanks(const char *s, size_t len)
{
	while (len > 0 && strchr(BLANKS, s[len - 1]))
		len--;
	return len;
}

/* With those that continue it: the backslash is a blank, and comments between them are passed over
 * (systemd.syntax(7)). Blanks behind the backslash are nobody's wish: systemd has read them so
 * since 256. What is put together is never longer than what it was. */
static char *logical_line(struct reader *rd, unsigned int *ret_line)
{
	char *line = physical_line(rd), *end, *more;
	size_t len;

	if (!line)
		return NULL;
	*ret_line = rd->line;
	if (*line == '#' || *line == ';')
		return line;
	len = len_without_blanks(line, strlen(line));
	while (is_continued(line, len)) {
		end = line + len;
		end[-1] = ' ';
		do
			more = physical_line(rd);
		while (more && (*more == '#' || *more == ';'));
		if (!more)
			break;
		memmove(end, more, strlen(more) + 1);
		len = len_without_blanks(line, strlen(line));
	}
	return line;
}

static void trim_end(char *s)
{
	s[len_without_blanks(s, strlen(s))] = '\0';
}

static int section_line(struct reader *rd, char *line, unsigned int number, struct cmk_err *err)
{
	size_t len = strlen(line);

	if (len < 3 || line[len - 1] != ']')
		return wrong(rd, number, "a section is '[NAME]'", err);
	line[len - 1] = '\0';
	if (strpbrk(line + 1, "[]"))
		return wrong(rd, number, "a section is '[NAME]'", err);
	rd->section = line + 1;
	return 0;
}

static int read_line(struct reader *rd, char *line, unsigned int number, struct cmk_err *err)
{
	struct unitfile_line l = { .file = rd->file, .line = number };
	char *eq;

	/* A backslash that began it is a blank now. */
	line += strspn(line, BLANKS);
	if (!*line || *line == '#' || *line == ';')
		return 0;
	if (!text_is_utf8(line))
		return wrong(rd, number, "that is not UTF-8", err);
	trim_end(line);
	if (*line == '[')
		return section_line(rd, line, number, err);
	eq = strchr(line, '=');
	if (!eq || eq == line)
		return wrong(rd, number, "a line is 'KEY=VALUE'", err);
	if (!rd->section)
		return wrong(rd, number, "it stands before the first section", err);
	*eq = '\0';
	trim_end(line);
	if (rd->u->n >= UNITFILE_LINES_MAX)
		return wrong(rd, number, "the file has too many lines", err);
	l.section = rd->section;
	l.key = line;
	l.value = eq + 1 + strspn(eq + 1, BLANKS);
	add_line(rd->u, &l);
	return 0;
}

int unitfile_parse(struct unitfile *u, const char *file, const char *text, size_t len,
		   struct cmk_err *err)
{
	struct reader rd = { .u = u };
	unsigned int number = 0;
	char *line, *copy;
	int r = 0;

	rd.file = unitfile_keep(u, file);
	if (len > UNITFILE_SIZE_MAX)
		return cmk_err_set(err, -EFBIG, "%s: larger than %d bytes", file,
				   UNITFILE_SIZE_MAX);
	if (memchr(text, '\0', len))
		return cmk_err_set(err, -EINVAL, "%s: a byte of it is NUL", file);
	copy = take_text(u, xstrndup(text, len));
	rd.at = copy;
	rd.end = copy + len;
	while (r == 0 && (line = logical_line(&rd, &number)))
		r = read_line(&rd, line, number, err);
	return r;
}

int unitfile_read(struct unitfile *u, const char *path, struct cmk_err *err)
{
	cleanup_free char *text = NULL;
	size_t len = 0;
	int r = file_read_at(AT_FDCWD, path, UNITFILE_SIZE_MAX, &text, &len, err);

	if (r < 0)
		return cmk_err_wrap(err, r, "%s", path);
	return unitfile_parse(u, path, text, len, err);
}

/* --- asking ------------------------------------------------------------------------------------
 */

static bool is_of(const struct unitfile_line *l, const char *section, const char *key)
{
	return streq(l->key, key) && streq(l->section, section);
}

const struct unitfile_line *unitfile_next(const struct unitfile *u, const char *section,
					  const char *key, size_t *pos)
{
	if (*pos == 0)
		for (size_t i = 0; i < u->n; i++)
			if (is_of(&u->lines[i], section, key) && !*u->lines[i].value)
				*pos = i + 1;
	while (*pos < u->n) {
		const struct unitfile_line *l = &u->lines[(*pos)++];

		if (is_of(l, section, key))
			return l;
	}
	return NULL;
}

const struct unitfile_line *unitfile_last(const struct unitfile *u, const char *section,
					  const char *key)
{
	for (size_t i = u->n; i > 0; i--)
		if (is_of(&u->lines[i - 1], section, key))
			return *u->lines[i - 1].value ? &u->lines[i - 1] : NULL;
	return NULL;
}

const char *unitfile_value(const struct unitfile *u, const char *section, const char *key)
{
	const struct unitfile_line *l = unitfile_last(u, section, key);

	return l ? l->value : NULL;
}

bool unitfile_has_key(const struct unitfile *u, const char *section, const char *key)
{
	for (size_t i = 0; i < u->n; i++)
		if (is_of(&u->lines[i], section, key))
			return true;
	return false;
}

bool unitfile_has_section(const struct unitfile *u, const char *section)
{
	for (size_t i = 0; i < u->n; i++)
		if (streq(u->lines[i].section, section))
			return true;
	return false;
}

bool unitfile_is_unit_name(const char *name)
{
	static const char *const types[] = { ".service", ".socket", ".target",	 ".timer",
					     ".path",	 ".slice",  ".scope",	 ".mount",
					     ".swap",	 ".device", ".automount" };
	size_t len = strlen(name);

	/* The type is behind one character at least. */
	if (len > UNITFILE_NAME_MAX || name[strspn(name, UNITFILE_NAME_SET)] || *name == '.' ||
	    *name == '@')
		return false;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_has_suffix(name, types[i]))
			return len > strlen(types[i]);
	return false;
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* The lines of one section, of which U->lines[FIRST] is the first. */
static void write_section(const struct unitfile *u, size_t first, struct strbuf *sb)
{
	const char *section = u->lines[first].section;

	strbuf_adds(sb, sb->len ? "\n[" : "[");
	strbuf_adds(sb, section);
	strbuf_adds(sb, "]\n");
	for (size_t i = first; i < u->n; i++) {
		const struct unitfile_line *l = &u->lines[i];

		if (!streq(l->section, section))
			continue;
		strbuf_adds(sb, l->key);
		strbuf_addc(sb, '=');
		strbuf_adds(sb, l->value);
		/* Its last backslash had a blank behind it. */
		if (is_continued(l->value, strlen(l->value)))
			strbuf_addc(sb, ' ');
		strbuf_addc(sb, '\n');
	}
}

void unitfile_write(const struct unitfile *u, struct strbuf *sb)
{
	for (size_t i = 0; i < u->n; i++) {
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = streq(u->lines[j].section, u->lines[i].section);
		if (!seen)
			write_section(u, i, sb);
	}
}
