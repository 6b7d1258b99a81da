#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Options of run that the runtime carries out, at their edges (61-run-cli has the middle).
load helpers

run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }

setup() {
	common_setup
	fs=$(rootfs)
	opts=()
}

@test "user: by name, number, with group; HOME follows" {
	opts=(-u operator)
	run_in sh -c 'id -u; id -g; echo $HOME'
	assert_equal "$output" $'1000\n1000\n/home/operator'
	opts=(-u 1000)
	run_in sh -c 'id -u; id -g; echo $HOME'
	assert_equal "$output" $'1000\n1000\n/home/operator'
	opts=(-u 4242)
	run_in sh -c 'id -u; id -g; echo $HOME'
	assert_equal "$output" $'4242\n0\n/'
	opts=(-u 4242:users -e HOME=/mine)
	run_in sh -c 'id -u; id -g; echo $HOME'
	assert_equal "$output" $'4242\n100\n/mine'
	rm "$fs/etc/passwd" "$fs/etc/group"
	opts=(-u 5:6)
	run_in sh -c 'id -u; id -g'
	assert_equal "$output" $'5\n6'
}

@test "user: an id beyond the map says what is missing" {
	run_cmk 126 run --rm --net=none -u 4000000000 --rootfs "$fs" true
	assert_error "not mapped"
	run_cmk 126 run --rm --net=none -u 0:nosuch --rootfs "$fs" true
	assert_error "unable to find group nosuch: no matching entries in group file"
}

@test "exec -u is as strict as run -u" {
	run_cmk run -d --name c --net=none -u operator --rootfs "$fs" sleep 100
	run_cmk exec c id -u
	assert_equal "$output" 1000
	run_cmk exec -u 0 c id -u
	assert_equal "$output" 0
	run_cmk exec -u nobody c id -u
	assert_equal "$output" 65534
	for bad in 1: :1 1x 4294967296 -1 nosuch; do
		run_cmk 126 exec -u "$bad" c true
		assert_match "$stderr" '^Error: '
	done
	run_cmk rm -f -t 0 c
}

@test "--group-add: by name, number; unknown is an error; keep-groups alone" {
	opts=(--group-add staff --group-add 4242)
	run_in id -G
	assert_equal "$output" "0 6 10 50 4242"
	run_cmk 126 run --rm --net=none --group-add nosuch --rootfs "$fs" true
	assert_error "unable to find group nosuch: no matching entries in group file"
}

@test "--ulimit: what is set holds, beyond the hard limit is an error that says so" {
	opts=(--ulimit nofile=64:128 --ulimit core=0)
	run_in sh -c 'ulimit -n; ulimit -Hn; ulimit -c'
	assert_equal "$output" $'64\n128\n0'
	(
		ulimit -n 1000
		run_cmk '?' run --rm --net=none --ulimit nofile=4000:4000 --rootfs "$fs" true
		assert_match "$status" '^12[56]$'
		assert_error "RLIMIT_NOFILE"
		assert_match "$stderr" '1000'
	)
}

@test "limits by default: the session's hard limit, also where a later session has less" {
	run_in sh -c 'ulimit -n'
	assert_equal "$output" "$(n=$(ulimit -Hn); [ "$n" -le 1048576 ] && echo "$n" || echo 1048576)"
	run_cmk create --name c --net=none --rootfs "$fs" sh -c 'ulimit -n; sleep 100'
	(
		ulimit -n 700
		run_cmk start c
		run_cmk exec c sh -c 'ulimit -n'
		assert_equal "$output" 700
	)
	run_cmk logs c
	assert_equal "$output" 700
	run_cmk rm -f -t 0 c
}

@test "working directory: the image's is made when missing, that of the command line must be there" {
	local args=(--net=none -u operator)
	tar -C "$fs" -cf fs.tar .
	run_cmk import -c 'WORKDIR /new/deep/dir' fs.tar localhost/img
	run_cmk run --rm "${args[@]}" localhost/img sh -c 'pwd; touch x; stat -c %U .'
	assert_equal "$output" $'/new/deep/dir\noperator'
	# What is mounted may be without it.
	mkdir empty
	run_cmk run --rm "${args[@]}" -w /data/log -v "$T/empty:/data/:O" localhost/img pwd
	assert_equal "$output" /data/log
	assert [ ! -e empty/log ]
	run_cmk 126 run --rm "${args[@]}" -w /other localhost/img pwd
	assert_error 'workdir "/other" does not exist on container'
	mkdir -p src/sub
	run_cmk run --rm "${args[@]}" -w /mnt/x -v "$T/src:/mnt/x" localhost/img ls
	assert_equal "$output" sub
	run_cmk create --name c "${args[@]}" -w /other localhost/img pwd
	run_cmk 125 start -a c
	assert_error 'workdir "/other" does not exist'
	run_cmk rm c
	run_cmk 126 run --rm --net=none -w /etc/passwd --rootfs "$fs" true
	assert_error "working directory '/etc/passwd'"
	mkdir -m 0700 "$fs/closed"
	run_cmk 126 run --rm --net=none -w /closed -u operator --rootfs "$fs" true
	assert_error "working directory '/closed'"
}

