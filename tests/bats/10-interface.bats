#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The command line itself: help, what is unknown, completion, and hostile surroundings.
load helpers

@test "help lists the commands, and each command has help of its own" {
	run_cmk help
	assert_match "$output" 'Usage: cmk'
	assert_match "$output" $'\n  version '
	# A newcomer's first commands come first, and every command is there once.
	assert_match "$output" $'Getting started:\n  run .*\nContainers:.*\nImages:.*\nThis host'
	assert_match "$output" $'\n  image  +diff, exists, '
	assert_equal "$(grep -c '^  start ' <<<"$output")" 1
	run_cmk --help
	assert_match "$output" 'Global options:'
	# Sorted, with the words that are taken.
	assert_match "$output" 'log-level LEVEL .*trace\|debug\|info\|warn.*--root'
	run_cmk version --help
	assert_match "$output" 'Usage: cmk version'
	assert_match "$output" '--format FORMAT'
	local with_option=$output
	run_cmk help version
	assert_equal "$output" "$with_option"
	assert_equal "$stderr" ""
}

@test "each command has a man page with examples" {
	local name page
	run_cmk __tables
	while read -r name; do
		page=/usr/local/share/man/man1/cmk-${name// /-}.1
		assert [ -s "$page" ]
		assert grep -q '^.SH EXAMPLES' "$page"
	done < <(awk -F'\t' '$2 == "-" && $4 == "-" && $5 != "hidden" {print $1}' <<<"$output")
	assert [ -n "$page" ]
}

@test "no command at all is an error on stderr, and nothing on stdout" {
	run_cmk 125
	assert_error "missing command 'cmk COMMAND'
See 'cmk help'"
	assert_match "$stderr" "^Usage: cmk"
	assert_equal "$output" ""
}

@test "--log-level has podman's levels, and lines for programs podman's form" {
	run_cmk 1 --log-level=telepathic info
	assert_match "$stderr" '^Log Level "telepathic" is not supported, choose from: '
	run_cmk 1 --debug --log-level=panic info
	assert_equal "$stderr" "Setting --log-level and --debug is not allowed"
	run_cmk 1 --log-level=panic --debug info
	assert_equal "$stderr" "Setting --log-level and --debug is not allowed"
	run_cmk --debug --debug version
	run_cmk --log-level=trace version
	assert_match "$stderr" '(^|
)time="20[0-9-]+T[0-9:]+Z" level=trace msg="'
	assert_match "$stderr" ' level=debug '
	assert_match "$stderr" ' level=info msg="cmk filtering at log level trace"'
	run_cmk --log-level=info version
	refute_match "$stderr" ' level=(debug|trace) '
	for level in warn warning error fatal panic; do
		run_cmk --log-level=$level version
		assert_equal "$stderr" ""
	done
}

@test "an unknown command is refused with the nearest name" {
	run_cmk 125 vesion
	assert_error "unrecognized command 'cmk vesion' \(did you mean 'cmk version'\?\)"
	run_cmk 125 xyzzy
	assert_error "unrecognized command 'cmk xyzzy'
See 'cmk help'"
	run_cmk 125 image xyzzy
	assert_error "unrecognized command 'cmk image xyzzy'"
	run_cmk 125 image
	assert_error "missing command 'cmk image COMMAND'"
	run_cmk 125 rename a b c
	assert_error "'cmk rename' accepts at most CONTAINER NAME"
}

@test "what is not built is refused as that, and what never will be with its reason" {
	run_cmk 125 compose up
	assert_error "not supported yet: 'cmk compose up'"
	run_cmk 125 machine init
	assert_error "not supported: 'cmk machine': .*virtual machine"
	run_cmk 125 --connection far ps
	assert_error "not supported: option '--connection' of 'cmk': .*ssh"
	run_cmk 125 --imagestore /x version
	assert_error "not supported yet: option '--imagestore' of 'cmk'"
}

@test "options of other tools are refused, not accepted and ignored" {
	run_cmk 125 run --pod web alpine
	assert_error "not supported yet: option '--pod' of 'cmk run'"
	run_cmk 125 run --link other alpine
	assert_error "not supported: option '--link' of 'cmk run': "
	run_cmk 125 container run --mac-address 92:d0:c6:0a:29:33 alpine
	assert_error "not supported yet: option '--mac-address' of 'cmk run'"
	run_cmk 125 run --net=bridge alpine
	assert_error "network mode 'bridge': not supported yet"
}

