#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# cp: files between the host, containers and tar streams.
load helpers

setup() {
	common_setup
	load_images alpine
	mkdir -p "$T/src/sub"
	echo one >"$T/src/file"
	echo two >"$T/src/sub/deep"
	ln -s file "$T/src/link"
	chmod 640 "$T/src/file"
	touch -d "2001-02-03 04:05:06" "$T/src/file"
}

# A container in the state that the test is about: running, created or stopped.
container() { # STATE NAME [OPTION...]
	local state=$1 name=$2
	shift 2
	case $state in
	running) run_cmk run -d --name "$name" "$@" alpine sh -c 'mkdir -p /d; trap "exit 0" TERM; while :; do sleep 1; done' ;;
	created) run_cmk create --name "$name" "$@" alpine sh -c 'sleep 100' ;;
	stopped) run_cmk run --name "$name" "$@" alpine mkdir -p /d ;;
	esac
	if [ "$state" = running ]; then wait_for 5 cmk exec "$name" test -d /d; fi
}

# What is in a container's file, by way of an archive.
inside() { cmk export "$1" | tar -xOf - "$2"; }
listed() { cmk export "$1" | tar --numeric-owner -tvf - | grep -E "$2"; }

# bats test_tags=long
@test "cp takes files and directories into a container that runs, is created or has stopped" {
	local state
	for state in running created stopped; do
		container $state "$state" -w /opt
		run_cmk cp "$T/src/file" $state:/tmp
		assert_equal "$output" ""
		assert_equal "$(inside $state tmp/file)" one
		listed $state ' tmp/file$' >"$T/list"
		assert_match "$(<"$T/list")" '^-rw-r----- 0/0 +4 2001-02-03 04:05 tmp/file$'
		run_cmk cp "$T/src/file" $state:/tmp/other
		assert_equal "$(inside $state tmp/other)" one
		run_cmk cp "$T/src/file" $state:rel
		assert_equal "$(inside $state opt/rel)" one
		run_cmk cp "$T/src/file" $state:.
		assert_equal "$(inside $state opt/file)" one
		# Onto a file that is there.
		run_cmk cp "$T/src/sub/deep" $state:/tmp/other
		assert_equal "$(inside $state tmp/other)" two
		run_cmk cp "$T/src" $state:/tmp
		assert_equal "$(inside $state tmp/src/sub/deep)" two
		assert_match "$(listed $state ' tmp/src/link')" 'link -> file$'
		run_cmk cp "$T/src/" $state:/tmp/new
		assert_equal "$(inside $state tmp/new/sub/deep)" two
		run_cmk cp "$T/src/." $state:/tmp/dot
		assert_equal "$(inside $state tmp/dot/sub/deep)" two
		run_cmk cp "$T/src/." $state:/opt/
		assert_equal "$(inside $state opt/sub/deep)" two
		(cd "$T/src" && cmk cp . $state:/tmp/cwd)
		assert_equal "$(inside $state tmp/cwd/file)" one
		run_cmk rm -f -t 0 $state
	done
}

# bats test_tags=long
@test "cp takes files and directories out of a container" {
	local state
	for state in running stopped; do
		container $state $state -w /opt
		run_cmk cp "$T/src" $state:/opt
		mkdir "$T/out"
		run_cmk cp $state:/opt/src/file "$T/out"
		assert_equal "$(cat "$T/out/file")" one
		assert_equal "$(stat -c '%a %Y %u' "$T/out/file")" "640 981173106 $UID"
		run_cmk cp $state:src/file "$T/out/named"
		assert_equal "$(cat "$T/out/named")" one
		run_cmk cp $state:/opt/src "$T/out"
		assert_equal "$(cat "$T/out/src/sub/deep")" two
		assert_equal "$(readlink "$T/out/src/link")" file
		run_cmk cp $state:/opt/src "$T/out/fresh"
		assert_equal "$(cat "$T/out/fresh/sub/deep")" two
		run_cmk cp $state:/opt/src/. "$T/out/dot"
		assert_equal "$(cat "$T/out/dot/sub/deep")" two
		run_cmk cp $state:/opt/src/. "$T/out"
		assert_equal "$(cat "$T/out/sub/deep")" two
		# A link that is named itself stands for what it leads to.
		run_cmk cp $state:/opt/src/link "$T/out/followed"
		assert_equal "$(cat "$T/out/followed")" one
		run_cmk cp --follow-link=false $state:/opt/src/link "$T/out/kept"
		assert_equal "$(readlink "$T/out/kept")" file
		(cd "$T/out" && cmk cp $state:/opt/src/sub/deep .)
		assert_equal "$(cat "$T/out/deep")" two
		run_cmk rm -f -t 0 $state
		rm -rf "$T/out"
	done
}