@test "--init: exit code, signals, orphans are reaped, PATH is searched" {
	opts=(--init)
	run_cmk 7 run --rm --net=none --init --rootfs "$fs" sh -c 'exit 7'
	run_cmk 143 run --rm --net=none --init --rootfs "$fs" sh -c 'kill -TERM $$'
	run_cmk 127 run --rm --net=none --init --rootfs "$fs" nosuch
	run_in sh -c 'cat /proc/1/comm; (sleep 0.1 & ) ; sleep 0.5; grep -l "State:.Z" /proc/[0-9]*/status; echo end'
	assert_equal "$output" $'cmk-init\nend'
	run_cmk run -d --name c --net=none --init --rootfs "$fs" sleep 100
	run_cmk inspect --format '{{index .Config.Annotations "io.container.manager"}}' c
	assert_equal "$output" libpod
	run_cmk inspect --format '{{index .Config.Annotations "io.podman.annotations.init"}}' c
	assert_equal "$output" TRUE
	run_cmk stop c
	run_cmk wait c
	assert_equal "$output" 143
	run_cmk rm c
}

@test "bind mounts keep the flags that the host has locked" {
	# The fixture's small file system, whatever its flags, stays usable with each word.
	mkdir data
	echo '#!/bin/sh
echo ran' >data/script
	chmod 755 data/script
	opts=(-v "$T/data:/data:exec")
	run_in /data/script
	assert_equal "$output" ran
	run_cmk 126 run --rm --net=none -v "$T/data:/data:noexec" --rootfs "$fs" /data/script
	opts=(-v /sys/kernel:/k:rw)
	run_in sh -c 'touch /k/x 2>/dev/null || echo still'
	assert_equal "$output" still
}

@test "a file on a directory, a directory on a file: an error that says which" {
	echo x >file
	run_cmk '?' run --rm --net=none -v "$T/file:/etc" --rootfs "$fs" true
	assert_match "$status" '^12[56]$'
	assert_error "a file cannot be mounted on a directory"
}

@test "missing mount targets are made: directories and files" {
	mkdir data
	echo x >file
	opts=(-v "$T/data:/a/b/c" -v "$T/file:/d/e/f")
	run_in sh -c 'test -d /a/b/c && cat /d/e/f'
	assert_equal "$output" x
}

@test "a script without its interpreter, a file of no format, a loader that is missing" {
	printf '#!/nosuch/interpreter\n' >"$fs/bin/script"
	echo garbage >"$fs/bin/garbage"
	chmod 755 "$fs/bin/script" "$fs/bin/garbage"
	run_cmk 127 run --rm --net=none --rootfs "$fs" script
	assert_error "interpreter"
	run_cmk 126 run --rm --net=none --rootfs "$fs" garbage
	assert_error "garbage"
	chmod 644 "$fs/bin/script"
	run_cmk 126 run --rm --net=none --rootfs "$fs" script
	assert_error "permission denied"
}

@test "a terminal: on the container's own devpts, owned by the user, with /dev/console" {
	run script -qec "stty rows 33 cols 77; cmk run --rm -it --net=none -u operator --rootfs '$fs' sh -c 'tty; stty size; stat -c %U /dev/pts/0; test -c /dev/console && echo console; echo \$TERM; ps -o pid,tty,args | grep -c pts'" /dev/null
	assert_match "$output" '/dev/pts/0'
	assert_match "$output" '33 77'
	assert_match "$output" 'operator'
	assert_match "$output" 'console'
}

@test "sixty layers, and paths with commas and colons" {
	load_images many
	mkdir 'a,b:c' && cd 'a,b:c'
	CMK_ROOT="$T/a,b:c/store"
	run_cmk run --rm --net=none many cat /layers/top
	assert_equal "$output" 60
}

@test "--storage-opt is refused, and says why and what to do" {
	for opt in size=1G size=100m inodes=1000; do
		run_cmk 125 run --rm --storage-opt "$opt" --rootfs "$fs" true
		assert_error "--storage-opt '$opt': .*project quotas.*root"
		assert_match "$stderr" '--tmpfs DIR:size=BYTES'
		run_cmk 125 create --storage-opt "$opt" --rootfs "$fs" true
	done
	run_cmk 125 run --rm --storage-opt size=much --rootfs "$fs" true
	assert_error "invalid size: 'much'"
	run_cmk 125 run --rm --storage-opt foo=bar --rootfs "$fs" true
	assert_error "Unknown option"
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "--isolation: there are the namespaces alone" {
	opts=(--isolation default)
	run_in echo in
	assert_equal "$output" in
	run_cmk 125 run --rm --net=none --isolation hyperv --rootfs "$fs" true
	assert_error "invalid value 'hyperv' for option '--isolation'"
}
