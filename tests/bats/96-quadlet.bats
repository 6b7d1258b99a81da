#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Quadlet: files from which the generator makes units of systemd, and the commands that install, list, show and remove them.
load helpers

setup() {
	common_setup
	files=$T/files
	mkdir "$files"
}

# Reads the lines of a file NAME from stdin.
file() {
	mkdir -p "$(dirname "$files/$1")"
	cat >"$files/$1"
}

# quadlet [CODE] [ARG...]: runs the generator on $files.
quadlet() {
	local code=0
	[[ ${1-} != [0-9]* ]] || { code=$1 && shift; }
	status=0
	QUADLET_UNIT_DIRS=${dirs-$files} /usr/local/libexec/cmk/cmk-quadlet --user --no-kmsg-log "$@" >"$T/out" 2>"$T/err" || status=$?
	read_all output "$T/out"
	read_all stderr "$T/err"
	[ "$status" = "$code" ] || { echo "exit code $status: $output $stderr" && return 1; }
}

# generate [CODE]: into $T/units.
generate() {
	rm -rf "$T/units"
	mkdir "$T/units" "$T/units/early" "$T/units/late"
	quadlet "$@" "$T/units" "$T/units/early" "$T/units/late"
}

# line UNIT KEY: the values of KEY.
line() { sed -n "s/^$2=//p" "$T/units/$1"; }

# refuses WHAT LINE...: [Container] with an image and these lines is refused, saying WHAT.
refuses() {
	local what=$1
	shift
	printf '%s\n' '[Container]' Image=x "$@" | file bad.container
	quadlet 1 --dry-run
	assert_match "$stderr" "$files/bad.container:$what"
	refute_match "$output" 'bad.service'
}

@test "a dry run prints the units, and what is wrong with other files by file, line and key" {
	printf '[Container]\nImage=docker.io/library/x\nExec=sleep 60\n' | file good.container
	printf '[Container]\nImage=x\n\n# Not there.\nImago=x\n' | file bad.container
	printf '[Volume]\n' | file data.volume
	quadlet 1 --dry-run
	assert_match "$output" $'^---data-volume.service---\n'
	assert_match "$output" $'\n---good.service---\n'
	assert_match "$output" $'\nExecStart=/usr/local/bin/cmk run --name systemd-%N --replace --rm .* docker.io/library/x sleep 60\n'
	refute_match "$output" bad
	assert_match "$stderr" "^cmk-quadlet\[[0-9]+\]: converting \"bad.container\": unsupported key 'Imago' in group 'Container' in $files/bad.container:5
$"
	rm "$files/bad.container"
	quadlet -dryrun
	assert_equal "$stderr" ""
	quadlet --version
	assert_match "$output" '^[0-9]+\.[0-9]+'
	quadlet -v --dry-run
	assert_match "$stderr" "reading $files/good.container"
	quadlet 2
	assert_match "$stderr" '--dry-run'
	quadlet 2 --what
	quadlet 1 "$T/there-is-none"
	assert_match "$stderr" 'there-is-none'
}

@test "the service of a container is as podman's" {
	printf '[Unit]\nDescription=A server\n[Container]\nImage=x\n[Service]\nRestart=always\n[Timer]\nOnBootSec=1\n' | file web.container
	generate
	assert_equal "$(line web.service Type) $(line web.service NotifyAccess) $(line web.service Delegate)" "notify all yes"
	assert_equal "$(line web.service KillMode) $(line web.service SyslogIdentifier)" "mixed %N"
	assert_equal "$(line web.service SourcePath)" "$files/web.container"
	assert_equal "$(line web.service ExecStop)" "/usr/local/bin/cmk rm -v -f -i systemd-%N"
	assert_equal "$(line web.service ExecStopPost)" "-/usr/local/bin/cmk rm -v -f -i systemd-%N"
	assert_match "$(line web.service ExecStart)" ' --cgroups=split --sdnotify=conmon -d x$'
	assert_equal "$(line web.service Environment) $(line web.service RequiresMountsFor)" "PODMAN_SYSTEMD_UNIT=%n %t/containers"
	assert_match "$(<"$T/units/web.service")" $'\n\\[X-Container\\]\nImage=x\n'
	assert_match "$(<"$T/units/web.service")" $'\n\\[Timer\\]\nOnBootSec=1'
	assert_equal "$(line web.service Restart) $(line web.service Description)" "always A server"
	assert_equal "$(ls "$T/units/early" "$T/units/late" | grep service || true)" ""
}

