#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `inspect` tells, and of what.
load helpers

# Every key that scripts read, with its JSON type. "a|null": either.
keys='
Id string
Created string
Path string
Args array
State object
State.OciVersion string
State.Status string
State.Running boolean
State.Paused boolean
State.Restarting boolean
State.OOMKilled boolean
State.Dead boolean
State.Pid number
State.ConmonPid number
State.ExitCode number
State.Error string
State.StartedAt string
State.FinishedAt string
State.CgroupPath string
State.CheckpointedAt string
State.RestoredAt string
Image string
ImageDigest string
ImageName string
Rootfs string
Pod string
ResolvConfPath string
HostnamePath string
HostsPath string
StaticDir string
OCIConfigPath string
OCIRuntime string
ConmonPidFile string
PidFile string
LogPath string
Name string
RestartCount number
Driver string
MountLabel string
ProcessLabel string
AppArmorProfile string
EffectiveCaps array
BoundingCaps array
ExecIDs array
GraphDriver object
GraphDriver.Name string
GraphDriver.Data object
Mounts array
Dependencies array
NetworkSettings object
NetworkSettings.EndpointID string
NetworkSettings.Gateway string
NetworkSettings.IPAddress string
NetworkSettings.IPPrefixLen number
NetworkSettings.IPv6Gateway string
NetworkSettings.GlobalIPv6Address string
NetworkSettings.GlobalIPv6PrefixLen number
NetworkSettings.MacAddress string
NetworkSettings.Bridge string
NetworkSettings.SandboxID string
NetworkSettings.HairpinMode boolean
NetworkSettings.LinkLocalIPv6Address string
NetworkSettings.LinkLocalIPv6PrefixLen number
NetworkSettings.Ports object
NetworkSettings.SandboxKey string
NetworkSettings.Networks object
Namespace string
IsInfra boolean
IsService boolean
KubeExitCodePropagation string
lockNumber number
UseImageHosts boolean
UseImageHostname boolean
Config object
Config.Hostname string
Config.Domainname string
Config.User string
Config.AttachStdin boolean
Config.AttachStdout boolean
Config.AttachStderr boolean
Config.Tty boolean
Config.OpenStdin boolean
Config.StdinOnce boolean
Config.Env array
Config.Cmd array
Config.Image string
Config.Volumes null
Config.WorkingDir string
Config.Entrypoint array|null
Config.OnBuild null
Config.Labels object
Config.Annotations object
Config.StopSignal string
Config.CreateCommand array
Config.Umask string
Config.Timeout number
Config.StopTimeout number
Config.Passwd boolean
Config.sdNotifyMode string
HostConfig object
HostConfig.Binds array
HostConfig.CgroupManager string
HostConfig.CgroupMode string
HostConfig.ContainerIDFile string
HostConfig.LogConfig object
HostConfig.LogConfig.Type string
HostConfig.LogConfig.Config null
HostConfig.LogConfig.Path string
HostConfig.LogConfig.Tag string
HostConfig.LogConfig.Size string
HostConfig.NetworkMode string
HostConfig.PortBindings object
HostConfig.RestartPolicy object
HostConfig.RestartPolicy.Name string
HostConfig.RestartPolicy.MaximumRetryCount number
HostConfig.AutoRemove boolean
HostConfig.AutoRemoveImage boolean
HostConfig.Annotations object
HostConfig.VolumeDriver string
HostConfig.VolumesFrom array|null
HostConfig.CapAdd array
HostConfig.CapDrop array
HostConfig.Dns array
HostConfig.DnsOptions array
HostConfig.DnsSearch array
HostConfig.ExtraHosts array
HostConfig.HostsFile string
HostConfig.GroupAdd array
HostConfig.IpcMode string
HostConfig.Cgroup string
HostConfig.Cgroups string
HostConfig.Links null
HostConfig.OomScoreAdj number
HostConfig.PidMode string
HostConfig.Privileged boolean
HostConfig.PublishAllPorts boolean
HostConfig.ReadonlyRootfs boolean
HostConfig.SecurityOpt array
HostConfig.Tmpfs object
HostConfig.UTSMode string
HostConfig.UsernsMode string
HostConfig.ShmSize number
HostConfig.Runtime string
HostConfig.ConsoleSize array
HostConfig.Isolation string
HostConfig.CpuShares number
HostConfig.Memory number
HostConfig.NanoCpus number
HostConfig.CgroupParent string
HostConfig.BlkioWeight number
HostConfig.BlkioWeightDevice null
HostConfig.BlkioDeviceReadBps null
HostConfig.BlkioDeviceWriteBps null
HostConfig.BlkioDeviceReadIOps null
HostConfig.BlkioDeviceWriteIOps null
HostConfig.CpuPeriod number
HostConfig.CpuQuota number
HostConfig.CpuRealtimePeriod number
HostConfig.CpuRealtimeRuntime number
HostConfig.CpusetCpus string
HostConfig.CpusetMems string
HostConfig.Devices array
HostConfig.DiskQuota number
HostConfig.KernelMemory number
HostConfig.MemoryReservation number
HostConfig.MemorySwap number
HostConfig.MemorySwappiness number
HostConfig.OomKillDisable boolean
HostConfig.Init boolean
HostConfig.PidsLimit number
HostConfig.Ulimits array
HostConfig.CpuCount number
HostConfig.CpuPercent number
HostConfig.IOMaximumIOps number
HostConfig.IOMaximumBandwidth number
HostConfig.CgroupConf null
HostConfig.CgroupnsMode string
HostConfig.MaskedPaths array
HostConfig.ReadonlyPaths array
'

