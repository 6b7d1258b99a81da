# SPDX-License-Identifier: Apache-2.0
# Every type of --mount, overlays, devices, and the order in which all of it comes.

load helpers

image() { # NAME [CHANGE...]
	local name=$1
	shift
	fs=$(rootfs)
	mkdir -p "$fs/dir/sub"
	echo from-image >"$fs/dir/file"
	tar -C "$fs" -cf "$T/fs.tar" .
	run_cmk import --change 'CMD ["sh"]' "$@" "$T/fs.tar" "$name"
}

in_img() { run_cmk run --rm --net=none "${opts[@]}" img "$@"; }

# bats test_tags=long
@test "O: an overlay on a host's directory, which stays as it was" {
	image img
	mkdir src && echo lower >src/file && chmod 0751 src
	opts=(-v "$T/src:/o:O")
	in_img sh -c 'stat -c %a /o; echo upper >/o/file; rm -f /o/gone; touch /o/new; cat /o/file'
	assert_equal "$output" $'751\nupper'
	assert_equal "$(cat src/file)" lower
	assert [ ! -e src/new ]
	# What was written is gone at the next start.
	run_cmk create --name c --net=none -v "$T/src:/o:O" img sh -c 'ls /o; touch /o/new'
	run_cmk start -a c
	assert_equal "$output" file
	run_cmk start -a c
	assert_equal "$output" file
	# A volume below it.
	opts=(-v vol:/v)
	in_img touch /v/x
	opts=(-v vol:/v:O)
	in_img sh -c 'ls /v; rm /v/x; touch /v/y'
	assert_equal "$output" x
	opts=(-v vol:/v)
	in_img ls /v
	assert_equal "$output" x
}

@test "O with upperdir and workdir keeps what is written" {
	image img
	mkdir src up work && echo lower >src/file
	opts=(-v "$T/src:/o:O,upperdir=$T/up,workdir=$T/work")
	in_img sh -c 'echo upper >/o/new'
	in_img cat /o/new
	assert_equal "$output" upper
	assert_equal "$(cat up/new)" upper
	run_cmk 125 run --rm -v "$T/src:/o:O,upperdir=$T/up" img true
	assert_error 'must specify both upperdir and workdir'
	# The kernel's work directory holds what only its maker may remove.
	chmod -R u+rwx work
}

@test "files in an upper directory that belong to other ids go with the container" {
	image img
	mkdir src
	run_cmk run --name c --net=none -v "$T/src:/o:O" img sh -c 'mkdir -m 700 /o/d; touch /o/d/x; chown -R 1000:1000 /o/d'
	run_cmk start -a c
	run_cmk rm c
	assert_equal "$(ls "$CMK_ROOT/containers")" ""
}

@test "type=image: read-only, writable for the container alone, a sub-path" {
	image img
	opts=(--mount type=image,src=img,dst=/im)
	in_img sh -c 'cat /im/dir/file; touch /im/x || echo no'
	assert_equal "$output" $'from-image\nno'
	opts=(--mount type=image,source=img,destination=/im,rw=true)
	in_img sh -c 'echo own >/im/dir/file; cat /im/dir/file'
	assert_equal "$output" own
	in_img cat /im/dir/file
	assert_equal "$output" from-image
	opts=(--mount type=image,src=img,dst=/im,subpath=dir)
	in_img ls /im
	assert_equal "$output" $'file\nsub'
	opts=(--mount type=image,src=img,dst=/im,subpath=/../../../dir/file)
	in_img cat /im
	assert_equal "$output" from-image
	run_cmk 125 run --rm --pull never --mount type=image,src=nosuch,dst=/im img true
	run_cmk 125 run --rm --mount type=image,src=img,dst=/im,subpath=nosuch img true
	run_cmk 125 run --rm --mount type=image,dst=/im img true
	run_cmk 125 run --rm --mount type=image,src=img,dst=/im,wibble=1 img true
	assert_error 'wibble: invalid mount option'
}

@test "an image that is mounted is in use" {
	image img
	echo more >"$fs/dir/more"
	tar -C "$fs" -cf "$T/fs2.tar" .
	run_cmk import "$T/fs2.tar" other
	run_cmk create --name c --net=none --mount type=image,src=other,dst=/im img cat /im/dir/more
	run_cmk 2 rmi other
	assert_error 'in use|is being used|used by'
	run_cmk start -a c
	assert_equal "$output" more
	run_cmk inspect -f '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}}' c
	assert_equal "$output" 'image other /im false'
	run_cmk rm c
	run_cmk rmi other
}

