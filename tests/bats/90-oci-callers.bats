#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cmk oci: what those look at who call runc or crun, and test them.
load helpers
load bundle

# variable NAME: of the environment, as the process has it; none: nothing.
variable() { cmk oci run v | sed -n "s/^$1=//p"; }

@test "by the name of another runtime it is that runtime, and says its version in the known lines" {
	local name
	args sh -c 'exit 3'
	for name in runc crun cmk-oci; do
		ln -s "$CMK_BIN" "$T/$name"
		run "$T/$name" --root "$T/r" run one
		assert_equal "$status" 3
		run "$T/$name" --version
		assert_match "${lines[0]}" "^$name version [0-9]+\.[0-9]+"
		assert_match "${lines[1]}" '^commit: .'
		assert_match "${lines[2]}" '^spec: [0-9]+\.[0-9]+\.[0-9]+$'
		run "$T/$name" list --help
		assert_equal "$status" 0
	done
}

@test "--debug goes where --log says, and --log takes crun's word for a file" {
	args true
	run_cmk oci --debug --log "$T/log" --log-format json run one
	refute_match "$stderr$output" debug
	assert_equal "$(jq -rs '.[0].level' "$T/log")" debug
	run_cmk oci --debug run one
	assert_match "$stderr" 'level=debug'
	run_cmk 1 oci --log "file:$T/other" state none
	assert_match "$(cat "$T/other")" "'none' does not exist"
	run_cmk 1 oci --log syslog:me list
	assert_error 'only files are supported'
	run_cmk 1 oci --log "$T/none/log" list
	run_cmk 1 oci --log-format yaml list
}

@test "a list is one line of JSON, and a root that was named has to be there" {
	args sleep 1000
	run_cmk oci run -d one
	run_cmk oci run -d two
	run_cmk oci list --format json
	assert_equal "${#lines[@]}" 1
	assert_match "$output" '^\[\{"ociVersion":"[^"]*","id":"one","pid":[0-9]+,"status":"running","bundle":"[^"]*/b","rootfs":"[^"]*","created":"[^"]*",.*"id":"two"'
	run_cmk 1 oci --root "$T/none" list
	assert_error "'$T/none': no such file"
}

@test "exec ends with 255 where the command was not started" {
	args sleep 1000
	run_cmk 255 oci exec one true
	run_cmk oci run -d one
	run_cmk 1 oci exec one false
	run_cmk 255 oci exec --pid-file "$T/none/pid" one true
	run_cmk 255 oci exec one nosuch
	printf '#!/nosuch\n' >rootfs/bad
	chmod 755 rootfs/bad
	run_cmk 255 oci exec -t one /bad
	assert_match "$stderr$output" 'exec /bad: no such file or directory'
	assert_equal "$(wc -l <<<"$stderr$output")" 1
}

@test "a variable is there once, with its last value, and HOME always" {
	args env
	edit '.process.env += ["ONE=a", "ONE=b", "HOME=", "TWO=x\ny"]'
	assert_equal "$(variable ONE)" b
	assert_equal "$(variable HOME)" /root
	assert_equal "$(cmk oci run one | grep -c =)" 5
	echo 'someone:x:0:0::/from/passwd:/bin/sh' >rootfs/etc/passwd
	assert_equal "$(variable HOME)" /from/passwd
	edit '.process.env += ["HOME=/mine"]'
	assert_equal "$(variable HOME)" /mine
}

@test "a hook has the environment that it is given, or else that of who calls it" {
	local hook
	for hook in prestart createRuntime poststop; do
		edit ".hooks.$hook = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo \$MARK >>$T/out\"]}]"
	done
	args true
	MARK=mine run_cmk oci run one
	assert_equal "$(cat "$T/out")" $'mine\nmine\nmine'
	edit '.hooks = {createRuntime: [{path: "/bin/sh", args: ["sh", "-c", "[ -z $MARK ] && [ $A = b ]"], env: ["A=b"]}]}'
	MARK=mine run_cmk oci run one
	# In the container it is the process's.
	edit '.process.env += ["MARK=inside"] | .hooks = {startContainer: [{path: "/bin/sh", args: ["sh", "-c", "[ $MARK = inside ] && [ -n $HOME ]"]}]}'
	MARK=mine run_cmk oci run one
}

