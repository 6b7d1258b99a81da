#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root
# Services of a real user manager, that of "cmk", and of the system's: sockets, updates from a registry, starts that come to
# nothing.
load sessions

# For `as`.
here='set -eu
	units=~/.config/systemd/user quadlets=~/.config/containers/systemd
	mkdir -p $units $quadlets
	prop() { systemctl --user show -P "$1" "$2"; }
	is() { [ "$1" = "$2" ] || { echo "got \"$1\", wanted \"$2\""; systemctl --user status --no-pager -n 20 "*web*" "*container-*"; return 1; }; }
	# The first line that comes from PORT.
	ask() { local line=; exec 9<>"/dev/tcp/127.0.0.1/$1"; read -r -t 60 line <&9; exec 9<&-; echo "$line"; }
'

@test "a socket: the port is open, the first connection starts the container and is answered" {
	as cmk "$here"'
		# A root file system with perl alone, whose program answers on descriptor 3.
		mkdir -p perl/usr/bin perl/proc perl/dev perl/sys perl/etc perl/tmp perl/run
		cp --parents $(ldd /usr/bin/perl | grep -o "/[^ ]*") perl/
		cp /usr/bin/perl perl/usr/bin/
		cat >perl/serve <<-"END"
			open(my $s, "+<&=", 3) or die; my $n = 0;
			while (accept(my $c, $s)) { syswrite $c, "hello " . ++$n . " $ENV{LISTEN_FDS} $ENV{LISTEN_FDNAMES}\n"; close $c }
		END
		for name in web container-gen; do
			port=$([ $name = web ] && echo 8091 || echo 8092)
			printf "[Socket]\nListenStream=127.0.0.1:%s\nFileDescriptorName=door\n[Install]\nWantedBy=sockets.target\n" $port >$units/$name.socket
		done
		printf "[Container]\nRootfs=%%h/perl\nNetwork=none\nStopTimeout=0\nExec=/usr/bin/perl /serve\n" >$quadlets/web.container
		cmk create -q --name gen --net=none --stop-timeout 0 --rootfs ~/perl /usr/bin/perl /serve >/dev/null
		(cd $units; cmk generate systemd --new --files --name gen)
		cmk rm gen
		systemctl --user daemon-reload
		systemctl --user -q enable --now web.socket container-gen.socket
		is "$(prop ActiveState web.service) $(prop ActiveState container-gen.service)" "inactive inactive"
		is "$(cmk ps -aq)" ""
		is "$(ask 8091)" "hello 1 1 door"
		is "$(ask 8091)" "hello 2 1 door"
		is "$(prop ActiveState web.service) $(prop MainPID web.service)" "active $(cmk inspect --format "{{.State.ConmonPid}}" systemd-web)"
		is "$(ask 8092)" "hello 1 1 door"
		# Stopped, the port is open all the same; the next one starts another container.
		systemctl --user stop web.service container-gen.service
		is "$(cmk ps -aq)" ""
		is "$(ask 8091)" "hello 1 1 door"
		is "$(ask 8092)" "hello 1 1 door"
		# The process is killed: who comes next is served by a new one.
		kill -9 "$(cmk inspect --format "{{.State.Pid}}" gen)"
		is "$(ask 8092)" "hello 1 1 door"
		systemctl --user -q disable --now web.socket container-gen.socket
		systemctl --user stop web.service container-gen.service
		is "$(cmk ps -aq)" ""'
}

@test "starts that come to nothing end with their time, in the right state, and leave nothing" {
	as cmk "$here"'
		mkdir fs; tar -xf /srv/cache/busybox.tar --no-same-owner -C fs
		common="Rootfs=%%h/fs\nNetwork=none\nExec=sleep 4242\nStopTimeout=1\n"
		printf "[Container]\n$common""Notify=true\n[Service]\nTimeoutStartSec=8\n" >$quadlets/web-silent.container
		printf "[Container]\n$common""Notify=healthy\nHealthCmd=test -e /ok\nHealthInterval=1s\n[Service]\nTimeoutStartSec=8\n" >$quadlets/web-sick.container
		systemctl --user daemon-reload
		! systemctl --user start web-silent.service web-sick.service 2>/dev/null
		is "$(prop ActiveState web-silent) $(prop Result web-silent) $(prop ActiveState web-sick) $(prop Result web-sick)" "failed timeout failed timeout"
		is "$(cmk ps -aq)$(pgrep -u cmk -f "^sleep 4242" || true)" ""
		# Well, and later not: the unit stays, as the container does; systemd is told nothing else.
		touch fs/ok
		systemctl --user start web-sick.service
		is "$(prop ActiveState web-sick) $(cmk inspect --format "{{.State.Health.Status}}" systemd-web-sick)" "active healthy"
		rm fs/ok
		cmk wait --condition unhealthy systemd-web-sick
		is "$(prop ActiveState web-sick)" active
		systemctl --user stop web-sick.service
		is "$(prop ActiveState web-sick) $(prop Result web-sick)" "inactive success"'
}

