#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a run may cost: counts that do not depend on the machine's speed. Memory, and instructions where perf
# has no counter, are counted by root: tests/bats-root.
load helpers

setup() {
	common_setup
	[ "${CMK_TEST_SANITIZED:-}" != yes ] || skip "a sanitizer's own work would be counted"
}

# The names of shared libraries, without versions, one a line.
names() { sed -nE 's,^(.*/)?(lib[A-Za-z+_-]*|ld-linux[A-Za-z0-9_-]*)[-.0-9]*\.so.*,\2,p' | sort -u; }

# libc with its loader, libcap, yajl, and nettle for digests: nothing that maps another dozen.
allowed=$'ld-linux-x86-64\nlibc\nlibcap\nlibnettle\nlibyajl'

@test "cmk maps only the light libraries" {
	local got
	got=$(ldd "$CMK_BIN" | awk '/=>/ {print $1} /ld-linux/ {print $1}' | names)
	assert_equal "$(comm -23 <(echo "$got") <(echo "$allowed"))" ""
}

@test "a running container's monitor maps only the light libraries" {
	load_images alpine
	run_cmk run -d --net=none alpine sleep 1000
	local pid got seen=0
	for pid in $(pgrep -u "$UID" -f "^([^ ]*/)?cmk"); do
		[ "$(readlink "/proc/$pid/exe")" = "$CMK_BIN" ] || continue
		grep -q "$TEST_CG" <(sed "s,^0::,/sys/fs/cgroup," "/proc/$pid/cgroup") || continue
		got=$(awk '$6 ~ /\.so/ {print $6}' "/proc/$pid/maps" | names)
		assert_equal "$(comm -23 <(echo "$got") <(echo "$allowed"))" ""
		seen=$((seen + 1))
	done
	assert [ $seen -ge 1 ]
	run_cmk rm -f -t 0 -a
}

@test "run --rm --net=none true takes at most 6 million instructions" {
	perf stat -x , -e instructions:u -o probe true 2>/dev/null && ! grep -q 'not supported\|not counted' probe ||
		skip "no instruction counter here (perf stat -e instructions:u)"
	load_images alpine
	run_cmk run --rm --net=none alpine true
	perf stat -x , -e instructions:u -o count "$T/bin/cmk" run --rm --net=none alpine true
	local n
	n=$(awk -F, '/instructions/ {print $1}' count)
	echo "$n instructions"
	assert [ "$n" -gt 0 ]
	assert [ "$n" -le 6000000 ]
}
