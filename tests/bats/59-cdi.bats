#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --device and --gpus by the Container Device Interface.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	mkdir cdi
	opts=()
}

teardown() {
	timeout 20 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

run_in() { run_cmk --cdi-spec-dir "$T/cdi" run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }
# refused REGEX OPTION... by the name that follows
refused() {
	local why=$1
	shift
	run_cmk 125 --cdi-spec-dir "$T/cdi" run --rm --net=none "$@" --rootfs "$fs" true
	assert_error "$why"
	assert nothing_left
}

write_vendor() {
	mkdir -p shared
	echo content >shared/file
	cat >cdi/vendor.yaml <<-E
		cdiVersion: "0.6.0"
		kind: vendor.com/device
		annotations: {made.by: tests}
		devices:
		- name: zero
		  containerEdits:
		    env:
		    - WHICH=zero
		    deviceNodes:
		    - path: /dev/vendor0
		      hostPath: /dev/zero
		      type: c
		      major: 1
		      minor: 5
		      permissions: rw
		- name: "mig:1"
		  containerEdits:
		    env: [WHICH=mig]
		    mounts:
		    - hostPath: $T/shared
		      containerPath: /opt/vendor
		      options: [ro, nosuid, rbind]
		- name: null
		  containerEdits: {}
		containerEdits:
		  env: [VENDOR=1]
		  deviceNodes:
		  - path: /dev/full2
		    hostPath: /dev/full
	E
	sed -i 's/name: null/name: "null"/' cdi/vendor.yaml
}

@test "nodes, mounts and variables of the devices that are named" {
	write_vendor
	opts=(--device vendor.com/device=zero)
	run_in sh -c 'echo $VENDOR $WHICH; head -c 3 /dev/vendor0 | wc -c; test -c /dev/full2 && echo full; test -e /opt/vendor || echo no'
	assert_equal "$output" $'1 zero\n3\nfull\nno'
	opts=(--device vendor.com/device=zero --device vendor.com/device=mig:1 --device vendor.com/device=zero)
	run_in sh -c 'echo $VENDOR $WHICH; cat /opt/vendor/file; touch /opt/vendor/x || echo read-only; test -c /dev/vendor0 && echo zero'
	assert_equal "$output" $'1 mig\ncontent\nread-only\nzero'
	# Beside a device of the host's.
	opts=(--device vendor.com/device=null --device /dev/null:/dev/mine)
	run_in sh -c 'test -c /dev/mine && echo $VENDOR'
	assert_equal "$output" 1
	run_cmk --cdi-spec-dir "$T/cdi" create --name c --net=none --device vendor.com/device=zero --rootfs "$fs" true
	run_cmk inspect -f '{{range .HostConfig.Devices}}{{.PathOnHost}} {{.PathInContainer}} {{.CgroupPermissions}} {{end}}' c
	assert_equal "$output" '/dev/full /dev/full2 rwm /dev/zero /dev/vendor0 rw '
}

@test "with a map of its own, in exec and at the next start" {
	write_vendor
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q fs.tar img
	run_cmk --cdi-spec-dir "$T/cdi" run -d --name c --net=none --userns keep-id --device vendor.com/device=zero --device vendor.com/device=mig:1 img sleep 100
	# What was read when it was made stays.
	rm -r cdi
	local i
	for i in 1 2; do
		run_cmk exec c sh -c 'echo $VENDOR; head -c 2 /dev/vendor0 | wc -c; cat /opt/vendor/file'
		assert_equal "$output" $'1\n2\ncontent'
		run_cmk restart -t 0 c
	done
}

@test "hooks and groups" {
	cat >hook <<-'E'
		#!/bin/sh
		cat >"$1.$2"
	E
	chmod +x hook
	cat >cdi/h.json <<-E
		{"cdiVersion": "1.0.0", "kind": "v/h", "devices": [{"name": "x", "containerEdits": {
			"hooks": [{"hookName": "createRuntime", "path": "$T/hook", "args": ["hook", "$T/said", "runtime"], "timeout": 10},
				{"hookName": "poststop", "path": "$T/hook", "args": ["hook", "$T/said", "stop"]}],
			"additionalGids": [0, 1234]}}]}
	E
	opts=(--device v/h=x)
	run_in id -G
	assert_match " $output " " 1234 "
	assert_equal "$(jq -r .status said.runtime)" creating
	wait_for 10 test -s said.stop
	run_cmk 126 --cdi-spec-dir "$T/cdi" run --rm --net=none --device v/h=x --uidmap 0:0:10 --rootfs "$fs" id
	assert_error "a group id is not mapped here"
}

@test "directories: the last one has the highest rank; the defaults; two files that say the same" {
	local d
	mkdir other "$HOME/.config/cdi"
	for d in cdi other "$HOME/.config/cdi"; do
		printf 'cdiVersion: 0.3.0\nkind: v.com/c\ndevices:\n- {name: x, containerEdits: {env: ["FROM=%s"]}}\n' "${d##*/}${d%%/*}" >"$d/a.yaml"
	done
	run_cmk --cdi-spec-dir cdi --cdi-spec-dir other run --rm --net=none --device v.com/c=x --rootfs "$fs" sh -c 'echo $FROM'
	assert_equal "$output" otherother
	run_cmk run --rm --net=none --device v.com/c=x --rootfs "$fs" sh -c 'echo $FROM'
	assert_equal "$output" cdi
	printf '[engine]\ncdi_spec_dirs = ["%s"]\n' "$T/other" >"$HOME/.config/containers/containers.conf"
	run_cmk run --rm --net=none --device v.com/c=x --rootfs "$fs" sh -c 'echo $FROM'
	assert_equal "$output" otherother
	cp cdi/a.yaml cdi/b.yaml
	refused "CDI device 'v.com/c=x' is in '$T/cdi/a.yaml' and in '$T/cdi/b.yaml'" --device v.com/c=x
	# Other names are no files of CDI.
	mv cdi/b.yaml cdi/b.yml
	cp cdi/a.yaml cdi/.c.yaml
	opts=(--device v.com/c=x)
	run_in true
}

@test "--gpus is nvidia.com/gpu" {
	cat >cdi/nvidia.yaml <<-'E'
		cdiVersion: 0.5.0
		kind: nvidia.com/gpu
		devices:
		- {name: all, containerEdits: {env: [GPU=all]}}
		- {name: "0", containerEdits: {env: [GPU=0]}}
		- {name: "1", containerEdits: {env: [SECOND=1]}}
	E
	opts=(--gpus all)
	run_in sh -c 'echo $GPU'
	assert_equal "$output" all
	opts=(--gpus 0,1)
	run_in sh -c 'echo $GPU $SECOND'
	assert_equal "$output" '0 1'
	opts=(--gpus '"device=0,1"')
	run_in sh -c 'echo $GPU $SECOND'
	assert_equal "$output" '0 1'
	opts=(--gpus count=all)
	run_in sh -c 'echo $GPU'
	assert_equal "$output" all
	refused "unresolvable CDI devices nvidia.com/gpu=7" --gpus 7
	refused "neither 'all' nor the name" --gpus capabilities=compute
	rm cdi/nvidia.yaml
	refused "unresolvable CDI devices nvidia.com/gpu=all" --gpus all
}

# bats test_tags=long
@test "what is not there, what is wrong: file, line and field" {
	write_vendor
	refused "setting up CDI devices: unresolvable CDI devices a.com/b=x, vendor.com/device=y" --device a.com/b=x --device vendor.com/device=zero --device vendor.com/device=y
	refused "neither a path nor of the form" --device vendor=x
	refused "stat /dev/nosuch=x" --device /dev/nosuch=x
	sed 's/hostPath: .dev.zero/hostpath: \/dev\/zero/' cdi/vendor.yaml >cdi/a.yaml
	# Found all the same: a warning.
	opts=(--device vendor.com/device=null)
	run_in true
	assert_match "$stderr" "CDI file '$T/cdi/a.yaml': line 11: devices\[0\].containerEdits.deviceNodes\[0\].hostpath: there is no such field"
	rm cdi/vendor.yaml
	refused "unresolvable CDI devices vendor.com/device=zero: CDI file '$T/cdi/a.yaml': line 11: .*hostpath" --device vendor.com/device=zero
	rm cdi/a.yaml
	bad() {
		local why=$1
		printf '{"cdiVersion": "1.0.0", "kind": "v/c", "devices": [\n{"name": "x", "containerEdits": {%s}}]}' "$2" >cdi/c.json
		refused "$why" --device v/c=x
	}
	bad "'/dev/no-such' *: no such file" '"deviceNodes": [{"path": "/dev/x", "hostPath": "/dev/no-such"}]'
	bad "'/dev/null': the host's is another \(c 1:3\)" '"deviceNodes": [{"path": "/dev/null", "minor": 7}]'
	bad "'/dev/null': the host's is another" '"deviceNodes": [{"path": "/dev/null", "type": "b"}]'
	bad "'/etc/passwd': not a device node" '"deviceNodes": [{"path": "/etc/passwd"}]'
	bad "CDI mount '/m': '/no-such' is not there" '"mounts": [{"hostPath": "/no-such", "containerPath": "/m"}]'
	bad "type 'nfs' is not supported" '"mounts": [{"hostPath": "x:/y", "containerPath": "/m", "type": "nfs"}]'
	bad "'intelRdt' of a device is not supported" '"intelRdt": {"closID": "x"}'
	bad "line 2: devices\[0\].containerEdits.env: 'A' is not of the form" '"env": ["A"]'
	printf '{"cdiVersion": "9.0.0"}' >cdi/c.json
	refused "version '9.0.0' of CDI is not known" --device v/c=x
	head -c 2000000 /dev/zero >cdi/c.json
	refused "CDI file '$T/cdi/c.json'" --device v/c=x
	mkfifo cdi/p.yaml
	refused "unresolvable" --device v/c=x
}
