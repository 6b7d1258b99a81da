#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Logins: whose, checked with whom, kept where; and that podman and skopeo agree.
load helpers
load proxy

setup() {
	common_setup
	AUTH=$XDG_RUNTIME_DIR/containers/auth.json
	mkdir -p "$T/certs"
	cp "$CERTS/ca.pem" "$T/certs/ca.crt"
}

teardown() {
	podman_end
	proxy_stop
	common_teardown
}

log_in() { run_cmk login -u tester -p sesame "$REGISTRY_PLAIN_AUTH"; }

# The helper program docker-credential-testing, which keeps its logins in $T/kept.
helper_program() {
	cat >"$T/bin/docker-credential-testing" <<-'END'
		#!/bin/bash
		kept=$(dirname "$0")/../kept
		mkdir -p "$kept"
		read -r input || true
		case $1 in
		store) server=$(jq -r .ServerURL <<<"$input") ;;
		*) server=$input ;;
		esac
		file=$kept/${server//\//_}
		echo "$1 $server" >>"$kept/../asked"
		case $1 in
		store) echo "$input" >"$file" ;;
		list) cd "$kept" && for f in *; do jq '{(.ServerURL): .Username}' "$f"; done | jq -s add ;;
		*) [ -f "$file" ] || { echo "credentials not found in native keychain" && exit 1; }
			case $1 in get) cat "$file" ;; erase) rm "$file" ;; esac ;;
		esac
	END
	chmod 755 "$T/bin/docker-credential-testing"
}

@test "login keeps a login that the registry believed, and pull uses it" {
	run_cmk 125 pull "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "cmk login $REGISTRY_PLAIN_AUTH"
	log_in
	assert_equal "$output" "Login Succeeded!"
	assert_equal "$(stat -c %a "$AUTH")" 600
	assert_equal "$(jq -r ".auths[\"$REGISTRY_PLAIN_AUTH\"].auth" "$AUTH" | base64 -d)" tester:sesame
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk login --get-login "$REGISTRY_PLAIN_AUTH"
	assert_equal "$output" tester
	run_cmk login "$REGISTRY_PLAIN_AUTH"
	assert_equal "${lines[0]}" "Authenticating with existing credentials for $REGISTRY_PLAIN_AUTH"
	assert_equal "${lines[1]}" "Existing credentials are valid. Already logged in to $REGISTRY_PLAIN_AUTH"
	run_cmk login -v -u tester -p sesame "http://$REGISTRY_PLAIN_AUTH/v2/"
	assert_equal "$output" "Used:  $AUTH"$'\n'"Login Succeeded!"
	run_cmk logout "$REGISTRY_PLAIN_AUTH"
	assert_equal "$output" "Removed login credentials for $REGISTRY_PLAIN_AUTH"
	run_cmk 125 login --get-login "$REGISTRY_PLAIN_AUTH"
	assert_error "^Error: not logged into $REGISTRY_PLAIN_AUTH\$"
	run_cmk 125 logout "$REGISTRY_PLAIN_AUTH"
	assert_error "^Error: not logged into $REGISTRY_PLAIN_AUTH\$"
}

@test "a login that the registry refuses is kept nowhere" {
	run_cmk 125 login -u tester -p wrong "$REGISTRY_PLAIN_AUTH"
	assert_error "^Error: logging into \"$REGISTRY_PLAIN_AUTH\": invalid username/password\$"
	assert [ ! -e "$AUTH" ]
	run_cmk 125 login -u tester -p sesame 127.0.0.1:1
	assert_error 'authenticating creds for "127.0.0.1:1": .*cannot connect'
	run_cmk 125 login -u tester -p sesame "$REGISTRY_AUTH"
	assert_error "certificate"
	run_cmk login -u tester -p sesame --cert-dir "$T/certs" "$REGISTRY_AUTH"
	run_cmk login -u tester -p sesame --tls-verify=false "$REGISTRY_AUTH"
	run_cmk login -u any -p thing "$REGISTRY"
	printf '[[registry]]\nlocation = "blocked.example"\nblocked = true\n' \
		>"$HOME/.config/containers/registries.conf.d/blocked.conf"
	run_cmk 125 login -u a -p b blocked.example
	assert_error "blocked"
}