@test "version has what scripts for docker ask of a server" {
	run_cmk version --format '{{.Client.Version}} {{.Client.Arch}}'
	local client=$output
	assert_match "$client" '^[0-9.]+ [a-z0-9]+$'
	run_cmk version --format '{{.Server.Version}} {{.Server.Arch}}'
	assert_equal "$output" "$client"
	run_cmk info --format '{{.ServerVersion}} {{.Driver}} {{.NCPU}} {{.Containers}} {{.OSType}}/{{.Architecture}}'
	local docker=$output
	run_cmk info --format "${client% *} {{.Store.GraphDriverName}} {{.Host.CPUs}} 0 linux/$(uname -m)"
	assert_equal "$docker" "$output"
}

@test "info has docker's names, in JSON and in templates" {
	load_images alpine
	run_cmk create --net=none alpine true
	run_cmk info --format json
	jq -e --arg arch "$(uname -m)" --arg root "$CMK_ROOT" '.Containers == 1 and .ContainersStopped == 1 and
		.ContainersRunning == 0 and .Images == 1 and .Architecture == $arch and .OSType == "linux" and
		.DockerRootDir == $root and .CgroupVersion == "2" and .MemTotal == .host.memTotal and
		(.SecurityOptions | any(startswith("name=seccomp,profile="))) and (.SecurityOptions | index("name=rootless")) and
		.Swarm.LocalNodeState == "inactive" and .Runtimes[.DefaultRuntime].path == .host.ociRuntime.path and
		([.MemoryLimit, .SwapLimit, .CPUShares, .PidsLimit, .CPUSet, .Debug, .IPv4Forwarding] | all(type == "boolean")) and
		(.host.cgroupControllers as $c | .PidsLimit == ($c | any(. == "pids"))) and
		(.SystemTime | test("^20[0-9-]{8}T[0-9:]{8}\\.[0-9]{9}Z$"))' <<<"$output"
	local all=$output
	run_cmk info --format '{{json .}}'
	assert_equal "${#lines[@]}" 1
	assert_equal "$(jq -S 'del(.SystemTime, .host.memFree, .host.swapFree, .host.uptime, .host.cpuUtilization, .store.graphRootUsed)' <<<"$output")" \
		"$(jq -S 'del(.SystemTime, .host.memFree, .host.swapFree, .host.uptime, .host.cpuUtilization, .store.graphRootUsed)' <<<"$all")"
	HTTP_PROXY=http://proxy:1 run_cmk info --format '{{.HttpProxy}} {{.ClientInfo.Context}} {{len .Runtimes}} {{.OSVersion}}'
	assert_equal "$output" "http://proxy:1 default 1 $(. /etc/os-release && echo "$VERSION_ID")"
	# The same each time, another for another store.
	run_cmk info -f '{{.ID}}'
	local id=$output
	assert_match "$id" '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
	run_cmk info -f '{{.ID}}'
	assert_equal "$output" "$id"
	run_cmk --root "$T/other" info -f '{{.ID}}'
	refute_match "$output" "$id"
	run_cmk info
	refute_match "$output" 'Swarm'
}

@test "version has docker's names of a client and a server in templates" {
	run_cmk version --format '{{.Server.KernelVersion}} {{.Server.Experimental}} {{.Client.Context}} {{(index .Server.Components 0).Name}}'
	assert_equal "$output" "$(uname -r) false default cmk"
	run_cmk version --format '[{{.Client.Platform.Name}}{{.Client.DefaultAPIVersion}}{{.Server.MinAPIVersion}}{{.Server.BuildTime}}]'
	assert_equal "$output" '[]'
	run_cmk version --format json
	assert_equal "$(jq -c keys <<<"$output")" '["Client"]'
	assert_equal "$(jq '.Client | has("Platform")' <<<"$output")" false
}

