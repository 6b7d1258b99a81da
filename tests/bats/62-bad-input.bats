#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bad input to run and its neighbours: one line on stderr, the right exit code, and nothing left.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
}

# refused CODE REGEX OPTION...
refused() {
	local code=$1 regex=$2
	shift 2
	run_cmk "$code" run --rm --net=none "$@" --rootfs "$fs" true
	assert_error "$regex"
	assert_equal "$output" ""
	assert nothing_left
}

# bats test_tags=long
@test "bad values of options" {
	refused 125 "names match" --name 'a b'
	refused 125 "names match" --name ''
	refused 125 "names match" --name -x
	refused 125 "hostname" --hostname 'a b'
	refused 125 "hostname" --hostname "$(printf 'a%.0s' {1..65})"
	refused 125 "not supported yet" --net wibble
	refused 125 "no name" -e =x
	refused 125 "no such file" --env-file nosuch
	refused 125 "white space" --env-file <(echo 'a b=c')
	refused 125 "no name" -l =x
	refused 125 "WIBBLE|wibble" --cap-add WIBBLE
	refused 125 "WIBBLE|wibble" --cap-drop WIBBLE
	refused 125 "unknown option" --security-opt wibble=1
	refused 125 "no profile is named" --security-opt apparmor=
	refused 125 "no such file" --security-opt seccomp=/nosuch.json
	refused 125 "not true or false" --security-opt no-new-privileges=maybe
	refused 125 "unknown limit" --ulimit wibble=1
	refused 125 "soft limit must be less than or equal to hard limit: soft: 2, hard: 1" --ulimit nofile=2:1
	refused 125 "invalid signal" --stop-signal WIBBLE
	refused 125 "[0-9.]+|cpus" --cpus=-1
	refused 125 "at least 0.01" --cpus=0.001
	refused 125 "memory" --memory=wibble
	refused 125 "6 MiB" --memory=1m
	refused 125 "pids-limit" --pids-limit=-2
	refused 125 "pids-limit" --pids-limit=x
	refused 125 "port|Port" --expose 99999
	refused 125 "not absolute" -w rel/ative
	refused 125 "'--group-add keep-groups' option is not allowed with any other" --group-add keep-groups --group-add wheel
	refused 125 "pull" --pull sometimes
	refused 125 "detach" --detach-keys ctrl-
}

# bats test_tags=long
@test "bad mounts" {
	refused 125 "statfs /nosuch: no such file or directory" -v /nosuch:/x
	refused 125 "statfs ./nosuch: no such file or directory" -v ./nosuch:/x
	refused 125 "must be an absolute path" -v "$T:x"
	refused 125 "must not be" -v "$T:/"
	refused 125 "incorrect volume format" -v "$T:/x:ro:y"
	refused 125 "invalid option type 'wibble'" -v "$T:/x:wibble"
	refused 125 "can only specify 1 'rw' or 'ro' option" -v "$T:/x:ro,rw"
	refused 125 "cannot pass 'readonly', 'ro', or 'rw' mnt.Options more than once: must provide an argument for option" \
		--mount type=bind,src=/,dst=/x,ro=true,rw=false
	refused 125 "cannot pass 'tmpcopyup' and 'notmpcopyup' mnt.Options more than once" --mount type=tmpfs,dst=/x,tmpcopyup,notmpcopyup
	refused 125 '"tmpcopyup" option not supported for "bind" mount types' --mount type=bind,src=/,dst=/x,tmpcopyup
	refused 125 'invalid value "bind-propagation=fake"' --mount type=bind,src=/,dst=/x,bind-propagation=fake
	refused 125 "duplicate mount destination" -v "$T:/x" --tmpfs /x
	refused 125 "duplicate mount destination" -v "$T:/x" -v "/tmp:/y/../x"
	refused 125 "names must match" -v da/ta:/x
	refused 125 "invalid filesystem type" --mount type=wibble,dst=/x
	refused 125 "must set volume destination" --mount type=bind,src=/
	refused 125 "bad value" --tmpfs /x:size=wibble
	refused 125 "unknown mount option" --tmpfs /x:wibble=1
}

@test "users that cannot be: 126, or 125 for what is no user at all" {
	refused 126 "nosuch" -u nosuch
	refused '?' "user" -u 1:
	assert_match "$status" '^12[56]$'
	refused '?' "user" -u 4294967296
	assert_match "$status" '^12[56]$'
	refused '?' "user" -u :1
	refused '?' "user" -u 1x
	refused '?' "user" -u -1
	refused 125 "user" -u ''
}

