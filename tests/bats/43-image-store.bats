#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# history, untag, image tree, the filters of images, image prune, and what rmi takes along.
load helpers

# one: a layer on alpine; two: a layer on one; one loses its name.
make_family() {
	load_images alpine
	run_cmk run --name a --net=none alpine touch /one
	run_cmk commit -q a one
	one=$output
	run_cmk run --name b --net=none one touch /two
	run_cmk commit -q b two
	two=$output
	run_cmk rm a b
	run_cmk untag one
	assert_equal "$output$stderr" ""
}

@test "history shows each step, the latest first, and the images that end with it" {
	make_family
	run_cmk history two
	assert_match "${lines[0]}" '^ID +CREATED +CREATED BY +SIZE +COMMENT *$'
	assert_match "${lines[1]}" "^${two:0:12} +.* ago +touch /two +[0-9.]+ kB"
	assert_match "${lines[2]}" "^${one:0:12} +.* ago +touch /one +[0-9.]+ kB"
	assert_match "${lines[4]}" '^<missing> '
	run_cmk image history -q two
	assert_equal "${lines[0]}" "${two:0:12}"
	run_cmk history --no-trunc --human=false --format '{{.ID}} {{.Created}} {{.CreatedSince}}' two
	assert_match "${lines[0]}" "^$two 20[0-9-]+T[0-9:]+Z 20[0-9-]+T[0-9:]+Z$"
	run_cmk history --format '{{.CreatedAt}}--{{.CreatedSince}}' two
	assert_match "${lines[0]}" ' \+0000 UTC--[0-9a-zA-Z ]+ ago$'
	assert_equal "${lines[0]%--*}" "$(cmk images --format '{{.CreatedAt}}' two)"
	run_cmk history --format '{{.CreatedBy}}|{{.Size}}|{{.Tags}}|{{.Comment}}' two
	assert_match "${lines[0]}" '^touch /two\|[0-9.]+ kB\|\[localhost/two:latest\]\|$'
	run_cmk history --format json two
	assert_equal "$(jq -r '.[0].id, .[0].CreatedBy, .[0].tags[0]' <<<"$output")" \
		"$two"$'\ntouch /two\nlocalhost/two:latest'
	assert_match "$(jq -r '.[0].Created' <<<"$output")" '^20[0-9-]+T[0-9:]+Z$'
	assert_equal "$(jq '[.[].size] | add' <<<"$output")" "$("$T/bin/cmk" image inspect -f '{{.Size}}' two)"
	run_cmk 125 history nothing
	assert_error "image not known"
	run_cmk 125 history --format '{{.Nope}}' two
	run_cmk 125 history
}

@test "a long command is cut in the history, and a bad one breaks no table" {
	run_cmk import -q -m "a	message" "$CMK_TEST_STAGE/cache/busybox.tar" demo
	run_cmk run --name a --net=none demo sh -c $'true\t0123456789012345678901234567890123456789\n'
	run_cmk commit -q a cut
	run_cmk rm a
	run_cmk history --format 'table {{.CreatedBy}}\t{{.Size}}' cut
	assert_equal "${#lines[@]}" 3
	assert_match "${lines[1]}" '^sh -c true 0123456789.*\.\.\.  '
	run_cmk history --no-trunc --format '{{.CreatedBy}}' cut
	assert_match "${lines[0]}" $'^sh -c true\t0123456789.*0123456789$'
	# Whoever made the image must not command the terminal.
	run_cmk run --name a --net=none demo sh -c $'true \e[31m'
	run_cmk commit -q a bold
	run_cmk rm a
	run_cmk history bold
	refute_match "$output" $'\e'
	run_cmk history --no-trunc --format '{{.CreatedBy}}' bold
	assert_equal "${lines[0]}" 'sh -c true  [31m'
}

@test "untag takes some names or all, and the image remembers them" {
	run_cmk import -q "$CMK_TEST_STAGE/cache/busybox.tar" demo
	local id=$output
	run_cmk tag demo other:1 registry.example/x
	run_cmk 125 untag demo other:1 nothing:2
	assert_error "nothing:2: tag not known"
	run_cmk image exists other:1
	run_cmk untag demo other:1
	run_cmk 1 image exists other:1
	run_cmk image untag "${id:0:12}"
	run_cmk images --format '{{.Repository}}:{{.Tag}} {{.ID}}'
	assert_equal "$output" "<none>:<none> ${id:0:12}"
	run_cmk images --history
	assert_match "${lines[0]}" 'SIZE +HISTORY *$'
	assert_match "${lines[1]}" 'registry.example/x:latest, localhost/demo:latest, localhost/other:1$|localhost/demo:latest, registry.example/x:latest, localhost/other:1$'
	run_cmk image inspect --format '{{len .NamesHistory}}' "$id"
	assert_equal "$output" 3
	run_cmk 125 untag nothing
	assert_error "nothing: image not known"
	run_cmk 125 untag
}

