# SPDX-License-Identifier: Apache-2.0
# Volumes: made, listed, shown, used, filled, removed.

load helpers

# Two images from a root directory: with a volume at /vol that has content, and without.
images() {
	fs=$(rootfs)
	mkdir -p "$fs/vol/sub"
	echo from-image >"$fs/vol/file"
	echo deep >"$fs/vol/sub/deep"
	ln -s file "$fs/vol/link"
	chmod 0750 "$fs/vol"
	tar -C "$fs" -cf "$T/fs.tar" .
	run_cmk import --change 'VOLUME /vol' --change 'CMD ["sh"]' "$T/fs.tar" withvol
	run_cmk import --change 'CMD ["sh"]' "$T/fs.tar" plain
}

in_plain() { run_cmk run --rm --net=none "${opts[@]}" plain "$@"; }

@test "create, exists, inspect, ls, rm" {
	run_cmk volume create data
	assert_equal "$output" data
	run_cmk volume exists data
	assert_equal "$output" ""
	run_cmk 1 volume exists dat
	run_cmk volume inspect --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Labels}} {{.Options}} {{.Anonymous}} {{.MountCount}}' data
	assert_equal "$output" 'data local local map[] map[] false 0'
	run_cmk volume inspect -f '{{.Mountpoint}}' dat
	assert [ -d "$output" ]
	run_cmk volume ls
	assert_match "$output" '^DRIVER +VOLUME NAME'
	assert_match "$output" 'local +data$'
	run_cmk volume list -n
	refute_match "$output" DRIVER
	run_cmk volume rm data
	assert_equal "$output" data
	run_cmk volume ls -q
	assert_equal "$output" ""
	run_cmk volume create
	assert_match "$output" '^[0-9a-f]{64}$'
}

@test "create --name, as docker's older scripts have it" {
	run_cmk volume create --name old
	assert_equal "$output" old
	run_cmk volume exists old
	run_cmk 125 volume create --name old other
	assert_error "--name and a NAME cannot be used together"
	run_cmk 125 volume create --name 'a b'
	run_cmk volume ls -q
	assert_equal "$output" old
}

@test "names: taken, bad, unknown, ambiguous" {
	# No titles over nothing.
	run_cmk volume ls
	assert_equal "$output" ''
	run_cmk volume create one
	run_cmk 125 volume create one
	assert_error 'volume with name one already exists: volume already exists'
	run_cmk volume create --ignore one
	assert_equal "$output" one
	run_cmk 125 volume create 'a b'
	assert_error 'names must match \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\]\*'
	run_cmk 125 volume create ../x
	run_cmk 1 volume rm nosuch
	assert_error 'no volume with name "nosuch" found: no such volume'
	run_cmk 125 volume export nosuch
	assert_error 'no such volume nosuch'
	run_cmk 125 volume import nosuch - </dev/null
	assert_error 'no such volume nosuch'
	run_cmk volume rm -f nosuch
	assert_equal "$output" ""
	run_cmk volume create onetwo
	run_cmk 125 volume inspect on
	assert_match "$stderr" 'more than one result for volume name on: volume already exists'
	# A whole name beats the beginning of another.
	run_cmk volume inspect -f '{{.Name}}' one
	assert_equal "$output" one
	run_cmk 125 volume inspect one nosuch
	assert_match "$output" '"Name": "one"'
	assert_error 'no such volume'
	run_cmk 125 volume inspect nosuch
	assert_equal "$output" "[]"
	run_cmk 125 volume rm
	assert_error 'choose either one or more volumes or all'
	run_cmk 125 volume rm -a one
	run_cmk volume rm --all
	assert_equal "$(sort <<<"$output")" $'one\nonetwo'
}