@test "systemd takes what is written" {
	[ -x /usr/bin/systemd-analyze ] || skip "systemd is not installed"
	printf '[Volume]\nUser=1\nLabel="a b"=c\n' | file data.volume
	printf '[Image]\nImage=docker.io/library/x\n' | file x.image
	cat <<-'END' | file a-web.container
		[Unit]
		Description=100%% of it
		After=other@1.container
		[Container]
		Image=x.image
		Volume=data.volume:/data
		Volume=%h/a b:/c
		Environment="A=it's \"this\" \\ and $$that" 'B=\x41\u00e4'
		Exec=sh -c 'echo "a;b" ; exit 1' ; \
		  # of it \
		  end\x20
		Label=some="quoted" %n
		[Service]
		Restart=on-failure
		[Install]
		WantedBy=default.target
	END
	printf '[Container]\nImage=x\nNotify=yes\nReloadCmd=kill -HUP 1\n' | file other@.container
	generate
	SYSTEMD_UNIT_PATH=$T/units: run_any systemd-analyze --user --man=no verify "$T"/units/*.service "$T/units/other@1.service"
	assert_equal "$output" ""
	# And the words that it makes of them are those that were meant.
	assert_match "$(line a-web.service ExecStart)" ' --env "A=it.s \\"this\\" \\\\ and \$\$that" --env B=Aä '
	assert_match "$(line a-web.service ExecStart)" ' sh -c "echo \\"a;b\\" ; exit 1" ";" "end "$'
}

# Runs COMMAND..., with both its outputs in $output.
run_any() {
	status=0
	"$@" >"$T/out" 2>&1 || status=$?
	read_all output "$T/out"
	[ "$status" = 0 ] || { echo "$output" && return 1; }
}

@test "each option that a key becomes is one of the command" {
	local key command option
	run_cmk run --help
	printf '%s\n' "$output" >"$T/run"
	run_cmk volume create --help
	printf '%s\n' "$output" >"$T/volume"
	run_cmk image pull --help
	printf '%s\n' "$output" >"$T/image"
	# The man page is made from the table.
	man=/usr/local/share/man/man5/cmk-systemd.unit.5
	[ "$(grep -c 'cmk run' "$man")" -gt 60 ]
	while read -r command option; do
		grep -qE -- "--$option([^a-z-]|$)" "$T/${command%% *}" || { echo "cmk $command has no --$option" && return 1; }
	done < <(sed -n 's/\\//g; s/fR.*//; s/^fBcmk \([a-z ]*\) --\([a-z-]*\).*/\1 \2/p' "$man" | sed 's/^volume create /volume /; s/^image pull /image /')
}