@test "--format table, docker's word, and an empty one give the usual table" {
	load_images alpine
	run_cmk volume create v
	run_cmk run -d --name up --net=none alpine sleep 1000
	local command format
	for command in 'ps' 'images' 'history alpine' 'volume ls' 'system df'; do
		# shellcheck disable=SC2086
		run_cmk $command
		local titles n=${#lines[@]}
		titles=$(tr -s ' ' <<<"${lines[0]}")
		for format in table ''; do
			# shellcheck disable=SC2086
			run_cmk $command --format "$format"
			assert_equal "$(tr -s ' ' <<<"${lines[0]}")" "$titles"
			assert_equal "${#lines[@]}" "$n"
		done
	done
	run_cmk stats --no-stream --format table
	assert_match "${lines[0]}" '^ID +NAME +CPU %'
	assert_equal "${#lines[@]}" 2
	run_cmk images -q --format table
	assert_match "$output" '^[0-9a-f]{12}$'
	run_cmk rm -f -t 0 up
}

@test "--context: there is docker's default alone" {
	run_cmk --context default version --format '{{.Client.Os}}'
	assert_equal "$output" linux
	run_cmk 125 --context far version
	assert_error 'the only --context value allowed is "default"'
	run_cmk 125 --host ssh://far version
	assert_error "not supported: option '--host' of 'cmk'"
}

@test "a bad option or value is one line, one that says where to read, and 125" {
	run_cmk 125 version --formt json
	assert_error "unknown flag: --formt \(did you mean '--format'\?\)"
	run_cmk 125 version -Q
	assert_error "unknown shorthand flag: 'Q' in -Q
See 'cmk version --help'"
	run_cmk 125 version --format
	assert_error "flag needs an argument: --format"
	run_cmk 1 --log-level loud version
	assert_match "$stderr" "^Log Level \"loud\" is not supported"
	run_cmk 125 --storage-driver zfs version
	assert_error "invalid value 'zfs' for option '--storage-driver'"
	run_cmk 125 version extra
	assert_error "'cmk version' takes no arguments"
	assert_equal "$(wc -l <<<"$stderr")" 2
}

@test "an escape sequence in a name does not reach the terminal" {
	run_cmk 125 $'x\e]0;owned\a\ny'
	assert_match "$stderr" "unrecognized command 'cmk x \]0;owned  y'"
	assert_equal "$(wc -l <<<"$stderr")" 2
	run_cmk 1 --log-level $'x\e]0;owned\a\ny' info
	assert_match "$stderr" '^Log Level "x ]0;owned  y" is not supported'
}

@test "global options stand before or behind the command" {
	run_cmk --log-level=debug version
	run_cmk version --log-level debug
	run_cmk 1 version --log-level loud
}

@test "called by another tool's name it tells errors by that" {
	ln -s "$CMK_BIN" podman
	local code=0
	./podman version --formt json 2>err || code=$?
	assert_equal "$code $(cat err)" "125 Error: unknown flag: --formt (did you mean '--format'?)"
	./podman version -Q 2>err || true
	assert_equal "$(cat err)" $'Error: unknown shorthand flag: \'Q\' in -Q\nSee \'podman version --help\''
	./podman image nonesuch 2>err || true
	assert_match "$(cat err)" "unrecognized command 'podman image nonesuch'"
	./podman image 2>err || true
	assert_match "$(cat err)" "missing command 'podman image COMMAND'"
	ln -s "$CMK_BIN" other
	./other image 2>err || true
	assert_match "$(cat err)" "missing command 'cmk image COMMAND'"
}

@test "--context, --config and --tmpdir are as docker's and podman's" {
	run_cmk --context=default version
	run_cmk 125 --context=swarm version
	assert_equal "$stderr" 'Error: cmk does not support swarm, the only --context value allowed is "default"'
	"$CMK_BIN" --root "$T/other" --tmpdir "$T/tmp" info --format '{{.Store.RunRoot}}' >out
	assert_equal "$(cat out)" "$T/tmp"
	run_cmk info --tmpdir "$T/tmp" --format '{{.Store.RunRoot}}'
	assert_equal "$output" "$CMK_RUNROOT"
}

@test "version prints text, json or a template" {
	run_cmk version
	assert_match "$output" '^Version: +[0-9]'
	run_cmk version --format json
	assert_equal "$(jq -r .Client.Os <<<"$output")" linux
	run_cmk version -f '{{.Client.Version}}'
	assert_match "$output" '^[0-9]+\.[0-9]+'
	run_cmk 125 version -f '{{.Client.Nothing}}'
	assert_error 'Nothing'
}

@test "completion offers commands, options, words and directories" {
	run_cmk __complete -- ver
	assert_equal "${lines[0]%%$'\t'*}" version
	assert_equal "${lines[-1]}" :none
	run_cmk __complete -- version --f
	assert_equal "${lines[0]%%$'\t'*}" --format
	run_cmk __complete -- --log-level=d
	assert_equal "${lines[0]%%$'\t'*}" --log-level=debug
	run_cmk __complete -- --root ''
	assert_equal "$output" :dirs
	run_cmk __complete -- nothing-like-that --x
	assert_equal "$output" :none
}

@test "completion offers containers and the values of options" {
	run_cmk create --name box --net=none --rootfs "$(rootfs)" true
	run_cmk __complete -- rm b
	assert_equal "${lines[0]%%$'\t'*}" box
	# It is not running.
	run_cmk __complete -- stop ''
	assert_equal "$output" :none
	run_cmk __complete -- run --pull n
	assert_equal "${#lines[@]}" 3
	run_cmk __complete -- run image ''
	assert_equal "$output" :files
	# Who begins with an ID gets IDs.
	local id
	id=$(cmk inspect --format '{{.Id}}' box)
	run_cmk __complete -- rm "${id:0:2}"
	assert_equal "${lines[0]%%$'\t'*}" "${id:0:12}"
	run_cmk __complete -- rm "${id:0:14}"
	assert_equal "${lines[0]%%$'\t'*}" "$id"
	run_cmk __complete -- rm ''
	assert_equal "$(cut -f1 <<<"$output")" $'box\n:none'
	run_cmk rm box
}

@test "completion of inspect offers containers, images and volumes" {
	load_images alpine
	run_cmk create --name box alpine true
	run_cmk tag alpine boxes
	run_cmk volume create boxed
	run_cmk __complete -- inspect bo
	assert_equal "$(cut -f1 <<<"$output")" $'box\nboxes:latest\nboxed\n:none'
	local id
	id=$(cmk inspect --format '{{.Id}}' boxes)
	printf x | run_cmk secret create boxkey -
	run_cmk __complete -- run --secret box
	assert_equal "$(cut -f1 <<<"$output")" $'boxkey\n:none'
	run_cmk __complete -- rmi "${id:0:6}"
	assert_match "$output" "^${id:0:12}	"
	run_cmk rm box
}

@test "completion of --filter offers the command's keys, then what a key may be" {
	run_cmk __complete -- ps --filter=st
	assert_equal "$(cut -f1 <<<"$output")" $'--filter=status=\n:nospace\n:none'
	run_cmk __complete -- ps --filter status=p
	assert_equal "$(cut -f1 <<<"$output")" $'status=paused\n:none'
	run_cmk __complete -- start --filter restart-policy=un
	assert_equal "$(cut -f1 <<<"$output")" $'restart-policy=unless-stopped\n:none'
	run_cmk __complete -- image prune --filter ''
	assert_equal "$(cut -f1 <<<"$output")" $'label=\nlabel!=\nuntil=\ndangling=\n:nospace\n:none'
	run_cmk __complete -- container prune --filter l
	assert_equal "$(cut -f1 <<<"$output")" $'label=\nlabel!=\n:nospace\n:none'
	run_cmk __complete -- search --filter is-o
	assert_equal "${lines[0]%%$'\t'*}" is-official=
	run_cmk __complete -- events --filter event=healt
	assert_equal "${lines[0]%%$'\t'*}" event=health_status
	run_cmk create --name box --net=none --rootfs "$(rootfs)" true
	run_cmk volume create boxes
	run_cmk __complete -- ps -f since=
	assert_equal "$(cut -f1 <<<"$output")" $'since=box\n:none'
	run_cmk __complete -- ps --filter=volume=b
	assert_equal "$(cut -f1 <<<"$output")" $'--filter=volume=boxes\n:none'
	run_cmk __complete -- ps --filter wibble=
	assert_equal "$output" :none
	run_cmk rm box
}

# The names that completion offers for the templates of COMMAND..., below the path $1 (".State.").
template_names() { # PATH COMMAND...
	local word
	cmk __completeNoDesc "${@:2}" --format "{{$1" 2>/dev/null | while read -r word; do
		case $word in
		*.) template_names "${word#\{\{}" "${@:2}" ;;
		*\}\}) echo "$word" ;;
		esac
	done
}