@test "a hook that fails is named by its place, and poststart ends the container" {
	local hook
	args sleep 1000
	for hook in prestart createRuntime createContainer startContainer poststart; do
		edit ".hooks = {$hook: [{path: \"/bin/true\"}, {path: \"/bin/false\"}]}"
		run_cmk 1 oci run one
		assert_error "error running $hook hook #1: error executing hook '/bin/false' \(exit code: 1\)"
		assert_equal "$(cmk oci list -q)" ""
	done
	run_cmk oci create one
	run_cmk 1 oci start one
	assert_error 'error running poststart hook #1'
	assert wait_for 5 is one stopped
}

@test "all poststop hooks are called, whatever one of them does" {
	args true
	edit ".hooks = {poststop: [{path: \"/bin/false\"}, {path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo called >$T/out\"]}]}"
	run_cmk oci run one
	assert_match "$stderr" 'error running poststop hook #0'
	assert_equal "$(cat "$T/out")" called
}

@test "the filter of seccomp is that of startContainer hooks, too" {
	args true
	edit '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL"}]}
		| .process.rlimits = [{type: "RLIMIT_CORE", soft: 0, hard: 0}]
		| .hooks = {startContainer: [{path: "/bin/mkdir", args: ["mkdir", "/made"]}]}'
	run_cmk 1 oci run one
	assert_error 'error running startContainer hook #0: .*, bad system call\)'
	[ ! -e rootfs/made ]
}

@test "exec --cap adds to what the process may have, and ambient where it inherits" {
	caps() { cmk oci exec "$@" one grep ^Cap /proc/self/status | awk '{print $2}' | tr '\n' ' '; }
	args sleep 1000
	edit '.process.capabilities = {}'
	run_cmk oci run -d one
	assert_equal "$(caps)" '0000000000000000 0000000000000000 0000000000000000 0000000000000000 0000000000000000 '
	assert_equal "$(caps --cap CAP_KILL --cap CAP_AUDIT_WRITE)" '0000000000000000 0000000020000020 0000000020000020 0000000020000020 0000000000000000 '
	run_cmk oci exec --cap CAP_DREAM one true
	assert_match "$stderr" "CAP_DREAM' is unknown"
	run_cmk oci delete -f one
	edit '.process.capabilities = {inheritable: ["CAP_CHOWN", "CAP_SYSLOG"], permitted: ["CAP_KILL", "CAP_CHOWN"],
		effective: ["CAP_KILL"], bounding: ["CAP_KILL", "CAP_CHOWN", "CAP_SYSLOG"], ambient: ["CAP_CHOWN", "CAP_SETUID"]}'
	run_cmk oci run -d one
	assert_match "$stderr" "can't raise ambient capability CAP_SETUID: "
	assert_equal "$(caps)" '0000000400000001 0000000000000021 0000000000000021 0000000400000021 0000000000000001 '
	assert_equal "$(caps --cap CAP_SYSLOG)" '0000000400000001 0000000400000021 0000000400000021 0000000400000021 0000000400000001 '
}

@test "exec takes priorities and CPUs from the file of its process, or from the container's" {
	args sleep 1000
	edit '.process.ioPriority = {class: "IOPRIO_CLASS_BE", priority: 4} | .process.scheduler = {policy: "SCHED_BATCH", nice: 5}'
	run_cmk oci run -d one
	run_cmk oci exec one sh -c 'cut -d" " -f19,41 /proc/self/stat'
	assert_equal "$output" '5 3'
	jq -n '{args: ["cut", "-d ", "-f19,41", "/proc/self/stat"], cwd: "/"}' >p.json
	run_cmk oci exec --process p.json one
	assert_equal "$output" '0 0'
	jq '.scheduler = {policy: "SCHED_IDLE"} | .ioPriority = {class: "IOPRIO_CLASS_IDLE"}' p.json >q.json
	run_cmk oci exec --process q.json one
	assert_equal "$output" '0 5'
	jq '.scheduler = {policy: "SCHED_DREAM"}' p.json >q.json
	run_cmk 255 oci exec --process q.json one
	assert_error "process.scheduler.policy: 'SCHED_DREAM' is unknown"
	jq '.execCPUAffinity = {final: "0"} | .args = ["grep", "Cpus_allowed_list", "/proc/self/status"]' p.json >q.json
	run_cmk oci exec --process q.json one
	assert_equal "$output" $'Cpus_allowed_list:\t0'
}