@test "labels, options, filters, formats" {
	run_cmk volume create --label app=web --label tier v1
	run_cmk volume create --label app=db -o type=tmpfs -o o=size=2m v2
	run_cmk volume ls -q --filter label=app=web
	assert_equal "$output" v1
	run_cmk volume ls -q --filter label=app --filter label=tier
	assert_equal "$output" v1
	run_cmk volume ls -q --filter 'label!=tier'
	assert_equal "$output" v2
	run_cmk volume ls -q --filter name=1 --filter name=2
	assert_equal "$output" $'v1\nv2'
	run_cmk volume ls -q --filter 'name=^2'
	assert_equal "$output" ''
	run_cmk volume ls -q --filter opt=type=tmpfs
	assert_equal "$output" v2
	run_cmk volume ls -q --filter since=v1
	assert_equal "$output" v2
	run_cmk volume ls -q --filter until=1h
	assert_equal "$output" ""
	run_cmk volume ls -q --filter driver=local --filter scope=local --filter dangling=true
	assert_equal "$output" $'v1\nv2'
	run_cmk 125 volume ls --filter wibble=1
	assert_error "is an invalid volume filter"
	run_cmk 125 volume ls --filter dangling=maybe
	run_cmk 125 volume ls --filter since=nosuch
	run_cmk 125 volume ls --format '{{.Wibble}}'
	run_cmk volume ls --format '{{.Name}}: {{.Labels}} {{index .Options "type"}}' -f name=v2
	assert_equal "$output" 'v2: map[app:db] tmpfs'
	run_cmk volume ls --format json
	assert_equal "$(python3 -c 'import json,sys; print([v["Name"] for v in json.load(sys.stdin)])' <<<"$output")" "['v1', 'v2']"
}

@test "ls has docker's columns, inspect has not" {
	run_cmk volume create v1
	run_cmk volume ls --format '{{.Name}} {{.Links}} {{.Size}} {{.Group}} {{.Availability}}'
	assert_equal "$output" 'v1 N/A N/A N/A N/A'
	run_cmk volume ls --format '{{json .}}'
	assert_equal "$(jq -r '.Name + .Size' <<<"$output")" v1N/A
	run_cmk volume ls --format json
	assert_equal "$(jq 'any(.[]; has("Size"))' <<<"$output")" false
	run_cmk 125 volume inspect --format '{{.Links}}' v1
	assert_error Links
}

@test "--volume-driver: local alone" {
	images
	opts=(--volume-driver local -v kept:/kept)
	in_plain touch /kept/f
	run_cmk volume inspect --format '{{.Driver}}' kept
	assert_equal "$output" local
	run_cmk 125 create --net=none --volume-driver far -v other:/kept plain true
	assert_error "invalid value 'far' for option '--volume-driver'"
	run_cmk 1 volume exists other
}

@test "options that cannot be are refused" {
	run_cmk 125 volume create -o wibble=1 v
	assert_error "invalid mount option wibble for driver 'local': invalid argument"
	run_cmk 125 volume create -o type=nfs -o device=host:/x v
	assert_error "volume type 'nfs' is not supported"
	run_cmk 125 volume create -o o=size=2m v
	assert_error 'Project Quota|project quota'
	run_cmk 125 volume create -o device=/nosuch -o o=bind v
	assert_error 'faccessat /nosuch: no such file or directory'
	run_cmk 125 volume create -o type=tmpfs -o o=wibble v
	run_cmk 125 volume create -d nosuch v
	run_cmk volume ls -q
	assert_equal "$output" ""
}

@test "a volume keeps what containers write, and is made where it is absent" {
	images
	opts=(-v data:/d)
	in_plain sh -c 'echo kept >/d/x'
	in_plain cat /d/x
	assert_equal "$output" kept
	opts=(-v data:/d:ro)
	run_cmk 1 run --rm --net=none "${opts[@]}" plain touch /d/y
	opts=(--mount type=volume,src=data,dst=/d,readonly)
	in_plain sh -c 'cat /d/x; touch /d/y || echo no'
	assert_equal "$output" $'kept\nno'
	run_cmk volume ls -q
	assert_equal "$output" data
}

@test "a new volume gets what the image has there, with owner and mode, and only once" {
	images
	opts=(-v v:/vol)
	in_plain sh -c 'cat /vol/file /vol/sub/deep; readlink /vol/link; stat -c %a /vol; rm /vol/file'
	assert_equal "$output" $'from-image\ndeep\nfile\n750'
	in_plain sh -c 'ls /vol'
	assert_equal "$output" $'link\nsub'
	run_cmk volume create --opt nocopy v4
	opts=(-v v4:/vol)
	in_plain ls -A /vol
	assert_equal "$output" ""
	run_cmk volume create --opt copy v5
	opts=(-v v5:/vol)
	in_plain cat /vol/file
	assert_equal "$output" from-image
	run_cmk 125 volume create --opt bind bad
	opts=(-v v2:/vol:nocopy)
	in_plain ls -A /vol
	assert_equal "$output" ""
	# One that has content keeps it.
	run_cmk volume create v3
	opts=(-v v3:/d)
	in_plain touch /d/mine
	opts=(-v v3:/vol)
	in_plain ls /vol
	assert_equal "$output" mine
	run_cmk volume inspect -f '{{.NeedsCopyUp}} {{.NeedsChown}}' v
	assert_equal "$output" 'false false'
}

