# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of commit share.

# A container that has added, changed and removed files of every kind.
make_changed() { # NAME [OPTION...]
	local name=$1
	shift
	run_cmk run --name "$name" "$@" alpine sh -c '
		mkdir -p /new/sub && echo one >/new/sub/file && ln /new/sub/file /new/hard
		ln -s sub/file /new/soft && mkfifo /new/fifo && chown 33:44 /new/sub/file
		chmod 4750 /new/sub/file && touch -d "2001-02-03 04:05:06" /new/sub/file
		rm /etc/passwd && rm -r /home && mkdir /home && echo two >/home/mine
		echo changed >/etc/group && chmod 711 /root'
}