# bats test_tags=long
@test "each key that podman-systemd.unit(5) has is known, or refused with the reason" {
	local key keys=(AddCapability AddDevice AddHost Annotation AutoUpdate CgroupsMode ContainerName ContainersConfModule DNS DNSOption
		DNSSearch DropCapability Entrypoint Environment EnvironmentFile EnvironmentHost Exec ExposeHostPort GIDMap GlobalArgs Group
		GroupAdd HealthCmd HealthInterval HealthLogDestination HealthMaxLogCount HealthMaxLogSize HealthOnFailure HealthRetries
		HealthStartPeriod HealthStartupCmd HealthStartupInterval HealthStartupRetries HealthStartupSuccess HealthStartupTimeout
		HealthTimeout HostName IP IP6 Image Label LogDriver LogOpt Mask Memory Mount Network NetworkAlias NoNewPrivileges Notify
		PidsLimit Pod PodmanArgs PublishPort Pull ReadOnly ReadOnlyTmpfs ReloadCmd ReloadSignal Retry RetryDelay Rootfs RunInit
		SeccompProfile Secret SecurityLabelDisable SecurityLabelFileType SecurityLabelLevel SecurityLabelNested SecurityLabelType
		ServiceName ShmSize StartWithPod StopSignal StopTimeout SubGIDMap SubUIDMap Sysctl Timezone Tmpfs UIDMap Ulimit Unmask User
		UserNS Volume WorkingDir)
	local volume=(ContainersConfModule Copy Device Driver GlobalArgs Group Image Label Options PodmanArgs ServiceName Type User VolumeName)
	local image=(AllTags Arch AuthFile CertDir ContainersConfModule Creds DecryptionKey GlobalArgs Image ImageTag OS PodmanArgs Retry
		RetryDelay ServiceName TLSVerify Variant)
	for key in "${keys[@]}"; do printf '[Container]\n%s=1\n' "$key" | file "c-$key.container"; done
	for key in "${volume[@]}"; do printf '[Volume]\n%s=1\n' "$key" | file "v-$key.volume"; done
	for key in "${image[@]}"; do printf '[Image]\n%s=1\n' "$key" | file "i-$key.image"; done
	quadlet 1 --dry-run
	refute_match "$stderr" 'unsupported key'
	for key in IP IP6 NetworkAlias Pod StartWithPod; do
		assert_match "$stderr" "/c-$key.container:2: $key=: (networks of one's own are not|pods are not)"
	done
}

@test "files that need what is not there yet are refused, and the others made" {
	local kind
	for kind in network pod build kube; do printf '[%s]\nX=1\n' "${kind^}" | file "a.$kind"; done
	printf '[Container]\nImage=x\n' | file a.container
	generate 1
	assert_match "$stderr" "$files/a.network: networks of one's own are not there yet"
	assert_match "$stderr" "$files/a.pod: pods are not there yet"
	assert_match "$stderr" "$files/a.build: builds are not there yet"
	assert_match "$stderr" "$files/a.kube: Kubernetes files are not there yet"
	assert_equal "$(cd "$T/units" && echo *.service)" "a.service podman-user-wait-network-online.service"
}

@test "wrong values are refused where they stand" {
	refuses "3: Network=: 'x.network'.*networks of one's own are not there yet" Network=x.network
	refuses "3: Network=: 'mine' is not" Network=mine
	refuses "3: Volume=: requested Quadlet source x.volume was not found" Volume=x.volume:/x
	refuses "3: PidsLimit=: 'many' is not a number" PidsLimit=many
	refuses "4: Pull=: 'x' is not one of" "" Pull=x
	refuses "3: Exec=: a quote is not closed" "Exec='x"
	refuses "3: a line is 'KEY=VALUE'" nonsense
	refuses "4: Alias=: '../../x.service' cannot be a unit's name" "[Install]" Alias=../../x.service
	refuses "4: WantedBy=: '/etc/x.target' cannot be a unit's name" "[Install]" WantedBy=/etc/x.target
	refuses "3: ServiceName=: 'a/b' cannot be a unit's name" ServiceName=a/b
	refuses "4: KillMode=: 'none' is not mixed or control-group" "[Service]" KillMode=none
	refuses "4: Type=: 'forking' is not notify or oneshot" "[Service]" Type=forking
	printf '[Container]\nImage=x.build\n' | file bad.container
	quadlet 1 --dry-run
	assert_match "$stderr" "2: Image=: 'x.build': builds are not there yet"
	(printf '[Container]\nImage=x\n' && head -c 300000 /dev/zero | tr '\0' '#') | file bad.container
	quadlet 1 --dry-run
	assert_match "$stderr" "$files/bad.container: "
	printf '[Container]\nImage=x\nExec=\xff\n' | file bad.container
	quadlet 1 --dry-run
	assert_match "$stderr" "3: that is not UTF-8"
	rm "$files/bad.container"
	mkfifo "$files/bad.container"
	quadlet 1 --dry-run
	assert_match "$stderr" "$files/bad.container: "
}