@test "type=tmpfs and ramfs" {
	image img
	opts=(--mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700 --mount type=ramfs,dst=/r)
	in_img sh -c 'stat -c %a /t; df -k /t | tail -1 | awk "{print \$2}"; grep -E " /(t|r) " /proc/mounts | cut -d" " -f2,3 | sort; touch /r/x'
	assert_equal "$output" $'700\n1024\n/r ramfs\n/t tmpfs'
	opts=(--mount type=tmpfs,dst=/dir --mount type=tmpfs,dst=/dir2,notmpcopyup)
	in_img cat /dir/file
	assert_equal "$output" from-image
	opts=(--mount type=tmpfs,dst=/t,U -u 1234)
	in_img sh -c 'stat -c %u /t; touch /t/x'
	assert_equal "$output" 1234
	run_cmk 125 run --rm --mount type=tmpfs,src=/x,dst=/t img true
	assert_error 'source is not supported with tmpfs mounts'
	run_cmk 125 run --rm --mount type=ramfs,dst=/t,tmpfs-size=1 img true
}

@test "type=devpts" {
	image img
	opts=(--mount type=devpts,dst=/pts,mode=0600,max=3)
	in_img sh -c 'grep " /pts " /proc/mounts'
	assert_match "$output" '^devpts /pts devpts .*mode=600'
	assert_match "$output" 'max=3'
	run_cmk 125 run --rm --mount type=devpts,src=x,dst=/pts img true
}

@test "type=glob" {
	image img
	mkdir src && echo 1 >src/a1 && echo 2 >src/a2 && echo 3 >src/b
	opts=(--mount "type=glob,src=$T/src/a*,dst=/g,ro")
	in_img sh -c 'cat /g/a1 /g/a2; ls /g; touch /g/a1 || echo no'
	assert_equal "$output" $'1\n2\na1\na2\nno'
	opts=(--mount "type=glob,src=$T/src/b*")
	in_img cat "$T/src/b"
	assert_equal "$output" 3
	run_cmk 125 run --rm --mount "type=glob,src=$T/src/nosuch*,dst=/g" img true
	assert_error 'no file paths matching glob'
}

@test "type=bind: propagation, recursion, the same path without a source" {
	image img
	mkdir src && echo x >src/f
	opts=(--mount "type=bind,src=$T/src,dst=/b,bind-propagation=rslave,ro")
	in_img sh -c 'cat /b/f; touch /b/y || echo no; grep " /b " /proc/self/mountinfo | grep -c master:'
	assert_match "$output" $'^x\nno'
	opts=(--mount "type=bind,dst=$T/src")
	in_img cat "$T/src/f"
	assert_equal "$output" x
	opts=(--mount "type=bind,src=$T/src,dst=/b,idmap")
	run_cmk '?' run --rm --net=none "${opts[@]}" img true
	if [ "$status" != 0 ]; then
		assert_equal "$status" 125
		assert_error 'idmapped mount'
	fi
	# A map of its own is for root of the machine.
	run_cmk 125 run --rm --net=none -v "$T/src:/b:idmap=uids=0-1-10;gids=0-1-10" img true
	assert_error "idmapped mount of '$T/src': .*:U"
	run_cmk 125 run --rm --net=none --mount "type=bind,src=$T/src,dst=/b,idmap=uids=0-1" img true
	assert_error "idmap='uids=0-1': '0-1' is not of the form FILE-HOST-COUNT"
}

@test "parents first, whatever the order; own files on top of a volume on /etc" {
	image img
	mkdir outer inner && echo o >outer/f && echo i >inner/f
	opts=(-v "$T/inner:/a/b/c" -v "$T/outer:/a" --tmpfs /a/b)
	in_img sh -c 'cat /a/f /a/b/c/f'
	assert_equal "$output" $'o\ni'
	opts=(-v etc:/etc --hostname here)
	in_img cat /etc/hostname
	assert_equal "$output" here
	# --read-only leaves memory below /tmp, and what was asked for in it.
	opts=(--read-only -v "$T/inner:/tmp/in:ro")
	in_img sh -c 'cat /tmp/in/f; touch /tmp/x /run/x /var/tmp/x && touch /x || echo no'
	assert_equal "$output" $'i\nno'
	opts=(--read-only --read-only-tmpfs=false)
	in_img sh -c 'for d in /tmp /dev /dev/shm; do touch $d/x || echo no; done; echo >/dev/null && echo null'
	assert_equal "$output" $'no\nno\nno\nnull'
}

