#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root
# The end of login sessions. "cmk" lingers, "guest" does not.
load sessions

# started USER: a container "c" of his in the background; prints its process.
started() {
	as "$1" 'set -e; mkdir -p fs; tar -xf /srv/cache/busybox.tar --no-same-owner -C fs
		cmk run -d --name c --net=none --rootfs fs sleep 1000 >id; cmk inspect --format "{{.State.Pid}}" c; loginctl list-sessions --no-legend >&2'
}
# What is left in a session after its end keeps it "closing".
no_session() {
	local id
	for id in $(loginctl list-sessions --no-legend | awk '{print $1}'); do
		[ "$(loginctl show-session -p State --value "$id")" = closing ] || return
	done
}
no_manager() { [ ! -e /run/user/1001 ]; }

@test "with linger a container lives on after the session, and the next session finds it" {
	local pid
	pid=$(started cmk)
	wait_for 30 no_session
	sleep 1
	assert [ -d "/proc/$pid" ]
	assert_equal "$(as cmk 'cmk ps --format "{{.Names}} {{.State}}"; cmk exec c echo in')" $'c running\nin'
	as cmk 'cmk rm -f -t 0 c'
	assert [ ! -d "/proc/$pid" ]
}

@test "without linger the next session is told the truth about what became of a container" {
	local pid state
	pid=$(started guest)
	wait_for 30 no_session
	# Where the container was no part of it the manager ends, too, a second later.
	wait_for 8 no_manager || echo "the session is not over: the container is in it"
	state=$(as guest 'cmk ps -a --format "{{.Names}} {{.State}}"')
	echo "after the session: $state; process $pid: $(ls -d "/proc/$pid" 2>&1)"
	if [ -d "/proc/$pid" ]; then
		assert_equal "$state" "c running"
	else
		assert_equal "$state" "c exited"
		as guest 'cmk start c && cmk exec c echo in'
	fi
	as guest 'cmk rm -f -t 0 c'
	assert_equal "$(as guest 'cmk ps -aq')" ""
	assert [ ! -d "/proc/$pid" ]
}
