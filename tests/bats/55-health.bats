#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Health checks.
load helpers

setup() {
	common_setup
	ROOTFS=$(rootfs)
	RUN=(--net=none --rootfs "$ROOTFS")
}

teardown() {
	timeout 20 cmk rm -f -t 0 -a >/dev/null 2>&1 || true
	common_teardown
}

health() { cmk inspect -f '{{json .State.Health}}' "$1"; }
status_is() { [ "$(cmk inspect -f '{{.State.Health.Status}}' "$1")" = "$2" ]; }
streak_is() { [ "$(cmk inspect -f '{{.State.Health.FailingStreak}}' "$1")" -ge "$2" ]; }

@test "the monitor checks by itself: at once, then at the interval" {
	run_cmk run -d --name c1 --health-cmd 'echo out; echo err >&2; test ! -e /tmp/bad' \
		--health-interval 1s --health-retries 2 "${RUN[@]}" sleep 1000
	assert wait_for 20 status_is c1 healthy
	run_cmk ps --format '{{.Names}} {{.Status}}' --filter health=healthy
	assert_match "$output" '^c1 Up .* \(healthy\)$'
	run_cmk ps -q --filter health=unhealthy
	assert_equal "$output" ''
	assert_equal "$(cmk inspect -f '{{.State.Healthcheck.Status}}' c1)" healthy
	# What has no check has no health, which scripts ask for.
	run_cmk create --name plain "${RUN[@]}" true
	run_cmk inspect -f '{{if .State.Health}}{{.State.Health.Status}}{{else}}none{{end}} {{json .State.Health}}' c1 plain
	assert_equal "${lines[0]%%" "*} ${lines[1]}" "healthy none null"
	run_cmk rm plain
	run health c1
	assert_equal "$(jq -r '.Log[0].Output' <<<"$output")" $'out\nerr'
	assert_equal "$(jq '.Log[0].ExitCode' <<<"$output")" 0
	touch "$ROOTFS/tmp/bad"
	assert wait_for 20 streak_is c1 1
	assert wait_for 20 status_is c1 unhealthy
	assert streak_is c1 2
	rm "$ROOTFS/tmp/bad"
	assert wait_for 20 status_is c1 healthy
	assert_equal "$(health c1 | jq '.FailingStreak')" 0
	run_cmk inspect -f '{{json .Config.Healthcheck}}' c1
	assert_equal "$(jq -c . <<<"$output")" \
		'{"Test":["CMD-SHELL","echo out; echo err >&2; test ! -e /tmp/bad"],"Interval":1000000000,"Timeout":30000000000,"Retries":2}'
}

@test "healthcheck run counts, prints, and exits with 0, 1 or 125" {
	run_cmk run -d --name c1 --health-cmd 'test ! -e /tmp/bad' --health-interval disable \
		--health-retries 2 "${RUN[@]}" sleep 1000
	assert status_is c1 starting
	run_cmk healthcheck run c1
	assert_equal "$output" ''
	assert status_is c1 healthy
	touch "$ROOTFS/tmp/bad"
	run_cmk 1 healthcheck run c1
	assert_equal "$output" unhealthy
	assert status_is c1 healthy
	run_cmk healthcheck run --ignore-result c1
	assert status_is c1 unhealthy
	run_cmk stop -t 0 c1
	run_cmk 125 healthcheck run c1
	assert_error 'is not running'
	# What was found out about it is still there.
	assert status_is c1 unhealthy
	run_cmk run -d --name c2 "${RUN[@]}" sleep 1000
	run_cmk 125 healthcheck run c2
	assert_error 'has no defined healthcheck'
	run_cmk 125 healthcheck run nobody
	# A new start begins anew.
	run_cmk start c1
	assert status_is c1 starting
	assert_equal "$(health c1 | jq -c .Log)" null
}

@test "a check is a program with arguments, runs as the container's user, in its directory" {
	run_cmk run -d --name c1 --health-cmd '["sh", "-c", "echo \"$0 $1 $V $(id -u) $(pwd)\"", "a b", "c"]' \
		--health-interval disable -u 1234 -w /tmp -e V=1 "${RUN[@]}" sleep 1000
	run_cmk healthcheck run c1
	assert_equal "$(health c1 | jq -r '.Log[0].Output')" 'a b c 1 1234 /tmp'
	run_cmk run -d --name c2 --health-cmd '["/no/such", "x"]' --health-interval disable "${RUN[@]}" sleep 1000
	run_cmk 1 healthcheck run c2
	assert_match "$(health c2 | jq -r '.Log[0].Output')" '/no/such'
}