@test "the CPUs of the caller are not the container's" {
	local all
	all=$(taskset -cp $$)
	[ "${all##*: }" != 0 ] || skip 'one CPU here'
	args grep Cpus_allowed_list /proc/self/status
	run taskset -c 0 "$T/bin/cmk" oci run one
	assert_equal "$status" 0
	assert_equal "$output" $'Cpus_allowed_list:\t'"$(sed -n 's/^Cpus_allowed_list:\t//p' /proc/1/status)"
}

@test "a pidfd of the process goes to who asked for it" {
	cat >"$T/listen.py" <<-'X'
		import array, os, signal, socket, sys, time
		s = socket.socket(socket.AF_UNIX)
		s.bind(sys.argv[1])
		s.listen(1)
		print("listening", flush=True)
		c, _ = s.accept()
		_, anc, _, _ = c.recvmsg(64, socket.CMSG_SPACE(4))
		fd = array.array("i", anc[0][2])[0]
		while not os.path.exists(sys.argv[2]):
		    time.sleep(0.05)
		signal.pidfd_send_signal(fd, signal.SIGKILL)
	X
	local listeners=()
	listen() {
		rm -f "$T/sock" "$T/out" "$T/go"
		python3 "$T/listen.py" "$T/sock" "$T/go" >"$T/out" &
		listeners+=($!)
		wait_for 5 grep -q listening "$T/out"
	}
	args sleep 1000
	listen
	run_cmk oci create --pidfd-socket "$T/sock" one
	touch "$T/go"
	assert wait_for 5 is one stopped
	listen
	edit ".annotations[\"run.oci.pidfd_receiver\"] = \"$T/sock\""
	run_cmk oci run -d two
	touch "$T/go"
	assert wait_for 5 is two stopped
	edit '.annotations = {}'
	listen
	run_cmk oci run -d three
	run_cmk oci exec -d --pid-file "$T/pid" --pidfd-socket "$T/sock" three sleep 1000
	touch "$T/go"
	assert wait_for 5 test ! -d "/proc/$(cat "$T/pid")"
	assert is three running
	run_cmk 1 oci create --pidfd-socket "$T/none" four
	assert_error "pidfd socket '$T/none': no such file"
	assert_equal "$(cmk oci list -q)" $'one\nthree\ntwo'
	wait "${listeners[@]}"
}

@test "what memoryPolicy cannot be is told" {
	local text filter
	args true
	edit '.linux.memoryPolicy = {}'
	run_cmk oci run one
	while read -r text filter; do
		edit ".linux.memoryPolicy = $filter"
		run_cmk 1 oci run one
		assert_error "config.json: line [0-9]+: linux.memoryPolicy.*: invalid memory policy $text"
	done <<-'X'
		mode {mode: "INTERLEAVE", nodes: "0"}
		mode {nodes: "0"}
		flag {mode: "MPOL_BIND", nodes: "0", flags: ["x"]}
		node {mode: "MPOL_BIND", nodes: "0-9876543210"}
	X
}

@test "a new tmpfs has the mode of what it covers, or the one that was asked for" {
	mkdir -p rootfs/there
	chmod 710 rootfs/there
	edit '.mounts += [{destination: "/there", type: "tmpfs", source: "tmpfs"}, {destination: "/new/a", type: "tmpfs", source: "tmpfs"}]'
	args stat -c %a /there /new/a
	run_cmk oci run one
	assert_equal "$output" $'710\n1777'
	edit '(.mounts[] | select(.destination == "/there")).options = ["mode=1500"]'
	run_cmk oci run one
	assert_equal "${lines[0]}" 1500
	assert_equal "$(stat -c %a rootfs/there)" 710
}

