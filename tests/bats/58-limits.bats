#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Limits: what is refused and why, what inspect tells, and, where the host delegates the controller, what the
# kernel's files say. Outside a virtual machine most controllers belong to the host: those tests say so and skip.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
}

# refused REGEX OPTION...
refused() {
	local regex=$1
	shift
	run_cmk 125 create --net=none "$@" --rootfs "$fs" true
	assert_error "$regex"
	assert_equal "$output" ""
	assert nothing_left
}

# needs CONTROLLER...: skips where the host does not delegate one of them.
needs() {
	local c
	[ -n "$TEST_CG" ] || skip "no cgroup v2 is delegated here"
	for c; do
		grep -qw "$c" "$TEST_CG/cgroup.controllers" || skip "the controller '$c' is not delegated to the tests here"
	done
}

# lacks CONTROLLER: the opposite, for errors that name it.
lacks() {
	[ -n "$TEST_CG" ] || return 0
	! grep -qw "$1" "$TEST_CG/cgroup.controllers" || skip "the controller '$1' is delegated here"
}

host_config() { cmk inspect --format "{{json .HostConfig.$1}}" "${2:-c}"; }

# file NAME: what it says in the container's group.
file() { cat "/sys/fs/cgroup$(cmk inspect --format '{{.State.CgroupPath}}' c)/$1"; }

block_device() {
	for disk in /dev/loop0 /dev/vda /dev/sda /dev/nvme0n1; do
		[ ! -b "$disk" ] || return 0
	done
	skip "there is no block device here"
}

# bats test_tags=long
@test "limits that make no sense are refused before anything is made" {
	refused "set a memory limit when using a memoryswap limit" --memory-swap 64m
	refused "memoryswap limit should be larger than memory limit" --memory 64m --memory-swap 32m
	refused "minimum memory limit cannot be less than memory reservation" --memory 64m --memory-reservation 65m
	refused "'x' for option '--memory-swap': not a size" --memory 64m --memory-swap x
	refused "^Error: --cpu-period and --cpus cannot be set together" --cpus 1 --cpu-period 10000
	refused "^Error: --cpu-quota and --cpus cannot be set together" --cpus 1 --cpu-quota 10000
	refused "--cpu-period: 999 is not between 1000 and 1000000" --cpu-period 999
	refused "--cpu-quota: 1 is less than 1000" --cpu-quota 1
	refused "--cpu-shares: 262145 is not between" -c 262145
	refused "'half' for option '--cpu-shares': not a whole number" --cpu-shares half
	refused "'0-' for option '--cpuset-cpus': not a list such as" --cpuset-cpus 0-
	refused "--cpuset-mems: '9999': there is no number above 8191" --cpuset-mems 9999
	refused "--blkio-weight: 1001 is not between 10 and 1000" --blkio-weight 1001
	refused "--blkio-weight-device: bad format: '/dev/null'" --blkio-weight-device /dev/null
	refused "invalid weight for device: '/dev/null:5'" --blkio-weight-device /dev/null:5
	refused "/dev/null: not a block device" --device-read-bps /dev/null:1mb
	refused "device '/nosuch': no such file" --device-write-bps /nosuch:1mb
	refused "--device-read-iops: invalid rate for device: '/dev/null:1mb'" --device-read-iops /dev/null:1mb
	refused "--device-write-iops: bad format: 'sda:1'" --device-write-iops sda:1
	refused "must be formatted KEY=VALUE: 'memory.high' is not" --cgroup-conf memory.high
	refused "'../memory.high' is not the name of a file of a group" --cgroup-conf ../memory.high=1
	refused "'cgroup.kill' is not a limit: cmk itself writes it" --cgroup-conf cgroup.kill=1
}

@test "what cgroup v2 or a user cannot have says why, and what to use" {
	refused "no counterpart in cgroup v2: --memory-swap limits swap" --memory-swappiness 10
	refused "no counterpart in cgroup v2: --oom-score-adj" --oom-kill-disable
	refused "no counterpart in cgroup v2: --cpu-shares" --cpu-rt-period 1000
	refused "no counterpart in cgroup v2: --cpu-shares" --cpu-rt-runtime 1000
	refused "--memory counts what the kernel uses" --kernel-memory 64m
	refused "only root load a filter of devices: --device gives" --device-cgroup-rule 'c 1:3 rwm'
	run_cmk 125 update --memory-swappiness 10 c
	assert_error "not supported: option '--memory-swappiness' of 'cmk update'"
}

