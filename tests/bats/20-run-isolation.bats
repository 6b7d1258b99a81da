#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container can see and reach, and what a hostile root file system cannot make of us.
load helpers
load canary

run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }

setup() {
	common_setup
	fs=$(rootfs)
	opts=()
	canary_make
}

# FILE as a link out of the root, in each of the ways that lead there on the host.
link_out() {
	local file=$1 target=$2 up=../../../../../../../../../../..
	rm -rf "${fs:?}/$file"
	mkdir -p "$(dirname "$fs/$file")"
	case $3 in
	absolute) ln -s "$target" "$fs/$file" ;;
	relative) ln -s "$up$target" "$fs/$file" ;;
	twice) ln -s "hop-${file##*/}" "$fs/$file" && ln -sfn "$up$target" "$(dirname "$fs/$file")/hop-${file##*/}" ;;
	esac
}

@test "process status: 11 capabilities, none inheritable or ambient, a filter, empty masks" {
	run_in cat /proc/self/status
	assert_match "$output" $'CapInh:\t0000000000000000'
	assert_match "$output" $'CapPrm:\t00000000800405fb'
	assert_match "$output" $'CapEff:\t00000000800405fb'
	assert_match "$output" $'CapBnd:\t00000000800405fb'
	assert_match "$output" $'CapAmb:\t0000000000000000'
	assert_match "$output" $'Seccomp:\t2'
	assert_match "$output" $'NoNewPrivs:\t0'
	assert_match "$output" $'SigBlk:\t0000000000000000'
	assert_match "$output" $'SigIgn:\t0000000000000000'
	opts=(-u 1000)
	run_in cat /proc/self/status
	assert_match "$output" $'CapEff:\t0000000000000000'
	assert_match "$output" $'CapPrm:\t0000000000000000'
	assert_match "$output" $'CapBnd:\t00000000800405fb'
}

@test "exec starts as clean as run" {
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	run_cmk exec c cat /proc/self/status
	assert_match "$output" $'CapInh:\t0000000000000000'
	assert_match "$output" $'CapEff:\t00000000800405fb'
	assert_match "$output" $'CapAmb:\t0000000000000000'
	assert_match "$output" $'Seccomp:\t2'
	run_cmk exec c sh -c 'for f in /proc/$$/fd/*; do [ -L $f ] && echo ${f##*/}; done; cat /proc/self/cgroup'
	assert_match "$output" $'^0\n1\n2\n(10\n)?[0-9]+:'
	refute_match "$output" $':/[^\n]'
	run_cmk rm -f -t 0 c
}

@test "a clean start whatever the caller's state: umask, ignored signals, locale" {
	run bash -c "umask 077; trap '' PIPE CHLD HUP TERM; exec env LC_ALL=tr_TR.UTF-8 cmk run --rm --net=none --rootfs '$fs' \
		sh -c 'umask; grep -E \"Sig(Ign|Blk)\" /proc/self/status; touch /x; stat -c %a /x'"
	assert_equal "$status" 0
	assert_equal "$output" $'0022\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n644'
}

@test "only standard descriptors arrive" {
	exec 7</etc/passwd 9<"$T/canary"
	# What the shell opened to list them is gone when it looks.
	run_in sh -c 'for f in /proc/$$/fd/*; do [ -L $f ] && echo ${f##*/}; done; true'
	exec 7<&- 9<&-
	assert_match "$output" $'^0\n1\n2(\n10)?$'
}

@test "closed standard descriptors do no harm" {
	run bash -c "cmk run --rm --net=none --rootfs '$fs' sh -c 'echo text >/out; ls -l /proc/self/fd' <&- >&- 2>&-"
	assert_equal "$status" 0
	assert_equal "$(cat "$fs/out")" text
}

@test "namespaces of its own: processes, network, host name, cgroup, users" {
	run_in sh -c 'echo $$; ls -d /proc/[0-9]* | wc -l; ls /sys/class/net; cat /proc/self/cgroup; hostname other; cat /proc/self/uid_map'
	assert_equal "${lines[0]}" 1
	assert [ "${lines[1]}" -le 3 ]
	assert_equal "${lines[2]}" lo
	assert_match "$output" $'\n0::/\n'
	refute_match "$output" $':/[^\n]'
	assert_match "$output" '0 +0 +1'
	for ns in user mnt pid net uts ipc cgroup; do
		run_in readlink /proc/self/ns/$ns
		assert [ -n "$output" ]
		refute_match "$output" "$(readlink /proc/self/ns/$ns)"
	done
}

@test "nobody's groups but the image's" {
	run_in id -G
	assert_equal "$output" "0 6 10"
	opts=(-u operator)
	run_in id -G
	assert_equal "$output" "1000 10 50"
	opts=(-u operator:users)
	run_in id -G
	assert_equal "$output" 100
}