@test "tokens: the token server's word counts" {
	proxy_start '/v2/=bearer:tester:sesame'
	run_cmk 125 login -u tester -p no --tls-verify=false "$PROXY"
	assert_error "invalid username/password"
	run_cmk login -u tester -p sesame --tls-verify=false "$PROXY"
	assert_equal "$(requests 'scope=')" 0
	run_cmk pull -q --tls-verify=false "$PROXY/library/alpine"
}

@test "a repository has a login of its own" {
	run_cmk login -u tester -p sesame "$REGISTRY_PLAIN_AUTH/library"
	run_cmk 125 login --get-login "$REGISTRY_PLAIN_AUTH"
	run_cmk login --get-login "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_equal "$output" tester
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk 125 logout "$REGISTRY_PLAIN_AUTH"
	run_cmk logout "$REGISTRY_PLAIN_AUTH/library"
	run_cmk 125 login -u a -p b "$REGISTRY_PLAIN_AUTH/library/alpine:latest"
	assert_error 'contains tag or digest'
	run_cmk 125 login -u a -p b "$REGISTRY_PLAIN_AUTH/library/UPPER"
	assert_error lowercase
	run_cmk 125 login -u a -p b 'ex ample/'
	assert_error 'not the name of a registry'
}

@test "without a registry the first that is searched is meant" {
	run_cmk login -u any -p thing
	run_cmk login --get-login "$REGISTRY"
	assert_equal "$output" any
	run_cmk logout
	assert_equal "$output" "Removed login credentials for $REGISTRY"
	echo >"$HOME/.config/containers/registries.conf"
	run_cmk 125 login -u any -p thing
	assert_error "no registries found in registries.conf, a registry must be provided"
}

@test "the password comes from standard input or a secret, and never from nowhere" {
	printf 'ses\name\n' >"$T/password"
	run_cmk login -u tester --password-stdin "$REGISTRY_PLAIN_AUTH" <"$T/password"
	run_cmk 125 login --password-stdin "$REGISTRY_PLAIN_AUTH" <"$T/password"
	assert_error "Must provide --username with --password-stdin"
	run_cmk 125 login -u tester -p x --password-stdin "$REGISTRY_PLAIN_AUTH" <"$T/password"
	assert_error "Can't specify both --password-stdin and --password"
	run_cmk 125 login -u tester "$REGISTRY_PLAIN_AUTH" <"$T/password"
	assert_error "getting username and password: reading password: inappropriate ioctl for device"
	run_cmk 125 login "$REGISTRY_TLS" </dev/null
	assert_error "getting username and password: reading username: EOF"
	head -c 20000 /dev/zero >"$T/zeros"
	run_cmk 125 login -u tester --password-stdin "$REGISTRY_PLAIN_AUTH" <"$T/zeros"
	run_cmk 125 login -u te:ster -p x "$REGISTRY_PLAIN_AUTH"
	assert_error "colon"
	run_cmk 125 login -u tester -p "$(head -c 20000 /dev/zero | tr '\0' x)" "$REGISTRY_PLAIN_AUTH"
	assert_error "longer than"
	printf sesame | run_cmk secret create tester -
	run_cmk logout --all
	run_cmk login --secret tester "$REGISTRY_PLAIN_AUTH"
	run_cmk 125 login --secret tester -p x "$REGISTRY_PLAIN_AUTH"
	assert_error "can not be used with --password"
	run_cmk 125 login --secret nosuch "$REGISTRY_PLAIN_AUTH"
	assert_error "nosuch"
}

@test "on a terminal it asks, and does not show the password" {
	(
		wait_for 20 grep -q Username: "$T/typescript"
		printf 'tester\r'
		wait_for 20 grep -q Password: "$T/typescript"
		printf 'wrong\025\032sesam\303\251\177e\r'
		wait_for 20 grep -q Succeeded "$T/typescript"
	) | script -qefc "cmk login $REGISTRY_PLAIN_AUTH && stty -a" "$T/typescript" >/dev/null
	assert grep -q 'Login Succeeded' "$T/typescript"
	refute_match "$(cat "$T/typescript")" sesam
	assert grep -q ' echo ' "$T/typescript"
	run_cmk login --get-login "$REGISTRY_PLAIN_AUTH"
	# Enter alone takes the name that is known.
	(
		wait_for 20 grep -q 'Username (tester)' "$T/typescript"
		printf '\r'
		wait_for 20 grep -q Succeeded "$T/typescript"
	) | script -qefc "cmk login -p sesame $REGISTRY_PLAIN_AUTH" "$T/typescript" >/dev/null
	# Ctrl-C leaves the terminal as it was.
	(
		wait_for 20 grep -q Password: "$T/typescript"
		printf '\003'
		wait_for 20 grep -q ' echo ' "$T/typescript"
	) | script -qefc "cmk login -u tester $REGISTRY_PLAIN_AUTH; echo code \$?; stty -a" "$T/typescript" >/dev/null
	assert grep -q 'code 130' "$T/typescript"
}

