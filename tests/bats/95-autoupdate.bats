#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers without a unit; those with one: tests/bats-root/25-units.bats.
load helpers

setup() {
	common_setup
	IMAGE=$(repo app)
	mkdir -p tree/bin tree/etc && cp /bin/busybox tree/bin/sh && cp /bin/busybox tree/bin/sleep && cp /bin/busybox tree/bin/cat
}

teardown() {
	cmk rm -f -t 0 -a >/dev/null
	common_teardown
}

# publish VERSION [CHANGE...]: what the registry has from now on, made in another store.
publish() {
	local version=$1 change changes=()
	shift
	for change in 'CMD ["sleep", "100"]' "$@"; do changes+=(-c "$change"); done
	echo "$version" >tree/etc/version
	tar -C tree -cf made.tar .
	"$CMK_BIN" --root "$T/other" --runroot "$XDG_RUNTIME_DIR/other" import -q "${changes[@]}" made.tar "$IMAGE:latest" >/dev/null
	"$CMK_BIN" --root "$T/other" --runroot "$XDG_RUNTIME_DIR/other" push -q "$IMAGE:latest" >/dev/null
}

version() { cmk exec "${1:-web}" cat /etc/version; }
# row [NAME]: policy and result.
row() { cmk auto-update "${@:2}" --format '{{.ContainerName}} {{.Policy}} {{.Updated}}' | grep "^$1 "; }

@test "registry: a container is made anew where its name has another digest there" {
	publish 1
	run_cmk run -d --name web --net=none --label io.containers.autoupdate=registry -e KEPT=yes "$IMAGE" sleep 100
	local id=$output
	run_cmk auto-update
	assert_match "${lines[0]}" "^ *UNIT +CONTAINER +IMAGE +POLICY +UPDATED$"
	assert_match "${lines[1]}" "${id:0:12} \(web\) +$IMAGE:latest +registry +false"
	publish 2
	run_cmk auto-update --dry-run
	assert_match "${lines[1]}" " pending$"
	assert_equal "$(version)" 1
	run_cmk images -q
	assert_equal "${#lines[@]}" 1
	run_cmk auto-update --format json
	assert_equal "$(jq -r '.[] | [.Unit, .Container, .ContainerName, .ContainerID, .Image, .Policy, .Updated] | join("|")' <<<"$output")" \
		"|${id:0:12} (web)|web|$id|$IMAGE:latest|registry|true"
	assert_equal "$(version)" 2
	run_cmk inspect --format '{{.Id}} {{.State.Status}} {{.Config.Env}}' web
	refute_match "$output" "$id"
	assert_match "$output" " running .*KEPT=yes"
	# All is as it should be.
	assert_equal "$(row web)" "web registry false"
}

@test "local: by what the name stands for here; image is another word for registry" {
	publish 1
	run_cmk pull -q "$IMAGE"
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=local "$IMAGE"
	run_cmk run -d --name old --net=none -l io.containers.autoupdate=image "$IMAGE"
	run_cmk run -d --name not --net=none -l io.containers.autoupdate=disabled "$IMAGE"
	run_cmk run -d --name none --net=none "$IMAGE"
	run_cmk create --name rests --net=none -l io.containers.autoupdate=local "$IMAGE"
	publish 2
	run_cmk auto-update --dry-run --format '{{.ContainerName}} {{.Updated}}'
	assert_equal "$(sort <<<"$output")" $'old pending\nweb false'
	run_cmk pull -q "$IMAGE"
	run_cmk auto-update --format '{{.ContainerName}} {{.Policy}} {{.Updated}}'
	assert_equal "$(sort <<<"$output")" $'old image true\nweb local true'
	assert_equal "$(version web) $(version old) $(version none)" "2 2 1"
}

# bats test_tags=long
@test "one whose new image does not start, ends, or is not healthy gets its old image back" {
	touch tree/etc/well
	publish 1
	run_cmk pull -q "$IMAGE"
	local old
	old=$(cmk inspect --format '{{.Id}}' "$IMAGE")
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=registry --health-cmd 'cat /etc/well' --health-interval 100ms \
		--health-retries 2 --health-timeout 2s "$IMAGE"
	run_cmk run -d --name other --net=none -l io.containers.autoupdate=registry "$IMAGE"
	publish 2 'CMD ["no-such-program"]'
	run_cmk auto-update --format '{{.ContainerName}} {{.Updated}}'
	assert_equal "$(sort <<<"$output")" $'other rolled back\nweb rolled back'
	assert_match "$stderr" "container 'other' has its old image again: .*no-such-program"
	assert_equal "$(version web) $(version other)" "1 1"
	assert_equal "$(cmk inspect --type image --format '{{.Id}}' "$IMAGE")" "$old"
	publish 3 'CMD ["cat", "/etc/version"]'
	cmk rm -f -t 0 other
	assert_equal "$(row web)" "web registry rolled back"
	assert_equal "$(version)" 1
}

@test "a health check decides" {
	touch tree/etc/well
	publish 1
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=registry --health-cmd 'cat /etc/well' --health-interval 100ms \
		--health-retries 2 --health-timeout 2s "$IMAGE"
	publish 2
	assert_equal "$(row web)" "web registry true"
	run_cmk inspect --format '{{.State.Health.Status}}' web
	assert_equal "$output" healthy
	rm tree/etc/well
	publish 3
	run_cmk auto-update --format '{{.Updated}}'
	assert_equal "$output" "rolled back"
	assert_match "$stderr" "container 'web' has its old image again: .*unhealthy"
	assert_equal "$(version)" 2
	run_cmk 125 auto-update --rollback=false --format '{{.Updated}}'
	assert_equal "$output" failed
	assert_error "update container 'web': .*unhealthy"
	assert_equal "$(version)" 3
}

