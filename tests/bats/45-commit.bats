#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# commit, diff, export, import: a container's files as a whole.
load helpers
load changed

setup() {
	common_setup
	load_images alpine
}

# What a container of IMAGE sees of all that.
look() { # IMAGE
	run_cmk run --rm "$1" sh -c '
		stat -c "%n %F %a %u:%g %s %Y %h" /new/sub/file /new/soft /new/fifo /etc/group /root | sort
		cat /new/hard; readlink /new/soft; ls /home
		[ -e /etc/passwd ] && echo passwd; stat -c %i /new/hard /new/sub/file | uniq | wc -l'
}

# bats test_tags=long
@test "commit makes an image of what a container has changed" {
	make_changed c1
	run_cmk commit c1 changed:1
	assert_match "$output" '^[0-9a-f]{64}$'
	local id=$output
	run_cmk images -q --no-trunc changed:1
	assert_equal "$output" "sha256:$id"
	look changed:1
	assert_match "$output" '/new/sub/file regular file 4750 33:44 4 981173106 2'
	assert_match "$output" '/root directory 711 0:0'
	assert_match "$output" $'one\nsub/file\nmine\n1$'
	refute_match "$output" passwd
	run_cmk image inspect alpine
	local below
	below=$(jq -c '.[0].RootFS.Layers' <<<"$output")
	run_cmk image inspect changed:1
	assert_equal "$(jq -c '.[0].RootFS.Layers[:-1]' <<<"$output")" "$below"
	# The same again is the same layer.
	local top
	top=$(jq -r '.[0].RootFS.Layers[-1]' <<<"$output")
	run_cmk commit c1 changed:2
	run_cmk image inspect changed:2
	assert_equal "$(jq -r '.[0].RootFS.Layers[-1]' <<<"$output")" "$top"
}

@test "commit with the plain copy driver finds out what has changed" {
	STORAGE_DRIVER=vfs make_changed c1
	run_cmk diff c1
	assert_match "$output" $'D /etc/passwd'
	run_cmk commit c1 changed:1
	look changed:1
	assert_match "$output" '/new/sub/file regular file 4750 33:44 4 981173106 2'
	assert_match "$output" $'one\nsub/file\nmine\n1$'
	refute_match "$output" passwd
}

# bats test_tags=long
@test "commit writes configuration and history, with --change, --author and --message" {
	run_cmk run --name c1 -e GIVEN=1 --label l=c -w /tmp -u 5 --expose 99 alpine sh -c true
	run_cmk commit -q -a "Ann O" -m "a note" -c 'CMD ["ls", "-l"]' -c 'ENV A=b "C=d e"' -c 'EXPOSE 80/udp' \
		-c 'LABEL x=y' -c 'STOPSIGNAL INT' -c 'USER 7' -c 'VOLUME /data' -c 'WORKDIR /etc' \
		-c 'HEALTHCHECK --interval=5s --retries=2 CMD true' -c 'ONBUILD RUN true' c1 made
	run_cmk image inspect made
	local json=$output
	get() { jq -cr ".[0]$1" <<<"$json"; }
	assert_equal "$(get .Author)" "Ann O"
	# docker's place for it, beside podman's.
	assert_equal "$(get .Config.Healthcheck)" "$(get .Healthcheck)"
	assert_equal "$(get .Config.Healthcheck.Retries)" 2
	assert_equal "$(get .Config.Cmd)" '["ls","-l"]'
	assert_match "$(get .Config.Env)" '"GIVEN=1","A=b","C=d e"'
	assert_equal "$(get '.Config.ExposedPorts|keys')" '["80/udp","99/tcp"]'
	assert_equal "$(get .Config.Labels.l)$(get .Config.Labels.x)" cy
	assert_equal "$(get .Config.StopSignal)" INT
	assert_equal "$(get .Config.User)" 7
	assert_equal "$(get '.Config.Volumes|keys')" '["/data"]'
	assert_equal "$(get .Config.WorkingDir)" /etc
	assert_equal "$(get .History[-1].comment)" "a note"
	assert_equal "$(get .History[-1].author)" "Ann O"
	assert_equal "$(get .History[-1].created_by)" "sh -c true"
	assert_match "$(get .ManifestType)" docker
	run_cmk commit c1 oci
	run_cmk image inspect oci
	assert_match "$output" 'vnd.oci.image.manifest'
}

