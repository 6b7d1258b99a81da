#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# system df, system prune, system reset.
load helpers

fill() {
	export CMK_KEEP_BLOBS=never # 38-blobs.bats is about these
	load_images alpine many
	run_cmk run -d --name runs -v used:/v --net=none alpine sh -c 'printf 12345 >/v/f; printf 123 >/x; echo ready; sleep 1000'
	wait_for 20 sh -c 'cmk logs runs | grep -q ready'
	run_cmk run --name ended --net=none alpine sh -c 'printf 1234567 >/y'
	run_cmk volume create unused
}

@test "df counts what is there, what is used and what could go" {
	run_cmk system df
	assert_equal "$output" "\
TYPE           TOTAL       ACTIVE      SIZE        RECLAIMABLE
Images         0           0           0B          0B (0%)
Containers     0           0           0B          0B (0%)
Local Volumes  0           0           0B          0B (0%)"
	fill
	run_cmk system df --format '{{.Type}}|{{.Total}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}'
	# With the link /etc/mtab, of 14 bytes.
	assert_equal "${lines[1]}" "Containers|2|2|1|38B|21B (55%)"
	assert_equal "${lines[2]}" "Local Volumes|2|2|1|5B|0B (0%)"
	assert_match "${lines[0]}" '^Images\|2\|2\|1\|2\.[0-9]+MB\|604\.2kB \(22%\)$'
	run_cmk system df --format json
	assert_equal "$(jq -c '.[1]' <<<"$output")" \
		'{"Type":"Containers","Total":2,"Active":1,"RawSize":38,"RawReclaimable":21,"TotalCount":2,"Size":"38B","Reclaimable":"21B (55%)","RawSaved":0,"Saved":"0B"}'
	run_cmk 125 system df --format '{{.Nope}}'
	run_cmk rm -f -a -t 0
}

@test "df -v lists every object" {
	fill
	run_cmk system df -v
	assert_equal "${lines[0]}" "Images space usage:"
	assert_match "${lines[2]}" '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS *$'
	assert_match "$output" $'\n'"$REGISTRY/library/alpine +latest +[0-9a-f]{12} +[^ ]+ [a-z]+ +2.14MB +2.14MB +0B +2 *"$'\n'
	assert_match "$output" $'\nCONTAINER ID +IMAGE +COMMAND +LOCAL VOLUMES +SIZE +CREATED +STATUS +NAMES *\n'
	assert_match "$output" ' 1 +17B +.* +running +runs'
	assert_match "$output" ' 0 +21B +.* +exited +ended'
	assert_match "$output" $'\nVOLUME NAME +LINKS +SIZE *\nunused +0 +0B *\nused +1 +5B *$'
	run_cmk 125 system df -v --format json
	assert_error "cannot combine --format and --verbose"
	run_cmk rm -f -a -t 0
}

# bats test_tags=long
@test "prune asks, and removes what is not in use" {
	fill
	run bash -c "echo n | '$T/bin/cmk' system prune 2>&1"
	assert_equal "$output" "WARNING! This command removes:
	- all stopped containers
	- all networks not used by at least one container
	- all dangling images
	- all dangling build cache

Are you sure you want to continue? [y/N] "
	run bash -c "echo n | '$T/bin/cmk' system prune -a --volumes --build 2>&1"
	assert_match "$output" 'all volumes not used by at least one container
	- all build containers
	- all images without at least one container associated with them
	- all build cache'
	run_cmk system prune -f --filter until=24h
	assert_equal "$output" "Total reclaimed space: 0B"
	run_cmk 125 system prune -f --filter name=x
	assert_error "is an invalid filter"
	run_cmk 125 system prune --external -a
	assert_error "cannot be combined"
	run_cmk system prune --external
	assert_equal "$output" ""
	run_cmk inspect --format '{{.Id}}' ended
	local ended=$output
	run_cmk system prune -f
	assert_equal "$output" "Deleted Containers
$ended
Total reclaimed space: 21B"
	run_cmk system prune -a -f --volumes
	assert_match "$output" "^Deleted Volumes
unused
Deleted Images
[0-9a-f]{64}
Total reclaimed space: 604.2kB$"
	run_cmk ps -q
	assert_equal "${#lines[@]}" 1
	run_cmk volume exists used
	run_cmk rm -f -t 0 runs
}

@test "reset leaves nothing behind" {
	fill
	run_cmk run -d --name needs --requires runs --net=none alpine sleep 1000
	echo secret | cmk secret create s -
	run bash -c "echo n | '$T/bin/cmk' system reset 2>&1"
	assert_match "$output" "WARNING! This will remove:
        - all containers
.*        - the graphRoot directory: \"$CMK_ROOT\""
	run_cmk ps -q
	assert_equal "${#lines[@]}" 2
	mkfifo go
	cmk_background session unshare sh -c 'cmk image mount many && cmk mount runs && echo ready && cat go'
	local session=$!
	wait_for 30 grep -q ready session.out
	run_cmk system reset --force
	assert_equal "$output$stderr" ""
	assert [ ! -e "$CMK_ROOT" ]
	assert [ ! -e "$CMK_RUNROOT" ]
	echo >go
	wait "$session"
	run_cmk images -q
	run_cmk volume ls -q
	run_cmk secret ls -q
	run_cmk ps -aq
	assert_equal "$output" ""
}

@test "reset takes only what is cmk's" {
	load_images alpine
	echo mine >"$CMK_ROOT/mine"
	run_cmk system reset -f
	assert_match "$stderr" "there is more in it than cmk's files"
	assert_equal "$(ls "$CMK_ROOT")" mine
}

@test "without HOME, as services of the system are, the home directory is that of the user" {
	local home
	home=$(getent passwd "$(id -u)" | cut -d: -f6)
	[ -w "$home" ] || mkdir -p "$home" 2>/dev/null || skip "there is no home directory"
	run env -u HOME "$CMK_BIN" --runroot "$CMK_RUNROOT" info --format '{{.Store.GraphRoot}}'
	assert_equal "$status $output" "0 $home/.local/share/cmk"
	run env HOME= "$CMK_BIN" --runroot "$CMK_RUNROOT" info
	assert_match "$output" "HOME is not set"
}
