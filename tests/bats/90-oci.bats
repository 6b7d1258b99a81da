#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci: the runtime for others, as its callers see it.
load helpers
load canary
load bundle

@test "a container is created, started, killed and deleted" {
	args sh -c 'trap "exit 7" TERM; echo up >/up; while :; do sleep 0.1; done'
	run_cmk oci create --pid-file "$T/pid" one
	assert is one created
	assert_equal "$(cmk oci state one | jq .pid)" "$(cat "$T/pid")"
	assert_equal "$(cmk oci state one | jq -r .bundle)" "$T/b"
	assert_equal "$(cmk oci state one | jq -r .ociVersion)" 1.3.0
	[ ! -e rootfs/up ]
	run_cmk 1 oci create one
	assert_match "$stderr" "'one' exists already"
	run_cmk oci start one
	wait_for 5 test -e rootfs/up
	assert is one running
	run_cmk 1 oci start one
	assert_match "$stderr" "'one' is running, not created"
	run_cmk 1 oci delete one
	assert_match "$stderr" 'kill it first'
	run_cmk oci kill one TERM
	wait_for 5 is one stopped
	assert_equal "$(cmk oci state one | jq .pid)" 0
	run_cmk 1 oci kill one KILL
	run_cmk oci delete one
	run_cmk 1 oci state one
	assert_match "$stderr" "'one' does not exist"
	run_cmk 1 oci delete one
	run_cmk oci delete --force one
}

@test "run gives the process's exit code and leaves nothing" {
	args sh -c 'echo out; echo err >&2; cat; exit 9'
	run_cmk 9 oci run one <<<words
	assert_equal "$output" $'out\nwords'
	assert_equal "$stderr" err
	assert_equal "$(cmk oci list -q)" ""
	args sh -c 'kill -KILL $$; :'
	edit '.linux.namespaces |= map(select(.type != "pid"))'
	run_cmk 137 oci run one
	args true
	run_cmk oci run --keep one
	assert is one stopped
	run_cmk oci run --detach --pid-file "$T/pid" two
	wait_for 5 is two stopped
	assert [ -s "$T/pid" ]
}

@test "signals that run gets go to the process" {
	args sh -c 'trap "exit 5" USR1; echo up; while :; do sleep 0.1; done'
	cmk oci run one >"$T/out" &
	local pid=$! rc=0
	wait_for 5 grep -q up "$T/out"
	kill -USR1 "$(pgrep -P "$pid" || echo "$pid")"
	wait "$pid" || rc=$?
	assert_equal $rc 5
}

@test "what the command line cannot be is told with exit code 1" {
	run_cmk 1 oci run
	run_cmk 1 oci create --bogus one
	run_cmk 1 oci bogus
	run_cmk 1 oci create ../one
	assert_match "$stderr" "invalid character '/' in the container ID"
	run_cmk 1 oci kill one NOSIGNAL
	assert_match "$stderr" "unknown signal 'NOSIGNAL'"
	run_cmk 1 oci --systemd-cgroup create one
	assert_match "$stderr" 'no systemd runs for this user'
	run_cmk 1 oci create --bundle "$T/none" one
	assert_match "$stderr" "bundle '.*none': no such file"
}

@test "options may stand before the command, as others have them, and cmk-oci is the same" {
	args sh -c 'exit 3'
	run_cmk 3 oci --root "$T/r" --log-format json --log "$T/log" run -b "$T/b" one
	local rc=0
	/usr/local/bin/cmk-oci --root "$T/r" --log-format=json run one || rc=$?
	assert_equal $rc 3
	assert_match "$(/usr/local/bin/cmk-oci --version)" 'spec: 1\.3\.0'
}

@test "errors go to the log, too, in the form that was asked for" {
	run_cmk 1 oci --log "$T/json" --log-format json state none
	assert_equal "$(jq -r .level "$T/json")" error
	assert_equal "$(jq -r .msg "$T/json")" "container 'none' does not exist"
	run_cmk 1 oci --log "$T/text" state none
	assert_match "$(cat "$T/text")" "container 'none' does not exist"
}