@test "procfs and sysfs are mounted on directories alone" {
	rmdir rootfs/proc 2>/dev/null || rm -rf rootfs/proc
	mkdir rootfs/elsewhere
	ln -s /elsewhere rootfs/proc
	run_cmk 1 oci run one
	assert_error "filesystem 'proc' must be mounted on ordinary directory"
}

@test "mounts are made in their order, and may show what was mounted inside" {
	mkdir -p src/a src/b/y
	echo a >src/a/file
	echo b >src/b/file
	edit ".mounts += [
		{destination: \"/mnt\", type: \"bind\", source: \"$PWD/src/b\", options: [\"rbind\"]},
		{destination: \"/mnt/y\", type: \"bind\", source: \"$PWD/src/a\", options: [\"bind\"]},
		{destination: \"$PWD/rootfs/final\", type: \"bind\", source: \"$PWD/rootfs/mnt\", options: [\"rbind\"]}]"
	args cat /final/file /final/y/file
	run_cmk oci run one
	assert_equal "$output" $'b\na'
}

@test "what is of the file system is no option of a bind mount, and no error" {
	mkdir src
	edit ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$PWD/src\", options: [\"bind\", \"sync\", \"ro\"]}]"
	args touch /mnt/f
	run_cmk 1 oci run one
	assert_match "$stderr" "'sync' is of a file system"
	assert_match "$stderr" 'Read-only'
}

@test "/dev/ptmx in the list of devices is the container's own" {
	edit '.linux.devices = [{path: "/dev/ptmx", type: "c", major: 5, minor: 2}]'
	args sh -c 'readlink /dev/ptmx; stat -Lc "%A %u %g %t:%T" /dev/ptmx'
	run_cmk oci run one
	assert_equal "$output" $'pts/ptmx\ncrw-rw-rw- 0 0 5:2'
}

@test "the bundle is named as its caller has named it" {
	ln -s b "$T/link"
	edit ".hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat >$T/state\"]}]"
	args true
	cd / || return
	run_cmk oci run --keep -b "$T/link/" one
	assert_equal "$(jq -r .bundle "$T/state")" "$T/link"
	assert_equal "$(cmk oci state one | jq -r .bundle)" "$T/link"
}

@test "a stopped container takes no signal, but one for all of it" {
	args true
	run_cmk oci run --keep one
	run_cmk 1 oci kill one 0
	assert_error "container not running: 'one' is stopped"
	run_cmk oci kill -a one 0
	run_cmk oci ps one
	assert_match "$output" '^UID +PID +PPID +C +STIME +TTY +TIME +CMD$'
	assert_equal "$(cmk oci ps -f json one)" '[]'
	args sleep 1000
	run_cmk oci run -d two
	run_cmk oci kill two 0
	assert is two running
}

@test "ps shows the container's processes alone, whatever its options choose" {
	args sleep 1000
	run_cmk oci run -d one
	run_cmk oci ps one -e -x
	assert_match "${lines[0]}" '^ +PID TTY +STAT +TIME COMMAND$'
	assert_equal "${#lines[@]}" 2
	assert_match "${lines[1]}" "^ *$(cmk oci state one | jq .pid) .* sleep 1000"
	run_cmk 1 oci ps one -o args
	assert_error 'no column PID'
}

@test "without a pid namespace of its own all of it is killed, also when the first has gone" {
	own_group one
	edit '.linux.namespaces |= map(select(.type != "pid")) | .mounts |= map(if .type == "proc" then {destination: "/proc", type: "none", source: "/proc", options: ["rbind"]} else . end)'
	args sleep 1000
	local pids
	run_cmk oci run -d --pid-file "$T/pid" one
	run_cmk oci exec -d one sleep 2000
	kill -KILL "$(cat "$T/pid")"
	assert wait_for 5 is one stopped
	mapfile -t pids <"$TEST_CG/one/cgroup.procs"
	assert_equal "${#pids[@]}" 1
	run_cmk oci kill one KILL
	assert wait_for 5 test ! -d "/proc/${pids[0]}"
	run_cmk oci delete one
	# The same by delete.
	run_cmk oci run -d --pid-file "$T/pid" one
	run_cmk oci exec -d one sleep 2000
	kill -KILL "$(cat "$T/pid")"
	assert wait_for 5 is one stopped
	mapfile -t pids <"$TEST_CG/one/cgroup.procs"
	run_cmk oci delete one
	assert wait_for 5 test ! -d "/proc/${pids[0]}"
	[ ! -e "$TEST_CG/one" ]
}

@test "a group that is frozen, or has processes, is left as it is" {
	own_group one
	args sleep 1000
	mkdir "$TEST_CG/one"
	echo 1 >"$TEST_CG/one/cgroup.freeze"
	run_cmk 1 oci create one
	assert_error "container's cgroup unexpectedly frozen"
	[ -d "$TEST_CG/one" ]
	echo 0 >"$TEST_CG/one/cgroup.freeze"
	run_cmk oci run -d one
	run_cmk 1 oci run two
	assert_error "unable to apply cgroup configuration: container's cgroup is not empty"
	assert is one running
}

@test "exec follows the container to the group that it has moved to" {
	own_group one
	edit '.linux.namespaces |= (. + [{type: "cgroup"}] | unique_by(.type))'
	args sleep 1000
	run_cmk oci run -d one
	mkdir "$TEST_CG/one/in"
	cmk oci state one | jq .pid >"$TEST_CG/one/in/cgroup.procs"
	run_cmk oci exec one grep ^0:: /proc/self/cgroup
	assert_equal "$output" 0::/
	grep -qw pids "$TEST_CG/one/cgroup.controllers" || skip 'the controller pids is not delegated here'
	echo +pids >"$TEST_CG/one/cgroup.subtree_control"
	run_cmk oci exec one grep ^0:: /proc/self/cgroup
	assert_equal "$output" 0::/in
	run_cmk 255 oci exec --cgroup / one true
	assert_error 'adding pid [0-9]+ to cgroups: device or resource busy'
	run_cmk oci exec --cgroup /in one grep ^0:: /proc/self/cgroup
	assert_equal "$output" 0::/in
}

@test "a paused container is not for exec, but for one that waits" {
	own_group one
	args sleep 1000
	run_cmk oci run -d one
	run_cmk oci pause one
	run_cmk 255 oci exec one true
	assert_error 'cannot exec in a paused container'
	cmk oci exec --ignore-paused one echo ok >"$T/out" &
	local pid=$!
	wait_for 5 grep -q . "$TEST_CG/one/cgroup.procs"
	assert_equal "$(cat "$T/out")" ""
	run_cmk oci resume one
	wait $pid
	assert_equal "$(cat "$T/out")" ok
}

@test "events come at their times, with the pressure, until the end" {
	own_group one
	args sleep 1000
	run_cmk 1 oci events --interval never one
	run_cmk oci run -d one
	run_cmk oci events --stats one
	assert_equal "$(jq -r '.type, .id, (.data.cpu.usage.total | type), (.data.pids.current | type)' <<<"$output")" $'stats\none\nnumber\nnumber'
	[ ! -e "$TEST_CG/one/cpu.pressure" ] || assert_equal "$(jq -r '.data.cpu.psi.some.avg10, .data.cpu.psi.full.total | type' <<<"$output")" $'number\nnumber'
	cmk oci events --interval 100ms one >"$T/out" &
	local pid=$!
	lines_of() { [ "$(wc -l <"$T/out")" -ge "$1" ]; }
	wait_for 5 lines_of 3
	run_cmk oci delete -f one
	wait $pid
	assert_equal "$(jq -r .type "$T/out" | sort -u)" stats
}

@test "update takes away limits, knows idle CPUs, and looks at what is used where it is told to" {
	own_group one
	local c
	for c in memory cpu; do
		grep -qw $c "$TEST_CG/cgroup.controllers" || skip "the controller $c is not delegated here"
	done
	edit '.linux.resources = {memory: {limit: 33554432}, cpu: {quota: 500000, period: 1000000}}'
	args sleep 1000
	run_cmk oci run -d one
	value() { cat "$TEST_CG/one/$1"; }
	run_cmk oci update one --cpu-quota -1
	assert_equal "$(value cpu.max)" 'max 1000000'
	run_cmk oci update one --memory 50M
	assert_equal "$(value memory.max)" 52428800
	run_cmk oci update one --memory -1
	assert_equal "$(value memory.max)" max
	if [ -e "$TEST_CG/one/cpu.idle" ]; then
		run_cmk oci update -r - one <<<'{"cpu": {"idle": 1}}'
		assert_equal "$(value cpu.idle)" 1
		run_cmk oci update --cpu-idle 0 one
		assert_equal "$(value cpu.idle)" 0
		run_cmk 1 oci update --cpu-idle 2 one
	fi
	run_cmk 1 oci update -r - one <<<'{"memory": {"limit": 1024, "checkBeforeUpdate": true}}'
	assert_error 'rejecting memory limit 1024'
	run_cmk 1 oci update -r - one <<<'{"memory": {"limit": 1024, "swap": 2048, "checkBeforeUpdate": true}}'
	assert_error 'rejecting memory\+swap limit 2048'
	assert is one running
	run_cmk 1 oci update -r - one <<<'{"memory": {"swappiness": 3}}'
	assert_error 'line 1: memory.swappiness: cgroup v2 has no'
	# Without the look it is the end of it.
	run_cmk '?' oci update --memory 1024 one
	assert wait_for 10 is one stopped
}

@test "a file of the group is named by controller and what of it" {
	edit '.linux.resources.unified = {"nothing": "1"}'
	run_cmk 1 oci create one
	assert_error 'the specified key has not the form CONTROLLER.VALUE `nothing`'
}

@test "without a map of root the first id is root's stand-in" {
	edit ".linux.uidMappings = [{containerID: 1000, hostID: $(id -u), size: 1}] | .linux.gidMappings = [{containerID: 1000, hostID: $(id -g), size: 1}]
		| .process.user = {uid: 1000, gid: 1000}"
	args sh -c 'id -u; id -g'
	run_cmk oci run one
	assert_equal "$output" $'1000\n1000'
	args sleep 1000
	run_cmk oci run -d one
	run_cmk oci exec one id -u
	assert_equal "$output" 1000
}

@test "the host's name is set by its field, and by no sysctl" {
	edit '.linux.sysctl = {"kernel.hostname": "x"}'
	run_cmk 1 oci run one
	assert_error "linux.sysctl: 'kernel.hostname' is not of a namespace"
}

@test "the socket of the service manager goes in, where there is one" {
	cat >"$T/hear.py" <<-'X'
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		print("listening", flush=True)
		print(s.recv(100).decode(), flush=True)
	X
	python3 "$T/hear.py" "$T/notify" >"$T/out" &
	wait_for 5 grep -q listening "$T/out"
	args sh -c 'echo $NOTIFY_SOCKET; [ -S $NOTIFY_SOCKET ]'
	NOTIFY_SOCKET=$T/notify run_cmk oci run one
	assert_equal "$output" /run/notify/notify.sock
	kill $!
	args sh -c 'echo "[$NOTIFY_SOCKET]"'
	NOTIFY_SOCKET=$T/none run_cmk oci run one
	assert_equal "$output" '[]'
	assert_match "$stderr" "NOTIFY_SOCKET: '$T/none' is no socket"
	NOTIFY_SOCKET=@abstract run_cmk oci run one
	assert_equal "$output$stderr" '[]'
}

@test "exec --exec-wait-fifo executes when somebody reads" {
	args sleep 1000
	run_cmk oci run -d one
	mkfifo "$T/fifo"
	run_cmk oci exec -d --pid-file "$T/pid" --exec-wait-fifo "$T/fifo" one sh -c 'echo ran >/ran' </dev/null
	# A member, which waits.
	assert_match "$(tr '\0' ' ' <"/proc/$(cat "$T/pid")/cmdline")" 'oci exec'
	run_cmk oci ps --format json one
	assert_equal "$(jq length <<<"$output")" 2
	[ ! -e rootfs/ran ]
	timeout 10 cat "$T/fifo"
	wait_for 10 test -e rootfs/ran
	# Its code, where somebody waits for that.
	cmk oci exec --exec-wait-fifo "$T/fifo" one sh -c 'echo out; exit 6' >"$T/out" &
	local pid=$! rc=0
	timeout 10 cat "$T/fifo"
	wait $pid || rc=$?
	assert_equal "$rc $(cat "$T/out")" '6 out'
	# It ends with the container, read or not.
	run_cmk oci exec -d --pid-file "$T/pid" --exec-wait-fifo "$T/fifo" one true </dev/null
	run_cmk oci delete -f one
	gone() { [ ! -d "/proc/$(cat "$T/pid")" ]; }
	wait_for 10 gone
}

@test "exec --exec-wait-fifo takes a fifo alone" {
	args sleep 1000
	run_cmk oci run -d one
	touch "$T/file"
	mkfifo "$T/fifo"
	ln -s fifo "$T/link"
	run_cmk 255 oci exec --exec-wait-fifo "$T/file" one true
	assert_error "'.*file' is not a fifo"
	run_cmk 255 oci exec --exec-wait-fifo "$T/link" one true
	assert_error "'.*link' is not a fifo"
	run_cmk 255 oci exec --exec-wait-fifo "$T/none" one true
	assert_error "failed to open exec wait fifo '.*none': no such file"
	run_cmk 255 oci exec --exec-wait-fifo "" one true
	assert_error "failed to open exec wait fifo ''"
}

@test "--no-mount-fallback does not let a bind mount be less than it is to be" {
	# The tests' own, mounted read-only.
	edit ".mounts += [{destination: \"/mnt\", type: \"bind\", source: \"$CMK_TEST_STAGE/cache\", options: [\"bind\", \"rw\"]}]"
	args sh -c 'grep " /mnt " /proc/self/mounts'
	run_cmk oci run one
	assert_match "$output" ' ro,'
	run_cmk 1 oci run --no-mount-fallback one
	assert_error "mount '/mnt': .*options of bind mount '.*cache': operation not permitted"
	edit '(.mounts[] | select(.destination == "/mnt") | .options) = ["bind", "ro", "nosuid"]'
	run_cmk oci run --no-mount-fallback one
	assert_match "$output" ' ro,nosuid'
}

@test "memory and swap together cannot be less than memory, nor be without it" {
	edit '.linux.resources.memory = {swap: 33554432}'
	run_cmk 1 oci create one
	assert_error 'line [0-9]+: linux.resources.memory.swap: cannot set swap limit without the memory limit'
	edit '.linux.resources.memory = {limit: 33554432, swap: 1048576}'
	run_cmk 1 oci create one
	assert_error 'linux.resources.memory.swap: memory\+swap limit should be >= memory limit'
}

@test "a device may be named with a slash at its end" {
	edit '.linux.devices = [{path: "/dev/null/", type: "c", major: 1, minor: 3}, {path: "/d/tty//", type: "p"}]'
	args stat -c '%n %F' /dev/null /d/tty
	run_cmk oci run one
	assert_equal "$output" $'/dev/null character special file\n/d/tty fifo'
}

@test "update -r does not pass over weights of devices" {
	own_group one
	! grep -qw io "$TEST_CG/cgroup.controllers" || skip 'the controller io is delegated here'
	args sleep 1000
	run_cmk oci run -d one
	run_cmk 1 oci update -r - one <<<'{"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 100}]}}'
	assert_error "'io' is not delegated"
}
