#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a run may cost: counts that do not depend on the machine's speed.
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

@test "the helpers of a container with a published port keep at most 2 MB to themselves" {
	load_images alpine
	run_cmk run -d -p 127.0.0.1:18090:80 alpine sleep 1000
	local pid kb sum=0 seen=0
	for pid in $(pgrep -u "$UID" -f "^([^ ]*/)?cmk[a-z-]*"); do
		case $(readlink "/proc/$pid/exe") in
		"$CMK_BIN" | /usr/local/libexec/cmk/*) ;;
		*) continue ;;
		esac
		grep -q "$TEST_CG" <(sed "s,^0::,/sys/fs/cgroup," "/proc/$pid/cgroup") || continue
		kb=$(awk '/^Private_/ {n += $2} END {print n + 0}' "/proc/$pid/smaps_rollup") || skip "smaps_rollup of our own helper cannot be read"
		echo "$kb kB: $(tr '\0' ' ' <"/proc/$pid/cmdline")"
		sum=$((sum + kb)) seen=$((seen + 1))
	done
	assert [ $seen -ge 2 ]
	assert [ $sum -gt 0 ]
	assert [ $sum -le 2048 ]
	run_cmk rm -f -t 0 -a
}