@test "a volume at a new place belongs to the container's user" {
	images
	opts=(-v v:/new -u 1234:99)
	in_plain sh -c 'stat -c %u:%g /new; touch /new/x'
	assert_equal "$output" 1234:99
	run_cmk volume create --uid 77 --gid 78 w
	opts=(-v w:/new -u 1234:99)
	in_plain stat -c %u:%g /new
	assert_equal "$output" 77:78
	# Files of other ids are no obstacle.
	run_cmk volume rm v w
	assert [ ! -e "$CMK_ROOT/volumes/v" ]
}

@test "U gives the files to the container's user" {
	images
	mkdir "$T/src" && touch "$T/src/a"
	opts=(-v "$T/src:/s:U" -u 1234)
	in_plain sh -c 'stat -c %u /s /s/a; touch /s/b'
	assert_equal "$output" $'1234\n1234'
	opts=(-v "$T/src:/s:U")
	in_plain sh -c 'stat -c %u /s/a /s/b'
	assert_equal "$output" $'0\n0'
	# Where the directory is the user's, what is in it is left alone.
	run_cmk run --name c --net=none -u 1234 -v "$T/src:/s:U" plain stat -c %u /s/a
	assert_equal "$output" 1234
	run_cmk unshare chown 100 "$T/src/a"
	run_cmk start -a c
	assert_equal "$output" 100
	run_cmk unshare chown 100 "$T/src"
	run_cmk start -a c
	assert_equal "$output" 1234
	run_cmk rm c
}

@test "anonymous volumes go with --rm and rm -v, named ones stay" {
	images
	run_cmk run --rm --net=none -v named:/n -v /anon withvol sh -c 'cat /vol/file; touch /anon/x'
	assert_equal "$output" from-image
	run_cmk volume ls -q
	assert_equal "$output" named
	run_cmk create --name c -v named:/n -v /anon withvol
	run_cmk volume ls -q --filter anonymous=true
	assert_equal "$(wc -l <<<"$output")" 2
	run_cmk rm c
	run_cmk volume ls -q --filter dangling=true
	assert_equal "$(wc -l <<<"$output")" 3
	run_cmk volume prune -f
	assert_equal "$(wc -l <<<"$output")" 2
	run_cmk volume ls -q
	assert_equal "$output" named
	run_cmk volume prune -fa
	assert_equal "$output" named
	run_cmk create --name c -v named:/n -v /anon withvol
	run_cmk rm -v c
	run_cmk volume ls -q
	assert_equal "$output" named
}

# bats test_tags=long
@test "--image-volume" {
	images
	run_cmk create --name a --image-volume ignore withvol
	run_cmk create --name b --image-volume tmpfs withvol
	run_cmk volume ls -q
	assert_equal "$output" ""
	run_cmk run --rm --net=none --image-volume tmpfs withvol sh -c 'cat /vol/file; grep " /vol " /proc/mounts | cut -d" " -f3'
	assert_equal "$output" $'from-image\ntmpfs'
	run_cmk create --name c --image-volume bind withvol
	run_cmk volume ls -q
	assert_match "$output" '^[0-9a-f]{64}$'
	run_cmk 125 create --image-volume wibble withvol
}