# For `as`: serve VERSION WORD: what the registry has from now on as app:latest, made in a store of its own; WORD is "well" or not.
app=127.0.0.1:5000/app
publish='
	other() { cmk --root ~/other --runroot "$XDG_RUNTIME_DIR/other" "$@"; }
	serve() {
		echo "$1 $2" >version; other cp version draft:/version
		other commit -q -c "CMD [\"sleep\",\"4242\"]" draft '$app' >/dev/null
		other push -q --tls-verify=false '$app'
	}
	version() { cmk exec systemd-web cat /version; }
	update() { cmk auto-update --tls-verify=false --format "{{.Unit}} {{.Policy}} {{.Updated}}" "$@"; }
'

@test "auto-update of a unit from a registry" {
	# REGISTRY… of the environment is configuration to it.
	env -i PATH="/srv/bin:$PATH" bash /srv/tests/fixtures/registry start "$BATS_FILE_TMPDIR/registry" 127.0.0.1:5000 "$BATS_FILE_TMPDIR" 3>&-
	as cmk "$here$publish"'
		other pull -q oci:/srv/cache/oci/busybox >id
		other create -q --name draft "$(cat id)" >/dev/null
		serve 1 well
		cat >$quadlets/web.container <<-END
			[Container]
			Image='$app':latest
			PodmanArgs=--tls-verify=false
			Network=none
			AutoUpdate=registry
			Notify=healthy
			HealthCmd=grep -q well /version
			HealthInterval=1s
			HealthRetries=2
			StopTimeout=0
			[Service]
			TimeoutStartSec=60
		END
		systemctl --user daemon-reload; systemctl --user start web.service
		serve 2 well
		is "$(version)" "1 well"
		is "$(update) $(version)" "web.service registry true 2 well"
		is "$(prop MainPID web.service)" "$(cmk inspect --format "{{.State.ConmonPid}}" systemd-web)"'
}

@test "auto-update: back to the old image where the new one is not healthy" {
	as cmk "$here$publish"'
		serve 3 ill
		is "$(update 2>err) $(version)" "web.service registry rolled back 2 well"
		grep -q "container .systemd-web. has its old image again: " err
		is "$(prop ActiveState web.service) $(cmk ps -a --format "{{.Names}} {{.State}}")" "active systemd-web running"'
}

@test "auto-update by the name here, through the timer's service, which removes the old image" {
	as cmk "$here$publish"'
		sed -i "s/^AutoUpdate=.*/AutoUpdate=local/" $quadlets/web.container
		systemctl --user daemon-reload; systemctl --user restart web.service
		serve 4 well
		cmk pull -q --tls-verify=false '$app' >/dev/null
		systemctl --user start cmk-auto-update.service
		is "$(version) $(prop Result cmk-auto-update.service)" "4 well success"
		is "$(cmk images -aq | wc -l)" 1
		systemctl --user start cmk-auto-update.timer
		[ -n "$(prop NextElapseUSecRealtime cmk-auto-update.timer)" ]
		systemctl --user stop cmk-auto-update.timer web.service
		is "$(cmk ps -aq)" ""; cmk system check'
	bash /srv/tests/fixtures/registry stop "$BATS_FILE_TMPDIR"
}

@test "root: a service of the system from a file of Quadlet" {
	mkdir -p /etc/containers/systemd fs
	tar -xf /srv/cache/busybox.tar -C fs
	printf '[Container]\nRootfs=%s\nNetwork=none\nExec=sleep 4242\nStopTimeout=0\n[Service]\nMemoryMax=40M\n[Install]\nWantedBy=multi-user.target\n' \
		"$PWD/fs" >/etc/containers/systemd/web.container
	systemctl daemon-reload
	assert_match "$(systemctl show -P Wants multi-user.target)" 'web.service'
	systemctl start web.service
	assert_equal "$(systemctl show -P MainPID web)" "$(cmk inspect --format '{{.State.ConmonPid}}' systemd-web)"
	assert_match "$(cat "/proc/$(cmk inspect --format '{{.State.Pid}}' systemd-web)/cgroup")" '^0::/system.slice/web.service/'
	assert_equal "$(cmk quadlet ls --format '{{.Name}} {{.Status}}')" $'NAME STATUS\nweb.container active/running'
	kill -9 "$(systemctl show -P MainPID web)"
	wait_for 20 systemctl -q is-failed web.service
	wait_for 20 eval '! pgrep -u 0 -f "^sleep 4242"'
	systemctl start web.service
	systemctl stop web.service
	assert_equal "$(systemctl show -P ActiveState web) $(systemctl show -P Result web)" "inactive success"
	assert_equal "$(cmk ps -aq)" ""
}
