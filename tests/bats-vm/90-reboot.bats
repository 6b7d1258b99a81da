#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root reboot
# What is true after the machine was booted anew.
load sessions

@test "before the reboot: containers of each restart policy run" {
	as cmk 'set -e; mkdir -p fs; tar -xf /srv/cache/busybox.tar --no-same-owner -C fs
		for policy in no always unless-stopped; do cmk run -d --name "$policy" --net=none --restart "$policy" --rootfs fs sleep 1000; done
		cmk run -d --name stopped --net=none --restart unless-stopped --rootfs fs sleep 1000
		cmk stop -t 0 stopped; cmk run -d --rm --name gone --net=none --rootfs fs sleep 1000'
	[ "$(as cmk 'cmk ps -q | wc -l')" = 4 ]
}

@test "after the reboot: nothing runs, what had --rm is gone, and those start whose policy says so" {
	assert_equal "$(as cmk 'cmk ps -q')" ""
	assert_equal "$(as cmk 'cmk ps -a --format "{{.Names}}" | sort | tr "\n" " "')" "always no stopped unless-stopped "
	as cmk 'cmk start --all --filter should-start-on-boot=true'
	assert_equal "$(as cmk 'cmk ps --format "{{.Names}}" | sort | tr "\n" " "')" "always unless-stopped "
	as cmk 'cmk rm -f -t 0 -a; cmk system check'
}
