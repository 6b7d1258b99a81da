#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a container's process is told: environment, names, files that cmk writes, users.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	opts=()
}

run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }

# A whole line of the output.
has_line() { assert grep -qxF -e "$1" <<<"$output"; }

# refused TEXT OPTION...: 125 with TEXT in the message, and nothing is made
refused() {
	local text=$1
	shift
	run_cmk 125 create --net=none "$@" --rootfs "$fs" true
	assert_error "$text"
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "default environment: PATH, container, HOME, HOSTNAME, TERM with -t alone" {
	run_in env
	assert_equal "$(sort <<<"$output" | sed 's/^HOSTNAME=[0-9a-f]*$/HOSTNAME=id/')" \
		$'HOME=/root\nHOSTNAME=id\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\ncontainer=podman'
	opts=(-t)
	run_in env
	has_line $'TERM=xterm\r'
}

@test "-e: value, copy, prefix; the last one counts" {
	export CALLER=from-caller PRE_ONE=1 PRE_TWO=2
	opts=(-e A=1 -e B= -e CALLER -e NOT_THERE -e 'PRE_*' -e A=2 -e 'C=a=b c')
	run_in env
	has_line A=2
	has_line B=
	has_line CALLER=from-caller
	has_line PRE_ONE=1
	has_line PRE_TWO=2
	has_line 'C=a=b c'
	refute_match "$output" NOT_THERE
	refused 'no name' -e =x
}

@test "--env-host and --http-proxy" {
	export FROM_HOST=yes http_proxy=http://proxy.example:3128 NO_PROXY=localhost
	run_in env
	has_line http_proxy=http://proxy.example:3128
	has_line NO_PROXY=localhost
	refute_match "$output" FROM_HOST
	opts=(--http-proxy=false)
	run_in env
	refute_match "$output" 'proxy|PROXY'
	opts=(--env-host -e FROM_HOST=given)
	run_in env
	has_line FROM_HOST=given
	opts=(--env-host)
	run_in env
	has_line FROM_HOST=yes
}

@test "--env-merge, --unsetenv, --unsetenv-all" {
	opts=(--env-merge 'PATH=$PATH:/my/bin' --env-merge 'B=<${container}><$NONE>$')
	run_in env
	has_line 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/my/bin'
	has_line 'B=<podman><>$'
	opts=(--unsetenv container --unsetenv NONE)
	run_in env
	refute_match "$output" container=
	opts=(--unsetenv-all -e A=1)
	run_in /bin/env
	assert_equal "$(sed 's/=.*//' <<<"$output" | sort | tr '\n' ' ')" 'A HOME HOSTNAME '
	refused NAME=VALUE --env-merge nothing
}

@test "--env-file and --label-file" {
	printf '# comment\n\n  A=1\nB=two words\nHERE\n' >vars
	HERE=copied opts=(--env-file vars -e A=2)
	HERE=copied run_in env
	has_line A=2
	has_line 'B=two words'
	has_line HERE=copied
	# One that need not be there.
	opts=(--env-file -vars --env-file -absent)
	run_in env
	has_line A=1
	printf '# comment\na=1\nb=x=y\nc\n' >labels
	run_cmk create --name c --net=none --label-file labels -l a=2 --rootfs "$fs" true
	run_cmk inspect --format '{{json .Config.Labels}}' c
	assert_equal "$(jq -cS . <<<"$output")" '{"a":"2","b":"x=y","c":""}'
	run_cmk rm c
	refused 'nothing-here' --env-file nothing-here
	refused 'nothing-here' --label-file nothing-here
	printf 'a b=1\n' >bad
	refused 'line 1' --env-file bad
}

@test "--annotation is in config.json and inspect" {
	run_cmk create --name c --net=none --annotation a=1 --annotation b=x=y --rootfs "$fs" true
	run_cmk inspect c
	assert_equal "$(jq -c '.[0].HostConfig.Annotations | [.a, .b]' <<<"$output")" '["1","x=y"]'
	assert_equal "$(jq -r '.annotations.a' "$(jq -r '.[0].OCIConfigPath' <<<"$output")")" 1
	run_cmk rm c
	refused KEY=VALUE --annotation a
}

@test "/etc/hosts: own names, added ones first, several names, the host's entries" {
	opts=(--add-host 'a;b:192.0.2.1' --add-host 'c:2001:db8::1' --add-host 'd:[2001:db8::2]' --hostname box --name con)
	run_in cat /etc/hosts
	assert_equal "${lines[0]}" $'192.0.2.1\ta b'
	assert_equal "${lines[1]}" $'2001:db8::1\tc'
	assert_equal "${lines[2]}" $'2001:db8::2\td'
	assert_match "$output" $'\tbox con'
	assert_match "$output" $'127.0.0.1\t(.* )?localhost'
	# docker's form.
	opts=(--add-host 'a=192.0.2.1' --add-host 'c=2001:db8::1')
	run_in cat /etc/hosts
	assert_equal "${lines[0]}" $'192.0.2.1\ta'
	assert_equal "${lines[1]}" $'2001:db8::1\tc'
	opts=(--hosts-file none)
	run_in cat /etc/hosts
	assert_equal "${lines[0]}" $'127.0.0.1\tlocalhost localhost.localdomain'
	printf '# comment\n192.0.2.7 one two # three\n127.0.0.1 localhost\n' >base
	opts=(--hosts-file "$PWD/base" --hostname box)
	run_in cat /etc/hosts
	assert_equal "${lines[0]}" $'192.0.2.7\tone two'
	refute_match "$output" three
	assert_match "$output" box
}

@test "--hosts-file=image, --no-hosts, --no-hostname" {
	printf '192.0.2.9 of-image\n' >"$fs/etc/hosts"
	printf 'of-image\n' >"$fs/etc/hostname"
	opts=(--hosts-file image)
	run_in cat /etc/hosts
	assert_equal "${lines[0]}" $'192.0.2.9\tof-image'
	opts=(--no-hosts --no-hostname --hostname box)
	run_in sh -c 'cat /etc/hosts /etc/hostname; hostname'
	assert_equal "$output" $'192.0.2.9 of-image\nof-image\nbox'
	tar -C "$fs" -cf fs.tar .
	run_cmk import fs.tar localhost/hosts
	run_cmk run --rm --net=none --hosts-file image localhost/hosts cat /etc/hosts
	assert_equal "${lines[0]}" $'192.0.2.9\tof-image'
	refused 'cannot be set together' --no-hosts --add-host a:1.2.3.4
	refused 'cannot be set together' --no-hosts --hosts-file image
	refused 'hosts-file' --hosts-file relative
	refused 'add-host' --add-host nothing
	refused 'invalid IP' --add-host a:1.2.3
}

@test "/etc/resolv.conf: --dns, --dns-option, --dns-search, none" {
	run_cmk run --rm --dns 192.0.2.1,192.0.2.2 --dns-option ndots:2 --dns-opt=rotate --dns-search a.example,b.example \
		--rootfs "$fs" cat /etc/resolv.conf
	assert_equal "$output" $'search a.example b.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:2 rotate'
	run_cmk run --rm --dns-search . --dns 192.0.2.1 --rootfs "$fs" cat /etc/resolv.conf
	refute_match "$output" search
	printf 'nameserver 192.0.2.99\n' >"$fs/etc/resolv.conf"
	run_cmk run --rm --dns none --rootfs "$fs" cat /etc/resolv.conf
	assert_equal "$output" 'nameserver 192.0.2.99'
	refused 'conflicting options: dns and the network mode: none' --dns 192.0.2.1
	run_cmk 125 create --dns none --dns-search x --rootfs "$fs" true
	assert_error 'dns none'
	run_cmk 125 create --dns not-an-ip --rootfs "$fs" true
	assert_error 'not-an-ip'
}

@test "words for resolv.conf and hosts bring no lines of their own" {
	local bad
	for bad in $'x\nnameserver 203.0.113.9' 'a b' $'a\tb'; do
		run_cmk 125 create --dns-search "$bad" --rootfs "$fs" true
		assert_error "DNS search domain '.*': not a domain"
		run_cmk 125 create --dns-option "$bad" --rootfs "$fs" true
		assert_error "DNS option '.*': not an option"
	done
	run_cmk 125 create --dns $'192.0.2.1\nnameserver 203.0.113.9' --rootfs "$fs" true
	assert_error 'not an IP address'
	for bad in $'x\n203.0.113.9 example.org' 'x y' 'x#y' ''; do
		run_cmk 125 create --add-host "$bad:192.0.2.1" --rootfs "$fs" true
		assert_error "add-host|host '"
	done
	run_cmk 125 create --add-host $'x:192.0.2.1\n203.0.113.9 example.org' --rootfs "$fs" true
	assert_error 'invalid IP'
	# The host's own file is no better.
	printf '192.0.2.7 one\rtwo \033[31m good\n192.0.2.8\n' >base
	opts=(--hosts-file "$PWD/base")
	run_in cat /etc/hosts
	assert_equal "${lines[0]}" $'192.0.2.7\tone two good'
}

@test "--hosts-file=image through a link reads nothing of the host" {
	printf '192.0.2.9 SECRET\n' >canary
	ln -sf "$PWD/canary" "$fs/etc/hosts"
	opts=(--hosts-file image)
	run_in cat /etc/hosts
	refute_match "$output" SECRET
	assert_match "$output" localhost
	# In a layer, and by the directory.
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q fs.tar localhost/linked
	run_cmk '?' run --rm --net=none --hosts-file image localhost/linked cat /etc/hosts
	refute_match "$output" SECRET
	mv "$fs/etc" "$fs/etc2"
	mkdir dir
	printf '192.0.2.9 SECRET\n' >dir/hosts
	ln -s "$PWD/dir" "$fs/etc"
	run_cmk '?' run --rm --net=none --hosts-file image --rootfs "$fs" cat /etc/hosts
	refute_match "$output" SECRET
}

@test "host name: the short id, --hostname, the host's with --net=host" {
	run_cmk run --net=none --name c --rootfs "$fs" sh -c 'hostname; cat /etc/hostname; echo $HOSTNAME'
	id=${lines[0]}
	assert_equal "$output" "$id"$'\n'"$id"$'\n'"$id"
	run_cmk inspect --format '{{.Id}}' c
	assert_equal "${output:0:12}" "$id"
	run_cmk rm c
	run_cmk run --rm --net=host --rootfs "$fs" hostname
	assert_equal "$output" "$(hostname)"
	refused 'hostname' --hostname 'not_ok-'
}

@test "--umask" {
	opts=(--umask 0027)
	run_in sh -c umask
	assert_equal "$output" 0027
	refused 'invalid umask' --umask 0999
	refused 'invalid umask' --umask x
}

@test "--tz: a zone's file on /etc/localtime" {
	[ -f /usr/share/zoneinfo/Pacific/Honolulu ] || skip "no zone files on this host"
	opts=(--tz Pacific/Honolulu)
	run_in date +%Z
	assert_equal "$output" HST
	opts=(--tz local)
	run_in date +%H
	assert_match "$output" '^[0-9][0-9]$'
	refused 'unknown time zone foo' --tz foo
	refused 'is a directory' --tz America
	refused 'time: invalid location name' --tz ../../../etc/passwd
}

@test "a user by number gets a line in /etc/passwd, the image's file stays" {
	printf 'root:x:0:0::/root:/bin/sh\nknown:x:7:7::/home/known:/bin/sh' >"$fs/etc/passwd"
	printf 'root:x:0:\n' >"$fs/etc/group"
	cp "$fs/etc/passwd" before
	opts=(-u 1234:55 -w /tmp)
	run_in sh -c 'tail -n 1 /etc/passwd; tail -n 1 /etc/group; id -u; id -g'
	assert_equal "$output" $'1234:*:1234:55:container user:/tmp:/bin/sh\n55:x:55:1234\n1234\n55'
	assert cmp before "$fs/etc/passwd"
	opts=(-u 7)
	run_in wc -l /etc/passwd
	assert_match "$output" '^1 '
	opts=(-u 1234:55 --passwd=false)
	run_in cat /etc/passwd
	refute_match "$output" 1234
	opts=(-u 1234:55 --passwd-entry '$USERNAME-name:*:$UID:$GID:$NAME:/my/home:/bin/x' --group-entry 'grp:x:$GID:$USERLIST')
	run_in sh -c 'tail -n 1 /etc/passwd; tail -n 1 /etc/group; echo $HOME'
	assert_equal "$output" $'1234-name:*:1234:55:container user:/my/home:/bin/x\ngrp:x:55:1234\n/my/home'
	# What they make can be called by its name.
	opts=(-u nobody-yet:grp --passwd-entry 'nobody-yet:*:77:78::/tmp:/bin/sh' --group-entry '$GROUPNAME:x:99:$USERLIST')
	run_in sh -c 'id -u; id -g; tail -n 1 /etc/group; echo $HOME'
	assert_equal "$output" $'77\n99\ngrp:x:99:nobody-yet\n/tmp'
	opts=(-u 0:grp --group-entry 'another:x:99:')
	run_cmk 126 run --rm --net=none "${opts[@]}" --rootfs "$fs" true
	assert_error 'unable to find group grp'
	rm "$fs/etc/passwd" "$fs/etc/group"
	opts=(-u 1234:55)
	run_in sh -c 'ls /etc/passwd /etc/group 2>/dev/null; echo end'
	assert_equal "$output" end
}

@test "a user by number in an image: kept over a restart, with --read-only a copy" {
	load_images alpine
	run_cmk run --name c --net=none -u 1234 alpine grep -c 1234 /etc/passwd
	assert_equal "$output" 1
	run_cmk start -a c
	assert_equal "$output" 1
	run_cmk rm c
	run_cmk run --rm --net=none alpine grep -c 1234 /etc/passwd || true
	run_cmk run --rm --net=none --read-only -u 20001 alpine sh -c 'mount | grep passwd; tail -n 1 /etc/passwd'
	assert_match "${lines[0]}" ' on /etc/passwd '
	assert_equal "${lines[1]}" '20001:*:20001:0:container user:/:/bin/sh'
	# Without a group the number stands for one as well.
	run_cmk run --rm --net=none --read-only -u 20001 alpine sh -c 'mount | grep " /etc/group "; tail -n 1 /etc/group; id -g'
	assert_match "${lines[0]}" ' on /etc/group '
	assert_equal "${lines[1]} ${lines[2]}" '20001:x:20001:20001 0'
	run_cmk run --rm --net=none --read-only alpine mount
	refute_match "$output" '/etc/(passwd|group) '
}

@test "--domainname: of the UTS namespace, behind the name in /etc/hosts, and in inspect" {
	run_cmk run --name c --net=none --hostname web --domainname example.org --rootfs "$fs" \
		sh -c 'hostname; cat /proc/sys/kernel/domainname /etc/hostname; grep web /etc/hosts'
	assert_equal "$output" $'web\nexample.org\nweb\n127.0.0.1\tweb.example.org web'
	run_cmk inspect --format '{{.Config.Hostname}} {{.Config.Domainname}}' c
	assert_equal "$output" 'web example.org'
	run_cmk rm c
	refused 'domainname' --domainname 'a b'
	refused 'cannot set domainname when running in the host UTS namespace' --uts host --domainname x
}

@test "--hostuser adds a user of the host" {
	printf 'root:x:0:0::/root:/bin/sh\n' >"$fs/etc/passwd"
	opts=(--hostuser "$(id -un)")
	run_in tail -n 1 /etc/passwd
	assert_match "$output" "^$(id -un):\*:$(id -u):"
	run_cmk 126 run --rm --net=none --hostuser nobody-is-called-so --rootfs "$fs" true
	assert_error "unknown user 'nobody-is-called-so' on the host"
}

@test "--attach: the streams that were asked for, and the exit code" {
	run_cmk 4 run --rm --net=none -a stdout --rootfs "$fs" sh -c 'echo out; echo err >&2; exit 4'
	assert_equal "$output|$stderr" 'out|'
	run_cmk run --rm --net=none -a stderr --rootfs "$fs" sh -c 'echo out; echo err >&2'
	assert_equal "$output|$stderr" '|err'
	run_cmk run --rm --net=none -a stdout,stderr --rootfs "$fs" sh -c 'echo out; echo err >&2'
	assert_equal "$output|$stderr" 'out|err'
	assert_equal "$(echo text | cmk run --rm -i -a stdin,stdout --net=none --rootfs "$fs" cat)" text
	run_cmk 4 run --rm --net=none -i -a stdin --rootfs "$fs" sh -c 'echo out; exit 4'
	assert_match "$output" '^[0-9a-f]{64}$'
	refused 'invalid stream' -a nonsense
	run_cmk 125 run -d -a stdout --rootfs "$fs" true
	assert_error 'conflicting options'
}

@test "--stop-signal: names, numbers, real-time ones; unknown ones are refused" {
	for pair in INT=SIGINT sigterm=SIGTERM 15=SIGTERM RTMIN+3=SIGRTMIN+3 37=SIGRTMIN+3 SIGRTMAX-1=SIGRTMAX-1; do
		run_cmk create --name c --net=none --stop-signal "${pair%%=*}" --rootfs "$fs" true
		run_cmk inspect --format '{{.Config.StopSignal}}' c
		assert_equal "$output" "${pair#*=}"
		run_cmk rm c
	done
	for bad in NOSUCH 0 65 33 RTMIN+99 ''; do
		run_cmk 125 create --net=none --stop-signal "$bad" --rootfs "$fs" true
		assert_error 'invalid signal: |valid signals are 1 through 64'
	done
}

@test "--systemd: detected by the command, always, never" {
	mkdir -p "$fs/sbin" "$fs/run" "$fs/tmp" "$fs/var/log"
	printf '#!/bin/sh\nmount; env; mkdir /sys/fs/cgroup/sub 2>/dev/null && echo cgroup-writable; rmdir /sys/fs/cgroup/sub 2>/dev/null; true\n' >"$fs/sbin/init"
	chmod 755 "$fs/sbin/init"
	run_in /sbin/init
	for dir in /run /run/lock /tmp /var/log/journal; do
		assert_match "$output" "tmpfs on $dir type tmpfs \(rw"
	done
	assert_match "$output" 'container_uuid=[0-9a-f]{32}'
	assert_match "$output" 'cgroup-writable'
	opts=(--systemd=false)
	run_in /sbin/init
	refute_match "$output" 'on /run/lock|container_uuid|cgroup-writable'
	opts=(--systemd=always -v "$PWD:/run/mine")
	run_in mount
	assert_match "$output" ' on /run type tmpfs'
	assert_match "$output" ' on /run/mine '
	run_cmk create --name c --net=none --rootfs "$fs" /sbin/init
	run_cmk inspect --format '{{.Config.StopSignal}} {{.Config.SystemdMode}}' c
	assert_equal "$output" 'SIGRTMIN+3 true'
	run_cmk rm c
	refused 'systemd' --systemd sometimes
}

@test "--personality LINUX32" {
	opts=(--personality LINUX32)
	run_in uname -m
	refute_match "$output" x86_64
	refused 'personality' --personality BSD
}

@test "--rmi removes the image with the container, unless another one uses it" {
	tar -C "$fs" -cf fs.tar .
	run_cmk import fs.tar localhost/once
	run_cmk create --name other --net=none localhost/once true
	run_cmk run --rmi --net=none localhost/once echo hello
	assert_equal "$output" hello
	assert_match "$stderr" "image is in use by a container"
	run_cmk image exists localhost/once
	run_cmk rm other
	run_cmk 3 run --rmi --net=none localhost/once sh -c 'exit 3'
	run_cmk 1 image exists localhost/once
	run_cmk 125 run --rmi --rm=false --net=none --rootfs "$fs" true
	assert_error "the --rmi option does not work without --rm"
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "--userns=keep-id: the caller has a name inside" {
	printf 'root:x:0:0::/root:/bin/sh\n' >"$fs/etc/passwd"
	tar -C "$fs" -cf fs.tar .
	run_cmk import fs.tar localhost/ids
	run_cmk run --rm --net=none --userns keep-id localhost/ids sh -c 'id -un; id -u; grep -c . /etc/passwd'
	assert_equal "$output" "$(id -un)"$'\n'"$(id -u)"$'\n2'
	run_cmk run --rm --net=none --userns keep-id --passwd=false localhost/ids grep -c . /etc/passwd
	assert_equal "$output" 1
}