# bats test_tags=long
@test "completion of templates offers what a template may name, all of it" {
	load_images alpine
	run_cmk create --name box --net=none --health-cmd true alpine true
	run_cmk volume create box
	printf x | run_cmk secret create box -
	run_cmk __complete -- ps --format ''
	assert_equal "$(cut -f1 <<<"$output")" $'json\n:none'
	run_cmk __completeNoDesc inspect --format '{{json .State.He'
	assert_equal "$output" $'{{json .State.Health.\n:6'
	run_cmk __completeNoDesc ps --format 'table {{if (eq .Stat'
	assert_equal "$output" $'table {{if (eq .State\ntable {{if (eq .Status\n:6'
	run_cmk __completeNoDesc ps --format '{{.ID}} x'
	assert_equal "$output" $':4'
	# Each of them works.
	local words command
	for words in 'ps -a' images info version 'volume ls' 'volume inspect box' 'secret ls' 'secret inspect box' \
		'history alpine' 'system df' 'inspect box' 'container inspect box' 'image inspect alpine' \
		'stats --no-stream -a'; do
		read -ra command <<<"$words"
		template_names . "${command[@]}" >names
		assert [ "$(wc -l <names)" -ge 4 ]
		run_cmk "${command[@]}" --format "$(tr '\n' ' ' <names)"
	done
	# And nothing is missing that `inspect` shows, but for the keys of maps.
	run_cmk inspect box
	jq -r 'def names(p): to_entries[] | (p + .key) as $k | if (.value | type == "object" and length > 0) and
		(.key | IN("Labels", "Annotations", "Networks", "Ports", "ExposedPorts", "Data") | not)
		then .value | names($k + ".") else $k end; .[0] | names("") | "{{." + . + "}}"' <<<"$output" |
		grep -v lockNumber | sort >shown
	template_names . inspect | sort >names
	assert_equal "$(comm -23 shown names)" ""
	run_cmk rm box
}