@test "what else is in the file stays, and a file that is none is left alone" {
	mkdir -p "$(dirname "$AUTH")"
	echo '{"zzz":{"n":1.50e3,"s":["é",null,true]},"auths":{"other.example":{"auth":"YTpi","x":1}},"aaa":[]}' >"$AUTH"
	log_in
	assert_equal "$(jq -c '[.zzz,.auths["other.example"],.aaa]' "$AUTH")" \
		'[{"n":1500,"s":["é",null,true]},{"auth":"YTpi","x":1},[]]'
	assert grep -q '1.50e3' "$AUTH"
	run_cmk logout "$REGISTRY_PLAIN_AUTH"
	assert_equal "$(jq -c '[.zzz,.auths,.aaa]' "$AUTH")" \
		'[{"n":1500,"s":["é",null,true]},{"other.example":{"auth":"YTpi","x":1}},[]]'
	run_cmk logout --all
	assert_equal "$output" "Removed login credentials for all registries"
	assert_equal "$(jq -c '[.auths,.aaa]' "$AUTH")" '[{},[]]'
	run_cmk 125 logout --all "$REGISTRY"
	assert_error "^Error: --all takes no arguments"
	for text in broken '[]' '{"auths":[]}' '{"a":1,"a":2}'; do
		echo "$text" >"$AUTH"
		run_cmk 125 login -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
		assert_error "auth.json"
		assert_equal "$(cat "$AUTH")" "$text"
	done
	: >"$AUTH"
	log_in
	# Behind a link is what is meant.
	mv "$AUTH" "$T/real.json"
	ln -s "$T/real.json" "$AUTH"
	run_cmk login -u any -p thing "$REGISTRY"
	assert [ -L "$AUTH" ]
	assert_equal "$(jq '.auths | length' "$T/real.json")" 2
}

@test "files are chosen by --authfile, \$REGISTRY_AUTH_FILE and --compat-auth-file" {
	run_cmk login --authfile "$T/new/dir/auth.json" -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	assert_equal "$(stat -c %a "$T/new/dir" "$T/new/dir/auth.json" | xargs)" "700 600"
	assert [ ! -e "$AUTH" ]
	run_cmk 125 logout --authfile "$T/none.json" "$REGISTRY_PLAIN_AUTH"
	assert_error "credential file is not accessible: faccessat $T/none.json: no such file or directory"
	run_cmk logout --authfile "$T/new/dir/auth.json" "$REGISTRY_PLAIN_AUTH"
	REGISTRY_AUTH_FILE=$T/env.json run_cmk login -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	assert [ -s "$T/env.json" ]
	run_cmk login --compat-auth-file "$T/config.json" -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	assert [ -s "$T/config.json" ]
	run_cmk 125 login --compat-auth-file "$T/config.json" -u a -p b "$REGISTRY_PLAIN_AUTH/library"
	assert_error "docker's format"
	run_cmk 125 login --compat-auth-file "$T/config.json" --authfile "$T/config.json" -u a -p b "$REGISTRY"
	echo '{"auths":{"https://index.docker.io/v1/":{"auth":"YTpi"}}}' >"$T/config.json"
	run_cmk login --compat-auth-file "$T/config.json" --get-login docker.io
	assert_equal "$output" a
	run_cmk logout --compat-auth-file "$T/config.json" docker.io
	assert_equal "$(jq -c .auths "$T/config.json")" '{}'
	# What docker wrote is used, and is docker's to remove.
	mkdir -p "$HOME/.docker"
	cp "$T/env.json" "$HOME/.docker/config.json"
	run_cmk login --get-login "$REGISTRY_PLAIN_AUTH"
	run_cmk logout "$REGISTRY_PLAIN_AUTH"
	assert_match "$output" "established via docker login"
}

