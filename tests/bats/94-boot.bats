#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers started at boot; by a user manager of systemd: tests/bats-root/25-units.bats.
load helpers

setup() {
	common_setup
	G="--root=$CMK_ROOT --runroot=$CMK_RUNROOT"
	COMMAND="$CMK_BIN $G start --all --filter=should-start-on-boot=true"
}

teardown() {
	cmk rm -f -t 0 -a >/dev/null
	common_teardown
}

# A program crontab with the interface of the real one, over the file $T/tab.
have_crontab() {
	cat >"$T/bin/crontab" <<-'END'
		#!/bin/sh
		[ ! -e "$T/denied" ] || { echo "You ($(id -un)) are not allowed to use this program (crontab)" >&2; exit 1; }
		case $1 in
		-l) [ -e "$T/tab" ] && exec cat "$T/tab"; echo "no crontab for $(id -un)" >&2; exit 1 ;;
		-) cat >"$T/tab.new" && mv "$T/tab.new" "$T/tab"; echo written >>"$T/writes" ;;
		*) exit 2 ;;
		esac
	END
	chmod 755 "$T/bin/crontab"
}

BEGIN='# cmk system boot: begin' END='# cmk system boot: end'

@test "without systemd: a line @reboot in the crontab, whose other lines stay" {
	have_crontab
	run_cmk 1 system boot status
	assert_equal "$output" disabled
	run_cmk system boot enable
	assert_match "$output" "^cron: "
	assert_equal "$(cat tab)" "$BEGIN
@reboot $COMMAND
$END"
	run_cmk system boot status
	assert_match "$output" "^enabled: cron \(@reboot in this user's crontab\)$"
	run_cmk system boot enable
	assert_equal "$(wc -l <writes)" 1
	printf '# mine\nMAILTO=me\n%s\n5 4 * * * other 100%%' "$(cat tab)" >tab.new && mv tab.new tab
	sed -i 's/@reboot/@reboot old/' tab
	run_cmk system boot enable
	assert_equal "$(cat tab)" "# mine
MAILTO=me
5 4 * * * other 100%
$BEGIN
@reboot $COMMAND
$END"
	run_cmk system boot disable
	assert_match "$output" "^cron: removed"
	assert_equal "$(cat tab)" "# mine
MAILTO=me
5 4 * * * other 100%"
	run_cmk system boot disable
	assert_equal "$output" "disabled already"
	assert_equal "$(wc -l <writes)" 3
	run_cmk 1 system boot status
}

@test "what the line does: by policy and by --requires" {
	have_crontab
	local fs
	fs=$(rootfs)
	run_cmk create --name base --net=none --rootfs "$fs" sleep 100
	run_cmk create --name a --net=none --restart=always --requires base --rootfs "$fs" sleep 100
	run_cmk create --name u --net=none --restart=unless-stopped --rootfs "$fs" sleep 100
	run_cmk create --name f --net=none --restart=on-failure --rootfs "$fs" sleep 100
	run_cmk run -d --name s --net=none --restart=unless-stopped --rootfs "$fs" sleep 100
	run_cmk stop -t 0 s
	run_cmk system boot enable
	# As cron: no environment but this.
	env -i HOME="$HOME" PATH=/usr/bin:/bin SHELL=/bin/sh /bin/sh -c "$(sed -n 's/^@reboot //p' tab)" 3>&-
	run_cmk ps --format '{{.Names}}' --sort names
	assert_equal "$output" "a
base
u"
}