@test "drop-ins: the nearest of a name wins, all are read in the order of their names" {
	printf '[Container]\nImage=x\nEnvironment=A=0\n' | file a-b-c.container
	printf '[Container]\nEnvironment=type\n' | file container.d/10-x.conf
	printf '[Container]\nEnvironment=a\n' | file a-.container.d/10-x.conf
	printf '[Container]\nEnvironment=ab\n' | file a-b-.container.d/20-y.conf
	printf '[Container]\nEnvironment=own\n' | file a-b-c.container.d/20-y.conf
	printf '[Container]\nEnvironment=last\n[Install]\nWantedBy=default.target\n' | file a-b-c.container.d/30-z.conf
	printf '[Container]\nEnvironment=no\n' | file a-b-c.container.d/40-not.text
	generate
	assert_match "$(line a-b-c.service ExecStart)" ' --env A=0 --env a --env own --env last x$'
	assert_equal "$(readlink "$T/units/default.target.wants/a-b-c.service")" ../a-b-c.service
	ln -s /dev/null "$files/a-b-c.container.d/10-x.conf"
	printf '[Container]\nEnvironment=\nWhat=1\n' | file a-b-c.container.d/20-y.conf
	generate 1
	assert_match "$stderr" "unsupported key 'What' .*a-b-c.container.d/20-y.conf:3"
}

@test "templates, their instances and their default instance" {
	printf '[Container]\nImage=x\nExec=sleep %%i\n[Install]\nWantedBy=default.target\nDefaultInstance=100\n' | file sleep@.container
	ln -s sleep@.container "$files/sleep@10.container"
	printf '[Container]\nImage=y\n' | file sleep@10.container.d/image.conf
	printf '[Container]\nEnvironment=all\n' | file sleep@.container.d/env.conf
	printf '[Container]\nImage=x\n[Unit]\nRequires=sleep@5.container\n' | file a.container
	generate
	assert_match "$(line sleep@.service ExecStart)" ' --name systemd-%p_%i .* --env all x sleep %i$'
	assert_match "$(line sleep@10.service ExecStart)" ' --env all y sleep %i$'
	assert_equal "$(readlink "$T/units/default.target.wants/sleep@100.service")" ../sleep@.service
	assert_equal "$(readlink "$T/units/default.target.wants/sleep@10.service")" ../sleep@10.service
	assert_equal "$(line a.service Requires)" sleep@5.service
}

@test "[Install]: links of every kind, in the directory and nowhere else" {
	printf '[Container]\nImage=x\n[Install]\nAlias=b.service c.service\nAlias=in/a/dir/e.service\nWantedBy=a.target\nRequiredBy=b.target\nUpheldBy=d.service\n' | file a.container
	generate
	assert_equal "$(readlink "$T/units/b.service") $(readlink "$T/units/c.service")" "a.service a.service"
	assert_equal "$(readlink "$T/units/a.target.wants/a.service")" ../a.service
	assert_equal "$(readlink "$T/units/b.target.requires/a.service")" ../a.service
	assert_equal "$(readlink "$T/units/d.service.upholds/a.service")" ../a.service
	assert_equal "$(readlink "$T/units/in/a/dir/e.service")" ../../../a.service
	# Again, over what is there.
	quadlet "$T/units" "$T/units" "$T/units"
	# A link that somebody has put there is not followed.
	mkdir "$T/elsewhere"
	rm -r "$T/units/a.target.wants"
	ln -s ../elsewhere "$T/units/a.target.wants"
	quadlet 1 "$T/units" "$T/units" "$T/units"
	assert_equal "$(ls -A "$T/elsewhere")" ""
	rm "$T/units/a.target.wants" "$T/units/a.service"
	ln -s ../elsewhere/x "$T/units/a.service"
	quadlet 1 "$T/units" "$T/units" "$T/units"
	assert_equal "$(ls -A "$T/elsewhere")" ""
}

