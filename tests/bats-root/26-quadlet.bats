#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Quadlet with a user manager: the generator in its place, and the units that it makes.
load manager

# Reads the lines of a file NAME from stdin.
file() {
	local dir=$home/.config/containers/systemd
	mkdir -p "$dir/$(dirname "$1")"
	cat >"$dir/$1"
	chown -hR cmk-test: "$home/.config"
}

reload() { user systemctl --user daemon-reload; }

@test "a container with a volume and an image: started, stopped, and with nothing left" {
	printf '[Volume]\nLabel=made=by-quadlet\n' | file data.volume
	printf '[Image]\nImage=%s/library/alpine:latest\nTLSVerify=false\n' "$REGISTRY" | file alpine.image
	cat <<-'END' | file web.container
		[Unit]
		Description=A server
		[Container]
		Image=alpine.image
		Volume=data.volume:/data
		Network=none
		Environment="A=two words"
		Exec=sh -c 'echo "$$A" >/data/said; trap "exit 0" TERM; while :; do sleep 0.1; done'
		[Service]
		TimeoutStartSec=60
	END
	reload
	assert_equal "$(property LoadState web.service)" loaded
	assert_match "$(property FragmentPath web.service)" '/systemd/generator/web.service$'
	run_user "$CMK_BIN" quadlet ls --format '{{.Name}} {{.Status}}'
	assert_equal "$output" $'NAME STATUS\nalpine.image inactive/dead\ndata.volume inactive/dead\nweb.container inactive/dead'
	run_user systemctl --user start web.service
	assert_equal "$(property ActiveState web.service) $(property SubState web.service)" "active running"
	assert_equal "$(property ActiveState data-volume.service) $(property ActiveState alpine-image.service)" "active active"
	assert_equal "$(property MainPID web.service)" "$(field State.ConmonPid systemd-web)"
	assert_match "$(group "$(field State.Pid systemd-web)")" "/web.service/cmk-payload-$(field Id systemd-web)$"
	run_user "$CMK_BIN" volume inspect --format '{{.Labels.made}}' systemd-data
	assert_equal "$output" by-quadlet
	run_user "$CMK_BIN" run --rm --net=none -v systemd-data:/d --rootfs "$fs" cat /d/said
	assert_equal "$output" "two words"
	run_user "$CMK_BIN" quadlet ls -f name=web.container --format '{{.Status}}'
	assert_equal "$output" $'STATUS\nactive/running'
	run_user systemctl --user stop web.service
	assert_equal "$(property ActiveState web.service) $(property Result web.service)" "inactive success"
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
	# A second time, with what is there.
	run_user systemctl --user restart web.service
	assert_equal "$(property ActiveState web.service)" active
	run_user systemctl --user stop web.service
}

# It ended by itself, and systemd knows that nobody had asked for it.
has_ended() { [ "$(property ActiveState "$1")" = failed ]; }

@test "whatever is killed, the unit tells and leaves nothing" {
	printf '[Container]\nRootfs=%s\nNetwork=none\nExec=sleep 1000\n[Service]\nRestart=no\n' "$fs" | file a.container
	reload
	local pid path
	# The container.
	run_user systemctl --user start a.service
	kill -9 "$(field State.Pid systemd-a)"
	wait_for 10 has_ended a.service
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
	# The monitor.
	run_user systemctl --user start a.service
	pid=$(field State.Pid systemd-a) path=/sys/fs/cgroup$(property ControlGroup a.service)
	kill -9 "$(field State.ConmonPid systemd-a)"
	wait_for 10 has_ended a.service
	wait_for 10 test ! -e "/proc/$pid"
	wait_for 10 test ! -e "$path"
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
	# And again, over what that has left.
	run_user systemctl --user start a.service
	assert_equal "$(field State.Status systemd-a)" running
	run_user systemctl --user stop a.service
	assert_equal "$(property ActiveState a.service)" inactive
}

@test "Restart= of the unit starts a new container" {
	printf '[Container]\nRootfs=%s\nNetwork=none\nExec=sleep 1000\n[Service]\nRestart=always\nRestartSec=0\n' "$fs" | file a.container
	reload
	run_user systemctl --user start a.service
	local id
	id=$(field Id systemd-a)
	kill -9 "$(field State.Pid systemd-a)"
	wait_for 10 eval '[ "$(field Id systemd-a 2>/dev/null)" != "$id" ] && [ "$(property ActiveState a.service)" = active ]'
	run_user systemctl --user stop a.service
}