# db OPTION... -- COMMAND...: a container whose health check looks for the file /ok, which is not there.
db() {
	local options=()
	while [ "$1" != -- ]; do options+=("$1") && shift; done
	rm -rf "$T/db" && cp -a "$fs" "$T/db"
	run_cmk create --name db --net=none --health-cmd 'test -e /ok' --health-interval 100ms --health-retries 2 "${options[@]}" --rootfs "$T/db" "${@:2}"
}
# on_boot NAME [OPTION...]: one that starts at boot.
on_boot() { run_cmk create --name "$1" --net=none --restart=always "${@:2}" --rootfs "$fs" sleep 100; }
# What the unit, cron and the others run; in the background.
boot() {
	timeout 60 cmk start --all --filter should-start-on-boot=true >"$T/booted" 2>"$T/boot.err" 3>&- &
	booting=$!
}
states() { cmk ps -a --format '{{.Names}}={{.State}}' --sort names | tr '\n' ' '; }
states_are() { [ "$(states)" = "$1" ]; }

@test "one that requires a container with a health check waits until that is healthy; others do not" {
	fs=$(rootfs)
	db --health-retries 100 -- sleep 100
	on_boot app --requires db
	on_boot last --requires app
	on_boot other
	boot
	wait_for 10 states_are "app=created db=running last=created other=running "
	sleep 0.5
	assert_equal "$(states)" "app=created db=running last=created other=running "
	touch db/ok
	wait "$booting"
	assert_equal "$(states)" "app=running db=running last=running other=running "
	# What was asked for, in the order of the start.
	assert_equal "$(cat booted)" "$(cmk inspect --format '{{.Id}}' other app last)"
	assert_equal "$(cat boot.err)" ""
	# By names it is as with podman: started before, not waited for.
	rm db/ok
	cmk stop -t 0 last app db >/dev/null
	run_cmk start app
	assert_equal "$(states)" "app=running db=running last=exited other=running "
}

@test "one that is unhealthy, or ends: what requires it is not started, with a message and an exit code" {
	fs=$(rootfs)
	db -- sleep 100
	on_boot app --requires db
	on_boot last --requires app
	on_boot other
	run_cmk 125 start --all --filter should-start-on-boot=true
	assert_match "$stderr" "start container 'app': it requires another one: container 'db' is unhealthy"
	assert_match "$stderr" "what its checks said: cmk inspect .* db"
	assert_match "$stderr" "start container 'last': it requires another one: container 'app' was not started"
	assert_equal "$(states)" "app=created db=running last=created other=running "
	cmk rm -f -t 0 --depend db >/dev/null
	db --health-retries 100 -- sh -c 'sleep 0.3; exit 3'
	on_boot app --requires db
	run_cmk 125 start --all --filter should-start-on-boot=true
	assert_match "$stderr" "'app': it requires another one: container 'db' has ended, with exit code 3"
	cmk rm -f -t 0 --depend db >/dev/null
	db -- no-such-program
	on_boot app --requires db
	run_cmk 125 start --all --filter should-start-on-boot=true
	assert_match "$stderr" "'app': it requires another one: .*no-such-program"
	assert_equal "$(states)" "app=created db=created other=running "
}

@test "one that its policy starts again is waited for; without checks of its own accord nobody waits" {
	fs=$(rootfs)
	db --health-retries 100 --restart=always -- sh -c 'if [ -e /second ]; then touch /ok; exec sleep 100; fi; touch /second; sleep 0.2; exit 1'
	on_boot app --requires db
	run_cmk start --all --filter should-start-on-boot=true
	assert_equal "$(states)" "app=running db=running "
	cmk rm -f -t 0 --depend db >/dev/null
	db --health-interval disable -- sleep 100
	on_boot app --requires db
	run_cmk start --all --filter should-start-on-boot=true
	assert_equal "$(states)" "app=running db=running "
}

# bats test_tags=long
@test "a health check that never decides is waited for as long as its numbers say, and half a minute" {
	fs=$(rootfs)
	db --health-timeout 1s --health-start-period 5s -- sleep 100
	on_boot app --requires db
	boot
	wait_for 10 states_are "app=created db=running "
	run_cmk pause db
	status=0
	wait "$booting" || status=$?
	assert_equal "$status" 125
	assert_match "$(cat boot.err)" "container 'db' has not become healthy within 38 s"
	assert_equal "$(states)" "app=created db=paused "
}

