/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The monitor's side of a connection: frames taken apart as bytes come, without waiting.
 */
#pragma once

#include "libpod/monitor/monitor.h"

/* Payloads of all frames but FRAME_STDIN are small. */
#define FRAME_SMALL_MAX 64

/* What a client may send. Anything else is -EBADMSG. */
int frame_check_client(const struct monitor_frame *f);

struct frame_reader {
	union {
		struct monitor_frame head;
		uint8_t bytes[sizeof(struct monitor_frame)];
	} u;
	size_t n_head, n_body;
	uint8_t small[FRAME_SMALL_MAX];
	uint8_t *input;	 /* MONITOR_FRAME_MAX bytes for FRAME_STDIN; borrowed; NULL: refused */
	bool input_busy; /* the last input has not been taken: another FRAME_STDIN is against the
			    rules */
};
void frame_reader_init(struct frame_reader *r, uint8_t *input);
/* Where the next bytes go, and how many at most. */
size_t frame_reader_want(struct frame_reader *r, uint8_t **ret);
/* N bytes were put there: 1 where a frame is whole (see u.head and frame_reader_body()), 0 where
 * more is due, -EBADMSG. */
int frame_reader_got(struct frame_reader *r, size_t n);
const uint8_t *frame_reader_body(const struct frame_reader *r);
/* The frame was dealt with. */
void frame_reader_next(struct frame_reader *r);

/* Looks for the detach keys in what a client types. */
#define DETACH_KEYS_MAX 16
struct detach_scan {
	uint8_t keys[DETACH_KEYS_MAX];
	size_t n, matched;
};
/* Copies IN to OUT (which has LEN + DETACH_KEYS_MAX bytes) without the bytes that may be the start
 * of the keys: they follow when the next byte shows that they were not. True: the keys were seen,
 * and *RET_LEN bytes came before them. */
bool detach_scan_feed(struct detach_scan *s, const uint8_t *in, size_t len, uint8_t *out,
		      size_t *ret_len);