@test "a check beyond its timeout is killed with all that it has started" {
	run_cmk run -d --name c1 --health-cmd 'echo begun; (setsid sleep 4321 &) ; sleep 1234' --health-timeout 1s \
		--health-interval disable "${RUN[@]}" sleep 1000
	run_cmk 1 healthcheck run c1
	run health c1
	assert_equal "$(jq '.Log[0].ExitCode' <<<"$output")" -1
	assert_match "$(jq -r '.Log[0].Output' <<<"$output")" 'begun.*timeout of 1 s'
	run_cmk exec c1 ps
	refute_match "$output" 'sleep 1234'
	[ -z "$TEST_CG" ] || refute_match "$output" 'sleep 4321'
}

@test "output is bounded, so are the results that are kept" {
	run_cmk run -d --name c1 --health-cmd 'yes | head -c 1000000' --health-interval disable \
		--health-max-log-size 10 --health-max-log-count 2 "${RUN[@]}" sleep 1000
	for _ in 1 2 3; do
		run_cmk healthcheck run c1
	done
	assert_equal "$(health c1 | jq -c '[.Log[].Output | length]')" '[10,10]'
	run_cmk inspect -f '{{.Config.HealthcheckMaxLogCount}} {{.Config.HealthcheckMaxLogSize}}' c1
	assert_equal "$output" '2 10'
}

@test "--health-on-failure kill and stop" {
	for action in none kill stop restart; do
		run_cmk run -d --name c1 --health-cmd false --health-interval disable --health-retries 1 \
			--health-on-failure $action --stop-timeout 1 "${RUN[@]}" sleep 1000
		run_cmk 1 healthcheck run c1
		assert_equal "$output" unhealthy
		run_cmk inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.Config.HealthcheckOnFailureAction}}' c1
		case $action in
		none | restart) assert_equal "$output" "running 0 $action" ;;
		*) assert_equal "$output" "exited 137 $action" ;;
		esac
		[ $action != restart ] || assert_equal "$(health c1 | jq -c '[.Status, .FailingStreak]')" '["starting",0]'
		run_cmk rm -f -t 0 c1
	done
	# The program was killed: its policy applies.
	run_cmk run -d --name c1 --restart always --health-cmd 'test ! -e /tmp/bad' --health-interval disable \
		--health-retries 1 --health-on-failure kill "${RUN[@]}" sleep 1000
	touch "$ROOTFS/tmp/bad"
	run_cmk 1 healthcheck run c1
	assert wait_for 20 status_is c1 starting
	run_cmk 125 create --health-on-failure=kill "${RUN[@]}" true
	assert_error 'cannot set on-failure action to kill without a health check'
}

@test "the start period forgives, a start-up check comes first" {
	run_cmk run -d --name c1 --health-cmd 'test -e /tmp/up' --health-interval disable --health-retries 1 \
		--health-start-period 10m "${RUN[@]}" sleep 1000
	run_cmk 1 healthcheck run c1
	run_cmk 1 healthcheck run c1
	assert status_is c1 starting
	run_cmk run -d --name c2 --health-cmd 'echo regular' --health-startup-cmd 'echo startup; test -e /tmp/up' \
		--health-interval disable --health-startup-interval disable "${RUN[@]}" sleep 1000
	run_cmk 1 healthcheck run c2
	assert_equal "$output" starting
	touch "$ROOTFS/tmp/up"
	run_cmk healthcheck run c2
	run_cmk healthcheck run c2
	assert status_is c2 healthy
	assert_equal "$(health c2 | jq -r '[.Log[].Output] | join("")')" $'startup\nstartup\nregular'
	run_cmk healthcheck run c1
	assert status_is c1 healthy
	run_cmk 125 create --health-startup-cmd true "${RUN[@]}" true
	assert_error 'regular health check'
}

@test "events and the destination of the log" {
	# No name here is the beginning of an ID as well: the filter would take that for another.
	mkdir logs
	run_cmk run -d --name well --health-cmd 'echo hello' --health-interval disable \
		--health-log-destination "$PWD/logs" "${RUN[@]}" sleep 1000
	run_cmk healthcheck run well
	id=$(cmk inspect -f '{{.Id}}' well)
	assert_equal "$(jq -r '.Log[0].Output' "logs/$id-healthcheck.log")" hello
	run_cmk events --stream=false --filter event=health_status --filter container=well
	assert_match "$output" 'container health_status .*name=well.*health_status=healthy'
	run_cmk run -d --name sick --label health_failing_streak=7 --health-cmd false --health-retries 5 \
		--health-interval disable "${RUN[@]}" sleep 1000
	run_cmk 1 healthcheck run sick
	run_cmk 1 healthcheck run sick
	run_cmk events --stream=false -f event=health_status -f container=sick --format '{{.HealthStatus}} {{.HealthFailingStreak}}'
	assert_equal "$output" $'starting 1\nstarting 2'
	run_cmk events --stream=false -f event=create -f container=sick --format '<{{.HealthStatus}}> {{.HealthFailingStreak}}'
	assert_equal "$output" '<> 0'
	run_cmk 125 create --health-cmd true --health-log-destination "$PWD/none" "${RUN[@]}" true
	assert_error 'destination'
}

