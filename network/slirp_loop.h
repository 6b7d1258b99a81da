/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's event loop around libslirp; cmk-slirp's own. */
#pragma once

#include <libslirp.h>

#include "network/slirp_udp.h"

struct slirp_loop;

/* Makes the loop over the tap device and UDP (borrowed); the process has one. */
struct slirp_loop *slirp_loop_new(int control_fd, int tap_fd, struct slirp_udp *udp);
/* libslirp, with our callbacks; NULL where it cannot start. */
Slirp *slirp_loop_slirp(struct slirp_loop *l, const SlirpConfig *cfg);
/* Call when all host ports are bound, those of UDP too: every socket that libslirp has now is a
 * listener. */
void slirp_loop_note_listeners(struct slirp_loop *l);
/* Carries packets until the control descriptor reports anything: its other end was closed. */
void slirp_loop_run(struct slirp_loop *l);
