# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The fault proxy before the plain registry: see tests/fixtures/faultproxy.
#
#	proxy_start RULE...	sets PROXY to its address; its files are in $T/proxy, or in $PROXY_DIR
#	proxy_stop		all of them
#	requests REGEX		how many requests fitted

PROXY=

proxy_start() {
	local dir=${PROXY_DIR:-$T/proxy}
	rm -rf "$dir"
	mkdir -p "$dir"
	"$FIXTURES/faultproxy" "$dir" "$REGISTRY" "$@" 3>&- &
	echo $! >"$dir/pid"
	disown
	wait_for 20 test -s "$dir/port"
	PROXY=127.0.0.1:$(cat "$dir/port")
	export PROXY
}

proxy_stop() {
	local pid
	for pid in "$T"/*/pid; do
		[ ! -f "$pid" ] || kill "$(cat "$pid")" 2>/dev/null || true
		rm -f "$pid"
	done
}

requests() { grep -c -E -e "$1" "$T/proxy/requests" || true; }