# bats test_tags=long
@test "cp copies from container to container" {
	container running one
	container stopped two
	run_cmk cp "$T/src" one:/tmp
	run_cmk cp one:/tmp/src two:/d
	assert_equal "$(inside two d/src/sub/deep)" two
	run_cmk cp two:/d/src/. one:/tmp/back
	run_cmk exec one cat /tmp/back/sub/deep /tmp/back/file
	assert_equal "$output" $'two\none'
	run_cmk cp one:/tmp/src/file one:/tmp/same
	run_cmk exec one cat /tmp/same
	assert_equal "$output" one
	run_cmk 125 cp one:/tmp/src one:/tmp/src/sub
	assert_error "into itself"
	# Both ends in one that does not run.
	run_cmk cp two:/d/src two:/d/twice
	assert_equal "$(inside two d/twice/sub/deep)" two
	run_cmk 125 cp two:/d two:/d/src
	assert_error "into itself"
	run_cmk 125 cp two:/none two:/d
	assert_error "could not be found on container two"
	run_cmk 125 cp one:/dev/null "$T/null"
	assert_error "device"
	run_cmk rm -f -t 0 one
}

# bats test_tags=long
@test "copies between two stopped containers in both directions at once do not wait for each other" {
	container stopped one
	container stopped two
	run_cmk cp "$T/src" one:/d/a
	run_cmk cp "$T/src" two:/d/b
	local i pids=
	for i in 1 2 3; do
		cmk_background "x$i" cp one:/d/a "two:/d/from$i"
		pids+=" $!"
		cmk_background "y$i" cp two:/d/b "one:/d/from$i"
		pids+=" $!"
	done
	for i in $pids; do wait "$i"; done
	assert_equal "$(inside two d/from3/sub/deep)$(inside one d/from3/sub/deep)" twotwo
}

@test "cp says what could not be found, as podman does" {
	container running c
	run_cmk 125 cp "$T/none" c:/tmp
	assert_error "\"$T/none\" could not be found on the host: no such file or directory"
	run_cmk 125 cp "$T/src/file" c:/none/
	assert_error '"/none/" could not be found on container c: no such file or directory'
	run_cmk 125 cp "$T/src/file" c:/none/deeper
	assert_error '"/none/deeper" could not be found on container c: no such file or directory'
	run_cmk 125 cp c:/none "$T"
	assert_error '"/none" could not be found on container c: no such file or directory'
	run_cmk 125 cp "c:/tmp/*" "$T"
	assert_error '"/tmp/\*" could not be found on container c'
	run_cmk 125 cp c:/etc/group "$T/none/"
	assert_error "\"$T/none/\" could not be found on the host: no such file or directory"
	run_cmk 125 cp c:/etc/group "$T/none/deeper"
	assert_error "could not be found on the host"
	run_cmk 125 cp nope:/etc/group "$T"
	assert_error 'container "nope" does not exist'
	run_cmk 125 cp "$T/src/file" "$T/other"
	assert_error "exactly 1 container expected"
	run_cmk 125 cp "$T/src" c:/etc/group
	assert_error "destination must be a directory when copying a directory"
	run_cmk 125 cp c:/etc "$T/src/file"
	assert_error "destination must be a directory when copying a directory"
	run_cmk 125 cp c:/etc/group/ "$T"
	assert_error '"/etc/group/" could not be found'
	run_cmk 125 cp c:/etc/group /dev/null
	assert_error 'invalid destination: "/dev/null" must be a directory or a regular file'
	run_cmk rm -f -t 0 c
}

