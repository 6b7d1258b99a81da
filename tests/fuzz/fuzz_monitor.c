// SPDX-License-Identifier: Apache-2.0
/* What a client or a log file may hold: the first byte says which parser. */
#include <fcntl.h>

#include "base/file.h"
#include "libpod/monitor/frame.h"
#include "libpod/monitor/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_frames(const uint8_t *p, size_t len)
{
	static uint8_t input[MONITOR_FRAME_MAX];
	struct frame_reader r;

	frame_reader_init(&r, input);
	while (len > 0) {
		uint8_t *at;
		size_t want = frame_reader_want(&r, &at), n = MIN(want, len);
		int rc;

		if (want == 0)
			abort();
		memcpy(at, p, n);
		p += n;
		len -= n;
		rc = frame_reader_got(&r, n);
		if (rc < 0)
			return;
		if (rc > 0) {
			r.input_busy = !r.input_busy;
			frame_reader_next(&r);
		}
	}
}

/* A line of keys, then input: nothing is lost but the keys themselves. */
static void fuzz_detach(const uint8_t *p, size_t len)
{
	const uint8_t *nl = memchr(p, '\n', len);
	struct detach_scan s = { 0 };
	cleanup_free char *keys = NULL;
	cleanup_free uint8_t *out = NULL;
	size_t in_len, n = 0;

	if (!nl)
		return;
	keys = xstrndup((const char *)p, (size_t)(nl - p));
	if (detach_keys_parse(keys, s.keys, &s.n, NULL) < 0)
		return;
	in_len = len - (size_t)(nl - p) - 1;
	out = xmalloc(in_len + DETACH_KEYS_MAX);
	if (!detach_scan_feed(&s, nl + 1, in_len, out, &n) && n + s.matched != in_len)
		abort();
	if (memcmp(out, nl + 1, n) != 0)
		abort();
}

static void fuzz_log(const uint8_t *p, size_t len)
{
	char dir[] = "/tmp/fuzz_monitor.XXXXXX";
	struct log_read_options o = { .tail = -1 };
	struct log_source source = { .name = "log", .end_fd = -1 };
	cleanup_close int dirfd = -1, null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (!mkdtemp(dir))
		return;
	dirfd = open(dir, O_DIRECTORY | O_CLOEXEC);
	source.dirfd = dirfd;
	if (file_replace_at(dirfd, "log", p, len, 0600, 0, NULL) == 0) {
		for (o.tail = -1; o.tail < 4; o.tail++)
			if (log_show(&source, 1, &o, null, null, NULL) < 0)
				abort();
		o = (struct log_read_options){ .tail = -1, .since_ns = 1 };
		if (log_show(&source, 1, &o, null, null, NULL) < 0)
			abort();
	}
	(void)remove_tree_at(AT_FDCWD, dir, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_entry e;
	cleanup_free char *text = NULL;
	int64_t ns;

	if (size < 1)
		return 0;
	switch (data[0]) {
	case 'f':
		fuzz_frames(data + 1, size - 1);
		break;
	case 'd':
		fuzz_detach(data + 1, size - 1);
		break;
	case 'l':
		(void)log_entry_parse((const char *)data + 1, size - 1, &e);
		fuzz_log(data + 1, size - 1);
		break;
	case 't':
		text = xstrndup((const char *)data + 1, size - 1);
		(void)log_time_parse(text, 0, &ns, NULL);
		break;
	default:
		break;
	}
	return 0;
}