@test "commit without a name, to an ID file, of a running container" {
	run_cmk run -d --name c1 alpine sh -c 'echo there >/file; while :; do sleep 1; done'
	wait_for 5 cmk exec c1 test -s /file
	run_cmk commit --iidfile "$T/iid" c1
	assert_equal "$(cat "$T/iid")" "$output"
	run_cmk run --rm "$output" cat /file
	assert_equal "$output" there
	run_cmk ps --format '{{.State}}'
	assert_equal "$output" running
	run_cmk commit --pause=false c1
	run_cmk events --stream=false -f event=pause
	local before=${#lines[@]}
	run_cmk commit --no-pause c1
	run_cmk events --stream=false -f event=pause
	assert_equal "${#lines[@]}" "$before"
	run_cmk 125 commit --no-pause --pause c1
	assert_error "cannot be used together"
	run_cmk rm -f -t 0 c1
}

# bats test_tags=long
@test "commit --squash makes one layer, --include-volumes names volumes" {
	mkdir "$T/vol"
	make_changed c1 -v "$T/vol:/vol"
	run_cmk commit --squash --include-volumes c1 flat
	look flat
	assert_match "$output" $'one\nsub/file\nmine\n1$'
	run_cmk image inspect flat
	assert_equal "$(jq '.[0].RootFS.Layers|length' <<<"$output")" 1
	assert_equal "$(jq '.[0].History|length' <<<"$output")" 1
	assert_equal "$(jq -c '.[0].Config.Volumes|keys' <<<"$output")" '["/vol"]'
}

@test "commit refuses what is wrong before it does anything" {
	run_cmk create --name c1 alpine true
	run_cmk 125 commit nope x
	assert_error "nope"
	run_cmk 125 commit -f bogus c1 x
	assert_error 'unrecognized image format "bogus"'
	run_cmk 125 commit -f oci -m text c1 x
	assert_error 'messages are only compatible with the docker image format'
	run_cmk 125 commit -c 'RUN x' c1 x
	assert_error "RUN"
	run_cmk 125 commit -c 'HEALTHCHECK --what=1 CMD x' c1 x
	assert_error "HEALTHCHECK"
	run_cmk 125 commit c1 UPPER
	run_cmk images -q
	assert_equal "${#lines[@]}" 1
}

# bats test_tags=long
@test "diff lists what was added, changed and deleted" {
	make_changed c1
	run_cmk diff c1
	for line in "C /etc" "C /etc/group" "D /etc/passwd" "A /home/mine" "A /new" "A /new/fifo" "A /new/hard" \
		"A /new/soft" "A /new/sub" "A /new/sub/file" "C /root"; do
		assert_match "$output" "(^|"$'\n'")$line("$'\n'"|$)"
	done
	refute_match "$output" '/(etc/hosts|etc/resolv.conf|proc|dev|sys|run)'
	run_cmk diff --format json c1
	assert_match "$(jq -c .added <<<"$output")" '"/new/sub/file"'
	assert_equal "$(jq -c .deleted <<<"$output")" '["/etc/passwd"]'
	run_cmk diff -l
	assert_match "$output" "A /new/hard"
	run_cmk commit c1 changed
	run_cmk diff changed
	assert_match "$output" "D /etc/passwd"
	run_cmk image diff changed alpine
	assert_match "$output" "A /new/hard"
	run_cmk image diff alpine changed
	assert_match "$output" "D /new"
	run_cmk create --name c2 alpine true
	run_cmk diff c2
	assert_equal "$output" ""
	run_cmk 125 diff
	assert_error "container must be specified"
	run_cmk 125 diff --format yaml c1
	assert_error "only supported value for '--format' is 'json'"
	run_cmk 125 diff nope
	assert_error "nope"
	run_cmk 125 image diff c1
}

@test "export writes a whole and reproducible archive that other programs read" {
	make_changed c1
	cmk export c1 >"$T/one.tar"
	run_cmk export -o "$T/two.tar" c1
	cmp "$T/one.tar" "$T/two.tar"
	run tar --numeric-owner -tvf "$T/one.tar"
	assert_match "$output" '-rwsr-x--- 33/44 +4 2001-02-03 04:05 new/hard'
	assert_match "$output" 'h.* new/sub/file link to new/hard'
	assert_match "$output" 'prw-r--r-- .* new/fifo'
	refute_match "$output" 'etc/passwd'
	run python3 - "$T/one.tar" <<-'END'
		import sys, tarfile
		names = tarfile.open(sys.argv[1]).getnames()
		print(sorted(names) == sorted(set(names)), "home/mine" in names)
	END
	assert_equal "$output" "True True"
	run_cmk import -q "$T/one.tar" again
	run_cmk run --rm again sh -c 'stat -c "%a %u:%g %Y %h" /new/sub/file; cat /home/mine'
	assert_equal "$output" $'4750 33:44 981173106 2\ntwo'
	run_cmk create --name c2 again true
	cmk export c2 >"$T/three.tar"
	run_cmk run --name c3 -d alpine sleep 100
	cmk export c3 | tar -tf - | grep -q bin/busybox
	run_cmk rm -f -t 0 c3
}

@test "export refuses a terminal, a colon and what does not exist" {
	run_cmk create --name c1 alpine true
	run script -qec "cmk export c1" /dev/null
	assert_match "$output" "refusing to export to terminal"
	run_cmk 125 export -o "a:b" c1
	assert_error "invalid filename"
	run_cmk 125 export -o "$T/x.tar" nope
	[ ! -e "$T/x.tar" ]
	run_cmk 125 export -o "$T/no/x.tar" c1
	# Nobody reads to the end.
	cmk export c1 2>"$T/err" | head -c 1000 >/dev/null
	refute_match "$(cat "$T/err")" died
}

@test "holes, long names and odd times survive export and import" {
	run_cmk run --name c1 alpine sh -c '
		d=/$(printf "d%0.s" $(seq 120)); mkdir $d; echo x >$d/$(printf "f%0.s" $(seq 150))
		ln -s $d/$(printf "t%0.s" $(seq 150)) /longlink
		dd if=/dev/zero of=/holes bs=1 count=1 seek=20M 2>/dev/null
		truncate -s 30M /allhole; echo nano >/nano'
	cmk export c1 >"$T/a.tar"
	[ "$(stat -c %s "$T/a.tar")" -lt 10000000 ]
	tar -tf "$T/a.tar" >"$T/list"
	grep -q 'dd/ff*$' "$T/list"
	run_cmk import -q "$T/a.tar" odd
	run_cmk create --name c2 odd true
	cmk export c2 >"$T/b.tar"
	# All but the root directory itself, which is a new one's; tar's columns are as wide as its time is long.
	for t in a b; do
		tar --full-time --numeric-owner -tvf "$T/$t.tar" | grep -v ' \./$' | tr -s ' ' >"$T/$t.list"
	done
	cmp "$T/a.list" "$T/b.list"
	run_cmk run --rm odd sh -c 'stat -c "%s" /holes /allhole; [ $(stat -c %b /allhole) -lt 100 ] && echo sparse'
	assert_equal "$output" $'20971521\n31457280\nsparse'
}

# bats test_tags=long
@test "commit, diff, export and cp by fuse-overlayfs" {
	for driver in fuse-overlayfs overlay; do
		export STORAGE_DRIVER=$driver
		run_cmk run --name c-$driver alpine sh -c \
			'rm /etc/passwd; rm -r /home; mkdir -p /home /new; echo x >/home/mine; echo y >/new/f; chmod 711 /root'
		run_cmk diff c-$driver
		echo "$output" >"$T/$driver.diff"
		cmk export c-$driver | tar --numeric-owner -tf - >"$T/$driver.list"
		run_cmk commit c-$driver made-$driver
		run_cmk run --rm made-$driver sh -c 'ls /home /etc/passwd 2>&1; cat /new/f; stat -c %a /root'
		echo "$output" >"$T/$driver.run"
		run_cmk cp c-$driver:/new/f "$T/got"
		assert_equal "$(cat "$T/got")" y
		run_cmk cp "$T/got" c-$driver:/new/back
		run_cmk diff c-$driver
		assert_match "$output" "A /new/back"
	done
	assert_equal "$(cat "$T/fuse-overlayfs.diff")" "$(cat "$T/overlay.diff")"
	assert_equal "$(cat "$T/fuse-overlayfs.list")" "$(cat "$T/overlay.list")"
	assert_equal "$(cat "$T/fuse-overlayfs.run")" "$(cat "$T/overlay.run")"
	assert_match "$(cat "$T/overlay.run")" $'mine\ny\n711'
}

@test "a commit that is killed leaves the container running and no image" {
	run_cmk run -d --name c1 alpine sh -c 'head -c 30000000 /dev/urandom >/big; touch /ready; while :; do sleep 1; done'
	wait_for 10 cmk exec c1 test -e /ready
	run_cmk images -q
	local before=$output
	cmk_background commit commit c1 killed
	local pid=$!
	paused() { [ "$(cmk ps --format '{{.State}}')" = paused ]; }
	wait_for 5 paused
	kill -9 "$pid"
	running() { [ "$(cmk ps --format '{{.State}}')" = running ]; }
	wait_for 5 running
	run_cmk images -q
	assert_equal "$output" "$before"
	run_cmk commit c1 whole
	run_cmk run --rm whole stat -c %s /big
	assert_equal "$output" 30000000
	run_cmk rm -f -t 0 c1
}

@test "an image that has been committed twice runs with all its layers" {
	run_cmk run --name c1 alpine sh -c 'echo 1 >/one; rm /etc/group'
	run_cmk commit c1 first
	run_cmk run --name c2 first sh -c 'echo 2 >/two; rm /one; mkdir /etc/group'
	run_cmk commit -f docker c2 second
	run_cmk run --rm second sh -c 'ls -d /one /two /etc/group 2>&1; true'
	assert_match "$output" $'/two'
	assert_match "$output" '/etc/group'
	assert_match "$output" '/one: No such file'
	run_cmk image inspect second
	run_cmk rm -a
	run_cmk rmi first
	run_cmk run --rm second cat /two
	assert_equal "$output" 2
}

@test "commit --config merges a file into the image's configuration" {
	run_cmk create --name c1 -e A=1 -e B=1 --label x=1 alpine ls
	printf '{"Labels":{"image":"green","x":"2"},"Env":["B=2","C=2"],"Cmd":["cat"],"ExposedPorts":{"80/tcp":{}},"User":"bin","WorkingDir":"/tmp"}' >conf.json
	run_cmk commit -q --config conf.json -c USER=daemon c1 merged
	run_cmk image inspect merged
	assert_equal "$(jq -cS '.[0].Config | [.Labels, .Cmd, .ExposedPorts, .User, .WorkingDir]' <<<"$output")" \
		'[{"image":"green","org.example.test":"busybox","x":"2"},["cat"],{"80/tcp":{}},"daemon","/tmp"]'
	assert_equal "$(jq -cS '.[0].Config.Env[1:]' <<<"$output")" '["A=1","B=2","C=2"]'
	for bad in 'this is not valid JSON' '[]' '{"Labels":1}' '{} {}' '{}}, "x": {'; do
		echo "$bad" >conf.json
		run_cmk 125 commit -q --config conf.json c1 bad
		assert_error '--config'
	done
	run_cmk 125 commit -q --config /none/such c1 bad
	assert_error '/none/such'
	run_cmk 1 image exists bad
	run_cmk rm c1
}

@test "ports that are published are exposed by the image" {
	run_cmk create --name c -p 8585:80 -p 9000-9001:90-91/udp alpine true
	run_cmk commit -q c made
	run_cmk image inspect --format '{{json .Config.ExposedPorts}}' made
	assert_equal "$(jq -c keys <<<"$output")" '["80/tcp","90/udp","91/udp"]'
}