@test "directories: those below, links that lead back, precedence, masks" {
	local dirs=$T/first:$files
	mkdir -p "$T/first/deep/er"
	printf '[Container]\nImage=one\n' >"$T/first/deep/er/a.container"
	printf '[Container]\nImage=two\n' | file a.container
	printf '[Container]\nImage=two\n' | file b.container
	printf '[Container]\nImage=two\n' | file c.container
	printf '[Container]\nImage=two\n' | file .hidden/d.container
	ln -s /dev/null "$T/first/b.container"
	ln -s .. "$T/first/deep/back"
	ln -s "$files" "$T/first/deep/linked"
	generate
	assert_match "$(line a.service ExecStart)" ' one$'
	assert_match "$(line c.service ExecStart)" ' two$'
	assert_equal "$(cd "$T/units" && echo *.service)" "a.service c.service podman-user-wait-network-online.service"
	dirs=relative quadlet 1 --dry-run
	assert_match "$stderr" "QUADLET_UNIT_DIRS: 'relative' is not an absolute path"
	ln -s nowhere "$files/e.container"
	quadlet 1 --dry-run
	assert_match "$stderr" "e.container: "
}

@test "the directories of a user" {
	local dirs=
	mkdir -p "$HOME/.config/containers/systemd" "$HOME/.config/cmk/systemd" "$XDG_RUNTIME_DIR/containers/systemd"
	printf '[Container]\nImage=config\n' | tee "$HOME/.config/containers/systemd/a.container" >"$HOME/.config/containers/systemd/b.container"
	printf '[Container]\nImage=own\n' >"$HOME/.config/cmk/systemd/b.container"
	printf '[Container]\nImage=run\n' >"$XDG_RUNTIME_DIR/containers/systemd/a.container"
	generate
	assert_match "$(line a.service ExecStart)" ' run$'
	assert_match "$(line b.service ExecStart)" ' own$'
	XDG_CONFIG_HOME=$T/none generate
	assert_equal "$(cd "$T/units" && echo *.service)" "a.service podman-user-wait-network-online.service"
}

@test "[Quadlet] DefaultDependencies=false: no waiting for the network" {
	printf '[Container]\nImage=x\n' | file a.container
	generate
	assert_equal "$(line a.service Wants) $(line a.service After)" "podman-user-wait-network-online.service podman-user-wait-network-online.service"
	# Without a manager of the system there is nothing to wait for.
	run_any timeout 20 sh -c "$(line podman-user-wait-network-online.service ExecStart | sed "s/.*-c '\(.*\)'$/\1/")"
	printf '[Container]\nImage=x\n[Quadlet]\nDefaultDependencies=false\n' | file a.container
	generate
	assert_equal "$(line a.service Wants)" ""
	assert [ ! -e "$T/units/podman-user-wait-network-online.service" ]
}

@test "what a unit runs does what the file says" {
	local words
	cat <<-END | file a.container
		[Container]
		Rootfs=$(rootfs)
		GlobalArgs=--root $CMK_ROOT --runroot $CMK_RUNROOT
		ContainerName=mine
		CgroupsMode=enabled
		Network=none
		Environment="A=it's \"this\"" B=\\x41
		EnvironmentFile=./env
		Volume=./dir:/dir:ro
		Tmpfs=/tmp/t
		WorkingDir=/dir
		User=1
		Group=2
		AddCapability=KILL
		NoNewPrivileges=yes
		ReadOnly=yes
		Label=a="b c"
		Annotation=d=e
		PodmanArgs=--umask 0077
		Exec=sh -c 'echo "\$\$A-\$\$B-\$\$C"; pwd; id -u; id -g; umask; cat file'
		[Service]
		Type=oneshot
	END
	echo C=3 | file env
	echo content | file dir/file
	generate
	# Without systemd: its specifiers and escapes are few here.
	mapfile -t words < <(line a.service ExecStart | sed "s,%t,$XDG_RUNTIME_DIR,g; s,%N,a,g; s,%n,a.service,g; s,\\$\\$,\\$,g" |
		python3 -c 'import shlex, sys; [print(w) for w in shlex.split(sys.stdin.read())]')
	run_any "${words[@]}"
	assert_equal "$output" $'it\'s "this"-A-3\n/dir\n1\n2\n0077\ncontent\n'
}

