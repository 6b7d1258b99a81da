#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the options of run mean inside.
load helpers

run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }

# Whole lines of the output.
has_line() {
	local line
	for line in "$@"; do
		assert grep -qxF -e "$line" <<<"$output"
	done
}

setup() {
	common_setup
	fs=$(rootfs)
	opts=()
}

@test "environment: defaults, -e, -e NAME, --env-file, later wins" {
	printf '# comment\nA=file\nB=x y # kept\nGIVEN\nUNSET_HERE\n' >env
	export GIVEN=host COPIED=too
	opts=(--env-file env -e A=option -e COPIED -e NOSUCH_HERE -e EMPTY=)
	run_in env
	has_line PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=podman HOME=/root \
		A=option 'B=x y # kept' GIVEN=host COPIED=too EMPTY=
	refute_match "$output" 'NOSUCH_HERE|UNSET_HERE|TERM='
	opts=(-e 'A*')
	export ABC=1 ABD=2
	run_in sh -c 'echo $ABC$ABD'
	assert_equal "$output" 12
}

@test "host name: first digits of the ID, or --hostname; /etc/hosts and /etc/hostname agree" {
	run_in sh -c 'hostname; cat /etc/hostname; echo $HOSTNAME'
	assert_match "${lines[0]}" '^[0-9a-f]{12}$'
	assert_equal "${lines[1]}" "${lines[0]}"
	assert_equal "${lines[2]}" "${lines[0]}"
	# A script's --hostname "$NAME" where NAME is not set.
	opts=(--hostname '')
	run_in hostname
	assert_match "$output" '^[0-9a-f]{12}$'
	opts=(-h my-host.local)
	run_in sh -c 'hostname; grep -c my-host.local /etc/hosts'
	assert_equal "${lines[0]}" my-host.local
	assert [ "${lines[1]}" -ge 1 ]
}

@test "entrypoint: a word, a JSON array" {
	opts=(--entrypoint echo)
	run_in hello world
	assert_equal "$output" "hello world"
	opts=(--entrypoint '["sh", "-c", "echo $0 two"]')
	run_in one
	assert_equal "$output" "one two"
}

@test "volumes: read-write, read-only, relative, a file, --mount" {
	mkdir -p data
	echo in >data/in
	opts=(-v "$T/data:/data")
	run_in sh -c 'cat /data/in; echo out >/data/out'
	assert_equal "$output" in
	assert_equal "$(cat data/out)" out
	opts=(-v ./data:/data:ro)
	run_cmk 1 run --rm --net=none "${opts[@]}" --rootfs "$fs" sh -c 'echo x >/data/no'
	assert [ ! -e data/no ]
	opts=(--mount type=bind,src="$T/data/in",dst=/file,ro)
	run_in cat /file
	assert_equal "$output" in
	opts=(-v "$T/data:/a/b/c" --tmpfs /a)
	run_in sh -c 'cat /a/b/c/in'
	assert_equal "$output" in
}

@test "tmpfs: empty, with a size and a mode" {
	mkdir "$fs/u" && chmod 1755 "$fs/u"
	opts=(--tmpfs /t:size=1m,mode=0750 --mount type=tmpfs,dst=/u,tmpfs-size=2m)
	run_in sh -c 'stat -c %a /t; df -k /t /u | awk "NR > 1 {print \$2}"'
	assert_equal "$output" $'750\n1024\n2048'
}

@test "a tmpfs begins with what the image has there, and follows no link out" {
	mkdir -p "$fs/have/sub" && echo text >"$fs/have/sub/file" && chmod 1777 "$fs/have" && chmod 0640 "$fs/have/sub/file"
	ln -s /etc/hostname "$fs/have/link" && mkfifo "$fs/have/fifo"
	opts=(--tmpfs /have:ro)
	run_in sh -c 'cat /have/sub/file; stat -c %a /have /have/sub/file; readlink /have/link; ls /have; touch /have/x 2>/dev/null || echo read-only'
	assert_equal "$output" $'text\n1777\n640\n/etc/hostname\nlink\nsub\nread-only'
	opts=(--tmpfs /have:notmpcopyup)
	run_in ls -A /have
	assert_equal "$output" ""
}

@test "--read-only: the root is, /tmp /run /var/tmp /dev/shm are not" {
	opts=(--read-only)
	run_in sh -c 'for d in /tmp /run /var/tmp /dev/shm; do echo x >$d/x || exit 1; done; echo y >/y 2>/dev/null && exit 2; echo fine'
	assert_equal "$output" fine
}

