#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A day with cmk and nothing else: no systemd, no D-Bus, no XDG_RUNTIME_DIR, from a shell and from cron,
# and after a reboot, with no repair command in between.
load helpers

# As cron starts a job: hardly any environment, no terminal, no standard input.
from_cron() {
	(cd / && exec env -i HOME="$HOME" LOGNAME="$(id -un)" SHELL=/bin/sh PATH=/usr/local/bin:/usr/bin:/bin ${CMK_TEST_BOOT_ID:+CMK_TEST_BOOT_ID=$CMK_TEST_BOOT_ID} \
		sh -c "$1" </dev/null)
}

setup() {
	common_setup
	# The defaults of a user whom nothing has set up: ~/.local/share/cmk, and a run directory of cmk's choice.
	unset XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS NOTIFY_SOCKET
	CMK_ROOT=$HOME/.local/share/cmk
	printf '#!/bin/sh\nexec %s "$@"\n' "$CMK_BIN" >"$T/bin/cmk"
	cmk info >/dev/null
	CMK_RUNROOT=$(cmk info --format '{{.Store.RunRoot}}')
	export XDG_RUNTIME_DIR_FOR_TEARDOWN=$CMK_RUNROOT
}

teardown() {
	export XDG_RUNTIME_DIR=${CMK_RUNROOT:-$T/none}
	common_teardown
}

answers() { [ "$(curl -s --max-time 2 "http://$1/")" = "$2" ]; }
state() { cmk inspect --format '{{.State.Status}}' "$1"; }
is_state() { [ "$(state "$1")" = "$2" ]; }
health() { [ "$(cmk inspect --format '{{.State.Health.Status}}' "$1")" = "$2" ]; }

@test "a morning: a service with a volume, a secret and a health check, looked at from all sides" {
	load_images alpine
	run_cmk volume create --label part=day site
	printf 'token-1' >token
	run_cmk secret create key token
	assert_match "$output" '^[0-9a-f]{25}$'

	run_cmk run -d --name web -p 127.0.0.1:18081:80 -v site:/www --secret key --label tier=front \
		--health-cmd 'test -f /www/index.html' --health-interval 200ms --restart on-failure:3 -e MODE=day alpine \
		sh -c 'echo started; exec httpd -f -p 80 -h /www'
	local id=$output
	assert wait_for 10 health web starting || assert health web unhealthy
	echo page >index.html
	run_cmk cp index.html web:/www/index.html
	assert wait_for 10 answers 127.0.0.1:18081 page
	assert wait_for 10 health web healthy

	run_cmk ps --filter label=tier=front --format '{{.Names}} {{.Status}}'
	assert_match "$output" '^web Up .*\(healthy\)$'
	run_cmk port web
	assert_equal "$output" "80/tcp -> 127.0.0.1:18081"
	run_cmk exec web cat /run/secrets/key
	assert_equal "$output" token-1
	run_cmk top web pid comm
	assert_match "$output" 'httpd'
	run_cmk stats --no-stream --format '{{.Name}} {{.CPUPerc}}' web
	assert_match "$output" '^web [0-9.]+%|^web --'
	run_cmk exec web sh -c 'echo made >/root/new; rm /etc/motd 2>/dev/null; true'
	run_cmk diff web
	assert_match "$output" 'A /root/new'
	run_cmk logs --tail 1 web
	assert_match "$output" started

	run_cmk pause web
	assert_equal "$(state web)" paused
	run_cmk 255 exec web true
	run_cmk unpause web
	run_cmk rename web front
	run_cmk inspect --format '{{.Name}} {{.Id}}' front
	assert_equal "$output" "front $id"

	run_cmk commit -q --change 'CMD ["cat", "/root/new"]' front localhost/front:1
	run_cmk run --rm --net=none localhost/front:1
	assert_equal "$output" made
	run_cmk restart -t 1 front
	assert wait_for 10 answers 127.0.0.1:18081 page
	run_cmk stop -t 1 front
	run_cmk cp front:/www/index.html back
	assert_equal "$(cat back)" page
	run_cmk export -o front.tar front
	assert tar -tf front.tar root/new

	run_cmk events --stream=false --filter "container=${id:0:12}" --format '{{.Status}}'
	local seen=$output status
	for status in create start health_status exec pause unpause rename commit restart stop died export; do
		grep -qx "$status" <<<"$seen" || {
			echo "no event '$status' in:"
			echo "$seen"
			return 1
		}
	done

	run_cmk 2 volume rm site
	run_cmk rm -v front
	run_cmk volume inspect --format '{{.Labels.part}}' site
	assert_equal "$output" day
	run_cmk run --rm --net=none -v site:/w alpine cat /w/index.html
	assert_equal "$output" page
	run_cmk volume rm site
	run_cmk secret rm key
	run_cmk rmi localhost/front:1
}

@test "from cron: no terminal, no environment, the same containers" {
	load_images alpine
	run_cmk run -d --name night --restart always alpine sh -c 'while :; do sleep 1000; done'
	from_cron 'cmk ps -q' >out
	assert_equal "$(cat out)" "${output:0:12}"
	from_cron 'cmk exec night sh -c "echo from cron"' >out
	assert_equal "$(cat out)" "from cron"
	from_cron 'cmk run --rm --net=none alpine sh -c "cat; echo done"' >out
	assert_equal "$(cat out)" "done"
	from_cron 'cmk run -d --name second alpine sleep 1000' >out
	run_cmk inspect --format '{{.Id}}' second
	assert_equal "$output" "$(cat out)"
	run_cmk rm -f -t 0 second night
}

@test "a reboot: the records tell what was, restart policies bring it back, nothing else is asked for" {
	load_images alpine
	run_cmk volume create keep
	run_cmk run -d --name always --restart always -v keep:/k alpine sh -c 'date >>/k/starts; sleep 1000'
	run_cmk run -d --name unless --restart unless-stopped alpine sleep 1000
	run_cmk run -d --name plain alpine sleep 1000
	run_cmk run -d --rm --name gone alpine sleep 1000
	run_cmk create --name made alpine true
	run_cmk run -d --name stopped --restart unless-stopped alpine sleep 1000
	run_cmk stop -t 0 stopped
	assert wait_for 10 cmk exec always test -s /k/starts

	# The power goes: no process is left, and nothing of the run directory.
	local pid
	for pid in $(left_processes | awk '{print $1}'); do kill -9 "$pid" 2>/dev/null || true; done
	find "$CMK_RUNROOT" -mindepth 1 -delete
	rmdir "$TEST_CG"/cmk-*.scope 2>/dev/null || true
	export CMK_TEST_BOOT_ID=22222222-3333-4444-5555-666666666666

	run_cmk ps -a --format '{{.Names}} {{.State}}' --sort names
	assert_match "$output" $'always exited\n'
	assert_match "$output" $'made created\n'
	assert_match "$output" $'plain exited\n'
	run_cmk start --all --filter restart-policy=always
	assert wait_for 10 is_state always running
	assert_equal "$(state plain)" exited
	run_cmk exec always sh -c 'wc -l </k/starts'
	run_cmk start --all --filter restart-policy=unless-stopped --filter should-start-on-boot=true
	assert wait_for 10 is_state unless running
	assert_equal "$(state stopped)" exited
	run_cmk start made
	run_cmk wait made
	run_cmk run --rm --name gone --net=none alpine echo again
	assert_equal "$output" again
	run_cmk rm -f -t 0 -a
	run_cmk volume rm keep
}