@test "completion of cp offers containers, and paths within one" {
	fs=$(rootfs)
	mkdir "$fs/data" "$fs/data/sub" "$fs/empty"
	touch "$fs/data/file1" "$fs/data/file2" "$fs/data/.hidden"
	ln -s /data "$fs/link"
	ln -s / "$fs/data/root"
	run_cmk run -d --name up --net=none --rootfs "$fs" sleep 1000
	local box
	run_cmk create --name down --net=none -w /data --rootfs "$fs" true
	run_cmk __complete -- cp u
	assert_equal "$(cut -f1 <<<"$output")" $'up:\n:nospace\n:files'
	for box in up down; do
		run_cmk __completeNoDesc cp $box:
		assert_match "$output" "$box:/data/"
		run_cmk __completeNoDesc cp $box:/data/file
		assert_equal "$(sort <<<"$output")" "$(printf ':6\n%s:/data/file1\n%s:/data/file2' $box $box | sort)"
		run_cmk __completeNoDesc cp $box:/link/s
		assert_equal "$output" $box:/link/sub/$'\n:6'
		# A link leads nowhere but into the container.
		run_cmk __completeNoDesc cp $box:/data/root/dat
		assert_equal "$output" $box:/data/root/data/$'\n:6'
		run_cmk __completeNoDesc cp $box:/data/root/../../../../dat
		assert_equal "$output" $box:/data/root/../../../../data/$'\n:6'
		run_cmk __completeNoDesc cp $box:/empty/
		assert_equal "$output" :6
		run_cmk __completeNoDesc cp $box:/nosuch/
		assert_equal "$output" :6
		run_cmk __completeNoDesc cp $box:/data/.
		assert_equal "$output" $box:/data/.hidden$'\n:6'
	done
	run_cmk __completeNoDesc cp down:fil
	assert_equal "$(sort <<<"$output")" $':6\ndown:file1\ndown:file2'
	run_cmk __completeNoDesc cp nosuch:/
	assert_equal "$output" :6
	run_cmk __complete -- cp ./up:/
	assert_equal "$output" :files
	run_cmk rm -f -t 0 up down
}

@test "__completeNoDesc answers as Go's cobra does" {
	run_cmk __completeNoDesc versi
	assert_equal "$output" $'version\n:4'
	assert_equal "$stderr" 'Completion ended with directive: ShellCompDirectiveNoFileComp'
	run_cmk __completeNoDesc run --env-file ''
	assert_equal "$output" :0
	assert_equal "$stderr" 'Completion ended with directive: ShellCompDirectiveDefault'
	run_cmk __completeNoDesc --root ''
	assert_equal "$output" :16
	run_cmk __completeNoDesc ps --filter stat
	assert_equal "$output" $'status=\n:6'
	assert_equal "$stderr" 'Completion ended with directive: ShellCompDirectiveNoSpace, ShellCompDirectiveNoFileComp'
	run_cmk __completeNoDesc cp ''
	assert_equal "$output" :2
	assert_equal "$stderr" 'Completion ended with directive: ShellCompDirectiveNoSpace'
}