# Prints every key of the list that the object on stdin lacks or has with another type.
wrong_keys() {
	jq -r --arg keys "$keys" '. as $o | $keys | split("\n")[] | select(length > 0) | split(" ") as [$k, $t]
		| ($k | split(".")) as $p
		| ($o | if ($p | length) == 1 then has($p[0]) else getpath($p[:-1]) | has($p[-1]) end) as $there
		| ($o | getpath($p) | type) as $is
		| select(($there | not) or ($t | split("|") | index($is) | not)) | "\($k): \(if $there then $is else "absent" end)"'
}

setup() {
	common_setup
	fs=$(rootfs)
}

@test "every key is there with its type: created, running, exited; --rootfs and image" {
	load_images alpine
	cmk create --name c1 --net=none --rootfs "$fs" sh -c true
	cmk run -d --name c2 alpine sleep 100
	for c in c1 c2; do
		run_cmk inspect $c
		assert_equal "$(jq '.[0]' <<<"$output" | wrong_keys)" ""
	done
	run_cmk start -a c1
	run_cmk inspect c1
	assert_equal "$(jq '.[0]' <<<"$output" | wrong_keys)" ""
	run_cmk rm -f -t 0 c1 c2
}

@test "the values are true: state, image, capabilities, names, limits of a running one" {
	load_images alpine
	run_cmk run -d --name c -h box -e A=1 -l k=v --cap-add NET_RAW --cap-drop CHOWN,KILL --dns 192.0.2.1 --add-host a:192.0.2.2 \
		--umask 077 --stop-signal INT --stop-timeout 3 --ulimit nofile=50:60 -p 127.0.0.1:18090:80 --expose 81 -w /tmp \
		-u 5 --read-only alpine sleep 100
	id=$output
	run_cmk inspect c
	o=$(jq '.[0]' <<<"$output")
	q() { assert_equal "$(jq -c "$1" <<<"$o")" "$2"; }
	q .Id "\"$id\""
	q '[.State.Status, .State.Running, .State.Paused, .State.ExitCode, .State.FinishedAt]' '["running",true,false,0,"0001-01-01T00:00:00Z"]'
	assert_equal "$(tr '\0' ' ' <"/proc/$(jq .State.Pid <<<"$o")/cmdline")" "sleep 100 "
	assert_match "$(cat "/proc/$(jq .State.ConmonPid <<<"$o")/comm")" cmk
	q '[.Path, .Args, .Config.Cmd]' '["sleep",["100"],["sleep","100"]]'
	q '[.HostConfig.CapAdd, .HostConfig.CapDrop]' '[["CAP_NET_RAW"],["CAP_CHOWN","CAP_KILL"]]'
	q '.BoundingCaps | index("CAP_NET_RAW") != null and index("CAP_CHOWN") == null' true
	q '[.HostConfig.Dns, .HostConfig.ExtraHosts]' '[["192.0.2.1"],["a:192.0.2.2"]]'
	q '[.Config.Hostname, .Config.User, .Config.WorkingDir, .Config.Umask, .Config.StopSignal, .Config.StopTimeout, .Config.Labels.k]' \
		'["box","5","/tmp","0077","SIGINT",3,"v"]'
	q '[.HostConfig.Ulimits[0] | .Name, .Soft, .Hard]' '["RLIMIT_NOFILE",50,60]'
	q .HostConfig.ReadonlyRootfs true
	q .HostConfig.ShmSize 65536000
	q '.HostConfig.PortBindings' '{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"18090"}]}'
	q '.NetworkSettings.Ports["81/tcp"]' null
	q '[.NetworkSettings.Networks[].IPAddress]' "[$(jq .NetworkSettings.IPAddress <<<"$o")]"
	assert_equal "$(cmk exec c hostname -i)" "$(jq -r .NetworkSettings.IPAddress <<<"$o")"
	assert [ -e "$(jq -r .NetworkSettings.SandboxKey <<<"$o")" ]
	assert_equal "$(cmk image inspect --format '{{.Digest}} {{.Id}}' alpine)" "$(jq -r '"\(.ImageDigest) \(.Image)"' <<<"$o")"
	for f in ResolvConfPath HostnamePath HostsPath OCIConfigPath LogPath; do
		assert [ -f "$(jq -r .$f <<<"$o")" ]
	done
	assert [ -d "$(jq -r .GraphDriver.Data.MergedDir <<<"$o")" ]
	run_cmk rm -f -t 0 c
}