@test "exec runs one more process in there" {
	args sleep 1000
	run_cmk oci run -d one
	run_cmk 6 oci exec -e A=b --cwd /tmp one sh -c 'pwd; echo $A; [ "$(readlink /proc/self/ns/pid)" = "$(readlink /proc/1/ns/pid)" ] && exit 6'
	assert_equal "$output" $'/tmp\nb'
	jq '.process | .args = ["sh", "-c", "echo $C; exit 4"] | .env += ["C=d"]' config.json >"$T/p.json"
	run_cmk 4 oci exec --process "$T/p.json" one
	assert_equal "$output" d
	run_cmk oci exec -d --pid-file "$T/pid" one sleep 1000
	assert [ -d "/proc/$(cat "$T/pid")" ]
	run_cmk 255 oci exec one nosuch
	assert_match "$stderr" "'nosuch' not found in .PATH: .*no such file"
	run_cmk 255 oci exec one
	run_cmk 255 oci exec --user x one id
	assert_match "$stderr" "not UID"
	echo '{"args":["id"],"cwd":7}' >"$T/p.json"
	run_cmk 255 oci exec --process "$T/p.json" one
	assert_match "$stderr" 'line 1: cwd: not a string'
	run_cmk oci kill --all one KILL || run_cmk oci kill one KILL
	wait_for 5 is one stopped
	run_cmk 255 oci exec one id
	assert_match "$stderr" 'is stopped, not running'
}

@test "a terminal goes to who listens at the console socket" {
	edit '.process.terminal = true'
	args sh -c 'tty; read -r line; echo "got $line"'
	cat >"$T/listen.py" <<-'X'
		import array, os, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		print("listening", flush=True)
		c, _ = s.accept()
		_, anc, _, _ = c.recvmsg(64, socket.CMSG_SPACE(4))
		fd = array.array("i", anc[0][2])[0]
		os.write(fd, b"word\n")
		while True:
		    try:
		        data = os.read(fd, 1000)
		    except OSError:
		        break
		    if not data:
		        break
		    os.write(1, data)
	X
	python3 "$T/listen.py" "$T/sock" >"$T/out" &
	local pid=$!
	wait_for 5 grep -q listening "$T/out"
	run_cmk 1 oci create one
	assert_match "$stderr" 'console-socket'
	run_cmk oci create --console-socket "$T/sock" one
	run_cmk oci start one
	wait_for 5 grep -q 'got word' "$T/out"
	assert_match "$(cat "$T/out")" '/dev/pts/0'
	wait "$pid"
}

@test "run lends the caller's terminal" {
	edit '.process.terminal = true'
	args sh -c 'tty; test -t 0 && exit 8'
	local rc=0
	script -qec "$T/bin/cmk oci run one" "$T/typescript" >/dev/null </dev/null || rc=$?
	assert_equal $rc 8
	assert_match "$(cat "$T/typescript")" '/dev/pts/0'
}

@test "hooks are called in the six places, in their order, with the state" {
	local stage
	args sh -c 'echo command >>/order'
	for stage in prestart createRuntime createContainer startContainer poststart poststop; do
		edit ".hooks.$stage = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo $stage \$(sed 's/.*\\\"status\\\":\\\"\\\\([a-z]*\\\\).*/\\\\1/') >>$T/b/rootfs/order\"]}]"
	done
	edit '.hooks.startContainer[0].args[2] |= sub(">>.*"; ">>/order")'
	run_cmk oci create one
	assert_equal "$(cat rootfs/order)" $'prestart creating\ncreateRuntime creating\ncreateContainer creating'
	run_cmk oci start one
	wait_for 5 is one stopped
	run_cmk oci delete one
	assert_equal "$(sort rootfs/order)" "$(printf '%s\n' command 'createContainer creating' 'createRuntime creating' \
		'poststart running' 'poststop stopped' 'prestart creating' 'startContainer created')"
	assert_equal "$(sed -n '4p' rootfs/order)" 'startContainer created'
	assert_equal "$(tail -n 1 rootfs/order)" 'poststop stopped'
}

@test "a hook that fails or hangs ends what was to be made, and nothing stays" {
	edit '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "echo why not; exit 3"]}]'
	run_cmk 1 oci create one
	assert_match "$stderr" "error running createRuntime hook #0: .*exit code: 3.*why not"
	assert_equal "$(cmk oci list -q)" ""
	edit '.hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "exec sleep 1000"], timeout: 1}]'
	run_cmk 1 oci create one
	assert_match "$stderr" 'did not end within 1 seconds'
	assert_equal "$(cmk oci list -q)" ""
}

