// SPDX-License-Identifier: Apache-2.0
#include "libpod/cgroup/devices.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

#define RULES_MAX 1024
#define INSNS_PER_RULE 8
#define PROLOGUE 6
#define ALL_ACCESS (DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE)

struct program {
	struct bpf_insn *insns;
	size_t n;
};

static void add(struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = off, .imm = imm
	};
}

/* r2: type, r3: access, r4 and r5: numbers (struct bpf_cgroup_dev_ctx). */
static void add_prologue(struct program *p)
{
	add(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	add(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	add(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	add(p, BPF_ALU | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	add(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	add(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
}

/* Jumps to the next rule where this one does not fit. True: it fits everything. */
static bool add_rule(struct program *p, const struct cgroup_device_rule *r)
{
	bool any_type = r->type == 'a', any_access = (r->access & ALL_ACCESS) == ALL_ACCESS;
	int left = 2 + !any_type + (any_access ? 0 : 3) + (r->major >= 0) + (r->minor >= 0);
	bool all = left == 2;

	if (!any_type)
		add(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, (int16_t)(--left),
		    r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (!any_access) {
		/* To be allowed, all that is asked for must be named; to be denied, some of it. */
		add(p, BPF_ALU | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_3, 0, 0);
		add(p, BPF_ALU | BPF_AND | BPF_K, BPF_REG_1, 0, 0, (int32_t)r->access);
		left -= 3;
		if (r->allow)
			add(p, BPF_JMP | BPF_JNE | BPF_X, BPF_REG_1, BPF_REG_3, (int16_t)left, 0);
		else
			add(p, BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_1, 0, (int16_t)left, 0);
	}
	if (r->major >= 0)
		add(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, (int16_t)(--left),
		    (int32_t)r->major);
	if (r->minor >= 0)
		add(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, (int16_t)(--left),
		    (int32_t)r->minor);
	add(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, r->allow);
	add(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	return all;
}

static const struct cgroup_device_rule defaults[] = {
	{ true, 'a', -1, -1, DEVICE_MKNOD }, { true, 'c', 1, 3, ALL_ACCESS },
	{ true, 'c', 1, 5, ALL_ACCESS },     { true, 'c', 1, 7, ALL_ACCESS },
	{ true, 'c', 1, 8, ALL_ACCESS },     { true, 'c', 1, 9, ALL_ACCESS },
	{ true, 'c', 5, 0, ALL_ACCESS },     { true, 'c', 5, 2, ALL_ACCESS },
	{ true, 'c', 136, -1, ALL_ACCESS },
};

static int load(const struct program *p, struct cmk_err *err)
{
	static const char license[] = "GPL";
	union bpf_attr a = { .prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
			     .insn_cnt = (uint32_t)p->n,
			     .insns = (uint64_t)(uintptr_t)p->insns,
			     .license = (uint64_t)(uintptr_t)license };
	long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));

	return fd < 0 ? cmk_err_errno(err, "load the program for devices") : (int)fd;
}

int cgroup_devices(int group_fd, const struct cgroup_device_rule *rules, size_t n,
		   struct cmk_err *err)
{
	struct program p = { 0 };
	union bpf_attr a = { 0 };
	cleanup_close int fd = -1;
	bool all = false;

	if (n > RULES_MAX)
		return cmk_err_set(err, -E2BIG, "more than %d rules for devices", RULES_MAX);
	p.insns = xcalloc(PROLOGUE + (n + ARRAY_LEN(defaults)) * INSNS_PER_RULE + 2,
			  sizeof(*p.insns));
	add_prologue(&p);
	for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
		(void)add_rule(&p, &defaults[i]);
	/* What could never be reached the kernel does not take. */
	for (size_t i = n; i-- > 0 && !all;)
		all = add_rule(&p, &rules[i]);
	if (!all) {
		add(&p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
		add(&p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	}
	fd = load(&p, err);
	free(p.insns);
	if (fd < 0)
		return fd;
	a.target_fd = (uint32_t)group_fd;
	a.attach_bpf_fd = (uint32_t)fd;
	a.attach_type = BPF_CGROUP_DEVICE;
	a.attach_flags = BPF_F_ALLOW_MULTI;
	if (syscall(SYS_bpf, BPF_PROG_ATTACH, &a, sizeof(a)) < 0)
		return cmk_err_errno(err, "attach the program for devices");
	return 0;
}
