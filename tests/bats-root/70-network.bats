#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What root has to lay: a client in another network, an /etc/resolv.conf that is replaced.
load ../bats/helpers

setup() {
	common_setup
	PEER=$CMK_TEST_STAGE/tests/net/peer.py
	PY=(-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro -v "$PEER:/peer.py:ro" alpine python3 /peer.py)
}

teardown() {
	[ -z "${remote:-}" ] || kill "$remote" 2>/dev/null || true
	timeout 20 cmk rm -f -t 0 web >/dev/null 2>&1 || true
	common_teardown
}

@test "the container sees the address of a client from another network" {
	unshare -n sleep 60 3>&- &
	remote=$!
	assert wait_for 5 eval '[ "$(readlink /proc/$remote/ns/net)" != "$(readlink /proc/self/ns/net)" ]'
	ip link add far0 type veth peer name far1 netns $remote
	ip addr add 203.0.113.1/24 dev far0
	ip link set far0 up
	nsenter -n -t $remote sh -c 'ip link set lo up; ip addr add 203.0.113.7/24 dev far1; ip link set far1 up'
	run_cmk run -d --name web -p 8080:80 -p 8080:80/udp "${PY[@]}" serve 80
	assert wait_for 10 eval '"$T/bin/cmk" logs web 2>&1 | grep -q up'
	assert_equal "$(nsenter -n -t $remote timeout 10 python3 "$PEER" ask tcp 203.0.113.1 8080)" 203.0.113.7
	assert_equal "$(nsenter -n -t $remote timeout 10 python3 "$PEER" ask udp 203.0.113.1 8080)" "203.0.113.7 2"
}

@test "a running container follows a replaced resolv.conf, also to systemd's stub" {
	run_cmk pull -q alpine
	cp -r /etc "$T/etc"
	unshare --mount --propagation private bash -c '
		mount --bind "$T/etc" /etc && mkdir -p /run/systemd/resolve &&
		mount -t tmpfs tmpfs /run/systemd/resolve || exit 99
		mkfifo fifo
		timeout 30 cmk run --rm -i alpine sh -c "nslookup -type=a a.test; read x; nslookup -type=a a.test" >out 2>&1 <fifo &
		exec 7>fifo
		until grep -q 192.0.2.1 out; do sleep 0.05; done
		echo "nameserver 127.0.0.53" >/run/systemd/resolve/stub-resolv.conf
		ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf.new
		mv /etc/resolv.conf.new /etc/resolv.conf
		sleep 1.2 # libslirp looks once a second
		echo >&7
		wait'
	cat out
	assert_match "$(cat out)" '192\.0\.2\.1.*192\.0\.2\.3'
}
