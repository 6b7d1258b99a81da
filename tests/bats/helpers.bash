# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the bats tests share. A test file says `load helpers`; setup() and teardown() below are then in
# force (a file with its own calls common_setup and common_teardown).
#
#	cmk ...		the installed program with the test's own --root and --runroot (a script in PATH, so that
#			`timeout`, `flock` and `script` can start it too); $CMK_BIN is the program itself
#	run_cmk [CODE|?] ...	runs cmk, checks its exit code (0), sets status, output (stdout), stderr
#	cmk_background NAME ...	runs cmk in the background; $! and $T/NAME.out, $T/NAME.err
#	wait_for SECONDS COMMAND...	until COMMAND succeeds
#	load_images NAME...	pulls alpine, many, zstd, ... from the loopback registry
#	podman_end		for teardown(), where a test runs podman
#	rootfs			prints a fresh busybox root directory for --rootfs
#	assert WHAT, assert_match TEXT REGEX, refute_match TEXT REGEX, assert_equal GOT WANTED
#
# $T is the test's directory. Each test runs in a cgroup of its own, $TEST_CG, where everything that it
# starts stays: what is left there after the test, mounted below $T, or lying in the store's containers/ and
# tmp/, is cleaned up and fails the test.

export REGISTRY=127.0.0.1:5000 REGISTRY_TLS=localhost:5001 REGISTRY_AUTH=localhost:5002
export REGISTRY_EXPIRED=localhost:5003 REGISTRY_PLAIN_AUTH=127.0.0.1:5004
export CERTS=$CMK_TEST_STAGE/cache/certs # ca.pem
export FIXTURES=$CMK_TEST_STAGE/tests/fixtures
export HOST4=198.51.100.1 HOST6=2001:db8::1 # the host, as a container can reach it
export FULL_8M=$CMK_TEST_STAGE/full-8m FULL_64M=$CMK_TEST_STAGE/full-64m # small file systems
export CMK_BIN=/usr/local/bin/cmk

setup() { common_setup; }
teardown() { common_teardown; }

common_setup() {
	local id=t$BASHPID
	T=$BATS_TEST_TMPDIR
	export T HOME=$T/home
	export XDG_RUNTIME_DIR=${CMK_TEST_RUN:-/run/user/$UID}/$id
	unset XDG_DATA_HOME XDG_CONFIG_HOME REGISTRY_AUTH_FILE CONTAINERS_REGISTRIES_CONF
	mkdir -p "$T/bin" "$HOME/.config/containers/registries.conf.d"
	mkdir -m 0700 "$XDG_RUNTIME_DIR"
	CMK_ROOT=$T/store CMK_RUNROOT=$XDG_RUNTIME_DIR/run
	write_registries_conf
	printf '#!/bin/sh\nexec %s --root "%s" --runroot "%s" "$@"\n' "$CMK_BIN" "$CMK_ROOT" "$CMK_RUNROOT" >"$T/bin/cmk"
	chmod 755 "$T/bin/cmk"
	PATH=$T/bin:$PATH
	TEST_CG=
	if [ -n "$CMK_TEST_CG" ]; then
		TEST_CG=$CMK_TEST_CG/$id
		mkdir -p "$TEST_CG/test"
		# Not at the top of it: a group with processes cannot hand controllers on.
		echo "$BASHPID" >"$TEST_CG/test/cgroup.procs"
	fi
	cd "$T" || return
}

# "alpine" and friends mean the loopback registry.
write_registries_conf() {
	local name
	{
		echo "unqualified-search-registries = [\"$REGISTRY\"]"
		for name in "$REGISTRY" "$REGISTRY_PLAIN_AUTH"; do
			printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$name"
		done
	} >"$HOME/.config/containers/registries.conf"
	# After /etc/containers/registries.conf.d, where Debian has an alias of its own for alpine.
	{
		echo '[aliases]'
		for name in alpine schema2 zstd many multi multi2 debian; do
			echo "\"$name\" = \"$REGISTRY/library/$name\""
		done
	} >"$HOME/.config/containers/registries.conf.d/tests.conf"
}

