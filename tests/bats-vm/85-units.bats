#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root reboot
# What `generate systemd` makes under real user managers, over crashes, logout and a reboot. "cmk" lingers, "guest" does not.
load sessions

# For `as`: what the scripts there share. New containers come from one named "c", the one that is there is "k".
here='set -eu
	prop() { systemctl --user show -P "$1" "container-$2"; }
	field() { cmk inspect --format "{{.$1}}" "$2"; }
	sleepers() { pgrep -c -u "$USER" -f "^sleep 424[0-9]" || true; }
	until_is() { # SECONDS WANTED COMMAND...: waits until it prints that
		local i wanted=$2 n=$(($1 * 5)) got
		shift 2
		for ((i = 0; i < n; i++)); do got=$("$@") && [ "$got" = "$wanted" ] && return; sleep 0.2; done
		echo "$*: \"$got\" instead of \"$wanted\""; systemctl --user status --no-pager "container-*"; return 1
	}
	is() { [ "$1" = "$2" ] || { echo "got \"$1\", wanted \"$2\""; return 1; }; }
'

# make USER: units of "c" (made anew) and "k" (as it is), enabled and started.
make() {
	as "$1" "$here"'mkdir -p fs ~/.config/systemd/user; tar -xf /srv/cache/busybox.tar --no-same-owner -C fs
		cmk create -q --name c --net=none --rootfs ~/fs sh -c "sleep 4242 & exec sleep 4243" >/dev/null
		cmk create -q --name k --net=none --rootfs ~/fs sleep 4244 >/dev/null
		cd ~/.config/systemd/user
		cmk generate systemd --new --files --name --restart-sec 0 c
		cmk generate systemd --files --name --restart-policy no k
		systemctl --user daemon-reload; systemctl --user -q enable --now container-c container-k
		is "$(prop ActiveState c) $(prop ActiveState k)" "active active"'
}

@test "before: main process, groups, a clean stop; whatever is killed leaves nobody behind" {
	as guest : # whose manager ends with the session
	make cmk
	as cmk "$here"'
		for n in c k; do
			main=$(prop MainPID $n)
			is "$main $(</proc/$main/comm)" "$(field State.ConmonPid $n) cmk-monitor"
		done
		grep -q "^0::/user.slice/user-1000.slice/user@1000.service/app.slice/container-c.service/" "/proc/$(prop MainPID c)/cgroup"
		until_is 20 3 sleepers
		systemctl --user stop container-c container-k
		is "$(prop ActiveState c) $(prop Result c) $(prop ActiveState k) $(prop Result k)" "inactive success inactive success"
		is "$(sleepers) $(cmk ps -a --format "{{.Names}} {{.State}}")" "0 k exited"
		systemctl --user start container-c container-k

		# The program: Restart=on-failure of one, no restart of the other.
		kill -9 "$(field State.Pid c)" "$(field State.Pid k)"
		until_is 30 1 prop NRestarts c
		until_is 30 active prop ActiveState c
		until_is 30 failed prop ActiveState k
		is "$(prop Result k)" exit-code
		until_is 20 2 sleepers
		# The monitor.
		systemctl --user start container-k
		kill -9 "$(prop MainPID c)" "$(prop MainPID k)"
		until_is 30 2 prop NRestarts c
		until_is 30 active prop ActiveState c
		until_is 30 failed prop ActiveState k
		is "$(prop Result k)" signal
		until_is 20 2 sleepers
		is "$(cmk ps -a --format "{{.Names}} {{.State}}" --sort names)" "c running
k exited"
		systemctl --user start container-k'
}

@test "before: a logout ends those of a user who does not linger, and no others" {
	local pids
	make guest
	wait_for 60 test ! -e /run/user/1001
	[ "$(pgrep -c -u guest -f '^sleep 424')" = 0 ]
	pids=$(as cmk "$here"'prop MainPID c; prop MainPID k')
	[ -d "/proc/${pids%%$'\n'*}" ] && [ -d "/proc/${pids##*$'\n'}" ]
	# They come with the next session.
	as guest "$here"'until_is 60 active prop ActiveState c; until_is 60 active prop ActiveState k
		until_is 20 3 sleepers; is "$(cmk exec k echo in)" in'
	assert_equal "$(as cmk "$here"'prop MainPID c; prop MainPID k; prop NRestarts c')" "$pids"$'\n2'
}

@test "after the reboot they are up with nobody logged in" {
	wait_for 100 eval '[ "$(pgrep -c -u cmk -f "^sleep 424[0-9]")" = 3 ]'
	[ "$(pgrep -c -u guest -f '^sleep 424')" = 0 ]
	as cmk "$here"'until_is 20 active prop ActiveState c; until_is 20 active prop ActiveState k
		is "$(prop MainPID c) $(prop NRestarts c)" "$(field State.ConmonPid c) 0"
		is "$(cmk exec c echo in) $(cmk exec k echo in)" "in in"
		systemctl --user -q disable --now container-c container-k
		is "$(sleepers) $(cmk ps -a --format "{{.Names}} {{.State}}")" "0 k exited"
		cmk rm k; cmk system check'
	as guest "$here"'until_is 60 active prop ActiveState c; systemctl --user stop container-c container-k; is "$(sleepers)" 0'
}
