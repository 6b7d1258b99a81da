#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `cmk generate systemd` writes, in a user manager.
load manager

# install UNIT OPTION...: makes it of the container c, and tells systemd.
install() {
	local unit=$1
	shift
	user mkdir -p "$home/.config/systemd/user"
	user sh -c 'cd "$0/.config/systemd/user" && "$@"' "$home" "$CMK_BIN" generate systemd --name --files "$@" c >/dev/null
	user systemctl --user daemon-reload
	assert [ -e "$home/.config/systemd/user/$unit" ]
}

start() { user systemctl --user start "$@"; }
stop() { user systemctl --user stop "$@"; }
state() { echo "$(property ActiveState "$1") $(property Result "$1")"; }
settled() { [ "$(property ActiveState "$1")" = "$2" ]; }
# No process of a container is left, in whatever group.
nobody() { [ -z "$(pgrep -u cmk-test -f 'sleep 4242')" ]; }
# pid UNIT OLD: it has another main process now.
renewed() {
	local now
	now=$(property MainPID "$1")
	[ "$now" != 0 ] && [ "$now" != "$2" ] && settled "$1" active
}

@test "a new container at each start: main process, groups, label, a clean stop" {
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	install container-c.service --new
	start container-c
	local group
	group=$(property ControlGroup container-c.service)
	assert_equal "$(state container-c.service)" "active success"
	assert_equal "$(field State.Status)" running
	assert_equal "$(property MainPID container-c.service)" "$(field State.ConmonPid)"
	assert_equal "$(group "$(field State.ConmonPid)")" "$group/supervisor"
	assert_equal "$(group "$(field State.Pid)")" "$group/cmk-payload-$(field Id)"
	assert_equal "$(user "$CMK_BIN" inspect --format '{{index .Config.Labels "PODMAN_SYSTEMD_UNIT"}}' c)" container-c.service
	stop container-c
	assert_equal "$(state container-c.service)" "inactive success"
	assert_equal "$(user "$CMK_BIN" ps -aq)" ""
	assert nobody
	start container-c
	user systemctl --user restart container-c
	assert_equal "$(field State.Status)" running
	# Somebody else stops it: that is no failure either.
	user "$CMK_BIN" stop c >/dev/null
	wait_for 10 settled container-c.service inactive
	assert_equal "$(state container-c.service)" "inactive success"
}

@test "the container that is there, also where it runs already" {
	user "$CMK_BIN" run -d --name c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	local id
	id=$(field Id)
	install container-c.service
	start container-c
	assert_equal "$(property MainPID container-c.service)" "$(field State.ConmonPid)"
	assert_equal "$(field Id) $(field State.Status)" "$id running"
	stop container-c
	assert_equal "$(state container-c.service)" "inactive success"
	assert_equal "$(field State.Status)" exited
	assert nobody
	# By its id as well, and what it requires is no main process.
	user "$CMK_BIN" create --name needs --requires c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	user sh -c "cd '$home/.config/systemd/user' && '$CMK_BIN' generate systemd --files needs" >/dev/null
	user systemctl --user daemon-reload
	id=$(field Id needs)
	start "container-$id"
	assert_equal "$(property MainPID "container-$id.service")" "$(field State.ConmonPid needs)"
	assert_equal "$(field State.Status c)" running
	stop "container-$id"
	assert_equal "$(field State.Status needs) $(field State.Status c)" "exited running"
}

@test "after kill -9 of the monitor, the program or the command nothing is left, and it starts again" {
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sh -c 'sleep 4242 & exec sleep 4242' >/dev/null
	local new old
	for new in --new --new=false; do
		install container-c.service $new --restart-sec 0
		start container-c
		old=$(field State.ConmonPid)
		kill -9 "$old"
		wait_for 20 renewed container-c.service "$old"
		old=$(field State.ConmonPid)
		wait_for 10 eval '[ "$(pgrep -c -u cmk-test -x sleep)" = 2 ]'
		kill -9 "$(field State.Pid)"
		wait_for 20 renewed container-c.service "$old"
		wait_for 10 eval '[ "$(pgrep -c -u cmk-test -x sleep)" = 2 ]'
		stop container-c
		assert_equal "$(state container-c.service)" "inactive success"
		assert nobody
		[ "$new" = --new ] || continue
		user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sh -c 'sleep 4242 & exec sleep 4242' >/dev/null
	done
}