@test "masked and read-only paths" {
	run_in sh -c 'for f in keys timer_list interrupts; do wc -c </proc/$f; done; ls -A /sys/firmware /proc/acpi 2>/dev/null
		for f in /proc/sys/kernel/hostname /proc/sys/vm/swappiness /sys/kernel/notes /proc/sysrq-trigger /proc/irq/default_smp_affinity \
			/proc/sys/kernel/msgmax; do
			(echo 64 >$f) 2>/dev/null && echo "wrote $f"; done
		mkdir /sys/fs/cgroup/x 2>/dev/null && echo "made a group"; echo end'
	refute_match "$output" 'wrote|made'
	assert_equal "${lines[0]}${lines[1]}${lines[2]}" 000
	assert_match "$output" 'end$'
}

@test "no mounts and devices from inside" {
	run_in sh -c 'mount -t tmpfs x /mnt; mknod /tmp/sda b 8 0; umount /proc/keys; mount -o remount,rw /sys; mount -o remount,rw /proc/sys; chroot / true && echo chroot-works' </dev/null
	assert_equal "$output" chroot-works
	assert_equal "$(grep -ciE 'not permitted|denied' <<<"$stderr")" 5
}

@test "links out of the root in place of every file that cmk puts there" {
	for way in absolute relative twice; do
		for file in etc/hosts etc/hostname etc/resolv.conf etc/mtab run/.containerenv; do
			link_out "$file" "$T/canary/file" $way
		done
		run_in sh -c 'cat /etc/hosts /etc/resolv.conf /etc/hostname >/dev/null; echo ran'
		assert_equal "$output" ran
		canary_unchanged
		for file in etc/hosts etc/hostname etc/resolv.conf etc/mtab run/.containerenv; do
			link_out "$file" "$T/canary/new" $way
		done
		run_in true
		canary_unchanged
	done
}

@test "links out of the root in place of directories that are mounted on" {
	for way in absolute relative twice; do
		for dir in dev proc sys etc mnt; do link_out $dir "$T/canary" $way; done
		opts=(-v "$T/canary:/mnt/below" --tmpfs /mnt/two)
		run_cmk '?' run --rm --net=none "${opts[@]}" --rootfs "$fs" /bin/sh -c 'echo ran'
		canary_unchanged
		rm -rf "$fs"
		fs=$(rootfs)
	done
}

@test "FIFOs in place of files hold nobody up" {
	for file in etc/passwd etc/group etc/hosts etc/hostname etc/resolv.conf etc/mtab run/.containerenv; do
		rm -f "$fs/$file"
		mkfifo "$fs/$file"
	done
	run_cmk run --rm --net=none --rootfs "$fs" sh -c 'echo ran; cat /etc/hosts | grep -c localhost'
	assert_equal "${lines[0]}" ran
	run_cmk 126 run --rm --net=none -u operator --rootfs "$fs" true
	mkfifo "$T/fifo"
	rm -f "$fs/etc/passwd"
	ln -s "$T/fifo" "$fs/etc/passwd"
	run_cmk run --rm --net=none --rootfs "$fs" true
}

@test "/dev of the image is not used: links and files at /dev/null, console, pts" {
	mkdir -p "$fs/dev"
	for f in null console ptmx pts shm; do ln -s "$T/canary/file" "$fs/dev/$f"; done
	run_in sh -c 'test -c /dev/null && echo x >/dev/null && ls -A /dev | tr "\n" " "'
	assert_equal "$output" "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
	canary_unchanged
	run_in stat -c '%t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
	assert_equal "$output" $'1:3\n1:5\n1:7\n1:8\n1:9\n5:0'
}

@test "a working directory by /proc/self/fd leads nowhere out, for run and exec" {
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	for n in $(seq 3 24); do
		run_cmk '?' run --rm --net=none -w "/proc/self/fd/$n" --rootfs "$fs" sh -c "cat ./$T/canary/file ../../../../../../..$T/canary/file"
		refute_match "$output" SECRET
		run_cmk '?' exec -w "/proc/self/fd/$n" c sh -c "cat ./$T/canary/file ../../../../../../..$T/canary/file"
		refute_match "$output" SECRET
	done
	run_cmk 126 run --rm --net=none -w /proc/self/fd/5 --rootfs "$fs" true
	run_cmk 126 run --rm --net=none -w /proc/1/root --rootfs "$fs" true
	run_cmk rm -f -t 0 c
}

@test "an image's working directory through a link is made inside" {
	link_out desk "$T/canary" absolute
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q -c 'WORKDIR /desk/made' fs.tar localhost/linked
	run_cmk run --rm --net=none -u operator localhost/linked sh -c 'pwd -P; touch mine && stat -c %U .'
	canary_unchanged
	assert_equal "$output" "$T/canary/made"$'\n'operator
	run_cmk 126 run --rm --net=none -w /desk/other localhost/linked true
	canary_unchanged
}

