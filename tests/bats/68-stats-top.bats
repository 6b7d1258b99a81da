#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What runs in containers and what it uses: `cmk top`, `cmk stats`.

load helpers

setup() {
	common_setup
	load_images alpine
	run_cmk run -d --name up --network none alpine sleep 1000
	up=$output
}

teardown() {
	timeout 30 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

has_line() { grep -q -- "$2" "$1"; }
no_ps() { ! cmk exec "$1" test -e /bin/ps; }
host_pid() { cmk inspect --format '{{.State.Pid}}' "$1"; }

@test "top shows podman's columns with the container's users and numbers" {
	run_cmk exec -d -u 1000 up sleep 999
	run_cmk top up
	assert_match "${lines[0]}" '^USER        PID         PPID        %CPU        ELAPSED +TTY         TIME        COMMAND$'
	assert_match "${lines[1]}" '^root        1           0           [0-9]+\.[0-9]{3}       [0-9.hm]+s +\?           [0-9.m]+s +sleep 1000$'
	assert_match "${lines[2]}" '^(1000|operator) +[0-9]+ +0 .* sleep 999$'
	assert_equal "${#lines[@]}" 3
	run_cmk container top --latest
	assert_match "${lines[1]}" 'sleep 1000$'
}

@test "top: host and container side by side" {
	local pid
	pid=$(host_pid up)
	run_cmk top up pid hpid,user huser %a
	assert_match "${lines[0]}" '^PID         HPID        USER        HUSER       COMMAND$'
	assert_match "${lines[1]}" "^1           $pid +root        $UID +sleep 1000$"
	run_cmk top up uid huid
	assert_match "${lines[1]}" "^0 +$UID\$"
}

@test "top knows each of podman's columns" {
	local name
	for name in args:COMMAND capamb:'AMBIENT CAPS' capbnd:'BOUNDING CAPS' capeff:'EFFECTIVE CAPS' capinh:'INHERITED CAPS' \
		capprm:'PERMITTED CAPS' comm:COMMAND etime:ELAPSED group:GROUP groups:GROUPS hgroup:HGROUP hgroups:HGROUPS hpid:HPID \
		huid:HUID huser:HUSER uid:UID label:LABEL nice:NI pcpu:%CPU pgid:PGID pid:PID ppid:PPID rgroup:RGROUP rss:RSS ruser:RUSER \
		seccomp:SECCOMP state:STATE stime:STIME time:TIME tty:TTY user:USER vsz:VSZ; do
		run_cmk top up "${name%%:*}"
		assert_equal "${lines[0]}" "${name#*:}"
		assert_equal "${#lines[@]}" 2
		assert test -n "${lines[1]}"
	done
	run_cmk top up seccomp,capamb,capeff,comm,nice,pgid,group
	assert_match "${lines[1]}" '^filter +none +CHOWN,DAC_OVERRIDE,FOWNER,.*SYS_CHROOT +sleep +0 +1 +root$'
	run_cmk run -dt --name tty --network none --cap-drop ALL alpine sleep 1000
	run_cmk top tty tty,capeff,capbnd,nice
	assert_match "${lines[1]}" '^pts/0 +none +none +0$'
}

@test "top with options runs the container's own ps" {
	run_cmk top up -o pid,args
	assert_match "${lines[0]}" '^ *PID +COMMAND'
	assert_match "$output" '1 sleep 1000'
	run_cmk top -l -- -o pid,args
	assert_match "$output" '1 sleep 1000'
	# Not the ps that we have started ourselves.
	refute_match "$output" 'ps -o'
	run_cmk top up 'ax -o args'
	assert_equal "$output" $'COMMAND\nsleep 1000'
	run_cmk top up '-o pid,args'
	assert_match "$output" '1 sleep 1000'
	run_cmk top up "-o 'pid comm'"
	assert_match "${lines[0]}" '^ *PID +COMMAND'
	run_cmk top up -o 'pid comm'
	assert_match "${lines[0]}" '^ *PID +COMMAND'
	assert_match "${lines[1]}" '^ *1 +sleep$'
	run_cmk 125 top up "-o 'pid"
	assert_match "$stderr" "parsing ps args '-o 'pid': a quote is not closed"
	run_cmk 125 top up -o nonsense
	assert_match "$stderr" 'Error: executing ps\(1\) in the container: exit code 1'
}

@test "top with docker's options where the image has no ps, or busybox's" {
	local option
	run_cmk run -d --name bare --network none alpine sh -c 'rm /bin/ps; exec sleep 1000'
	wait_for 20 no_ps bare
	for option in -ef -e -A; do
		run_cmk top bare "$option"
		assert_match "${lines[0]}" 'PID .*TIME +COMMAND$'
		assert_match "${lines[1]}" "^(root +)?1 .* sleep"
		assert_equal "${#lines[@]}" 2
		assert_equal "$stderr" ''
	done
	run_cmk top bare aux
	assert_match "${lines[0]}" '^USER +PID +%CPU +VSZ +RSS +TTY +STATE +STIME +TIME +COMMAND$'
	for option in bare up; do
		run_cmk top $option -o pid,user,cmd
		assert_match "${lines[0]}" '^PID +USER +COMMAND$'
		assert_match "${lines[1]}" '^1 +root +sleep 1000$'
		run_cmk top $option -eo 'pid comm'
		assert_match "${lines[1]}" '^ *1 +sleep$'
	done
	run_cmk 127 top bare -p 1
	assert_error 'the image has no ps'
	run_cmk 127 top bare -o pid,nonsense
	assert_error 'the image has no ps'
}

@test "top wants a container that runs" {
	run_cmk create --name made alpine true
	run_cmk 125 top made
	assert_error 'top can only be used on running containers'
	run_cmk 125 top nobody
	assert_error 'no such container'
	run_cmk 125 top
	assert_error 'you must provide the name or id of a running container'
}

@test "a container cannot send control characters through top" {
	run_cmk exec -d up sh -c $'sleep 77; : \033[31m'
	run_cmk top up
	assert_match "$output" 'sleep 77; : +\[31m'
	refute_match "$output" $'\033'
}

@test "stats: one reading, as a table" {
	run_cmk run -d --name busy alpine sh -c 'while :; do :; done'
	run_cmk stats --no-stream
	assert_match "${lines[0]}" '^ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET IO +BLOCK IO +PIDS +CPU TIME +AVG CPU %$'
	assert_match "${lines[1]}" "^${up:0:12}  up +[0-9.]+% .* 1 +[0-9.µm]+s +[0-9.]+%$"
	assert_match "${lines[2]}" '  busy +[0-9]+\.[0-9]{2}% '
	assert_equal "${#lines[@]}" 3
	run_cmk stats --no-stream --format '{{.Name}} {{.PIDs}} {{.NetIO}}' up
	assert_equal "$output" 'up 1 0B / 0B'
	run_cmk stats --no-stream -l --format '{{.Name}} {{.NetInput}} {{.CPUNano}}'
	assert_match "$output" '^busy [0-9]+ [1-9][0-9]+$'
}

@test "stats: all, json, and what does not run" {
	run_cmk create --name made alpine true
	run_cmk stats --no-stream --no-trunc -a --format json
	jq -e --arg id "$up" 'length == 2 and .[0].id == $id and .[0].name == "up" and .[0].pids == "1" and
		.[1] == {"id": .[1].id, "name": "made", "cpu_time": "0s", "cpu_percent": "0.00%", "avg_cpu": "0.00%",
		"mem_usage": "0B / 0B", "mem_percent": "0.00%", "net_io": "0B / 0B", "block_io": "0B / 0B", "pids": "0",
		"pressure": {"cpu": null, "memory": null, "io": null}}' <<<"$output"
	run_cmk stats --no-stream made --format '{{.CPUPressure}} {{.MemPressure}} {{.IOPressure}}'
	assert_equal "$output" "0.00% / 0.00% 0.00% / 0.00% 0.00% / 0.00%"
	run_cmk stats --no-stream made --format '{{json .}}'
	assert_equal "$(jq -r '.Name + .CPUPerc' <<<"$output")" 'made0.00%'
	run_cmk 125 stats --no-stream nobody
	assert_error 'no such container'
	run_cmk 125 stats -a up
	assert_error '--all, --latest and containers cannot be used together'
	run_cmk 125 stats -i 0
	run_cmk 125 stats --no-stream --format '{{.Colour}}'
	assert_error 'Colour'
}

@test "stats go on until their containers are gone" {
	cmk_background stats stats -i 1 --format '{{.Name}} {{.CPUPerc}}' up
	local pid=$!
	wait_for 10 has_line stats.out '^up '
	run_cmk rm -f -t 0 up
	wait_for 10 gone $pid
	timeout 10 bash -c 'cmk stats -a -i 1 | head -1' >/dev/null
}
gone() { ! kill -0 "$1" 2>/dev/null; }

@test "stats: how much of the time a container waits" {
	local group
	group=/sys/fs/cgroup$(cmk inspect --format '{{.State.CgroupPath}}' up)
	[ -n "$TEST_CG" ] && [ -r "$group/cpu.pressure" ] || skip "the kernel tells no pressure of groups here"
	run_cmk exec -d up sh -c 'for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait'
	has_waited() { [ "$(cmk stats --no-stream up --format '{{.Pressure.CPU.Some.Total}}')" -gt 0 ]; }
	wait_for 30 has_waited
	run_cmk stats --no-stream up --format json
	jq -e '.[0].pressure | .cpu.some.total_usec > 0 and (.cpu.some.avg10 | test("^[0-9]+[.][0-9]{2}%$")) and
		(.memory.full | keys == ["avg10", "avg300", "avg60", "total_usec"]) and (.io.some.avg300 | type == "string")' <<<"$output"
	run_cmk stats --no-stream up --format 'table {{.Name}} {{.CPUPressure}}'
	assert_match "${lines[0]}" '^NAME +CPU PRESSURE$'
	assert_match "${lines[1]}" '^up +[0-9]+[.][0-9]{2}% / [0-9]+[.][0-9]{2}%$'
	run_cmk stats --no-stream up --format '{{.Pressure.Memory.Full.Avg60}} {{.Pressure.IO.Some.Avg300}}'
	assert_match "$output" '^[0-9.]+% [0-9.]+%$'
}
