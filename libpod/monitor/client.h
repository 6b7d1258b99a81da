/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of an attach connection. */
#pragma once

/* Blocks the signals that monitor_attach() passes on, but those that the caller ignores (nohup).
 * monitor_attach() takes them, and unblocks them at its end. */
void client_block_signals(void);