@test "bash completes through the installed script" {
	run_cmk completion bash
	echo "$output" >script
	cat >>script <<-'END'
		compopt() { :; }
		try() {
			COMP_LINE=$1 COMP_POINT=${#1}
			_cmk
			echo "${COMPREPLY[*]}"
		}
		try 'cmk vers'
		try 'cmk version --form'
		try 'cmk --log-level=de'
		try 'cmk ps --filter status=initi'
		try "cmk ps --format '{{.ID}} {{.Nam"
		try "cmk inspect --format='{{.State.FinishedA"
		try 'cmk ps --format "{{.Namesp'
	END
	run bash script
	assert_equal "$output" $'version\n--format\ndebug\ninitialized\n{{.ID}} {{.Names}} {{.ID}} {{.Namespaces.\n{{.State.FinishedAt}}\n{{.Namespaces.'
	run_cmk 125 completion tcsh
	assert_error "unknown shell 'tcsh'"
}

@test "each shell takes its script" {
	local shell checked=0
	for shell in bash zsh fish; do
		command -v $shell >/dev/null || continue
		run_cmk completion $shell
		echo "$output" >script.$shell
		assert $shell -n script.$shell
		checked=$((checked + 1))
	done
	assert [ $checked -gt 0 ]
}

@test "works with stdin, stdout and stderr closed" {
	"$T/bin/cmk" version <&- >&- 2>&-
	"$T/bin/cmk" version <&- 2>&- >out
	assert_match "$(cat out)" '^Version:'
	# What it opens must not become its stdout or stderr.
	run bash -c '"$1" info >&- 2>&-; grep -rl Version: "$2" || echo none' - "$T/bin/cmk" "$CMK_ROOT"
	assert_match "$output" 'none|no such file'
}

@test "a full disk behind stdout is an error, a reader that has gone is not told" {
	run bash -c '"$1" version >/dev/full' - "$T/bin/cmk"
	assert_equal "$status" 125
	assert_match "$output" 'write to stdout: no space left'
	# The reader has gone before cmk writes.
	local words
	for words in help 'version -f {{.Client.Os}}' 'info' 'images'; do
		: >err
		run bash -c 'exec 3> >(true); wait $!; exec "$0" $1 >&3 2>err' "$T/bin/cmk" "$words"
		assert_equal "$status" 141
		assert_equal "$(cat err)" ""
	done
}

# A process that runs its arguments with SIGPIPE, SIGCHLD and SIGINT ignored, and signals blocked.
ignoring() {
	cat >ignoring.py <<-'END'
		import os, signal, sys
		for sig in signal.SIGPIPE, signal.SIGCHLD, signal.SIGINT:
		    signal.signal(sig, signal.SIG_IGN)
		signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD})
		os.execv(sys.argv[1], sys.argv[1:])
	END
	python3 ignoring.py "$@"
}

@test "works with SIGPIPE and SIGCHLD ignored, and signals blocked" {
	run ignoring "$T/bin/cmk" version
	assert_equal "$status" 0
	assert_match "$output" '^Version:'
	run ignoring "$T/bin/cmk" run --rm --net=none --rootfs "$(rootfs)" sh -c 'grep -E "^Sig(Blk|Ign)" /proc/self/status; exit 7'
	assert_equal "$status" 7
	assert_match "$output" $'SigBlk:\t0000000000000000'
	assert_match "$output" $'SigIgn:\t0000000000000000'
}

@test "a container runs with stdin, stdout and stderr closed" {
	local dir
	dir=$(rootfs)
	"$T/bin/cmk" run --rm --net=none --rootfs "$dir" sh -c 'ls -l /proc/self/fd >/ran; exit 0' <&- >&- 2>&-
	assert [ -s "$dir/ran" ]
	status=0
	"$T/bin/cmk" run --rm --net=none --rootfs "$dir" sh -c 'exit 9' <&- >&- 2>&- || status=$?
	assert_equal "$status" 9
}