@test "what cannot be updated is said, and the others are" {
	publish 1
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=registry "$IMAGE"
	run_cmk run -d --name word --net=none -l io.containers.autoupdate=sometimes "$IMAGE"
	run_cmk run -d --name gone --net=none -l io.containers.autoupdate=local "$IMAGE"
	run_cmk run -d --name dir --net=none -l io.containers.autoupdate=registry --rootfs "$(rootfs)" sleep 100
	local digest
	digest=$(raw_digest "docker://$IMAGE:latest")
	run_cmk run -d --name pinned --net=none -l io.containers.autoupdate=registry "$IMAGE@sha256:$digest"
	run_cmk run -d --name keyless --net=none -l io.containers.autoupdate=registry -l io.containers.autoupdate.authfile=/no/such/file "$IMAGE"
	publish 2
	run_cmk 125 auto-update --format '{{.ContainerName}} {{.Updated}}'
	assert_equal "$(sort <<<"$output")" $'dir failed\ngone false\nkeyless failed\npinned failed\nweb true\nword failed'
	assert_match "$stderr" "container 'word': invalid auto-update policy: label io.containers.autoupdate='sometimes': not registry, local or disabled"
	assert_match "$stderr" "container 'dir': it has no image"
	assert_match "$stderr" "container 'pinned': .*never changes"
	assert_match "$stderr" "container 'keyless': .*/no/such/file"
	run_cmk 125 auto-update --format '{{.None}}'
	run_cmk 125 auto-update web
}

@test "a registry that does not answer: the container stays as it is" {
	publish 1
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=registry "$IMAGE"
	local id=$output
	run_cmk tag "$IMAGE" 127.0.0.1:9/app:latest
	run_cmk run -d --name far --net=none -l io.containers.autoupdate=registry 127.0.0.1:9/app
	run_cmk 125 auto-update --format '{{.ContainerName}} {{.Updated}}'
	assert_equal "$(sort <<<"$output")" $'far failed\nweb false'
	assert_error "update container 'far': .*127.0.0.1:9"
	assert_equal "$(cmk inspect --format '{{.Id}}' web)" "$id"
}

# bats test_tags=long
@test "a login by the label, and by --authfile" {
	IMAGE=$(repo app 5004)
	run_cmk login -u tester -p sesame --authfile "$T/auth.json" "$REGISTRY_PLAIN_AUTH"
	export REGISTRY_AUTH_FILE=$T/auth.json
	publish 1
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=registry "$IMAGE"
	publish 2
	unset REGISTRY_AUTH_FILE
	run_cmk 125 auto-update
	run_cmk 125 auto-update --authfile "$T/none.json"
	assert_error "^Error: credential file is not accessible"
	run_cmk auto-update --authfile "$T/auth.json" --format '{{.Updated}}'
	assert_equal "$output" true
	run_cmk rm -f -t 0 web
	run_cmk run -d --name web --net=none -l io.containers.autoupdate=registry -l "io.containers.autoupdate.authfile=$T/auth.json" "$IMAGE"
	assert_equal "$(row web)" "web registry false"
}

@test "a variable that came from the environment is kept, and one that makes it a unit's is not taken" {
	publish 1
	GIVEN='a b' run_cmk run -d --name web --net=none -e GIVEN -l io.containers.autoupdate=registry "$IMAGE"
	publish 2
	PODMAN_SYSTEMD_UNIT=nightly.service run_cmk auto-update --format '{{.Updated}}'
	assert_equal "$output" true
	run_cmk inspect --format '{{.Config.Env}} {{.Config.Labels}}' web
	assert_match "$output" "GIVEN=a b"
	refute_match "$output" nightly
}

@test "a unit of which no manager knows: said in time, and the container stays as it is" {
	publish 1
	run_cmk pull -q "$IMAGE"
	PODMAN_SYSTEMD_UNIT=no-such.service run_cmk run -d --name web --net=none -l io.containers.autoupdate=local "$IMAGE"
	local id=$output
	publish 2
	run_cmk pull -q "$IMAGE"
	unset DBUS_SESSION_BUS_ADDRESS
	run_cmk 125 auto-update --format '{{.Unit}} {{.Updated}}'
	assert_equal "$output" "no-such.service failed"
	assert_match "$stderr" "update container 'web': systemctl: .*; not rolled back: "
	assert_equal "$(cmk inspect --format '{{.Id}} {{.State.Status}}' web)" "$id running"
	assert_equal "$(version)" 1
}

@test "the timer of each day, for users and for the system" {
	[ -x /usr/bin/systemd-analyze ] || skip "systemd-analyze is not installed"
	local kind dir
	for kind in user system; do
		dir=/usr/local/lib/systemd/$kind
		assert_equal "$(sed -n 's/^Exec[a-zA-Z]*=//p' "$dir/cmk-auto-update.service")" $'/usr/local/bin/cmk auto-update\n/usr/local/bin/cmk image prune -f'
		run systemd-analyze "--$kind" --man=no verify "$dir/cmk-auto-update.timer" "$dir/cmk-auto-update.service"
		assert_equal "$status $output" "0 "
	done
	assert_match "$(systemctl --root=/ --global is-enabled cmk-auto-update.timer 2>&1)" '^disabled$'
}
