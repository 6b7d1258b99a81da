// SPDX-License-Identifier: Apache-2.0
#include "cmd/host_parse.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/parse.h"

#ifndef EM_LOONGARCH /* glibc 2.35 */
#define EM_LOONGARCH 258
#endif

bool host_parse_cpu(const char *stat, uint32_t ret[static HOST_CPU_N])
{
	/* Behind the name: user, nice, system, idle. */
	static const int column[HOST_CPU_N] = {
		[HOST_CPU_USER] = 0, [HOST_CPU_SYSTEM] = 2, [HOST_CPU_IDLE] = 3
	};
	uint64_t v[4], total;
	const char *p = str_after(stat, "cpu ");

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		size_t len;

		p = p ? p + strspn(p, " ") : "";
		len = strspn(p, "0123456789");
		if (parse_u64_n(p, len, UINT64_MAX / 100000, &v[i]) < 0)
			return false;
		p += len;
	}
	total = v[0] + v[2] + v[3];
	if (total == 0)
		return false;
	for (size_t i = 0; i < HOST_CPU_N; i++)
		ret[i] = (uint32_t)((v[column[i]] * 10000 + total / 2) / total);
	return true;
}

void host_format_uptime(uint64_t s, char buf[static 80])
{
	uint64_t hours = s / 3600;
	int n = snprintf(buf, 80, "%" PRIu64 "h %um %u.00s", hours, (unsigned int)(s / 60 % 60),
			 (unsigned int)(s % 60));

	if (hours > 0)
		(void)snprintf(buf + n, 80 - (size_t)n, " (Approximately %.2f days)",
			       (double)hours / 24);
}

/* elf(5): what stands where, in the magic bytes of an entry. */
static const struct {
	unsigned int machine, class, data;
	const char *arch;
} emulated[] = {
	{ EM_386, ELFCLASS32, ELFDATA2LSB, "386" },
	{ EM_X86_64, ELFCLASS64, ELFDATA2LSB, "amd64" },
	{ EM_ARM, ELFCLASS32, ELFDATA2LSB, "arm" },
	{ EM_ARM, ELFCLASS32, ELFDATA2MSB, "armbe" },
	{ EM_AARCH64, ELFCLASS64, ELFDATA2LSB, "arm64" },
	{ EM_AARCH64, ELFCLASS64, ELFDATA2MSB, "arm64be" },
	{ EM_LOONGARCH, ELFCLASS64, ELFDATA2LSB, "loong64" },
	{ EM_MIPS, ELFCLASS32, ELFDATA2LSB, "mipsle" },
	{ EM_MIPS, ELFCLASS32, ELFDATA2MSB, "mips" },
	{ EM_MIPS, ELFCLASS64, ELFDATA2LSB, "mips64le" },
	{ EM_MIPS, ELFCLASS64, ELFDATA2MSB, "mips64" },
	{ EM_PPC64, ELFCLASS64, ELFDATA2LSB, "ppc64le" },
	{ EM_PPC64, ELFCLASS64, ELFDATA2MSB, "ppc64" },
	{ EM_RISCV, ELFCLASS64, ELFDATA2LSB, "riscv64" },
	{ EM_S390, ELFCLASS64, ELFDATA2MSB, "s390x" },
};

/* The first N bytes of the hexadecimal text S. */
static bool parse_hex(const char *s, uint8_t *ret, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	if (strspn(s, digits) < 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		ret[i] = (uint8_t)((strchr(digits, s[2 * i]) - digits) * 16 +
				   (strchr(digits, s[2 * i + 1]) - digits));
	return true;
}

const char *host_parse_emulator(const char *entry)
{
	const char *flags = strstr(entry, "\nflags: "), *magic = strstr(entry, "\nmagic ");
	unsigned int machine;
	uint8_t elf[20];

	if (!str_after(entry, "enabled\n") || !flags || !strstr(entry, "\noffset 0\n") || !magic)
		return NULL;
	flags += strlen("\nflags: ");
	if (!memchr(flags, 'F', strcspn(flags, "\n")) ||
	    !parse_hex(magic + strlen("\nmagic "), elf, sizeof(elf)) ||
	    memcmp(elf, ELFMAG, SELFMAG) != 0)
		return NULL;
	machine = elf[EI_DATA] == ELFDATA2MSB ? elf[18] * 256U + elf[19] : elf[19] * 256U + elf[18];
	for (size_t i = 0; i < ARRAY_LEN(emulated); i++)
		if (emulated[i].machine == machine && emulated[i].class == elf[EI_CLASS] &&
		    emulated[i].data == elf[EI_DATA])
			return emulated[i].arch;
	return NULL;
}
