#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --security-opt and --seccomp-policy: profiles in both JSON forms, masks, options of /proc, labels.
load helpers

setup() {
	common_setup
	fs=$(rootfs)
	opts=()
	agent=
}

teardown() {
	[ -z "$agent" ] || kill "$agent" 2>/dev/null || true
	timeout 20 cmk rm -f -a -t 0 >/dev/null 2>&1 || true
	common_teardown
}

run_in() { run_cmk run --rm --net=none "${opts[@]}" --rootfs "$fs" "$@"; }
# profile MEMBERS... of an object whose default is to allow; into p.json, a member a line.
profile() {
	{
		echo '{ "defaultAction": "SCMP_ACT_ALLOW"'
		printf ',\n%s' "$@"
		echo '}'
	} >p.json
	opts=(--security-opt seccomp=p.json)
}
# rule NAME MEMBERS: "syscalls" with one rule.
rule() { profile "\"syscalls\": [{\"names\": [\"$1\"], $2}]"; }

@test "a profile that refuses what cmk itself asks for with it is the container's all the same" {
	rule getcwd '"action": "SCMP_ACT_ERRNO"'
	run_in sh -c 'cd /tmp; /bin/pwd 2>&1 || true'
	assert_match "$output" 'Operation not permitted'
	opts+=(--privileged)
	run_in sh -c '/bin/pwd 2>&1 || true'
	assert_match "$output" 'Operation not permitted'
}

@test "the container keeps the profile that it was made with" {
	rule sethostname '"action": "SCMP_ACT_ERRNO"'
	run_cmk create --name c --net=none "${opts[@]}" --rootfs "$fs" sh -c 'hostname x 2>&1 || true; sleep 100'
	rm p.json
	run_cmk start c
	wait_for 10 sh -c 'cmk logs c | grep -q .'
	run_cmk logs c
	assert_match "$output" 'Operation not permitted'
	run_cmk exec c sed -n 's/^Seccomp:\t//p' /proc/self/status
	assert_equal "$output" 2
	run_cmk inspect -f '{{.HostConfig.SecurityOpt}}' c
	assert_equal "$output" "[seccomp=p.json]"
}

@test "errors by number and by name, of a default and of a rule" {
	opts=(--security-opt seccomp=p.json --cap-add SYS_ADMIN)
	said() { run_cmk run --rm --net=none --cap-add SYS_ADMIN --security-opt seccomp=p.json --rootfs "$fs" sh -c 'hostname x 2>&1 || true'; }
	rule sethostname '"action": "SCMP_ACT_ERRNO", "errnoRet": 17'
	said
	assert_match "$output" 'File exists'
	rule sethostname '"action": "SCMP_ACT_ERRNO", "errno": "ENOSYS"'
	said
	assert_match "$output" 'Function not implemented'
	rule sethostname '"action": "SCMP_ACT_ERRNO"'
	said
	assert_match "$output" 'Operation not permitted'
	rule sethostname '"action": "SCMP_ACT_LOG"'
	said
	assert_equal "$output" ""
	rule sethostname '"action": "SCMP_ACT_KILL_PROCESS"'
	run_cmk 159 run --rm --net=none --security-opt seccomp=p.json --rootfs "$fs" hostname x
}

