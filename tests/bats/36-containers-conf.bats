#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# containers.conf: what it sets for containers and for cmk, which file wins, and what of it is refused.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	conf=$HOME/.config/containers/containers.conf
}

# Runs COMMAND... in a new container, with options from the array opts.
run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }

@test "containers.conf gives the defaults of options, which win over it" {
	cat >"$conf" <<-'END'
		[containers]
		env = ["COLOR=blue", "PATH=/conf:/bin"]
		umask = "0077"
		shm_size = "1m"
		init = true
		read_only = true
		default_ulimits = ["nofile=100:200"]
		annotations = ["a=conf", "b=conf"]
		default_capabilities = ["KILL", "CHOWN"]
		volumes = ["/usr:/host-usr:ro"]
		seccomp_profile = "unconfined"
	END
	opts=(-e MORE=1)
	run_in sh -c 'echo $COLOR $PATH $MORE; umask; df -k /dev/shm | tail -n 1 | awk "{print \$2}"; cat /proc/1/comm; ulimit -n
		grep -E "CapBnd|Seccomp:" /proc/self/status | awk "{print \$2}"; touch /x || true; test -d /host-usr/bin && echo usr'
	assert_equal "$output" $'blue /conf:/bin 1\n0077\n1024\ncmk-init\n100\n0000000000000021\n0\nusr'
	assert_match "$stderr" 'Read-only'
	run_cmk create --name c --annotation a=mine --init=false --rootfs "$fs" true
	run_cmk inspect --format '{{.HostConfig.Init}} {{.Config.Annotations.a}} {{.Config.Annotations.b}}' c
	assert_equal "$output" "false mine conf"
	run_cmk rm c
	opts=(--umask=0002 --read-only=false --shm-size=2m -v /bin:/mine --cap-add=setuid --init=false)
	run_in sh -c 'umask; touch /y && df -k /dev/shm | tail -n 1 | awk "{print \$2}"; grep CapBnd /proc/self/status; ls -d /mine; ls /host-usr'
	assert_match "$output" $'^0002\n2048\nCapBnd:\t00000000000000a1\n/mine$'
}

@test "an image's environment wins over that of containers.conf" {
	load_images alpine
	printf '[containers]\nenv = ["PATH=/conf", "ONLY=conf"]\n' >"$conf"
	run_cmk run --rm --net=none alpine sh -c 'echo $PATH $ONLY'
	refute_match "$output" '/conf'
	assert_match "$output" ' conf$'
}

@test "later files win, arrays are replaced or added to, and CONTAINERS_CONF stands alone" {
	mkdir "$conf.d"
	printf '[containers]\nenv = ["A=1", "B=1"]\ntz = "Europe/Paris"\n' >"$conf"
	printf '[containers]\nenv = ["B=2", {append=true}]\n' >"$conf.d/10-add.conf"
	printf '[containers]\nenv = ["C=3"]\n' >"$conf.d/20-more.conf"
	printf '[containers]\nenv = ["C=no"]\n' >"$conf.d/30-not-read"
	run_in sh -c 'echo $A$B$C'
	assert_equal "$output" 123
	printf '[containers]\nenv = ["C=4", {append=false}]\n' >over
	CONTAINERS_CONF_OVERRIDE=$T/over run_in sh -c 'echo $A$B$C'
	assert_equal "$output" 4
	printf '[containers]\nenv = ["A=alone"]\n' >alone
	CONTAINERS_CONF=$T/alone run_in sh -c 'echo $A$B$C'
	assert_equal "$output" alone
	CONTAINERS_CONF=$T/alone CONTAINERS_CONF_OVERRIDE=$T/over run_in sh -c 'echo $A$B$C'
	assert_equal "$output" 4
	CONTAINERS_CONF=$T/absent run_cmk 125 ps
	assert_error "CONTAINERS_CONF: no file '$T/absent'"
}

@test "names, servers and hosts of containers.conf" {
	cat >"$conf" <<-'END'
		[containers]
		dns_servers = ["192.0.2.53"]
		dns_searches = ["example.org"]
		dns_options = ["ndots:3"]
		host_containers_internal_ip = "192.0.2.7"
		base_hosts_file = "none"
	END
	run_cmk run --rm --rootfs "$fs" cat /etc/resolv.conf /etc/hosts
	assert_match "$output" 'nameserver 192.0.2.53'
	assert_match "$output" 'search example.org'
	assert_match "$output" 'options ndots:3'
	assert_match "$output" $'192.0.2.7\thost.containers.internal'
	run_cmk run --rm --dns=192.0.2.54 --rootfs "$fs" cat /etc/resolv.conf
	refute_match "$output" '192.0.2.53'
	# Where there is no network there is nothing to ask, and that is no error.
	run_in cat /etc/hosts
	run_cmk run --rm --no-hosts --dns=none --rootfs "$fs" true
	printf '[containers]\nhost_containers_internal_ip = "no.ip"\n' >"$conf"
	run_cmk 125 run --rm --rootfs "$fs" true
	assert_error "host.containers.internal: 'no.ip' is neither an IP address nor none"
}

