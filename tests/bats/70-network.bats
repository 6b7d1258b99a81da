#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container's network as its user sees it. What is below, packet by packet, is tests/net/slirp's.
load helpers

setup() {
	common_setup
	PEER=$CMK_TEST_STAGE/tests/net/peer.py
	# The host's python inside a small container.
	PY=(-v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro -v "$PEER:/peer.py:ro" alpine python3 /peer.py)
	port=$((20000 + BATS_SUITE_TEST_NUMBER * 20))
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true
	timeout 20 cmk rm -f -t 0 web >/dev/null 2>&1 || true
	common_teardown
}

# On the host: answers with the peer's address on $1.
host_server() {
	python3 "$PEER" serve "$@" >"$T/server" 2>&1 3>&- &
	server=$!
	assert wait_for 10 grep -q up "$T/server"
}

ask() { timeout 10 python3 "$PEER" ask "$@"; }

# A container NAME with OPTION... that answers on its port 80.
published() {
	run_cmk run -d --name "$1" "${@:2}" "${PY[@]}" serve 80
	# shellcheck disable=SC2317
	is_up() { "$T/bin/cmk" logs "$1" 2>&1 | grep -q up; }
	assert wait_for 10 is_up "$1"
}

@test "the default network has an interface with IPv4 and IPv6, and no wait for it" {
	run_cmk run --rm alpine sh -c 'ip addr; ip route; ip -6 route'
	assert_match "$output" 'inet 127\.0\.0\.1/8.*inet6 ::1/128'
	assert_match "$output" 'inet 10\.0\.2\.100/24.*inet6 fd00::100/64'
	refute_match "$output" 'tentative|fe80'
	assert_match "$output" 'default via 10\.0\.2\.2.*default via fd00::2'
}

@test "tcp goes out over IPv4 and IPv6" {
	host_server $port
	run_cmk run --rm "${PY[@]}" ask tcp "$HOST4" $port
	assert_equal "$output" "$HOST4"
	run_cmk run --rm "${PY[@]}" ask tcp "$HOST6" $port
	assert_equal "$output" "$HOST6"
}

@test "udp goes out over IPv4 and IPv6" {
	host_server $port
	run_cmk run --rm "${PY[@]}" ask udp "$HOST4" $port
	assert_match "$output" "^$HOST4 2$"
	run_cmk run --rm "${PY[@]}" ask udp "$HOST6" $port
	assert_match "$output" "^$HOST6 2$"
}

@test "echo over IPv4 where ping sockets are allowed" {
	[ "$(cut -f 1 /proc/sys/net/ipv4/ping_group_range)" = 0 ] || skip "net.ipv4.ping_group_range allows nobody"
	# busybox's ping knows raw sockets only.
	run_cmk run --rm "${PY[@]}" echo "$HOST4"
	assert_equal "$output" data
}

@test "names are resolved through the host's servers, over IPv4 and IPv6" {
	run_cmk run --rm alpine sh -c 'cat /etc/resolv.conf; nslookup -type=a any.test'
	assert_match "$output" 'nameserver 10\.0\.2\.3'
	assert_match "$output" '192\.0\.2\.1'
	run_cmk run --rm alpine nslookup -type=a any.test fd00::3
	assert_match "$output" '192\.0\.2\.2'
}

@test "the host's loopback is closed" {
	local a
	host_server $port
	assert_equal "$(ask tcp 127.0.0.1 $port)" 127.0.0.1
	for a in 10.0.2.2 fd00::2 127.0.0.1 ::1; do
		run_cmk 1 run --rm "${PY[@]}" ask tcp $a $port
		assert_match "$stderr" 'refused|unreachable'
	done
	run_cmk 1 run --rm "${PY[@]}" ask udp 10.0.2.2 $port
}

@test "a published port answers on every address, tcp and udp" {
	published web -p $port:80 -p $port:80/udp
	assert_equal "$(ask tcp 127.0.0.1 $port)" 10.0.2.2
	assert_equal "$(ask tcp ::1 $port)" fd00::2
	assert_equal "$(ask udp 127.0.0.1 $port)" "10.0.2.2 2"
	assert_equal "$(ask udp ::1 $port)" "fd00::2 2"
	assert_equal "$(ask tcp "$HOST4" $port)" "$HOST4"
	run_cmk rm -f -t 0 web
	refute_match "$(ask tcp 127.0.0.1 $port 2>&1 || echo failed)" '10\.0'
}