@test "this program cannot be run inside, by whatever way to /proc/self/exe" {
	before=$(sha256sum "$CMK_BIN")
	ln -s /proc/self/exe "$fs/bin/self"
	printf '#!/proc/self/exe\n' >"$fs/bin/script"
	printf '#!/bin/script x\n' >"$fs/bin/script2"
	chmod 755 "$fs/bin/script" "$fs/bin/script2"
	run_cmk run -d --name c --net=none --rootfs "$fs" sleep 100
	for cmd in /proc/self/exe self script script2 /proc/thread-self/exe; do
		run_cmk 126 run --rm --net=none --rootfs "$fs" $cmd --version
		assert_error "host"
		run_cmk 126 exec c $cmd --version
	done
	run_cmk rm -f -t 0 c
	assert_equal "$(sha256sum "$CMK_BIN")" "$before"
}

# bats test_tags=long
@test "a joining process shows the container neither its program nor its descriptors" {
	load_images debian
	# Looks at every other process as fast as it can, with all rights over its own kind; what it can open is written down.
	# shellcheck disable=SC2016
	run_cmk run -d --name c --net=none --cap-add ALL debian perl -e '
		$| = 1;
		print "ready\n";
		while (1) {
			opendir(my $d, "/proc");
			for my $p (grep { /^\d+$/ && $_ != 1 } readdir $d) {
				my $e = readlink "/proc/$p/exe";
				print("exe $e\n"), exit if defined $e && $e ne "/usr/bin/true";
				for my $n (5, 9) { my $f = readlink "/proc/$p/fd/$n"; print("fd $f\n"), exit if defined $f; }
				if (open(my $f, "<", "/proc/$p/environ")) { local $/; my $t = <$f>; print("environ\n"), exit if $t =~ /CMK_CANARY/; }
			}
		}'
	wait_for 10 eval '"$T/bin/cmk" logs c 2>&1 | grep -q ready'
	export CMK_CANARY=1
	for _ in $(seq 12); do run_cmk exec c /usr/bin/true; done
	unset CMK_CANARY
	run_cmk logs c
	assert_equal "$(head -n 3 <<<"$output")" ready
	run_cmk rm -f -t 0 c
}

@test "/proc/1/exe under --init cannot be written" {
	opts=(--init)
	run_cmk '?' run --rm --net=none "${opts[@]}" --rootfs "$fs" sh -c 'echo x >/proc/1/exe'
	assert_match "$stderr" '[Rr]ead-only|denied|busy|not permitted'
}

@test "a mount target that changes between directory and link" {
	mkdir -p vol/a/b src
	echo data >src/file
	(while [ ! -e stop ]; do
		mv vol/a vol/x && ln -s ../../../../../../../../../../../"$T"/canary vol/a && rm vol/a && mv vol/x vol/a
	done) 2>/dev/null 3>&- &
	local swapper=$!
	for _ in $(seq 25); do
		run_cmk '?' run --rm --net=none -v "$T/vol:/vol" -v "$T/src:/vol/a/b/c" --rootfs "$fs" true
	done
	touch stop
	wait $swapper || true
	canary_unchanged
}

@test "ids: root inside is the caller, others are subordinate ids" {
	mkdir data
	chmod 777 data
	run_cmk run --rm --net=none -v "$T/data:/data" --rootfs "$fs" touch /data/root
	run_cmk run --rm --net=none -u 1000 -v "$T/data:/data" --rootfs "$fs" touch /data/user
	assert_equal "$(stat -c %u data/root)" "$(id -u)"
	first=$(grep -E "^($(id -un)|$UID):" /etc/subuid | head -1 | cut -d: -f2)
	assert_equal "$(stat -c %u data/user)" $((first + 999))
}

@test "oom_score_adj of the caller is kept" {
	echo 321 >/proc/self/oom_score_adj
	run_in cat /proc/self/oom_score_adj
	assert_equal "$output" 321
}

@test "--net=host: the host's interfaces, /sys read-only, no socket of ours without a path" {
	run_cmk run --rm --net=host --rootfs "$fs" sh -c 'ls /sys/class/net; touch /sys/x 2>&1; cat /proc/net/unix'
	assert_match "$output" 'Read-only'
	refute_match "$output" '@.*cmk'
	for link in $(ls /sys/class/net); do assert_match "$output" "$link"; done
}

@test "the binds of a container do not come back to the host" {
	mkdir a
	before=$(wc -l </proc/self/mountinfo)
	run_cmk run -d --name c --net=none -v "$T/a:/a:rshared" --rootfs "$fs" sleep 100
	assert_equal "$(wc -l </proc/self/mountinfo)" "$before"
	run_cmk rm -f -t 0 c
}
