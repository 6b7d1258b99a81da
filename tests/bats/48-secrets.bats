# SPDX-License-Identifier: Apache-2.0
# Secrets: kept apart, given to containers in memory, shown to nobody.

load helpers

value=v4lue-that-nobody-sees

make_secret() { # NAME [OPTION...]
	run bash -c "printf %s $value | '$T/bin/cmk' secret create ${*:2} $1 - 2>/dev/null"
	assert_equal "$status" 0
	assert_match "$output" '^[0-9a-f]{25}$'
}

in_fs() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }

@test "create from standard input, a file, a variable; ls, inspect, exists, rm" {
	make_secret one --label a=b
	local id=$output
	echo -n filed >value
	run_cmk secret create two value
	SECRET_VALUE=varied run_cmk secret create --env three SECRET_VALUE
	run_cmk secret ls
	assert_match "${output%%$'\n'*}" '^ID +NAME +DRIVER +CREATED +UPDATED$'
	assert_match "$output" "$id +one +file +.* ago +.* ago"
	run_cmk secret ls --noheading --format '{{.Name}} {{.Driver}}'
	assert_equal "$output" $'one file\nthree file\ntwo file'
	run_cmk secret ls -q --filter name=^o
	assert_equal "$output" "$id"
	run_cmk secret ls -q --format '{{.Name}}' --filter name=^o
	assert_equal "$output" one
	run_cmk secret ls -q --filter id="${id:0:5}"
	assert_equal "$output" "$id"
	run_cmk 125 secret ls --filter wibble=1
	assert_error 'invalid filter'
	run_cmk secret inspect --format '{{.ID}} {{.Spec.Name}} {{.Spec.Driver.Name}} {{.Spec.Labels.a}}' one
	assert_equal "$output" "$id one file b"
	run_cmk secret inspect one
	refute_match "$output" "$value"
	run_cmk secret inspect --showsecret -f '{{.SecretData}}' "${id:0:10}"
	assert_equal "$output" "$value"
	run_cmk secret inspect --pretty one
	assert_match "$output" 'Name: +one'
	run_cmk secret exists one
	run_cmk secret exists "$id"
	run_cmk 1 secret exists nosuch
	run_cmk secret rm one
	assert_equal "$output" "$id"
	run_cmk 1 secret exists one
	run_cmk secret rm --all
	run_cmk secret ls -q
	assert_equal "$output" ""
	assert_equal "$(ls -A "$CMK_ROOT/secrets/data")" ""
}

@test "names in use, bad names, sizes, unknown secrets" {
	make_secret one
	run_cmk 125 secret create one /etc/hostname
	assert_error 'one: secret name in use'
	make_secret one --ignore
	run_cmk 125 secret create 'a/b' /etc/hostname
	assert_error 'invalid secret name'
	run_cmk 125 secret create a=b /etc/hostname
	run_cmk 125 secret create ../x /etc/hostname
	run_cmk 125 secret create two /dev/null
	assert_error 'secret data must be larger than 0 and less than 512000 bytes'
	head -c 512000 /dev/zero >big
	run_cmk 125 secret create two big
	assert_error 'less than 512000 bytes'
	head -c 511999 /dev/urandom >big
	run_cmk secret create two big
	run_cmk 125 secret create three /nosuch
	assert_error 'open /nosuch: no such file or directory'
	run_cmk 125 secret create --env three NO_SUCH_VARIABLE
	run_cmk 125 secret create -d pass three /etc/hostname
	assert_error 'invalid driver'
	run_cmk 125 secret rm nosuch
	assert_error 'no secret with name or id "nosuch": no such secret'
	run_cmk secret rm --ignore nosuch
	run_cmk 125 secret rm
	run_cmk 125 secret inspect one nosuch
	assert_match "$output" '"Name": "one"'
	assert_error 'no such secret'
	run_cmk 125 secret inspect nosuch
	assert_equal "$output" "[]"
}

@test "files are the user's alone, and the record does not hold the value" {
	make_secret one
	assert_equal "$(find "$CMK_ROOT/secrets" -type f -perm /077)" ""
	assert_equal "$(grep -rl "$value" "$CMK_ROOT/secrets" | wc -l)" 1
	run grep -r "$value" "$CMK_ROOT/secrets/names"
	assert_equal "$status" 1
}

@test "a container has it as a file in memory, with owner and mode" {
	fs=$(rootfs)
	make_secret one
	opts=(--secret one)
	in_fs sh -c 'cat /run/secrets/one; echo; stat -c "%a %u %g" /run/secrets/one; grep " /run/secrets/one " /proc/mounts | cut -d" " -f3'
	assert_equal "$output" "$value"$'\n444 0 0\nramfs'
	opts=(--secret one,target=other,uid=5,gid=6,mode=0400 --secret source=one,target=/etc/deep/file)
	in_fs sh -c 'stat -c "%a %u %g" /run/secrets/other; cat /etc/deep/file; echo; echo x >/etc/deep/file || echo no'
	assert_equal "$output" $'400 5 6\n'"$value"$'\nno'
	opts=(--secret one --read-only)
	in_fs cat /run/secrets/one
	assert_equal "$output" "$value"
	run_cmk 125 run --rm --secret nosuch --rootfs "$fs" true
	assert_error 'no secret with name or id "nosuch": no such secret'
	run_cmk 125 run --rm --secret one,type=wibble --rootfs "$fs" true
	assert_error 'type wibble is invalid: parsing secret'
	run_cmk 125 run --rm --secret one,wibble=1 --rootfs "$fs" true
	run_cmk 125 run --rm --secret one,type=env,uid=1 --rootfs "$fs" true
	assert_error 'cannot be set with secret type env'
}