@test "works under umask 077, and in a directory that is gone" {
	local dir
	dir=$(rootfs)
	mkdir gone
	cd gone
	rmdir ../gone
	umask 077
	run_cmk version
	assert_match "$output" '^Version:'
	run_cmk run --rm --net=none --rootfs "$dir" sh -c 'umask; : >/made; stat -c %a /made /dev/shm /etc/hosts'
	assert_equal "$output" $'0022\n644\n1777\n644'
}

@test "a Turkish locale changes nothing" {
	export LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8
	run_cmk version --format json
	assert_equal "$(jq -r .Client.Os <<<"$output")" linux
	run_cmk --log-level=info version
	run_cmk 125 INFO
	assert_error "unrecognized command 'cmk INFO'"
	# "I" of SIGINT and of a limit's name is where case goes wrong.
	run_cmk run --rm --net=none --stop-signal sigint --ulimit NOFILE=64:128 --cap-drop kill \
		--rootfs "$(rootfs)" sh -c 'ulimit -n; echo "[$LC_ALL$LANG]"'
	assert_equal "$output" $'64\n[]'
}

@test "info shows the host, the store and how ids are mapped" {
	run_cmk info
	assert_match "$output" '^host:'
	assert_match "$output" $'\n  graphRoot: /'
	run_cmk system info --format json
	assert_equal "$(jq -r .store.graphRoot <<<"$output")" "$CMK_ROOT"
	assert_equal "$(jq -r .host.idMappings.mode <<<"$output")" 'subordinate ids'
	assert_equal "$(jq -r .host.security.rootless <<<"$output")" true
	assert_equal "$(jq -r '.registries.search[0]' <<<"$output")" "$REGISTRY"
	run_cmk info -f '{{.Store.GraphDriverName}} {{.Host.CgroupVersion}}'
	assert_match "$output" '^(overlay|fuse-overlayfs|vfs) v2$'
	run_cmk --storage-driver vfs info -f '{{.Store.GraphDriverName}}'
	assert_equal "$output" vfs
}

# Each name that podman's info.go and version.go have.
@test "info and version have podman's names, and what cmk has not is empty" {
	local name names=() object
	# shellcheck disable=SC2206
	declare -A members=(
		[Host]='Arch BuildahVersion CgroupManager CgroupVersion CgroupsVersion CgroupControllers CPUs DatabaseBackend EventLogger
			FreeLocks Hostname Kernel LogDriver MemFree MemTotal NetworkBackend OS RootlessNetworkCmd RuntimeInfo ServiceIsRemote
			SwapFree SwapTotal Uptime Variant Linkmode EmulatedArchitectures'
		[Host.Conmon]='Package Path Version' [Host.CPUUtilization]='UserPercent SystemPercent IdlePercent'
		[Host.Distribution]='Distribution Variant Version Codename' [Host.IDMappings]='GIDMap UIDMap'
		[Host.NetworkBackendInfo]='Backend Version Package Path DefaultNetwork' [Host.NetworkBackendInfo.DNS]='Version Package Path'
		[Host.OCIRuntime]='Name Package Path Version' [Host.RemoteSocket]='Path Exists'
		[Host.Pasta]='Executable Package Version' [Host.Slirp4NetNS]='Executable Package Version'
		[Host.Security]='AppArmorEnabled DefaultCapabilities Rootless SECCOMPEnabled SECCOMPProfilePath SELinuxEnabled'
		[Plugins]='Authorization Log Network Volume'
		[Store]='ConfigFile GraphDriverName GraphOptions GraphRoot GraphRootAllocated GraphRootUsed GraphStatus ImageCopyTmpDir RunRoot
			VolumePath TransientStore'
		[Store.ContainerStore]='Number Paused Running Stopped' [Store.ImageStore]='Number'
		[Version]='APIVersion Built BuiltTime GitCommit GoVersion Os OsArch Version'
	)
	for object in "${!members[@]}"; do
		for name in ${members[$object]}; do
			names+=("{{.$object.$name}}")
		done
	done
	run_cmk info --format "${names[*]} {{.Registries}}"
	for name in ${members[Version]}; do
		run_cmk version --format "{{.Client.$name}} {{.Server.$name}}"
		run_cmk version --format "{{.$name}}"
	done
	run_cmk info --format '[{{.Host.BuildahVersion}}{{.Host.Conmon.Path}}{{.Version.GoVersion}}{{.Host.RemoteSocket.Path}}] {{.Host.FreeLocks}}'
	assert_equal "$output" '[] <nil>'
	run_cmk 125 version --format '{{.Nothing}}'
	assert_error Nothing
}