@test "one place, two mounts" {
	image img
	run_cmk 125 run --rm -v a:/x -v b:/x img true
	assert_error '/x: duplicate mount destination'
	run_cmk 125 run --rm -v a:/x --mount type=tmpfs,dst=/x img true
	run_cmk 125 run --rm -v a:/x --tmpfs /x img true
	run_cmk 125 run --rm --tmpfs /x --tmpfs /x:size=1m img true
	run_cmk run --rm --net=none --tmpfs /x --tmpfs /x img true
	opts=(-v a:/x -v a:/x)
	in_img true
}

# bats test_tags=long
@test "devices" {
	image img
	opts=(--device /dev/null:/dev/mine --device /dev/zero)
	in_img sh -c 'echo x >/dev/mine && test -c /dev/mine && head -c 2 /dev/zero | wc -c'
	assert_equal "$output" 2
	run_cmk 125 run --rm --device /dev/nosuch img true
	assert_error 'stat /dev/nosuch: no such file or directory'
	run_cmk 125 run --rm --device /dev/null:/dev/x:q img true
	assert_error 'invalid device mode: q'
	run_cmk 125 run --rm --device /etc/hostname img true
	assert_error 'not a device node'
	run_cmk create --name c --device /dev/null:/dev/mine:rw img
	run_cmk inspect -f '{{range .HostConfig.Devices}}{{.PathOnHost}} {{.PathInContainer}} {{.CgroupPermissions}}{{end}}' c
	assert_equal "$output" '/dev/null /dev/mine rw'
}

@test "--shm-size" {
	image img
	opts=(--shm-size 2m)
	in_img sh -c 'df -k /dev/shm | tail -1 | awk "{print \$2}"'
	assert_equal "$output" 2048
	run_cmk create --name c --shm-size 2m img
	run_cmk inspect -f '{{.HostConfig.ShmSize}}' c
	assert_equal "$output" 2097152
	run_cmk 125 run --rm --shm-size wibble img true
}

@test "inspect tells of mounts as they were asked for" {
	image img
	mkdir src
	run_cmk create --name c -v nv:/nv:ro -v "$T/src:/s:Z" --tmpfs /t:size=1m img
	run_cmk inspect -f '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.Driver}} {{.RW}} {{.Mode}} {{.Propagation}} {{.Options}}{{println}}{{end}}' c || true
	run_cmk inspect -f '{{range .Mounts}}{{.Type}} {{.Destination}} {{.Driver}} {{.RW}} {{.Mode}} {{.Propagation}} {{.Options}}{{println}}{{end}}' c
	assert_match "$output" 'volume /nv local false  rprivate \[nosuid nodev rbind\]'
	assert_match "$output" 'bind /s  true Z rprivate \[rbind\]'
	run_cmk inspect -f '{{join .HostConfig.Binds " "}}' c
	assert_equal "$output" "nv:/nv:ro,rprivate,nosuid,nodev,rbind $T/src:/s:rw,rprivate,rbind,Z"
	run_cmk inspect -f '{{index .HostConfig.Tmpfs "/t"}}' c
	assert_match "$output" 'size=1048576'
}

@test "--rootfs DIR:O leaves the directory as it was" {
	fs=$(rootfs)
	run_cmk run --name c --net=none --rootfs "$fs:O" sh -c 'echo x >/new; rm /bin/true; cat /new'
	assert_equal "$output" x
	assert [ ! -e "$fs/new" ]
	assert [ -e "$fs/bin/true" ]
	run_cmk rm c
	assert_equal "$(ls "$CMK_ROOT/containers")" ""
}

