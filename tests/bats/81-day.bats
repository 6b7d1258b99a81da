#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# An ordinary day, read from top to bottom.
load helpers

answers() { [ "$(curl -s --max-time 2 "http://$1/index.html")" = "$2" ]; }

@test "a web server: pull, run -d -p, curl, logs, exec, stop, start, rm, rmi" {
	run_cmk pull alpine
	assert_match "${lines[-1]}" '^[0-9a-f]{64}$'

	run_cmk run -d --name web -p 127.0.0.1:18080:80 alpine sh -c \
		'mkdir /www; echo hello >/www/index.html; echo serving; exec httpd -f -v -p 80 -h /www'
	assert_match "$output" '^[0-9a-f]{64}$'
	local id=$output
	assert wait_for 10 answers 127.0.0.1:18080 hello

	run_cmk ps --format '{{.Names}} {{.Image}} {{.Ports}}'
	assert_match "$output" "^web $REGISTRY/library/alpine:latest 127.0.0.1:18080->80/tcp"
	run_cmk ps -q
	assert_equal "$output" "${id:0:12}"

	run_cmk logs web
	assert_match "$output$stderr" serving

	run_cmk exec web sh -c 'echo changed >/www/index.html; hostname'
	assert_equal "$output" "${id:0:12}"
	assert wait_for 10 answers 127.0.0.1:18080 changed
	run_cmk 3 exec web sh -c 'exit 3'

	run_cmk inspect --format '{{.State.Status}} {{.Name}}' web
	assert_equal "$output" "running web"

	run_cmk 2 rm web
	assert_error "running"
	run_cmk stop -t 1 web
	assert_equal "$output" web
	run_cmk 7 run --rm alpine sh -c 'exit 7'
	run curl -s --max-time 2 http://127.0.0.1:18080/
	assert [ "$status" != 0 ]
	run_cmk ps -a --format '{{.Names}} {{.Status}}'
	assert_match "$output" '^web Exited \([0-9]+\)'

	run_cmk start web
	assert wait_for 10 answers 127.0.0.1:18080 hello || assert wait_for 5 answers 127.0.0.1:18080 changed

	run_cmk 2 rmi alpine
	assert_error "in use|used by"
	run_cmk rm -f -t 0 web
	run_cmk 125 inspect web
	run_cmk rmi alpine
	assert_match "$output" 'Deleted: [0-9a-f]{64}'
	run_cmk images -q
	assert_equal "$output" ""
}

@test "a job: environment, directory, user, files in and out" {
	load_images alpine
	mkdir data
	echo 3 >data/in
	run_cmk run --rm --net=none -v "$T/data:/data" -e FACTOR=14 -w /data -u 0 alpine sh -c 'expr $(cat in) \* $FACTOR >out; pwd; env'
	assert_equal "$(cat data/out)" 42
	assert_equal "$(stat -c %u data/out)" "$UID"
	assert_equal "${lines[0]}" /data
	assert_match "$output" 'FACTOR=14'
	assert_match "$output" 'HOME=/root'
	refute_match "$output" 'TERM='
}

@test "several containers side by side, each with its own" {
	load_images alpine
	local i round pids=()
	for round in 1 2 3; do
		pids=()
		for i in 1 2 3 4 5; do
			cmk_background "job$i" run --rm --net=none alpine sh -c "echo $i >/tmp/mine; cat /tmp/mine; hostname"
			pids+=($!)
		done
		# What went wrong stands in what they print.
		for i in "${pids[@]}"; do wait "$i" || grep . job?.err; done
		for i in 1 2 3 4 5; do assert_equal "$(head -n 1 "job$i.out")" $i; done
		assert_equal "$(tail -qn 1 job?.out | sort -u | wc -l)" 5
	done
}
