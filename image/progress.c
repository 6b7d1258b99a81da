// SPDX-License-Identifier: Apache-2.0
#include "image/progress.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/file.h"
#include "base/strbuf.h"

#define REDRAW_NS 100000000LL

struct item {
	char *what;
	uint64_t size, before, bytes;
	int64_t start_ns;
	bool over;
};

struct progress {
	bool quiet, terminal;
	struct item *items;
	size_t n;
	size_t drawn; /* lines of bars on the screen, below which the cursor stands */
	int64_t last_ns;
};

static int64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

struct progress *progress_new(bool quiet)
{
	struct progress *p = xcalloc(1, sizeof(*p));
	const char *term = getenv("TERM");

	p->quiet = quiet;
	p->terminal = !quiet && isatty(STDERR_FILENO) && !(term && streq(term, "dumb"));
	return p;
}

static void human(double v, char buf[static 16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t u = 0;

	for (; v >= 1000 && u + 1 < ARRAY_LEN(units); u++)
		v /= 1000;
	(void)snprintf(buf, 16, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static size_t columns(void)
{
	struct winsize ws = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) < 0 || ws.ws_col < 20)
		return 80;
	return MIN(ws.ws_col, 200);
}

#define BAR 20

static void draw_item(const struct item *it, int64_t now, size_t width, struct strbuf *out)
{
	double elapsed = (double)(now - it->start_ns) / 1e9;
	double speed = elapsed > 0.3 ? (double)(it->bytes - MIN(it->before, it->bytes)) / elapsed
				     : 0;
	size_t full = it->size ? (size_t)(it->bytes * BAR / it->size) : 0;
	char have[16], all[16], rate[16], left[24] = "", line[256];
	int n;

	human((double)it->bytes, have);
	human((double)it->size, all);
	human(speed, rate);
	if (speed > 0 && it->size > it->bytes)
		(void)snprintf(left, sizeof(left), " %.0fs left",
			       (double)(it->size - it->bytes) / speed);
	n = snprintf(line, sizeof(line), "Copying %.24s [%.*s%.*s] %s / %s %s/s%s", it->what,
		     (int)MIN(full, BAR), "====================", (int)(BAR - MIN(full, BAR)),
		     "                    ", have, all, rate, left);
	/* A line that wraps would not be drawn over. */
	strbuf_add(out, line, MIN((size_t)MAX(n, 0), MIN(width - 1, sizeof(line) - 1)));
}

static void erase(struct progress *p, struct strbuf *out)
{
	if (p->drawn)
		strbuf_addf(out, "\033[%zuA\033[J", p->drawn);
	p->drawn = 0;
}

static void draw(struct progress *p, struct strbuf *out)
{
	size_t width = columns();
	int64_t now = now_ns();

	erase(p, out);
	for (size_t i = 0; i < p->n; i++) {
		if (p->items[i].over)
			continue;
		draw_item(&p->items[i], now, width, out);
		strbuf_addc(out, '\n');
		p->drawn++;
	}
	p->last_ns = now;
}

static void flush(struct strbuf *out)
{
	(void)write_all(STDERR_FILENO, strbuf_str(out), out->len);
}

void progress_line(struct progress *p, const char *fmt, ...)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;
	char text[1024];
	va_list ap;

	if (p->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	erase(p, &out);
	strbuf_addf(&out, "%s\n", text);
	if (p->terminal)
		draw(p, &out);
	flush(&out);
}

size_t progress_begin(struct progress *p, const char *what, uint64_t size, uint64_t before)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	p->items = xrealloc(p->items, p->n + 1, sizeof(*p->items));
	p->items[p->n++] = (struct item){
		.what = xstrdup(what),
		.size = size,
		.before = before,
		.bytes = before,
		.start_ns = now_ns(),
	};
	if (p->terminal) {
		draw(p, &out);
		flush(&out);
	} else {
		progress_line(p, "Copying %s", what);
	}
	return p->n - 1;
}

void progress_set(struct progress *p, size_t item, uint64_t bytes)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	p->items[item].bytes = bytes;
	if (!p->terminal || now_ns() - p->last_ns < REDRAW_NS)
		return;
	draw(p, &out);
	flush(&out);
}

void progress_end(struct progress *p, size_t item, const char *how)
{
	p->items[item].over = true;
	if (p->terminal)
		progress_line(p, "Copying %s %s", p->items[item].what, how);
}

void progress_free(struct progress *p)
{
	cleanup_strbuf struct strbuf out = STRBUF_INIT;

	if (!p)
		return;
	if (p->terminal && p->drawn) {
		erase(p, &out);
		flush(&out);
	}
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].what);
	free(p->items);
	free(p);
}
