#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# vm: root reboot
# docs/systemd.md, typed as it stands: "$" by a user in a login session of its own for each command, "#" by root, ">" goes on.
# "…" in what is printed stands for anything. The reboot ends the first part.
load sessions

guide=/srv/docs/systemd.md
user=guest # who does not linger, until the guide says so

# Prints for each command of the guide a line with its prompt, and its text and output, both quoted for the shell.
commands() {
	local line prompt="" text="" expected="" inside=
	flush() {
		[ -z "$prompt" ] || printf '%s %q %q\n' "$prompt" "$text" "$expected"
		prompt="" text="" expected=""
	}
	while IFS= read -r line; do
		case $inside$line in
		'```console') inside=yes ;;
		'yes```') flush && inside= ;;
		'yes$ '* | 'yes# '*) flush && prompt=${line:0:1} text=${line:2} ;;
		'yes>'*) line=${line#>} && text+=$'\n'${line# } ;;
		yes*) expected+=${expected:+$'\n'}$line ;;
		esac
	done <"$guide"
}

# type_in PROMPT TEXT EXPECTED
type_in() {
	local got pattern
	echo "$1 $2"
	if [ "$1" = '$' ]; then got=$(as "$user" "$2"); else got=$(bash -c "${2//you/$user}"); fi || {
		echo "failed: $got"
		return 1
	}
	pattern=$(sed -e 's/[][\.*^$+?(){}|]/\\&/g' -e 's/…/.*/g' <<<"$3")
	[[ $got =~ ^$pattern$ ]] || {
		echo "printed: $got"
		echo "guide:   $3"
		return 1
	}
}

# Until the guide logs out, somebody is logged in.
log_in() {
	systemd-run -q --collect --unit=keeper -p User="$user" -p PAMName=login --setenv=XDG_SESSION_TYPE=tty --setenv=XDG_SESSION_CLASS=user sleep 1000
	wait_for 100 test -S "/run/user/$(id -u "$user")/bus"
}
log_out() {
	systemctl stop keeper
	sleep 3
}

# part N: the commands behind the N-th reboot, up to the next.
part() {
	local prompt rest n=0
	while read -r prompt rest; do
		eval "set -- $1 $rest"
		if [ "$prompt $2" = "# systemctl reboot" ]; then
			n=$((n + 1))
		elif [ "$n" = "$1" ]; then
			type_in "$prompt" "$2" "${3:-}" || return 1
			[[ $2 != *enable-linger* ]] || log_out
		fi
	done < <(commands) 3>&-
}

@test "before the reboot: the guide up to there" {
	as $user 'cmk pull -q oci:/srv/cache/oci/busybox >id && cmk tag "$(cat id)" docker.io/library/busybox && rm id'
	log_in
	part 0
}

@test "after the reboot: the server is there with nobody logged in, and the rest of the guide" {
	wait_for 100 pgrep -u $user -f 'httpd -f -p 8080'
	part 1
	[ -z "$(pgrep -u $user cmk-monitor)" ]
}