@test "capabilities: 11 by default, added, dropped, none" {
	cap() { run_in sed -n 's/^CapEff:\t//p' /proc/self/status; }
	cap
	assert_equal "$output" 00000000800405fb
	opts=(--cap-drop ALL)
	cap
	assert_equal "$output" 0000000000000000
	opts=(--cap-drop=all --cap-add=NET_RAW,cap_chown)
	cap
	assert_equal "$output" 0000000000002001
	opts=(--cap-drop CHOWN)
	cap
	assert_equal "$output" 00000000800405fa
}

@test "--security-opt: no-new-privileges, seccomp" {
	field() { run_in sed -n "s/^$1:\t//p" /proc/self/status; }
	field Seccomp
	assert_equal "$output" 2
	opts=(--security-opt seccomp=unconfined)
	field Seccomp
	assert_equal "$output" 0
	opts=(--security-opt no-new-privileges)
	field NoNewPrivs
	assert_equal "$output" 1
	opts=(--security-opt label=disable --security-opt apparmor=unconfined)
	run_in true
}

@test "--ulimit: soft and hard" {
	opts=(--ulimit nofile=100:200 --ulimit core=0)
	run_in sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'
	assert_equal "$output" $'100\n200\n0'
}

@test "user: number, name, group; a working directory that is there" {
	printf 'root:x:0:0::/root:/bin/sh\nsomebody:x:12:34::/home/somebody:/bin/sh\n' >"$fs/etc/passwd"
	printf 'root:x:0:\nstaff:x:50:\nextra:x:60:somebody\n' >"$fs/etc/group"
	opts=(-u somebody)
	run_in sh -c 'id -u; id -g; id -G; echo $HOME'
	assert_equal "$output" $'12\n34\n34 60\n/home/somebody'
	opts=(-u 5:staff --group-add extra)
	run_in sh -c 'id -u; id -g; id -G'
	assert_equal "$output" $'5\n50\n50 60'
	opts=(-w /etc)
	run_in pwd
	assert_equal "$output" /etc
}

@test "--init: PID 1 is ours, and reaps" {
	opts=(--init)
	run_in sh -c 'echo $$; sh -c "sleep 0.1 &"; sleep 0.5; cat /proc/[0-9]*/stat | grep -c " Z " || true'
	assert [ "${lines[0]}" != 1 ]
	assert_equal "${lines[1]}" 0
}

@test "labels, exposed ports, stop signal of the command line are kept" {
	run_cmk create --name kept --net=none -l a=b -l c --expose 80,53/udp --expose 90-91 --stop-signal 2 --rootfs "$fs" true
	run_cmk inspect kept
	assert_equal "$(jq -c '.[0].Config | [.Labels, (.ExposedPorts | keys), .StopSignal]' <<<"$output")" \
		'[{"a":"b","c":""},["53/udp","80/tcp","90/tcp","91/tcp"],"SIGINT"]'
	run_cmk rm kept
}

@test "stdin: closed without -i, streamed with it, half-closed" {
	assert_equal "$(echo data | cmk run --rm --net=none --rootfs "$fs" sh -c 'cat; echo end')" end
	assert_equal "$(printf 'a\nb' | cmk run --rm -i --net=none --rootfs "$fs" sh -c 'cat; echo .end')" $'a\nb.end'
}

@test "stdout and stderr stay apart and binary-clean" {
	head -c 300000 /dev/urandom >random
	cmk run --rm -i --net=none --rootfs "$fs" sh -c 'cat; echo problem >&2' <random >copy 2>errors
	assert cmp random copy
	assert_equal "$(cat errors)" problem
}

@test "options of run end at the operand; --opt=value, grouped letters" {
	run_cmk run --rm -it=false --net none --rootfs "$fs" echo --rm -x --name y
	assert_equal "$output" "--rm -x --name y"
	run_cmk run --rm=true --net=none --rootfs -- "$fs" echo -n z
	assert_equal "$output" z
}

@test "images: command, entrypoint and environment of the image; -d; ancestor" {
	load_images alpine
	run_cmk run --rm --net=none alpine cat /etc/os-release
	has_line ID=alpine
	run_cmk run -d --net=none --name img alpine sleep 100
	run_cmk ps -q -f ancestor=alpine
	assert_equal "${#lines[@]}" 1
	run_cmk inspect --format '{{.ImageName}}' img
	assert_equal "$output" "$REGISTRY/library/alpine:latest"
	run_cmk rm -f -t 0 img
}