@test "kill -9 of the command at any moment of a start leaves nothing" {
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	install container-c.service --new --restart-policy no
	local delay
	for delay in 0.005 0.01 0.02 0.03 0.05 0.08 0.12; do
		user systemctl --user start --no-block container-c
		sleep "$delay"
		user systemctl --user kill --kill-who=main -s KILL container-c 2>/dev/null || true
		# It may have been too early or too late.
		user systemctl --user stop container-c
		wait_for 10 nobody
		assert_equal "$(user "$CMK_BIN" ps -aq --filter status=running)" ""
		user systemctl --user reset-failed container-c 2>/dev/null || true
	done
	start container-c
	assert_equal "$(state container-c.service)" "active success"
	stop container-c
}

@test "a failure is one: exit codes, a program that does not exist, --sdnotify of the program" {
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sh -c 'exit 3' >/dev/null
	install container-c.service --new --restart-policy no
	start container-c || true
	wait_for 10 settled container-c.service failed
	assert_equal "$(property Result container-c.service) $(property ExecMainStatus container-c.service)" "exit-code 3"
	assert_equal "$(user "$CMK_BIN" ps -aq)" ""
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" no-such-program >/dev/null
	install container-c.service --new --restart-policy no
	run_user 1 systemctl --user start container-c
	assert_equal "$(property ExecMainStatus container-c.service)" 127
	# It never says that it is ready.
	user "$CMK_BIN" create --replace --name c --sdnotify=container --net=none --rootfs "$fs" sleep 4242 >/dev/null
	install container-c.service --new --restart-policy no --start-timeout 1
	run_user 1 systemctl --user start container-c
	assert_equal "$(state container-c.service)" "failed timeout"
	assert nobody
}

@test "words come to the container as they are" {
	# shellcheck disable=SC2016
	user "$CMK_BIN" create --name c --net=none -e 'A=50% $HOME' --rootfs "$fs" sh -c 'echo "$A"; for w; do echo "[$w]"; done; sleep 4242' \
		sh ';' '#' '' 'a\b"c' "it's" $'tab\tnew\nline' '%n' '${A}' >/dev/null
	install container-c.service --new
	start container-c
	wait_for 10 eval 'user "$CMK_BIN" logs c | grep -q A}'
	user "$CMK_BIN" logs c >"$T/log"
	# shellcheck disable=SC2016
	printf '%s\n' '50% $HOME' '[;]' '[#]' '[]' '[a\b"c]' "[it's]" $'[tab\tnew' 'line]' '[%n]' '[${A}]' >"$T/wanted"
	assert_equal "$(od -c "$T/log")" "$(od -c "$T/wanted")"
	stop container-c
}

@test "a template" {
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	install container-c@.service --template
	start container-c@one container-c@two
	assert_equal "$(field State.Status c-one) $(field State.Status c-two)" "running running"
	stop container-c@one
	assert_equal "$(user "$CMK_BIN" ps --format '{{.Names}}')" c-two
	stop container-c@two
	assert nobody
}

@test "enabled, it comes with the manager" {
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	install container-c.service --new
	user systemctl --user enable container-c 2>/dev/null
	assert [ -L "$home/.config/systemd/user/default.target.wants/container-c.service" ]
	user systemctl --user start default.target
	wait_for 10 settled container-c.service active
	stop container-c
}

@test "limits of the unit count for the container" {
	grep -qw pids "$TEST_CG/user/cgroup.controllers" || skip "the controller 'pids' is not delegated to the tests here"
	user "$CMK_BIN" create --name c --net=none --rootfs "$fs" sleep 4242 >/dev/null
	install container-c.service --new
	user mkdir "$home/.config/systemd/user/container-c.service.d"
	printf '[Service]\nTasksMax=33\n' | user tee "$home/.config/systemd/user/container-c.service.d/limit.conf" >/dev/null
	user systemctl --user daemon-reload
	start container-c
	assert_equal "$(cat "/sys/fs/cgroup$(property ControlGroup container-c.service)/pids.max")" 33
	stop container-c
}