@test "an exited one: code, times, no pid" {
	run_cmk 3 run --name c --net=none --rootfs "$fs" sh -c 'exit 3'
	run_cmk inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}} {{.State.Running}} {{.RestartCount}}' c
	assert_equal "$output" 'exited 3 0 false 0'
	run_cmk inspect --format '{{.State.FinishedAt}}' c
	assert_match "$output" '^20[0-9][0-9]-'
	run_cmk rm c
}

@test "docker's and podman's spellings in templates" {
	cmk create --name c --net=none --rootfs "$fs" true
	run_cmk inspect --format '{{.ID}} {{.Id}} {{.Config.DomainName}}{{.LockNumber}} {{.Config.SdNotifyMode}} {{.State.Restored}}' c
	assert_match "$output" '^([0-9a-f]{64}) [0-9a-f]{64} 0 container false$'
	run_cmk 125 inspect --format '{{.NoSuchField}}' c
	assert_error NoSuchField
	run_cmk rm c

	cmk create --name c --net=none -v "$T:/data" --rootfs "$fs" true
	run_cmk inspect --format '{{(index .Mounts 0).Src}} {{(index .Mounts 0).Dst}} {{.ImageID}}.' c
	assert_equal "$output" "$T /data ."
	# What JSON leaves out where there is nothing to say is no mistake in a template.
	run_cmk inspect --format '{{range .Mounts}}<{{.Name}}{{.SubPath}}>{{end}}<{{.Config.Timezone}}> {{.Config.ExposedPorts}} {{.Config.Healthcheck}} {{json .HostConfig.IDMappings}} {{.SizeRootFs}}' c
	assert_equal "$output" '<><> map[] <nil> null 0'
	run_cmk inspect c
	jq -e '.[0].Config | has("ExposedPorts") or has("Timezone") | not' <<<"$output"
	run_cmk 125 inspect --format '{{.State.Timezone}}' c
	assert_error Timezone
	run_cmk rm c
}

@test "published ports are exposed ports, too; those of other protocols can be exposed" {
	cmk create --name c -p 18080:80 -p 18081-18082:81-82/udp --expose 99/sctp --expose 22 --expose 22/udp --expose 80 --rootfs "$fs" true
	run_cmk inspect --format '{{json .Config.ExposedPorts}}' c
	assert_equal "$(jq -c keys <<<"$output")" '["22/tcp","22/udp","80/tcp","81/udp","82/udp","99/sctp"]'
	run_cmk inspect --format '{{json .NetworkSettings.Ports}}' c
	assert_equal "$(jq -c '[."22/tcp", ."99/sctp", ."80/tcp"[0].HostPort]' <<<"$output")" '[null,null,"18080"]'
	run_cmk 125 create -P --expose 99/sctp --rootfs "$fs" true
	assert_error sctp
	run_cmk 125 create --expose 99/icmp --rootfs "$fs" true
	assert_error "'icmp' is not tcp, udp or sctp"
	run_cmk rm c
}

@test "several, --type, --latest; what is missing is an error behind what was found" {
	cmk create --name a --net=none --rootfs "$fs" true
	cmk create --name b --net=none --rootfs "$fs" true
	run_cmk inspect --format '{{.Name}}' a b
	assert_equal "$output" $'a\nb'
	run_cmk inspect --format '{{.Name}}' --latest
	assert_equal "$output" b
	run_cmk container inspect -l --format '{{.Name}}'
	assert_equal "$output" b
	run_cmk 125 inspect a nosuch
	assert_equal "$(jq -r '.[].Name' <<<"$output")" a
	assert_error 'no such object: "nosuch"'
	run_cmk 125 inspect nosuch
	assert_equal "$output" '[]'
	run_cmk 125 container inspect nosuch
	assert_equal "$output" '[]'
	assert_error 'no such container'
	for type in image volume network pod; do
		run_cmk 125 inspect --type $type a
		assert_equal "$output" '[]'
	done
	run_cmk 125 inspect --type nonsense a
	run_cmk 125 inspect --size --type image a
	assert_error 'size is not supported for type "image"'
	run_cmk 125 inspect
	run_cmk 125 inspect --latest a
	assert_error '--latest and arguments cannot be used together'
	run_cmk rm a b
	run_cmk 125 inspect --latest
	assert_error 'no containers to inspect: no such container'
}

