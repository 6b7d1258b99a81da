#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What other container programs have been hurt by, where no other file asks for it: docs/security.md says
# which test answers which entry of the record.
load helpers
bats_require_minimum_version 1.5.0
load canary

setup() {
	common_setup
	fs=$(rootfs)
	canary_make
}

# swap_loop PATH OTHER: PATH is a link to OTHER, then what it was, until the file "stop" is there.
swap_loop() {
	(while [ ! -e stop ]; do
		mv "$1" "$1.away" && ln -s "$2" "$1" && rm "$1" && mv "$1.away" "$1"
	done) 2>/dev/null 3>&- &
	swapper=$!
}
# exchange_loop A B: each has the other's name as often as the kernel can, so that a look and an open meet both.
exchange_loop() {
	python3 -c 'import ctypes, os, sys
libc = ctypes.CDLL(None)
a, b = map(os.fsencode, sys.argv[1:])
while not os.path.exists("stop"):
    for _ in range(100):
        libc.renameat2(-100, a, -100, b, 2)' "$1" "$2" 3>&- &
	swapper=$!
}
swap_end() {
	touch stop
	wait "$swapper" || true
}

@test "CVE-2025-31133, CVE-2025-52565: a volume on /dev whose null and console are links" {
	mkdir dev
	ln -s "$T/canary/file" dev/null
	ln -s "$T/canary/file" dev/console
	ln -s "$T/canary" dev/pts
	run_cmk '?' run --rm --net=none -v "$T/dev:/dev" --rootfs "$fs" sh -c 'wc -c </proc/keys; cat /proc/keys; echo x >/dev/null'
	refute_match "$output" 'SECRET|keyring'
	canary_unchanged
	run_cmk '?' run --rm -t --net=none -v "$T/dev:/dev" --rootfs "$fs" sh -c 'echo x >/dev/console; ls /dev/pts'
	refute_match "$output" 'SECRET|^file|canary'
	canary_unchanged
}

@test "CVE-2025-31133: a volume on /dev whose null is swapped while the container is made" {
	mkdir dev
	touch dev/null
	swap_loop dev/null "$T/canary/file"
	for _ in $(seq 15); do
		run_cmk '?' run --rm --net=none -v "$T/dev:/dev" --rootfs "$fs" cat /proc/keys
		refute_match "$output" 'SECRET|keyring'
	done
	swap_end
	canary_unchanged
}

@test "CVE-2019-16884, CVE-2019-19921, CVE-2025-52881: what looks like /proc gets neither labels nor parameters" {
	mkdir -p fake/sys/net/ipv4 fake/self/attr fake/thread-self/attr
	echo 0 >fake/sys/net/ipv4/ip_unprivileged_port_start
	touch fake/self/attr/exec fake/thread-self/attr/exec
	local before
	before=$(find fake -type f -printf '%p %s %T@\n' | sort)
	for target in /proc /proc/sys /proc/self/attr /proc/sys/net/ipv4; do
		run_cmk '?' run --rm --net=none --sysctl net.ipv4.ip_unprivileged_port_start=77 -v "$T/fake:$target" --rootfs "$fs" true
		assert_equal "$(find fake -type f -printf '%p %s %T@\n' | sort)" "$before"
	done
	# A link in place of the directory that is mounted on.
	rm -rf "${fs:?}/proc"
	ln -s "$T/fake" "$fs/proc"
	run_cmk '?' run --rm --net=none --sysctl net.ipv4.ip_unprivileged_port_start=77 --rootfs "$fs" true
	assert_equal "$(find fake -type f -printf '%p %s %T@\n' | sort)" "$before"
}

@test "CVE-2024-9341: a source in an image or volume through links" {
	mkdir -p "$fs/data"
	ln -s "$T/canary" "$fs/data/out"
	ln -s "../../../../../../../../../..$T/canary" "$fs/data/up"
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q fs.tar img
	for sub in data/out data/up; do
		run_cmk 125 run --rm --net=none --mount "type=image,src=img,dst=/m,subpath=$sub" img cat /m/file
		refute_match "$output" SECRET
	done
	run_cmk run --rm --net=none -v v:/v img cp -a /data/out /data/up /v/
	for sub in out up; do
		run_cmk 125 run --rm --net=none --mount "type=volume,src=v,dst=/m,subpath=$sub" img cat /m/file
		refute_match "$output" SECRET
	done
	canary_unchanged
}