@test "a volume in use is not removed, but with --force its containers are" {
	images
	run_cmk run -d --name c --net=none -v v:/d plain sleep 1000
	run_cmk 2 volume rm v
	assert_error 'volume v is being used by the following container\(s\): [0-9a-f]{64}: volume is being used'
	run_cmk volume inspect -f '{{.MountCount}}' v
	assert_equal "$output" 1
	run_cmk volume ls -q --filter dangling=false
	assert_equal "$output" v
	run_cmk volume prune -fa
	assert_equal "$output" ""
	run_cmk volume rm -f -t 0 v
	assert_equal "$output" v
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "prune removes what fits its filters, after a question" {
	run_cmk volume create --label keep a
	run_cmk volume create b
	run bash -c "echo n | '$T/bin/cmk' volume prune -a"
	assert_match "$output" 'remove all volumes not used'
	run_cmk volume exists b
	run_cmk volume prune --dry-run --filter label=keep
	assert_equal "$output" $'Volumes that would be pruned:\na'
	run_cmk volume exists a
	run_cmk 125 volume prune --force --dry-run
	assert_error '--force and --dry-run cannot be used together'
	run_cmk volume prune -f --filter 'label!=keep'
	assert_equal "$output" b
	run_cmk 125 volume prune -f --filter wibble=1
	run_cmk 125 volume prune -f --filter all=wibble
	assert_error "'wibble' is not a valid value"
	run bash -c "echo y | '$T/bin/cmk' volume prune -a 2>/dev/null"
	assert_equal "$output" a
}

@test "volumes with options: a directory of the host, and memory" {
	images
	mkdir "$T/host" && echo here >"$T/host/f"
	run_cmk volume create -o type=none -o o=bind,ro -o device="$T/host" h
	run_cmk volume create -o type=tmpfs -o device=tmpfs -o o=size=2m,mode=0700 m
	opts=(-v h:/h -v m:/m)
	in_plain sh -c 'cat /h/f; touch /h/x || echo ro; stat -c %a /m; df -k /m | awk "NR > 1 {print \$2}"'
	assert_equal "$output" $'here\nro\n700\n2048'
	run_cmk volume rm h
	assert_equal "$(cat "$T/host/f")" here
}

@test "--volumes-from" {
	images
	mkdir "$T/src" && echo s >"$T/src/f"
	run_cmk create --name a -v one:/one -v "$T/src:/src:ro" -v /anon --tmpfs /mem plain
	run_cmk run --rm --net=none --volumes-from a plain sh -c 'touch /one/x; cat /src/f; touch /src/x || echo ro; test -d /anon && echo anon; test -e /mem || echo none'
	assert_equal "$output" $'s\nro\nanon\nnone'
	run_cmk run --rm --net=none --volumes-from a:ro plain sh -c 'ls /one; touch /one/y || echo ro'
	assert_equal "$output" $'x\nro'
	run_cmk run --rm --net=none --volumes-from a -v two:/one plain ls /one
	assert_equal "$output" ""
	run_cmk 125 create --volumes-from nosuch plain
	assert_error "looking up container 'nosuch' for volumes-from: .*no such container"
	run_cmk 125 create --volumes-from a:wibble plain
	assert_error 'volumes from another container can only use z,ro,rw'
	# What another container uses stays with rm -v.
	run_cmk create --name b --volumes-from a plain
	run_cmk rm -v a
	run_cmk volume ls -q --filter anonymous=true
	assert_match "$output" '^[0-9a-f]{64}$'
	# And goes with the last one.
	run_cmk rm -v b
	run_cmk volume ls -q --filter anonymous=true
	assert_equal "$output" ""
}

@test "subpath stays in the volume" {
	images
	opts=(-v v:/d)
	in_plain sh -c 'mkdir -p /d/a/b; echo in >/d/a/b/f; ln -s /etc /d/out; ln -s ../../../.. /d/up'
	opts=(--mount type=volume,src=v,dst=/s,subpath=a/b)
	in_plain cat /s/f
	assert_equal "$output" in
	opts=(--mount type=volume,src=v,dst=/s,subpath=up)
	in_plain ls /s
	assert_equal "$output" $'a\nout\nup'
	run_cmk 125 run --rm --net=none --mount type=volume,src=v,dst=/s,subpath=out plain true
	run_cmk 125 run --rm --net=none --mount type=volume,src=v,dst=/s,subpath=nosuch plain true
	assert_error "subpath 'nosuch'"
}

@test "sixteen at once: one volume per name" {
	local i pids=()
	for i in $(seq 16); do
		cmk_background "c$i" volume create same
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || true
	done
	run grep -l '^same$' "$T"/c*.out
	assert_equal "${#lines[@]}" 1
	run grep -l 'already exists' "$T"/c*.err
	assert_equal "${#lines[@]}" 15
	assert_equal "$(ls "$CMK_ROOT/tmp")" ""
}

@test "events of volumes" {
	run_cmk volume create v
	run_cmk volume rm v
	run_cmk events --stream=false --filter type=volume --format '{{.Status}} {{.Name}}'
	assert_equal "$output" $'create v\nremove v'
}

@test "export and import: the same files, owners and modes" {
	images
	opts=(-v v:/d)
	in_plain sh -c 'mkdir -p /d/sub; echo x >/d/sub/f; chown 12:34 /d/sub/f; chmod 0640 /d/sub/f; ln -s sub/f /d/l; touch /d/old'
	run_cmk volume export v -o v.tar
	run_cmk volume create w
	run_cmk volume import w v.tar
	opts=(-v w:/d)
	in_plain sh -c 'cat /d/l; stat -c "%u %g %a" /d/sub/f; ls /d'
	assert_equal "$output" $'x\n12 34 640\nl\nold\nsub'
	run_cmk volume export w -o w.tar
	assert cmp v.tar w.tar
	# By standard input and output, compressed, over what is there.
	run bash -c "'$T/bin/cmk' volume export v | gzip | '$T/bin/cmk' volume import w -"
	assert_equal "$status" 0
	run_cmk 125 volume import nosuch v.tar
	assert_error 'no such volume'
	run_cmk 125 volume import v nosuch.tar
	assert_error 'open nosuch.tar: no such file or directory'
	run_cmk 125 volume import v /etc/hostname
	assert_error 'the archive ends in the middle of an entry'
	run_cmk 125 volume export nosuch -o n.tar
	assert [ ! -e n.tar ]
}

@test "a hostile archive stays in the volume" {
	echo safe >canary
	python3 - "$T" <<'PY'
import io, sys, tarfile
t = sys.argv[1]
def entry(tar, name, data=None, link=None, kind=None):
    i = tarfile.TarInfo(name)
    if link: i.type, i.linkname = kind or tarfile.SYMTYPE, link
    d = (data or "").encode(); i.size = len(d)
    tar.addfile(i, io.BytesIO(d))
with tarfile.open(t + "/bad1.tar", "w") as x: entry(x, "../../../../../.." + t + "/canary", "bad")
with tarfile.open(t + "/bad2.tar", "w") as x: entry(x, t + "/canary", "bad")
with tarfile.open(t + "/bad3.tar", "w") as x:
    entry(x, "l", link=t); entry(x, "l/canary", "bad")
with tarfile.open(t + "/bad4.tar", "w") as x:
    entry(x, "h", link=t + "/canary", kind=tarfile.LNKTYPE); entry(x, "h", "bad")
PY
	run_cmk volume create v
	for i in 1 2 3 4; do
		run_cmk '?' volume import v "bad$i.tar"
		assert_equal "$(cat canary)" safe
	done
}

@test "inspect finds volumes" {
	run_cmk volume create v
	run_cmk inspect -f '{{.Name}} {{.Driver}}' v
	assert_equal "$output" 'v local'
	run_cmk inspect --type volume -f '{{.Name}}' v
	assert_equal "$output" v
	run_cmk 125 inspect --type volume nosuch
	assert_error 'no such volume'
}

@test "a volume on a file is refused" {
	images
	run_cmk 125 run --rm --net=none -v v:/vol/file plain true
	assert_error 'a directory cannot be mounted on a file'
}

@test "times of the image's files are kept" {
	fs=$(rootfs)
	mkdir "$fs/vol" && touch -d @1000000 "$fs/vol/f"
	tar -C "$fs" -cf "$T/fs.tar" .
	run_cmk import --change 'CMD ["sh"]' "$T/fs.tar" plain
	opts=(-v v:/vol)
	in_plain stat -c %Y /vol/f
	assert_equal "$output" 1000000
}

@test "volume mount says where the files are" {
	run_cmk volume create v
	run_cmk volume mount v
	assert [ -d "$output" ]
	run_cmk volume unmount v
	assert_equal "$output" v
	run_cmk 125 volume mount nosuch
}

# bats test_tags=long
@test "kill -9 while a volume is filled: the next container has all of it" {
	images
	run_cmk create --name c --net=none -v v:/vol plain sh -c 'cat /vol/file; ls /vol'
	# As a killed start leaves it: marked, and half there.
	mv "$CMK_ROOT/volumes/v/needs-copy-up" "$CMK_ROOT/volumes/v/filling"
	echo half >"$CMK_ROOT/volumes/v/_data/file"
	run_cmk start -a c
	assert_equal "$output" $'from-image\nfile\nlink\nsub'
	assert [ ! -e "$CMK_ROOT/volumes/v/filling" ]
}

@test "a record that cannot be read is named and skipped" {
	run_cmk volume create a
	run_cmk volume create b
	echo '{"schema":' >"$CMK_ROOT/volumes/a/volume.json"
	run_cmk volume ls -q
	assert_equal "$output" b
	assert_match "$stderr" "volume 'a'"
	sed -i 's/"schema":1/"schema":99/' "$CMK_ROOT/volumes/b/volume.json"
	run_cmk volume ls -q
	assert_equal "$output" ""
	assert_match "$stderr" "volume 'b'.*schema 99"
}

@test "what a killed command left below tmp/ goes with the next" {
	mkdir -p "$CMK_ROOT/tmp/new-0123456789abcdef/_data" "$CMK_ROOT/tmp/new-vol-x/_data"
	run_cmk volume create v
	assert_equal "$(ls "$CMK_ROOT/tmp")" ""
}

# bats test_tags=long
@test "prune names what it would remove, and asks only where there is something" {
	run_cmk volume create one
	run_cmk volume create --label l two
	run_cmk volume create used
	images
	run_cmk create --name c -v used:/x plain
	run bash -c "echo n | '$T/bin/cmk' volume prune -a 2>&1"
	assert_equal "${lines[0]}" 'WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:'
	assert_equal "${lines[1]} ${lines[2]}" 'one two'
	assert_match "${lines[3]}" '^Are you sure'
	run bash -c "echo n | '$T/bin/cmk' volume prune --filter all=true --filter label=l 2>&1"
	assert_equal "${lines[1]}" two
	run_cmk volume prune -a --filter label=none </dev/null
	assert_equal "${lines[1]}" 'No dangling volumes found'
	assert_equal "$stderr" ""
	run_cmk volume ls -q
	assert_equal "$output" $'one\ntwo\nused'
	run bash -c "echo y | '$T/bin/cmk' volume prune -a 2>/dev/null"
	assert_equal "$output" $'one\ntwo'
}

@test "prune takes anonymous volumes alone, as long as it is not told otherwise" {
	local id
	run_cmk volume create
	id=$output
	run_cmk volume inspect --format '{{.Anonymous}}' "$id"
	assert_equal "$output" true
	run_cmk volume create --label l one
	run_cmk volume create two
	run_cmk volume prune --dry-run
	assert_equal "$output" "Volumes that would be pruned:"$'\n'"$id"
	# Where it asks, a filter leaves of the anonymous ones; named volumes are not even shown.
	run_cmk volume prune --filter label=l </dev/null
	assert_equal "${lines[0]}" 'WARNING! This will remove anonymous local volumes not used by at least one container. The following volumes will be removed:'
	assert_equal "${lines[1]}" 'No dangling anonymous volumes found'
	# It was made for no container, so that it does not go with one.
	run_cmk run --rm --net=none -v "$id:/v" --rootfs "$(rootfs)" true
	run_cmk volume exists "$id"
	run_cmk volume prune -f
	assert_equal "$output" "$id"
	run_cmk volume prune -f --filter label=l
	assert_equal "$output" one
	run_cmk volume prune -f --filter all=false
	assert_equal "$output" ""
	run_cmk volume prune -f --filter all=true
	assert_equal "$output" two
}

@test "an owner among the options is shown, and is that of a tmpfs, too" {
	images
	run_cmk volume create --opt o=uid=3000,gid=4000 v
	run_cmk volume inspect --format '{{.UID}} {{.GID}} {{.Options.o}} {{.Options.UID}} {{.Options.GID}}' v
	assert_equal "$output" '3000 4000 uid=3000,gid=4000 3000 4000'
	run_cmk volume create --opt type=tmpfs --opt device=tmpfs --opt o=uid=1000,gid=1001 t
	run_cmk volume inspect --format '{{.UID}} {{.GID}}' t
	assert_equal "$output" '1000 1001'
	opts=(-v v:/v -v t:/vol)
	in_plain stat -c '%u:%g' /v /vol
	assert_equal "$output" $'3000:4000\n1000:1001'
	run_cmk 125 volume create --opt o=uid=x bad
	assert_error "option uid"
}

@test "a volume has the times and the attributes of what it covers" {
	python3 - fs.tar <<-'END'
		import io, struct, sys, tarfile
		capability = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0).decode("latin-1")
		with tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT, encoding="latin-1") as out:
		    for name, headers in (("d", {"SCHILY.xattr.user.dir": "of a directory"}), ("d/s", {"SCHILY.xattr.user.sub": "x"}),
		                          ("d/f", {"SCHILY.xattr.user.key": "value", "SCHILY.xattr.security.capability": capability})):
		        t = tarfile.TarInfo(name)
		        t.type = tarfile.REGTYPE if name == "d/f" else tarfile.DIRTYPE
		        t.mode, t.mtime, t.pax_headers = 0o755, 1600000000, headers
		        out.addfile(t, io.BytesIO())
	END
	fs=$(rootfs)
	tar -C "$fs" -cf rootfs.tar .
	tar -Af rootfs.tar fs.tar
	run_cmk import rootfs.tar plain
	opts=(-v v:/d)
	in_plain stat -c %Y /d /d/s /d/f
	assert_equal "$output" $'1600000000\n1600000000\n1600000000'
	cd "$CMK_ROOT/volumes/v/_data"
	assert_equal "$(getfattr --only-values -n user.key f)" value
	assert_equal "$(getfattr --only-values -n user.sub s)" x
	assert_match "$(getfattr -m - -d f)" 'security\.capability='
	cd "$T"
}