@test "podman and skopeo read what cmk wrote, and the other way round" {
	log_in
	podman login --get-login "$REGISTRY_PLAIN_AUTH"
	skopeo inspect --tls-verify=false "docker://$REGISTRY_PLAIN_AUTH/library/alpine" >/dev/null
	podman logout "$REGISTRY_PLAIN_AUTH"
	run_cmk 125 login --get-login "$REGISTRY_PLAIN_AUTH"
	podman login --tls-verify=false -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	skopeo login --tls-verify=false -u tester -p sesame "$REGISTRY_AUTH"
	run_cmk login --get-login "$REGISTRY_AUTH"
	assert_equal "$output" tester
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk logout "$REGISTRY_AUTH"
	skopeo login --get-login "$REGISTRY_PLAIN_AUTH"
	if skopeo login --get-login "$REGISTRY_AUTH"; then return 1; fi
}

# bats test_tags=long
@test "a helper program keeps logins, of one registry or of all" {
	helper_program
	mkdir -p "$(dirname "$AUTH")"
	echo "{\"credHelpers\":{\"$REGISTRY_PLAIN_AUTH\":\"testing\"}}" >"$AUTH"
	run_cmk login -v -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	assert_equal "${lines[0]}" "Used:  credential helper: testing"
	refute_match "$(cat "$AUTH")" auths
	assert_equal "$(podman login --get-login "$REGISTRY_PLAIN_AUTH")" tester
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk 125 login -u tester -p sesame "$REGISTRY_PLAIN_AUTH/library"
	assert_error "namespaced key is not supported for credential helper testing"
	run_cmk logout "$REGISTRY_PLAIN_AUTH"
	assert [ -z "$(ls "$T/kept")" ]
	run_cmk 125 logout "$REGISTRY_PLAIN_AUTH"
	# The plain entry would be believed first: it goes.
	echo "{\"credsStore\":\"testing\",\"auths\":{\"$REGISTRY\":{\"auth\":\"YTpi\"}}}" >"$AUTH"
	run_cmk login -u any -p thing "$REGISTRY"
	assert_equal "$(jq -c . "$AUTH")" '{"credsStore":"testing","auths":{}}'
	log_in
	run_cmk login --get-login "$REGISTRY"
	assert_equal "$output" any
	run_cmk logout --all
	assert [ -z "$(ls "$T/kept")" ]
	printf '#!/bin/sh\necho "the safe is jammed"; exit 1\n' >"$T/bin/docker-credential-testing"
	run_cmk 125 login -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	assert_error "docker-credential-testing store: the safe is jammed"
	rm "$T/bin/docker-credential-testing"
	run_cmk 125 logout "$REGISTRY_PLAIN_AUTH"
	assert_error "credential helper 'docker-credential-testing' not found in PATH"
}

@test "logins at the same time are all kept" {
	local i pids=()
	for i in 1 2 3 4 5 6 7 8; do
		cmk_background "$i" login -u any -p thing "$REGISTRY/r$i"
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	assert_equal "$(jq '.auths | length' "$AUTH")" 8
	assert_equal "$(ls "$(dirname "$AUTH")")" auth.json
}

@test "the programs that registries.conf names are asked, in their order with the files" {
	helper_program
	local conf=$HOME/.config/containers/registries.conf
	sed -i '1i credential-helpers = ["testing"]' "$conf"
	run_cmk 125 pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	printf '{"ServerURL": "%s", "Username": "tester", "Secret": "sesame"}\n' "$REGISTRY_PLAIN_AUTH" |
		docker-credential-testing store
	run_cmk pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk login --get-login "$REGISTRY_PLAIN_AUTH"
	assert_equal "$output" tester
	# The files first, where that is said.
	sed -i '1s/.*/credential-helpers = ["containers-auth.json", "testing"]/' "$conf"
	mkdir -p "$HOME/.docker"
	printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$REGISTRY_PLAIN_AUTH" "$(printf 'other:word' | base64)" \
		>"$HOME/.docker/config.json"
	run_cmk login --get-login "$REGISTRY_PLAIN_AUTH"
	assert_equal "$output" other
	sed -i '1s/.*/credential-helpers = ["absent"]/' "$conf"
	run_cmk 125 pull -q "$REGISTRY_PLAIN_AUTH/library/alpine"
	assert_error "credential helper 'docker-credential-absent' not found in PATH"
}