@test "system boot: a unit of the manager starts what shall run, in order" {
	local unit=$home/.config/systemd/user/cmk-boot.service
	run_user 1 "$CMK_BIN" system boot status
	run_user "$CMK_BIN" system boot enable
	assert_equal "$output" "systemd: $unit"
	assert_match "$stderr" "lingering is off.*loginctl enable-linger"
	assert_equal "$(user systemctl --user is-enabled cmk-boot)" enabled
	run_user "$CMK_BIN" system boot status
	assert_equal "$output" "enabled: systemd ($unit)
lingering: off, so at the first login, not at boot (run: loginctl enable-linger)"
	user "$CMK_BIN" create --name base --net=none --rootfs "$fs" sleep 4242 >/dev/null
	user "$CMK_BIN" create --name a --net=none --restart=always --requires base --rootfs "$fs" sleep 4242 >/dev/null
	user "$CMK_BIN" create --name n --net=none --rootfs "$fs" sleep 4242 >/dev/null
	start cmk-boot
	assert_equal "$(state cmk-boot.service)" "active success"
	assert_equal "$(user "$CMK_BIN" ps --format '{{.Names}}' --sort names)" $'a\nbase'
	# They are no part of it.
	stop cmk-boot
	assert_equal "$(field State.Status a)" running
	run_user "$CMK_BIN" system boot disable
	assert [ ! -e "$unit" ]
	run_user 1 "$CMK_BIN" system boot status
	run_user 4 systemctl --user status cmk-boot
}

# image VERSION [COMMAND]: what localhost/app is from now on.
image() {
	mkdir -p "$T/tree/bin" "$T/tree/etc"
	cp /bin/busybox "$T/tree/bin/sleep" && cp /bin/busybox "$T/tree/bin/cat"
	echo "$1" >"$T/tree/etc/version"
	tar -C "$T/tree" -cf "$T/app.tar" .
	user "$CMK_BIN" import -q -c "CMD [\"${2:-sleep}\", \"4242\"]" "$T/app.tar" localhost/app >/dev/null
}

@test "auto-update: through the unit, and back" {
	local id
	image 1
	user "$CMK_BIN" create --name c --net=none -l io.containers.autoupdate=local localhost/app >/dev/null
	install container-c.service --new --restart-policy no
	start container-c
	run_user "$CMK_BIN" auto-update --format '{{.Unit}} {{.ContainerName}} {{.Updated}}'
	assert_equal "$output" "container-c.service c false"
	image 2
	run_user "$CMK_BIN" auto-update --dry-run --format '{{.Updated}}'
	assert_equal "$output" pending
	id=$(field Id)
	run_user "$CMK_BIN" auto-update --format '{{.Unit}} {{.ContainerName}} {{.Updated}}'
	assert_equal "$output" "container-c.service c true"
	assert_equal "$(user "$CMK_BIN" exec c cat /etc/version)" 2
	[ "$(field Id)" != "$id" ]
	assert_equal "$(property MainPID container-c.service)" "$(field State.ConmonPid)"
	image 3 no-such-program
	run_user "$CMK_BIN" auto-update --format '{{.Updated}}'
	assert_equal "$output" "rolled back"
	assert_match "$stderr" "container 'c' has its old image again: systemctl: .*container-c.service"
	assert_equal "$(user "$CMK_BIN" exec c cat /etc/version)" 2
	assert_equal "$(state container-c.service)" "active success"
	image 4 no-such-program
	run_user 125 "$CMK_BIN" auto-update --rollback=false --format '{{.Updated}}'
	assert_equal "$output" failed
	assert_equal "$(property ActiveState container-c.service)" failed
	user systemctl --user reset-failed container-c
}

@test "auto-update: a unit that starts the container that there is cannot be updated" {
	image 1
	user env PODMAN_SYSTEMD_UNIT=container-c.service "$CMK_BIN" create --name c --net=none -l io.containers.autoupdate=local localhost/app >/dev/null
	install container-c.service
	start container-c
	image 2
	run_user 125 "$CMK_BIN" auto-update --format '{{.Updated}}'
	assert_equal "$output" failed
	assert_match "$stderr" "container 'c': the new container is of the same image as before"
	assert_match "$stderr" "cmk generate systemd --new"
	assert_equal "$(field State.Status)" running
	stop container-c
	user "$CMK_BIN" rm c >/dev/null
	# A label that is no unit's name goes to no program.
	user env PODMAN_SYSTEMD_UNIT='--version' "$CMK_BIN" run -d --name c --net=none -l io.containers.autoupdate=local localhost/app >/dev/null
	image 3
	run_user 125 "$CMK_BIN" auto-update --rollback=false --format '{{.Updated}}'
	assert_match "$stderr" "PODMAN_SYSTEMD_UNIT='--version': not the name of a unit"
}

@test "auto-update: the timer can be enabled" {
	run_user systemctl --user enable --now --quiet cmk-auto-update.timer
	assert_equal "$output$stderr" ""
	run_user systemctl --user is-active cmk-auto-update.timer
	assert_equal "$output" active
	run_user systemctl --user disable --now --quiet cmk-auto-update.timer
	assert_equal "$output$stderr" ""
	run_user 3 systemctl --user is-active cmk-auto-update.timer
}