@test "inspect shows whose a volume is: its first container's user, where that had no such directory" {
	local user owner
	images
	for user in 0:0 1000 1000:1001; do
		opts=(--user "$user" -v "v-${user/:/-}:/home/new")
		in_plain stat -c %u:%g /home/new
		owner=$output
		run_cmk volume inspect --format '{{.UID}}:{{.GID}}' "v-${user/:/-}"
		assert_equal "$output" "$owner"
	done
	assert_equal "$owner" 1000:1001
}

@test "--volumepath: volumes in another directory, on another file system, too" {
	local dir=$FULL_64M/volumes-$BASHPID
	run_cmk volume create here
	run_cmk --volumepath "$dir" info --format '{{.Store.VolumePath}}'
	assert_equal "$output" "$dir"
	run_cmk --volumepath "$dir" volume create there
	run_cmk --volumepath "$dir" volume ls -q
	assert_equal "$output" there
	run_cmk volume ls -q
	assert_equal "$output" here
	run_cmk --volumepath "$dir" volume inspect --format '{{.Mountpoint}}' there
	assert_equal "$output" "$dir/there/_data"
	fs=$(rootfs)
	run_cmk --volumepath "$dir" create --name c --net=none -v there:/v -v new:/n --rootfs "$fs" sh -c 'echo more >>/v/f; cat /v/f'
	run_cmk --volumepath "$dir" start -a c
	assert_equal "$output" more
	# The container knows where they are.
	run_cmk start -a c
	assert_equal "$output" $'more\nmore'
	assert_equal "$(cat "$dir/there/_data/f")" $'more\nmore'
	run_cmk system check
	run_cmk --volumepath "$dir" system df --format '{{.Type}} {{.Total}} {{.Active}}'
	assert_match "$output" 'Local Volumes 2 2'
	run_cmk --volumepath "$dir" volume rm -f there new
	run_cmk --volumepath "$dir" volume ls -q
	assert_equal "$output" ""
	run_cmk volume ls -q
	assert_equal "$output" here
	rm -r "$dir"
	run_cmk 125 --volumepath /proc/none volume ls
	assert_error "directory of volumes '/proc/none'"
}

@test "nocreate wants the volume to be there" {
	local fs
	fs=$(rootfs)
	run_cmk 125 run --rm --net=none -v v:/d:nocreate --rootfs "$fs" true
	assert_error 'no volume with name "v" found: no such volume'
	run_cmk 125 run --rm --net=none --mount type=volume,src=v,dst=/d,nocreate --rootfs "$fs" true
	assert_error 'no volume with name "v" found: no such volume'
	run_cmk 1 volume exists v
	run_cmk volume create v
	run_cmk run --rm --net=none -v v:/d:nocreate --rootfs "$fs" touch /d/file
	run_cmk run --rm --net=none --mount type=volume,src=v,dst=/d,nocreate,ro --rootfs "$fs" ls /d
	assert_equal "$output" file
	run_cmk 125 run --rm -v /etc:/d:nocreate --rootfs "$fs" true
	assert_error "invalid option type 'nocreate'"
}