@test "type=volume: options for a volume that is made" {
	image img
	opts=(--mount type=volume,src=made,dst=/m,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m)
	in_img sh -c 'grep " /m " /proc/mounts'
	assert_match "$output" '^tmpfs /m tmpfs .*size=1024k'
	run_cmk volume inspect -f '{{.Options.type}} {{.Options.o}}' made
	assert_equal "$output" 'tmpfs size=1m'
	# One that is there stays as it is.
	opts=(--mount type=volume,src=made,dst=/m,volume-opt=o=uid=1000)
	in_img sh -c 'grep -c " /m tmpfs" /proc/mounts'
	assert_equal "$output" 1
	opts=(--mount type=volume,dst=/m,volume-opt=o=uid=1000)
	in_img stat -c %u /m
	assert_equal "$output" 1000
	run_cmk 125 run --rm --mount type=volume,src=bad,dst=/m,volume-opt=wibble=1 img true
	assert_error "invalid mount option wibble for driver 'local'"
	run_cmk 125 run --rm --mount type=volume,src=bad,dst=/m,volume-opt=wibble img true
	assert_error "KEY=VALUE was expected"
	run_cmk 1 volume exists bad
	run_cmk 125 run --rm --mount type=bind,src=/tmp,dst=/m,volume-opt=o=uid=1 img true
	assert_error "invalid mount option"
}

@test "type=volume: labels and the driver of a volume that is made" {
	image img
	opts=(--mount type=volume,src=made,dst=/m,volume-driver=local,volume-label=app=web,volume-label=tier)
	in_img touch /m/f
	run_cmk volume inspect -f '{{json .Labels}}' made
	assert_equal "$output" '{"app":"web","tier":""}'
	run_cmk volume ls -q --filter label=app=web
	assert_equal "$output" made
	run_cmk 125 run --rm --mount type=volume,src=bad,dst=/m,volume-driver=far img true
	assert_error "volume-driver: 'far' is not supported: there is 'local' alone"
	run_cmk 125 run --rm --mount type=volume,src=bad,dst=/m,volume-label==x img true
	assert_error volume-label
	run_cmk 125 run --rm --mount type=bind,src=/tmp,dst=/m,volume-label=x img true
	assert_error "invalid mount option"
	run_cmk 1 volume exists bad
}

@test "type=bind: bind-recursive, docker's word for what is mounted below" {
	image img
	mkdir -p src
	opts=(--mount "type=bind,src=$T/src,dst=/b,bind-recursive=disabled")
	in_img touch /b/f
	assert test -e src/f
	# What lies under a mount cannot be had without it by users.
	run_cmk 125 run --rm --net=none --mount "type=bind,src=/dev,dst=/b,bind-recursive=disabled" img true
	assert_error "there are mounts below it: use rbind"
	opts=(--mount "type=bind,src=/dev,dst=/b,bind-recursive=enabled")
	in_img sh -c 'grep -q " /b/shm " /proc/self/mountinfo && touch /b/shm/cmk-$$ && rm /b/shm/cmk-$$ && echo writable'
	assert_equal "$output" writable
	# What is read-only is so down to the last mount, but where that is to stay writable.
	for how in enabled readonly; do
		opts=(--mount "type=bind,src=/dev,dst=/b,readonly,bind-recursive=$how")
		in_img sh -c 'touch /b/shm/cmk-$$ || echo no'
		assert_equal "$output" no
	done
	opts=(--mount "type=bind,src=/dev,dst=/b,readonly,bind-recursive=writable")
	in_img sh -c 'touch /b/shm/cmk-$$ && rm /b/shm/cmk-$$ && echo writable'
	assert_equal "$output" writable
	run_cmk 125 run --rm --mount "type=bind,src=$T/src,dst=/b,bind-recursive=readonly" img true
	assert_error "bind-recursive=readonly needs 'readonly' beside it"
	run_cmk 125 run --rm --mount "type=bind,src=$T/src,dst=/b,bind-recursive=some" img true
	assert_error "bind-recursive: 'some': must be 'enabled'"
	run_cmk 125 run --rm --mount type=tmpfs,dst=/b,bind-recursive=disabled img true
	assert_error bind-recursive
}

@test "nothing of cmk's is written to what is mounted at /run" {
	image img
	mkdir src
	opts=(-v "$T/src:/run")
	in_img true
	assert_equal "$(ls -A src)" ""
	opts=(--tmpfs /run)
	in_img ls -A /run
	assert_equal "$output" .containerenv
}