@test "CVE-2023-0778: a volume whose directories and files are swapped for links while it is exported" {
	local dir name
	run_cmk volume create v
	dir=$(cmk volume inspect -f '{{.Mountpoint}}' v)
	mkdir "$dir/dir"
	echo mine | tee "$dir/dir/file" >"$dir/file"
	ln -s "$T/canary" "$dir/dir.link"
	ln -s "$T/canary/file" "$dir/file.link"
	for name in dir file; do
		rm -f stop
		exchange_loop "$dir/$name" "$dir/$name.link"
		for _ in $(seq 10); do
			# What was written before it failed counts, too.
			run_cmk '?' volume export v
			run ! grep -qa SECRET .stdout
		done
		swap_end
	done
	canary_unchanged
}

@test "CVE-2020-1726: what a volume covers is copied without following links, and the volume's own stays" {
	mkdir -p "$fs/covered"
	ln -s "$T/canary" "$fs/covered/out"
	ln -s "$T/canary" "$fs/linked"
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q fs.tar img
	run_cmk run --rm --net=none -v v:/covered img readlink /covered/out
	assert_equal "$output" "$T/canary"
	# A target that is a link: what is there in the container, not what is there on the host.
	run_cmk '?' run --rm --net=none -v w:/linked img sh -c 'cat /linked/file; touch /linked/new'
	refute_match "$output" SECRET
	canary_unchanged
	# One with content, under a directory of the image that has other.
	run_cmk run --rm --net=none -v u:/new img sh -c 'echo mine >/new/mine'
	run_cmk run --rm --net=none -v u:/covered img ls /covered
	assert_equal "$output" mine
}

@test "CVE-2022-1227: top runs nothing of the image outside of it" {
	local name
	for name in ps nsenter env; do
		rm -f "$fs/bin/$name"
		printf '#!/bin/sh\necho "%s ran as $(cat /proc/self/uid_map | head -c 40)" >>%s/ran\necho x >%s/canary/%s\n' "$name" "$T" "$T" "$name" >"$fs/bin/$name"
		chmod 755 "$fs/bin/$name"
	done
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 1000
	run_cmk top c
	assert_match "$output" 'sleep 1000'
	run_cmk top c pid comm
	assert_match "$output" 'sleep'
	# Here the container's own ps is asked for, and gets no further than the container.
	run_cmk '?' top c -ef
	assert [ ! -e ran ]
	canary_unchanged
	run_cmk rm -f -t 0 c
}

@test "CVE-2020-14370: nothing of one container is in the next" {
	run_cmk create --name a --net=none -e SECRET=1 -l secret=1 -v "$T/canary:/c" --rootfs "$fs" true
	run_cmk create --name b --net=none --rootfs "$fs" env
	run_cmk inspect b
	refute_match "$output" 'SECRET|"secret"|canary'
	run_cmk start -a b
	refute_match "$output" SECRET
	run_cmk rm a b
}

@test "CVE-2023-25809, CVE-2022-0492: no control group can be written to" {
	run_cmk run --rm --net=none --rootfs "$fs" sh -c 'for f in $(find /sys/fs/cgroup -maxdepth 1 -type f); do (echo 1 >$f) 2>/dev/null && echo "wrote $f"; done
		mkdir /sys/fs/cgroup/x 2>/dev/null && echo made; mount -t cgroup2 none /mnt 2>/dev/null && echo mounted; mount -t cgroup -o rdma none /mnt 2>/dev/null && echo mounted; echo end'
	assert_equal "$output" end
}

# bats test_tags=long
@test "CVE-2022-1708: a container that writes without end costs the monitor no memory" {
	local monitor kb
	run_cmk run -d --name c --net=none --log-opt max-size=1m --rootfs "$fs" sh -c 'head -c 200000000 /dev/zero; head -c 50000000 /dev/zero | tr "\0" "\n"; touch /done; sleep 1000'
	monitor=$(cmk inspect -f '{{.State.ConmonPid}}' c)
	wait_for 60 test -e "$fs/done"
	kb=$(awk '/^VmHWM:/ {print $2}' "/proc/$monitor/status")
	assert [ "$kb" -gt 0 ]
	assert [ "$kb" -lt 20000 ]
	assert [ "$(du -sk "$CMK_ROOT/containers" | cut -f1)" -lt 8000 ]
	run_cmk rm -f -t 0 c
	run_cmk run -d --name d --net=none --rootfs "$fs" sleep 1000
	run bash -c "cmk exec d sh -c 'head -c 100000000 /dev/zero' | wc -c"
	assert_equal "$output" 100000000
	run_cmk rm -f -t 0 d
}

@test "an /etc/passwd of 100 MB holds nobody up" {
	local line
	line=$(printf 'user%0100d:x:5:5::/:/bin/sh' 0)
	yes "$line" | head -c 100000000 >"$fs/etc/passwd"
	run_cmk '?' run --rm --net=none -u nobody-like-that --rootfs "$fs" true
	assert [ "$status" -ge 125 ]
	assert_match "$stderr" "'/etc/passwd' of the image: "
}
