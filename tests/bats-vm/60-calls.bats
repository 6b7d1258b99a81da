#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# What a limit costs in system calls.
load helpers

# calls NAME OPTION...: counts open, write and close of a whole run in opens, writes and closes; the least of three, since
# what is waited for is asked for more or less often.
calls() {
	local name=$1 o w c
	shift
	opens=1000000 writes=1000000 closes=1000000
	for _ in 1 2 3; do
		strace -f -o "$T/$name.strace" -e trace=open,openat,openat2,write,pwrite64,close "$CMK_BIN" --root "$CMK_ROOT" --runroot "$CMK_RUNROOT" \
			"${manager[@]}" run --rm --net=none "$@" --rootfs "$fs" true
		read -r o w c < <(awk '/ (open|openat|openat2)\(/ {o++} / (write|pwrite64)\(/ {w++} / close\(/ {c++} END {print o, w, c}' "$T/$name.strace")
		opens=$((o < opens ? o : opens)) writes=$((w < writes ? w : writes)) closes=$((c < closes ? c : closes))
	done
	echo "$name: $opens opens, $writes writes, $closes closes"
}
opened() { sed -nE 's/.* open(at|at2)?\(([^"]*"[^"]*").*/\2/p' "$T/$1.strace" | sed -E 's/[0-9a-f]{64}/ID/g' | sort; }

# each_costs_one MANAGER
each_costs_one() {
	local o w c manager=(--cgroup-manager "$1") limits=(--memory 64m --memory-swap 96m --memory-reservation 16m --cpu-period 100000 --cpu-quota 50000 --cpu-shares 512 --cpuset-cpus 0 --cpuset-mems 0
		--pids-limit 50 --device-read-bps /dev/vda:1mb --device-write-bps /dev/vda:1mb --device-read-iops /dev/vda:100
		--device-write-iops /dev/vda:100)
	local n=$((${#limits[@]} / 2))
	calls none
	o=$opens w=$writes c=$closes
	calls every "${limits[@]}"
	diff <(opened none) <(opened every) || true
	assert_between $((opens - o)) 1 "$n"
	assert_between $((writes - w)) 1 "$n"
	assert_between $((closes - c)) 1 "$n"
}

@test "each limit costs at most one open, one write and one close, by cgroupfs" { each_costs_one cgroupfs; }

@test "each limit costs at most one open, one write and one close, in a scope of systemd" { each_costs_one systemd; }