# refused FILTER REGEX
refused() {
	cp config.json "$T/good.json"
	edit "$1"
	run_cmk 1 oci create one
	assert_match "$stderr" "config.json: line [0-9]+: $2"
	mv "$T/good.json" config.json
	assert_equal "$(cmk oci list -q)" ""
}

# bats test_tags=long
@test "a config.json with a mistake is refused by line and field" {
	refused '.linux.namespaces += [{type: "dream"}]' "linux.namespaces.*type: unknown namespace 'dream'"
	refused '.linux.namespaces += [{type: "pid"}]' "linux.namespaces.*'pid' is there twice"
	refused '.linux.namespaces[0].path = "pid"' 'linux.namespaces.0..path: .* is not absolute'
	refused '.linux.namespaces |= map(select(.type != "mount"))' 'linux.namespaces: .*mount namespace'
	refused '.process.args = "sh"' 'process.args: not an array'
	refused '.process.args = []' 'process.args: is missing'
	refused '.process.cwd = "tmp"' 'process.cwd: .* is not absolute'
	refused '.process.user.uid = -1' 'process.user.uid: '
	refused '.process.rlimits[0].type = "RLIMIT_X"' 'process.rlimits.0..type'
	refused 'del(.process)' 'process: is missing'
	refused 'del(.root)' 'root.path: is missing'
	refused 'del(.ociVersion)' 'ociVersion: is missing'
	refused '.ociVersion = "2.0.0"' 'ociVersion: '
	refused '.mounts[1].options = "ro"' 'mounts.1..options: not an array'
	refused '.mounts[1].options = ["x-cmk.own"]' "mounts.1..options: 'x-cmk.own' is unknown"
	refused '.hooks.poststop = [{path: "sh"}]' 'hooks.poststop.0..path: .* is not absolute'
	refused '.linux.sysctl = {"kernel.panic": "1"}' "linux.sysctl: 'kernel.panic' is not of a namespace"
	refused '.linux.intelRdt = {closID: "x"}' 'linux.intelRdt: '
	refused '.linux.resources.memory.swappiness = 10' 'linux.resources.memory.swappiness: '
	refused '.linux.netDevices = {eth9: {}}' 'linux.netDevices: '
	if [ ! -e /sys/fs/selinux/enforce ]; then
		refused '.process.selinuxLabel = "x"' 'process.selinuxLabel: SELinux is not enabled'
		refused '.linux.mountLabel = "x"' 'linux.mountLabel: SELinux is not enabled'
	fi
	refused '.annotations["run.oci.mount_context_type"] = "x"' 'annotations: .run.oci.mount_context_type. is none of'
	refused '.windows = {a: 1}' 'windows: is not for Linux'
	refused '.linux.rootfsPropagation = "x"' 'linux.rootfsPropagation: '
	refused '.linux.devices = [{path: "/dev/x", type: "z"}]' 'linux.devices.0..type'
	refused '.linux.timeOffsets = {monotonic: {secs: 1}}' 'linux.timeOffsets: '
	echo '{"ociVersion": "1.0.0",' >config.json
	run_cmk 1 oci create one
	assert_match "$stderr" 'config.json: '
	rm config.json
	run_cmk 1 oci create one
	assert_match "$stderr" "config.json.*no such file"
}

@test "a profile with a mistake is refused" {
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_DREAM"}'
	run_cmk 1 oci create one
	assert_match "$stderr" 'config.json: .*linux.seccomp.*defaultAction'
	assert_equal "$(cmk oci list -q)" ""
}

@test "a mount's place that is a link stays inside" {
	mkdir -p "$T/host" "$T/source"
	echo inside >"$T/source/f"
	ln -s "$T/host" rootfs/there
	edit ".mounts += [{destination: \"/there/x\", type: \"bind\", source: \"$T/source\", options: [\"rbind\"]}]"
	args cat /there/x/f
	run_cmk oci run one
	assert_equal "$output" inside
	assert_equal "$(ls "$T/host")" ""
}

