#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Global options that name parts which cmk has in itself or not yet, and the commands on pods, of which there are none.
load helpers

@test "--conmon is looked at, and nothing is run from there" {
	printf '#!/bin/sh\ntouch %s/ran\n' "$T" >conmon
	chmod 755 conmon
	run_cmk --conmon "$T/conmon" run --rm --net=none --rootfs "$(rootfs)" echo hi
	assert_equal "$output" hi
	assert_equal "$stderr" ""
	assert [ ! -e ran ]
	run_cmk --conmon "$T/conmon" info --format '{{.Host.Conmon.Path}}'
	assert_equal "$output" ""
	# A host without podman's monitor is no worse for it.
	run_cmk --conmon "$T/absent" ps
	chmod 644 conmon
	run_cmk 125 --conmon "$T/conmon" ps
	assert_error "--conmon: '$T/conmon' is not an executable file"
}

@test "--network-config-dir: what is defined there is refused by name" {
	local fs
	fs=$(rootfs)
	run_cmk --network-config-dir "$T/absent" run --rm --net=none --rootfs "$fs" true
	mkdir nets
	run_cmk --network-config-dir nets run --rm --rootfs "$fs" true
	run_cmk 125 --network-config-dir nets run --rm --network mine --rootfs "$fs" true
	assert_error "unable to find network with name or ID mine: network not found"
	echo '{"name": "mine"}' >nets/mine.json
	echo '{}' >nets/none.conflist
	run_cmk 125 --network-config-dir nets run --rm --network mine --rootfs "$fs" true
	assert_error "network 'mine' of 'nets/mine.json': user-defined networks are not supported yet"
	run_cmk 125 create --network-config-dir nets --network mine --rootfs "$fs" true
	assert_error "network 'mine' of 'nets/mine.json'"
	run_cmk 125 --network-config-dir nets run --network none --rootfs "$fs" true
	assert_error "network 'none' of 'nets/none.conflist'"
	# What joins no such network does not ask for it.
	run_cmk --network-config-dir nets run --rm --rootfs "$fs" true
	run_cmk --network-config-dir nets run --rm --network host --rootfs "$fs" true
	run_cmk --network-config-dir nets ps
}

@test "--config that is a file is no directory of docker's" {
	run_cmk --config "$T/absent" ps
	touch plain
	run_cmk 1 --config "$T/plain" ps
	assert_equal "$stderr" "Supplied --config file ($T/plain) is not a directory"
}

@test "there are no pods to list, to remove or to find" {
	local command
	for command in ps ls list; do
		run_cmk pod $command
		assert_match "$output" '^POD ID +NAME +STATUS +CREATED +INFRA ID +# OF CONTAINERS *$'
	done
	run_cmk pod ps --ns --ctr-names --ctr-ids --ctr-status
	assert_match "$output" '^POD ID +NAME +STATUS +CREATED +INFRA ID +IDS +NAMES +STATUS +CGROUP +NAMESPACES *$'
	run_cmk pod ps --noheading --filter status=running --sort name
	assert_equal "$output" ""
	run_cmk pod ps -q --no-trunc
	assert_equal "$output" ""
	run_cmk pod ps --format json
	assert_equal "$output" "[]"
	run_cmk pod ls --format '{{.ID}} {{.Name}} status={{.Status}} ({{.NumberOfContainers}} containers)'
	assert_equal "$output" ""
	run_cmk 125 pod ps --filter wibble=1
	assert_error 'wibble is an invalid filter'
	run_cmk 125 pod ps --filter wibble
	assert_error 'filter input must be in the form of filter=value: wibble is invalid'
	run_cmk 125 pod ps -q --format json
	assert_error 'quiet and format cannot be used together'
	run_cmk 1 pod exists web
	assert_equal "$output$stderr" ""
	run_cmk pod prune -f
	assert_equal "$output$stderr" ""
	run_cmk pod rm -fa -t 0
	assert_equal "$output$stderr" ""
	run_cmk pod rm -t 0 --all --force --ignore
	run_cmk pod rm --ignore web
	run_cmk pod rm -f web
	assert_equal "$output$stderr" ""
	run_cmk 1 pod rm web api
	assert_equal "$stderr" 'Error: no pod with name or ID web found: no such pod
Error: no pod with name or ID api found: no such pod'
	run_cmk 1 pod rm --latest
	assert_error 'no such pod'
	echo 0123456789ab >id
	run_cmk 1 pod rm --pod-id-file id
	assert_error 'no pod with name or ID 0123456789ab found'
	run_cmk 125 pod rm --pod-id-file absent
	assert_error "'absent'.*no such file"
	run_cmk 125 pod rm
	assert_error 'you must provide at least one name or id'
	run_cmk 125 pod rm -a web
	run_cmk 125 pod rm -a -t 0
	assert_error '--force option must be specified to use the --time option'
	run_cmk 125 pod create web
	assert_error "not supported yet: 'cmk pod create'"
	run_cmk 125 pod stop --all
	assert_error "not supported yet: 'cmk pod stop'"
}

@test "--network-backend and --db-backend take podman's words" {
	run_cmk --network-backend netavark --db-backend sqlite ps
	run_cmk --network-backend cni --db-backend boltdb ps
	run_cmk 125 --network-backend other ps
	assert_error "'other' for option '--network-backend': not one of netavark|cni"
	run_cmk 125 --db-backend other ps
	assert_error "'other' for option '--db-backend': not one of sqlite|boltdb"
}
