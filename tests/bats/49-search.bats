#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Search, in registries with a search of their own and without.
load helpers
load proxy

teardown() {
	podman_end
	proxy_stop
	common_teardown
}

# Of a registry with the search of the first version.
search_answer() {
	cat >"$T/answer" <<-'END'
		{"num_results":3,"query":"x","results":[
		{"name":"alpine","description":"A minimal image based on\nmusl libc, with a package index \u001b[31mred","star_count":7956,"is_official":true,"is_automated":false},
		{"name":"alpine/git","description":"short","star_count":192,"is_official":false,"is_automated":true},
		{"name":"x/alpine","star_count":0,"is_official":false}]}
	END
}

@test "a list of repositories is searched for the term" {
	run_cmk search alpi
	assert_equal "${lines[0]}" "NAME                           DESCRIPTION"
	assert_match "${lines[1]}" "^$REGISTRY/library/alpine *\$"
	assert_equal "${#lines[@]}" 2
	run_cmk search "$REGISTRY/"
	assert [ "${#lines[@]}" -gt 5 ]
	run_cmk search --limit 2 "$REGISTRY/"
	assert_equal "${#lines[@]}" 3
	run_cmk search --format json "$REGISTRY/alpine"
	assert_equal "$(jq -c . <<<"$output")" \
		"[{\"Index\":\"$REGISTRY\",\"Name\":\"$REGISTRY/library/alpine\",\"Description\":\"\",\"Stars\":0,\"Official\":\"\",\"Automated\":\"\",\"Tag\":\"\"}]"
	assert_equal "$output" "$(podman search --format json --tls-verify=false "$REGISTRY/alpine")"
	run_cmk search --format '{{.Index}} {{.Name}}' "$REGISTRY/library/alpine"
	assert_equal "$output" "$REGISTRY $REGISTRY/library/alpine"
	run_cmk image search nosuchthing
	assert_equal "$output" ""
}

@test "a registry's own search gives stars and descriptions" {
	search_answer
	proxy_start "/v1/search=body:$T/answer"
	run_cmk search --tls-verify=false "$PROXY/alp ine&n=1"
	assert_equal "$(requests 'q=alp%20ine%26n%3D1&n=25 ')" 1
	assert_match "${lines[1]}" "^$PROXY/alpine +A minimal image based on musl libc, with a p\.\.\. *\$"
	assert_match "${lines[2]}" "^$PROXY/alpine/git +short *\$"
	assert_equal "${#lines[@]}" 4
	run_cmk search --tls-verify=false --no-trunc --format '{{.Name}}|{{.Description}}|{{.Stars}}|{{.Official}}|{{.IsAutomated}}' "$PROXY/x"
	assert_equal "${lines[0]}" "$PROXY/alpine|A minimal image based on musl libc, with a package index  [31mred|7956|[OK]|"
	assert_equal "${lines[1]}" "$PROXY/alpine/git|short|192||[OK]"
	run_cmk search --tls-verify=false --compatible --filter stars=1 --filter is-official=false "$PROXY/x"
	assert_match "${lines[0]}" '^NAME +DESCRIPTION +STARS +OFFICIAL +AUTOMATED'
	assert_match "${lines[1]}" '/git +short +192 +\[OK\] *$'
	assert_equal "${#lines[@]}" 2
	run_cmk search --tls-verify=false --filter is-official --format '{{.Name}}' "$PROXY/x"
	assert_equal "$output" "$PROXY/alpine"
	run_cmk search --tls-verify=false --limit 1 --format '{{.Name}}' "$PROXY/x"
	assert_equal "$output" "$PROXY/alpine"
	# What is no answer is no search.
	echo '<html>' >"$T/answer"
	run_cmk search --tls-verify=false --format '{{.Name}}' "$PROXY/alpine"
	assert_equal "$output" "$PROXY/library/alpine"
}

@test "a list that goes on elsewhere is read to its end, on the same registry" {
	echo '{"repositories":["a/one","a/b"]}' >"$T/1"
	echo '{"repositories":["one","b/one"]}' >"$T/2"
	proxy_start "_catalog\$=page:http://elsewhere.example/v2/_catalog?page2:$T/1" "page2\$=body:$T/2"
	run_cmk search --tls-verify=false --format '{{.Name}}' "$PROXY/one"
	assert_equal "$output" "$PROXY/one"$'\n'"$PROXY/a/one"$'\n'"$PROXY/b/one"
	run_cmk search --tls-verify=false --limit 1 --format '{{.Name}}' "$PROXY/a/b"
	assert_equal "$output" "$PROXY/a/b"
	proxy_stop
	proxy_start "_catalog=page:/v2/_catalog:$T/1"
	run_cmk 125 search --tls-verify=false "$PROXY/nothing"
	assert_error "the list goes on with itself"
	proxy_stop
	echo '{"repositories":["a",1]}' >"$T/1"
	proxy_start "_catalog=body:$T/1"
	run_cmk 125 search --tls-verify=false "$PROXY/a"
	assert_error "couldn't search registry \"$PROXY\": .*repositories"
}

