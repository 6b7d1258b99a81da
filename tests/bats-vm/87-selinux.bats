#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root selinux
# What SELinux keeps apart where it is enforced; labels by way of id-mapped mounts and FUSE.
load sessions
load selinux

@test "enforcing: a container opens its own files and those for all, others only without a label" {
	local dirs="-v ./plain:/plain -v ./all:/all:z -v ./others:/others" told
	as cmk "mkdir plain all own others a d && for d in plain all own others; do echo x >\$d/f; done
		cat >loop && cp loop a && cp loop d && chmod 644 */loop" <<-'E'
		for f in /plain/f /all/f /own/f /others/f; do
			cat $f >/dev/null 2>&1 && echo $f open || echo $f closed
		done >/out/told.new
		mv /out/told.new /out/told
		exec sleep 1000
	E
	in_c o -v ./others:/others:Z
	setenforce 1
	quiet "cmk run -d --name a --net=none $dirs -v ./own:/own:Z -v ./a:/out:Z $image sh /out/loop"
	quiet "cmk run -d --name d --net=none --security-opt label=disable $dirs -v ./own:/own -v ./d:/out $image sh /out/loop"
	wait_for 60 test -e /home/cmk/a/told && wait_for 60 test -e /home/cmk/d/told
	assert_equal "$(</home/cmk/a/told)" $'/plain/f closed\n/all/f open\n/own/f open\n/others/f closed'
	assert_equal "$(</home/cmk/d/told)" $'/plain/f open\n/all/f open\n/own/f open\n/others/f open'
	# What comes later is no less confined, and the container ends as any other.
	rm /home/cmk/a/told
	quiet 'cmk exec -d a sh /out/loop'
	wait_for 60 test -e /home/cmk/a/told
	assert_equal "$(</home/cmk/a/told)" $'/plain/f closed\n/all/f open\n/own/f open\n/others/f closed'
	quiet 'cmk rm -f -t 0 a'
	assert_equal "$(getenforce)" Enforcing
	setenforce 0
	assert_equal "$(as cmk 'cmk ps -a --format "{{.Names}}"' | sort | tr '\n' ' ')" 'd o '
	done_with d o
}

@test "z and Z label what an id-mapped mount of root's shows, and it stays read-only" {
	local cmk="cmk --root $BATS_TEST_TMPDIR/store --runroot $BATS_TEST_TMPDIR/run" image told mount file
	# Under a directory that is not refused; a file that the map does not have.
	mkdir -p /srv3/d/e /srv3/r && touch /srv3/d/e/f /srv3/d/other /srv3/r/f
	chown 4000000:4000000 /srv3/d/other
	printf 'root:300000:65536\n' | tee -a /etc/subuid >>/etc/subgid
	image=$($cmk pull -q oci:/srv/cache/oci/busybox)
	$cmk run -d --name r --net=none -v /srv3/d:/d:idmap,Z -v /srv3/r:/r:ro,z,idmap "$image" sleep 1000
	mount=$($cmk inspect -f '{{.MountLabel}}' r)
	assert_match "$mount" ':container_file_t:s0:c'
	for file in d d/e d/e/f d/other; do assert_equal "$file $(label /srv3/$file)" "$file $mount"; done
	for file in r r/f; do assert_equal "$file $(label /srv3/$file)" "$file system_u:object_r:container_file_t:s0"; done
	told=$($cmk exec r sh -c 'touch /d/new && stat -c %u /d/new /d/e/f; touch /r/new 2>/dev/null || echo read-only')
	assert_equal "$told" $'0\n0\nread-only'
	assert_equal "$(stat -c %u /srv3/d/new)" 0
	$cmk rm -f -t 0 r
	rm -r /srv3
}

@test "with fuse-overlayfs the root has the policy's label of FUSE, and the process its own" {
	local found pid
	# The kernel takes no other in a user namespace.
	found=$(as cmk "export XDG_DATA_HOME=\$PWD/fuse; cmk --storage-driver fuse-overlayfs pull -q oci:/srv/cache/oci/busybox >/dev/null
		cmk --storage-driver fuse-overlayfs run -d --name f --net=none $image sleep 1000 >/dev/null
		cmk --storage-driver fuse-overlayfs inspect -f '{{.ProcessLabel}} {{.State.Pid}}' f; cmk --storage-driver fuse-overlayfs doctor >told")
	pid=${found#* }
	# It is open to its user alone.
	assert_match "$(nsenter -t "$pid" -U -S 0 -G 0 stat -c %C "/proc/$pid/root/bin/busybox")" ':fusefs_t:'
	assert_match "${found% *}" ':container_t:s0:c'
	assert_equal "$(current "$pid")" "${found% *}"
	assert_match "$(</home/cmk/told)" 'SELinux.*with fuse-overlayfs'
	as cmk 'XDG_DATA_HOME=$PWD/fuse cmk rm -f -t 0 f >/dev/null'
}
