#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root selinux
# Labels as the kernel sees them.
load sessions
load selinux

@test "process and file systems have the policy's labels, at a level of the container's own" {
	in_c b
	local others=$level file
	in_c a --tmpfs /t
	assert_match "$process" '^system_u:system_r:container_t:s0:c[0-9]+,c[0-9]+$'
	assert_equal "$mount" "system_u:object_r:container_file_t:$level"
	assert [ "$level" != "$others" ]
	# The process, and one that is executed later.
	assert_equal "$(current "$pid")" "$process"
	assert_equal "$(as cmk 'cmk exec a sh -c "touch /new /t/new /dev/shm/new && cat /proc/self/attr/current"' | tr -d '\0')" "$process"
	# The root, what is made for it, and the files that cmk wrote.
	for file in / /bin/busybox /new /t /t/new /dev /dev/shm /dev/shm/new /dev/pts /dev/mqueue /etc/hosts /etc/resolv.conf; do
		assert_equal "$file $(label "$root$file")" "$file $mount"
	done
	# What it wrote is so in the store as well, and is seen so after another start.
	assert_equal "$(label "/home/cmk/.local/share/cmk/containers/$id/upper/new")" "$mount"
	pid=$(as cmk 'cmk restart -t 0 a >/dev/null; cmk inspect -f "{{.State.Pid}}" a; cmk info -f "{{.Host.Security.SELinuxEnabled}}" >told; cmk doctor >>told')
	assert_equal "$(label "/proc/$pid/root/new") $(current "$pid")" "$mount $process"
	assert_match "$(</home/cmk/told)" $'^true\n.*SELinux *is on .permissive.: containers run as system_u'
	done_with a b
}

@test "label= changes the parts; disable, --privileged and the host's namespaces give none" {
	in_c a --security-opt label=level:s0:c1,c2 --security-opt label=type:container_init_t --security-opt label=filetype:container_ro_file_t
	assert_equal "$process $mount" "system_u:system_r:container_init_t:s0:c1,c2 system_u:object_r:container_ro_file_t:s0:c1,c2"
	assert_equal "$options" "[label=level:s0:c1,c2 label=type:container_init_t label=filetype:container_ro_file_t]"
	# Who shares its processes has its label.
	in_c b --pid=container:a
	assert_equal "$process" "system_u:system_r:container_init_t:s0:c1,c2"
	done_with b a
	local option
	for option in --security-opt=label=disable --privileged --pid=host --ipc=host; do
		in_c c "$option"
		assert_equal "$option $process $mount" "$option  system_u:object_r:container_file_t:s0:c1022,c1023"
		assert_match "$(current "$pid")" ':unconfined_t:'
		done_with c
	done
	run as cmk "cmk run --rm --net=none --security-opt label=type:no_such_t $image true"
	assert_equal "$status" 125
	assert_match "$output" "the policy of this host does not know 'system_u:system_r:no_such_t:"
	as cmk "printf '[containers]\nlabel = false\n' >conf; CONTAINERS_CONF=conf cmk run --rm --net=none $image cat /proc/self/attr/current" >current
	assert_match "$(tr -d '\0' <current)" ':unconfined_t:'
}

@test "z and Z label the tree, and nothing through a link; some directories never" {
	as cmk 'mkdir -p d/e other; touch d/e/f other/g; ln -s ../other/g d/link; ln -s ../other d/dir; mkfifo d/fifo'
	local before file
	before=$(label /home/cmk/other/g)
	in_c a -v ./d:/d:z -v named:/n -v zed:/z:Z
	for file in d d/e d/e/f d/link d/fifo; do assert_equal "$file $(label /home/cmk/$file)" "$file system_u:object_r:container_file_t:s0"; done
	assert_equal "$(label /home/cmk/other/g) $(label /home/cmk/other)" "$before $before"
	assert_equal "$(label /home/cmk/.local/share/cmk/volumes/named/_data)" "system_u:object_r:container_file_t:s0"
	assert_equal "$(label /home/cmk/.local/share/cmk/volumes/zed/_data)" "$mount"
	done_with a
	in_c a -v ./d:/d:ro,Z --mount type=bind,src=other,dst=/o,relabel=private
	assert_equal "$(label /home/cmk/d/e/f) $(label /home/cmk/other/g)" "$mount $mount"
	done_with a
	for file in / /usr /home/cmk; do
		run as cmk "cmk run --rm --net=none -v $file:/x:z $image true"
		assert_equal "$status" 125
		assert_match "$output" "SELinux relabeling of $file is not allowed"
	done
	mkdir -p /srv2 && touch /srv2/f && chmod 755 /srv2
	run as cmk "cmk run --rm --net=none -v /srv2:/x:z $image true"
	assert_equal "$status" 125
	assert_match "$output" "label '.*peration not permitted"
}

@test "nested sees SELinux and labels files; an init has the policy's label for it" {
	in_c a --security-opt label=nested
	as cmk 'cmk exec a sh -c "test -e /sys/fs/selinux/enforce && touch /f"'
	as cmk 'cmk exec a cat /proc/self/mounts' >"$BATS_TEST_TMPDIR/mounts"
	for dir in / /dev /dev/shm /dev/pts; do
		assert_match "$(grep "^[^ ]* $dir " "$BATS_TEST_TMPDIR/mounts")" "[ ,]rootcontext=\"?system_u:object_r:container_file_t:"
	done
	done_with a
	in_c a
	run as cmk 'cmk exec a test -e /sys/fs/selinux/enforce'
	assert_equal "$status" 1
	done_with a
	mkdir -p /usr/share/containers/selinux
	printf 'process = "system_u:system_r:container_t:s0"\nfile = "system_u:object_r:container_file_t:s0"\n' >/usr/share/containers/selinux/contexts
	echo 'init_process = "system_u:system_r:container_init_t:s0"' >>/usr/share/containers/selinux/contexts
	in_c a --systemd=always
	assert_match "$process" ':container_init_t:s0:c'
	done_with a
	rm -r /usr/share/containers
}

@test "a plain copy has labels of its own; a bundle's labels are taken" {
	as cmk "export XDG_DATA_HOME=\$PWD/vfs; cmk --storage-driver vfs pull -q oci:/srv/cache/oci/busybox >/dev/null
		cmk --storage-driver vfs run -d --name v --net=none $image sleep 1000 >/dev/null"
	local found
	found=$(as cmk 'XDG_DATA_HOME=$PWD/vfs cmk inspect -f "{{.MountLabel}} {{.State.Pid}}" v')
	assert_equal "$(label "/proc/${found#* }/root/bin/busybox")" "${found% *}"
	as cmk 'XDG_DATA_HOME=$PWD/vfs cmk rm -f -t 0 v >/dev/null'
	as cmk 'mkdir -p b/rootfs && tar -xf /srv/cache/busybox.tar --no-same-owner -C b/rootfs && cd b && cmk oci spec --rootless &&
		jq ".process.args = [\"sh\", \"-c\", \"cat /proc/self/attr/current; grep /dev/shm /proc/self/mounts\"] | .process.terminal = false |
			.process.selinuxLabel = \"system_u:system_r:container_t:s0:c5,c6\" |
			.linux.mountLabel = \"system_u:object_r:container_file_t:s0:c5,c6\"" config.json >c && mv c config.json && cmk oci run x' >out
	assert_match "$(tr -d '\0' <out)" 'system_u:system_r:container_t:s0:c5,c6.*context="?system_u:object_r:container_file_t:s0:c5,c6'
}