@test "a reload, a template, a oneshot and [Install]" {
	cat <<-END | file t@.container
		[Container]
		Rootfs=$fs
		Network=none
		ReloadCmd=touch /reloaded
		Exec=sh -c 'while [ ! -e /reloaded ]; do sleep 0.1; done; echo %i; sleep 1000'
		[Install]
		WantedBy=default.target
		DefaultInstance=one
	END
	printf '[Container]\nRootfs=%s\nNetwork=none\nExec=touch /once\n[Service]\nType=oneshot\n' "$fs" | file once.container
	reload
	assert_match "$(property Wants default.target)" 't@one.service'
	run_user systemctl --user start t@two.service once.service
	assert_equal "$(property Result once.service) $(property ActiveState once.service)" "success inactive"
	assert [ -e "$fs/once" ]
	run_user systemctl --user reload t@two.service
	wait_for 10 eval '[ "$(user "$CMK_BIN" logs systemd-t_two)" = two ]'
	run_user systemctl --user stop t@two.service
	run_user "$CMK_BIN" quadlet ls -f name='t@*' --format '{{.Status}}'
	assert_equal "$output" $'STATUS\nloaded template'
}

@test "a failing start is said, and a file that is refused has no unit" {
	printf '[Container]\nRootfs=%s\nNetwork=none\nExec=/there-is-none\n' "$fs" | file a.container
	printf '[Container]\nRootfs=%s\nPod=x.pod\n' "$fs" | file b.container
	reload
	run_user 1 systemctl --user start a.service
	assert_equal "$(property Result a.service)" exit-code
	assert_equal "$(property LoadState b.service)" not-found
	run_user "$CMK_BIN" quadlet ls -f name=b.container --format '{{.Status}}'
	assert_equal "$output" $'STATUS\nNot loaded'
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
}

@test "quadlet install and rm have systemd read its units again; a unit that runs is not removed" {
	printf '[Container]\nRootfs=%s\nNetwork=none\nExec=sleep 1000\n' "$fs" >"$T/a.container"
	run_user "$CMK_BIN" quadlet install "$T/a.container"
	assert_equal "$stderr" ""
	run_user systemctl --user start a.service
	run_user 125 "$CMK_BIN" quadlet rm a.container
	assert_match "$stderr" "the unit 'a.service' of 'a.container' is active/running \(stop it, or use --force\)"
	run_user "$CMK_BIN" quadlet rm -f a.container
	assert_equal "$output" a.container
	assert_equal "$(property LoadState a.service)" not-found
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
}

@test "systemd-analyze takes the units" {
	printf '[Volume]\n' | file data.volume
	printf '[Container]\nRootfs=%s\nVolume=data.volume:/data\n[Install]\nWantedBy=default.target\n' "$fs" | file a.container
	reload
	run_user systemd-analyze --user --man=no --generators=true verify a.service data-volume.service
	assert_equal "$output$stderr" ""
}

@test "where podman's own generator is installed its directory is left to it" {
	local link=/proc/$manager/root/run/systemd/user-generators/podman-user-generator
	printf '[Container]\nRootfs=%s\n' "$fs" | file a.container
	mkdir -p "$home/.config/cmk/systemd" "$(dirname "$link")"
	printf '[Container]\nRootfs=%s\n' "$fs" >"$home/.config/cmk/systemd/b.container"
	chown -R cmk-test: "$home/.config"
	reload
	assert_equal "$(property LoadState a.service) $(property LoadState b.service)" "loaded loaded"
	printf '#!/bin/sh\n' >"$link"
	chmod 755 "$link"
	reload
	assert_equal "$(property LoadState a.service) $(property LoadState b.service)" "not-found loaded"
	run_user /usr/local/libexec/cmk/cmk-quadlet --user --dry-run
	assert_match "$stderr" "podman's own generator is installed"
	printf '[Container]\nRootfs=%s\n' "$fs" >"$T/c.container"
	run_user "$CMK_BIN" quadlet install "$T/c.container"
	assert_equal "$output" "$home/.config/cmk/systemd/c.container"
	# One that is masked is none.
	chmod 644 "$link"
	reload
	assert_equal "$(property LoadState a.service)" loaded
}