@test "Notify=: who says that the service is ready" {
	local value mode
	while read -r value mode; do
		printf '[Container]\nImage=x\nHealthCmd=true\nNotify=%s\n' "$value" | file a.container
		generate
		assert_match "$(line a.service ExecStart)" " --sdnotify=$mode -d "
		assert_equal "$(line a.service Type) $(line a.service NotifyAccess)" "notify all"
	done <<-'END'
		true container
		yes container
		healthy healthy
		false conmon
		no conmon
	END
	printf '[Container]\nImage=x\n' | file a.container
	generate
	assert_match "$(line a.service ExecStart)" " --sdnotify=conmon -d "
	# Of a oneshot nobody waits for that.
	printf '[Container]\nImage=x\nHealthCmd=true\nNotify=healthy\n[Service]\nType=oneshot\n' | file a.container
	generate
	refute_match "$(line a.service ExecStart)" "sdnotify|NotifyAccess| -d "
	refuses "3: Notify=: 'soon' is not true or false" Notify=soon
}

@test "files that need each other in a circle are refused, and what only has an order is systemd's" {
	printf '[Container]\nImage=x\nNetwork=b.container\n' | file a.container
	printf '[Container]\nImage=x\nNetwork=c.container\n' | file b.container
	printf '[Container]\nImage=x\nNetwork=a.container\n' | file c.container
	printf '[Container]\nImage=x\nNetwork=a.container\n' | file d.container
	printf '[Container]\nImage=x\nNetwork=e.container\n' | file e.container
	printf '[Unit]\nAfter=g.container\nRequires=g.container\n[Container]\nImage=x\n' | file f.container
	printf '[Unit]\nAfter=f.container\nRequires=f.container\n[Container]\nImage=x\n' | file g.container
	generate 1
	assert_match "$stderr" "a.container:3: Network=: 'b.container' needs this file's container itself"
	assert_match "$stderr" "b.container:3: Network=: 'c.container' needs this file's container itself"
	assert_match "$stderr" "c.container:3: Network=: 'a.container' needs this file's container itself"
	assert_match "$stderr" "e.container:3: Network=: 'e.container' is this file itself"
	assert_equal "$(cd "$T/units" && echo *.service)" "f.service g.service podman-user-wait-network-online.service"
	assert_equal "$(line f.service Requires) $(line g.service Requires)" "g.service f.service"
}

@test "without a runtime directory, and without a home, what is left is read" {
	local dirs=
	mkdir -p "$HOME/.config/containers/systemd"
	printf '[Container]\nImage=x\n' >"$HOME/.config/containers/systemd/a.container"
	(unset XDG_RUNTIME_DIR && quadlet --dry-run && assert_match "$output" '^---a.service---')
	(export XDG_RUNTIME_DIR=relative && quadlet --dry-run && assert_match "$output" '^---a.service---')
	(unset XDG_RUNTIME_DIR HOME && quadlet --dry-run && refute_match "$output" 'a.service')
	# The commands, too: who has no bus is told that systemd has to read its units.
	printf '[Container]\nImage=x\n' | file b.container
	XDG_RUNTIME_DIR='' run_cmk quadlet install "$files/b.container"
	assert_match "$stderr" 'systemd has not read its units again'
	XDG_RUNTIME_DIR='' run_cmk quadlet ls --format '{{.Name}} {{.Status}}'
	assert_equal "$output" $'NAME STATUS\na.container unknown\nb.container unknown'
}

# --- the commands -------------------------------------------------------------------------------------------------------