@test "--list-tags" {
	run_cmk search --list-tags "$REGISTRY/library/alpine"
	assert_equal "${lines[0]}" "NAME                           TAG"
	assert_equal "$output" "$(podman search --list-tags --tls-verify=false "$REGISTRY/library/alpine")"
	run_cmk search --list-tags --format json "$REGISTRY/library/alpine"
	assert_equal "$output" "$(podman search --list-tags --format json --tls-verify=false "$REGISTRY/library/alpine")"
	run_cmk search --list-tags --format '{{.Name}}' --limit 1 alpine
	assert_equal "$output" "$REGISTRY/library/alpine"
	echo '{"name":"x","tags":["1","2"]}' >"$T/1"
	echo '{"name":"x","tags":["3"]}' >"$T/2"
	proxy_start "list\$=page:/v2/x/tags/list?page2:$T/1" "page2\$=body:$T/2"
	run_cmk search --tls-verify=false --list-tags --format '{{.Tag}}' "$PROXY/x"
	assert_equal "$output" $'1\n2\n3'
	run_cmk search --tls-verify=false --list-tags --limit 1 --format '{{.Tag}}' "$PROXY/x"
	assert_equal "$output" 1
	run_cmk 125 search --list-tags "$REGISTRY/library/nosuch"
	assert_error "getting repository tags: fetching tags list"
	run_cmk 125 search --list-tags "$REGISTRY/library/UP"
	assert_error "must be a docker reference"
	run_cmk 125 search --list-tags --filter stars=1 "$REGISTRY/library/alpine"
	assert_error "filters are not applicable to list tags result"
}

@test "credentials are those of a login, or --creds" {
	run_cmk 125 search "$REGISTRY_PLAIN_AUTH/alpine"
	assert_error "couldn't search registry \"$REGISTRY_PLAIN_AUTH\": .*authentication required"
	run_cmk search --creds tester:sesame --format '{{.Name}}' "$REGISTRY_PLAIN_AUTH/alpine"
	assert_equal "$output" "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk 125 search --creds tester:wrong "$REGISTRY_PLAIN_AUTH/alpine"
	assert_error "refused"
	run_cmk login -u tester -p sesame "$REGISTRY_PLAIN_AUTH"
	run_cmk search --format '{{.Name}}' "$REGISTRY_PLAIN_AUTH/alpine"
	assert_equal "$output" "$REGISTRY_PLAIN_AUTH/library/alpine"
	run_cmk 125 search --authfile "$T/none" alpine
	assert_error "credential file is not accessible"
	run_cmk 125 search "$REGISTRY_TLS/alpine"
	assert_error "certificate"
	mkdir "$T/certs"
	cp "$CERTS/ca.pem" "$T/certs/ca.crt"
	run_cmk search --cert-dir "$T/certs" "$REGISTRY_TLS/alpine"
}

@test "all registries are searched, and one that fails is a warning where another found something" {
	sed -i "1s/.*/unqualified-search-registries = [\"127.0.0.1:1\", \"$REGISTRY\", \"$REGISTRY_PLAIN_AUTH\"]/" \
		"$HOME/.config/containers/registries.conf"
	run_cmk search --format '{{.Name}}' library/alpine
	assert_equal "$output" "$REGISTRY/library/alpine"
	assert_match "$stderr" "level=warning .*127.0.0.1:1.*$REGISTRY_PLAIN_AUTH"
	run_cmk 125 search nosuchthing
	assert_error "couldn't search registry \"127.0.0.1:1\": .*; couldn't search registry \"$REGISTRY_PLAIN_AUTH\": "
}

@test "bad words" {
	run_cmk 125 search --filter stars=x "$REGISTRY/a"
	assert_error "incorrect value type for stars filter"
	run_cmk 125 search --filter stars "$REGISTRY/a"
	assert_error 'invalid filter "stars", should be stars=<value>'
	run_cmk 125 search --filter foo=1 "$REGISTRY/a"
	assert_error 'invalid filter type "foo=1"'
	run_cmk 125 search --limit -1 a
	run_cmk 125 search --format '{{.Nosuch}}' "$REGISTRY/alpine"
	run_cmk 125 search --format '{{' "$REGISTRY/alpine"
	run_cmk 125 search
	run_cmk 125 search a b
	run_cmk 125 search 'a_b.c/x'
	assert_error "not the name of a registry"
}