common_teardown() {
	local left=0
	cd / || return
	if plainly_nothing_left; then
		clean_directories
		return
	fi
	wait_for 5 nothing_left || left=1
	if [ $left = 1 ]; then
		# A test may leave its own containers to us; what then remains is cmk's fault.
		timeout 30 "$T/bin/cmk" rm -f -a -t 0 >/dev/null 2>&1 || true
		wait_for 5 nothing_left && left=0
	fi
	if [ $left = 1 ]; then
		echo "left behind by the test:"
		print_left
	fi
	clean_left
	return $left
}

# What runs in the test's cgroup and does not descend from the test (a monitor, a container, a helper), or
# is a cmk that the test did not wait for.
left_processes() {
	[ -n "$TEST_CG" ] || return 0
	{
		find "$TEST_CG" -name cgroup.procs -exec cat {} + 2>/dev/null
		echo ---
		ps -e -o pid=,ppid=,stat=,args=
	} | awk -v me=$$ '/^---$/ {table = 1; next} !table {ours[$1] = 1; next}
		{ppid[$1] = $2; stat[$1] = $3; line[$1] = $0}
		END {
			for (pid in ours) {
				if (!(pid in line) || stat[pid] ~ /^Z/)
					continue
				for (p = pid; p > 1 && p != me;)
					p = ppid[p]
				if (p != me || line[pid] ~ /\/usr\/local\/(bin|libexec\/cmk)\//)
					print line[pid]
			}
		}'
}

# The leaf in which monitors sit stays, empty: they cannot remove it themselves.
left_groups() {
	[ -z "$TEST_CG" ] || find "$TEST_CG" -mindepth 1 -type d ! -path "$TEST_CG/test" 2>/dev/null
}

left_mounts() { awk -v t="$T/" 'index($5, t) == 1 {print $5}' /proc/self/mountinfo; }

left_files() {
	local dir
	for dir in "$CMK_ROOT/containers" "$CMK_ROOT/container-names" "$CMK_ROOT/tmp" "$CMK_RUNROOT/containers"; do
		[ ! -d "$dir" ] || find "$dir" -mindepth 1 -maxdepth 1
	done
}

print_left() {
	left_processes
	left_groups
	left_mounts
	left_files
}

nothing_left() { [ -z "$(print_left)" ]; }

# The same as nothing_left, of most tests, without a process: they are what a run of all tests costs.
plainly_nothing_left() {
	local pids mounts found
	shopt -s nullglob dotglob
	found=("$CMK_ROOT"/{containers,container-names,tmp}/* "$CMK_RUNROOT"/containers/*)
	[ -z "$TEST_CG" ] || found+=("$TEST_CG"/*/*/)
	shopt -u nullglob dotglob
	[ ${#found[@]} = 0 ] || return
	mapfile -t mounts </proc/self/mountinfo
	[[ "${mounts[*]}" != *" $T/"* ]] || return
	[ -n "$TEST_CG" ] || return 0
	found=("$TEST_CG"/*/)
	[ ${#found[@]} = 1 ] || return
	mapfile -t pids <"$TEST_CG/test/cgroup.procs"
	for found in "${pids[@]}"; do
		[ "$found" = "$BASHPID" ] || [ "$found" = $$ ] || return
	done
}

clean_left() {
	local path
	left_processes | while read -r pid _; do kill -9 "$pid" 2>/dev/null; done
	for path in $(left_mounts); do umount -l "$path" 2>/dev/null; done
	leave_group
	[ -z "$TEST_CG" ] || echo 1 >"$TEST_CG/cgroup.kill" 2>/dev/null || true
	clean_directories
}

leave_group() {
	[ -n "$TEST_CG" ] || return 0
	echo "$BASHPID" >"$CMK_TEST_CG/session/cgroup.procs"
	echo "$$" >"$CMK_TEST_CG/session/cgroup.procs"
}

clean_directories() {
	leave_group
	if [ -n "$TEST_CG" ]; then
		rmdir "$TEST_CG/test" "$TEST_CG" 2>/dev/null || wait_for 5 remove_groups || echo "cgroup $TEST_CG is left"
	fi
	# Files of subordinate ids.
	rm -rf "$XDG_RUNTIME_DIR" "$T" 2>/dev/null || unshare --map-root-user --map-auto rm -rf "$T" 2>/dev/null || true
	mkdir -p "$T"
}

remove_groups() {
	find "$TEST_CG" -depth -type d -exec rmdir {} \; 2>/dev/null
	[ ! -d "$TEST_CG" ]
}

wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# read_all VARIABLE FILE: what is in it, but for NULs; no process is made.
read_all() {
	local parts
	mapfile -d '' parts <"$2"
	printf -v "$1" %s "${parts[@]}"
}

run_cmk() {
	local want=0
	case ${1:-} in
	'?' | [0-9] | [0-9][0-9] | [0-9][0-9][0-9]) want=$1 && shift ;;
	esac
	status=0
	timeout --foreground -k 5 "${CMK_COMMAND_TIMEOUT:-60}" "$T/bin/cmk" "$@" >"$T/.stdout" 2>"$T/.stderr" || status=$?
	read_all output "$T/.stdout"
	read_all stderr "$T/.stderr"
	output=${output%$'\n'}
	while [[ $stderr == *$'\n' ]]; do stderr=${stderr%$'\n'}; done
	# shellcheck disable=SC2034
	mapfile -t lines <<<"$output"
	echo "\$ cmk $*"
	echo "$output"
	echo "$stderr"
	echo "(exit $status)"
	[ "$want" = '?' ] || [ "$status" = "$want" ] || {
		echo "exit code $status where $want was expected"
		return 1
	}
}

cmk_background() {
	local name=$1
	shift
	"$T/bin/cmk" "$@" >"$T/$name.out" 2>"$T/$name.err" 3>&- &
}

load_images() {
	local name
	for name in "$@"; do
		run_cmk pull -q "$name"
	done
}

# podman leaves a process behind that keeps its user namespace.
podman_end() {
	local pause=$XDG_RUNTIME_DIR/libpod/tmp/pause.pid
	[ ! -s "$pause" ] || kill "$(cat "$pause")"
}

# Owned by us, so by root in the container.
rootfs() {
	local dir
	dir=$(mktemp -d "$T/rootfs.XXXXXX")
	tar -xf "$CMK_TEST_STAGE/cache/busybox.tar" --no-same-owner -C "$dir"
	chmod 755 "$dir"
	echo "$dir"
}

assert() { "$@" || {
	echo "failed: $*"
	return 1
}; }

assert_equal() {
	[ "$1" = "$2" ] || {
		printf 'got:    %q\nwanted: %q\n' "$1" "$2"
		return 1
	}
}

assert_match() {
	[[ $1 =~ $2 ]] || {
		printf 'got:    %q\nwanted: %s\n' "$1" "$2"
		return 1
	}
}

refute_match() {
	[[ ! $1 =~ $2 ]] || {
		printf 'got:    %q\nnot wanted: %s\n' "$1" "$2"
		return 1
	}
}

# One line on stderr, "Error: ...", that matches.
assert_error() {
	local errors
	errors=$(grep -c '^Error: ' <<<"$stderr")
	assert_equal "$errors" 1
	assert_match "$stderr" "$1"
}

# A repository of this test alone, called $1; $2: the port of its registry.
repo() {
	local file=${BATS_TEST_FILENAME##*/}
	echo "127.0.0.1:${2:-5000}/${file%.bats}-${TEST_CG##*/}-$BATS_TEST_NUMBER/$1"
}

# The hex digest of the manifest that skopeo sees, by "docker://…" and its options.
raw_digest() { skopeo inspect --tls-verify=false --raw "$@" | sha256sum | cut -d' ' -f1; }

# The image localhost/$1:1, whose program prints $1; $2...: options of import.
made_here() {
	mkdir -p tree/etc tree/bin && cp /bin/busybox tree/bin/cat && echo "$1" >tree/etc/"$1" && tar -C tree -cf made.tar .
	run_cmk import -q "${@:2}" -c 'CMD ["cat", "/etc/'"$1"'"]' made.tar "localhost/$1:1"
}