@test "cp replaces a directory by a file, or a file by a directory, only with --overwrite" {
	container running c
	run_cmk exec c sh -c 'mkdir -p /tmp/file/full; touch /tmp/file/full/x; echo f >/tmp/src'
	run_cmk 125 cp "$T/src/file" c:/tmp
	assert_match "$stderr" '.* error creating "/tmp/file": .*: file exists'
	run_cmk cp --overwrite "$T/src/file" c:/tmp
	run_cmk exec c cat /tmp/file
	assert_equal "$output" one
	run_cmk 125 cp "$T/src" c:/tmp
	assert_match "$stderr" '.* error creating "/tmp/src": .*: file exists|destination must be a directory'
	run_cmk cp --overwrite "$T/src" c:/tmp
	run_cmk exec c cat /tmp/src/sub/deep
	assert_equal "$output" two
	mkdir -p "$T/out/file"
	run_cmk 125 cp c:/tmp/file "$T/out"
	assert_match "$stderr" '.* error creating "/file": .*: file exists'
	run_cmk cp --overwrite c:/tmp/file "$T/out"
	assert_equal "$(cat "$T/out/file")" one
	run_cmk rm -f -t 0 c
}

# bats test_tags=long
@test "cp gives files to the container's user, or leaves their owners with --archive=false" {
	run_cmk run -d --name c -u 33:44 alpine sleep 100
	run_cmk cp "$T/src" c:/tmp
	run_cmk exec c stat -c '%u:%g' /tmp/src /tmp/src/file /tmp/src/sub/deep
	assert_equal "$output" $'33:44\n33:44\n33:44'
	run_cmk cp -a=false "$T/src/file" c:/tmp/mine
	run_cmk exec c stat -c '%u:%g' /tmp/mine
	assert_equal "$output" 0:0
	run_cmk exec -u 0 c chown 7:8 /tmp/src/file
	run_cmk cp --archive=false c:/tmp/src c:/tmp/kept
	run_cmk exec c stat -c '%u:%g' /tmp/kept/file
	assert_equal "$output" 7:8
	run_cmk cp c:/tmp/src "$T/out"
	assert_equal "$(stat -c %u "$T/out/file")" "$UID"
	run_cmk rm -f -t 0 c
	run_cmk create --name s -u 33:44 alpine true
	run_cmk cp "$T/src" s:/tmp
	assert_match "$(listed s ' tmp/src/sub/deep$')" ' 33/44 '
}

@test "cp reads and writes tar streams" {
	container running c
	cmk cp c:/etc - >"$T/etc.tar"
	run tar -tf "$T/etc.tar"
	assert_match "$output" '(^|'$'\n'')etc/group'
	cmk cp c:/etc/. - | tar -tf - | grep -qx group
	cmk cp c:/etc/group - | tar -xOf - group | grep -q root
	tar -C "$T" -cf "$T/a.tar" src
	run_cmk cp - c:/tmp <"$T/a.tar"
	run_cmk exec c cat /tmp/src/sub/deep
	assert_equal "$output" two
	for z in gzip zstd; do
		$z -kc "$T/a.tar" >"$T/a.z"
		run_cmk exec c rm -rf /tmp/src
		run_cmk cp - c:/tmp <"$T/a.z"
		run_cmk exec c cat /tmp/src/sub/deep
		assert_equal "$output" two
	done
	run_cmk 125 cp - c:/tmp <"$T/src/file"
	assert_error "source must be a .compressed. tar archive when copying from stdin"
	run_cmk 125 cp - c:/tmp </dev/null
	assert_error "source must be a .compressed. tar archive when copying from stdin"
	run_cmk 125 cp - c:/etc/group <"$T/a.tar"
	assert_error "destination must be a directory when copying from stdin"
	run_cmk 125 cp - c:/absent <"$T/a.tar"
	assert_error "destination must be a directory when copying from stdin"
	run_cmk rm -f -t 0 c
}