@test "quadlet install, ls, print and rm of one file" {
	local dir=$HOME/.config/containers/systemd
	printf '[Container]\nImage=x\n' | file web.container
	run_cmk quadlet install "$files/web.container"
	assert_equal "$output" "$dir/web.container"
	assert_match "$stderr" 'systemd has not read its units again'
	run_cmk quadlet ls
	assert_match "$output" "^NAME +UNIT NAME +PATH ON DISK +STATUS +APPLICATION
web.container +web.service +$dir/web.container +unknown *$"
	run_cmk quadlet list --format json
	assert_equal "$(jq -r '.[0] | [.Name, .UnitName, .Path, .Status, .App] | join(" ")' <<<"$output")" "web.container web.service $dir/web.container unknown "
	run_cmk quadlet print web.container
	assert_equal "$output" $'[Container]\nImage=x'
	run_cmk quadlet cat web.container
	run_cmk 125 quadlet install "$files/web.container"
	assert_match "$stderr" "'$dir/web.container' is there already \(use --replace\)"
	printf '[Container]\nImage=y\n' | file web.container
	run_cmk quadlet install --replace --reload-systemd=false "$files/web.container"
	assert_equal "$stderr" ""
	assert_match "$(<"$dir/web.container")" 'Image=y'
	run_cmk quadlet rm --reload-systemd=false web.container
	assert_equal "$output" web.container
	assert_equal "$(ls -A "$dir")" ""
	run_cmk 125 quadlet rm web.container
	assert_match "$stderr" "could not locate quadlet 'web.container'"
	run_cmk quadlet rm -i --reload-systemd=false web.container
	run_cmk 125 quadlet print web.container
	run_cmk 125 quadlet rm
	run_cmk 125 quadlet rm --all web.container
	run_cmk quadlet ls --format json
	assert_equal "$(jq length <<<"$output")" 0
}

@test "quadlet install refuses what the generator would, and writes nothing then" {
	local dir=$HOME/.config/containers/systemd
	printf '[Container]\nImage=x\n' | file a.container
	printf '[Container]\nImago=x\n' | file b.container
	run_cmk 125 quadlet install "$files/a.container" "$files/b.container"
	assert_match "$stderr" "unsupported key 'Imago' in group 'Container' in $dir/b.container:2"
	assert_equal "$(ls -A "$dir")" ""
	printf '[Network]\n' | file a.network
	run_cmk 125 quadlet install "$files/a.network"
	assert_match "$stderr" "networks of one's own are not there yet"
	echo text | file note.txt
	run_cmk 125 quadlet install "$files/note.txt"
	assert_match "$stderr" "'note.txt' is no quadlet"
	run_cmk 125 quadlet install "$files/none.container"
	# What is missing may come later.
	printf '[Container]\nImage=x\nVolume=d.volume:/d\n' | file a.container
	run_cmk quadlet install --reload-systemd=false "$files/a.container"
	assert_match "$stderr" "requested Quadlet source d.volume was not found"
	printf '[Volume]\n' | file d.volume
	run_cmk quadlet install --reload-systemd=false "$files/d.volume"
	assert_equal "$stderr" ""
	run_cmk quadlet rm -a --reload-systemd=false
	assert_equal "$output" $'d.volume\na.container'
}

@test "applications: a directory, a file .quadlets, and files that come with one" {
	local dir=$HOME/.config/containers/systemd
	printf '[Container]\nImage=x\nEnvironmentFile=web.env\nVolume=data.volume:/d\n' | file shop/web.container
	printf '[Volume]\n' | file shop/data.volume
	echo A=1 | file shop/web.env
	run_cmk quadlet install --reload-systemd=false "$files/shop"
	assert_equal "$output" "$dir/data.volume"$'\n'"$dir/web.container"
	assert_equal "$stderr" ""
	assert_equal "$(<"$dir/web.env")" A=1
	run_cmk quadlet ls --format '{{.Name}} {{.App}}'
	assert_equal "$output" $'NAME APPLICATION\ndata.volume shop\nweb.container shop'
	run_cmk quadlet rm --reload-systemd=false web.container
	assert_equal "$(sort <<<"$output")" $'data.volume\nweb.container'
	assert_equal "$(ls -A "$dir")" ""

	printf '# FileName=one\n[Container]\nImage=x\nVolume=two.volume:/x\n---\n# FileName=two\n[Volume]\nLabel=a=b\n' | file both.quadlets
	run_cmk quadlet install --reload-systemd=false "$files/both.quadlets"
	assert_equal "$stderr" ""
	assert_match "$(<"$dir/two.volume")" 'Label=a=b'
	run_cmk quadlet rm --reload-systemd=false one.container
	assert_equal "$(ls -A "$dir")" two.volume
	run_cmk quadlet rm --reload-systemd=false two.volume
	assert_equal "$(ls -A "$dir")" ""
	run_cmk quadlet install --reload-systemd=false "$files/shop"
	run_cmk quadlet rm --reload-systemd=false .shop.app
	assert_equal "$(ls -A "$dir")" ""
	run_cmk 125 quadlet rm --reload-systemd=false .shop.app
	printf '[Container]\nImage=x\n' | file nameless.quadlets
	run_cmk 125 quadlet install "$files/nameless.quadlets"
	assert_match "$stderr" "a part is missing required '# FileName=NAME'"
	printf '# FileName=../x\n[Container]\nImage=x\n' | file bad.quadlets
	run_cmk 125 quadlet install "$files/bad.quadlets"
	assert_match "$stderr" "'../x.container' cannot be the name of a file"

	printf '[Container]\nImage=x\n' | file a.container
	run_cmk quadlet install --reload-systemd=false "$files/a.container" "$files/shop/web.env"
	run_cmk quadlet rm --reload-systemd=false a.container
	assert_equal "$(ls -A "$dir")" ""
}