@test "Notify=healthy: the start waits for the health check, and no longer than its time" {
	printf '[Container]\nRootfs=%s\nNetwork=none\nNotify=healthy\nHealthCmd=test -e /ok\nHealthInterval=1s\nExec=sleep 1000\n' "$fs" | file a.container
	file a.container.d/time.conf <<<$'[Service]\nTimeoutStartSec=60'
	reload
	run_user systemctl --user start --no-block a.service
	wait_for 20 eval '[ "$(field State.Status systemd-a 2>/dev/null)" = running ]'
	assert_equal "$(property ActiveState a.service)" activating
	touch "$fs/ok"
	wait_for 20 eval '[ "$(property ActiveState a.service)" = active ]'
	run_user systemctl --user stop a.service
	rm "$fs/ok"
	file a.container.d/time.conf <<<$'[Service]\nTimeoutStartSec=3\n[Container]\nStopTimeout=0'
	reload
	run_user 1 systemctl --user start a.service
	assert_equal "$(property ActiveState a.service) $(property Result a.service)" "failed timeout"
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
}

@test "Notify=true: the unit is ready when the program says so; Notify=healthy wants a health check" {
	printf '[Container]\nRootfs=%s\nNetwork=none\nNotify=true\nExec=%s\n[Service]\nTimeoutStartSec=60\n' "$(debian)" \
		"perl -MSocket -e 'sleep 0.1 until -e \"/ok\"; socket(S, AF_UNIX, SOCK_DGRAM, 0); send(S, \"READY=1\\nSTATUS=serving\", 0, sockaddr_un(\$\$ENV{NOTIFY_SOCKET})) or die; sleep 1000'" | file a.container
	reload
	run_user systemctl --user start --no-block a.service
	wait_for 20 eval '[ "$(field State.Status systemd-a 2>/dev/null)" = running ]'
	assert_equal "$(property ActiveState a.service)" activating
	user "$CMK_BIN" exec systemd-a touch /ok
	wait_for 20 eval '[ "$(property ActiveState a.service)" = active ]'
	assert_equal "$(property StatusText a.service) $(property MainPID a.service)" "serving $(field State.ConmonPid systemd-a)"
	run_user systemctl --user stop a.service
	printf '[Container]\nRootfs=%s\nNetwork=none\nNotify=healthy\nExec=sleep 1000\n' "$fs" | file a.container
	reload
	run_user 1 systemctl --user start a.service
	assert_equal "$(property ActiveState a.service) $(property ExecMainStatus a.service)" "failed 125"
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
}

# A root file system with perl, of the user's.
debian() {
	mkdir "$T/debian"
	tar -xf "$CMK_TEST_STAGE/cache/debian.tar" --no-same-owner -C "$T/debian" --exclude='./dev/*'
	chown -hR cmk-test: "$T/debian"
	chmod 755 "$T/debian"
	echo "$T/debian"
}

@test "an order that is a circle, and an image that is not there: one line, and the right state" {
	printf '[Unit]\nAfter=b.container\nRequires=b.container\n[Container]\nRootfs=%s\nNetwork=none\nExec=sleep 1000\n' "$fs" | file a.container
	printf '[Unit]\nAfter=a.container\nRequires=a.container\n[Container]\nRootfs=%s\nNetwork=none\nExec=sleep 1000\n' "$fs" | file b.container
	printf '[Container]\nImage=localhost/none\nPull=never\nNetwork=none\n' | file c.container
	reload
	run_user 1 systemctl --user start a.service
	assert_match "$stderr" "Transaction order is cyclic"
	assert_equal "$(property ActiveState a.service) $(property ActiveState b.service)" "inactive inactive"
	run_user 1 systemctl --user start c.service
	assert_equal "$(property ActiveState c.service) $(property Result c.service) $(property ExecMainStatus c.service)" "failed exit-code 125"
	run_user "$CMK_BIN" ps -aq
	assert_equal "$output" ""
}

@test "where a volume or an image cannot be had the container is not started" {
	printf '[Image]\nImage=127.0.0.1:1/none:1\nRetry=0\nTLSVerify=false\n' | file none.image
	printf '[Container]\nImage=none.image\nNetwork=none\n' | file a.container
	reload
	run_user 1 systemctl --user start a.service
	assert_match "$stderr" 'dependency'
	assert_equal "$(property ActiveState none-image.service) $(property ActiveState a.service)" "failed inactive"
}