@test "kernel parameters of containers.conf are passed over where a container shares the namespace" {
	printf '[containers]\ndefault_sysctls = ["net.ipv4.ip_default_ttl=7", "kernel.msgmax=9000"]\n' >"$conf"
	run_in cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax
	assert_equal "$output" $'7\n9000'
	run_cmk run --rm --net=host --rootfs "$fs" cat /proc/sys/net/ipv4/ip_default_ttl
	refute_match "$output" '^7$'
	opts=(--sysctl net.ipv4.ip_default_ttl=8)
	run_in cat /proc/sys/net/ipv4/ip_default_ttl
	assert_equal "$output" 8
}

@test "logs, hooks, events and cmk's own variables of containers.conf" {
	mkdir hooks
	cat >"$conf" <<-END
		[containers]
		log_driver = "json-file"
		log_size_max = 1000000
		log_tag = "unused"
		[engine]
		hooks_dir = ["$T/hooks"]
		events_logger = "none"
		env = ["STORAGE_DRIVER=vfs", "HOME=/nowhere"]
		stop_timeout = 3
		pull_policy = "never"
	END
	printf '{"version": "1.0.0", "hook": {"path": "/bin/sh", "args": ["sh", "-c", "touch %s/ran"]}, "when": {"always": true}, "stages": ["prestart"]}' "$T" \
		>hooks/x.json
	run_cmk run --name c --net=none --rootfs "$fs" echo hello
	assert [ -e ran ]
	run_cmk inspect --format '{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Size}} {{.Config.StopTimeout}}' c
	assert_equal "$output" "json-file 1MB 3"
	run_cmk rm c
	run_cmk 125 events --stream=false
	run_cmk info --format '{{.host.eventLogger}} {{.store.graphDriverName}}'
	assert_equal "$output" "none vfs"
	run_cmk --events-backend=file info --format '{{.host.eventLogger}}'
	assert_equal "$output" file
	run_cmk 125 run --rm "$REGISTRY/library/alpine" true
	assert_error "image not known"
}

@test "what containers.conf says and cmk cannot do is said or refused; what is unknown is passed over" {
	printf '[containers]\nnew_key = 1\ninterface_name = "eth7"\nlabel = true\n[engine]\nno_pivot_root = false\n[future]\nx = 1\n' >"$conf"
	run_in true
	assert_equal "${stderr#*msg=}" "\"containers.conf: [containers] interface_name = 'eth7' is not supported and has no effect\""
	printf '[engine]\nno_pivot_root = true\n' >"$conf"
	run_cmk 125 run --rm --rootfs "$fs" true
	assert_error "containers.conf: \[engine\] no_pivot_root = 'true' is not supported"
	run_cmk ps
}

@test "apparmor_profile is as --security-opt apparmor=, which wins" {
	printf '[containers]\napparmor_profile = "mine"\n' >"$conf"
	run_cmk 125 run --rm --rootfs "$fs" true
	assert_error 'mine|AppArmor'
	run_cmk run --rm --net=none --security-opt apparmor=unconfined --rootfs "$fs" true
	printf '[containers]\napparmor_profile = "unconfined"\n' >"$conf"
	run_cmk run --rm --net=none --rootfs "$fs" true
}

@test "a wrong containers.conf is an error that names file, line and key, but for help" {
	printf '[containers]\nshm_size = 5\n' >"$conf"
	run_cmk 125 ps
	assert_error "$conf: line 2: 'shm_size' is not a string"
	run_cmk --version
	run_cmk run --help
	printf '[containers]\nshm_size = "lots"\n' >"$conf"
	run_cmk 125 run --rm --rootfs "$fs" true
	assert_error "containers.conf: 'containers.shm_size': invalid value 'lots' for option '--shm-size'"
	printf '[containers\n' >"$conf"
	run_cmk 125 ps
	assert_error "$conf: line 1: "
	printf '[containers]\nenv = [1]\n' >"$conf"
	run_cmk 125 ps
	assert_error "line 2: 'env' is not an array of strings"
	printf '[engine]\nenv = ["novalue"]\n' >"$conf"
	run_cmk 125 ps
	assert_error "'novalue' is not NAME=VALUE"
}

@test "the manual of containers.conf lists what is read" {
	assert [ -s /usr/local/share/man/man5/cmk-containers.conf.5 ]
	grep -q 'dns_servers' /usr/local/share/man/man5/cmk-containers.conf.5
}