@test "conditions on arguments" {
	# chmod(2) has the mode second, fchmodat(2) third; 0777 is 511, the set-user-ID bit 2048.
	local bad='"action": "SCMP_ACT_ERRNO", "errnoRet": 17' rules='' n
	for n in '["chmod"] 1' '["fchmodat", "fchmodat2"] 2'; do
		rules+="${rules:+,}{\"names\": ${n% *}, $bad, \"args\": [{\"index\": ${n##* }, \"value\": 511, \"op\": \"SCMP_CMP_EQ\"}]},
			{\"names\": ${n% *}, $bad, \"args\": [{\"index\": ${n##* }, \"value\": 2048, \"valueTwo\": 2048, \"op\": \"SCMP_CMP_MASKED_EQ\"}]}"
	done
	profile "\"syscalls\": [$rules]"
	run_in sh -c 'touch /f; chmod 700 /f && echo plain; chmod 777 /f 2>&1; chmod 4711 /f 2>&1; stat -c %a /f'
	assert_match "$output" $'^plain\n[^\n]*File exists\n[^\n]*File exists\n700$'
}

@test "conditions on capabilities, architecture and kernel" {
	local yes='"action": "SCMP_ACT_ERRNO", "errnoRet": 17' when
	seen() { run_in sh -c 'hostname x 2>&1 || true'; }
	for when in '"includes": {"minKernel": "4.8"}' '"excludes": {"minKernel": "99.0"}' '"includes": {"caps": ["CAP_CHOWN"]}' \
		'"excludes": {"caps": ["CAP_SYS_BOOT"]}' '"excludes": {"arches": ["nosuch"]}'; do
		rule sethostname "$yes, $when"
		seen
		assert_match "$output" 'File exists'
	done
	for when in '"includes": {"minKernel": "99.0"}' '"excludes": {"minKernel": "4.8"}' '"includes": {"caps": ["CAP_SYS_BOOT"]}' \
		'"excludes": {"caps": ["CAP_CHOWN"]}' '"includes": {"arches": ["nosuch"]}'; do
		rule sethostname "$yes, $when"
		seen
		assert_match "$output" 'Operation not permitted'
	done
	# The filter follows what is granted.
	rule sethostname "$yes, \"includes\": {\"caps\": [\"CAP_SYS_BOOT\"]}"
	opts+=(--cap-add SYS_BOOT)
	seen
	assert_match "$output" 'File exists'
}

@test "the profile that Debian ships for podman works" {
	[ -f /usr/share/containers/seccomp.json ] || skip "no /usr/share/containers/seccomp.json"
	opts=(--security-opt seccomp=/usr/share/containers/seccomp.json)
	run_in sh -c 'sed -n "s/^Seccomp:\t//p" /proc/self/status; ls / >/dev/null && echo works'
	assert_equal "$output" $'2\nworks'
}

@test "a profile with an error is refused with file, line and field, before anything is made" {
	refused() {
		run_cmk 125 run --rm --net=none --security-opt seccomp=p.json --rootfs "$fs" true
		assert_error "seccomp profile 'p.json': $1"
		assert_equal "$(ls "$CMK_ROOT/containers" 2>/dev/null)" ""
	}
	profile '"syscalls": ['
	refused 'invalid JSON at byte [0-9]+, line 3'
	rule read '"action": "SCMP_ACT_WHAT"'
	refused "line 3: syscalls\[0\].action: 'SCMP_ACT_WHAT' is not an action"
	rule read '"action": "SCMP_ACT_ERRNO", "errno": "EWHAT"'
	refused "line 3: syscalls\[0\].errno: 'EWHAT' is not the name of an error"
	rule read '"action": "SCMP_ACT_LOG", "args": [{"index": 0, "op": "SCMP_CMP_XX"}]'
	refused "line 3: syscalls\[0\].args\[0\].op: 'SCMP_CMP_XX' is not an operator"
	profile '"architectures": ["SCMP_ARCH_Z80"]'
	refused "line 3: architectures: 'SCMP_ARCH_Z80' is not an architecture"
	profile '"flags": ["WHAT"]'
	refused "line 3: flags: 'WHAT' is not a flag"
	rule mknod '"action": "SCMP_ACT_NOTIFY"'
	refused "line 1: listenerPath: SCMP_ACT_NOTIFY needs one"
	truncate -s 2M p.json
	run_cmk 125 run --rm --net=none --security-opt seccomp=p.json --rootfs "$fs" true
	assert_error "'p.json': larger than 1048576 bytes"
	run_cmk 125 run --rm --net=none --security-opt seccomp=nosuch.json --rootfs "$fs" true
	assert_error "no such file"
	run_cmk 125 run --rm --net=none --security-opt seccomp= --rootfs "$fs" true
	mkdir dir
	run_cmk 125 run --rm --net=none --security-opt seccomp=dir --rootfs "$fs" true
}

start_agent() {
	"$FIXTURES/seccomp-agent" "$T/agent" "$T/states" 3>&- &
	agent=$!
	wait_for 10 test -S "$T/agent"
}

@test "SCMP_ACT_NOTIFY: the listener gets run and exec, with and without no-new-privileges" {
	local nnp
	start_agent
	for nnp in false true; do
		profile "\"listenerPath\": \"$T/agent\"" '"listenerMetadata": "told"' \
			'"syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_NOTIFY"}]'
		: >states
		run_cmk run -d --name c --net=none "${opts[@]}" --security-opt no-new-privileges=$nnp --rootfs "$fs" \
			sh -c 'hostname told && echo yes; hostname; exec sleep 100'
		wait_for 10 sh -c 'cmk logs c | grep -q yes'
		run_cmk logs c
		refute_match "$output" told
		run_cmk exec c sh -c 'hostname told && echo yes'
		assert_equal "$output" yes
		run_cmk inspect -f '{{.Id}} {{.State.Pid}}' c
		assert_equal "$(jq -r '[.fds[0], .metadata, .state.id, .state.status, (.state.pid | tostring)] | join(" ")' states)" \
			"seccompFd told ${output% *} creating ${output#* }
seccompFd told ${output% *} running ${output#* }"
		run_cmk rm -f -t 0 c
	done
}

@test "SCMP_ACT_NOTIFY: nobody listens" {
	profile "\"listenerPath\": \"$T/nobody\"" '"syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_NOTIFY"}]'
	run_cmk 125 run --rm --net=none "${opts[@]}" --rootfs "$fs" true
	assert_error "seccomp listener '$T/nobody': no such file"
}

@test "--seccomp-policy image: the profile in the image's label" {
	tar -C "$fs" -cf fs.tar .
	run_cmk import -q --change "LABEL io.containers.seccomp.profile='{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"name\":\"sethostname\",\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":17}]}'" fs.tar with
	run_cmk import -q fs.tar without
	run_cmk import -q --change 'LABEL io.containers.seccomp.profile={}' fs.tar bad
	run_cmk run --rm --net=none --seccomp-policy image with sh -c 'hostname x 2>&1 || true'
	assert_match "$output" 'File exists'
	run_cmk run --rm --net=none --seccomp-policy default with sh -c 'hostname x 2>&1 || true'
	assert_match "$output" 'Operation not permitted'
	run_cmk 125 run --rm --net=none --seccomp-policy image without true
	assert_error 'no seccomp policy defined by image'
	run_cmk 125 run --rm --net=none --seccomp-policy image bad true
	assert_error "seccomp profile 'of the image': line 1: defaultAction: there is none"
	run_cmk 125 run --rm --net=none --seccomp-policy what with true
	assert_error "invalid value 'what' for option '--seccomp-policy'"
}

