#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# What a limit costs in system calls.
load helpers

# calls NAME OPTION...: counts open, write and close of a whole run in opens, writes and closes.
calls() {
	local name=$1
	shift
	strace -f -o "$T/$name.strace" -e trace=open,openat,openat2,write,pwrite64,close "$CMK_BIN" --root "$CMK_ROOT" --runroot "$CMK_RUNROOT" \
		"${manager[@]}" run --rm --net=none "$@" --rootfs "$fs" true
	read -r opens writes closes < <(awk '/ (open|openat|openat2)\(/ {o++} / (write|pwrite64)\(/ {w++} / close\(/ {c++} END {print o, w, c}' "$T/$name.strace")
	echo "$name: $opens opens, $writes writes, $closes closes"
}

# each_costs_one MANAGER
each_costs_one() {
	local o w c manager=(--cgroup-manager "$1") limits=(--memory 64m --memory-swap 96m --memory-reservation 16m --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0
		--pids-limit 50 --device-read-bps /dev/vda:1mb --device-write-bps /dev/vda:1mb --device-read-iops /dev/vda:100
		--device-write-iops /dev/vda:100)
	local n=$((${#limits[@]} / 2))
	calls warm "${limits[@]}"
	calls none
	o=$opens w=$writes c=$closes
	calls every "${limits[@]}"
	assert_between $((opens - o)) 1 "$n"
	assert_between $((writes - w)) 1 "$n"
	assert_between $((closes - c)) 1 "$n"
}

@test "each limit costs at most one open, one write and one close, by cgroupfs" { each_costs_one cgroupfs; }

@test "each limit costs at most one open, one write and one close, in a scope of systemd" { each_costs_one systemd; }