@test "the image's config: environment, entrypoint and command, user, directory, labels, signal, ports" {
	printf 'root:x:0:0::/root:/bin/sh\nimg:x:7:8::/home/img:/bin/sh\n' >"$fs/etc/passwd"
	tar -C "$fs" -cf fs.tar .
	run_cmk import -c 'ENV A=image B=image' -c 'ENTRYPOINT ["sh", "-c", "echo entry $0 $@"]' -c 'CMD ["one", "two"]' \
		-c 'USER img' -c 'WORKDIR /work' -c 'LABEL l=image m=image' -c 'STOPSIGNAL USR1' -c 'EXPOSE 80' -c 'EXPOSE 53/udp' \
		fs.tar localhost/config
	run_cmk run --rm --net=none localhost/config
	assert_equal "$output" "entry one two"
	run_cmk run --rm --net=none localhost/config three
	assert_equal "$output" "entry three"
	run_cmk run --rm --net=none --entrypoint pwd localhost/config
	assert_equal "$output" /work
	run_cmk run --rm --net=none -e B=option --entrypoint '' localhost/config sh -c 'id -u; id -g; echo $A $B; echo $HOME'
	assert_equal "$output" $'7\n8\nimage option\n/home/img'
	run_cmk 125 run --rm --net=none --entrypoint '' localhost/config
	assert_error "no command"
	run_cmk run --rm --net=none -u 0 -w / --entrypoint sh localhost/config -c 'id -u; pwd'
	assert_equal "$output" $'0\n/'
	run_cmk create --name c --net=none -l m=option localhost/config
	run_cmk inspect c
	assert_equal "$(jq -c '.[0].Config | [.Labels, .StopSignal, (.ExposedPorts | keys), .Entrypoint[0], .Cmd, .User, .WorkingDir]' <<<"$output")" \
		'[{"l":"image","m":"option"},"SIGUSR1",["53/udp","80/tcp"],"sh",["one","two"],"img","/work"]'
	run_cmk rm c
}

@test "-P publishes what is exposed on free ports; -p what is named; both are shown" {
	run_cmk run -d --name web -P --expose 80 -p 127.0.0.1:18081:81 --rootfs "$fs" sleep 100
	run_cmk inspect web
	assert_equal "$(jq -c '.[0].NetworkSettings.Ports["81/tcp"]' <<<"$output")" '[{"HostIp":"127.0.0.1","HostPort":"18081"}]'
	local port
	port=$(jq -r '.[0].NetworkSettings.Ports["80/tcp"][0].HostPort' <<<"$output")
	assert [ "$port" -gt 1023 ]
	run_cmk ps --format '{{.Ports}}'
	assert_match "$output" "127.0.0.1:18081->81/tcp"
	assert_match "$output" "0.0.0.0:$port->80/tcp"
	run_cmk '?' run -d --name second -p 127.0.0.1:18081:81 --rootfs "$fs" sleep 100
	assert_match "$status" '^12[56]$'
	assert_error "18081"
	run_cmk rm -f -t 0 web second
}

@test "--group-add keep-groups keeps the caller's; without it none is left but the user's own" {
	opts=(-u 1234)
	run_in sed -n 's/^Groups:\t//p' /proc/self/status
	assert_equal "${output// /}" 0
	opts=(-u 8:21 --group-add 21 --group-add 30)
	run_in sed -n 's/^Groups:\t//p' /proc/self/status
	assert_equal "${output% }" "21 30"
	# Root's of the image, and no other.
	printf 'root:x:0:\nmine:x:77:root\n' >"$fs/etc/group"
	opts=()
	run_in id -G
	assert_equal "$output" "0 77"
	opts=(--group-add keep-groups)
	run_in true
}

@test "a limit without its controller, or without a group at all, is an error that says so" {
	run_cmk '?' run --rm --net=none --memory 64m --cpus 0.5 --pids-limit 50 --rootfs "$fs" true
	[ "$status" = 0 ] && skip "all three controllers are delegated here"
	assert_equal "$status" 125
	assert_error "controller|control group|delegat"
}

@test "what a container does to stdin, stdout and stderr that are closed" {
	run bash -c 'cmk run --rm --net=none --rootfs "$1" sh -c "echo out; echo err >&2" <&- 2>&-' - "$fs"
	assert_equal "$output" out
	run bash -c 'cmk run --rm --net=none --rootfs "$1" true >&- 2>&- <&-' - "$fs"
	assert_equal "$status" 0
}

@test "--out and --noout take what cmk prints, and leave the container's output" {
	local fs
	fs=$(rootfs)
	run_cmk --out out create --net=none --name one --rootfs "$fs" echo hello
	assert_equal "$output" ""
	assert_equal "$(cat out)" "$(cmk inspect --format '{{.Id}}' one)"
	run_cmk --noout start -a one
	assert_equal "$output" hello
	run_cmk --noout rm one
	assert_equal "$output" ""
	run_cmk --out=out run --rm --net=none --rootfs "$fs" sh -c 'echo to-out; echo to-err >&2'
	assert_equal "$output|$stderr|$(cat out)" "to-out|to-err|"
	run_cmk 125 --out /nosuch/out ps
	assert_error "/nosuch/out"
	run_cmk 125 --noout --out x ps
	assert_error "cannot be used together"
}
