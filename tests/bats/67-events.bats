#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What has happened, and what is happening: `cmk events`.

load helpers

# Appends an event as another command would have.
add_event() {
	mkdir -p "$CMK_ROOT/events"
	printf '%s\n' "$1" >>"$CMK_ROOT/events/log"
}

has_line() { grep -q -- "$2" "$1"; }

setup() {
	common_setup
	load_images alpine
	id=$(cmk images -q --no-trunc alpine)
	id=${id#sha256:}
	since=$(date +%s.%N)
}

@test "tagging and removing names of an image are events, with time, type, status, ID and name" {
	run_cmk tag alpine one two
	run_cmk rmi one
	run_cmk events --stream=false --since "$since"
	assert_match "${lines[0]}" "^20[0-9-]{8} [0-9:]{8}(\.[0-9]+)? [+-][0-9]{4} [^ ]+ image tag $id localhost/one:latest$"
	assert_match "${lines[1]}" " image tag $id localhost/two:latest$"
	assert_match "${lines[2]}" " image untag $id localhost/one:latest$"
	assert_equal "${#lines[@]}" 3
	run_cmk events --stream=false --since "$since" --no-trunc=false -f event=untag
	assert_match "$output" " image untag ${id:0:12} localhost/one:latest$"
}

@test "a pull is an event, and a failed one tells why" {
	run_cmk events --stream=false -f event=pull
	assert_match "$output" " image pull $id $REGISTRY/library/alpine:latest$"
	run_cmk 125 pull "$REGISTRY/library/absent"
	run_cmk events --stream=false -f event=pull-error --format '{{.Name}}|{{.Error}}|{{.ID}}|'
	assert_match "$output" "^$REGISTRY/library/absent\|.+\|\|$"
}

@test "what was loaded, saved or pulled from files is called by the file" {
	load_images alpine
	local id
	id=$(cmk images -q --no-trunc | sed 's/sha256://')
	run_cmk save -q -o a.tar alpine
	run_cmk load -q -i a.tar
	run_cmk pull -q docker-archive:a.tar
	run_cmk events --stream=false --filter type=image
	assert_match "$output" " image save $id a.tar"
	assert_match "$output" " image loadfromarchive $id a.tar"
	assert_match "$output" " image pull $id docker-archive:a.tar"
}

@test "removing an image untags it first" {
	run_cmk tag alpine other
	run_cmk rmi -f "$id"
	run_cmk events --stream=false --since "$since" -f event=untag -f event=remove --format '{{.Status}} {{.Name}}'
	assert_equal "$output" "untag $REGISTRY/library/alpine:latest
untag localhost/other:latest
remove $id"
}

@test "filters: the same key is one of several, different keys must all fit, labels each" {
	add_event '{"time":1000000000000000000,"type":"container","status":"create","id":"aa11","name":"c1","image":"i","attributes":{"a":"1","b":"2"}}'
	add_event '{"time":1000000001000000000,"type":"container","status":"died","id":"aa11","name":"c1","image":"i","exit_code":0,"attributes":{"a":"1"}}'
	add_event '{"time":1000000002500000000,"type":"volume","status":"create","name":"aa11"}'
	local fmt='{{.Type}} {{.Status}}'
	run_cmk events --stream=false --until 1000000010 -f container=c1 --format "$fmt"
	assert_equal "$output" $'container create\ncontainer died'
	run_cmk events --stream=false --until 1000000010 -f container=aa -f event=died --format "$fmt"
	assert_equal "$output" 'container died'
	# What docker's templates ask for.
	run_cmk events --stream=false --until 1000000010 -f event=died \
		--format '{{.Action}} {{.From}} {{.Scope}} {{.Actor.ID}} {{with .Actor.Attributes}}{{.name}} {{.image}} {{.exitCode}} {{.a}}{{end}}'
	assert_equal "$output" 'die i local aa11 c1 i 0 1'
	run_cmk events --stream=false --until 1000000010 -f event=die -f event=start --format "$fmt"
	assert_equal "$output" 'container died'
	run_cmk events --stream=false --until 1000000010 -f status=died --format "$fmt"
	assert_equal "$output" 'container died'
	run_cmk events --stream=false --until 1000000010 -f status=died -f event=create -f type=container --format "$fmt"
	assert_equal "$output" $'container create\ncontainer died'
	run_cmk events --stream=false --until 1000000010 -f container=c --format "$fmt"
	assert_equal "$output" ''
	run_cmk events --stream=false --until 1000000010 -f volume=aa11 --format "$fmt"
	assert_equal "$output" 'volume create'
	run_cmk events --stream=false --until 1000000010 -f label=a -f label=b=2 --format "$fmt"
	assert_equal "$output" 'container create'
	run_cmk events --stream=false --until 1000000010 -f type=volume -f type=image --format "$fmt"
	assert_equal "$output" 'volume create'
	TZ=UTC run_cmk events --stream=false --until 1000000010
	assert_equal "$output" '2001-09-09 01:46:40 +0000 UTC container create aa11 (image=i, name=c1, a=1, b=2)
2001-09-09 01:46:41 +0000 UTC container died aa11 (image=i, name=c1, a=1)
2001-09-09 01:46:42.5 +0000 UTC volume create aa11'
}

@test "docker's filters and its words for events" {
	add_event '{"time":1000000000000000000,"type":"container","status":"exec","id":"aa11","name":"c1","image":"i"}'
	add_event '{"time":1000000001000000000,"type":"container","status":"exec_died","id":"aa11","name":"c1","image":"i"}'
	add_event '{"time":1000000002000000000,"type":"container","status":"health_status","id":"aa11","name":"c1","image":"i","health_status":"healthy"}'
	add_event '{"time":1000000003000000000,"type":"container","status":"remove","id":"aa11","name":"c1","image":"i"}'
	add_event '{"time":1000000004000000000,"type":"image","status":"remove","id":"bb22","name":"bb22"}'
	add_event '{"time":1000000005000000000,"type":"volume","status":"remove","name":"v"}'
	local filter fmt='{{.Type}} {{.Status}}'
	run_cmk events --stream=false --until 1000000010 --format '{{.Action}}'
	assert_equal "$output" $'exec_start\nexec_die\nhealth_status: healthy\ndestroy\ndelete\ndestroy'
	run_cmk events --stream=false --until 1000000010 -f event=destroy -f type=container --format "$fmt"
	assert_equal "$output" 'container remove'
	run_cmk events --stream=false --until 1000000010 -f event=delete -f type=image --format "$fmt"
	assert_equal "$output" 'image remove'
	run_cmk events --stream=false --until 1000000010 -f event=exec_create -f event=exec_die --format "$fmt"
	assert_equal "$output" $'container exec\ncontainer exec_died'
	run_cmk events --stream=false --until 1000000010 -f scope=local -f type=volume --format "$fmt"
	assert_equal "$output" 'volume remove'
	for filter in scope=swarm daemon=x plugin=x config=x node=x service=x; do
		run_cmk events --stream=false --until 1000000010 -f "$filter" --format "$fmt"
		assert_equal "$output" ''
	done
}

@test "bad filters, times and templates are errors with exit code 125" {
	run_cmk 125 events --stream=false -f colour=red
	assert_error "'colour=red' is an invalid filter"
	run_cmk 125 events --stream=false -f container
	assert_error 'is an invalid filter'
	run_cmk 125 events --stream=false --since yesterday
	assert_error "'--since': invalid time 'yesterday'"
	run_cmk 125 events --stream=false --until 25:00
	assert_error "'--until'"
	# Before anything is waited for.
	run_cmk 125 events --format '{{.Name'
	assert_error 'template'
	run_cmk 125 events --stream=false --format '{{.Colour}}'
	assert_error 'Colour'
}

@test "--since and --until choose by time" {
	add_event '{"time":1000000000000000000,"type":"volume","status":"create","name":"first"}'
	add_event '{"time":1000000001000000000,"type":"volume","status":"create","name":"second"}'
	run_cmk events --stream=false --since 1000000000.5 --until 2001-09-09T01:46:41Z --format '{{.Name}}'
	assert_equal "$output" second
	run_cmk events --since 1000000000 --until 2001-09-09T03:46:40+02:00 --format '{{.Name}}'
	assert_equal "$output" first
	# As date --iso-8601=ns writes it.
	run_cmk events --stream=false --since 2001-09-09T01:46:40,5+00:00 --until 1000000010 --format '{{.Name}}'
	assert_equal "$output" second
	run_cmk events --stream=false --since 1h --until 1h -f event=pull --format '{{.ID}}'
	assert_equal "$output" "$id"
	run_cmk events --stream=false --since 1h --until -30m -f event=pull
	assert_equal "$output" ''
}

@test "json is one object a line" {
	add_event '{"time":1000000001000000007,"type":"container","status":"died","id":"aa11","name":"c1","image":"i","exit_code":3,"attributes":{"a":"1"}}'
	add_event '{"time":1000000002000000000,"type":"volume","status":"create","name":"v"}'
	run_cmk events --until 1000000010 --format json
	assert_equal "${lines[0]}" '{"ContainerExitCode":3,"ID":"aa11","Image":"i","Name":"c1","Status":"died","time":1000000001,"timeNano":1000000001000000007,"Type":"container","Attributes":{"a":"1"}}'
	assert_equal "${lines[1]}" '{"Name":"v","Status":"create","time":1000000002,"timeNano":1000000002000000000,"Type":"volume","Attributes":null}'
	run_cmk events --until 1000000010 --format '{{json .}}'
	assert_equal "${lines[0]}" '{"ContainerExitCode":3,"ID":"aa11","Image":"i","Name":"c1","Status":"died","time":1000000001,"timeNano":1000000001000000007,"Type":"container","Attributes":{"a":"1"}}'
	run_cmk events --until 1000000010 --format '{{.Type}} {{.Time}} {{.TimeNano}} {{.ContainerExitCode}} {{.Attributes.a}}'
	assert_equal "${lines[0]}" 'container 1000000001 1000000001000000007 3 1'
}

@test "new events are shown as they come; old ones are not" {
	cmk_background follow events --format '{{.Status}} {{.Name}}'
	local pid=$!
	wait_for 5 test -e "$CMK_ROOT/events/log"
	# It may not watch yet: until it shows something.
	tag_until_seen() { cmk tag alpine seen && has_line "$T/follow.out" 'tag localhost/seen:latest'; }
	wait_for 10 tag_until_seen
	run_cmk tag alpine later
	wait_for 5 has_line "$T/follow.out" 'tag localhost/later:latest'
	assert_equal "$(grep -c pull "$T/follow.out")" 0
	kill $pid
}

@test "--until ends a stream, also in the future" {
	run_cmk events --since 1h --until 1s -f event=pull --format '{{.Status}}'
	assert_equal "$output" pull
}

@test "a follower goes on when the log is rotated, and ends when its reader has gone" {
	cmk_background follow events --since 1h --format '{{.Name}}'
	local pid=$! big
	wait_for 5 has_line "$T/follow.out" alpine
	big=$(head -c 300000 /dev/zero | tr '\0' x)
	for n in 1 2 3 4 5 6; do
		add_event '{"time":1900000000000000000,"type":"volume","status":"create","name":"v'$n'","attributes":{"a":"'"$big"'"}}'
		# The writer of this one rotates a log that has grown too long.
		run_cmk tag alpine "t$n"
	done
	assert test -e "$CMK_ROOT/events/log.1"
	wait_for 5 has_line "$T/follow.out" 't6:latest'
	for n in 1 2 3 4 5 6; do
		assert_equal "$(grep -c "^v$n\$" "$T/follow.out")" 1
		assert_equal "$(grep -c "^localhost/t$n:latest\$" "$T/follow.out")" 1
	done
	kill $pid
	# At most the log and the one before it.
	assert_equal "$(find "$CMK_ROOT/events" -type f | wc -l)" 2
	run_cmk events --stream=false -f event=tag --format '{{.Name}}'
	assert_match "$output" t6:latest
	# `events | head -1`: nothing more need happen for the end.
	timeout 10 bash -c 'set -o pipefail; cmk events --since 1h | head -1' >/dev/null
}

@test "what killed writers left is skipped" {
	mkdir -p "$CMK_ROOT/events"
	printf '{"time":1000000001000000000,"type":"volume","status":"create","name":"to' >>"$CMK_ROOT/events/log"
	add_event '{"time":1000000002000000000,"type":"volume","status":"create","name":"good"}'
	add_event '{"time":17,"type":"volume"}'
	add_event 'rubbish'
	printf '{"time":1000000003000000000,"type":"volume","sta' >>"$CMK_ROOT/events/log"
	run_cmk tag alpine after
	run_cmk events --stream=false --format '{{.Status}} {{.Name}}' -f type=volume -f event=tag -f event=create
	assert_equal "$output" 'create good'
	run_cmk events --stream=false --format '{{.Name}}' -f event=tag
	assert_equal "$output" localhost/after:latest
}

@test "an events log that cannot be written stops nothing" {
	rm -rf "$CMK_ROOT/events"
	touch "$CMK_ROOT/events"
	run_cmk tag alpine other
	run_cmk images -q other
	assert test -n "$output"
	run_cmk 125 events --stream=false
	assert_error 'events'
	rm "$CMK_ROOT/events"
}

@test "a container's life is told in order, with its exit code and labels" {
	run_cmk run -d --name c1 --network none --label a=b alpine sleep 1000
	local ctr=$output
	run_cmk exec c1 true
	run_cmk pause c1
	run_cmk unpause c1
	run_cmk rename c1 c2
	run_cmk kill c2
	wait_for 10 ended c2
	run_cmk start c2
	run_cmk rm -f -t 0 c2
	run_cmk events --stream=false -f container="${ctr:0:12}" --format '{{.Status}} {{.Name}}'
	# Whether `kill` or the monitor writes first is a race.
	assert_match "$output" 'kill c2'
	assert_equal "$(grep -v -e cleanup -e '^init' -e '^kill' <<<"$output")" 'create c1
start c1
exec c1
exec_died c1
pause c1
unpause c1
rename c2
died c2
start c2
died c2
stop c2
remove c2'
	run_cmk events --stream=false -f event=died -f container=c2 --format '{{.ContainerExitCode}} {{.Attributes.a}} {{.Image}}'
	assert_equal "$output" "137 b $REGISTRY/library/alpine:latest
137 b $REGISTRY/library/alpine:latest"
	run_cmk events --stream=false -f event=exec_died --format '{{.ContainerExitCode}}'
	assert_equal "$output" 0
	run_cmk events --stream=false -f event=start -f label=a=b
	assert_match "${lines[0]}" " container start $ctr \(image=$REGISTRY/library/alpine:latest, name=c1,.* a=b\)$"
	run_cmk create --name d alpine true
	run_cmk volume create v
	run_cmk volume rm v
	run_cmk events --stream=false -f volume=v --format '{{.Status}}'
	assert_equal "$output" $'create\nremove'
	run_cmk rm d
}
ended() { [ "$(cmk inspect --format '{{.State.Status}}' "$1")" = exited ]; }

@test "many commands at once: no event is lost or torn" {
	local n pids=()
	for n in {1..24}; do
		cmk tag alpine "many$n" 3>&- &
		pids+=($!)
	done
	wait "${pids[@]}"
	run_cmk events --stream=false -f event=tag --since "$since" --format '{{.Name}}'
	assert_equal "$(sort -u <<<"$output" | grep -c many)" 24
	assert_equal "${#lines[@]}" 24
}

@test "--events-backend none: no events of the command nor of what it starts" {
	run_cmk --events-backend=none run -d --name quiet alpine true
	run_cmk wait quiet
	run_cmk --events-backend none tag alpine quiet
	run_cmk --events-backend file rm quiet
	run_cmk events --stream=false -f type=container --format '{{.Status}}'
	assert_equal "$output" remove
	run_cmk events --stream=false -f event=tag
	assert_equal "$output" ''

	run_cmk 125 --events-backend none events
	assert_error 'cannot read events with the "none" backend'
	run_cmk 125 events --stream=false --events-backend none
	assert_error 'cannot read events with the "none" backend'
	run_cmk 125 --events-backend journald ps
	assert_error 'not written to the journal'
	run_cmk 125 --events-backend paper ps
	assert_error 'not one of file, none'
	run_cmk info --format '{{.Host.EventLogger}}'
	assert_equal "$output" file
	run_cmk --events-backend none info --format '{{.Host.EventLogger}}'
	assert_equal "$output" none
}

@test "artifacts and volumes have events, these with their labels" {
	local name=$REGISTRY/events/art:1 id
	echo one >file
	run_cmk artifact add "$name" file
	id=$output
	run_cmk artifact push -q "$name"
	run_cmk artifact rm "$name"
	run_cmk artifact pull -q "$name"
	run_cmk events --stream=false --filter type=artifact --filter artifact="$name" --format '{{.Status}} {{.ID}} {{.Name}}'
	assert_equal "$output" "create $id $name
push $id $name
remove $id $name
pull $id $name"
	run_cmk events --stream=false --filter artifact="${id:0:12}"
	assert_match "${lines[0]}" " artifact create $name\$"
	run_cmk volume create --label app=web v
	run_cmk volume rm v
	run_cmk events --stream=false --filter label=app=web --format '{{.Type}} {{.Status}} {{.Name}} {{.Attributes.app}}'
	assert_equal "$output" $'volume create v web\nvolume remove v web'
}