@test "mask= hides more, unmask= less: ALL, paths, patterns" {
	covered() { run_in awk '$2 ~ "^/(proc|sys)/" && $2 != "/sys/fs/cgroup" {print $2}' /proc/mounts; }
	opts=(--security-opt unmask=ALL)
	covered
	assert_equal "$output" ""
	opts=(--security-opt systempaths=unconfined)
	covered
	assert_equal "$output" ""
	opts=(--security-opt unmask=/proc/sys:/proc/k*)
	covered
	refute_match "$output" /proc/sys$
	refute_match "$output" /proc/kcore
	assert_match "$output" /proc/irq
	opts=(--security-opt 'unmask=/*')
	covered
	assert_match "$output" /proc/sys
	mkdir -p "$fs/data/dir"
	echo secret >"$fs/data/file"
	touch "$fs/data/dir/entry"
	opts=(--security-opt mask=/data/file:/data/dir:/nosuch --security-opt unmask=all)
	run_in sh -c 'cat /data/file; ls /data/dir; echo end'
	assert_equal "$output" end
	opts+=(--privileged)
	run_in sh -c 'cat /data/file; ls /data/dir; echo end'
	assert_equal "$output" end
	run_cmk create --name c --net=none --security-opt unmask=ALL --security-opt mask=/data --rootfs "$fs"  true
	run_cmk inspect -f '{{.HostConfig.MaskedPaths}} {{.HostConfig.ReadonlyPaths}}' c
	assert_equal "$output" "[/data] []"
}

@test "proc-opts=" {
	opts=(--security-opt proc-opts=hidepid=2 -u 1000)
	run_in sh -c 'grep " /proc " /proc/mounts; test -d /proc/1 && echo own'
	assert_match "$output" 'nosuid,nodev,noexec.*hidepid=(2|invisible)'
	opts=(--security-opt proc-opts=subset=pid)
	run_in sh -c 'test -e /proc/cpuinfo || echo pids'
	assert_equal "$output" pids
	opts=(--security-opt proc-opts=wibble=1)
	run_cmk 125 run --rm --net=none "${opts[@]}" --rootfs "$fs" true
	assert_error "mount '/proc'.*wibble"
}

@test "apparmor= and label= where the host has neither" {
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
		run_cmk 125 run --rm --net=none --security-opt apparmor=docker-default --rootfs "$fs" true
		assert_error 'AppArmor profile "docker-default" specified, but AppArmor is not enabled'
	else
		run_cmk 125 run --rm --net=none --security-opt apparmor=no-such-profile --rootfs "$fs" true
		assert_error "AppArmor profile 'no-such-profile'"
	fi
	opts=(--security-opt apparmor=unconfined)
	run_in true
	[ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is on"
	local label
	for label in disable nested user:u role:r type:spc_t level:s0:c1,c2 filetype:t; do
		opts=(--security-opt label=$label)
		run_in true
	done
	run_cmk create --name c --net=none --security-opt label=type:spc_t --rootfs "$fs" true
	run_cmk inspect -f '{{.HostConfig.SecurityOpt}} {{.ProcessLabel}}.' c
	assert_equal "$output" "[label=type:spc_t] ."
	# Nor is there anything that z, Z and relabel= could do, not even to what they may never touch.
	mkdir "$BATS_TEST_TMPDIR/d"
	run_cmk run --rm --net=none -v "$BATS_TEST_TMPDIR/d:/d:Z" -v /usr:/u:ro,z --mount "type=bind,src=$BATS_TEST_TMPDIR/d,dst=/e,relabel=private" \
		--rootfs "$fs" true
	run_cmk run --rm --net=none --rootfs "$fs" cat /proc/self/mounts
	refute_match "$output" 'context='
	run_cmk info -f '{{.Host.Security.SELinuxEnabled}}'
	assert_equal "$output" false
}

@test "bad words" {
	local word
	while read -r word why; do
		run_cmk 125 run --rm --net=none --security-opt "$word" --rootfs "$fs" true
		assert_error "security option '$word': .*$why"
	done <<-'E'
		wibble unknown option
		mask needs a value
		mask=proc not an absolute path
		unmask=proc neither ALL nor
		unmask= neither ALL nor
		label=wibble not disable
		label=type: not disable
		apparmor= no profile is named
		proc-opts=a,,b empty option
		systempaths=x not unconfined
		seccomp needs a value
		no-new-privileges=x not true or false
		credentialspec=x Windows
	E
}