# bats test_tags=long
@test "without a mount on /dev its links stay inside: null, console and the others (CVE-2026-88264, CVE-2026-88265)" {
	local name terminal
	(cd "$T" && canary_make)
	canary_before=$(canary_state)
	edit '.mounts |= map(select(.destination | startswith("/dev") | not)) | .linux.maskedPaths += ["/proc/version"]'
	args sh -c 'wc -c </proc/version; cat /proc/version; echo x >/dev/null; echo x >/dev/console; ls -l /dev'
	for terminal in false true; do
		edit ".process.terminal = $terminal"
		for name in null zero console ptmx tty fd stdin pts shm; do
			rm -rf rootfs/dev
			mkdir rootfs/dev
			ln -s "$T/canary/file" "rootfs/dev/$name"
			script -qec "timeout 30 '$T/bin/cmk' oci run one" "$T/typescript" >/dev/null </dev/null || true
			refute_match "$(cat "$T/typescript")" SECRET
			refute_match "$(cat "$T/typescript")" 'Linux version'
			canary_unchanged
		done
		# The directory itself.
		rm -rf rootfs/dev
		ln -s "$T/canary" rootfs/dev
		script -qec "timeout 30 '$T/bin/cmk' oci run one" "$T/typescript" >/dev/null </dev/null || true
		canary_unchanged
	done
}

@test "ten thousand mounts are no trouble" {
	edit '.mounts += [range(10000) | {destination: "/tmp/\(. % 10)", type: "tmpfs", source: "tmpfs", options: ["size=4k"]}]'
	args sh -c 'grep -c " /tmp/[0-9] " /proc/self/mountinfo'
	run_cmk oci run one
	assert_equal "$output" 10000
}

@test "a create that is killed leaves what delete --force clears away, and no lie" {
	local pid
	edit '.hooks.createRuntime = [{path: "/bin/sleep", args: ["sleep", "1000"]}]'
	"$T/bin/cmk" oci create one &
	pid=$!
	wait_for 5 is one creating
	pkill -KILL -P "$pid" -x cmk || kill -KILL "$pid"
	wait "$pid" || true
	wait_for 5 is one stopped
	run_cmk oci delete --force one
	assert_equal "$(cmk oci list -q)" ""
	pkill -x sleep -P 1 || true
}

@test "another process with the pid of old is not taken for the container" {
	args sleep 1000
	run_cmk oci run -d one
	local record=$CMK_ROOT/oci/one/state.json
	jq '.start += 1' "$record" >"$T/new" && cp "$record" "$T/old" && cp "$T/new" "$record"
	assert is one stopped
	run_cmk 1 oci kill one KILL
	cp "$T/old" "$record"
	assert is one running
}

@test "a command that cannot be executed is told by create, and by start" {
	args nosuch
	run_cmk 1 oci create one
	assert_match "$stderr" "'nosuch' not found"
	printf '#!/nosuch\n' >rootfs/bad
	chmod 755 rootfs/bad
	args /bad
	run_cmk oci create one
	run_cmk 1 oci start one
	assert_match "$stderr" "exec /bad: no such file"
	assert is one stopped
	args /proc/self/exe
	run_cmk 1 oci create two
	assert_match "$stderr" "own file"
}

@test "the process is what config.json says" {
	edit '.process.capabilities.ambient = ["CAP_KILL"] | .process.capabilities.inheritable = ["CAP_KILL"]
		| .process.user.umask = 63 | .process.oomScoreAdj = 500
		| .process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}]
		| .hostname = "called" | .domainname = "so" | .linux.personality = {domain: "LINUX32"}
		| .linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 864000000}}
		| .linux.sysctl = {"net.ipv4.ip_forward": "1"}
		| .linux.namespaces |= (. + [{type: "network"}] | unique_by(.type))
		| .process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}
		| .process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
	args sh -c 'umask; hostname; cat /proc/self/oom_score_adj; ulimit -n; ulimit -Hn; uname -m; cat /proc/sys/net/ipv4/ip_forward
		cut -d. -f1 /proc/uptime | sed "s/.*/&/" | awk "{print (\$1 > 800000000)}"; grep -E "CapAmb|NoNewPrivs" /proc/self/status
		cut -d" " -f19,41 /proc/self/stat'
	run_cmk oci run one
	assert_equal "${lines[0]}" 0077
	assert_equal "${lines[1]}" called
	assert_equal "${lines[2]}" 500
	assert_equal "${lines[3]}" 100
	assert_equal "${lines[4]}" 200
	assert_match "${lines[5]}" 'i[3-6]86|armv'
	assert_equal "${lines[6]}" 1
	assert_equal "${lines[7]}" 1
	assert_equal "${lines[8]}" $'CapAmb:\t0000000000000020'
	assert_equal "${lines[9]}" $'NoNewPrivs:\t1'
	assert_equal "${lines[10]}" '5 3'
}