# bats test_tags=long
@test "cp of one that is paused, or not started yet but initialized" {
	run_cmk run -d --name c alpine sleep 100
	run_cmk pause c
	run_cmk cp "$T/src/file" c:/tmp
	run_cmk cp c:/tmp/file "$T/got"
	assert_equal "$(cat "$T/got")" one
	run_cmk commit c paused
	run_cmk ps --format '{{.State}}'
	assert_equal "$output" paused
	run_cmk cp --pause "$T/src/file" c:/tmp/again
	run_cmk ps --format '{{.State}}'
	assert_equal "$output" paused
	run_cmk unpause c
	run_cmk rm -f -t 0 c
	run_cmk create --name i alpine cat /tmp/file
	run_cmk init i
	run_cmk cp "$T/src/file" i:/tmp
	run_cmk start -a i
	assert_equal "$output" one
}

@test "cp sees the volumes and mounts of a container, whether it runs or not" {
	mkdir -p "$T/vol/inner" "$T/deep"
	for state in running created; do
		container $state c -v "$T/vol:/vol" -v "$T/deep:/vol/inner" -v "$T/src:/ro:ro" --tmpfs /scratch
		run_cmk cp "$T/src/file" c:/vol
		assert_equal "$(cat "$T/vol/file")" one
		run_cmk cp "$T/src/file" c:/vol/inner/x
		assert_equal "$(cat "$T/deep/x")" one
		[ ! -e "$T/vol/inner/x" ]
		run_cmk 125 cp "$T/src/file" c:/ro/new
		assert_error "ead-only"
		run_cmk cp c:/ro/sub/deep "$T/got"
		assert_equal "$(cat "$T/got")" two
		if [ $state = running ]; then
			run_cmk cp "$T/src/file" c:/scratch
			run_cmk exec c cat /scratch/file
			assert_equal "$output" one
		fi
		run_cmk rm -f -t 0 c
		rm -f "$T/vol/file" "$T/deep/x"
	done
}

# bats test_tags=long
@test "links of a container lead nowhere but into it" {
	echo secret >"$T/secret"
	chmod 600 "$T/secret"
	run_cmk run --name c alpine sh -c "mkdir -p /tmp/d; ln -s $T/secret /tmp/bad; ln -s $T /tmp/dir
		ln -s ../../../../../../../../../$T/secret /tmp/up; ln -s /tmp/made /tmp/dangling; ln -s $T /evil"
	for link in bad up dir/secret; do
		run_cmk 125 cp "c:/tmp/$link" "$T/stolen"
		assert_error "could not be found on container c"
		[ ! -e "$T/stolen" ]
	done
	run_cmk 125 cp "$T/src/file" c:/tmp/dir/planted
	run_cmk 125 cp "$T/src/file" c:/evil/planted
	[ ! -e "$T/planted" ]
	# A link that leads to nothing yet: the file is made where it leads.
	run_cmk cp "$T/src/file" c:/tmp/dangling
	assert_equal "$(inside c tmp/made)" one
	run_cmk 125 cp "$T/src/file" c:/tmp/dangling/
	# A tree with links in it comes out as links.
	run_cmk cp c:/tmp "$T/tree"
	assert_equal "$(readlink "$T/tree/bad")" "$T/secret"
	assert_equal "$(cat "$T/secret")" secret
}

@test "a hostile archive makes nothing outside of the directory" {
	container running c
	python3 - "$T/evil.tar" <<-'END'
		import io, sys, tarfile
		t = tarfile.open(sys.argv[1], "w")
		def add(name, kind=tarfile.REGTYPE, link="", data=b""):
		    i = tarfile.TarInfo(name); i.type = kind; i.linkname = link; i.size = len(data)
		    t.addfile(i, io.BytesIO(data))
		add("esc", tarfile.SYMTYPE, "/there")
		add("there", tarfile.DIRTYPE)
		add("esc/planted", data=b"x")
		add("/abs", data=b"x")
		add("dev", tarfile.CHRTYPE)
		add("fifo", tarfile.FIFOTYPE)
		add(".wh.keep", data=b"x")
	END
	run_cmk exec c sh -c 'mkdir /in /there; echo k >/in/keep'
	run_cmk cp - c:/in <"$T/evil.tar"
	run_cmk exec c sh -c 'ls -A /in; [ -e /there/planted ] && echo OUT; [ -e /abs ] && echo OUT; cat /in/keep'
	refute_match "$output" OUT
	assert_match "$output" 'k$'
	assert_match "$output" '\.wh\.keep'
	python3 - "$T/up.tar" <<-'END'
		import io, sys, tarfile
		t = tarfile.open(sys.argv[1], "w")
		i = tarfile.TarInfo("../../up"); i.size = 1
		t.addfile(i, io.BytesIO(b"x"))
	END
	run_cmk 125 cp - c:/in <"$T/up.tar"
	run_cmk 1 exec c test -e /up
	run_cmk rm -f -t 0 c
}