@test "the container sees its client's address" {
	published web -p $port:80 -p $port:80/udp
	assert_equal "$(ask tcp "$HOST4" $port 198.51.100.53)" 198.51.100.53
	assert_equal "$(ask udp "$HOST4" $port 198.51.100.53)" "198.51.100.53 2"
	assert_equal "$(ask tcp "$HOST6" $port 2001:db8::53)" 2001:db8::53
	assert_equal "$(ask udp "$HOST6" $port 2001:db8::53)" "2001:db8::53 2"
}

@test "a port is published on one address, a range on all of its ports" {
	published web -p 127.0.0.1:$port:80 -p "[::1]:$((port + 1)):80" -p $((port + 2))-$((port + 4)):79-81
	assert_equal "$(ask tcp 127.0.0.1 $port)" 10.0.2.2
	refute_match "$(ask tcp "$HOST4" $port 2>&1 || echo failed)" '^198'
	assert_equal "$(ask tcp ::1 $((port + 1)))" fd00::2
	assert_equal "$(ask tcp 127.0.0.1 $((port + 3)))" 10.0.2.2
}

@test "one port of a range is chosen, as docker does; sctp is refused with the reason" {
	host_server $port
	published web -p 127.0.0.1:$port-$((port + 9)):80
	run_cmk port web 80
	assert_match "$output" '^127.0.0.1:[0-9]+$'
	assert [ "${output##*:}" -gt $port ]
	assert [ "${output##*:}" -le $((port + 9)) ]
	assert_equal "$(ask tcp 127.0.0.1 "${output##*:}")" 10.0.2.2
	run_cmk 125 run --rm -p 127.0.0.1:$port-$port:80 -p 1-2:3-5 alpine true
	assert_error '2 host ports for 3 container ports'
	run_cmk 125 run --rm -p 80/sctp alpine true
	assert_error "protocol 'sctp': a user's network carries tcp and udp alone"
}

@test "a port in use is named, and nothing is left" {
	host_server $port
	run_cmk 126 run --rm -p $port:80 alpine true
	assert_error "port $port/tcp: address already in use"
	run_cmk 126 run --rm -p $port:80/udp alpine true
	assert_error "port $port/udp: address already in use"
}

@test "a privileged port is named with what to do" {
	run_cmk 126 run --rm -p 81:80 alpine true
	assert_error 'port 81/tcp: .*ip_unprivileged_port_start'
}

@test "an address that is not the host's is named" {
	run_cmk 126 run --rm -p 203.0.113.99:$port:80 alpine true
	assert_error "port 203.0.113.99:$port/tcp: not an address of this host"
}

@test "bad ports are refused" {
	local bad
	for bad in 0 65536 80:0 x:80 8080:80/icmp 8000-8001:80-82 127.0.0.1.1:80:80 '[::1:80:80' -1:80; do
		run_cmk 125 run --rm -p=$bad alpine true
		assert_error "^Error: port '"
		assert grep -qF "'$bad'" <<<"$stderr"
	done
}

@test "--net=none has loopback alone" {
	run_cmk run --rm --net=none alpine sh -c 'ip -o addr; ip route; cat /etc/resolv.conf'
	assert_match "$output" '127\.0\.0\.1/8'
	refute_match "$output" 'tap0|default|nameserver'
}

@test "--net=host is the host's network" {
	host_server $port
	run_cmk run --rm --net=host "${PY[@]}" ask tcp 127.0.0.1 $port
	assert_equal "$output" 127.0.0.1
}

@test "networks that are not built are refused" {
	local net
	for net in bridge pasta slirp4netns:mtu=1500 slirp4netns:allow_host_loopback=true slirp:allow_host_loopback; do
		run_cmk 125 run --rm --net=$net alpine true
		assert_error "'$net'.*not supported yet"
	done
	run_cmk 125 run --rm --net=some-net alpine true
	assert_error "unable to find network with name or ID some-net: network not found .user-defined networks are not supported yet"
}

@test "the helper has no rights by the time that a packet comes" {
	[ "${CMK_TEST_SANITIZED:-}" != yes ] || skip "a sanitizer's run time would not live with the filter"
	local pid field
	published web -p $port:80
	pid=$(pgrep -P "$(cmk inspect --format '{{.State.ConmonPid}}' web)" cmk-slirp)
	for field in $'Seccomp:\t2' $'NoNewPrivs:\t1' $'CapEff:\t0000000000000000' $'CapPrm:\t0000000000000000'; do
		grep -q "^$field" "/proc/$pid/status"
	done
	run_cmk rm -f -t 0 web
}

@test "the helper ends with its container, also when it is killed" {
	published web -p $port:80
	left_processes | grep -q cmk-slirp
	run_cmk kill web
	run_cmk wait web || true
	assert wait_for 5 eval '! left_processes | grep -q cmk-slirp'
}