@test "the container sees its own files, masks and devices, and no descriptor of ours" {
	edit '.linux.maskedPaths = ["/proc/keys", "/proc/acpi"] | .linux.readonlyPaths = ["/proc/sys"] | .root.readonly = true'
	args sh -c 'echo x >/f; echo x >/dev/null; echo x >/proc/sys/kernel/domainname; wc -c </proc/keys; ls /proc/self/fd | wc -l; stat -c %t:%T /dev/zero; readlink /dev/fd; umount /proc/keys'
	run_cmk '?' oci run one
	assert_match "$stderr" '/f: Read-only'
	assert_match "$stderr" 'domainname: Read-only'
	assert_match "$stderr" "umount: .*"
	assert_equal "$output" $'0\n4\n1:5\n/proc/self/fd'
}

@test "a filter of seccomp holds for the process and for exec" {
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 71}]}'
	args sh -c 'mkdir /x; sleep 1000'
	run_cmk oci run -d one 2>"$T/err"
	run_cmk '?' oci exec one mkdir /y
	assert_match "$stderr" 'Protocol error'
	assert_equal "$(cmk oci exec one sh -c 'grep ^Seccomp: /proc/self/status')" $'Seccomp:\t2'
	edit '.process.noNewPrivileges = false'
	args mkdir /z
	run_cmk 1 oci run two
	assert_match "$stderr" 'Protocol error'
}

@test "an ambient capability that is not inheritable is not given, and no error" {
	edit '.process.capabilities.ambient = ["CAP_KILL"]'
	args grep CapAmb /proc/self/status
	run_cmk oci run one
	assert_equal "$output" $'CapAmb:\t0000000000000000'
}

@test "descriptors are passed on as asked" {
	args sh -c 'cat <&3; ls /proc/self/fd | tr "\n" " "'
	run_cmk oci run --preserve-fds 1 one 3<<<third
	assert_match "$output" $'^third\n0 1 2 3 '
	run_cmk 1 oci run --preserve-fds 9 one
	assert_match "$stderr" 'to be kept, and not open'
}

@test "namespaces of others are joined by path" {
	args sleep 1000
	run_cmk oci run -d one
	local pid
	pid=$(cmk oci state one | jq .pid)
	edit ".linux.namespaces |= map(if .type == \"mount\" then . else .path = \"/proc/$pid/ns/\" + ({network: \"net\"}[.type] // .type) end)"
	args sh -c 'for n in pid uts user; do readlink /proc/self/ns/$n; done'
	run_cmk oci run two
	assert_equal "$output" "$(cmk oci exec one sh -c 'for n in pid uts user; do readlink /proc/self/ns/$n; done')"
	edit ".linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$pid/ns/net\" else . end)"
	run_cmk 1 oci run two
	assert_match "$stderr" 'is not a pid namespace'
}

@test "list, ps and features tell what there is" {
	args sleep 1000
	run_cmk oci list
	run_cmk oci run -d one
	run_cmk oci list
	assert_match "$output" 'ID.*STATUS'
	assert_match "${lines[1]}" "^one .*running .*$T/b"
	assert_equal "$(cmk oci list -f json | jq -r '.[0].id')" one
	assert_equal "$(cmk oci ps -f json one)" "[$(cmk oci state one | jq .pid)]"
	run_cmk oci ps one
	assert_match "$output" 'sleep 1000'
	assert_equal "$(cmk oci features | jq -r .ociVersionMax)" 1.3.0
	run_cmk 1 oci spec
	assert_match "$stderr" 'there already'
}

@test "a container is paused, resumed, measured, and no limit is set on what has none" {
	[ -n "$TEST_CG" ] || skip 'no delegated cgroup here'
	args sleep 1000
	run_cmk oci run -d one
	run_cmk oci pause one
	assert is one paused
	run_cmk 255 oci exec one id
	assert_match "$stderr" 'is paused, not running'
	run_cmk 1 oci pause one
	run_cmk oci resume one
	assert is one running
	assert_equal "$(cmk oci events --stats one | jq -r .type,.id)" $'stats\none'
	run_cmk 1 oci update one
	assert_match "$stderr" 'nothing to change'
	echo '{"pids":{"limit":"x"}}' >"$T/r.json"
	run_cmk 1 oci update -r "$T/r.json" one
	assert_match "$stderr" 'line 1: pids.limit: '
}