# bats test_tags=long
@test "a container has it as a variable, which nothing shows" {
	fs=$(rootfs)
	make_secret one
	run_cmk run -d --name c --net=none --secret one,type=env,target=PASSWORD --secret one --rootfs "$fs" sh -c 'echo $PASSWORD; sleep 1000'
	wait_for 10 grep -q "$value" "$CMK_ROOT"/containers/*/ctr.log
	run_cmk exec c sh -c 'echo $PASSWORD'
	assert_equal "$output" "$value"
	run_cmk inspect c
	refute_match "$output" "$value"
	run_cmk inspect --format '{{range .Config.Env}}{{println .}}{{end}}' c
	assert_match "$output" 'PASSWORD=\*\*\*\*\*\*\*'
	run_cmk inspect --format '{{range .Config.Secrets}}{{.Name}} {{.Mode}} {{end}}' c
	assert_match "$output" 'one 292'
	rm "$CMK_ROOT"/containers/*/ctr.log
	# Nor is it in any file of the container's, or of the run directory.
	run grep -rl --exclude-dir=values "$value" "$CMK_ROOT/containers" "$CMK_ROOT/events" "$CMK_RUNROOT"
	assert_equal "$output" ""
}

@test "a file keeps the value of the time when the container was made, a variable is read at each start" {
	fs=$(rootfs)
	make_secret one
	run_cmk create --name c --net=none --secret one --secret one,type=env,target=V --secret one,target=/again --rootfs "$fs" sh -c 'cat /run/secrets/one; echo " $V"; cmp /run/secrets/one /again'
	run_cmk create --name f --net=none --secret one --rootfs "$fs" cat /run/secrets/one
	run_cmk start -a c
	assert_equal "$output" "$value $value"
	run bash -c "printf new | '$T/bin/cmk' secret create --replace one -"
	assert_equal "$status" 0
	run_cmk start -a c
	assert_equal "$output" "$value new"
	run_cmk secret rm one
	run_cmk 125 start -a c
	assert_error 'no such secret'
	run_cmk start -a f
	assert_equal "$output" "$value"
	make_secret one
	run_cmk start -a f
	assert_equal "$output" "$value"
	# Only the user can read it, and it goes with the container.
	assert_equal "$(find "$CMK_ROOT/containers" -type f -path '*/values/*' -perm /077)" ""
	run_cmk rm c f
	run_cmk secret rm one
	assert_equal "$(grep -rl "$value" "$CMK_ROOT")" ""
}

@test "values that a killed command left are removed by the next one" {
	make_secret one
	echo orphan >"$CMK_ROOT/secrets/data/0123456789abcdef012345678"
	echo partial >"$CMK_ROOT/secrets/data/.tmp-0123"
	make_secret two
	assert_equal "$(ls -A "$CMK_ROOT/secrets/data" | wc -l)" 2
	# But not where a record cannot be read: it may be a newer cmk's.
	sed -i 's/"schema":1/"schema":99/' "$CMK_ROOT/secrets/names/one"
	run_cmk secret ls -q
	assert_match "$stderr" "secret 'one'.*schema 99"
	make_secret three
	assert_equal "$(ls -A "$CMK_ROOT/secrets/data" | wc -l)" 3
	run_cmk 125 secret inspect one
}

@test "eight at once: one secret per name, and its own value" {
	local i pids=()
	for i in $(seq 8); do
		echo -n "value-$i" >"v$i"
		cmk_background "c$i" secret create same "v$i"
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || true
	done
	run grep -lE '^[0-9a-f]{25}$' "$T"/c*.out
	assert_equal "${#lines[@]}" 1
	i=${lines[0]##*/c}
	run_cmk secret inspect --showsecret -f '{{.SecretData}}' same
	assert_equal "$output" "value-${i%.out}"
}

@test "events of secrets" {
	make_secret one
	run_cmk secret rm one
	run_cmk events --stream=false --format '{{.Type}} {{.Status}} {{.Name}}'
	assert_match "$output" $'secret create one\nsecret remove one'
}

@test "a variable that is a secret is there after an update and a restart" {
	local fs
	fs=$(rootfs)
	make_secret one
	run_cmk run -d --name c --net=none --secret one,type=env,target=V --rootfs "$fs" sh -c 'echo "<$V$W>"; sleep 1000'
	run_cmk update --env W=new c
	run_cmk restart -t 0 c
	shown() { cmk logs c | grep -qx "<${value}new>"; }
	assert wait_for 10 shown
	run_cmk rm -f -t 0 c
}

@test "--driver-opts are kept with the secret and shown" {
	echo value >file
	run_cmk secret create --driver-opts opt1=val,opt2=x=y --driver-opts opt3= one file
	run_cmk secret inspect --format '{{.Spec.Driver.Options}}' one
	assert_match "$output" '^map\[opt1:val opt2:x=y opt3: path:.*/secrets/data\]$'
	run_cmk 125 secret create --driver-opts path=/tmp two file
	assert_error "driver option 'path=/tmp': values are kept in the data directory"
	run_cmk 125 secret create --driver-opts opt two file
	assert_error "driver option 'opt' is not KEY=VALUE"
	run_cmk 1 secret exists two
}