@test "a directory with all that a shell and cron take for something" {
	have_crontab
	CMK_ROOT="$T/it's 5% \$x"
	"$CMK_BIN" --root "$CMK_ROOT" --runroot "$CMK_RUNROOT" system boot enable
	local line
	line=$(sed -n 's/^@reboot //p' tab)
	assert_match "$line" '5\\%'
	run sh -c "printf '%s\n' ${line//\\%/%}"
	assert_equal "${lines[1]}" "--root=$CMK_ROOT"
	rm -rf "$CMK_ROOT"
}

@test "systemd, where no manager runs" {
	run_cmk system boot enable --with systemd
	local unit=$HOME/.config/systemd/user/cmk-boot.service
	assert_match "$output" "^systemd: $unit$"
	assert_match "$(cat "$unit")" "
Type=oneshot
RemainAfterExit=yes
ExecStart=$COMMAND
"
	assert_equal "$(readlink "$HOME/.config/systemd/user/default.target.wants/cmk-boot.service")" ../cmk-boot.service
	[ ! -x /usr/bin/systemd-analyze ] || { run systemd-analyze --user verify "$unit" && [[ $output != *cmk-boot* ]]; }
	run_cmk system boot enable --with systemd
	run_cmk system boot status
	assert_match "$output" "^enabled: systemd \($unit\)"
	run_cmk system boot disable
	assert_equal "$(find "$HOME/.config/systemd" -name 'cmk-boot*')" ""
	XDG_CONFIG_HOME=$T/conf run_cmk system boot enable --with systemd
	assert [ -e "$T/conf/systemd/user/cmk-boot.service" ]
	XDG_CONFIG_HOME=$T/conf run_cmk system boot disable
	run_cmk 1 system boot status
}

@test "OpenRC and runit: a script for root" {
	local user
	user=$(id -un)
	run_cmk system boot enable --with openrc
	assert_match "$output" "/etc/init.d/cmk-$user"
	assert_match "$output" "rc-update add cmk-$user default"
	sh -n <<<"$output"
	assert_match "$output" "su - $user -s /bin/sh -c '$COMMAND'"
	run_cmk system boot enable --with runit
	assert_match "$output" "/etc/sv/cmk-$user/run"
	sh -n <<<"$output"
	run_cmk 1 system boot status
}

@test "what is wrong is said" {
	# Nothing at all: neither is there a manager of systemd.
	PATH=$T/bin run_plain system boot enable
	assert_error "no systemd that this user can reach, no program 'crontab'"
	assert_match "$stderr" "--with systemd\|cron\|openrc\|runit"
	PATH=$T/bin run_plain system boot enable --with cron
	assert_error "'crontab' is not installed"
	have_crontab
	touch denied
	for verb in enable disable status; do
		run_cmk 125 system boot $verb
		assert_error "crontab -l: You .* are not allowed to use this program"
	done
	rm denied
	HOME='' XDG_DATA_HOME=$T/x run_cmk 125 system boot enable --with systemd
	assert_error "neither HOME nor XDG_CONFIG_HOME"
	mkdir ro && chmod 555 ro
	XDG_CONFIG_HOME=$T/ro run_cmk 125 system boot enable --with systemd
	assert_error "ro/systemd.*: permission denied"
	run_cmk 125 system boot enable --with upstart
	assert_error "'upstart'.*systemd\|cron\|openrc\|runit"
	run_cmk 125 system boot
	run_cmk 125 system boot enable now
}

# With the PATH of the moment, in which there may be no timeout(1).
run_plain() {
	status=0
	/bin/sh "$T/bin/cmk" "$@" >"$T/.stdout" 2>"$T/.stderr" || status=$?
	read_all output "$T/.stdout"
	read_all stderr "$T/.stderr"
	assert_equal "$status" 125
}