@test "image tree shows the layers below and the images above" {
	make_family
	run_cmk image tree two
	assert_equal "${lines[0]}" "Image ID: ${two:0:12}"
	assert_equal "${lines[1]}" "Tags:     [localhost/two:latest]"
	assert_match "${lines[2]}" '^Size:     [0-9.]+MB$'
	assert_equal "${lines[3]}" "Image Layers"
	assert_match "${lines[4]}" "^├── ID: [0-9a-f]{12} Size: +2\.14MB Top Layer of: \[$REGISTRY/library/alpine:latest\]$"
	assert_match "${lines[6]}" '^└── ID: [0-9a-f]{12} Size: .* Top Layer of: \[localhost/two:latest\]$'
	run_cmk run --name c --net=none alpine touch /three
	run_cmk commit -q c three
	run_cmk rm c
	run_cmk image tree --whatrequires alpine
	assert_match "$output" "└── ID: .* Top Layer of: \[$REGISTRY/library/alpine:latest\]"$'\n''    (├── .*three|├── ID: )'
	assert_match "$output" '\[localhost/two:latest\]'
	assert_match "$output" '\[localhost/three:latest\]'
	run_cmk 125 image tree nothing
	assert_error "image not known"
}

@test "images hides steps on the way to others, and knows podman's filters" {
	make_family
	run_cmk create --name user --net=none two
	run_cmk images -q
	refute_match "$output" "${one:0:12}"
	run_cmk images -a -q
	assert_match "$output" "${one:0:12}"
	local f
	for f in intermediate=true dangling=false containers=true containers=false until=1h readonly=true manifest=true \
		'label!=org.example.test' after=alpine digest=sha256: containers=external; do
		run_cmk images -a -q --no-trunc --sort id -f "$f"
		echo "$f: $output" >>"$T/filters"
	done
	cat "$T/filters"
	assert_equal "$(sed -n 's/^intermediate=true: sha256://p' "$T/filters")" "$one"
	assert_equal "$(sed -n 's/^containers=true: sha256://p' "$T/filters")" "$two"
	assert_match "$(cat "$T/filters")" $'\nreadonly=true: \nmanifest=true: \n'
	assert_match "$(cat "$T/filters")" $'\ncontainers=external: $'
	run_cmk images -q -f dangling=true
	assert_equal "$output" ""
	# Alternatives of one key.
	run_cmk images -q -a -f "id=${one:0:12}" -f "id=${two:0:12}"
	assert_equal "${#lines[@]}" 2
	run_cmk images --format '{{.IsDangling}} {{.IsReadOnly}} {{.Containers}}' two
	assert_equal "$output" "false false 1"
	run_cmk images --format '{{.ParentId}}' two
	assert_equal "$output" "$one"
	run_cmk 125 images -f wibble=1
	assert_error 'unsupported image filter "wibble"'
	run_cmk 125 images -f dangling=maybe
	assert_error 'non-boolean value "maybe"'
	run_cmk 125 images -f until=yesterweek
	run_cmk 125 images -f before=nothing
	assert_error "could not find local image"
	run_cmk 125 images -f nonsense
	assert_error "invalid image filter"
	run_cmk rm user
}

@test "image prune takes what is dangling, or all that no container uses" {
	make_family
	run_cmk create --name user --net=none alpine
	run_cmk image prune -f
	assert_equal "$output" ""
	run_cmk image prune -a -f --filter label=wibble
	assert_equal "$output" ""
	run_cmk image prune -a -f --filter until=24h --filter label!=wibble
	assert_equal "$output" ""
	run bash -c "echo n | '$T/bin/cmk' image prune -a 2>&1"
	assert_equal "$output" "WARNING! This command removes all images without at least one container associated with them.
Are you sure you want to continue? [y/N] "
	run bash -c "'$T/bin/cmk' image prune </dev/null 2>&1"
	assert_match "$output" "removes all dangling images"
	run_cmk untag two
	run_cmk image prune -f --external --build-cache
	assert_equal "$(sort <<<"$output")" "$(printf '%s\n' "$one" "$two" | sort)"
	run_cmk images -q
	assert_equal "${#lines[@]}" 1
	run_cmk image prune -af
	assert_equal "$output" ""
	run_cmk rm user
	run bash -c "echo y | '$T/bin/cmk' image prune -a 2>/dev/null"
	assert_match "$output" '^[0-9a-f]{64}$'
	assert [ -z "$(ls "$CMK_ROOT/layers")" ]
	run_cmk 125 image prune -f --filter reference=x
	assert_error 'unsupported image filter "reference"'
}

@test "rmi takes the nameless images along of which it was made" {
	make_family
	run_cmk rmi two
	assert_equal "$output" "Untagged: localhost/two:latest
Deleted: $two
Deleted: $one"
	make_family
	run_cmk rmi --no-prune two
	assert_equal "${lines[-1]}" "Deleted: $two"
	run_cmk image exists "$one"
	run_cmk 125 rmi -a two
	assert_error "you may not pass any images names or IDs"
	run_cmk 1 rmi nothing
	run_cmk rmi -i nothing
	run_cmk rmi -a
	assert_match "$output" "Deleted: $one"
	run_cmk images -aq
	assert_equal "$output" ""
}

@test "image prune finishes what one that was killed had begun" {
	echo x >f && tar -cf f.tar f
	run_cmk import -q f.tar localhost/made
	rm -rf "$CMK_ROOT"/images/*/ "$CMK_ROOT"/names/*
	mkdir "$CMK_ROOT/tmp/img-left"
	assert [ -n "$(ls "$CMK_ROOT/layers")" ]
	run_cmk image prune -f
	assert_equal "$output" ""
	assert_equal "$(ls "$CMK_ROOT/layers")$(ls "$CMK_ROOT/tmp")" ""
}
