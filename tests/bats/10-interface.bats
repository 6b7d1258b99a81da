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
	assert_match "$output" 'log-level LEVEL .*debug\|info\|warn\|error.*--root'
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
	assert_error "missing command 'cmk COMMAND' .*cmk help"
	assert_equal "$output" ""
}

@test "an unknown command is refused with the nearest name" {
	run_cmk 125 vesion
	assert_error "unrecognized command 'cmk vesion' \(did you mean 'cmk version'\?\)"
	run_cmk 125 xyzzy
	assert_error "unrecognized command 'cmk xyzzy' \(see 'cmk help'\)"
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
	run_cmk 125 --cgroup-manager systemd version
	assert_error "not supported yet: option '--cgroup-manager' of 'cmk'"
}

@test "options of other tools are refused, not accepted and ignored" {
	run_cmk 125 run --pod web alpine
	assert_error "not supported yet: option '--pod' of 'cmk run'"
	run_cmk 125 run --link other alpine
	assert_error "not supported: option '--link' of 'cmk run': "
	run_cmk 125 container run -c 10 alpine
	assert_error "not supported yet: option '-c' of 'cmk run'"
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

@test "a bad option or value is one line and 125" {
	run_cmk 125 version --formt json
	assert_error "unknown flag: --formt \(did you mean '--format'\?\)"
	run_cmk 125 version -Q
	assert_error "unknown shorthand flag: 'Q' in -Q.*see 'cmk version --help'"
	run_cmk 125 version --format
	assert_error "flag needs an argument: --format"
	run_cmk 125 --log-level loud version
	assert_error "invalid value 'loud' for option '--log-level': not one of debug"
	run_cmk 125 --storage-driver zfs version
	assert_error "invalid value 'zfs' for option '--storage-driver'"
	run_cmk 125 version extra
	assert_error "'cmk version' takes no arguments"
	assert_equal "$(wc -l <<<"$stderr")" 1
}

@test "an escape sequence in a name does not reach the terminal" {
	run_cmk 125 $'x\e]0;owned\a\ny'
	assert_match "$stderr" "unrecognized command 'cmk x \]0;owned  y'"
	assert_equal "$(wc -l <<<"$stderr")" 1
}

@test "global options stand before or behind the command" {
	run_cmk --log-level=debug version
	run_cmk version --log-level debug
	run_cmk 125 version --log-level loud
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
	END
	run bash script
	assert_equal "$output" $'version\n--format\ndebug'
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
	assert_error "missing command 'cmk image trust COMMAND' \(see 'cmk help image trust'\)"
	run_cmk 125 image trust nix
	assert_error "unrecognized command 'cmk image trust nix'"
}
