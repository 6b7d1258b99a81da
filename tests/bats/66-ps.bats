#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Listings: ps, port, container exists.

load helpers

# Three containers of one image: one runs, one has ended with 3, one was only created.
setup() {
	common_setup
	load_images alpine
	run_cmk run -d --name up --label app=web --label tier=front --network none alpine sleep 1000
	up=$output
	run_cmk 3 run --name ended --label app=db --network none alpine sh -c 'exit 3'
	run_cmk create --name made --network none alpine sh -c 'echo a command that is longer than twenty'
	made=$output
	ended=$(cmk inspect --format '{{.Id}}' ended)
	image=$REGISTRY/library/alpine:latest
}

teardown() {
	timeout 30 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

is_healthy() { [ -n "$(cmk ps -q -f health=healthy)" ]; }
names() { run_cmk ps --format '{{.Names}}' "$@"; }

@test "the table has podman's columns, oldest first, and shows what runs" {
	run_cmk ps
	assert_match "${lines[0]}" '^CONTAINER ID  IMAGE +COMMAND +CREATED +STATUS +PORTS       NAMES$'
	assert_match "${lines[1]}" "^${up:0:12}  $image  sleep 1000  .* ago +Up (Less than a second|[0-9]+ seconds?|About a minute) +up$"
	assert_equal "${#lines[@]}" 2
	run_cmk ps -a --noheading
	assert_match "${lines[0]}" ' up$'
	assert_match "${lines[1]}" "^${ended:0:12} .* Exited \(3\) [^ ].* ago +ended$"
	assert_match "${lines[2]}" "^${made:0:12}  $image  sh -c echo a comm\.\.\.  .* Created  +made$"
	run_cmk ps -a --no-trunc
	assert_match "${lines[3]}" "^$made .* sh -c echo a command that is longer than twenty "
}

@test "every spelling of the command is the same" {
	for words in 'container ls' 'container list' 'container ps'; do
		# shellcheck disable=SC2086
		run_cmk $words -aq --no-trunc
		assert_equal "$output" "$up"$'\n'"$ended"$'\n'"$made"
	done
}

@test "--last and --latest count from the newest, in any state" {
	names --latest
	assert_equal "$output" made
	names -n 2
	assert_equal "$output" $'ended\nmade'
	names --last 0
	assert_equal "$output" ''
	run_cmk 125 ps --last 1 --latest
	assert_error 'last and latest are mutually exclusive'
	run_cmk 125 ps -q -s
	assert_error 'quiet conflicts with size and namespace'
	run_cmk 125 ps --ns -s
	assert_error 'size and namespace options conflict'
	run_cmk 125 ps --watch 1 -l
	assert_error 'watch and latest'
}

@test "filters of one key are alternatives, of different keys must all fit, labels each" {
	names -a -f name=up -f name=made
	assert_equal "$output" $'up\nmade'
	names -a -f name=e
	assert_equal "$output" $'ended\nmade'
	names -a -f name='^e.*d$'
	assert_equal "$output" ended
	names -a -f name=up -f status=created
	assert_equal "$output" ''
	names -a -f label=app
	assert_equal "$output" $'up\nended'
	names -a -f label=app=web -f label=tier
	assert_equal "$output" up
	names -a -f label=app=web -f label=app=db
	assert_equal "$output" ''
	names -a -f label=app= -f 'label=*ie*'
	assert_equal "$output" up
	names -a -f 'label=*ie*=back'
	assert_equal "$output" ''
	names -a -f 'label!=app'
	assert_equal "$output" made
	names -a -f 'label!=app=db'
	assert_equal "$output" $'up\nmade'
	names -a -f id="${made:0:6}"
	assert_equal "$output" made
	names -a -f id="${made^^}"
	assert_equal "$output" made
	names -a -f id="^${made:0:4}.*${made:60:4}\$"
	assert_equal "$output" made
	names -a -f command=^sle
	assert_equal "$output" up
}

@test "a filter on the state or the exit code looks at all containers" {
	names -f status=exited
	assert_equal "$output" ended
	names -f status=created -f status=running
	assert_equal "$output" $'up\nmade'
	names -f exited=3
	assert_equal "$output" ended
	names -f exited=0
	assert_equal "$output" ''
	run_cmk 125 ps -f status=sleeping
	assert_error 'unknown container state: sleeping'
	run_cmk 125 ps -f exited=x
	assert_error "'x' is not an exit code"
}

@test "filters on order and time: before, since, until" {
	names -a -f before=ended
	assert_equal "$output" up
	names -a -f since=ended
	assert_equal "$output" made
	names -a -f until=1h
	assert_equal "$output" ''
	names -a -f until=0s
	assert_equal "$output" $'up\nended\nmade'
	names -a -f "until=$(cmk inspect --format '{{.Created}}' ended)"
	assert_equal "$output" up
	run_cmk 125 ps -a -f since=nobody
	assert_error 'no such container'
	run_cmk 125 ps -a -f until=soon
	assert_error "invalid time 'soon'"
}

@test "ancestor is an image by name, ID or what it was built on" {
	run_cmk tag alpine mine
	names -a -f ancestor=alpine
	assert_equal "$output" $'up\nended\nmade'
	names -a -f ancestor="$(cmk images -q alpine)"
	assert_equal "$output" $'up\nended\nmade'
	id=$(cmk images -q alpine)
	names -a -f ancestor="${id:4:6}"
	assert_equal "$output" $'up\nended\nmade'
	names -a -f ancestor=mine
	assert_equal "$output" $'up\nended\nmade'
	names -a -f "ancestor=$REGISTRY/library/alpi"
	assert_equal "$output" ''
	names -a -f ancestor=nothing
	assert_equal "$output" ''
}

@test "filter network=container:, by name and ID; only user-defined networks are listed" {
	local id
	run_cmk run -d --name other --network container:up alpine sleep 1000
	id=$(cmk inspect --format '{{.Id}}' up)
	for of in up "$id" "${id:0:8}"; do
		names -f "network=container:$of"
		assert_equal "$output" other
	done
	names -f network=container:nothing
	assert_equal "$output" ''
	run_cmk ps -a --format '{{.Networks}}'
	assert_match "$output" '^[[:space:]]*$'
	run_cmk rm -f -t 0 other
}

@test "filter annotation: a key, or a key and its value; each must fit" {
	run_cmk create --name a --net=none --annotation color=red --annotation size=1 --rootfs "$(rootfs)" true
	run_cmk create --name b --net=none --annotation color=blue --rootfs "$(rootfs)" true
	run_cmk ps -a --format '{{.Names}}' --filter annotation=color
	assert_equal "$output" $'a\nb'
	run_cmk ps -a --format '{{.Names}}' --filter annotation=color=red
	assert_equal "$output" a
	run_cmk ps -a --format '{{.Names}}' --filter 'annotation!=color=red' --filter name='^[ab]$'
	assert_equal "$output" b
	run_cmk ps -a --format '{{.Names}}' --filter annotation=color --filter annotation=size=1
	assert_equal "$output" a
	run_cmk rm --filter annotation=size
	run_cmk ps -a --format '{{.Names}}' --filter annotation=color
	assert_equal "$output" b
}

@test "--pod adds the columns of the pod, which are empty" {
	run_cmk ps -l --pod
	assert_match "${lines[0]}" 'NAMES +POD ID +PODNAME *$'
	assert_match "${lines[1]}" ' made *$'
	run_cmk ps -lps
	assert_match "${lines[0]}" 'NAMES +POD ID +PODNAME +SIZE *$'
	assert_match "${lines[1]}" ' made +0B \(virtual'
	run_cmk ps -a --format 'table {{.Names}}\t{{.Pod}}\t{{.PodName}}'
	assert_match "${lines[0]}" '^NAMES +POD ID +PODNAME'
}

@test "a name to filter by is a regular expression as users of podman write it" {
	run_cmk create --name web1 --network none alpine true
	run_cmk create --name web22 --network none alpine true
	names -a -f 'name=^WEB\d$'
	assert_equal "$output" ''
	names -a -f 'name=(?i)^WEB\d$'
	assert_equal "$output" web1
	run_cmk 125 ps -a -f 'name=('
	assert_match "$stderr" 'error parsing regexp: .*`\(`'
	# One that would take gigabytes.
	run_cmk 125 ps -a -f 'name=((((a{1,250}){1,250}){1,250}){1,250}){1,250}'
	assert_match "$stderr" 'error parsing regexp: .*too large'
}

# bats test_tags=long
@test "further filters: network, volume, health, pod, restart policy" {
	mkdir data
	run_cmk create --name vol -v "$T/data:/mnt" --network host alpine true
	names -a -f network=host
	assert_equal "$output" vol
	names -a -f volume=/mnt
	assert_equal "$output" vol
	names -a -f volume="$T/data:/mnt"
	assert_equal "$output" vol
	names -a -f volume="$T/data:/other"
	assert_equal "$output" ''
	names -a -f volume="$T/data"
	assert_equal "$output" vol
	names -a -f volume=/other
	assert_equal "$output" ''
	run_cmk create --name named --network none -v data:/srv -v /anonymous alpine true
	names -a -f volume=data
	assert_equal "$output" named
	names -a -f volume=data:/srv -f volume="$T/data:/mnt"
	assert_equal "$output" $'vol\nnamed'
	run_cmk ps -a -f name=named --format '{{.Mounts}} {{.LocalVolumes}}'
	assert_match "$output" '^/(srv,/anonymous|anonymous,/srv) 2$'
	names -a -f health=healthy
	assert_equal "$output" ''
	run_cmk run -d --name checked --network none --health-cmd true --health-interval 1s alpine sleep 1000
	wait_for 20 is_healthy
	names -f health=healthy
	assert_equal "$output" checked
	run_cmk ps -f name=checked --format '{{.Status}}'
	assert_match "$output" '^Up .* \(healthy\)$'
	run_cmk ps -f name=checked -f name=up --format '{{.Names}}={{.HealthStatus}}'
	assert_equal "$output" $'up=\nchecked=healthy'
	names -f is-task=true
	assert_equal "$output" ''
	names -f is-task=false
	assert_equal "$output" $'up\nchecked'
	run_cmk 125 ps -f is-task=perhaps
	assert_error 'true or false'
	run_cmk 125 ps -f health=fine
	assert_error 'health'
	names -a -f pod=web
	assert_equal "$output" ''
	names -a -f should-start-on-boot=true
	assert_equal "$output" ''
	run_cmk 125 ps -f should-start-on-boot=perhaps
	assert_error 'true or false'
	run_cmk create --name ports --network none -v nothing:/n --expose 53/udp alpine true
	run_cmk create --name pub -p 127.0.0.1:18080-18082:80-82 alpine true
	local filter
	for filter in expose=53/udp expose=50-60/udp 'name=^/ports$' 'name=^/?ports$'; do
		names -a -f "$filter"
		assert_equal "$output" ports
	done
	for filter in publish=18081 publish=18082-20000/tcp expose=80 expose=1-80; do
		names -a -f "$filter"
		assert_equal "$output" pub
	done
	for filter in publish=80 publish=18081/udp publish=53/udp expose=53 expose=83 'name=^/port$'; do
		names -a -f "$filter"
		assert_equal "$output" ''
	done
	for filter in publish=x expose=80/sctp publish=2-1 expose=; do
		run_cmk 125 ps -f "$filter"
		assert_error 'PORT\[-PORT\]'
	done
	run_cmk 125 ps -f colour=red
	assert_error "'colour' is an invalid filter"
	run_cmk 125 ps -f name
	assert_error 'KEY=VALUE'
}

@test "--sort orders by the key" {
	names -a --sort names
	assert_equal "$output" $'ended\nmade\nup'
	names -a --sort status
	assert_equal "$output" $'made\nended\nup'
	names -a --sort command
	assert_equal "${lines[2]}" up
	names -a --sort id
	assert_equal "$output" "$(for n in up ended made; do echo "${!n} $n"; done | sort | cut -d' ' -f2)"
	names -a --sort created
	assert_equal "$output" $'up\nended\nmade'
	run_cmk 125 ps --sort colour
	assert_error 'colour'
}

@test "--format json is podman's array" {
	run_cmk ps -a --format json
	jq -e --arg id "$up" --arg image "$image" '
		length == 3 and (.[0] | .Id == $id and .Image == $image and .Names == ["up"] and
		.Command == ["sleep", "1000"] and .State == "running" and .Pid > 0 and .Exited == false and
		.Labels.app == "web" and .Labels.tier == "front" and .AutoRemove == false and (.CreatedAt | endswith("ago")) and
		(.Created | type) == "number" and .StartedAt >= .Created and .Ports == null and .Size == null and
		.Mounts == [] and .Networks == [] and .IsInfra == false and .Pod == "" and .Namespaces == {} and
		(.Status | startswith("Up ")) and .Restarts == 0 and (.ImageID | length) == 64) and
		(.[1] | .ExitCode == 3 and .Exited and .ExitedAt >= .StartedAt and .State == "exited") and
		(.[2] | .Pid == 0 and .Status == "Created" and .StartedAt < 0)' <<<"$output"
	run_cmk ps -f name=nobody --format json
	assert_equal "$(jq -c . <<<"$output")" '[]'
}

@test "{{json .}} is docker's line for each container" {
	run_cmk ps -a --format '{{json .}}'
	assert_equal "${#lines[@]}" 3
	jq -e --arg id "${up:0:12}" '.ID == $id and .Names == "up" and .Command == "\"sleep 1000\"" and
		(.Labels | endswith("app=web,tier=front")) and .State == "running" and (.RunningFor | endswith("ago"))' <<<"${lines[0]}"
}

@test "templates see the fields of podman and docker" {
	run_cmk 125 ps --format '{{.Label .}}'
	assert_error 'wrong type for value; expected string'
	run_cmk ps --format '{{.ID}}|{{.Image}}|{{.Names}}|{{.State}}|{{.Label "app"}}|{{.Label "none"}}|{{.Labels.tier}}|{{.Pod}}|{{.ExitCode}}|{{.AutoRemove}}|{{.Size}}|{{.Mounts}}'
	assert_equal "$output" "${up:0:12}|$image|up|running|web||front||0|false||"
	run_cmk ps --format '{{.CreatedAt}}|{{.Created}}'
	assert_match "$output" '^20[0-9-]{8} [0-9:]{8}\.[0-9]+ \+0000 UTC\|20'
	run_cmk ps -a --format 'table {{.Names}} {{.CreatedHuman}}	{{.Status}}\t{{.ImageID}}'
	assert_match "${lines[0]}" '^NAMES       CREATED +STATUS +IMAGE ID$'
	assert_match "${lines[1]}" '^up          .* ago +Up .*  [0-9a-f]{12}$'
	run_cmk ps --format table
	assert_match "${lines[0]}" '^CONTAINER ID  IMAGE '
	run_cmk ps --noheading --format 'table {{.Names}}'
	assert_equal "$output" up
	# A template is stronger than -q.
	run_cmk ps -q --format '{{.Names}}'
	assert_equal "$output" up
	run_cmk 125 ps --format '{{.Colour}}'
	assert_error 'Colour'
}

@test "--ns shows the process and its namespaces" {
	run_cmk ps -a --ns
	assert_match "${lines[0]}" '^CONTAINER ID  NAMES +PID +CGROUPNS +IPC +MNT +NET +PIDNS +USERNS +UTS$'
	local pid mnt
	pid=$(cmk inspect --format '{{.State.Pid}}' up)
	mnt=$(readlink "/proc/$pid/ns/mnt")
	assert_match "${lines[1]}" "^${up:0:12}  up +$pid +[0-9]+ +[0-9]+ +${mnt//[!0-9]/} +[0-9]+ +[0-9]+ +[0-9]+ +[0-9]+$"
	assert_match "${lines[2]}" "^${ended:0:12}  ended +0 +$"
	run_cmk ps --format '{{.MNT}} {{.Namespaces.Mnt}}'
	assert_equal "$output" "${mnt//[!0-9]/} ${mnt//[!0-9]/}"
}

@test "--size tells what a container wrote, and what it is with its image" {
	run_cmk exec up sh -c 'head -c 1500000 /dev/zero >/big; mkdir -m 0700 /root/in; head -c 1000 /dev/zero >/root/in/f; chown -R 1000:1000 /root/in'
	run_cmk ps -a --size
	assert_match "${lines[0]}" 'NAMES       SIZE$'
	assert_match "${lines[1]}" ' up          1\.5MB \(virtual [0-9.]+[kM]B\)$'
	assert_match "${lines[3]}" ' made        0B \(virtual [0-9.]+[kM]B\)$'
	run_cmk ps --size --format json
	jq -e '.[0].Size | .rwSize >= 1501000 and .rwSize < 1502000 and .rootFsSize > .rwSize' <<<"$output"
	names -a --size --sort size
	assert_equal "${lines[2]}" up
}

@test "--watch shows the list again, and ends when nobody reads it" {
	cmk_background watch ps --watch 1
	local pid=$!
	twice() { [ "$(grep -c ' up$' watch.out)" -ge 2 ]; }
	wait_for 10 twice
	kill $pid
	timeout 10 bash -c 'cmk ps --watch 1 | head -1' >/dev/null
}

@test "a container with published and exposed ports" {
	run_cmk run -d --name web -p 127.0.0.1:18080:80 -p 18081-18082:81-82/udp --expose 99 alpine sleep 1000
	run_cmk ps -l --format '{{.Ports}}'
	assert_equal "$output" '127.0.0.1:18080->80/tcp, 0.0.0.0:18081-18082->81-82/udp, 99/tcp'
	run_cmk port web
	assert_equal "$output" '80/tcp -> 127.0.0.1:18080
81/udp -> 0.0.0.0:18081
82/udp -> 0.0.0.0:18082'
	run_cmk port web 80
	assert_equal "$output" 127.0.0.1:18080
	run_cmk container port web 82/udp
	assert_equal "$output" 0.0.0.0:18082
	run_cmk port -l 80/tcp
	assert_equal "$output" 127.0.0.1:18080
	run_cmk port -a
	assert_match "${lines[0]}" '^[0-9a-f]{12}	80/tcp -> 127.0.0.1:18080$'
	assert_equal "${#lines[@]}" 3
	run_cmk port up
	assert_equal "$output" ''
	run_cmk 125 port web 82
	assert_error 'failed to find published port "82"'
	run_cmk 125 port web http
	assert_error "'http' is not a port"
	run_cmk 125 port nobody
	assert_error 'no such container'
	run_cmk 125 port
	run_cmk 125 port -a web
	run_cmk ps -l --format json
	jq -e '.[0] | .Ports[0] == {"host_ip": "127.0.0.1", "container_port": 80, "host_port": 18080, "range": 1, "protocol": "tcp"} and
		.Ports[1].range == 2 and .ExposedPorts["99"] == ["tcp"]' <<<"$output"
	run_cmk create --name dns --expose 8787/udp --expose 99/sctp --expose 53/udp --expose 99 --expose 53 alpine
	run_cmk ps -l --format '{{.Ports}}'
	assert_equal "$output" '99/sctp, 53/tcp, 99/tcp, 53/udp, 8787/udp'
	run_cmk ps -l --format json
	jq -e '.[0].ExposedPorts == {"53": ["tcp", "udp"], "99": ["sctp", "tcp"], "8787": ["udp"]}' <<<"$output"
}

@test "ports that follow each other are shown as a range" {
	run_cmk create --name a -p 80:80 -p 81-82:81-82 -p 83:93 -p 127.0.0.1:84:84 --expose 81 --expose 1000-9999 \
		--expose 53 --expose 54/udp --expose 53/udp alpine
	run_cmk ps -a --filter name=^a$ --format '{{.Ports}}'
	assert_equal "$output" '0.0.0.0:80-82->80-82/tcp, 0.0.0.0:83->93/tcp, 127.0.0.1:84->84/tcp, 53/tcp, 1000-9999/tcp, 53-54/udp'
	run_cmk ps -a --filter name=^a$ --format json
	jq -e '.[0].ExposedPorts | .["53"] == ["tcp", "udp"] and .["54"] == ["udp"] and length == 9003' <<<"$output"
	# In a network of others a port is nothing of the container's own.
	run_cmk create --name h --network host --expose 80 alpine
	run_cmk inspect --format '{{json .NetworkSettings.Ports}} {{json .Config.ExposedPorts}}' h
	assert_equal "$output" '{} {"80/tcp":{}}'
}

@test "container exists answers by its exit code alone" {
	run_cmk container exists up
	assert_equal "$output$stderr" ''
	run_cmk container exists "${made:0:8}"
	run_cmk container exists --external made
	run_cmk 1 container exists nobody
	assert_equal "$output$stderr" ''
	run_cmk 125 container exists
}

@test "states beside running and exited have texts of their own" {
	run_cmk pause up
	run_cmk ps --format '{{.Status}}|{{.State}}'
	assert_equal "$output" 'Paused|paused'
	names -f status=paused
	assert_equal "$output" up
	run_cmk unpause up
	run_cmk init made
	run_cmk ps -a -f name=made --format '{{.Status}}|{{.State}}'
	assert_equal "$output" 'Initialized|initialized'
	run_cmk run -d --name again --network none --restart always alpine sh -c 'exit 7'
	wait_for 10 restarts
	names -a -f restart-policy=always
	assert_equal "$output" again
	names -a -f should-start-on-boot=true
	assert_equal "$output" again
	names -a -f restart-policy=no -f name=up
	assert_equal "$output" up
}
restarts() { [[ $(cmk ps -a -f name=again --format '{{.Status}}|{{.State}}') =~ ^Restarting\ \(7\)\ .*\ ago\|restarting$ ]]; }

@test "a damaged record hides only itself" {
	local id
	id=$(cmk inspect --format '{{.Id}}' made)
	cp -r "$CMK_ROOT/containers/$id" "$T/copy"
	echo '{"schema":1' >"$CMK_ROOT/containers/$id/container.json"
	run_cmk ps -a --format '{{.Names}}'
	assert_equal "$output" $'up\nended'
	assert_match "$stderr" "${id:0:12}"
	cp "$T/copy/container.json" "$CMK_ROOT/containers/$id/container.json"
	names -a
	assert_equal "$output" $'up\nended\nmade'
}
