#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: manager
# Limits of disks by their effect: /home of the machine is on /dev/vda.
load helpers

# took COMMAND...: milliseconds that it takes in the container c.
took() {
	local begin
	begin=$(clock)
	run_cmk exec c "$@" >&2 || return
	echo $(($(clock) - begin))
}
out=(dd if=/dev/zero of=/data/file bs=64k count=64 oflag=direct)
in=(dd if=/data/file of=/dev/null bs=64k count=64 iflag=direct)

@test "io: reading and writing are held to their rates, and update lifts them" {
	local held free
	mkdir data
	start c --device-write-bps /dev/vda:1mb --device-read-bps /dev/vda:1mb -v "$PWD/data:/data" -- sleep 1000
	# 4 MiB.
	held=$(took "${out[@]}")
	assert_between "$held" 3000 60000
	held=$(took "${in[@]}")
	assert_between "$held" 3000 60000
	run_cmk update --device-write-bps /dev/vda:0 --device-read-bps /dev/vda:0 c
	free=$(took "${out[@]}")
	assert_between "$free" 0 $((held * 2 / 3))
	free=$(took "${in[@]}")
	assert_between "$free" 0 $((held * 2 / 3))
	run_cmk stats --no-stream c --format '{{.BlockIO}}'
	assert_match "$output" '^8[.0-9]*MB / 8[.0-9]*MB$'
}

@test "io: operations are held to their number" {
	local held
	mkdir data
	start c --device-write-iops /dev/vda:10 -v "$PWD/data:/data" -- sleep 1000
	held=$(took dd if=/dev/zero of=/data/file bs=4k count=40 oflag=direct)
	assert_between "$held" 3000 60000
	run_cmk update --device-write-iops /dev/vda:0 c
	assert_between "$(took dd if=/dev/zero of=/data/file bs=4k count=40 oflag=direct)" 0 $((held * 2 / 3))
}
