/* SPDX-License-Identifier: Apache-2.0 */
/* The profile that lets cmk make user namespaces where AppArmor restricts them, as installed. */
#pragma once

#define APPARMOR_RESTRICTS "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define APPARMOR_MEND                                             \
	"run: sudo install -m 0644 " CMK_DATADIR "/apparmor/cmk " \
	"/etc/apparmor.d/cmk && sudo apparmor_parser -r /etc/apparmor.d/cmk"
