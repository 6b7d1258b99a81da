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
	assert_equal "$output" $'blue /conf:/bin 1\n0077\n980\ncmk-init\n100\n0000000000000021\n0\nusr'
	assert_match "$stderr" 'Read-only'
	run_cmk create --name c --annotation a=mine --init=false --rootfs "$fs" true
	run_cmk inspect --format '{{.HostConfig.Init}} {{.Config.Annotations.a}} {{.Config.Annotations.b}}' c
	assert_equal "$output" "false mine conf"
	run_cmk rm c
	opts=(--umask=0002 --read-only=false --shm-size=2m -v /bin:/mine --cap-add=setuid --init=false)
	run_in sh -c 'umask; touch /y && df -k /dev/shm | tail -n 1 | awk "{print \$2}"; grep CapBnd /proc/self/status; ls -d /mine; ls /host-usr'
	assert_match "$output" $'^0002\n2048\nCapBnd:\t00000000000000a1\n/mine$'
}

@test "--tz '' is the zone of containers.conf" {
	opts=(--tz '')
	run_in date +%Z
	assert_equal "$output" UTC
	printf '[containers]\ntz = "Pacific/Honolulu"\n' >"$conf"
	run_in date +%Z
	assert_equal "$output" HST
}

@test "devices are added to those of the command line" {
	printf '[containers]\ndevices = ["/dev/zero:/dev/notone:rwm"]\n' >"$conf"
	opts=(--device /dev/null:/dev/bar)
	run_in ls /dev/notone /dev/bar
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

@test "--module reads a file behind the others: a path, or a name of the modules' directories" {
	local dir=$HOME/.config/containers/containers.conf.modules
	mkdir "$dir"
	printf '[containers]\nannotations = ["from=conf"]\ntz = "UTC"\n' >"$conf"
	printf '[containers]\nannotations = ["from=one"]\n' >"$dir/one.conf"
	printf '[containers]\nannotations = ["from=two"]\n' >two
	annotation() {
		run_cmk "$@" create --name c --net=none --rootfs "$fs" true
		run_cmk inspect --format '{{index .Config.Annotations "from"}} {{.Config.Timezone}}' c
		local got=$output
		run_cmk rm c
		output=$got
	}
	annotation --module one.conf
	assert_equal "$output" 'one UTC'
	annotation --log-level warn --module="$T/two"
	assert_equal "$output" 'two UTC'
	annotation --module "$T/two" --module=one.conf
	assert_equal "$output" 'one UTC'
	printf '[containers]\nannotations = ["from=over"]\n' >over
	CONTAINERS_CONF_OVERRIDE=$T/over annotation --module one.conf
	assert_equal "$output" 'over UTC'
	# The words behind the command are the command's own.
	run_cmk 125 create --module=one.conf --rootfs "$fs" true
	assert_error "flag: --module|option '--module'"
	run_cmk run --rm --net=none --rootfs "$fs" echo --module nonesuch
	assert_equal "$output" '--module nonesuch'
}

@test "--module: what is not there or wrong is an error that says where it was looked for" {
	local dir=$HOME/.config/containers/containers.conf.modules
	run_cmk 1 --module=/none/such no-such-command
	assert_equal "$stderr" 'Failed to obtain cmk configuration: could not resolve module "/none/such": stat /none/such: no such file or directory'
	run_cmk 1 --module $'no\esuch' ps
	assert_equal "$stderr" 'Failed to obtain cmk configuration: could not resolve module "no such": 3 errors occurred:
	* stat '"$dir"'/no such: no such file or directory
	* stat /etc/containers/containers.conf.modules/no such: no such file or directory
	* stat /usr/share/containers/containers.conf.modules/no such: no such file or directory'
	mkdir "$dir"
	printf '[containers]\nsdf=\n' >"$dir/bad"
	run_cmk 125 --module bad ps
	assert_error "$dir/bad: line 2"
	touch "$dir/also"
	run_cmk __completeNoDesc --module ''
	assert_equal "${output%%$'\n':*}" $'also\nbad'
}

@test "mounts.conf: each container gets a copy of what it names" {
	mkdir -p rhel/deep else
	echo subscribed >rhel/test.txt
	echo key >else/key.pem
	chmod 600 else/key.pem
	ln -s "$T/else" rhel/linked
	mkfifo rhel/pipe
	printf '# those of the host\n%s:/run/secrets\n\n%s/rhel/test.txt:/etc/single\n' "$T/rhel" "$T" >"$HOME/.config/containers/mounts.conf"
	opts=()
	run_in sh -c 'cat /run/secrets/test.txt /etc/single; find /run/secrets | sort; stat -c %a /run/secrets/linked/key.pem'
	assert_equal "$output" $'subscribed\nsubscribed\n/run/secrets\n/run/secrets/deep\n/run/secrets/linked\n/run/secrets/linked/key.pem\n/run/secrets/test.txt\n600'
	assert_equal "$stderr" ""
	# A container writes to its own copy.
	run_in sh -c 'echo changed >/run/secrets/test.txt'
	assert_equal "$(cat rhel/test.txt)" subscribed
	# What the command line puts there wins.
	opts=(-v "$T/else:/run/secrets")
	run_in ls /run/secrets
	assert_equal "$output" key.pem
	run_cmk inspect --format '{{len .Mounts}}' "$(cmk create --name c --net=none --rootfs "$fs" cat /run/secrets/test.txt)"
	assert_equal "$output" 0
	echo later >rhel/test.txt
	run_cmk start -a c
	assert_equal "$output" subscribed
	run_cmk rm c
	opts=()
	printf '%s/else\n' "$T" >mine
	run_cmk --default-mounts-file mine run --rm --net=none --rootfs "$fs" sh -c "cat $T/else/key.pem; ls /run/secrets || true"
	assert_match "$output" '^key'
}

@test "mounts.conf: what cannot be copied is left out with a warning" {
	mkdir tree
	ln -s . tree/round
	printf '%s/tree:/round\n/none/such:/x\nrelative:/y\n%s/tree:z\n%s/good:/good\n' "$T" "$T" "$T" >mine
	echo good >good
	run_cmk --default-mounts-file mine run --rm --net=none --rootfs "$fs" sh -c 'cat /good; ls -d /round /x /y || true'
	assert_match "$output" '^good'
	refute_match "$output" '/(round|x|y)'
	assert_match "$stderr" "mounts.conf: '$T/tree:/round': .*left out"
	assert_match "$stderr" "'/none/such:/x': open '/none/such': no such file or directory: left out"
	assert_match "$stderr" "'relative:/y': not two absolute paths: left out"
	run_cmk --default-mounts-file /none/such run --rm --net=none --rootfs "$fs" true
	assert_equal "$stderr" ""
}

@test "container_name_as_hostname: without --hostname a container's name is its host's" {
	printf '[containers]\ncontainer_name_as_hostname = true\n' >"$conf"
	run_cmk run --rm --net=none --name one_two_3 --rootfs "$fs" sh -c 'hostname; echo $HOSTNAME; cat /etc/hostname'
	assert_equal "$output" $'onetwo3\nonetwo3\nonetwo3'
	run_cmk run --rm --net=none --name other --hostname mine -e HOSTNAME=env --rootfs "$fs" sh -c 'hostname; echo $HOSTNAME'
	assert_equal "$output" $'mine\nenv'
	run_cmk create --net=none --rootfs "$fs" true
	local id=$output
	run_cmk inspect --format '{{.Name}} {{.Config.Hostname}}' "$id"
	assert_equal "${output#* }" "$(tr -d _ <<<"${output% *}")"
	run_cmk rm "$id"
	# The kernel takes 64 of them.
	local long
	long=$(printf 'a%.0s' {1..100})
	run_cmk run --rm --net=none --name "$long" --rootfs "$fs" hostname
	assert_equal "$output" "${long:0:64}"
}

@test "log_path is a directory of logs" {
	printf '[containers]\nlog_path = "%s/logs"\n' "$T" >"$conf"
	run_cmk run --name one --net=none --rootfs "$fs" echo hello
	run_cmk inspect --format '{{.HostConfig.LogConfig.Path}} {{.Id}}' one
	assert_equal "${output% *}" "$T/logs/${output#* }/ctr.log"
	assert_match "$(cat "${output% *}")" 'stdout F hello$'
	run_cmk logs one
	assert_equal "$output" hello
	# An option wins; what is no file has no place.
	run_cmk run --rm --net=none --log-opt path="$T/own.log" --rootfs "$fs" echo own
	assert_match "$(cat own.log)" 'stdout F own$'
	run_cmk run --rm --net=none --log-driver none --rootfs "$fs" true
	assert_equal "$(find logs -mindepth 1 -maxdepth 1 | wc -l)" 1
	run_cmk rm one
	printf '[containers]\nlog_path = "logs"\n' >"$conf"
	run_cmk 125 run --rm --net=none --rootfs "$fs" true
	assert_error "log_path of containers.conf: 'logs' is not an absolute path"
}