@test "--size: what the container wrote, and that with the image" {
	load_images alpine
	run_cmk run --name c --net=none alpine sh -c 'head -c 100000 /dev/zero >/file'
	run_cmk inspect --size c
	assert_equal "$(jq -c '.[0] | [(.SizeRw | . >= 100000 and . < 200000), .SizeRootFs > 1000000 + .SizeRw]' <<<"$output")" '[true,true]'
	run_cmk container inspect -s --format '{{.SizeRw}}' c
	assert [ "$output" -ge 100000 ]
	run_cmk inspect c
	assert_equal "$(jq '.[0].SizeRw' <<<"$output")" null
	run_cmk rm c
}

@test "templates name what podman's structures have, also where JSON leaves it out" {
	load_images alpine
	run_cmk image inspect --format '<{{.Config.Entrypoint}} {{.Config.ExposedPorts}} {{.Config.Volumes}}|{{.Config.WorkingDir}}{{.Config.User}}{{.Config.StopSignal}}|{{.HealthCheck}}>' alpine
	assert_equal "$output" '<[] map[] map[]||<nil>>'
	run_cmk image inspect --format '{{.Config.Healthcheck}} {{json .Config.OnBuild}} {{json .Config.Shell}}' alpine
	assert_equal "$output" '<nil> null null'
	run_cmk 125 image inspect --format '{{.Config.Nothing}}' alpine
	assert_error "can't evaluate field Nothing"
	run_cmk create --name c --net=none alpine true
	run_cmk ps -a --format '{{.ListContainer.Names}} {{.ListContainer.IsInfra}}'
	assert_equal "$output" 'c false'
	run_cmk inspect --format '<{{.NetworkSettings.InspectBasicNetworkConfig.IPAddress}}{{.State.CheckpointLog}}{{.Config.Healthcheck}}>' c
	assert_equal "$output" '<<nil>>'
	run_cmk create --name s --net=none --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=9000 alpine true
	run_cmk inspect --format '{{json .HostConfig.Sysctls}} {{json .HostConfig.StorageOpt}}' s
	assert_equal "$(jq -cS . <<<"${output% null}")" '{"kernel.msgmax":"9000","net.ipv4.ip_forward":"1"}'
	run_cmk inspect s
	assert_equal "$(jq -r '.[0].HostConfig.Sysctls["kernel.msgmax"]' <<<"$output")" 9000
	run_cmk inspect --format '{{json .HostConfig.Sysctls}}' c
	assert_equal "$output" null
	run_cmk rm c
}

@test "inspect shows of a running container the limits that are raised by themselves, too" {
	local limits='{{range .HostConfig.Ulimits}}{{.Name}} {{.Soft}} {{.Hard}}|{{end}}'
	run_cmk create --name c1 --net=none --ulimit core=0:1 --ulimit nofile=90:100 --rootfs "$(rootfs)" sleep 1000
	run_cmk inspect --format "$limits" c1
	assert_equal "$output" 'RLIMIT_CORE 0 1|RLIMIT_NOFILE 90 100|'
	run_cmk start c1
	run_cmk exec c1 sed -n 's/^Max processes *\([^ ]*\) *\([^ ]*\) .*/\1\n\2/p' /proc/1/limits
	local soft=${output%%$'\n'*} hard=${output##*$'\n'}
	run_cmk inspect --format "$limits" c1
	assert_equal "$output" "RLIMIT_CORE 0 1|RLIMIT_NOFILE 90 100|RLIMIT_NPROC ${soft/unlimited/-1} ${hard/unlimited/-1}|"
	run_cmk rm -f -t 0 c1
	run_cmk run -d --name c2 --net=none --rootfs "$(rootfs)" sleep 1000
	run_cmk inspect --format '{{range .HostConfig.Ulimits}}{{.Name}} {{end}}' c2
	assert_equal "$output" 'RLIMIT_NOFILE RLIMIT_NPROC '
	run_cmk stop -t 0 c2
	run_cmk inspect --format '{{.HostConfig.Ulimits}}' c2
	assert_equal "$output" '[]'
	run_cmk rm c2
}