@test "a list of files that somebody else wrote leads to no other directory" {
	local dir=$HOME/.config/containers/systemd
	mkdir -p "$dir"
	printf '[Container]\nImage=x\n' >"$dir/a.container"
	echo mine >"$HOME/.config/containers/precious"
	printf 'a.container\n../precious\n' >"$dir/.app.app"
	run_cmk quadlet rm --reload-systemd=false a.container
	assert_equal "$(<"$HOME/.config/containers/precious")" mine
	# What is elsewhere is not removed.
	mkdir -p "$XDG_RUNTIME_DIR/containers/systemd"
	printf '[Container]\nImage=x\n' >"$XDG_RUNTIME_DIR/containers/systemd/b.container"
	run_cmk 125 quadlet rm b.container
	assert_match "$stderr" "is not where .* puts it: '$XDG_RUNTIME_DIR/containers/systemd/b.container'"
	run_cmk 125 quadlet rm ../precious
}

@test "quadlet ls: filters, and completion of names" {
	local name
	for name in web1 web2 db; do
		printf '[Container]\nImage=x\n' | file $name.container
	done
	run_cmk quadlet install --reload-systemd=false "$files"/*.container
	run_cmk quadlet ls -f name='web*' --format '{{.UnitName}}'
	assert_equal "$output" $'UNIT NAME\nweb1.service\nweb2.service'
	run_cmk quadlet ls -f name=db.container --format '{{json .}}'
	assert_match "$output" '^\{"Name":"db.container","UnitName":"db.service",.*\}$'
	run_cmk quadlet ls -f name=none
	assert_match "$output" '^NAME        UNIT NAME   PATH ON DISK  STATUS      APPLICATION ?$'
	run_cmk quadlet ls -f name=db.container -f name=web1.container -f status=unknown --format '{{.Name}}'
	assert_equal "$output" $'NAME\ndb.container\nweb1.container'
	run_cmk quadlet ls -f status=active/running --format '{{.Name}}'
	assert_equal "$output" NAME
	run_cmk 125 quadlet ls -f what=x
	run_cmk __complete -- quadlet rm we
	assert_match "$output" $'^web1.container\tweb1.service\nweb2.container\t'
}

@test "quadlet install gets a file from a URL" {
	local dir=$HOME/.config/containers/systemd port
	printf '[Container]\nImage=x\n' | file net.container
	(cd "$files" && exec python3 -u -m http.server --bind 127.0.0.1 0 >"$T/http" 2>&1 3>&-) &
	wait_for 10 grep -q 'port [0-9]' "$T/http"
	port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$T/http")
	run_cmk quadlet install --reload-systemd=false "http://127.0.0.1:$port/net.container?x=y"
	kill $!
	assert_equal "$output" "$dir/net.container"
	assert_match "$(<"$dir/net.container")" 'Image=x'
}
