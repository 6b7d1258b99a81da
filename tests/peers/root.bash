# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# make_root: root/, a file system of busybox with the files and programs of podman's own test image.
make_root() {
	local applet
	mkdir -p root/{bin,dev,etc,home/podman,lib/x86_64-linux-gnu,lib64,media,mnt,opt,proc,root,run,sbin,srv,sys,tmp,usr/bin,usr/sbin,var/tmp,var/www}
	chmod 1777 root/tmp
	cp "$(command -v busybox)" root/bin/busybox
	for applet in $(busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "root/bin/$applet"
	done
	ln -s busybox root/bin/busybox-extras
	# busybox has none.
	cp --remove-destination "$(command -v printenv)" root/bin/printenv
	ldd root/bin/printenv | grep -oE '/[^ ]+' | while read -r lib; do
		mkdir -p "root$(dirname "$lib")" && cp -L "$lib" "root$lib"
	done
	ln -s /proc/mounts root/etc/mtab
	printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'bin:x:1:1:bin:/bin:/sbin/nologin' 'mail:x:8:12:mail:/var/mail:/sbin/nologin' \
		'guest:x:405:100:guest:/dev/null:/sbin/nologin' 'nobody:x:65534:65534:nobody:/:/sbin/nologin' >root/etc/passwd
	printf '%s\n' root:x:0:root bin:x:1:root,bin mail:x:12:mail users:x:100: ping:x:999: nobody:x:65534: >root/etc/group
	printf 'ID=alpine\n' >root/etc/os-release
	echo 'ssh 22/tcp' >root/etc/services
	echo '127.0.0.1 localhost' >root/etc/hosts
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho Confirmed: testimage pause invoked as $0\nwhile :; do sleep 0.1; done\n' >root/home/podman/pause
	chmod 755 root/home/podman/pause
}