# system [CODE] COMMAND...: as root, where the system seems to have been booted by systemd.
system() {
	local code=0
	[[ $1 != [0-9]* ]] || { code=$1 && shift; }
	status=0
	nsenter -t "$manager" -m env -u XDG_RUNTIME_DIR timeout 60 "$@" >"$T/out" 2>"$T/err" 3>&- || status=$?
	read_all output "$T/out"
	read_all stderr "$T/err"
	[ "$status" = "$code" ] || { echo "exit code $status: $output $stderr" && return 1; }
}

@test "root: the generator of the system, its directories, and what systemd says of its units" {
	local root=/proc/$manager/root link=/usr/local/lib/systemd/system-generators/cmk-system-generator
	# What is there of the host's is hidden.
	mkdir -p /etc/containers /usr/share/containers
	system mount -t tmpfs tmpfs /etc/containers
	system mount -t tmpfs tmpfs /usr/share/containers
	mkdir -p "$root"/{run,etc,usr/share}/containers/systemd "$root/etc/containers/systemd/users/1" "$root/run/units"
	printf '[Container]\nImage=run\n[Install]\nWantedBy=multi-user.target\n' >"$root/run/containers/systemd/a.container"
	printf '[Container]\nImage=etc\n' | tee "$root/etc/containers/systemd/a.container" >"$root/etc/containers/systemd/b.container"
	printf '[Container]\nImage=share\nVolume=v.volume:/v\n' | tee "$root/usr/share/containers/systemd/b.container" >"$root/usr/share/containers/systemd/c.container"
	printf '[Volume]\n' >"$root/usr/share/containers/systemd/v.volume"
	printf '[Container]\nImage=users\n' | tee "$root/etc/containers/systemd/users/d.container" >"$root/etc/containers/systemd/users/1/e.container"
	system "$link" --no-kmsg-log /run/units /run/units /run/units
	assert_equal "$(ls "$root/run/units")" $'a.service\nb.service\nc.service\nmulti-user.target.wants\nv-volume.service'
	assert_equal "$(sed -n 's/^ExecStart=.* //p' "$root"/run/units/[abc].service)" $'run\netc\nshare'
	assert_match "$(<"$root/run/units/a.service")" $'\nAfter=network-online.target\n'
	system env SYSTEMD_UNIT_PATH=/run/units: systemd-analyze --system --man=no verify a.service b.service c.service v-volume.service
	assert_equal "$output$stderr" ""
	# What is installed is seen by it, and refused as for users.
	printf '[Container]\nImage=installed\n' >"$T/f.container"
	system "$CMK_BIN" quadlet install "$T/f.container"
	assert_equal "$output" $'/etc/containers/systemd/f.container\n'
	assert_match "$stderr" 'systemd has not read its units again'
	system "$CMK_BIN" quadlet ls --format '{{.Name}} {{.Path}}'
	assert_match "$output" 'b.container /etc/containers/systemd/b.container'
	assert_match "$output" 'f.container /etc/containers/systemd/f.container'
	system "$CMK_BIN" quadlet rm --reload-systemd=false f.container
	printf '[Container]\nImago=x\n' >"$T/f.container"
	system 125 "$CMK_BIN" quadlet install "$T/f.container"
	assert_match "$stderr" "unsupported key 'Imago' in group 'Container' in /etc/containers/systemd/f.container:2"
	# Where podman's own is installed its directories are left to it, and cmk's read.
	mkdir -p "$root/run/systemd/system-generators" "$root/etc/cmk/systemd"
	printf '[Container]\nImage=own\n' >"$root/etc/cmk/systemd/g.container"
	printf '#!/bin/sh\n' >"$root/run/systemd/system-generators/podman-system-generator"
	chmod 755 "$root/run/systemd/system-generators/podman-system-generator"
	system "$link" --dry-run
	refute_match "$output" "[abc].service"
	assert_match "$output" "^---g.service---"
	assert_match "$stderr" "podman's own generator is installed"
	rm -r "$root/etc/cmk"
	system umount /etc/containers /usr/share/containers
}
