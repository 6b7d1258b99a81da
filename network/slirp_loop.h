/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's event loop around libslirp; cmk-slirp's own. */
#pragma once

#include <libslirp.h>

#include "base/util.h"

struct slirp_loop;

/* Makes the loop over the tap device; the process has one. */
struct slirp_loop *slirp_loop_new(int control_fd, int tap_fd);
/* libslirp, with our callbacks; NULL where it cannot start. */
Slirp *slirp_loop_slirp(struct slirp_loop *l, const SlirpConfig *cfg);
/* Call when all host ports are bound: every socket that libslirp has now is one of theirs. */
void slirp_loop_note_listeners(struct slirp_loop *l);
/* Carries packets until the control descriptor reports anything: its other end was closed. */
void slirp_loop_run(struct slirp_loop *l);