@test "inspect tells the limits as podman does" {
	run_cmk create --name c --net=none --memory 64m --memory-reservation 32m --cpu-period 50000 --cpu-quota 25000 \
		--cpu-shares 512 --cpuset-cpus 0-1 --cpuset-mems 0 --blkio-weight 200 --pids-limit 77 \
		--cgroup-conf cpu.idle=0,memory.high=48M --rootfs "$fs" true
	assert_equal "$(host_config Memory) $(host_config MemorySwap) $(host_config MemoryReservation)" \
		"67108864 134217728 33554432"
	assert_equal "$(host_config CpuPeriod) $(host_config CpuQuota) $(host_config CpuShares) $(host_config NanoCpus)" \
		"50000 25000 512 0"
	assert_equal "$(host_config CpusetCpus) $(host_config CpusetMems)" '"0-1" "0"'
	assert_equal "$(host_config BlkioWeight) $(host_config BlkioWeightDevice) $(host_config PidsLimit)" "200 [] 77"
	assert_equal "$(host_config CgroupConf)" '{"cpu.idle":"0","memory.high":"48M"}'
	run_cmk create --name none --net=none --rootfs "$fs" true
	assert_equal "$(host_config CgroupConf none) $(host_config BlkioDeviceReadBps none) $(host_config MemorySwap none)" \
		"null null 0"
}

@test "inspect tells the limits of devices" {
	block_device
	run_cmk create --name c --net=none --blkio-weight-device "$disk:300" --device-read-bps "$disk:1mb" \
		--device-write-bps "$disk:2k" --device-read-iops "$disk:30" --device-write-iops "$disk:40" \
		--device-write-iops "$disk:41" --rootfs "$fs" true
	assert_equal "$(host_config BlkioWeightDevice)" "[{\"Path\":\"$disk\",\"Weight\":300}]"
	assert_equal "$(host_config BlkioDeviceReadBps)" "[{\"Path\":\"$disk\",\"Rate\":1048576}]"
	assert_equal "$(host_config BlkioDeviceWriteBps)" "[{\"Path\":\"$disk\",\"Rate\":2048}]"
	assert_equal "$(host_config BlkioDeviceReadIOps)" "[{\"Path\":\"$disk\",\"Rate\":30}]"
	assert_equal "$(host_config BlkioDeviceWriteIOps)" "[{\"Path\":\"$disk\",\"Rate\":41}]"
}

@test "update changes the limits of a container that does not run, and only what is named" {
	run_cmk create --name c --net=none --memory 64m --cpus 1.5 --cpu-shares 512 --rootfs "$fs" true
	run_cmk update --memory 32m --cpuset-cpus 0 --blkio-weight 100 c
	assert_equal "$(host_config Memory) $(host_config MemorySwap) $(host_config CpuShares) $(host_config NanoCpus)" \
		"33554432 67108864 512 1500000000"
	assert_equal "$(host_config CpusetCpus) $(host_config BlkioWeight)" '"0" 100'
	run_cmk update --cpu-quota 20000 --memory-swap -1 --cpu-shares 0 --cpuset-cpus '' c
	assert_equal "$(host_config CpuQuota) $(host_config CpuPeriod) $(host_config NanoCpus)" "20000 100000 0"
	assert_equal "$(host_config MemorySwap) $(host_config CpuShares) $(host_config CpusetCpus)" '-1 0 ""'
	run_cmk 125 update --memory-reservation 64m c
	assert_error "minimum memory limit cannot be less than memory reservation"
	run_cmk 125 update --memory-swap 16m c
	assert_error "memoryswap limit should be larger"
	run_cmk update --memory 0 c
	assert_equal "$(host_config Memory) $(host_config MemorySwap)" "0 0"
}

@test "a limit without its controller names the option, the controller and what delegates it" {
	local option
	lacks cpuset
	for option in --cpuset-cpus=0 --cpuset-mems=0; do
		run_cmk 125 run --rm --net=none "$option" --rootfs "$fs" true
		assert_error "${option%=*}: cgroup controller 'cpuset' is .*deleg"
	done
	[ -z "$TEST_CG" ] || assert_error "Delegate=cpu cpuset io memory pids"
	run_cmk 125 run --rm --net=none --cgroup-conf nosuch.max=1 --rootfs "$fs" true
	assert_error "--cgroup-conf nosuch.max: cgroup controller 'nosuch'"
}

@test "create records a limit whose controller is missing, as podman does, and start says which" {
	lacks cpuset
	run_cmk create --name c --net=none --cpuset-cpus 0 --rootfs "$fs" true
	assert_equal "$(host_config CpusetCpus)" '"0"'
	run_cmk 125 start c
	assert_error "^Error: --cpuset-cpus: cgroup controller 'cpuset' is .*deleg"
	run_cmk 125 start -a c
	run_cmk inspect --format '{{.State.Status}}' c
	assert_equal "$output" created
	run_cmk update --cpuset-cpus '' c
	run_cmk start -a c
}