@test "a check is off with none, --no-healthcheck, and bad values are refused" {
	run_cmk run -d --name c1 --health-cmd none "${RUN[@]}" sleep 1000
	run_cmk 125 healthcheck run c1
	run_cmk run -d --name c2 --no-healthcheck "${RUN[@]}" sleep 1000
	run_cmk 125 healthcheck run c2
	run_cmk 125 create --no-healthcheck --health-cmd true "${RUN[@]}" true
	assert_error 'cannot specify both --no-healthcheck and --health-cmd'
	run_cmk 125 create --health-cmd true --health-retries 0 "${RUN[@]}" true
	assert_error 'healthcheck-retries must be greater than 0'
	run_cmk 125 create --health-cmd true --health-interval soon "${RUN[@]}" true
	assert_error "healthcheck-interval.*'soon'"
	run_cmk 125 create --health-cmd true --health-on-failure explode "${RUN[@]}" true
	assert_error explode
}

@test "a check under way ends with its container" {
	run_cmk run -d --name c1 --health-cmd 'sleep 1000' --health-interval 1s "${RUN[@]}" sleep 1000
	assert wait_for 20 pgrep -x cmk-health -u "$UID"
	run_cmk rm -f -t 0 c1
	# common_teardown looks for what is left.
}

@test "a start-up check that fails too often restarts the container" {
	run_cmk run -d --name c1 --health-cmd true --health-startup-cmd 'test -e /tmp/up' --health-interval disable \
		--health-startup-interval disable --health-startup-retries 2 --stop-timeout 0 "${RUN[@]}" sleep 1000
	pid=$(cmk inspect -f '{{.State.Pid}}' c1)
	run_cmk 1 healthcheck run c1
	assert_equal "$(cmk inspect -f '{{.State.Pid}}' c1)" "$pid"
	run_cmk 1 healthcheck run c1
	assert [ "$(cmk inspect -f '{{.State.Pid}}' c1)" != "$pid" ]
	assert status_is c1 starting
}

@test "a paused container is not checked" {
	[ -n "$TEST_CG" ] || skip 'no delegated control group'
	run_cmk run -d --name c1 --health-cmd 'echo x >>/tmp/log' --health-interval 1s "${RUN[@]}" sleep 1000
	assert wait_for 20 status_is c1 healthy
	run_cmk pause c1
	run_cmk 125 healthcheck run c1
	assert_error 'is not running'
	run_cmk unpause c1
	run_cmk healthcheck run c1
}

@test "update changes the check of a running container" {
	run_cmk run -d --name c1 --health-cmd false --health-interval disable --health-retries 1 "${RUN[@]}" sleep 1000
	run_cmk 1 healthcheck run c1
	run_cmk update --health-cmd 'echo new' --health-max-log-count 1 c1
	assert status_is c1 starting
	run_cmk healthcheck run c1
	assert_equal "$(health c1 | jq -r '.Log[].Output')" new
	run_cmk update --health-interval 1s --health-cmd false c1
	assert wait_for 20 status_is c1 unhealthy
	run_cmk update --health-on-failure kill --health-start-period 90s c1
	run_cmk inspect --format '{{with .Config.Healthcheck}}{{.Interval}} {{.StartPeriod}} {{.Timeout}} {{.StartInterval}} {{json .Interval}}{{end}}' c1
	assert_equal "$output" '1s 1m30s 30s 0s 1000000000'
	run_cmk update --no-healthcheck c1
	run_cmk inspect --format '{{.Config.Healthcheck.Test}} {{.Config.StartupHealthCheck}} {{.Config.HealthcheckOnFailureAction}}' c1
	assert_equal "$output" '[NONE] <nil> none'
	run_cmk 125 healthcheck run c1
	run_cmk run -d --name c2 "${RUN[@]}" sleep 1000
	run_cmk 125 update --health-interval 1s c2
	assert_error 'healthcheck command is not set'
	run_cmk update --health-cmd true --health-interval 1s c2
	assert wait_for 20 status_is c2 healthy
	run_cmk restart -t 0 c2
	assert wait_for 20 status_is c2 healthy
}