@test "commands that cannot be run: 127 absent, 126 not executable" {
	run_cmk 127 run --rm --net=none --rootfs "$fs" nosuch
	assert_error "nosuch"
	run_cmk 127 run --rm --net=none --rootfs "$fs" /nosuch/program
	assert_error "/nosuch/program"
	run_cmk 126 run --rm --net=none --rootfs "$fs" /etc
	assert_error "/etc"
	touch "$fs/plain"
	run_cmk 126 run --rm --net=none --rootfs "$fs" /plain
	assert_error "/plain"
	run_cmk 126 run --rm --net=none -w /etc/passwd --rootfs "$fs" true
	assert nothing_left
}

@test "images and root file systems that cannot be" {
	run_cmk 125 run --rm --net=none --rootfs /nosuch true
	assert_error "root file system '/nosuch'"
	run_cmk 125 run --rm --net=none --rootfs "$fs/etc/passwd" true
	assert_error "not a directory"
	run_cmk 125 run --rm --net=none --rootfs / true
	run_cmk 125 run --rm --net=none --pull=never localhost/nosuch true
	assert_error "nosuch"
	run_cmk 125 run --rm --net=none 'UPPER/case' true
	assert_error "UPPER/case"
	run_cmk 125 run --rm --net=none "sha256:../../x" true
	run_cmk 125 run
	assert_error "needs"
	run_cmk 125 run --rootfs "$fs"
	assert_error "no command"
	assert nothing_left
}

@test "unknown options, options that are not built, values that are missing" {
	run_cmk 125 run --wibble alpine
	assert_error "wibble"
	run_cmk 125 run --no-such-thing alpine
	assert_error "no-such-thing"
	run_cmk 125 run --restart sometimes alpine
	assert_error "sometimes"
	run_cmk 125 run --rm --restart always alpine
	run_cmk 125 run --name
	assert_error "name"
	run_cmk 125 stop -t wibble x
	run_cmk 125 ps extra
	run_cmk 125 ps -q --size
}

@test "a read-only home and an unwritable run directory: an error that names it" {
	mkdir ro
	chmod 555 ro
	run_cmk 125 --root "$T/ro/store" run --rm --rootfs "$fs" true
	assert_error "$T/ro/store"
	run_cmk 125 --runroot "$T/ro/run" run --rm --rootfs "$fs" true
	assert_error "$T/ro/run"
	chmod 755 ro
}

@test "a full disk: an error, and nothing half-made" {
	# shellcheck disable=SC2154
	[ -d "${FULL_8M-}" ] || skip "no small file system"
	mkdir -p "$FULL_8M/$$"
	dd if=/dev/zero of="$FULL_8M/$$/fill" bs=4k 2>/dev/null || true
	run_cmk 125 --root "$FULL_8M/$$/store" run --net=none --rootfs "$fs" true
	assert_error "no space left"
	rm -rf "${FULL_8M:?}/$$/fill"
	run_cmk --root "$FULL_8M/$$/store" ps -a -q
	assert_equal "$output" ""
	rm -rf "${FULL_8M:?}/$$"
}

@test "errors in podman's words" {
	refused 125 'invalid stream "asdf" for --attach - must be one of stdin, stdout, or stderr: invalid argument' --attach asdf
	refused 125 'no secret with name or id "type=env": no such secret' --secret type=env
	refused 125 'option mode must be in form option=value: parsing secret' --secret one,mode
	refused 125 'time: invalid location name' --tz ../zone
	refused 125 'conflicting port mappings for host port 8080 \(protocol tcp\)' -p 8080:80 -p 8080:81
	run_cmk 125 run --rm --net=host --sysctl net.ipv4.ip_forward=1 --rootfs "$fs" true
	assert_error "can't be set since Network Namespace set to host: invalid argument"
	run_cmk create --name one --rootfs "$fs" true
	run_cmk 125 create --volumes-from one:z,z --rootfs "$fs" true
	assert_error 'cannot set :z more than once in mount options'
	run_cmk 125 wait --interval 100days one
	assert_error 'time: unknown unit "days" in duration "100days"'
	run_cmk 125 healthcheck run nosuch
	assert_error 'unable to look up nosuch to perform a health check: no container with name or ID "nosuch" found: no such container'
	run_cmk 125 save -o x.tar docker://alpine
	assert_error '"docker://alpine" is not in local storage; remove the docker:// prefix'
	run_cmk 127 run --rm --net=none --rootfs "$fs" /nosuch
	assert_error 'OCI runtime attempted to invoke a command that was not found$'
	run_cmk 126 run --rm --net=none --rootfs "$fs" /etc
	assert_error 'OCI permission denied$'
	run_cmk rm one
	run_cmk --log-level DEBUG ps
	assert_match "$stderr" debug
}