@test "an update that a running container cannot have changes nothing" {
	lacks cpuset
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	run_cmk 125 update --cpuset-cpus 0 --restart always c
	assert_error "cpuset|control group"
	assert_equal "$(host_config CpusetCpus) $(host_config RestartPolicy.Name)" '"" "no"'
	run_cmk rm -f -t 0 c
}

@test "--cgroup-conf is written to the group's files, also at the next start" {
	needs
	run_cmk run -d --name c --net=none --cgroup-conf cgroup.max.depth=7 --rootfs "$fs" sleep 100
	assert_equal "$(file cgroup.max.depth)" 7
	run_cmk restart -t 0 c
	assert_equal "$(file cgroup.max.depth)" 7
	run_cmk rm -f -t 0 c
	run_cmk 125 run --rm --net=none --cgroup-conf cgroup.max.depth=wibble --rootfs "$fs" true
	assert_error "--cgroup-conf 'cgroup.max.depth=wibble': .*invalid argument"
	run_cmk 125 run --rm --net=none --cgroup-conf cgroup.max.wibble=1 --rootfs "$fs" true
	assert_error "--cgroup-conf 'cgroup.max.wibble=1': .*no such file"
	mkdir -p "$HOME/.config/containers"
	printf '[containers]\ncgroup_conf = ["cgroup.max.depth=5"]\n' >"$HOME/.config/containers/containers.conf"
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	assert_equal "$(file cgroup.max.depth)" 5
	run_cmk rm -f -t 0 c
}

@test "memory: the kernel's files, update on a living container, and after a restart" {
	needs memory
	run_cmk run -d --name c --net=none --memory 64m --memory-swap 96m --memory-reservation 16m --rootfs "$fs" sleep 100
	assert_equal "$(file memory.max) $(file memory.swap.max) $(file memory.low)" "67108864 33554432 16777216"
	run_cmk update --memory 48m --memory-swap -1 --memory-reservation 0 c
	assert_equal "$(file memory.max) $(file memory.swap.max) $(file memory.low)" "50331648 max 0"
	run_cmk restart -t 0 c
	assert_equal "$(file memory.max) $(file memory.swap.max)" "50331648 max"
	run_cmk update --memory 0 c
	assert_equal "$(file memory.max)" max
	run_cmk rm -f -t 0 c
}

@test "cpu: the kernel's files, and update on a living container" {
	needs cpu
	run_cmk run -d --name c --net=none --cpu-period 50000 --cpu-quota 25000 --cpu-shares 512 --rootfs "$fs" sleep 100
	assert_equal "$(file cpu.max) $(file cpu.weight)" "25000 50000 20"
	run_cmk update --cpus 1.5 --cpu-shares 0 c
	assert_equal "$(file cpu.max) $(file cpu.weight)" "150000 100000 100"
	run_cmk rm -f -t 0 c
}

@test "cpuset: the kernel's files, update on a living container, and CPUs that are not there" {
	needs cpuset
	run_cmk run -d --name c --net=none --cpuset-cpus 0 --cpuset-mems 0 --rootfs "$fs" sleep 100
	assert_equal "$(file cpuset.cpus) $(file cpuset.mems)" "0 0"
	run_cmk update --cpuset-cpus '' c
	assert_equal "$(file cpuset.cpus)" ""
	run_cmk rm -f -t 0 c
	run_cmk 125 run --rm --net=none --cpuset-cpus 8000 --rootfs "$fs" true
	assert_error "--cpuset-cpus: '8000' is not available: there is .* here"
}

@test "pids: the kernel's file, and update on a living container" {
	needs pids
	run_cmk run -d --name c --net=none --pids-limit 50 --rootfs "$fs" sleep 100
	assert_equal "$(file pids.max)" 50
	run_cmk update --pids-limit -1 c
	assert_equal "$(file pids.max)" max
	run_cmk rm -f -t 0 c
}

@test "io: the kernel's files, and update on a living container" {
	needs io
	block_device
	run_cmk run -d --name c --net=none --device-read-bps "$disk:1mb" --device-write-iops "$disk:50" --rootfs "$fs" sleep 100
	assert_match "$(file io.max)" "rbps=1048576 wbps=max riops=max wiops=50"
	run_cmk update --device-read-bps "$disk:0" --device-write-iops "$disk:60" c
	assert_match "$(file io.max)" "rbps=max wbps=max riops=max wiops=60"
	run_cmk rm -f -t 0 c
}