@test "limits are in the group, and update changes them" {
	[ -n "$TEST_CG" ] || skip 'no delegated cgroup here'
	grep -q pids "$TEST_CG/cgroup.controllers" || skip 'the controller pids is not delegated here'
	args sh -c 'cat /sys/fs/cgroup/pids.max; sleep 1000'
	edit ".linux.cgroupsPath = \"${TEST_CG#/sys/fs/cgroup}/oci/one\" | .linux.resources = {pids: {limit: 50}}"
	run_cmk oci run -d one
	assert_equal "$(cat "$TEST_CG/oci/one/pids.max")" 50
	run_cmk oci update --pids-limit 60 one
	assert_equal "$(cat "$TEST_CG/oci/one/pids.max")" 60
	run_cmk oci update -r - one <<<'{"pids":{"limit":70}}'
	assert_equal "$(cat "$TEST_CG/oci/one/pids.max")" 70
	run_cmk 1 oci create two
	assert_match "$stderr" "container's cgroup is not empty"
	# It goes on, with its limits.
	assert is one running
	assert_equal "$(cat "$TEST_CG/oci/one/pids.max")" 70
	run_cmk oci delete --force one
	[ ! -e "$TEST_CG/oci/one" ]
	rmdir "$TEST_CG/oci"
}

@test "kill --regex, exec --cgroup, the CPUs of an exec" {
	local id
	args sleep 1000
	for id in one-a one-b two; do
		[ -z "$TEST_CG" ] || edit ".linux.cgroupsPath = \"${TEST_CG#/sys/fs/cgroup}/$id\""
		run_cmk oci create $id
		run_cmk oci start $id
	done
	run_cmk 1 oci kill --regex 'no.*' KILL
	assert_error "no container that runs matches 'no\.\*'"
	run_cmk 1 oci kill --regex '(' KILL
	assert_error '\-\-regex'
	# Somewhere in the id.
	run_cmk oci kill --regex 'ne-.' KILL
	assert wait_for 5 is one-a stopped
	assert wait_for 5 is one-b stopped
	assert is two running
	run_cmk 255 oci exec --cgroup a/../.. two true
	assert_error "bad sub cgroup path"
	if [ -n "$TEST_CG" ] && cmk oci events --stats two >/dev/null 2>&1; then
		run_cmk 255 oci exec --cgroup part two true
		assert_error "'part': adding pid [0-9]+ to cgroups: no such file"
		mkdir "$TEST_CG/two/part"
		run_cmk oci exec --cgroup part two grep 0:: /proc/self/cgroup
		assert_match "$output" '/part$'
		run_cmk oci exec --cgroup / two grep 0:: /proc/self/cgroup
		refute_match "$output" '/part$'
	fi
	jq -n '{args: ["grep", "Cpus_allowed_list", "/proc/self/status"], cwd: "/", user: {uid: 0, gid: 0}}' >p.json
	run_cmk oci exec --process p.json two
	run_cmk 1 oci delete --regex nosuch
	assert_error "no container matches 'nosuch'"
	run_cmk oci delete --force --regex nosuch
	run_cmk oci delete --force --regex '^(one-|two)'
	assert_equal "$(cmk oci list -q)" ""
	edit '.process.execCPUAffinity = {initial: "0"}'
	run_cmk oci create two
	run_cmk oci start two
	run_cmk oci exec two grep Cpus_allowed_list /proc/self/status
	assert_equal "$output" $'Cpus_allowed_list:\t0'
}

@test "limits of rdma are the controller's, or its absence is told" {
	edit '.linux.resources.rdma = {mlx5_0: {hcaHandles: "many"}}'
	run_cmk 1 oci run one
	assert_error 'line [0-9]+: linux.resources.rdma.mlx5_0.hcaHandles: not a number'
	grep -qw rdma /sys/fs/cgroup/cgroup.controllers 2>/dev/null && skip 'the controller is here, and no device of it'
	edit '.linux.resources.rdma = {mlx5_0: {hcaHandles: 3, hcaObjects: 10000}}'
	run_cmk 1 oci run one
	assert_error 'rdma'
}