@test "info: registries as registries.conf says" {
	cat >registries.conf <<-'END'
		unqualified-search-registries = ["quay.io", "docker.io"]
		[[registry]]
		prefix = "example.com/team"
		location = "127.0.0.1:5000/copy"
		insecure = true
		mirror-by-digest-only = true
		[[registry.mirror]]
		location = "mirror.example.com"
		[[registry]]
		location = "bad.example.com"
		blocked = true
	END
	export CONTAINERS_REGISTRIES_CONF=$PWD/registries.conf
	run_cmk info --format json
	assert_equal "$(jq -c .registries.search <<<"$output")" '["quay.io","docker.io"]'
	assert_equal "$(jq -cS '.registries["example.com/team"]' <<<"$output")" \
		'{"Blocked":false,"Insecure":true,"Location":"127.0.0.1:5000/copy","MirrorByDigestOnly":true,"Mirrors":[{"Insecure":false,"Location":"mirror.example.com","PullFromMirror":""}],"Prefix":"example.com/team","PullFromMirror":""}'
	assert_equal "$(jq -cS '.registries["bad.example.com"] | [.Blocked, .Mirrors]' <<<"$output")" '[true,null]'
	run_cmk info --format '{{range .Registries.search}}{{.}} {{end}}{{(index .Registries "example.com/team").Location}}'
	assert_equal "$output" 'quay.io docker.io 127.0.0.1:5000/copy'
	echo 'unqualified-search-registries = "quay.io"' >registries.conf
	run_cmk 125 info
	assert_error registries.conf
}

@test "info: what it says of the host and the store is so" {
	run_cmk info --format json
	local info=$output
	value() { jq -r ".$1" <<<"$info"; }
	assert_match "$(value host.cpuUtilization.idlePercent)" '^[0-9]+(\.[0-9]{1,2})?$'
	assert_match "$(value host.uptime)" '^[0-9]+h [0-9]+m [0-9]+\.00s'
	# shellcheck source=/dev/null
	assert_equal "$(value host.distribution.codename)" "$(. /etc/os-release && echo "${VERSION_CODENAME-null}")"
	[ -x "$(value host.slirp4netns.executable)" ]
	[ -x "$(value host.ociRuntime.path)" ]
	assert_equal "$(value store.graphOptions)" '{}'
	assert_equal "$(value plugins.log[0])" "$(value host.logDriver)"
	run_cmk volume create one
	[ -d "$(value store.volumePath)/one" ]
	# A version is a text in YAML too.
	run_cmk info
	assert_match "$output" $'\n    version: ("[0-9.]+"|[^0-9])'
	printf '[containers]\nlog_driver = "json-file"\ndefault_capabilities = ["kill", "CAP_CHOWN"]\n' >"$T/conf"
	printf '[storage.options]\nmountopt = "nodev"\n' >"$T/storage.conf"
	CONTAINERS_CONF=$T/conf CONTAINERS_STORAGE_CONF=$T/storage.conf run_cmk info \
		--format '{{.Host.LogDriver}} {{.Host.Security.DefaultCapabilities}} {{.Store.ConfigFile}} {{.Store.GraphOptions}}'
	assert_equal "$output" "json-file CAP_CHOWN,CAP_KILL $T/storage.conf map[overlay.mountopt:nodev]"
}

@test "doctor finds nothing that fails here, and says so of each check" {
	run_cmk doctor
	assert_match "$output" $'(^|\n)ok +subordinate ids +[0-9]+ ids'
	assert_match "$output" $'\nok +user namespaces '
	refute_match "$output" 'FAIL'
}

@test "doctor tells what fails and how to mend it, with exit code 1" {
	export CMK_LIBEXECDIR=$T/nothing-here
	mkdir "$CMK_LIBEXECDIR"
	run_cmk 1 doctor
	assert_match "$output" 'FAIL +helper programs .*no such file'
	assert_match "$output" '-> install cmk again'
}

@test "groups of groups: their help, by every way, and what is missing in them" {
	run_cmk help image trust
	local help=$output
	assert_match "$help" '^Usage: cmk image trust COMMAND'
	run_cmk image trust --help
	assert_equal "$output" "$help"
	run_cmk 125 image trust
	assert_error "missing command 'cmk image trust COMMAND'
See 'cmk help image trust'"
	run_cmk 125 image trust nix
	assert_error "unrecognized command 'cmk image trust nix'"
}
