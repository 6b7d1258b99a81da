/* SPDX-License-Identifier: Apache-2.0 */
/* What several commands say of the host. */
#pragma once

/* The word of image indexes for uname's MACHINE: "amd64"; MACHINE itself where there is none. */
const char *cmk_host_arch(const char *machine);