@test "cp keeps holes, hard links and extended attributes" {
	container running c
	truncate -s 20M "$T/src/holes"
	ln "$T/src/file" "$T/src/hard"
	setfattr -n user.note -v hello "$T/src/file"
	run_cmk cp "$T/src" c:/tmp
	run_cmk exec c sh -c 'stat -c %s /tmp/src/holes; [ $(stat -c %b /tmp/src/holes) -lt 100 ] && echo sparse; stat -c %h /tmp/src/hard'
	assert_equal "$output" $'20971520\nsparse\n2'
	run_cmk cp c:/tmp/src "$T/back"
	assert_equal "$(getfattr --only-values -n user.note "$T/back/file")" hello
	assert_equal "$(stat -c %h "$T/back/hard")" 2
	run_cmk rm -f -t 0 c
}

# bats test_tags=long
@test "cp with the plain copy driver, and of a container without an image" {
	STORAGE_DRIVER=vfs container created v
	run_cmk cp "$T/src" v:/tmp
	run_cmk cp v:/tmp/src/sub/deep "$T/got"
	assert_equal "$(cat "$T/got")" two
	local dir
	dir=$(rootfs)
	run_cmk create --name r --rootfs "$dir" true
	run_cmk cp "$T/src/file" r:/tmp/here
	assert_equal "$(cat "$dir/tmp/here")" one
}

@test "a container that swaps a directory for a link while files are copied gets nothing of the host" {
	run_cmk run -d --name c -v "$T/src:/src" alpine sh -c "
		mkdir -p /tmp/real; touch /tmp/real/secret; ln -s $T /tmp/out; ln -s /tmp/real /tmp/swap; touch /ready
		while :; do ln -sfn $T /tmp/swap; ln -sfn /tmp/real /tmp/swap; done"
	wait_for 5 cmk exec c test -e /ready
	echo hostsecret >"$T/secret"
	local i
	for i in $(seq 1 15); do
		cmk cp c:/tmp/swap/secret "$T/got" 2>/dev/null || true
		cmk cp "$T/src/file" c:/tmp/swap/planted 2>/dev/null || true
		if [ -e "$T/got" ]; then refute_match "$(cat "$T/got")" hostsecret; fi
		[ ! -e "$T/planted" ]
	done
	run_cmk rm -f -t 0 c
}

@test "cp --pause freezes the container meanwhile, and lets it go on after" {
	run_cmk run -d --name c alpine sh -c 'while :; do echo tick; sleep 0.05; done'
	mkfifo "$T/slow"
	"$T/bin/cmk" cp --pause - c:/tmp <"$T/slow" &
	exec 7>"$T/slow"
	group=$(cmk inspect -f '{{.State.CgroupPath}}' c)
	wait_for 10 grep -q 1 "/sys/fs/cgroup$group/cgroup.freeze"
	tar -C "$T/src" -c file >&7
	exec 7>&-
	wait $!
	assert_equal "$(cat "/sys/fs/cgroup$group/cgroup.freeze")" 0
	run_cmk exec c cat /tmp/file
	assert_equal "$output" one
	run_cmk cp --pause=false c:/tmp/file c:/tmp/other
	run_cmk cp --pause c:/tmp/file c:/tmp/third
	run_cmk exec c cat /tmp/other /tmp/third
	assert_equal "$output" $'one\none'
	run_cmk rm -f -t 0 c
}
